//! What the model knows of a person and of a device. Nothing here calls the rules of the product;
//! they are written a second time.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use mfad::domain::link::Purpose;
use mfad::domain::user::UserRecord;
use mfad::time::Now;

use super::asking::{Dialogue, hex};
use super::linking::{AuthCode, For, Link, Secrets};
use super::waiting::{Count, Source, Station};

/// Milliseconds of a time step.
const STEP_MS: i64 = 30_000;
/// How long a token waits for its proof.
pub(crate) const PENDING_MS: i64 = 1_800_000;
/// Steps that a device may be fast or slow.
const DRIFT_MAX: u64 = 10;

/// How a site counts, in milliseconds and failures; 0 ms: does not end by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Failures make the next attempt wait, and lock neither the name nor a token.
    pub(crate) wait: bool,
    pub(crate) failures_max: u32,
    pub(crate) lock_ms: i64,
    pub(crate) idle_ms: i64,
    pub(crate) token_failures_max: u32,
    pub(crate) token_lock_ms: i64,
    pub(crate) hard_cap: u32,
    pub(crate) pin_failures_max: u32,
    pub(crate) pin_block_ms: i64,
    pub(crate) pin_block_locks: bool,
    pub(crate) look_ahead: u64,
    pub(crate) window: u64,
    pub(crate) resync_window: u64,
    pub(crate) end_on_enrol: bool,
    pub(crate) end_on_token_use: bool,
    pub(crate) inactive_ms: i64,
    pub(crate) challenge_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hotp,
    Totp,
    Recovery,
}

/// The code that was accepted last.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) factor: u64,
    pub(crate) at: i64,
    pub(crate) gateway: &'static str,
    pub(crate) grace_used: bool,
}

/// A hardware token as it lies on a desk: it knows its seed, whoever has it.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) serial: String,
    pub(crate) kind: Kind,
    pub(crate) seed: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// As the product prints it; none until a reply or the store has told.
    pub(crate) id: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) seed: Vec<u8>,
    /// Of a device: its serial, and which import of its seed it came with.
    pub(crate) serial: Option<String>,
    pub(crate) import: u64,
    /// Of a recovery set: the codes, without dashes; none are known if the reply was lost.
    pub(crate) codes: Vec<String>,
    pub(crate) used: u64,
    pub(crate) next: u64,
    pub(crate) drift: i64,
    pub(crate) last: Option<Last>,
    pub(crate) soft: u32,
    pub(crate) total: u32,
    pub(crate) locked_until: Option<i64>,
    /// Switched off, until then if so.
    pub(crate) disabled: Option<Option<i64>>,
    /// Made then, and not proven since.
    pub(crate) pending: Option<i64>,
    pub(crate) obsolete: bool,
    /// Its serial is never to be anybody's again.
    pub(crate) compromised: bool,
    pub(crate) resync: bool,
    pub(crate) activated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Failures,
    Pin,
    Operator,
    Inactivity,
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: Option<u32>,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) revoked: bool,
    pub(crate) ended: bool,
    pub(crate) uses: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    /// How many had this name before.
    pub(crate) former: u32,
    pub(crate) revision: u64,
    /// Failures of the name: all of them under the lock, those of strangers under the wait.
    pub(crate) count: Count,
    pub(crate) stations: Vec<Station>,
    pub(crate) total: u32,
    pub(crate) lock: Option<(Why, Option<i64>)>,
    pub(crate) pin: Option<Vec<u8>>,
    pub(crate) pin_failures: u32,
    pub(crate) pin_blocked: Option<i64>,
    pub(crate) last_failed: Option<i64>,
    /// When somebody with this name was made, came into the state, was let in, and was unlocked.
    pub(crate) made: i64,
    pub(crate) state_since: i64,
    pub(crate) let_in: i64,
    pub(crate) unlocked: i64,
    /// The auth code that was handed out.
    pub(crate) auth_code: Option<AuthCode>,
    pub(crate) links: Vec<Link>,
    pub(crate) has_address: bool,
    /// The address is one that the person reads.
    pub(crate) proven: bool,
    /// A secret was reset, and no new token is proven yet.
    pub(crate) rekey: bool,
    /// A recovery code has brought the state about.
    pub(crate) recovered: bool,
    /// And a new token has come since.
    pub(crate) replaced: bool,
    pub(crate) tokens: Vec<Token>,
    pub(crate) grants: Vec<Grant>,
    /// Questions that wait for their answers, the oldest first.
    pub(crate) dialogues: Vec<Dialogue>,
}

