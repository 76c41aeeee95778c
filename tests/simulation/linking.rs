//! One-time links, written a second time: who may use which for what, how often, and what comes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use mfad::domain::command::{Command, Done, PageStep, Reveal, Step};
use mfad::secret::SecretBytes;
use mfad::time::Now;
use mfad::token::OtpCode;
use mfad::token::link::LinkSecret;

use super::person::{Kind, Person, Rules, Token, latest};

/// Links of one person, wrong uses of one, and wrong auth codes.
const LINKS_MAX: usize = 8;
const TRIES: u32 = 5;
/// How long the next step on a page may take.
const TICKET_MS: i64 = 600_000;
/// Tokens of one person.
const TOKENS_MAX: usize = 10;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Enrol,
    Confirm,
    Prove,
    Recovery,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    id: u32,
    pub(crate) what: For,
    expires: i64,
    tries: u32,
    /// What stands in the address; none until the store has told which of those that were sent it is.
    pub(crate) secret: Option<String>,
    /// The token that it proves.
    pub(crate) token: Option<String>,
}

/// An auth code that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct AuthCode {
    pub(crate) until: i64,
    failures: u32,
    /// None if the answer that showed it was lost.
    pub(crate) text: Option<String>,
}

/// A step on a page, as somebody takes it who has a secret.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) secret: String,
    pub(crate) step: Taken,
}

/// What is typed there.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    Begin { name: String, code: String },
    Prove { code: String },
    Recovery,
    Confirm,
}

/// Secrets that people were sent or shown, by what the store keeps of them.
pub(crate) type Secrets = BTreeMap<[u8; 32], String>;

/// What the store keeps of the secret of a link; none if it is none.
pub(crate) fn kept(secret: &str) -> Option<[u8; 32]> {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let octets = Base64UrlUnpadded::decode_vec(secret).ok()?;
    Some(Sha256::digest(octets.get(16..)?).into())
}

impl AuthCode {
    pub(crate) fn new(until: i64, done: Option<&Done>) -> Self {
        let shown = done.and_then(|done| match done.reveal.as_ref() {
            Some(Reveal::AuthCode(code)) => Some(code.expose()),
            _ => None,
        });
        Self {
            until,
            failures: 0,
            text: shown.map(|code| String::from_utf8(code.to_vec()).unwrap()),
        }
    }

    pub(crate) fn facts(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "auth code until {} failures={}",
            self.until, self.failures
        );
    }
}

impl Link {
    pub(crate) fn facts(&self, text: &mut String) {
        let Self {
            id,
            what,
            expires,
            tries,
            ..
        } = self;
        let _ = writeln!(text, "link {id} {what:?} until {expires} tries={tries}");
    }
}

impl Page {
    pub(crate) fn command(&self) -> Option<Command> {
        let what = match &self.step {
            Taken::Begin { name, code } => Step::Begin {
                user: name.clone(),
                code: (!code.is_empty()).then(|| SecretBytes::copy_of(code.as_bytes())),
            },
            Taken::Prove { code } => Step::Prove {
                code: OtpCode::parse(code.as_bytes()),
            },
            Taken::Recovery => Step::Recovery,
            Taken::Confirm => Step::Confirm,
        };
        Some(Command::Page(Box::new(PageStep {
            link: LinkSecret::parse(self.secret.as_bytes())?,
            from: "192.0.2.99".to_owned(),
            what,
        })))
    }

    /// Whether it is judged at all: everything else is refused without a trace. `shown` is the token
    /// that was to be shown anew when the step was made ready.
    pub(crate) fn allowed(&self, person: &Person, shown: Option<&String>, now: Now) -> bool {
        let Some(link) = person.link(&self.secret, now) else {
            return false;
        };
        match (&self.step, link.what) {
            (Taken::Begin { .. }, For::Enrol) => {
                let stale = person.shown().is_some_and(|token| {
                    let id = token.id.as_ref();
                    id.is_none() || id != shown
                });
                self.is_wrong(person, now) || !stale
            }
            (Taken::Prove { .. }, For::Prove) => {
                let waits = |token: &Token| token.waits_since().is_some();
                let token = link.token.as_ref().and_then(|id| person.named(id));
                !person.is_closed() && token.is_some_and(waits)
            }
            (Taken::Recovery, For::Recovery) | (Taken::Confirm, For::Confirm) => {
                !person.is_closed()
            }
            _ => false,
        }
    }

