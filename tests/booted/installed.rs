//! mfad in a container, installed by the very commands of `docs/production.md`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;

use mfad::token::base32;

use crate::common::gateway::Gateway;
use crate::common::operator::Operator;
use crate::common::people::Person;
use crate::machine::{CHECKOUT, Machine};

/// The gateway of the text, and the one of the tests in its place.
const GATEWAY: [&str; 2] = ["192.0.2.10", "127.0.0.2"];

/// How long systemd may take to bring the daemon back.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// A machine on which mfad serves.
pub(crate) struct Installed {
    pub(crate) machine: Machine,
}

/// The blocks of a step of `docs/production.md`: commands, files, and what is seen.
pub(crate) fn blocks(step: u32) -> Vec<String> {
    let text = include_str!("../../docs/production.md");
    let from = text.find(&format!("\n## {step}. ")).unwrap();
    let section = text[from + 1..].split("\n## ").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.map(|block| block.trim().to_owned()).collect()
}

/// A block of commands as root types them here.
pub(crate) fn commands(step: u32, block: usize) -> String {
    let text = blocks(step)[block]
        .replace("sudo ", "")
        .replace(GATEWAY[0], GATEWAY[1])
        .replace("cargo build --release\n", "");
    format!("cd {CHECKOUT}\n{text}")
}

impl Installed {
    /// Steps 1 to 5 with their results; none where no container can be booted.
    pub(crate) fn boot() -> Option<Self> {
        Self::with_drop_in("")
    }

    /// The same with more lines for the service, as `systemctl edit` writes them.
    pub(crate) fn with_drop_in(lines: &str) -> Option<Self> {
        let installed = Self {
            machine: Machine::boot()?,
        };
        let machine = &installed.machine;
        machine.does(&commands(1, 0));
        let made = machine.does(&commands(2, 0));
        for line in blocks(2)[1].lines() {
            assert!(squeezed(&made).contains(&squeezed(line)), "{line}\n{made}");
        }
        machine.does(&commands(3, 0));
        let checked = machine.does(&commands(4, 0));
        assert!(checked.contains("mfad would start."), "{checked}");
        if !lines.is_empty() {
            installed.edit("test", lines);
        }
        let status = machine.does(&commands(5, 0));
        assert!(status.contains(" is SERVING, up "), "{status}");
        machine.enter_network();
        Some(installed)
    }

    /// Puts a drop-in beside the unit.
    pub(crate) fn edit(&self, name: &str, lines: &str) {
        let folder = "/etc/systemd/system/mfad.service.d";
        self.machine.does(&format!("mkdir -p {folder}"));
        fs::write(self.machine.path(&format!("{folder}/{name}.conf")), lines).unwrap();
        self.machine.does("systemctl daemon-reload");
    }

    /// The gateway of step 3.
    pub(crate) fn gateway(&self) -> Gateway {
        let secret = self.machine.path("/etc/mfad/gateways.d/vpn1.secret");
        Gateway {
            source: GATEWAY[1].parse().unwrap(),
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, 1812)),
            secret: fs::read_to_string(secret).unwrap().trim().to_owned(),
        }
    }

    /// root at the control socket.
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.machine.path("/run/mfad/control"))
    }

    /// Makes a person with the token.
    pub(crate) fn add(&self, person: &Person) {
        let operator = self.operator();
        operator.change("Users.Add", &person.name, &json!({}));
        let token = json!({
            "kind": "hotp",
            "serial": format!("S-{}", person.name),
            "seed": base32::encode(&person.seed).expose(),
            "trusted": true,
        });
        operator.change("Tokens.Add", &person.name, &token);
    }

    /// A property of the service, as systemd has it.
    pub(crate) fn property(&self, name: &str) -> String {
        let ask = format!("systemctl show --value --property={name} mfad");
        self.machine.does(&ask)
    }

    /// The process that serves.
    pub(crate) fn main_pid(&self) -> String {
        self.property("MainPID")
    }

    /// Waits until another process than this one serves.
    pub(crate) fn await_successor(&self, pid: &str) {
        let end = Instant::now() + BACK_WITHIN;
        while self.property("ActiveState") != "active" || self.main_pid() == pid {
            assert!(Instant::now() < end, "{}", self.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the journal has of the service, with the priorities.
    pub(crate) fn journal(&self) -> String {
        let fields = "--output=export --output-fields=PRIORITY,MESSAGE,SYSLOG_IDENTIFIER";
        let export = self.machine.does(&format!(
            "journalctl --sync; journalctl --unit=mfad --no-pager {fields}"
        ));
        let mut lines = String::new();
        for entry in export.split("\n\n") {
            let field = |name: &str| {
                let found = entry.lines().find_map(|line| line.strip_prefix(name));
                found.unwrap_or_default().to_owned()
            };
            let (priority, message) = (field("PRIORITY="), field("MESSAGE="));
            lines += &format!("<{priority}>{}: {message}\n", field("SYSLOG_IDENTIFIER="));
        }
        lines
    }
}

/// With one blank between words.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
