//! How far off a wrong code was: what `why` can say of a phone's clock.
//!
//! A phone whose clock is wrong shows codes that are right at another time, and a counter that has
//! run ahead shows codes that are right later. Once a code was refused, this looks for it around the
//! window, as far as a resync would, and gives the distance alone. It decides nothing: the verdict
//! has left before anybody asks.

use std::fmt;
use std::ops::RangeInclusive;

use super::attempt::{Attempt, Split, split};
use super::command::words::count;
use super::methods;
use super::policy::{PasscodeForm, Policy};
use super::sealed::{Field, Unseal};
use super::token_record::Token;
use super::user::UserRecord;
use super::verify;
use crate::token::{Factor, Otp, Period, Progress, TokenId, totp};
/// Where a refused code was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// It is a code of this token.
    pub token: TokenId,
    /// Steps or counters from the one that was expected; below zero: late.
    pub off: i64,
    /// The length of a step; none: counters.
    pub period: Option<Period>,
}

/// `7 steps late`, `1 step early`, `12 counters ahead`.
impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = self.off.unsigned_abs();
        let (noun, way) = match (self.period, self.off < 0) {
            (Some(_), true) => ("step", "late"),
            (Some(_), false) => ("step", "early"),
            (None, _) => ("counter", "ahead"),
        };
        write!(f, "{} {way}", count(off, noun))
    }
}

/// Looks for the code of a refused attempt at other steps and counters.
///
/// Every factor of every token is tried whatever is found, so the work tells nothing about the code.
/// A token at the hard cap is left out: its codes open nothing any more. What lies in the window of
/// a token that counts is not far off; it was refused because it, or a later one, was used.
#[must_use]
pub fn distance(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
) -> Option<Distance> {
    let now = attempt.received;
    let form = match attempt.gateway.passcode {
        // What was refused for its code is the answer to the question for it.
        PasscodeForm::Challenge => PasscodeForm::Otp,
        form => form,
    };
    let counting = methods::candidates(record, &attempt.gateway, policy, &[], now);
    let look = |token: &Token| {
        let (otp, sealed) = (token.otp?, token.seed.as_ref()?);
        let state = record.auth.token(token.id);
        if state.is_some_and(|state| state.hard_locked(policy.lockout.hard_cap)) {
            return None;
        }
        let Split { code, .. } = split(form, attempt.passcode(), otp.digits)?;
        let seed = unseal.open(Field::Seed(record.id, token.id), sealed)?;
        let range = Range::of(otp, verify::progress(state), policy, attempt);
        let factor = otp.find(seed.expose(), &code, range.looked_at)?;
        let counts = counting.clone().any(|one| one.id == token.id);
        let off = i64::try_from(i128::from(factor) - i128::from(range.expected)).ok()?;
        let period = match otp.factor {
            Factor::Counter => None,
            Factor::Time { period_s } => Some(period_s),
        };
        let token = token.id;
        let found = Distance { token, off, period };
        (!counts || !range.usual.contains(&factor)).then_some(found)
    };
    let found: Vec<Distance> = record.profile.tokens.iter().filter_map(look).collect();
    found.first().copied()
}

/// Steps or counters of a token at the time of an attempt.
struct Range {
    expected: u64,
    /// Those whose codes are good.
    usual: RangeInclusive<u64>,
    looked_at: RangeInclusive<u64>,
}