/// The earlier of the two readings: what a penalty has to wait for.
pub(crate) fn earliest(now: Now) -> i64 {
    now.wall.0.min(now.steady.0)
}

/// The later of the two readings: what ends a right.
pub(crate) fn latest(now: Now) -> i64 {
    now.wall.0.max(now.steady.0)
}

/// The time step of an instant.
pub(crate) fn step_at(ms: i64) -> u64 {
    u64::try_from(ms.max(0) / STEP_MS).unwrap()
}

/// The six digits of a counter or step (RFC 4226 s5.3).
pub(crate) fn code_of(seed: &[u8], factor: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).unwrap();
    mac.update(&factor.to_be_bytes());
    let full = mac.finalize().into_bytes();
    let at = usize::from(full[19] & 15);
    let octets: [u8; 4] = full[at..at + 4].try_into().unwrap();
    format!(
        "{:06}",
        (u32::from_be_bytes(octets) & 0x7fff_ffff) % 1_000_000
    )
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.serial)
    }
}

/// The first step that no code can have been accepted of so far, however fast its device is.
pub(crate) fn first_unused(rules: &Rules, now: Now) -> u64 {
    step_at(latest(now)) + DRIFT_MAX + rules.window + 1
}

impl Device {
    pub(crate) const ALL: std::ops::RangeInclusive<usize> = 1..=8;

    /// One of those that there are.
    pub(crate) fn numbered(number: usize) -> Self {
        Self {
            serial: format!("S-{number:03}"),
            kind: match number {
                1 | 4 | 6 | 7 => Kind::Totp,
                _ => Kind::Hotp,
            },
            seed: format!("12345678901234567{number:03}").into_bytes(),
        }
    }

    pub(crate) fn of_serial(serial: &str) -> Option<Self> {
        let mut all = Self::ALL.map(Self::numbered);
        all.find(|device| device.serial == serial)
    }
}

impl Token {
    pub(crate) fn new(kind: Kind, seed: Vec<u8>, next: u64) -> Self {
        Self {
            id: None,
            kind,
            seed,
            serial: None,
            import: 0,
            codes: Vec::new(),
            used: 0,
            next,
            drift: 0,
            last: None,
            soft: 0,
            total: 0,
            locked_until: None,
            disabled: None,
            pending: None,
            obsolete: false,
            compromised: false,
            resync: false,
            activated: false,
        }
    }

    /// What its codes are codes of, for ever: the seed as it was imported, or the paper.
    pub(crate) fn source_of_codes(&self) -> String {
        match &self.serial {
            Some(serial) => format!("{:?} {serial} import {}", self.kind, self.import),
            None if self.kind == Kind::Totp => format!("Totp {}", hex(&self.seed)),
            None => self.codes.concat(),
        }
    }

    /// The factors whose codes may be accepted.
    pub(crate) fn window(&self, rules: &Rules, now: Now) -> std::ops::RangeInclusive<u64> {
        match self.kind {
            Kind::Hotp => self.next..=self.next + rules.look_ahead,
            _ => {
                let centre = step_at(now.wall.0).saturating_add_signed(self.drift);
                centre.saturating_sub(rules.window).max(self.next)..=centre + rules.window
            }
        }
    }

    /// The lowest factor that may be accepted and has this code.
    pub(crate) fn find(&self, code: &str, rules: &Rules, now: Now) -> Option<u64> {
        self.window(rules, now)
            .find(|factor| code_of(&self.seed, *factor) == code)
    }

