//! Parts of a record as screens show them.

use crate::control::reply::{self, Counter, FailedLogin, Login, Unlocked};
use crate::domain::delivery::destination;
use crate::domain::lockout::{LockReason, LockoutMode};
use crate::domain::methods::is_reached;
use crate::domain::passthrough;
use crate::domain::policy::Policy;
use crate::domain::token_record::{Status, Token, TokenKind, TokenState, effective};
use crate::domain::user::{Contact, UserRecord};
use crate::domain::wait;
use crate::time::{Now, Timestamp};
use crate::token::Factor;

use super::desk::Desk;
use super::mask;

/// Parts of one record under the rules of one moment.
pub(super) struct View<'a> {
    pub(super) record: &'a UserRecord,
    pub(super) policy: &'a Policy,
    pub(super) now: Now,
    /// Addresses are shown in clear.
    pub(super) clear: bool,
}

impl<'a> View<'a> {
    pub(super) fn of(desk: &'a Desk<'_>, record: &'a UserRecord) -> Self {
        Self {
            record,
            policy: desk.policy(),
            now: desk.now,
            clear: desk.sees_contacts(),
        }
    }

    pub(super) fn status(&self, token: &Token) -> Status {
        effective(self.record, token, self.policy, self.now)
    }

    /// What this site calls a type of token.
    pub(super) fn label(&self, kind: TokenKind) -> &'a str {
        self.policy.label(kind, self.policy.language)
    }

    /// A code of the token can be accepted. One that is sent has to arrive.
    pub(super) fn usable(&self, token: &Token) -> bool {
        let state = self.record.auth.token(token.id);
        let arrives = !token.kind.is_sent() || is_reached(token, &self.record.profile, self.policy);
        arrives && self.status(token).usable() && !state.is_some_and(|state| state.resync_required)
    }

    /// Tokens that a person can sign in with.
    pub(super) fn usable_primaries(&self) -> impl Iterator<Item = &'a Token> + use<'a, '_> {
        let tokens = self.record.profile.tokens.iter();
        tokens.filter(|token| token.primary() && self.usable(token))
    }

    pub(super) fn pin_blocked(&self) -> bool {
        self.record
            .auth
            .pin
            .blocked(self.policy.pin.block_duration, self.now)
    }

    /// `full`, `partial` or `none`.
    /// The groups of the person's set of which there is no token to sign in with.
    pub(super) fn groups_without(&self) -> Vec<&'a Vec<TokenKind>> {
        let groups = self.policy.groups(self.record.profile.set.as_deref());
        let lacks = |group: &&Vec<TokenKind>| {
            let mut usable = self.usable_primaries();
            !usable.any(|token| group.contains(&token.kind))
        };
        groups.iter().filter(lacks).collect()
    }

    /// Whether there is a token for each group of the person's set.
    pub(super) fn complete(&self) -> bool {
        let groups = self.policy.groups(self.record.profile.set.as_deref());
        !groups.is_empty() && self.groups_without().is_empty()
    }

    pub(super) fn enrolment(&self) -> &'static str {
        let mut tokens = self.record.profile.tokens.iter();
        if self.complete() {
            "full"
        } else if tokens.any(|token| token.primary() && self.status(token) != Status::Obsolete) {
            "partial"
        } else {
            "none"
        }
    }

    pub(super) fn lock(&self) -> Option<reply::Lock> {
        let lock = self.record.auth.lock.as_ref()?;
        let (count, limit) = match lock.reason {
            LockReason::PinBlocked => (self.record.auth.pin.failures, self.policy.pin.max_failures),
            LockReason::Failures | LockReason::Operator => {
                (lock.count, self.policy.lockout.user_limit())
            }
            LockReason::Inactivity => (0, 0),
        };
        Some(reply::Lock {
            since: lock.since.into(),
            reason: lock.reason.name().to_owned(),
            by: lock.by.as_deref().map(str::to_owned),
            until: lock.auto_until.map(Into::into),
            note: lock.note.to_string(),
            count,
            limit,
        })
    }

    pub(super) fn waits(&self) -> Vec<reply::Wait> {
        let waits = wait::all(self.record, self.now).into_iter();
        let shown = waits.map(|wait| reply::Wait {
            until: wait.until.into(),
            failures: wait.failures,
            known_at: wait.known_at.map(|gateway| gateway.to_string()),
            station: wait.station.map(|station| station.to_string()),
        });
        shown.collect()
    }

    pub(super) fn unlocked(&self) -> Option<Unlocked> {
        let unlocked = self.record.auth.unlocked.as_ref()?;
        Some(Unlocked {
            by: unlocked.by.to_string(),
            at: unlocked.at.into(),
        })
    }

    pub(super) fn last_login(&self) -> Option<Login> {
        let login = self.record.auth.last_login.as_ref()?;
        Some(Login {
            at: login.at.into(),
            gateway: login.gateway.to_string(),
            station: login.station.to_string(),
            token: login.token.map(|id| id.to_string()),
        })
    }

    pub(super) fn last_failed(&self) -> Option<FailedLogin> {
        let failed = self.record.auth.last_failed.as_ref()?;
        Some(FailedLogin {
            at: failed.at.into(),
            gateway: failed.gateway.to_string(),
            station: failed.station.to_string(),
        })
    }

    pub(super) fn token(&self, token: &Token) -> reply::Token {
        let fresh = TokenState::new(token.id);
        let state = self.record.auth.token(token.id).unwrap_or(&fresh);
        let status = self.status(token);
        let hotp = token.kind == TokenKind::Hotp;
        let base = serde_json::to_value(token.base_at(self.now));
        let locked = status == Status::Locked;
        let ends = |until: &Timestamp| {
            *until != Timestamp::NEVER && !state.hard_locked(self.policy.lockout.hard_cap)
        };
        reply::Token {
            id: token.id.to_string(),
            user: self.record.name().to_owned(),
            kind: token.kind.name().to_owned(),
            label: self.label(token.kind).to_owned(),
            status: status.name().to_owned(),
            s3: status.s3().map(str::to_owned),
            s4: status.s4().map(str::to_owned),
            base: base
                .ok()
                .and_then(|base| Some(base.as_str()?.to_owned()))
                .unwrap_or_default(),
            usable: self.usable(token),
            primary: token.primary(),
            description: token.description.clone(),
            serial: token.serial.clone(),
            via: token.delivery.as_ref().map(|it| it.via.name().to_owned()),
            to: destination(token, &self.record.profile).map(|to| match self.clear {
                true => to.address.to_owned(),
                false => to.masked(),
            }),
            algorithm: token.otp.map(|otp| otp.algorithm.to_string()),
            digits: token
                .otp
                .and_then(|otp| u32::try_from(otp.digits.count()).ok()),
            period_s: token.otp.and_then(|otp| period_s(otp.factor)),
            counter: hotp.then_some(state.next_factor),
            drift_steps: (token.kind == TokenKind::Totp).then_some(state.drift_steps),
            weak: token.weak,
            created: token.created.into(),
            created_by: token.created_by.clone(),
            registered_at: token.registered_at.map(Into::into),
            activated_at: state.activated_at.map(Into::into),
            last_used: state.last_used.as_ref().map(|used| reply::TokenUse {
                at: used.at.into(),
                gateway: used.gateway.to_string(),
                station: used.station.to_string(),
            }),
            last_failed: state.last_failed.map(Into::into),
            last_tested: token.last_tested.map(Into::into),
            updated: token.updated.into(),
            expires: token.expires.map(Into::into),
            disabled_until: token.disabled_until.map(Into::into),
            obsolete_reason: token.obsolete_reason.clone(),
            failures: state.soft,
            limit: self.policy.lockout.token_limit(token.kind),
            total: state.total,
            hard_cap: self.policy.lockout.hard_cap,
            locked_at: state.locked_at.filter(|_| locked).map(Into::into),
            locked_until: state
                .locked_until
                .filter(|_| locked)
                .filter(ends)
                .map(Into::into),
            codes_left: (token.kind == TokenKind::Recovery)
                .then(|| token.codes_left(self.record.auth.token(token.id))),
            questions: token.questions_held(),
            resync_required: state.resync_required,
        }
    }

    /// C1 to C4, for each token where they are a token's.
    // domain 8.1.
    pub(super) fn counters(&self) -> Vec<Counter> {
        let (auth, rules) = (&self.record.auth, &self.policy.lockout);
        let failed = auth.last_failed.as_ref().map(|failed| failed.at);
        let pin = (auth.pin.failures, self.policy.pin.max_failures);
        let (user, token_failures) = match rules.mode {
            LockoutMode::Lock => (USER_FAILURES, TOKEN_FAILURES),
            LockoutMode::Wait => (USER_WAITS, TOKEN_WAITS),
        };
        let mut counters = vec![
            PIN_FAILURES.row("pin", pin, None),
            user.row("user", (auth.soft, rules.user_limit()), failed),
            USER_TOTAL.row("user", (auth.total, rules.hard_cap), None),
        ];
        for token in &self.record.profile.tokens {
            if self.status(token) == Status::Obsolete {
                continue;
            }
            let state = auth.token(token.id);
            let (soft, total) = state.map_or((0, 0), |state| (state.soft, state.total));
            let failed = state.and_then(|state| state.last_failed);
            let id = token.id.to_string();
            let limit = rules.token_limit(token.kind);
            counters.push(token_failures.row(&id, (soft, limit), failed));
            counters.push(TOKEN_TOTAL.row(&id, (total, rules.hard_cap), failed));
        }
        for station in auth.stations.iter().filter(|station| station.failures > 0) {
            let of = format!("a station known at {}", station.gateway);
            counters.push(USER_WAITS.row(&of, (station.failures, 0), None));
        }
        counters.sort_by(|a, b| a.name.cmp(&b.name));
        counters
    }

    pub(super) fn grant(&self, grant: &passthrough::Grant) -> reply::Grant {
        let state = self.record.auth.grant(grant.id);
        let now = self.now.latest();
        let status = if grant.revoked.is_some() {
            "revoked"
        } else if state.is_some_and(|state| state.ended) || now >= grant.until {
            "ended"
        } else if self.now.earliest() < grant.from {
            "pending"
        } else {
            "valid"
        };
        reply::Grant {
            id: format!("P-{}", grant.id),
            user: self.record.name().to_owned(),
            status: status.to_owned(),
            from: grant.from.into(),
            until: grant.until.into(),
            left_s: grant.until.since(now).as_secs(),
            gateways: grant.gateways.clone(),
            by: grant.by.clone(),
            reason: grant.reason.clone(),
            renewals: grant.renewals,
            renewals_max: self.policy.passthrough.max_renewals,
            first_from: grant.first_from.into(),
            uses: state.map_or(0, |state| state.uses),
            last_use: state.and_then(|state| state.last_use).map(Into::into),
            revoked_by: grant.revoked.as_ref().map(|revoked| revoked.by.clone()),
            revoked_at: grant.revoked.as_ref().map(|revoked| revoked.when.into()),
        }
    }

    /// Grants that count now or will.
    pub(super) fn live_grants(&self) -> impl Iterator<Item = &'a passthrough::Grant> + use<'a, '_> {
        let now = self.now.latest();
        self.record.profile.grants.iter().filter(move |grant| {
            let ended = self
                .record
                .auth
                .grant(grant.id)
                .is_some_and(|state| state.ended);
            grant.revoked.is_none() && !ended && now < grant.until
        })
    }

    /// `none`, `set` or `blocked`.
    pub(super) fn pin_word(&self) -> &'static str {
        match self.record.profile.pin {
            None => "none",
            Some(_) if self.pin_blocked() => "blocked",
            Some(_) => "set",
        }
    }
}

