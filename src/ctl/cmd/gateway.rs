//! `gateway list`, `gateway show`, `gateway new`.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use super::daemon::warning;
use super::gateway_kinds::{self, KINDS};
use crate::control::reply::{GatewayList, GatewayRow, GatewayShow, NamedCount, Strangers};
use crate::ctl::errors::{self, Trouble};
use crate::ctl::output::table::{Column, numbers, table, words};
use crate::ctl::output::{self, Screen, text};
use crate::ctl::secret::write_new;
use crate::ctl::time::distance;
use crate::ctl::verb::{Given, Kind, Run, Verb, flag, must};
use crate::ctl::{Session, read};

/// Where stanzas of gateways stand.
const FOLDER: &str = "/etc/mfad/gateways.d";
/// Signs of a new secret, five bits each.
const SECRET_SIGNS: usize = 32;

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "gateway list",
        method: "org.mfad.Gateways.List",
        about: "List gateways and their traffic",
        takes: &[],
        examples: &["mfactl gateway list"],
        more: "",
        run: Run::Show(list),
    },
    Verb {
        name: "gateway show",
        method: "org.mfad.Gateways.Show",
        about: "Show one gateway in full",
        takes: &[must(
            "GATEWAY",
            "gateway",
            "name in the configuration",
            "gateway",
        )],
        examples: &["mfactl gateway show vpn1"],
        more: "",
        run: Run::Show(show),
    },
    Verb {
        name: "gateway new",
        method: "",
        about: "Prepare a new gateway: stanza, secret, what to enter there",
        takes: &[
            must("NAME", "", "name of the new gateway", "").read_as(Kind::Local),
            flag("address", "", Kind::Local, "ADDRESS", "where it sends from").needed(),
            flag(
                "kind",
                "",
                Kind::Local,
                "KIND",
                "what it is; --kind help lists them",
            ),
            flag(
                "server",
                "",
                Kind::Local,
                "ADDRESS",
                "this host, as the gateway reaches it",
            ),
            flag(
                "dir",
                "",
                Kind::Local,
                "PATH",
                "instead of /etc/mfad/gateways.d",
            ),
            flag("write", "", Kind::LocalSwitch, "", "write the files (root)"),
        ],
        examples: &[
            "mfactl gateway new vpn2 --address 192.0.2.20 --kind ocserv",
            "mfactl gateway new vpn2 --address 192.0.2.20 --kind asa --write",
        ],
        more: "Works without the daemon. Without --write nothing is written.",
        run: Run::Special(new),
    },
];

/// Gateways as a table.
pub(super) fn rows(
    screen: &mut Screen,
    gateways: &[GatewayRow],
    strangers: Option<&Strangers>,
    window_s: u64,
) {
    let columns = [
        words("GATEWAY"),
        words("ADDRESS"),
        words("LAST"),
        numbers("OK"),
        numbers("REJECT"),
        numbers("CHALL"),
        numbers("DROP"),
        numbers("P99"),
        words(""),
    ];
    let none = || "-".to_owned();
    let mut lines: Vec<Vec<String>> = gateways
        .iter()
        .map(|one| {
            let more = one.addresses.len().saturating_sub(1);
            let mut address = one.addresses.first().cloned().unwrap_or_else(none);
            if more > 0 {
                address = format!("{address} +{more}");
            }
            vec![
                one.name.clone(),
                address,
                one.last
                    .map_or_else(|| "never".to_owned(), |at| screen.times.ago(at.0)),
                text::number(one.accepts),
                text::number(one.rejects),
                text::number(one.challenges),
                text::number(one.drops),
                one.p99_us.map_or_else(none, text::milliseconds),
                one.warnings.join(" "),
            ]
        })
        .collect();
    if let Some(others) = strangers.filter(|others| others.packets > 0) {
        let addresses = usize::try_from(others.addresses).unwrap_or(usize::MAX);
        lines.push(vec![
            "(other)".to_owned(),
            text::count(addresses, "address", "addresses"),
            others.last.map_or_else(none, |at| screen.times.ago(at.0)),
            none(),
            none(),
            none(),
            text::number(others.packets),
            none(),
            others.warning.clone().unwrap_or_default(),
        ]);
    }
    let silent = lines
        .iter()
        .all(|line| line.last().is_some_and(String::is_empty));
    let columns: &[Column] = if silent {
        for line in &mut lines {
            line.pop();
        }
        columns.split_last().map_or(&[], |(_, rest)| rest)
    } else {
        &columns
    };
    table(screen, columns, &lines);
    if screen.legend && window_s > 0 {
        screen.line(&format!("numbers of the last {}", distance(window_s)));
    }
}

fn list(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let list: GatewayList = read(answer)?;
    if list.rows.is_empty() {
        screen.say("No gateway is configured.");
        screen.command(
            "  ",
            "mfactl gateway new NAME --address IP --kind KIND --write",
            "",
        );
        return Ok(0);
    }
    rows(screen, &list.rows, list.strangers.as_ref(), list.window_s);
    Ok(0)
}

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let show: GatewayShow = read(answer)?;
    let row = &show.row;
    screen.strong(&format!("{}  {}", row.name, row.addresses.join(", ")));
    for one in &show.warnings {
        warning(screen, one);
    }
    rows(screen, std::slice::from_ref(row), None, show.window_s);
    screen.gap();
    for (label, words) in facts(&show) {
        screen.say_after(&text::left(label, 17), &words);
    }
    let counted = |all: &[NamedCount]| {
        let each = all
            .iter()
            .map(|one| format!("{} {}", one.name, text::number(one.count)));
        each.collect::<Vec<_>>().join(", ")
    };
    let last = show
        .last_signed
        .map(|at| format!(", last {}", screen.times.moment(at.0)));
    let signed = format!(
        "{} signed, {} unsigned since start{}",
        text::number(show.signed),
        text::number(show.unsigned),
        last.unwrap_or_default()
    );
    screen.say_after(&text::left("Packets", 17), &signed);
    for (label, all) in [("Dropped", &show.dropped), ("Refused", &show.refused)] {
        if !all.is_empty() {
            screen.say_after(&text::left(label, 17), &counted(all));
        }
    }
    Ok(0)
}