    /// Uses a code up.
    pub(crate) fn consume(&mut self, factor: u64, gateway: &'static str, now: Now) {
        self.next = self.next.max(factor + 1);
        self.drift = match self.kind {
            Kind::Totp => {
                let off = i128::from(factor) - i128::from(step_at(now.wall.0));
                i64::try_from(off.clamp(-10, 10)).unwrap()
            }
            _ => 0,
        };
        self.last = Some(Last {
            factor,
            at: now.wall.0,
            gateway,
            grace_used: true,
        });
    }

    fn switched_off(&self, now: Now) -> bool {
        self.disabled
            .is_some_and(|until| until.is_none_or(|until| earliest(now) < until))
    }

    /// Since when it waits for its proof, if it does.
    pub(crate) fn waits_since(&self) -> Option<i64> {
        self.pending
            .filter(|_| !self.obsolete && self.disabled.is_none())
    }

    /// What is stored of it, as a line.
    fn facts(&self, text: &mut String) {
        let last = self.last.as_ref().map(|last| {
            let Last {
                factor,
                at,
                gateway,
                grace_used,
            } = last;
            (*factor, *at, (*gateway).to_owned(), *grace_used)
        });
        let _ = writeln!(
            text,
            "token {:?} {:?} waits={} off={:?} gone={} next={} drift={} {last:?} {}/{} \
             locked={:?} used={:b} resync={} active={}",
            self.kind,
            self.serial,
            self.waits_since().is_some(),
            self.disabled,
            self.obsolete,
            self.next,
            self.drift,
            self.soft,
            self.total,
            self.locked_until,
            self.used,
            self.resync,
            self.activated,
        );
    }

    fn locked(&self, rules: &Rules, now: Now) -> bool {
        self.total >= rules.hard_cap || self.locked_until.is_some_and(|until| earliest(now) < until)
    }
}

