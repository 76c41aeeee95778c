//! Checks of `sms.*`: the request by which an SMS gateway gets a message.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::mail::{names_a_host, on_this_machine};
use super::problems::{Collector, Found};
use super::secrets::{SECRET_OCTETS_MAX, SecretSource, Secrets};
use super::server_secret::ServerSecret;
use super::settings::Settings;
use super::source::Place;
use super::template::{Piece, Slot, Template};
use super::value::written_secret;
use crate::secret::SecretBytes;

/// Most headers of a request, and the longest value, in octets.
const HEADERS_MAX: usize = 16;

/// Headers that mfad makes itself.
const OWN_HEADERS: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "expect",
    "upgrade",
    "te",
    "trailer",
];

/// Words in the name of a header that holds a secret.
const SECRET_HEADERS: &[&str] = &["authorization", "key", "token", "secret", "password"];

/// The secret.
const SECRET: ServerSecret = ServerSecret {
    keys: ["sms.secret_file", "sms.secret_credential"],
    table: "sms",
    word: "secret",
    server: "the SMS gateway",
    octets_max: SECRET_OCTETS_MAX,
};

/// The SMS gateway, and the request that it wants.
#[derive(Clone)]
pub struct Sms {
    /// Where it goes.
    pub url: Url,
    /// Its method.
    pub method: &'static str,
    /// Headers besides the ones that mfad makes, in order.
    pub headers: Vec<(String, Template)>,
    /// What it carries; none: nothing.
    pub body: Option<Body>,
    /// What an answer must hold besides a status of success; none: nothing.
    pub success: Option<String>,
    /// What `{secret}` stands for.
    pub secret: Option<Arc<SecretBytes>>,
    /// Where that came from.
    pub secret_source: Option<SecretSource>,
    /// The authorities that may vouch for the server, in PEM.
    pub ca: PathBuf,
    /// How long one message may take.
    pub timeout: Duration,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Over TLS; else on this machine only.
    pub tls: bool,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Host and port as the URL has them.
    pub authority: String,
    /// Path and query.
    pub target: Template,
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Fields of a form.
    Form(Template),
    /// JSON; places to be filled in stand within its texts.
    Json(Template),
}

impl Body {
    /// The text with its places.
    #[must_use]
    pub const fn template(&self) -> &Template {
        match self {
            Self::Form(template) | Self::Json(template) => template,
        }
    }
}

pub(super) fn sms(
    settings: &Settings<'_>,
    folder: &Path,
    secrets: &dyn Secrets,
    problems: &mut Collector<'_>,
) -> Option<Sms> {
    let Some(address) = settings.text("sms.url") else {
        let needing = [
            "sms.headers",
            "sms.body",
            "sms.success",
            SECRET.keys[0],
            SECRET.keys[1],
        ];
        if needing.iter().any(|key| settings.stated(key)) {
            let found = Found::error(settings.line(&needing), "`sms.url` is not stated");
            problems.add(found.label("without it no text message is sent"));
        }
        return None;
    };
    let method = match settings.text("sms.method") {
        Some("GET") => "GET",
        Some("PUT") => "PUT",
        _ => "POST",
    };
    // Somebody may have written the secret itself where `{secret}` belongs.
    if address.contains(['?', '@']) {
        problems.hide(settings.place(&["sms.url"]));
    }
    if settings.stated("sms.body") {
        problems.hide(settings.place(&["sms.body"]));
    }
    let url = url(address, settings.place(&["sms.url"]), problems);
    let headers = headers(settings, problems);
    let body = settings.text("sms.body").and_then(|text| {
        let place = settings.place(&["sms.body"]);
        if method == "GET" {
            let found = Found::error(place, "a request with `GET` carries nothing");
            problems.add(found.label("put it into sms.url"));
        }
        body(text, place, problems)
    });
    let source = SECRET.source(settings, folder, problems).ok()?;
    let secret = match &source {
        Some(source) => Some(SECRET.read(source, settings, secrets, problems)?),
        None => None,
    };
    let sms = Sms {
        url: url?,
        method,
        headers,
        body,
        success: settings.text("sms.success").map(str::to_owned),
        secret,
        secret_source: source,
        ca: folder.join(settings.path("sms.ca")),
        timeout: settings.span("sms.timeout"),
    };
    complete(&sms, settings, problems);
    Some(sms)
}

/// Every request has a number and a text, and a secret if and only if there is one.
fn complete(sms: &Sms, settings: &Settings<'_>, problems: &mut Collector<'_>) {
    let headers = sms.headers.iter().map(|(_, value)| value);
    let body = sms.body.iter().map(Body::template);
    let templates: Vec<&Template> = [&sms.url.target]
        .into_iter()
        .chain(headers)
        .chain(body)
        .collect();
    let has = |slot| templates.iter().any(|template| template.has(slot));
    let place = || settings.line(&["sms.url"]);
    if !has(Slot::To) && !has(Slot::Digits) {
        let found = Found::error(place(), "the request has no number in it");
        problems.add(found.label("{to} or {digits} in sms.url or sms.body"));
    }
    if !has(Slot::Text) {
        let found = Found::error(place(), "the request has no text in it");
        problems.add(found.label("{text} in sms.url or sms.body"));
    }
    let ascii = |secret: &Arc<SecretBytes>| secret.expose().is_ascii();
    if !sms.secret.as_ref().is_none_or(ascii) {
        let found = Found::error(settings.line(&SECRET.keys), "the secret is not all ASCII");
        problems.add(found.number("E102"));
    }
    match (has(Slot::Secret), &sms.secret) {
        (true, None) => {
            let found = Found::error(place(), "`{secret}` is used, and there is none");
            problems.add(
                found
                    .label("state `secret_file` or `secret_credential`")
                    .number("E102"),
            );
        }
        (false, Some(_)) => {
            let found = Found::error(settings.line(&SECRET.keys), "the secret is not used");
            problems.add(found.label("{secret} in sms.headers, sms.body or sms.url"));
        }
        _ => {}
    }
}

