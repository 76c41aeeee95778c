//! What is looked for, and where.

use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding};
use mfad::token::base32;

use crate::common::chance::Chance;
use crate::common::daemon::Daemon;
use crate::common::gateway::{CHALLENGE, Reply};
use crate::common::people::Person;

/// A secret, and the forms in which it is looked for.
struct Canary {
    what: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new(what: &str, secret: &[u8]) -> Self {
        let base32 = base32::encode(secret).expose().clone();
        let base64 = base64(secret);
        let hex: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
        let wide: Vec<u8> = secret.iter().flat_map(|octet| [*octet, 0]).collect();
        // As serde and Debug print octets.
        let list: Vec<String> = secret.iter().map(u8::to_string).collect();
        let forms = vec![
            secret.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            base32.to_lowercase().into_bytes(),
            base32.into_bytes(),
            base64.replace('+', "-").replace('/', "_").into_bytes(),
            base64.into_bytes(),
            wide,
            list.join(",").into_bytes(),
            list.join(", ").into_bytes(),
        ];
        Self {
            what: what.to_owned(),
            forms,
        }
    }
}

/// Everything that is looked for, found in one pass over what is searched.
struct Net<'a> {
    /// Forms by the two octets they begin with: few are compared at any one place.
    forms: Vec<Vec<(&'a str, &'a [u8])>>,
}

impl<'a> Net<'a> {
    fn new(canaries: &'a [Canary]) -> Self {
        let mut forms = vec![Vec::new(); 1 << 16];
        for canary in canaries {
            for form in &canary.forms {
                forms[start(form)].push((canary.what.as_str(), form.as_slice()));
            }
        }
        Self { forms }
    }

    /// The first secret that is there, and its form.
    fn find(&self, octets: &[u8]) -> Option<(&'a str, &'a [u8])> {
        let at = |(at, pair): (usize, &[u8])| {
            let mut forms = self.forms[start(pair)].iter();
            forms.find(|form| octets[at..].starts_with(form.1)).copied()
        };
        // Files are laid out ahead, with zeros.
        let end = octets.iter().rposition(|octet| *octet != 0).unwrap_or(0);
        let written = octets.get(..=end).unwrap_or_default();
        written.windows(2).enumerate().find_map(at)
    }
}

/// The first two octets as a number.
fn start(octets: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([octets[0], octets[1]]))
}

/// Without its padding, so that what follows does not matter.
fn base64(octets: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The octets that do not fill a group would change with what stands behind them.
    let whole = octets.chunks_exact(3).flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| char::from(SIGNS[(bits >> shift) as usize & 63]))
    });
    whole.collect()
}

/// Secrets that are like no others.
pub(crate) struct Planted {
    pub(crate) person: Person,
    canaries: Vec<Canary>,
}

impl Planted {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let mut person = Person::new("alice");
        let mut digits = |count| -> String {
            (0..count)
                .map(|_| char::from(b'0' + chance.octet() % 10))
                .collect()
        };
        person.pin = format!("7{}", digits(10));
        person.password = format!("zqx-{}-canary-{}", digits(8), digits(8));
        person.seed = chance.octets();
        let canaries = vec![
            Canary::new("PIN", person.pin.as_bytes()),
            Canary::new("password", person.password.as_bytes()),
            Canary::new("seed", &person.seed),
        ];
        Self { person, canaries }
    }

    pub(crate) fn watch(&mut self, what: &str, secret: &str) {
        self.watch_octets(what, secret.as_bytes());
    }

    pub(crate) fn watch_octets(&mut self, what: &str, secret: &[u8]) {
        self.canaries.push(Canary::new(what, secret));
    }

    /// A link or a ticket: the text, and what is random in it.
    pub(crate) fn watch_link(&mut self, what: &str, text: &str) {
        self.watch(what, text);
        let octets = Base64UrlUnpadded::decode_vec(text).unwrap();
        self.watch_octets(&format!("octets of the {what}"), &octets[16..]);
    }

    /// What ties the answer to a question, if it is one.
    pub(crate) fn watch_state(&mut self, reply: &Reply) {
        if reply.code == CHALLENGE {
            let state = String::from_utf8(reply.state()).unwrap();
            self.watch("State of a question", &state);
            let octet = |at: usize| u8::from_str_radix(&state[at..at + 2], 16).unwrap();
            let handle: Vec<u8> = (0..state.len()).step_by(2).map(octet).collect();
            self.watch_octets("handle of a question", &handle);
        }
    }

    /// What is found there of what is looked for.
    pub(crate) fn found(&self, octets: &[u8]) -> Option<&str> {
        Net::new(&self.canaries).find(octets).map(|(what, _)| what)
    }

    /// Searches something; it must hold none of them.
    pub(crate) fn search(&self, place: &str, octets: &[u8]) {
        if let Some((what, form)) = Net::new(&self.canaries).find(octets) {
            panic!(
                "the {what} is in {place}, as {}",
                String::from_utf8_lossy(form)
            );
        }
    }
}

pub(crate) fn search_process(daemon: &Daemon, planted: &Planted) {
    for file in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{file}", daemon.pid());
        // Not to be read at all is as good.
        if let Ok(octets) = fs::read(&path) {
            planted.search(&path, &octets);
        }
    }
}

pub(crate) fn search_folder(folder: &Path, planted: &Planted) {
    let mut searched = Vec::new();
    visit(folder, &mut |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kept = name == "key" || name.ends_with(".secret");
        if !kept {
            planted.search(&path.display().to_string(), &fs::read(path).unwrap());
            searched.push(name);
        }
    });
    let has = |part: &str| searched.iter().any(|name| name.contains(part));
    assert!(
        has("mfad.db") && has("canary0") && has("log"),
        "{searched:?}"
    );
}

pub(crate) fn visit(folder: &Path, see: &mut impl FnMut(&PathBuf)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            visit(&path, see);
        } else if kind.is_file() {
            see(&path);
        }
    }
}