impl Person {
    /// One who is not there: no record has revision 0.
    pub(crate) fn nobody(name: &'static str) -> Self {
        Self {
            name,
            state: "new",
            former: 0,
            revision: 0,
            count: Count::default(),
            stations: Vec::new(),
            total: 0,
            lock: None,
            pin: None,
            pin_failures: 0,
            pin_blocked: None,
            last_failed: None,
            made: 0,
            state_since: 0,
            let_in: 0,
            unlocked: 0,
            auth_code: None,
            links: Vec::new(),
            has_address: false,
            proven: false,
            rekey: false,
            recovered: false,
            replaced: false,
            tokens: Vec::new(),
            grants: Vec::new(),
            dialogues: Vec::new(),
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.revision > 0
    }

    /// Which record it is: of the how manieth of this name, changed how often.
    pub(crate) fn version(&self) -> (u32, u64) {
        (self.former, self.revision)
    }

    /// The token that the product calls so.
    pub(crate) fn named(&self, id: &str) -> Option<&Token> {
        let mut tokens = self.tokens.iter();
        tokens.find(|token| token.id.as_deref() == Some(id))
    }

    /// The token that is this device.
    pub(crate) fn with_serial(&self, serial: &str) -> Option<&Token> {
        let mut tokens = self.tokens.iter();
        tokens.find(|token| token.serial.as_deref() == Some(serial))
    }

    /// Gets a token that an operator has seen at work.
    pub(crate) fn enrol(&mut self, token: Token, now: Now) {
        self.tokens.push(token);
        self.is_enrolled(now);
    }

    /// A token is proven: what was to lead to it is void.
    pub(crate) fn is_enrolled(&mut self, now: Now) {
        (self.auth_code, self.rekey) = (None, false);
        self.replaced = self.recovered;
        self.void_links(For::Enrol);
        if matches!(self.state, "new" | "replace") {
            self.dialogues.clear();
            self.comes_to("steady", now);
        }
    }

    /// The state from now on.
    pub(crate) fn comes_to(&mut self, state: &'static str, now: Now) {
        (self.state, self.state_since) = (state, now.wall.0);
        (self.rekey, self.recovered, self.replaced) = (false, false, false);
    }

    /// All is right: a recovery code asks for a new token, and a token shows that none is lost.
    pub(crate) fn shows(&mut self, how: &str, now: Now) {
        if how == "recovery" && self.state == "steady" && !self.rekey {
            self.comes_to("update", now);
            (self.recovered, self.auth_code) = (true, None);
        } else if how != "recovery" && self.recovered {
            self.comes_to("steady", now);
            self.auth_code = None;
        }
    }

    /// Nobody has come in under this name for too long.
    fn inactive(&self, rules: &Rules, now: Now) -> bool {
        let begins = [self.made, self.state_since, self.let_in, self.unlocked];
        rules.inactive_ms > 0
            && self.lock.is_none()
            && !matches!(self.state, "deactivated" | "revoke")
            && earliest(now) >= begins.into_iter().max().unwrap() + rules.inactive_ms
    }

    /// What a store of the past has to forget before anybody may use it.
    pub(crate) fn fence(&mut self, rules: &Rules, now: Now) {
        for token in &mut self.tokens {
            if let Some(last) = &mut token.last {
                last.grace_used = true;
            }
            match token.kind {
                Kind::Hotp => token.resync = true,
                Kind::Recovery => token.used = u64::MAX,
                Kind::Totp => {
                    token.next = token.next.max(first_unused(rules, now));
                }
            }
        }
        self.grants.iter_mut().for_each(|grant| grant.ended = true);
        let coded = self.auth_code.take().is_some();
        let asked = !std::mem::take(&mut self.dialogues).is_empty();
        let linked = !std::mem::take(&mut self.links).is_empty();
        if coded || asked || linked || !(self.tokens.is_empty() && self.grants.is_empty()) {
            self.revision += 1;
        }
    }

    pub(crate) fn usable(&self, token: &Token, rules: &Rules, now: Now) -> bool {
        !token.obsolete
            && token.pending.is_none()
            && self.state != "deactivated"
            && !token.switched_off(now)
            && !token.locked(rules, now)
    }

    /// Tokens whose codes count; recovery sets are not among them.
    pub(crate) fn candidates(&self, rules: &Rules, now: Now) -> Vec<usize> {
        let counts = |token: &Token| {
            token.kind != Kind::Recovery && !token.resync && self.usable(token, rules, now)
        };
        (0..self.tokens.len())
            .filter(|at| counts(&self.tokens[*at]))
            .collect()
    }

    /// Whether the token there is a recovery set whose codes count.
    pub(crate) fn is_paper(&self, at: usize, rules: &Rules, now: Now) -> bool {
        let token = &self.tokens[at];
        token.kind == Kind::Recovery && self.usable(token, rules, now)
    }

    pub(crate) fn is_locked(&self, now: Now) -> bool {
        self.lock
            .is_some_and(|(_, until)| until.is_none_or(|until| earliest(now) < until))
    }

    pub(crate) fn is_pin_blocked(&self, rules: &Rules, now: Now) -> bool {
        self.pin_blocked.is_some_and(|since| {
            rules.pin_block_ms == 0 || earliest(now) < since + rules.pin_block_ms
        })
    }

    /// The grant that lets this person in, of several the one that ends last.
    pub(crate) fn granted(&self, now: Now) -> Option<usize> {
        let open = |grant: &Grant| {
            !grant.revoked
                && !grant.ended
                && grant.from <= earliest(now)
                && latest(now) < grant.until
        };
        (0..self.grants.len())
            .filter(|at| open(&self.grants[*at]))
            .max_by_key(|at| self.grants[*at].until)
    }

    /// Why an attempt from there is refused without a look at its passcode, if it is.
    pub(crate) fn shut(&self, source: Source, rules: &Rules, now: Now) -> Option<&'static str> {
        // A lock that is over takes the waits along.
        let mut settled = self.clone();
        settled.lapse(rules, now);
        match settled.state {
            "deactivated" => Some("deactivated"),
            "revoke" => Some("revoked"),
            _ if settled.is_locked(now) => Some("locked"),
            _ if settled.waits(source, now) => Some("waiting"),
            _ => None,
        }
    }

    /// Tokens that were not proven in time are gone; whether any was.
    pub(crate) fn drop_unproven(&mut self, now: Now) -> bool {
        let late = |token: &Token| {
            let since = token.waits_since();
            since.is_some_and(|since| latest(now) >= since + PENDING_MS)
        };
        let before = self.tokens.len();
        self.tokens.retain(|token| !late(token));
        self.tokens.len() < before
    }