impl Range {
    fn of(otp: Otp, progress: Progress, policy: &Policy, attempt: &Attempt) -> Self {
        match otp.factor {
            Factor::Counter => {
                let next = progress.next;
                Self {
                    expected: next,
                    usual: next..=next.saturating_add(policy.hotp_look_ahead),
                    looked_at: next..=next.saturating_add(policy.hotp_resync_window),
                }
            }
            Factor::Time { period_s } => {
                let step = totp::step_at(attempt.received.wall, period_s);
                let around = |centre: u64, steps: u64| {
                    centre.saturating_sub(steps)..=centre.saturating_add(steps)
                };
                let centre = step.saturating_add_signed(i64::from(progress.drift_steps));
                Self {
                    expected: step,
                    usual: around(centre, policy.totp_window_steps),
                    looked_at: around(step, policy.totp_resync_window_steps),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use smol_str::SmolStr;

    use super::super::attempt::{Proof, Pseudonym};
    use super::super::explain::tests::{alice, at_home, vpn1};
    use super::super::policy::GatewayPolicy;
    use super::super::sealed::Sealed;
    use super::super::token_record::{Base, TokenKind};
    use super::super::user::UserId;
    use super::*;
    use crate::secret::SecretBytes;
    use crate::time::{Now, Timestamp};
    use crate::token::auth_code::AuthCode;
    use crate::token::recovery::RecoveryCode;

    const SEED: &[u8] = b"12345678901234567890";
    /// In the middle of a step.
    const NOW: Timestamp = Timestamp(1_800_000_015_000);

    struct Clear;

    impl Unseal for Clear {
        fn show(&self, _: Field<'_>, sealed: &Sealed, see: &mut dyn FnMut(&[u8])) {
            see(&sealed.data);
        }

        fn auth_code_hash(&self, _: UserId, _: &AuthCode) -> [u8; 32] {
            [0; 32]
        }

        fn device_code_hash(&self, _: UserId, _: &crate::token::OtpCode) -> [u8; 32] {
            [0; 32]
        }

        fn sent_code_hash(&self, _: UserId, _: TokenId, _: &crate::token::OtpCode) -> [u8; 32] {
            [0; 32]
        }

        fn choice_hash(&self, _: UserId, _: &[u8]) -> [u8; 32] {
            [0; 32]
        }

        fn recovery_hash(&self, _: UserId, _: &RecoveryCode) -> [u8; 32] {
            [0; 32]
        }
    }

    /// alice with one token.
    fn with(otp: Otp) -> UserRecord {
        let mut alice = alice();
        let token = &mut alice.profile_mut().tokens[0];
        token.otp = Some(otp);
        token.kind = match otp.factor {
            Factor::Counter => TokenKind::Hotp,
            Factor::Time { .. } => TokenKind::Totp,
        };
        token.seed = Some(Sealed {
            v: 1,
            data: SEED.to_vec(),
        });
        alice
    }

    fn typed(record: &UserRecord, gateway: GatewayPolicy, passcode: &[u8]) -> Option<i64> {
        let attempt = Attempt {
            gateway: Arc::new(gateway),
            user: Some(SmolStr::from("alice")),
            pseudonym: Pseudonym([0; 4]),
            proof: Proof::Passcode(SecretBytes::copy_of(passcode)),
            source: at_home(),
            digest: [0; 32],
            received: Now::at(NOW),
        };
        distance(record, &attempt, &Policy::default(), &Clear).map(|found| found.off)
    }

    /// What a code so many steps off is found at.
    fn off(record: &UserRecord, off: i64) -> Option<i64> {
        let step = totp::step_at(NOW, Period::THIRTY).saturating_add_signed(off);
        let code = Otp::TOTP.code_at(SEED, step).text();
        typed(record, vpn1(), code.expose().as_bytes())
    }

    #[test]
    fn codes_of_another_time_are_found_as_far_as_a_resync_looks() {
        let alice = with(Otp::TOTP);
        for steps in [-20, -7, -2, 2, 20] {
            assert_eq!(off(&alice, steps), Some(steps));
        }
        for steps in [-21, -1, 0, 1, 21] {
            assert_eq!(off(&alice, steps), None, "{steps}");
        }
        assert_eq!(typed(&alice, vpn1(), b"12345"), None);
    }

    #[test]
    fn the_window_is_where_the_drift_has_taken_it() {
        let mut alice = with(Otp::TOTP);
        let id = alice.profile.tokens[0].id;
        alice.auth.token_mut(id).drift_steps = -5;
        assert_eq!([-6, -5, -4].map(|steps| off(&alice, steps)), [None; 3]);
        assert_eq!([-7, 0].map(|steps| off(&alice, steps)), [Some(-7), Some(0)]);
    }

    #[test]
    fn a_counter_is_found_ahead_and_never_behind() {
        let mut alice = with(Otp::HOTP);
        let id = alice.profile.tokens[0].id;
        alice.auth.token_mut(id).next_factor = 100;
        let at = |counter: u64| {
            let code = Otp::HOTP.code_at(SEED, counter).text();
            typed(&alice, vpn1(), code.expose().as_bytes())
        };
        assert_eq!([111, 1100].map(at), [Some(11), Some(1000)]);
        assert_eq!([99, 100, 110, 1101].map(at), [None; 4]);
    }

    #[test]
    fn a_token_that_does_not_count_is_found_in_its_window_too() {
        let mut alice = with(Otp::TOTP);
        alice.profile_mut().tokens[0].base = Base::Disabled;
        assert_eq!(off(&alice, 0), Some(0));
        let id = alice.profile.tokens[0].id;
        alice.auth.token_mut(id).total = Policy::default().lockout.hard_cap;
        assert_eq!(off(&alice, 0), None, "not at the hard cap");
    }

    #[test]
    fn is_told_in_words() {
        let told = |off, period| {
            let token = TokenId::from_random([0; 5]);
            Distance { token, off, period }.to_string()
        };
        assert_eq!(told(-7, Some(Period::THIRTY)), "7 steps late");
        assert_eq!(told(1, Some(Period::THIRTY)), "1 step early");
        assert_eq!(told(0, Some(Period::THIRTY)), "0 steps early");
        assert_eq!(told(12, None), "12 counters ahead");
    }
}