    /// Whether something is wrong with the use of a link that is good.
    fn is_wrong(&self, person: &Person, now: Now) -> bool {
        let Taken::Begin { name, code } = &self.step else {
            return false;
        };
        *name != person.name || person.may_not_enrol() || !person.is_auth_code(code, now)
    }

    /// What becomes of the person.
    ///
    /// # Errors
    /// The product says that a step was right which was wrong, or the other way round.
    pub(crate) fn take(
        &self,
        person: &mut Person,
        rules: &Rules,
        now: Now,
        done: Option<&Done>,
    ) -> Result<(), String> {
        let link = person.link(&self.secret, now).cloned();
        let link = link.ok_or("a link was used that is none")?;
        let right = match &self.step {
            Taken::Begin { name, .. } => {
                let wrong = self.is_wrong(person, now);
                if wrong && *name == person.name && !person.may_not_enrol() {
                    person.count_auth_code();
                }
                !wrong
            }
            Taken::Prove { code } => person.proves(&link, code, rules, now),
            Taken::Recovery | Taken::Confirm => true,
        };
        let said = done.is_none_or(|done| done.refused.is_none() == right);
        said.then_some(())
            .ok_or("a step on a page was not judged as it is")?;
        if !right {
            person.spoil_link(&link);
            return Ok(());
        }
        person.links.retain(|other| other.id != link.id);
        match &self.step {
            Taken::Begin { .. } => {
                person.auth_code = None;
                person.proven = true;
                person.show(seed(done), now);
                person.add_link(For::Prove, latest(now) + TICKET_MS, now);
            }
            Taken::Prove { code } => {
                let paper = person.tokens.iter().any(|it| it.kind == Kind::Recovery);
                let named = link.token.as_ref();
                let mut tokens = person.tokens.iter_mut();
                let token = tokens.find(|token| token.id.as_ref() == named);
                let token = token.ok_or("a token was proven that nobody has")?;
                let factor = token.find(code, rules, now).unwrap();
                token.consume(factor, "mfad-web", now);
                token.pending = None;
                person.is_enrolled(now);
                if !paper {
                    person.add_link(For::Recovery, latest(now) + TICKET_MS, now);
                }
            }
            Taken::Recovery => person.issue_codes(done),
            Taken::Confirm => person.proven = true,
        }
        Ok(())
    }
}

/// The secret of the token that a page shows.
fn seed(done: Option<&Done>) -> Vec<u8> {
    let Some(Reveal::OtpauthUri(uri)) = done.and_then(|done| done.reveal.as_ref()) else {
        return Vec::new();
    };
    let uri = std::str::from_utf8(uri.expose()).unwrap();
    let (_, rest) = uri.split_once("secret=").unwrap();
    let text = rest.split('&').next().unwrap();
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for sign in text.bytes() {
        let mut signs = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter();
        let value = signs.position(|known| *known == sign).unwrap();
        held = held << 5 | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from(held >> bits & 0xff).unwrap());
            held &= (1 << bits) - 1;
        }
    }
    octets
}

impl Person {
    /// The live link with this secret.
    fn link(&self, secret: &str, now: Now) -> Option<&Link> {
        let mut links = self.links.iter().rev();
        let found = links.find(|link| link.secret.as_deref() == Some(secret));
        found.filter(|link| latest(now) < link.expires)
    }

