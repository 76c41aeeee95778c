//! Tokens on their way to their owners: which records of a file may come in.

use std::collections::HashMap;

use super::name;
use super::policy::Policy;
use super::pool::{Intake, Known, Likeness, is_serial};
use super::refusal::{Code, Refusal};
use super::token_record::{Base, Token, TokenKind};
use super::user::UserRecord;
use crate::time::Now;
use crate::token::import::owned::Owned;
use crate::token::{Factor, SEED_STRONG_OCTETS_MIN};

/// How far ahead the first step of a token may be: what phones are off by, and a little more.
const STEPS_AHEAD_MAX: u64 = 20;

/// The login name of an owner; `strip_domain` leaves out what stands behind the last `@`.
///
/// # Errors
/// It is none.
pub fn owner(written: &str, strip_domain: bool) -> Result<String, Refusal> {
    let bare = written.rsplit_once('@').filter(|_| strip_domain);
    let name = bare.map_or(written, |(name, _)| name);
    match name::canonical(name.as_bytes()) {
        Ok(name) => Ok(name.into_owned()),
        Err(error) => Err(Refusal::new(Code::Arg, format!("a login name {error}"))),
    }
}

/// What all records of a file are judged by.
pub struct Judge<'a> {
    times: HashMap<&'a [u8], usize>,
    serials: HashMap<&'a str, usize>,
    weak: bool,
    policy: &'a Policy,
    now: Now,
}

impl<'a> Judge<'a> {
    /// Judges the good records of this file; `weak` takes seeds of fewer than 16 octets.
    #[must_use]
    pub fn new(
        tokens: impl Iterator<Item = &'a Owned>,
        weak: bool,
        policy: &'a Policy,
        now: Now,
    ) -> Self {
        let (mut times, mut serials) = (HashMap::new(), HashMap::new());
        for token in tokens {
            *times.entry(token.seed.expose().as_slice()).or_default() += 1;
            if let Some(serial) = &token.serial {
                *serials.entry(serial.as_str()).or_default() += 1;
            }
        }
        Self {
            times,
            serials,
            weak,
            policy,
            now,
        }
    }

    /// Judges one record: `owner` is the person of that name, `has` the token of that seed there,
    /// `known` what the store knows of the serial, `more` how many tokens the file has given the person
    /// before this one.
    ///
    /// # Errors
    /// Why it may not come in.
    pub fn judge(
        &self,
        token: &Owned,
        owner: Option<&UserRecord>,
        has: Option<Likeness>,
        known: &Known,
        more: usize,
    ) -> Result<Intake, Refusal> {
        let no = |code, what: String| Err(Refusal::new(code, what));
        // Two people with one seed sign in with each other's codes.
        if self
            .times
            .get(token.seed.expose().as_slice())
            .is_some_and(|times| *times > 1)
        {
            return no(Code::Exists, "the seed stands in the file twice".to_owned());
        }
        match has {
            Some(Likeness::Same) => return Ok(Intake::Same),
            Some(Likeness::Other) => {
                let what = "the owner has this seed already, with other parameters";
                return no(Code::Exists, what.to_owned());
            }
            Some(Likeness::Ahead) if !self.lies_ahead(token) => return Ok(Intake::Ahead),
            Some(Likeness::Ahead) | None => {}
        }
        if self.lies_ahead(token) {
            let what = "the last code that was used there lies ahead: a clock is wrong";
            return no(Code::State, what.to_owned());
        }
        if let Some(serial) = &token.serial {
            self.serial(serial, known)?;
        }
        if token.expires.is_some_and(|end| self.now.latest() >= end) {
            return no(Code::State, "it has expired".to_owned());
        }
        let octets = token.seed.expose().len();
        if octets < SEED_STRONG_OCTETS_MIN && !self.weak {
            let what = format!(
                "the seed is shorter than {SEED_STRONG_OCTETS_MIN} octets (--weak takes it)"
            );
            return no(Code::Policy, what);
        }
        let kind = TokenKind::of(token.otp.factor);
        if !self.policy.enabled_kinds.contains(&kind) {
            let what = format!("tokens of type {} are switched off here", kind.name());
            return no(Code::Type, what);
        }
        let counted = |token: &&Token| token.base != Base::Obsolete;
        let have = owner.map_or(0, |owner| {
            owner.profile.tokens.iter().filter(counted).count()
        });
        let most = self.policy.tokens_max_per_user;
        if have + more >= most {
            return no(
                Code::Policy,
                format!("the owner would have more than {most} tokens"),
            );
        }
        Ok(Intake::New)
    }

