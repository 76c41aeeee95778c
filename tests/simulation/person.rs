//! What the model knows of a person, and the same facts as the store has them: two texts that must
//! be equal. Nothing here calls the rules of the product; they are written a second time.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use mfad::domain::token_record::{Base, TokenKind, TokenState};
use mfad::domain::user::UserRecord;
use mfad::time::Now;

/// Milliseconds of a time step.
const STEP_MS: i64 = 30_000;

/// How a site counts, in milliseconds and failures; 0 ms: does not end by itself.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
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

#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// As the product prints it; none until a reply or the store has told.
    pub(crate) id: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) seed: Vec<u8>,
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
    pub(crate) obsolete: bool,
    pub(crate) resync: bool,
    pub(crate) activated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Failures,
    Pin,
    Operator,
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
    pub(crate) revision: u64,
    pub(crate) soft: u32,
    pub(crate) total: u32,
    pub(crate) lock: Option<(Why, Option<i64>)>,
    pub(crate) pin: Option<Vec<u8>>,
    pub(crate) pin_failures: u32,
    pub(crate) pin_blocked: Option<i64>,
    pub(crate) last_failed: Option<i64>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) grants: Vec<Grant>,
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

impl Token {
    pub(crate) fn new(kind: Kind, seed: Vec<u8>, next: u64) -> Self {
        Self {
            id: None,
            kind,
            seed,
            codes: Vec::new(),
            used: 0,
            next,
            drift: 0,
            last: None,
            soft: 0,
            total: 0,
            locked_until: None,
            disabled: None,
            obsolete: false,
            resync: false,
            activated: false,
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

    fn locked(&self, rules: &Rules, now: Now) -> bool {
        self.total >= rules.hard_cap || self.locked_until.is_some_and(|until| earliest(now) < until)
    }
}

impl Person {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            state: "new",
            revision: 1,
            soft: 0,
            total: 0,
            lock: None,
            pin: None,
            pin_failures: 0,
            pin_blocked: None,
            last_failed: None,
            tokens: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// One who is not there: no record has revision 0.
    pub(crate) fn nobody(name: &'static str) -> Self {
        Self {
            revision: 0,
            ..Self::new(name)
        }
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
                    let step = step_at(latest(now)).saturating_add_signed(token.drift.max(0));
                    token.next = token.next.max(step + rules.window + 1);
                }
            }
        }
        self.grants.iter_mut().for_each(|grant| grant.ended = true);
        if !(self.tokens.is_empty() && self.grants.is_empty()) {
            self.revision += 1;
        }
    }

    pub(crate) fn usable(&self, token: &Token, rules: &Rules, now: Now) -> bool {
        !token.obsolete
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

    /// Writes down what time alone has ended; whether anything was.
    pub(crate) fn lapse(&mut self, rules: &Rules, now: Now) -> bool {
        let mut changed = false;
        if let Some((why, Some(until))) = self.lock
            && earliest(now) >= until
        {
            self.lock = None;
            self.soft = 0;
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
        let idle = self
            .last_failed
            .is_some_and(|at| rules.idle_ms > 0 && earliest(now) >= at + rules.idle_ms);
        if idle && self.soft > 0 && self.lock.is_none() {
            self.soft = 0;
            changed = true;
        }
        changed
    }

    /// Everything that decides what the next attempt meets.
    pub(crate) fn facts(&self) -> String {
        if self.revision == 0 {
            return format!("{} is not there\n", self.name);
        }
        let mut text = format!(
            "{} rev={} {} soft={} total={} pin={} {}/{:?} failed={:?}\n",
            self.name,
            self.revision,
            self.state,
            self.soft,
            self.total,
            self.pin.is_some(),
            self.pin_failures,
            self.pin_blocked,
            self.last_failed,
        );
        if let Some((why, until)) = &self.lock {
            let _ = writeln!(text, "lock {why:?} {until:?}");
        }
        for token in &self.tokens {
            let last = token.last.as_ref().map(|last| {
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
                "token {:?} off={:?} gone={} next={} drift={} {last:?} {}/{} locked={:?} \
                 used={:b} resync={} active={}",
                token.kind,
                token.disabled,
                token.obsolete,
                token.next,
                token.drift,
                token.soft,
                token.total,
                token.locked_until,
                token.used,
                token.resync,
                token.activated,
            );
        }
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
    pub(crate) fn learn_names(&mut self, record: &UserRecord) {
        for (token, stored) in self.tokens.iter_mut().zip(&record.profile.tokens) {
            token.id = Some(stored.id.to_string());
        }
        for (grant, stored) in self.grants.iter_mut().zip(&record.profile.grants) {
            grant.id = Some(stored.id);
        }
    }
}

/// The same facts of a record of the store.
pub(crate) fn facts(record: &UserRecord) -> String {
    let (profile, auth) = (&record.profile, &record.auth);
    let mut text = format!(
        "{} rev={} {} soft={} total={} pin={} {}/{:?} failed={:?}\n",
        profile.name,
        auth.revision,
        profile.state.name(),
        auth.soft,
        auth.total,
        profile.pin.is_some(),
        auth.pin.failures,
        auth.pin.blocked_since.map(|at| at.0),
        auth.last_failed.as_ref().map(|last| last.at.0),
    );
    if let Some(lock) = &auth.lock {
        let why = match lock.reason.name() {
            "Failures" => Why::Failures,
            "PinBlocked" => Why::Pin,
            _ => Why::Operator,
        };
        let _ = writeln!(text, "lock {why:?} {:?}", lock.auto_until.map(|at| at.0));
    }
    for token in &profile.tokens {
        let untouched = TokenState::new(token.id);
        let state = auth.token(token.id).unwrap_or(&untouched);
        let kind = match token.kind {
            TokenKind::Hotp => Kind::Hotp,
            TokenKind::Totp => Kind::Totp,
            TokenKind::Recovery => Kind::Recovery,
        };
        let last = state.accepted.as_ref().map(|last| {
            (
                last.factor,
                last.at.0,
                last.gateway.to_string(),
                last.grace_used,
            )
        });
        let disabled =
            (token.base == Base::Disabled).then(|| token.disabled_until.map(|until| until.0));
        let _ = writeln!(
            text,
            "token {kind:?} off={disabled:?} gone={} next={} drift={} {last:?} {}/{} locked={:?} \
             used={:b} resync={} active={}",
            token.base == Base::Obsolete,
            state.next_factor,
            state.drift_steps,
            state.soft,
            state.total,
            state.locked_until.map(|until| until.0),
            state.recovery_used,
            state.resync_required,
            state.activated_at.is_some(),
        );
    }
    for grant in &profile.grants {
        let state = auth.grant(grant.id);
        let _ = writeln!(
            text,
            "grant {}..{} revoked={} ended={} uses={}",
            grant.from.0,
            grant.until.0,
            grant.revoked.is_some(),
            state.is_some_and(|state| state.ended),
            state.map_or(0, |state| state.uses),
        );
    }
    text
}