    /// Keeps a new link; those that are over go, and the oldest makes room.
    pub(crate) fn add_link(&mut self, what: For, expires: i64, now: Now) {
        let id = 1 + self.links.iter().map(|link| link.id).max().unwrap_or(0);
        self.links.retain(|link| latest(now) < link.expires);
        if self.links.len() == LINKS_MAX {
            self.links.remove(0);
        }
        self.links.push(Link {
            id,
            what,
            expires,
            tries: TRIES,
            secret: None,
            token: None,
        });
    }

    pub(crate) fn void_links(&mut self, what: For) {
        self.links.retain(|link| link.what != what);
    }

    /// A wrong use of a link.
    fn spoil_link(&mut self, link: &Link) {
        let mut links = self.links.iter_mut();
        let link = links.find(|other| other.id == link.id).unwrap();
        link.tries -= 1;
        self.links.retain(|link| link.tries > 0);
    }

    /// Whether nothing may be done on any page.
    fn is_closed(&self) -> bool {
        self.lock.is_some() || matches!(self.state, "deactivated" | "revoke")
    }

    /// What keeps this person from enrolling, whatever the link.
    fn may_not_enrol(&self) -> bool {
        let tokens = self.tokens.iter().filter(|token| !token.obsolete);
        self.is_closed() || tokens.count() >= TOKENS_MAX && self.shown().is_none()
    }

    /// The token that an opened enrolment shows anew.
    pub(crate) fn shown(&self) -> Option<&Token> {
        let waits = |token: &&Token| {
            token.waits_since().is_some() && token.kind == Kind::Totp && token.serial.is_none()
        };
        self.tokens.iter().rev().find(waits)
    }

    fn is_auth_code(&self, typed: &str, now: Now) -> bool {
        let live = self.auth_code.as_ref();
        let live = live.filter(|code| latest(now) < code.until);
        live.is_some_and(|code| code.text.as_deref() == Some(typed))
    }

    /// A wrong auth code behind a right link and name.
    fn count_auth_code(&mut self) {
        if let Some(code) = &mut self.auth_code {
            code.failures += 1;
        }
        self.auth_code.take_if(|code| code.failures >= TRIES);
    }

    /// A page shows a token: the one that waits already with a new secret, or another.
    fn show(&mut self, seed: Vec<u8>, now: Now) {
        let shown = Token {
            pending: Some(now.wall.0),
            ..Token::new(Kind::Totp, seed, 0)
        };
        let id = self.shown().map(|token| token.id.clone());
        let mut tokens = self.tokens.iter_mut();
        match id.and_then(|id| tokens.find(|token| token.id == id)) {
            Some(token) => {
                *token = Token {
                    id: token.id.clone(),
                    ..shown
                }
            }
            None => self.tokens.push(shown),
        }
    }

    /// A new set of codes on paper is the only one.
    pub(crate) fn issue_codes(&mut self, done: Option<&Done>) {
        self.tokens.retain(|token| token.kind != Kind::Recovery);
        let mut set = Token::new(Kind::Recovery, Vec::new(), 0);
        if let Some(Reveal::RecoveryCodes(codes)) = done.and_then(|done| done.reveal.as_ref()) {
            let text = std::str::from_utf8(codes.expose()).unwrap();
            set.codes = text.lines().map(|line| line.replace('-', "")).collect();
        }
        self.tokens.push(set);
    }

    fn proves(&self, link: &Link, code: &str, rules: &Rules, now: Now) -> bool {
        let token = link.token.as_ref().and_then(|id| self.named(id));
        token.is_some_and(|token| token.find(code, rules, now).is_some())
    }

    /// Whether a token is to be enrolled: one waits for its proof, or the state asks for it.
    pub(crate) fn enrols(&self) -> bool {
        matches!(self.state, "update" | "renew") || self.wants_code()
    }

    /// Whether something waits for an auth code.
    pub(crate) fn wants_code(&self) -> bool {
        super::orders::wants_code(self.state)
            || self.rekey
            || self.tokens.iter().any(|it| it.waits_since().is_some())
            || self.links.iter().any(|link| link.what == For::Enrol)
    }
}
