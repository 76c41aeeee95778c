//! The instance under test: a store of its own, one socket on the loopback, three gateways.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use mfad::config::Surroundings;
use mfad::control::query::{AuditFilter, Extent, Manner, Page, Query};
use mfad::control::reply::{Done, Reply};
use mfad::daemon::answers::Answerer;
use mfad::daemon::client::Client;
use mfad::daemon::instance::{Instance, Start};
use mfad::domain::action::Role;
use mfad::domain::command::{Command, NewToken, NewUser};
use mfad::domain::event::Operator;
use mfad::domain::refusal::Refusal;
use mfad::secret::{Secret, SecretBytes};
use mfad::server::control::{Backend, Ended, Sink};
use mfad::server::udp::socket::Socket;
use mfad::store::pin_hash::PinHasher;
use mfad::sys::clock::Clock;
use mfad::token::{Otp, base32};
use serde_json::Value;

pub(crate) const SECRET: &str = "a-shared-secret-of-32-characters";

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) instance: Instance,
    pub(crate) radius: SocketAddr,
}

/// Takes every page, until it has `enough`.
#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) pages: Vec<Value>,
    pub(crate) enough: Option<usize>,
}

impl Sink for Pages {
    fn push(&mut self, page: Reply) -> Result<(), Ended> {
        if self.ended() {
            return Err(Ended);
        }
        self.pages.push(serde_json::to_value(page).unwrap());
        Ok(())
    }

    fn ended(&mut self) -> bool {
        self.enough.is_some_and(|enough| self.pages.len() >= enough)
    }
}

fn config(folder: &std::path::Path) -> String {
    let folder = folder.display();
    format!(
        r#"
[store]
folder = "{folder}/state"
[control]
socket = "{folder}/control"
[key]
file = "{folder}/key"
[lockout.user]
max_failures = 3
[roles.admin]
groups = ["root"]
[gateway.vpn1]
addresses = ["127.0.0.1"]
first_factor = "gateway"
passcode = "otp"
secret_file = "{folder}/secret"
reject_delay = "100ms"
require_message_authenticator = true
[gateway.vpn2]
addresses = ["192.0.2.20"]
first_factor = "pin"
passcode = "pin+otp"
secret_file = "{folder}/other"
require_message_authenticator = false
"#
    )
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::start_with(Ok(Secret::new([7; 32])))
    }

    pub(crate) fn start_with_more(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        Self::start_in(folder, Ok(Secret::new([7; 32])), more)
    }

    pub(crate) fn start_with(key: Result<Secret<[u8; 32]>, String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        Self::start_in(folder, key, "")
    }

    /// Starts in a folder that has a state folder already, with more configuration.
    pub(crate) fn start_in(
        folder: tempfile::TempDir,
        key: Result<Secret<[u8; 32]>, String>,
        more: &str,
    ) -> Self {
        let path = folder.path();
        private(path.join("secret"), SECRET);
        private(path.join("other"), "another-secret-of-32-characters-");
        private(path.join("mfad.toml"), &(config(path) + more));
        let surroundings = Surroundings {
            credentials_dir: None,
            hostname: "mfa1".to_owned(),
        };
        let config_path = path.join("mfad.toml");
        let loaded = mfad::config::load(&config_path, &surroundings);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let radius = socket.local_addr().unwrap();
        let instance = Instance::start(Start {
            config: loaded.config,
            config_path,
            surroundings,
            key,
            sockets: vec![socket],
            control: UnixListener::bind(path.join("control")).unwrap(),
            create: true,
            clock: Arc::new(Clock::start()),
            unhardened: Vec::new(),
            hasher: PinHasher::cheap,
        });
        Self {
            instance: instance.unwrap(),
            folder,
            radius,
        }
    }

    /// Ends it and starts it anew on what it has left.
    pub(crate) fn restart(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        drop(self);
        std::fs::remove_file(folder.path().join("control")).unwrap();
        Self::start_in(folder, Ok(Secret::new([7; 32])), "")
    }

    pub(crate) fn answerer(&self) -> &Answerer {
        self.instance.answerer()
    }

    pub(crate) fn change(&self, role: Role, command: Command) -> Result<Done, Refusal> {
        let manner = Manner {
            reason: Some("a test".to_owned()),
            ..Manner::default()
        };
        self.answerer().change(&operator(role), command, manner)
    }

    /// Asks, and gives the answer as it would stand on the wire.
    pub(crate) fn try_ask(&self, role: Role, query: Query) -> Result<Value, Refusal> {
        let mut sink = Pages::default();
        let reply = self.answerer().query(&operator(role), query, &mut sink)?;
        Ok(serde_json::to_value(reply).unwrap())
    }

    pub(crate) fn ask(&self, role: Role, query: Query) -> Value {
        self.try_ask(role, query)
            .unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    /// The newest records of one event, the newest first, as this role sees them.
    pub(crate) fn log(&self, role: Role, event: &str) -> Vec<Value> {
        let filter = AuditFilter {
            event: Some(event.to_owned()),
            ..AuditFilter::default()
        };
        let page = page();
        let log = self.ask(role, Query::AuditLog { filter, page });
        log["entries"].as_array().unwrap().clone()
    }

    pub(crate) fn add_user(&self, name: &str, display_name: &str) {
        let new = NewUser {
            user: name.to_owned(),
            display_name: display_name.to_owned(),
            email: Some(format!("{name}@example.org")),
            phone: Some("+491701234567".to_owned()),
            ..NewUser::default()
        };
        self.change(Role::Admin, Command::UserAdd(new)).unwrap();
    }

    /// A proven token; its id and seed.
    pub(crate) fn add_token(&self, user: &str) -> (String, SecretBytes) {
        let new = NewToken {
            trusted: true,
            ..NewToken::of(user.to_owned(), Otp::TOTP)
        };
        let done = self
            .change(Role::Operator, Command::TokenAdd(Box::new(new)))
            .unwrap();
        let reveal = done.reveal.unwrap();
        let (_, from) = reveal.text.expose().split_once("secret=").unwrap();
        let seed = base32::decode(from.split('&').next().unwrap().as_bytes()).unwrap();
        (done.token.unwrap(), seed)
    }

    /// A passcode sent by vpn1; whether it was accepted.
    pub(crate) fn sign_in(&self, user: &str, passcode: &str) -> bool {
        self.reply_to(user, passcode) == mfad::radius::Code::AccessAccept
    }

    /// What a sign-in is answered.
    pub(crate) fn reply_to(&self, user: &str, passcode: &str) -> mfad::radius::Code {
        let secret = SecretBytes::copy_of(SECRET.as_bytes());
        let mut client = Client::new(self.radius, secret).unwrap();
        let request = client.request(user, passcode.as_bytes()).unwrap();
        client.exchange(&request).unwrap().code
    }

    pub(crate) fn code(&self, seed: &SecretBytes) -> String {
        let now = self.answerer().clock.now();
        let step = mfad::token::totp::step_at(now.wall, mfad::token::Period::THIRTY);
        Otp::TOTP
            .code_at(seed.expose(), step)
            .text()
            .expose()
            .clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.instance.stop();
    }
}

pub(crate) fn operator(role: Role) -> Operator {
    Operator {
        uid: 1000,
        name: Arc::from("bob"),
        role,
    }
}

pub(crate) fn page() -> Page {
    Page {
        limit: 100,
        cursor: None,
        extent: Extent::Page,
    }
}

fn private(path: PathBuf, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
