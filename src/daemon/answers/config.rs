//! The configuration: `config check`, `config diff`, `config get`, `config reload`.
//!
//! A reload is all or nothing: it is recorded in the audit log first, then gateways, rules and the
//! configuration itself are replaced, which cannot fail any more. A configuration with an error
//! changes nothing and is recorded as rejected.

use std::sync::Arc;

use crate::config::{Change, ChangeKind, Diff, Problem, Problems, Severity};
use crate::control::query::Manner;
use crate::control::reply::{
    ConfigChange, ConfigCheck, ConfigDiff, ConfigProblem, ConfigValue, Done, Note, Reply,
};
use crate::daemon::alarm::Rates;
use crate::daemon::instance;
use crate::domain::event::{Actor, Event, Origin, RequestRef};
use crate::domain::lapse;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seats;
use crate::log::{info_always, warn_always};
use crate::server::control::Sink;
use crate::store::{Counts, Find};

use super::Answerer;
use super::change::request_id;
use super::desk::Desk;
use super::pages;

/// Why the configuration on disk was not put into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has errors.
    #[error("{0}")]
    Invalid(Problems),
    /// Its gateways do not go together.
    #[error("{0}")]
    Gateways(String),
    /// mfad is sealed: there is nothing to put it into.
    #[error("mfad is sealed")]
    Sealed,
    /// The reload could not be recorded.
    #[error("the store does not write, so the reload could not be recorded")]
    Store,
}

/// A reload that was carried out.
#[derive(Debug)]
pub struct Reloaded {
    /// What changed.
    pub diff: Diff,
    /// Number of its audit record.
    pub audit: u64,
}

impl Answerer {
    pub(super) fn config_check(&self) -> ConfigCheck {
        let problems = match crate::config::load(&self.config_path, &self.surroundings) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        ConfigCheck {
            path: self.config_path.display().to_string(),
            good: problems.errors() == 0,
            errors: count(problems.errors()),
            warnings: count(problems.warnings()),
            problems: problems.list().iter().map(problem).collect(),
            text: if problems.is_empty() {
                String::new()
            } else {
                problems.to_string()
            },
        }
    }

    pub(super) fn config_diff(
        &self,
        desk: &Desk<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let loaded = crate::config::load(&self.config_path, &self.surroundings);
        let loaded = loaded.map_err(|problems| {
            invalid(
                "the configuration on disk has errors; there is nothing to compare",
                &problems,
            )
        })?;
        let diff = Diff::between(&self.config.load(), &loaded.config);
        Ok(Reply::ConfigDiff(ConfigDiff {
            path: self.config_path.display().to_string(),
            restart: diff.needs_restart(),
            changes: diff.0.iter().map(change).collect(),
            notes: would_lock(desk, &loaded.config, sink)?
                .into_iter()
                .collect(),
        }))
    }

    pub(super) fn config_get(&self, key: &str) -> Result<Reply, Refusal> {
        let config = self.config.load();
        let Some(value) = config.get(key) else {
            let what = format!("there is no configuration key `{key}`");
            let refusal = Refusal::new(Code::Arg, what);
            return Err(match config.nearest_key(key) {
                Some(close) => refusal.try_next(format!("mfactl config get {close}")),
                None => refusal,
            });
        };
        let stated = config.stated(key);
        Ok(Reply::ConfigValue(ConfigValue {
            key: key.to_owned(),
            value: value.to_owned(),
            stated,
        }))
    }

    pub(super) fn config_reload(&self, desk: &Desk<'_>, manner: &Manner) -> Result<Reply, Refusal> {
        if manner.dry_run {
            let (_, diff) = self.on_disk().map_err(refusal)?;
            return Ok(Done {
                dry_run: true,
                ..done(&diff)
            }
            .into());
        }
        let request = RequestRef::Command(request_id(manner.request.clone())?);
        let reloaded = self.reload(&desk.origin(request), manner.reason.as_deref());
        let reloaded = reloaded.map_err(refusal)?;
        Ok(Done {
            audit: Some(reloaded.audit),
            ..done(&reloaded.diff)
        }
        .into())
    }