/// What a failure counter is for.
struct Counted {
    name: &'static str,
    text: &'static str,
    effect: &'static str,
    cleared_by: &'static str,
}

const PIN_FAILURES: Counted = Counted {
    name: "C1",
    text: "wrong PINs",
    effect: "blocks the PIN",
    cleared_by: "right PIN, pin unblock, pin reset",
};
const TOKEN_FAILURES: Counted = Counted {
    name: "C2",
    text: "wrong codes",
    effect: "locks the token",
    cleared_by: "sign-in, token unlock, token resync, user unlock",
};
const USER_FAILURES: Counted = Counted {
    name: "C3",
    text: "failures",
    effect: "locks the user",
    cleared_by: "sign-in, user unlock, lock clear-counters",
};
/// C2 with `lockout.mode = "wait"`.
const TOKEN_WAITS: Counted = Counted {
    effect: "nothing: the wait is in its place",
    ..TOKEN_FAILURES
};
/// C3 with `lockout.mode = "wait"`.
const USER_WAITS: Counted = Counted {
    effect: "lets the next attempt wait",
    cleared_by: "sign-in from there, user unlock, lock clear-counters",
    ..USER_FAILURES
};
const USER_TOTAL: Counted = Counted {
    name: "C4",
    text: "wrong codes of no single token",
    effect: "ends all tokens",
    cleared_by: "sign-in with a token",
};
const TOKEN_TOTAL: Counted = Counted {
    name: "C4",
    text: "wrong codes since the last success",
    effect: "ends the token",
    cleared_by: "sign-in with it",
};

