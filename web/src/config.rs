//! `web.toml`: what mfad-web is told.
//!
//! One small file. Problems are told as those of `mfad.toml` are: all that is found, with line and
//! caret. [`KEYS`] is the table behind the manual; a test holds it to what is read.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use mfad::config::{Collector, Found, Place, Problems, Source};
use serde::Deserialize;
use toml::Spanned;

use crate::text::{LANGUAGES, Language};

/// Where the file is if nothing else is said.
pub const PATH: &str = "/etc/mfad-web/web.toml";

/// Longest text for people who need help, in characters.
const HELP_CHARS_MAX: usize = 300;

/// A key, its default as TOML (none: it must be stated, or is not needed), and what it means.
pub type Key = (&'static str, Option<&'static str>, &'static str);

/// Every key of the file.
pub const KEYS: [Key; 8] = [
    (
        "base_url",
        None,
        "What links begin with, as people see it: `https://`, a name, and a path if the pages do not \
         stand alone. The same as `web.base_url` of mfad.toml(5). Must be stated.",
    ),
    (
        "certificate",
        None,
        "File with the certificate for that name and those between it and its authority, as PEM. \
         Relative to the folder of this file. Must be stated.",
    ),
    (
        "key",
        None,
        "File with the private key of the certificate, as PEM, readable by mfad-web and not by \
         everybody. Must be stated.",
    ),
    (
        "listen",
        Some("[\"[::]:443\"]"),
        "Addresses and ports on which browsers are awaited, unless systemd passes sockets. Read at \
         start only.",
    ),
    (
        "control",
        Some("\"/run/mfad/control\""),
        "The control socket of mfad.",
    ),
    (
        "language",
        Some("\"en\""),
        "Language for browsers that ask for none of ours: `en` or `de`.",
    ),
    (
        "help.en",
        None,
        "Whom to turn to, in English, at the foot of each page: a name and a telephone number.",
    ),
    ("help.de", None, "The same in German."),
];

/// What was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where browsers are awaited if no socket is passed.
    pub listen: Vec<SocketAddr>,
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// What the pages need to know.
    pub site: Site,
}

/// How the pages are reached, and what they say besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The control socket of mfad.
    pub control: PathBuf,
    /// Name, and port if it is not 443, as a browser states it in `Host`.
    pub host: String,
    /// Path before that of each page: empty, or `/` and something.
    pub base: String,
    /// The language where a browser asks for none of ours.
    pub language: Language,
    /// Whom to turn to, by language; empty: not said.
    pub help: [String; LANGUAGES],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    base_url: Spanned<String>,
    certificate: PathBuf,
    key: PathBuf,
    #[serde(default)]
    listen: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default = "default_control")]
    control: PathBuf,
    #[serde(default)]
    language: Language,
    #[serde(default)]
    help: RawHelp,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHelp {
    en: Option<Spanned<String>>,
    de: Option<Spanned<String>>,
}

fn default_control() -> PathBuf {
    "/run/mfad/control".into()
}

/// Reads the file at `path` and checks it.
///
/// # Errors
/// What is wrong with it.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let text = fs::read_to_string(path).map_err(|error| {
        let text = format!("the configuration cannot be read: {error}");
        Problems::of_file(path.display().to_string(), text, Vec::new())
    })?;
    let path = path.to_owned();
    parse(Source { path, text })
}

/// Checks what a file says.
///
/// # Errors
/// What is wrong with it.
pub fn parse(source: Source) -> Result<Config, Problems> {
    let sources = [source];
    let [Source { path, text }] = &sources;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut problems = Collector::new(&sources);
    let config = match toml::from_str::<Raw>(text) {
        Ok(raw) => Some(checked(raw, folder, &mut problems)),
        Err(error) => {
            let place = Place::new(0, error.span().unwrap_or_default());
            problems.add(Found::error(place, error.message().replace('\n', " ")));
            None
        }
    };
    match config {
        Some(config) if !problems.failed() => Ok(config),
        _ => Err(problems.finish()),
    }
}

fn checked(raw: Raw, folder: &Path, problems: &mut Collector<'_>) -> Config {
    let (host, base) = base_url(&raw.base_url, problems);
    let help = [raw.help.en, raw.help.de].map(|text| help(text, problems));
    Config {
        listen: listen(raw.listen, problems),
        certificate: folder.join(raw.certificate),
        key: folder.join(raw.key),
        site: Site {
            control: raw.control,
            host,
            base,
            language: raw.language,
            help,
        },
    }
}

fn place<T>(of: &Spanned<T>) -> Place {
    Place::new(0, of.span())
}

/// Name (with a port that is not 443) and path.
fn base_url(stated: &Spanned<String>, problems: &mut Collector<'_>) -> (String, String) {
    let url = stated.get_ref().parse::<Uri>().ok();
    let parts = url.as_ref().and_then(|url| {
        let authority = url.authority()?;
        let path = url.path().trim_end_matches('/');
        let plain = |sign: u8| sign.is_ascii_alphanumeric() || b"/-._".contains(&sign);
        let fits = url.scheme_str() == Some("https")
            && url.query().is_none()
            && !authority.as_str().contains('@')
            && path.bytes().all(plain)
            && !path.contains("//");
        fits.then(|| (authority.as_str().to_ascii_lowercase(), path.to_owned()))
    });
    let Some((host, base)) = parts else {
        let text = format!("\"{}\" cannot be what links begin with", stated.get_ref());
        let found = Found::error(place(stated), text);
        problems.add(found.label("like \"https://mfa.example.org\""));
        return Default::default();
    };
    let host = host.strip_suffix(":443").unwrap_or(&host);
    (host.to_owned(), base)
}