    /// Puts the configuration on disk into force, for the control socket and for SIGHUP.
    ///
    /// # Errors
    /// [`ReloadError`]: the old one stays in force.
    pub fn reload(&self, origin: &Origin, reason: Option<&str>) -> Result<Reloaded, ReloadError> {
        let by = match &origin.actor {
            Actor::Operator(operator) => operator.name.to_string(),
            Actor::User | Actor::System => "SIGHUP".to_owned(),
        };
        let result = self.try_reload(origin, reason, &by);
        match &result {
            Ok(reloaded) => info_always!("config reloaded by={by} {}", reloaded.diff.line()),
            Err(error) => {
                let first = first_of(error);
                warn_always!(
                    "E101 config NOT reloaded, the old one stays in force by={by} \
                     first=\"{first}\" do=\"mfactl config check\""
                );
                if let (Ok(engine), false) = (&self.engine, matches!(error, ReloadError::Store)) {
                    let event = Event::new("config.rejected")
                        .refused()
                        .detail("first", first);
                    engine.note_later(origin.clone(), event);
                }
            }
        }
        result
    }

    fn try_reload(
        &self,
        origin: &Origin,
        reason: Option<&str>,
        by: &str,
    ) -> Result<Reloaded, ReloadError> {
        let engine = self.engine.as_ref().map_err(|_| ReloadError::Sealed)?;
        let _one_at_a_time = self.facts.reloading();
        let (config, diff) = self.on_disk()?;
        let table = instance::gateways(&config)
            .map_err(|error| ReloadError::Gateways(error.to_string()))?;
        let changes = serde_json::to_value(&diff).unwrap_or_default();
        let mut event = Event::new("config.reloaded").detail("changes", changes);
        if let Some(reason) = reason {
            event = event.reason(reason.to_owned());
        }
        let audit = engine
            .note(origin.clone(), event)
            .ok_or(ReloadError::Store)?;
        self.front.access().replace_gateways(table);
        let before = engine.rules().policy.seats_limit;
        engine.replace_rules(instance::rules(&config));
        if let Ok(Counts { seats: taken, .. }) = engine.reader().counts() {
            let was_scarce = seats::scarce(before, taken);
            let warning = seats::warning(config.policy.seats_limit, was_scarce, taken);
            warning
                .into_iter()
                .for_each(|event| engine.note_later(origin.clone(), event));
        }
        self.alarms.replace(Rates::of(&config));
        self.config.store(Arc::new(config));
        self.facts.loaded(self.clock.now().wall, by);
        Ok(Reloaded { diff, audit })
    }

    /// The configuration on disk, and what it would change.
    fn on_disk(&self) -> Result<(crate::config::Config, Diff), ReloadError> {
        let loaded = crate::config::load(&self.config_path, &self.surroundings);
        let config = loaded.map_err(ReloadError::Invalid)?.config;
        let diff = Diff::between(&self.config.load(), &config);
        Ok((config, diff))
    }
}

/// How many people another `lockout.inactive_days` locks, if there is another.
fn would_lock(
    desk: &Desk<'_>,
    on_disk: &crate::config::Config,
    sink: &mut dyn Sink,
) -> Result<Option<String>, Refusal> {
    let inactive = on_disk.policy.lockout.inactive;
    if inactive == desk.policy().lockout.inactive || inactive.is_zero() {
        return Ok(None);
    }
    let (mut locked, mut of) = (0_u64, 0_u64);
    pages::people(desk, &Find::default(), None, usize::MAX, sink, |record| {
        of += 1;
        locked += u64::from(lapse::inactive(record, &on_disk.policy, desk.now));
        Vec::<()>::new()
    })?;
    let days = inactive.as_secs() / 86_400;
    Ok(Some(format!(
        "lockout.inactive_days = {days} locks {locked} of {of} people at once, and tells each of them \
         by mail where mail is configured"
    )))
}