fn facts(show: &GatewayShow) -> Vec<(&'static str, String)> {
    let yes = |set: bool| if set { "yes" } else { "no" }.to_owned();
    let or_all = |all: &[String]| {
        if all.is_empty() {
            "all".to_owned()
        } else {
            all.join(", ")
        }
    };
    let mut facts = vec![
        ("First factor", show.first_factor.clone()),
        ("Passcode", show.passcode.clone()),
        ("Unknown user", show.unknown_user.clone()),
        ("No token", show.unenrolled.clone()),
        ("Passthrough", yes(show.allow_passthrough)),
        ("Token types", or_all(&show.allowed_kinds)),
        ("Reply detail", show.reply_detail.clone()),
        ("Reject after", format!("{} ms", show.reject_delay_ms)),
        (
            "If mfad breaks",
            if show.reject_on_internal_error {
                "reject"
            } else {
                "silence"
            }
            .to_owned(),
        ),
        (
            "Message-Auth.",
            if show.require_message_authenticator {
                "required"
            } else {
                "not required"
            }
            .to_owned(),
        ),
        ("Secret", format!("{} octets", show.secret_octets)),
    ];
    if !show.strip_domain.is_empty() {
        facts.push(("Domains cut off", show.strip_domain.join(", ")));
    }
    if show.same_code_grace_s > 0 {
        facts.push((
            "Same code again",
            format!("accepted within {} s", show.same_code_grace_s),
        ));
    }
    facts
}

fn new(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let text = |name: &str| given.text(name).unwrap_or_default().to_owned();
    let (name, address) = (text("NAME"), text("address"));
    let kind = given.text("kind").unwrap_or("other");
    if kind == "help" || !KINDS.contains(&kind) {
        let words = format!("use one of: {}", KINDS.join(", "));
        return Err(Trouble::usage(format!("there is no kind `{kind}`")).doing(words));
    }
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(
            Trouble::usage(format!("`{name}` cannot be the name of a gateway"))
                .why("a name has small letters, digits and dashes"),
        );
    }
    let bare = address.split('/').next().unwrap_or_default();
    if bare.parse::<std::net::IpAddr>().is_err() {
        return Err(Trouble::usage(format!("`{address}` is no address")));
    }
    let folder = given.text("dir").unwrap_or(FOLDER);
    let stanza_path = format!("{folder}/{name}.toml");
    let secret_path = format!("{folder}/{name}.secret");
    let stanza = gateway_kinds::stanza(&name, &address, kind, &secret_path);
    let secret = new_secret()?;
    let server = given.text("server").unwrap_or("THIS-HOST");
    let screen = &mut session.screen;
    if given.has("write") {
        for path in [&stanza_path, &secret_path] {
            if Path::new(path).symlink_metadata().is_ok() {
                let what = format!("{path} is there already; nothing changed");
                return Err(Trouble::new(errors::CANNOT_CREATE, what));
            }
        }
        write_new(
            Path::new(&secret_path),
            format!("{}\n", &*secret).as_bytes(),
        )?;
        write_new(Path::new(&stanza_path), stanza.as_bytes())?;
        for path in [&stanza_path, &secret_path] {
            let mode = hand_over(Path::new(path), Path::new(folder));
            screen.line(&format!("{} {path}  ({mode:04o})", screen.yes()));
        }
    } else {
        screen.line(&format!("# {stanza_path}"));
        for line in stanza.lines() {
            screen.line(line);
        }
        screen.gap();
        screen.line(&format!("# {secret_path}, mode 0600"));
        screen.line(&secret);
    }
    screen.gap();
    for line in gateway_kinds::entry(kind, server, &secret).lines() {
        screen.line(line);
    }
    screen.gap();
    if given.has("write") {
        screen.line("next  mfad --check; mfactl config reload");
    } else {
        screen.line("Nothing was written. With --write (root): files as above, another secret.");
    }
    let shown = Zeroizing::new(screen.take());
    output::print(&shown, &session.env, false);
    Ok(0)
}

/// 160 random bits as 32 signs that are hard to misread, in groups of four.
fn new_secret() -> Result<Zeroizing<String>, Trouble> {
    const SIGNS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut octets = Zeroizing::new([0; SECRET_SIGNS]);
    aws_lc_rs::rand::fill(&mut *octets)
        .map_err(|_| Trouble::new(errors::SOFTWARE, "no random numbers"))?;
    let mut secret = Zeroizing::new(String::with_capacity(SECRET_SIGNS + 7));
    for (at, octet) in octets.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            secret.push('-');
        }
        let sign = SIGNS.get(usize::from(octet & 31)).copied();
        secret.push(char::from(sign.unwrap_or(b'x')));
    }
    Ok(secret)
}

/// Lets the group of the folder, which is the daemon's, read a file that root has made; the mode that
/// the file has then.
fn hand_over(path: &Path, folder: &Path) -> u32 {
    const OWN: u32 = 0o600;
    const GROUP: u32 = 0o640;
    let handed = folder
        .metadata()
        .and_then(|about| chown(path, None, Some(about.gid())))
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(GROUP)));
    if handed.is_ok() { GROUP } else { OWN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_160_bits() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), SECRET_SIGNS + 7);
        assert_ne!(*secret, *new_secret().unwrap());
    }
}