fn listen(
    stated: Option<Spanned<Vec<Spanned<String>>>>,
    problems: &mut Collector<'_>,
) -> Vec<SocketAddr> {
    let Some(stated) = stated else {
        return vec![SocketAddr::from(([0_u16; 8], 443))];
    };
    if stated.get_ref().is_empty() {
        let found = Found::error(place(&stated), "`listen` names no address");
        problems.add(found.label("without `listen` it is [::]:443"));
    }
    let mut addresses = Vec::new();
    for item in stated.get_ref() {
        match item.get_ref().parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let text = format!("\"{}\" is no address with a port", item.get_ref());
                let found = Found::error(place(item), text);
                problems.add(found.label("like \"[::]:443\" or \"192.0.2.5:443\""));
            }
        }
    }
    addresses
}

fn help(stated: Option<Spanned<String>>, problems: &mut Collector<'_>) -> String {
    let Some(stated) = stated else {
        return String::new();
    };
    let text = stated.get_ref();
    if text.chars().count() > HELP_CHARS_MAX || text.chars().any(char::is_control) {
        let text = format!("this is not one line of up to {HELP_CHARS_MAX} characters");
        problems.add(Found::error(place(&stated), text));
    }
    stated.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "base_url = \"https://mfa.example.org\"\ncertificate = \"web.crt\"\n\
                         key = \"/run/credentials/web.key\"\n";

    fn read(text: &str) -> Result<Config, String> {
        let source = Source {
            path: "/etc/mfad-web/web.toml".into(),
            text: text.to_owned(),
        };
        parse(source).map_err(|problems| problems.to_string())
    }

    #[test]
    fn three_keys_are_enough() {
        let config = read(LEAST).unwrap();
        assert_eq!(config.certificate, Path::new("/etc/mfad-web/web.crt"));
        assert_eq!(config.key, Path::new("/run/credentials/web.key"));
        assert_eq!(config.listen, ["[::]:443".parse().unwrap()]);
        assert_eq!(config.site.control, Path::new("/run/mfad/control"));
        let (host, base) = (&*config.site.host, &*config.site.base);
        assert_eq!((host, base), ("mfa.example.org", ""));
        assert!(read("").unwrap_err().contains("base_url"));
    }

    #[test]
    fn name_and_path_are_told_apart() {
        for (url, host, base) in [
            ("https://MFA.example.org/", "mfa.example.org", ""),
            ("https://a.example:443/mfa/", "a.example", "/mfa"),
            ("https://a.example:8443/x/y", "a.example:8443", "/x/y"),
            ("https://[::1]:8443", "[::1]:8443", ""),
        ] {
            let site = read(&LEAST.replace("https://mfa.example.org", url)).unwrap();
            assert_eq!((&*site.site.host, &*site.site.base), (host, base), "{url}");
        }
        for url in [
            "http://a.example",
            "a.example",
            "/mfa",
            "https://u@a.example",
            "https://a.example/?x",
            "https://a.example/%2e",
            "https://a.example/x//y",
            "https://a.example/{x}",
        ] {
            let said = read(&LEAST.replace("https://mfa.example.org", url)).unwrap_err();
            assert!(
                said.starts_with("/etc/mfad-web/web.toml:1:12: error: "),
                "{url}: {said}"
            );
        }
    }

    #[test]
    fn problems_are_told_at_once_with_their_lines() {
        let text =
            format!("{LEAST}listen = [\"443\", \"[::]:443\", \"x:1\"]\n[help]\nde = \"a\\nb\"\n");
        let said = read(&text).unwrap_err();
        for line in [
            "web.toml:4:11: error:",
            "web.toml:4:30: error:",
            "web.toml:6:6: error:",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        let said = read(&format!("{LEAST}listen_on = 1\n")).unwrap_err();
        assert!(
            said.contains("web.toml:4:1: error: unknown field `listen_on`"),
            "{said}"
        );
        let said = read(&format!("{LEAST}language = \"fr\"\n")).unwrap_err();
        assert!(
            said.contains("web.toml:4:12: error:") && said.contains("`de`"),
            "{said}"
        );
    }

    #[test]
    fn the_table_of_keys_is_what_is_read() {
        let said = read(&format!("{LEAST}nosuch = 1\n")).unwrap_err();
        let said = said + &read(&format!("{LEAST}[help]\nnosuch = 1\n")).unwrap_err();
        let known = |name: &str| said.contains(&format!("`{name}`"));
        for (key, _, _) in KEYS {
            assert!(known(key.rsplit('.').next().unwrap()), "{key}: {said}");
        }
        // Those, the two that are asked for, and the table of help.
        assert_eq!(said.matches('`').count() / 2, KEYS.len() + 3, "{said}");
        let stated = |key: &&Key| key.1.is_some();
        let lines: Vec<String> = KEYS
            .iter()
            .filter(stated)
            .map(|(key, default, _)| format!("{key} = {}", default.unwrap()))
            .collect();
        let all = read(&format!("{LEAST}{}", lines.join("\n"))).unwrap();
        assert_eq!(
            all,
            read(LEAST).unwrap(),
            "a default is what it is without the key"
        );
    }
}
