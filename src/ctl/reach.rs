//! Reaching the daemon, and saying why it cannot be reached.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use super::args::SOCKET;
use super::client::Client;
use super::errors::{self, Trouble};
use super::verb::Given;
use crate::control::fault::Fault;

/// Connects, or says what is in the way.
pub(super) fn connect(path: &Path) -> Result<Client, Trouble> {
    Client::connect(path).map_err(|error| {
        let shown = path.display();
        match error.kind() {
            ErrorKind::PermissionDenied => forbidden(path),
            ErrorKind::NotFound => absent(path, &format!("{shown}: no such socket")),
            ErrorKind::ConnectionRefused => absent(path, &format!("{shown}: nobody listens")),
            _ => absent(path, &format!("{shown}: {error}")),
        }
    })
}

fn absent(path: &Path, place: &str) -> Trouble {
    let trouble = Trouble::new(errors::UNAVAILABLE, "mfad is not running").place(place);
    let own = path == Path::new(SOCKET);
    if !own {
        return trouble.doing("check --socket and MFAD_SOCKET");
    }
    let trouble = match unit_state() {
        Some(state) => trouble.why(state),
        None => trouble,
    };
    trouble
        .try_next("mfad --check                shows what is wrong")
        .try_next("journalctl -u mfad -n 20")
}

/// What systemd says about the unit, if there is a systemd.
fn unit_state() -> Option<String> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let answer = Command::new("systemctl")
        .args(["show", "mfad.service", "-p", "ActiveState,ExecMainStatus"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let field = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let state = field("ActiveState")?;
    Some(match field("ExecMainStatus") {
        Some("78") => format!("mfad.service is {state}: exit 78 (configuration)"),
        Some(status) if status != "0" => format!("mfad.service is {state}: exit {status}"),
        _ => format!("mfad.service is {state}"),
    })
}

fn forbidden(path: &Path) -> Trouble {
    let me = nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten();
    let me = me.map_or_else(|| "YOU".to_owned(), |user| user.name);
    Trouble::new(errors::NO_PERMISSION, "you may not talk to mfad")
        .why(format!(
            "{} belongs to group mfad; you are in: {}",
            path.display(),
            groups()
        ))
        .need(format!(
            "group mfad, and one that carries a role. root can add you: \
             usermod -aG mfad,mfad-support {me}, then log in again"
        ))
}

fn groups() -> String {
    let ids = nix::unistd::getgroups().unwrap_or_default();
    let names = ids.into_iter().map(|id| {
        let group = nix::unistd::Group::from_gid(id).ok().flatten();
        group.map_or_else(|| id.to_string(), |group| group.name)
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Turns what the daemon refuses into trouble.
pub(super) fn refused(fault: Fault, given: &Given) -> Trouble {
    let mut trouble = Trouble::from(fault);
    // A configuration that is not put into force is wrong itself, whatever names the daemon's no.
    let config = given.verb.name == "config reload";
    let wrong = ["E_ARG", "E_POLICY", "E_STATE"];
    if config
        && trouble
            .code
            .as_deref()
            .is_some_and(|code| wrong.contains(&code))
    {
        trouble.exit = errors::CONFIG;
    }
    trouble
}