impl Counted {
    /// The counter of something, with its count and limit.
    fn row(&self, of: &str, (count, limit): (u32, u32), failed: Option<Timestamp>) -> Counter {
        Counter {
            name: self.name.to_owned(),
            of: of.to_owned(),
            text: self.text.to_owned(),
            count,
            limit,
            effect: self.effect.to_owned(),
            cleared_by: self.cleared_by.to_owned(),
            since: failed.filter(|_| count > 0).map(Into::into),
        }
    }
}

/// Length of a time step; none for what counts codes.
pub(super) fn period_s(factor: Factor) -> Option<u32> {
    match factor {
        Factor::Counter => None,
        Factor::Time { period_s } => Some(u32::from(period_s.seconds())),
    }
}

/// Addresses as the role may see them.
pub(super) fn contacts(
    contacts: &[Contact],
    clear: bool,
    masked: fn(&str) -> String,
) -> Vec<reply::Contact> {
    let shown = contacts.iter().map(|contact| reply::Contact {
        address: if clear {
            contact.address.clone()
        } else {
            masked(&contact.address)
        },
        verified: contact.verified,
    });
    shown.collect()
}

/// The main e-mail address and phone number, as the role may see them.
pub(super) fn main_contacts(record: &UserRecord, clear: bool) -> (Option<String>, Option<String>) {
    let main = |all: &[Contact], masked: fn(&str) -> String| {
        contacts(all.get(..1).unwrap_or_default(), clear, masked)
            .pop()
            .map(|c| c.address)
    };
    let profile = &record.profile;
    (
        main(&profile.emails, mask::email),
        main(&profile.phones, mask::phone),
    )
}
