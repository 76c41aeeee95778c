//! `lock show`, `lock clear-counters`.

use serde_json::Value;

use crate::control::reply::LockShow;
use crate::ctl::errors::Trouble;
use crate::ctl::output::Screen;
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::read;
use crate::ctl::verb::{Given, Run, USER, Verb};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "lock show",
        method: "org.mfad.Users.LockShow",
        about: "Show failure counters against their limits",
        takes: &[USER],
        examples: &["mfactl lock show alice"],
        more: "C1 counts wrong PINs, C2 wrong codes of a token, C3 failed sign-ins, C4 all of them.",
        run: Run::Show(show),
    },
    Verb {
        name: "lock clear-counters",
        method: "org.mfad.Users.ClearCounters",
        about: "Set the soft failure counters to zero",
        takes: &[USER],
        examples: &["mfactl lock clear-counters alice -r \"gateway sent rubbish\""],
        more: "A lock or wait stays; end it with `mfactl user unlock USER`.",
        run: Run::Change,
    },
];

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let show: LockShow = read(answer)?;
    screen.times.set_now(show.now.0);
    screen.strong(&format!("{}  {}", show.user, show.state));
    if let Some(lock) = &show.lock {
        super::user_show::lock(screen, lock, show.last_failed.as_ref());
    }
    super::user_show::waits(screen, &show.waits, show.last_failed.as_ref());
    if let Some(unlocked) = &show.unlocked {
        let at = screen.times.moment(unlocked.at.0);
        screen.line(&format!("Unlocked by {}, {at}", unlocked.by));
    }
    if show.counters.is_empty() {
        screen.say("No failure is counted.");
        return Ok(0);
    }
    screen.gap();
    let columns = [
        words("NAME"),
        words("OF"),
        numbers("COUNT"),
        numbers("LIMIT"),
        words("LAST"),
        free("THEN"),
        free("CLEARED BY"),
    ];
    let rows = show.counters.iter().map(|one| {
        vec![
            one.name.clone(),
            one.of.clone(),
            one.count.to_string(),
            if one.limit == 0 {
                "-".to_owned()
            } else {
                one.limit.to_string()
            },
            one.since
                .map_or_else(|| "-".to_owned(), |at| screen.times.cell(at.0)),
            one.effect.clone(),
            one.cleared_by.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(screen, &columns, &rows);
    Ok(0)
}
