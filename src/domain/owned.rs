//! Tokens on their way to their owners: which records of a file may come in.

use std::collections::HashMap;

use super::name;
use super::policy::Policy;
use super::pool::Intake;
use super::refusal::{Code, Refusal};
use super::token_record::{Base, Token, TokenKind};
use super::user::UserRecord;
use crate::token::SEED_STRONG_OCTETS_MIN;
use crate::token::import::owned::Owned;

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

/// Whether an owner has a token of some seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// No, or there is no such person.
    No,
    /// With the same parameters.
    Same,
    /// With other parameters.
    Other,
}

/// What all records of a file are judged by.
pub struct Judge<'a> {
    times: HashMap<&'a [u8], usize>,
    weak: bool,
    policy: &'a Policy,
}

impl<'a> Judge<'a> {
    /// Judges the good records of this file; `weak` takes seeds of fewer than 16 octets.
    #[must_use]
    pub fn new(tokens: impl Iterator<Item = &'a Owned>, weak: bool, policy: &'a Policy) -> Self {
        let mut times = HashMap::new();
        for token in tokens {
            *times.entry(token.seed.expose().as_slice()).or_default() += 1;
        }
        Self {
            times,
            weak,
            policy,
        }
    }

    /// Judges one record: `owner` is the person of that name, `has` what is known of the seed there,
    /// `more` how many tokens the file has given the person before this one.
    ///
    /// # Errors
    /// Why it may not come in.
    pub fn judge(
        &self,
        token: &Owned,
        owner: Option<&UserRecord>,
        has: Has,
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
            Has::Same => return Ok(Intake::Same),
            Has::Other => {
                let what = "the owner has this seed already, with other parameters";
                return no(Code::Exists, what.to_owned());
            }
            Has::No => {}
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;
    use crate::token::Otp;

    fn token(seed: u8, octets: usize) -> Owned {
        Owned {
            line: 1,
            user: "alice".to_owned(),
            otp: Otp::TOTP,
            seed: SecretBytes::new(vec![seed; octets]),
            next_factor: 0,
            scratch_codes: 0,
        }
    }

    fn judged(rows: &[Owned], weak: bool, has: Has, more: usize) -> Result<Intake, Code> {
        let policy = Policy {
            enabled_kinds: vec![TokenKind::Totp],
            tokens_max_per_user: 2,
            ..Policy::default()
        };
        let judge = Judge::new(rows.iter(), weak, &policy);
        let judged = judge.judge(&rows[0], None, has, more);
        judged.map_err(|refusal| refusal.code)
    }

    #[test]
    fn what_is_new_comes_in_and_what_is_here_is_here() {
        let rows = [token(1, 20), token(2, 20)];
        assert_eq!(judged(&rows, false, Has::No, 0), Ok(Intake::New));
        assert_eq!(judged(&rows, false, Has::Same, 0), Ok(Intake::Same));
        assert_eq!(judged(&rows, false, Has::Other, 0), Err(Code::Exists));
    }

    #[test]
    fn a_seed_that_stands_there_twice_is_taken_from_neither() {
        let rows = [token(1, 20), token(1, 20)];
        assert_eq!(judged(&rows, true, Has::Same, 0), Err(Code::Exists));
        assert_eq!(judged(&rows[1..], true, Has::No, 0), Ok(Intake::New));
    }

    #[test]
    fn what_the_site_does_not_have_stays_out() {
        assert_eq!(
            judged(&[token(1, 10)], false, Has::No, 0),
            Err(Code::Policy)
        );
        assert_eq!(judged(&[token(1, 10)], true, Has::No, 0), Ok(Intake::New));
        assert_eq!(judged(&[token(1, 20)], true, Has::No, 1), Ok(Intake::New));
        assert_eq!(judged(&[token(1, 20)], true, Has::No, 2), Err(Code::Policy));
        let mut event = token(1, 20);
        event.otp = Otp::HOTP;
        assert_eq!(judged(&[event], true, Has::No, 0), Err(Code::Type));
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
