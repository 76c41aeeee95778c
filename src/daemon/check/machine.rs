//! What the check asks of the machine: its clock, its sockets, its users and groups.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use super::numbered;
use crate::config::{Config, Mail, Members, Security, Sms};
use crate::daemon::report::Sign;
use crate::domain::action::Role;
use crate::outbound::tls;
use crate::sys::clock::{Synchronised, synchronised};
use crate::sys::peer;

type Finding = (Sign, String);

/// Whether somebody keeps the clock right.
pub(super) fn clock() -> Finding {
    match synchronised() {
        Synchronised::Yes => (Sign::Good, "synchronised".to_owned()),
        Synchronised::No => {
            let text = "nobody keeps it right: codes of phones fail if it is off";
            (Sign::Warning, numbered(text, "W021"))
        }
        Synchronised::Unknown => {
            let text = "whether it is synchronised cannot be asked here: timedatectl";
            (Sign::Warning, text.to_owned())
        }
    }
}

/// Which mail server is used, and whether anybody could vouch for it.
pub(super) fn mail(mail: &Mail) -> Finding {
    let place = format!("{}:{}", mail.server, mail.port);
    if mail.security == Security::None {
        return (Sign::Good, format!("{place}, on this machine"));
    }
    vouched(&place, &mail.ca, "mfactl notify test", "W043")
}

/// The same of the SMS gateway.
pub(super) fn sms(sms: &Sms) -> Finding {
    let place = format!("{}:{}", sms.url.host, sms.url.port);
    if !sms.url.tls {
        return (Sign::Good, format!("{place}, on this machine"));
    }
    vouched(&place, &sms.ca, "mfactl notify test --to NUMBER", "W044")
}

fn vouched(place: &str, ca: &Path, next: &str, number: &str) -> Finding {
    match tls::authorities(ca) {
        Ok(_) => {
            let text = format!("{place}; the unit needs network-profile.conf: {next}");
            (Sign::Good, text)
        }
        Err(error) => (
            Sign::Warning,
            numbered(&format!("{place}: {error}"), number),
        ),
    }
}

/// Which addresses are free, and what the system said of the others.
pub(super) struct Sockets {
    free: Vec<SocketAddr>,
    taken: Vec<SocketAddr>,
    refused: Vec<(SocketAddr, String)>,
    control: PathBuf,
    control_there: bool,
}

impl Sockets {
    /// Tries every address for a moment.
    pub(super) fn look(config: &Config) -> Self {
        let mut found = Self {
            free: Vec::new(),
            taken: Vec::new(),
            refused: Vec::new(),
            control: config.control_socket.clone(),
            control_there: config.control_socket.exists(),
        };
        for address in &config.listen {
            match UdpSocket::bind(address) {
                Ok(_) => found.free.push(*address),
                Err(error) if error.kind() == ErrorKind::AddrInUse => found.taken.push(*address),
                Err(error) => found.refused.push((*address, error.to_string())),
            }
        }
        found
    }

    /// The lines of the screen; `running`: a daemon has the store, so the sockets are its own.
    pub(super) fn judge(self, running: bool) -> Vec<Finding> {
        let holder = if running {
            "by the running mfad"
        } else {
            "by systemd"
        };
        let control = self.control.display();
        let control = if self.control_there {
            format!("{control} {holder}")
        } else {
            format!("{control} is made at start")
        };
        let mut good = Vec::new();
        let mut lines = Vec::new();
        if !self.free.is_empty() {
            good.push(format!("{} free", joined(&self.free)));
        }
        // systemd's socket units hold the sockets whether the daemon runs or not.
        if !self.taken.is_empty() && (running || self.control_there) {
            good.push(format!("{} {holder}", joined(&self.taken)));
        } else if !self.taken.is_empty() {
            let taken = joined(&self.taken);
            let text =
                format!("{taken} in use: by mfad-radius.socket, or another program (ss -ulpn)");
            lines.push((Sign::Warning, text));
        }
        good.push(control);
        lines.insert(0, (Sign::Good, good.join(", ")));
        for (address, why) in self.refused {
            lines.push((Sign::Bad, format!("{address}/udp cannot be used: {why}")));
        }
        lines
    }
}

/// `1812/udp on 0.0.0.0 and [::]`
fn joined(addresses: &[SocketAddr]) -> String {
    let mut ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
    ports.dedup();
    let of_port = |port: &u16| {
        let hosts = addresses.iter().filter(|address| address.port() == *port);
        let hosts: Vec<String> = hosts
            .map(|address| match address {
                SocketAddr::V4(four) => four.ip().to_string(),
                SocketAddr::V6(six) => format!("[{}]", six.ip()),
            })
            .collect();
        format!("{port}/udp on {}", hosts.join(" and "))
    };
    let ports: Vec<String> = ports.iter().map(of_port).collect();
    ports.join(", ")
}

/// Who carries which role; a group that is not there is told.
pub(super) fn roles(config: &Config) -> Vec<Finding> {
    let mut carried = Vec::new();
    let mut lines = Vec::new();
    for role in Role::ALL.into_iter().rev() {
        let Members { users, groups } = config.roles.of(role);
        let mut members: Vec<String> = Vec::new();
        for user in users {
            if user.parse::<u32>().is_err() && peer::user_id(user).is_none() {
                lines.push((
                    Sign::Warning,
                    format!("there is no user {user} to be {}", role.name()),
                ));
            } else {
                members.push(user.clone());
            }
        }
        for group in groups {
            match group.parse().ok().or_else(|| peer::group_id(group)) {
                Some(gid) => {
                    members.push(format!(
                        "group {group} ({})",
                        peer::group_members(gid).len()
                    ));
                }
                None => {
                    let text = format!("there is no group {group} to be {}", role.name());
                    lines.push((Sign::Warning, text));
                }
            }
        }
        if !members.is_empty() {
            carried.push(format!("{}: {}", role.name(), members.join(", ")));
        }
    }
    if !carried.is_empty() {
        lines.insert(0, (Sign::Good, carried.join("; ")));
    }
    lines
}