fn first_of(error: &ReloadError) -> String {
    match error {
        ReloadError::Invalid(problems) => problems.first().unwrap_or_default(),
        other => other.to_string(),
    }
}

fn done(diff: &Diff) -> Done {
    let restart = diff.0.iter().filter(|change| change.restart);
    let notes = restart.map(|change| Note {
        label: "restart".to_owned(),
        text: format!("{} is not applied by a reload", change.key),
    });
    Done {
        unchanged: diff.is_empty(),
        message: match diff.0.len() {
            0 => "The configuration on disk is the one in force.".to_owned(),
            1 => "The configuration was reloaded: 1 change.".to_owned(),
            n => format!("The configuration was reloaded: {n} changes."),
        },
        notes: notes.collect(),
        ..Done::default()
    }
}

fn refusal(error: ReloadError) -> Refusal {
    let what = "the configuration was not reloaded; the old one stays in force";
    match error {
        ReloadError::Invalid(problems) => invalid(what, &problems),
        ReloadError::Gateways(why) => Refusal::new(Code::Arg, what)
            .why(why)
            .try_next("mfactl config check"),
        ReloadError::Sealed => Refusal::new(Code::Sealed, what).why("mfad is sealed"),
        ReloadError::Store => Refusal::new(Code::Store, what)
            .why("the store does not write, so the reload could not be recorded"),
    }
}

fn invalid(what: &str, problems: &Problems) -> Refusal {
    Refusal::new(Code::Arg, what)
        .why(problems.to_string())
        .try_next("mfactl config check")
}

fn problem(problem: &Problem) -> ConfigProblem {
    let place = |at: Option<usize>| at.and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
    let hints: Vec<&str> = problem
        .label
        .as_deref()
        .into_iter()
        .chain(problem.notes.iter().map(String::as_str))
        .collect();
    ConfigProblem {
        path: problem.file.clone(),
        line: place(problem.spot.as_ref().map(|spot| spot.line)),
        column: place(problem.spot.as_ref().map(|spot| spot.column)),
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
        .to_owned(),
        number: problem.number.map(str::to_owned),
        message: problem.text.clone(),
        hint: (!hints.is_empty()).then(|| hints.join("; ")),
    }
}

fn change(change: &Change) -> ConfigChange {
    let (mark, from, to, text) = match &change.kind {
        ChangeKind::Added { summary } => ("+", None, None, summary.clone()),
        ChangeKind::Removed => ("-", None, None, "no longer there".to_owned()),
        ChangeKind::Changed { from, to } => {
            ("~", Some(from.clone()), Some(to.clone()), String::new())
        }
    };
    let key = change.key.clone();
    if change.restart {
        let text = "needs a restart: not applied by reload".to_owned();
        return ConfigChange {
            mark: "!".to_owned(),
            key,
            from,
            to,
            text,
        };
    }
    ConfigChange {
        mark: mark.to_owned(),
        key,
        from,
        to,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_restart_is_marked() {
        let kind = ChangeKind::Changed {
            from: "a".to_owned(),
            to: "b".to_owned(),
        };
        let mut one = Change {
            key: "radius.listen".to_owned(),
            kind,
            restart: true,
        };
        assert_eq!(change(&one).mark, "!");
        one.restart = false;
        assert_eq!(
            (change(&one).mark.as_str(), change(&one).to.as_deref()),
            ("~", Some("b"))
        );
    }

    #[test]
    fn an_invalid_file_is_told_in_full() {
        let problems = Problems::of_file(
            "mfad.toml".to_owned(),
            "cannot be read".to_owned(),
            Vec::new(),
        );
        let told = refusal(ReloadError::Invalid(problems));
        assert_eq!(told.code, Code::Arg);
        assert!(
            told.why
                .unwrap()
                .contains("mfad.toml: error: cannot be read")
        );
    }
}