    fn serial(&self, serial: &str, known: &Known) -> Result<(), Refusal> {
        let no = |code, what: String| Err(Refusal::new(code, what));
        if !is_serial(serial) {
            let what = "a serial has 1 to 64 printable ASCII characters and no blanks";
            return no(Code::Arg, what.to_owned());
        }
        if self.serials.get(serial).is_some_and(|times| *times > 1) {
            return no(
                Code::Exists,
                "the serial stands in the file twice".to_owned(),
            );
        }
        match known {
            Known::Nothing => Ok(()),
            Known::Pool { .. } => {
                let what = "the serial is in the pool: `token add USER --serial` hands it out";
                no(Code::Exists, what.to_owned())
            }
            Known::Compromised => {
                let what = "the serial is compromised: it is never added again";
                no(Code::Policy, what.to_owned())
            }
            Known::Owned { user, .. } => {
                let what = format!("the serial is in use: it is a token of {user}");
                no(Code::Exists, what)
            }
        }
    }

    /// Whether a time-based token would wait for a step that is not near: no code of it would ever fit.
    fn lies_ahead(&self, token: &Owned) -> bool {
        let Factor::Time { period_s } = token.otp.factor else {
            return false;
        };
        let wall_s = u64::try_from(self.now.wall.0 / 1000).unwrap_or(0);
        let step = wall_s / u64::from(period_s.seconds());
        token.next_factor > step + STEPS_AHEAD_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;
    use crate::time::Timestamp;
    use crate::token::Otp;

    fn token(seed: u8, octets: usize) -> Owned {
        Owned {
            line: 1,
            user: "alice".to_owned(),
            otp: Otp::TOTP,
            seed: SecretBytes::new(vec![seed; octets]),
            next_factor: 0,
            serial: None,
            description: String::new(),
            disabled: false,
            expires: None,
            scratch_codes: 0,
        }
    }

    fn judged(
        rows: &[Owned],
        weak: bool,
        has: Option<Likeness>,
        more: usize,
    ) -> Result<Intake, Code> {
        let policy = Policy {
            enabled_kinds: vec![TokenKind::Totp],
            tokens_max_per_user: 2,
            ..Policy::default()
        };
        let now = Now::at(Timestamp(1_000_000));
        let judge = Judge::new(rows.iter(), weak, &policy, now);
        let judged = judge.judge(&rows[0], None, has, &Known::Nothing, more);
        judged.map_err(|refusal| refusal.code)
    }

    #[test]
    fn what_is_new_comes_in_and_what_is_here_is_here() {
        let rows = [token(1, 20), token(2, 20)];
        assert_eq!(judged(&rows, false, None, 0), Ok(Intake::New));
        assert_eq!(
            judged(&rows, false, Some(Likeness::Same), 0),
            Ok(Intake::Same)
        );
        assert_eq!(
            judged(&rows, false, Some(Likeness::Other), 0),
            Err(Code::Exists)
        );
    }

    #[test]
    fn a_counter_moves_forward_unless_a_clock_is_wrong() {
        let mut ahead = token(1, 20);
        ahead.next_factor = 53;
        let has = Some(Likeness::of(true, 52, ahead.next_factor));
        assert_eq!(judged(&[ahead], false, has, 0), Ok(Intake::Ahead));
        let mut ahead = token(1, 20);
        ahead.next_factor = 54;
        assert_eq!(judged(&[ahead], false, has, 0), Err(Code::State));
        assert_eq!(Likeness::of(true, 53, 53), Likeness::Same);
        assert_eq!(Likeness::of(true, 54, 53), Likeness::Same);
        assert_eq!(Likeness::of(false, 0, 1), Likeness::Other);
    }

    #[test]
    fn a_seed_that_stands_there_twice_is_taken_from_neither() {
        let rows = [token(1, 20), token(1, 20)];
        assert_eq!(
            judged(&rows, true, Some(Likeness::Same), 0),
            Err(Code::Exists)
        );
        assert_eq!(judged(&rows[1..], true, None, 0), Ok(Intake::New));
    }

    #[test]
    fn what_the_site_does_not_have_stays_out() {
        assert_eq!(judged(&[token(1, 10)], false, None, 0), Err(Code::Policy));
        assert_eq!(judged(&[token(1, 10)], true, None, 0), Ok(Intake::New));
        assert_eq!(judged(&[token(1, 20)], true, None, 1), Ok(Intake::New));
        assert_eq!(judged(&[token(1, 20)], true, None, 2), Err(Code::Policy));
        let mut event = token(1, 20);
        event.otp = Otp::HOTP;
        assert_eq!(judged(&[event], true, None, 0), Err(Code::Type));
    }

    #[test]
    fn what_has_ended_or_has_not_begun_stays_out() {
        let mut late = token(1, 20);
        late.expires = Some(Timestamp(1_000_000));
        assert_eq!(judged(&[late], true, None, 0), Err(Code::State));
        let mut ahead = token(1, 20);
        // 1,000 s are 33 steps.
        ahead.next_factor = 53;
        assert_eq!(judged(&[ahead], true, None, 0), Ok(Intake::New));
        let mut ahead = token(1, 20);
        ahead.next_factor = 54;
        assert_eq!(judged(&[ahead], true, None, 0), Err(Code::State));
    }

    #[test]
    fn a_device_is_in_one_place() {
        let policy = Policy::default();
        let device = |seed, serial: &str| Owned {
            serial: Some(serial.to_owned()),
            ..token(seed, 20)
        };
        let judged = |rows: &[Owned], known: &Known| {
            let judge = Judge::new(rows.iter(), true, &policy, Now::at(Timestamp(0)));
            let judged = judge.judge(&rows[0], None, None, known, 0);
            judged.map_err(|refusal| refusal.code)
        };
        let one = [device(1, "FT-1"), device(2, "FT-2")];
        let twice = [device(1, "FT-1"), device(2, "FT-1")];
        let owned = Known::Owned {
            user: "bob".into(),
            like: Likeness::Same,
        };
        assert_eq!(judged(&one, &Known::Nothing), Ok(Intake::New));
        assert_eq!(
            judged(&one, &Known::Pool(Likeness::Same)),
            Err(Code::Exists)
        );
        assert_eq!(judged(&one, &Known::Compromised), Err(Code::Policy));
        assert_eq!(judged(&one, &owned), Err(Code::Exists));
        assert_eq!(judged(&twice, &Known::Nothing), Err(Code::Exists));
        assert_eq!(judged(&[device(1, "a b")], &Known::Nothing), Err(Code::Arg));
    }

    #[test]
    fn a_domain_is_left_out_only_if_that_is_said() {
        let said = |written, strip| owner(written, strip).map_err(|refusal| refusal.code);
        assert_eq!(said("Alice@x", false), Ok("alice@x".to_owned()));
        assert_eq!(said("Alice@x@y", true), Ok("alice@x".to_owned()));
        assert_eq!(said("alice", true), Ok("alice".to_owned()));
        assert_eq!(said("@y", true), Err(Code::Arg));
        assert_eq!(said("a b", false), Err(Code::Arg));
    }
}
