//! Checks of `smtp.*` and `notify.*`: the mail server, and who is told besides the person.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::problems::{Collector, Found};
use super::secrets::{SecretSource, Secrets};
use super::server_secret::ServerSecret;
use super::settings::Settings;
use crate::domain::message::Address;
use crate::domain::notice::Notices;
use crate::secret::SecretBytes;

/// Most administrators that are told.
const ADMINS_MAX: usize = 8;

/// Longest user name or password, in octets: both go into one line of SMTP.
const LOGIN_OCTETS_MAX: usize = 256;

/// The password.
const PASSWORD: ServerSecret = ServerSecret {
    keys: ["smtp.password_file", "smtp.password_credential"],
    table: "smtp",
    word: "password",
    server: "the mail server",
    octets_max: LOGIN_OCTETS_MAX,
};

/// The mail server.
#[derive(Clone)]
pub struct Mail {
    /// Name or address.
    pub server: String,
    /// TCP port.
    pub port: u16,
    /// What protects the connection.
    pub security: Security,
    /// Whom to be there; none: nobody in particular.
    pub login: Option<Login>,
    /// Whom messages are from.
    pub from: Address,
    /// The authorities that may vouch for the server, in PEM.
    pub ca: PathBuf,
    /// How long one message may take.
    pub timeout: Duration,
}

/// What protects the connection to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS after STARTTLS; a server that does not offer it is not used.
    StartTls,
    /// TLS from the first octet.
    Tls,
    /// Nothing: on this machine only.
    None,
}

/// User name and password at the mail server.
#[derive(Clone)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Arc<SecretBytes>,
    /// Where that came from.
    pub source: SecretSource,
}

pub(super) fn mail(
    settings: &Settings<'_>,
    folder: &Path,
    secrets: &dyn Secrets,
    problems: &mut Collector<'_>,
) -> Option<Mail> {
    let Some(server) = settings.text("smtp.server") else {
        let needing = [
            "smtp.port",
            "smtp.user",
            "smtp.password_file",
            "smtp.password_credential",
            "smtp.from",
        ];
        let admins = !settings.items("notify.admins").is_empty();
        if admins || needing.iter().any(|key| settings.stated(key)) {
            let place = settings.line(&[&needing[..], &["notify.admins"]].concat());
            let found = Found::error(place, "`smtp.server` is not stated");
            problems.add(found.label("without it nobody is told anything"));
        }
        return None;
    };
    if !names_a_host(server) {
        let text = format!("\"{server}\" is no name of a server");
        problems.add(Found::error(settings.place(&["smtp.server"]), text).label("without a port"));
    }
    let security = match settings.text("smtp.security") {
        Some("tls") => Security::Tls,
        Some("none") => Security::None,
        _ => Security::StartTls,
    };
    if security == Security::None && !on_this_machine(server) {
        let text = "mail would go over the network unprotected";
        let found = Found::error(settings.line(&["smtp.security"]), text);
        problems.add(found.label("`none` is for a server on localhost only"));
    }
    let port = match (settings.count("smtp.port"), security) {
        (0, Security::StartTls) => 587,
        (0, Security::Tls) => 465,
        (0, Security::None) => 25,
        (port, _) => u16::try_from(port).unwrap_or(u16::MAX),
    };
    Some(Mail {
        server: server.to_owned(),
        port,
        security,
        login: login(settings, folder, secrets, problems),
        from: from(settings, problems)?,
        ca: folder.join(settings.path("smtp.ca")),
        timeout: settings.span("smtp.timeout"),
    })
}

pub(super) fn names_a_host(server: &str) -> bool {
    let belongs = |sign: char| sign.is_ascii_alphanumeric() || "-.".contains(sign);
    let named = !server.is_empty() && server.len() <= 253 && server.chars().all(belongs);
    named || server.parse::<IpAddr>().is_ok()
}

pub(super) fn on_this_machine(server: &str) -> bool {
    let loopback = |address: IpAddr| address.is_loopback();
    server == "localhost" || server.parse().is_ok_and(loopback)
}

fn from(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Option<Address> {
    let Some(text) = settings.text("smtp.from") else {
        let found = Found::error(settings.line(&["smtp.server"]), "`smtp.from` is not stated");
        problems.add(found.label("like from = \"mfad@example.org\""));
        return None;
    };
    let address = Address::parse(text);
    if address.is_none() {
        let text = format!("\"{text}\" is no e-mail address");
        problems.add(Found::error(settings.place(&["smtp.from"]), text));
    }
    address
}

fn login(
    settings: &Settings<'_>,
    folder: &Path,
    secrets: &dyn Secrets,
    problems: &mut Collector<'_>,
) -> Option<Login> {
    let source = PASSWORD.source(settings, folder, problems).ok()?;
    let (user, source) = match (settings.text("smtp.user"), source) {
        (None, None) => return None,
        (Some(user), Some(source)) => (user, source),
        (user, _) => {
            let missing = if user.is_some() {
                "password_file"
            } else {
                "user"
            };
            let place = settings.line(&["smtp.user", PASSWORD.keys[0], PASSWORD.keys[1]]);
            let text = format!("`smtp.{missing}` is not stated");
            problems.add(Found::error(place, text).label("a user name needs a password"));
            return None;
        }
    };
    if user.len() > LOGIN_OCTETS_MAX || user.chars().any(char::is_control) {
        let found = Found::error(settings.place(&["smtp.user"]), "this is no user name");
        problems.add(found);
    }
    let password = PASSWORD.read(&source, settings, secrets, problems)?;
    Some(Login {
        user: user.to_owned(),
        password,
        source,
    })
}

/// Who is told besides the person, and how; none without a server of either kind.
pub(super) fn notices(
    settings: &Settings<'_>,
    (mail, sms): (bool, bool),
    problems: &mut Collector<'_>,
) -> Option<Notices> {
    let items = settings.items("notify.admins");
    if items.len() > ADMINS_MAX {
        let text = format!("`notify.admins` has more than {ADMINS_MAX} addresses");
        let found = Found::error(settings.place(&["notify.admins"]), text);
        problems.add(found.label("a mailing list is one"));
    }
    let mut admins: Vec<Address> = Vec::new();
    for item in items {
        match Address::parse(&item.text) {
            Some(address) if admins.contains(&address) => {
                let text = format!("\"{}\" stands twice", item.text);
                problems.add(Found::error(item.place, text));
            }
            Some(address) => admins.push(address),
            None => {
                let text = format!("\"{}\" is no e-mail address", item.text);
                problems.add(Found::error(item.place, text));
            }
        }
    }
    (mail || sms).then_some(Notices { mail, sms, admins })
}