fn template(key: &str, text: &str, place: Place, problems: &mut Collector<'_>) -> Option<Template> {
    let read = Template::parse(text);
    if let Err(word) = &read {
        let found = Found::error(
            place,
            format!("`{key}` has {word} in it, which means nothing"),
        );
        problems.add(found.label("{to}, {digits}, {text}, {id} and {secret} do"));
    }
    read.ok()
}

fn url(text: &str, place: Place, problems: &mut Collector<'_>) -> Option<Url> {
    let mut wrong = |what: &str, label: &str| {
        problems.add(Found::error(place, what).label(label));
        None
    };
    let tls = text.starts_with("https://");
    let Some(rest) = text.strip_prefix(if tls { "https://" } else { "http://" }) else {
        return wrong("`sms.url` is no URL", "like https://sms.example.net/send");
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.contains('@') {
        return wrong(
            "a user name in `sms.url`",
            "put it into sms.headers, with {secret}: mfad.toml(5)",
        );
    }
    let port = if tls { 443 } else { 80 };
    let named = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, behind)) => host.parse::<IpAddr>().ok().map(|_| (host, behind)),
        None => {
            let (host, behind) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            names_a_host(host).then_some((host, behind))
        }
    };
    let port_of = |behind: &str| match behind.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None => behind.is_empty().then_some(port),
    };
    let Some((host, port)) = named.and_then(|(host, behind)| Some((host, port_of(behind)?))) else {
        return wrong(
            "`sms.url` names no server",
            "like https://sms.example.net/send",
        );
    };
    if !tls && !on_this_machine(host) {
        return wrong(
            "messages would go over the network unprotected",
            "https, or http to a gateway on localhost",
        );
    }
    let target = match target.starts_with('/') {
        true => target.to_owned(),
        false => format!("/{target}"),
    };
    let target = template("sms.url", &target, place, problems)?;
    let strange = |sign: char| !sign.is_ascii_graphic() || "\"#<>\\^`{|}".contains(sign);
    if target.plain().any(strange) {
        let found = Found::error(place, "`sms.url` has signs in it that no URL may have");
        problems.add(found.label("write them as % and two digits, leave out what follows #"));
        return None;
    }
    Some(Url {
        tls,
        host: host.to_owned(),
        port,
        authority: authority.to_owned(),
        target,
    })
}

fn headers(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<(String, Template)> {
    let pairs = settings.pairs("sms.headers");
    if pairs.len() > HEADERS_MAX {
        let text = format!("`sms.headers` has more than {HEADERS_MAX} headers");
        problems.add(Found::error(settings.place(&["sms.headers"]), text));
    }
    let mut headers = Vec::new();
    for (name, value) in pairs {
        let lower = name.text.to_ascii_lowercase();
        let holds_secret = SECRET_HEADERS.iter().any(|word| lower.contains(word));
        if holds_secret {
            problems.hide(value.place);
        }
        let token =
            |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
        if !name.text.bytes().all(token) {
            problems.add(Found::error(name.place, "this is no name of a header"));
            continue;
        }
        if OWN_HEADERS.contains(&lower.as_str()) {
            let text = format!("the header {} is mfad's own", name.text);
            problems.add(Found::error(name.place, text).label("it follows from the other keys"));
            continue;
        }
        let Some(template) = template("sms.headers", &value.text, value.place, problems) else {
            continue;
        };
        if template.has(Slot::Text) || template.plain().any(|c| !(' '..='~').contains(&c)) {
            let text = "a header holds visible ASCII, and no {text}";
            problems.add(Found::error(value.place, text));
        }
        if holds_secret
            && !template
                .pieces()
                .iter()
                .any(|it| matches!(it, Piece::Slot(_)))
        {
            problems.add(written_secret(value.place, "secret", "sms.secret"));
        }
        headers.push((name.text.clone(), template));
    }
    headers
}

fn body(text: &str, place: Place, problems: &mut Collector<'_>) -> Option<Body> {
    let template = template("sms.body", text, place, problems)?;
    if text.starts_with(['{', '[']) {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            let found = Found::error(place, format!("`sms.body` is no JSON: {error}"));
            problems.add(found.label("places to be filled in stand in quotes"));
        }
        return Some(Body::Json(template));
    }
    let strange = |sign: char| !sign.is_ascii_graphic() || "{}".contains(sign);
    if template.plain().any(strange) {
        let found = Found::error(place, "`sms.body` is neither JSON nor a form");
        problems.add(found.label("like to={to}&text={text}; other signs as % and two digits"));
    }
    Some(Body::Form(template))
}