    /// Writes down what time alone has ended; whether anything was.
    pub(crate) fn lapse(&mut self, rules: &Rules, now: Now) -> bool {
        let mut changed = false;
        if let Some((why, Some(until))) = self.lock
            && earliest(now) >= until
        {
            self.lock = None;
            self.unlocked = now.wall.0;
            self.forgive();
            self.tokens.iter_mut().for_each(|token| token.soft = 0);
            if why == Why::Pin {
                (self.pin_failures, self.pin_blocked) = (0, None);
            }
            changed = true;
        }
        if self.pin_blocked.is_some() && !self.is_pin_blocked(rules, now) {
            (self.pin_failures, self.pin_blocked) = (0, None);
            changed = true;
        }
        for token in &mut self.tokens {
            let over = token
                .locked_until
                .is_some_and(|until| earliest(now) >= until);
            if over && token.total < rules.hard_cap {
                (token.locked_until, token.soft) = (None, 0);
                changed = true;
            }
        }
        for grant in &mut self.grants {
            if !grant.revoked && !grant.ended && latest(now) >= grant.until {
                grant.ended = true;
                changed = true;
            }
        }
        changed |= self.drop_unproven(now);
        let over = |code: &mut AuthCode| latest(now) >= code.until;
        changed |= self.auth_code.take_if(over).is_some();
        if self.inactive(rules, now) {
            self.lock = Some((Why::Inactivity, None));
            self.dialogues.clear();
            changed = true;
        }
        let idle = self
            .last_failed
            .is_some_and(|at| rules.idle_ms > 0 && earliest(now) >= at + rules.idle_ms);
        if idle && self.has_failed() && self.lock.is_none() && !self.waits_somewhere(now) {
            self.forgive();
            changed = true;
        }
        changed
    }

    /// Everything that decides what the next attempt meets.
    pub(crate) fn facts(&self) -> String {
        if !self.exists() {
            return format!("{} is not there\n", self.name);
        }
        let mut text = format!(
            "{} rev={} {} failures={}/{:?} total={} pin={} {}/{:?} failed={:?}\n",
            self.name,
            self.revision,
            self.state,
            self.count.failures,
            self.count.until,
            self.total,
            self.pin.is_some(),
            self.pin_failures,
            self.pin_blocked,
            self.last_failed,
        );
        let lock = self
            .lock
            .map(|(why, until)| format!("lock {why:?} {until:?}\n"));
        text.extend(lock);
        let _ = writeln!(text, "address proven: {}", self.proven);
        if let Some(code) = &self.auth_code {
            code.facts(&mut text);
        }
        self.links.iter().for_each(|link| link.facts(&mut text));
        if self.rekey {
            text.push_str("a new token is awaited\n");
        }
        for Station {
            source,
            seen,
            count,
        } in &self.stations
        {
            let _ = writeln!(
                text,
                "known at {} from {} seen={seen} failures={}/{:?}",
                source.gateway, source.station, count.failures, count.until
            );
        }
        self.tokens.iter().for_each(|token| token.facts(&mut text));
        self.dialogues.iter().for_each(|it| it.facts(&mut text));
        for grant in &self.grants {
            let _ = writeln!(
                text,
                "grant {}..{} revoked={} ended={} uses={}",
                grant.from, grant.until, grant.revoked, grant.ended, grant.uses
            );
        }
        text
    }

    /// Takes over what the product has named and the model cannot know.
    pub(crate) fn learn_names(&mut self, record: &UserRecord, secrets: &Secrets) {
        for (token, stored) in self.tokens.iter_mut().zip(&record.profile.tokens) {
            token.id = Some(stored.id.to_string());
        }
        for (link, stored) in self.links.iter_mut().zip(&record.profile.links) {
            link.secret = secrets.get(&stored.hash).cloned();
            if let Purpose::Prove { token } = stored.purpose {
                link.token = Some(token.to_string());
            }
        }
        for (grant, stored) in self.grants.iter_mut().zip(&record.profile.grants) {
            grant.id = Some(stored.id);
        }
    }
}
