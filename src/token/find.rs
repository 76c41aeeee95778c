//! Computing codes, and finding the factor of one.
//!
//! Both searches compute every factor of their range and touch the result without a branch, so time
//! tells neither whether a code fits nor where. They run backwards, so that the lowest match is the
//! one that stays: accepting it leaves the most factors still to come, and consumes the fewest.
//! Whether a factor may be accepted at all is not decided here.

use std::ops::RangeInclusive;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::mac::Keyed;
use super::{FACTOR_MAX, FACTORS_MAX, Otp, OtpCode};

/// Where two codes that follow each other were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// The first one at this factor, the second at the next.
    InOrder(u64),
    /// The second one at this factor, the first at the next.
    Reversed(u64),
    /// Nowhere.
    Nowhere,
}

impl Otp {
    /// Computes the code of one factor.
    #[must_use]
    pub fn code_at(&self, seed: &[u8], factor: u64) -> OtpCode {
        let value = self.value(&Keyed::new(self.algorithm, seed), factor);
        OtpCode::new(value, self.digits)
    }

    /// Finds the lowest factor of `factors` whose code is `code`, trying every one of them.
    ///
    /// At most [`FACTORS_MAX`] factors are tried, from the lowest up. An empty seed, which is what an
    /// erased one looks like, fits no code: anybody can compute the codes of no secret.
    #[must_use]
    pub fn find(&self, seed: &[u8], code: &OtpCode, factors: RangeInclusive<u64>) -> Option<u64> {
        if seed.is_empty() || code.digits != self.digits {
            return None;
        }
        let keyed = Keyed::new(self.algorithm, seed);
        let mut lowest = Lowest::none();
        for factor in capped(&factors).rev() {
            lowest.offer(factor, self.value(&keyed, factor).ct_eq(&code.value));
        }
        lowest.factor()
    }

    /// Finds two codes that follow each other, the lower of them within `lowers`.
    pub(super) fn find_pair(
        &self,
        seed: &[u8],
        first: &OtpCode,
        second: &OtpCode,
        lowers: RangeInclusive<u64>,
    ) -> Pair {
        if seed.is_empty() || first.digits != self.digits || second.digits != self.digits {
            return Pair::Nowhere;
        }
        let lowers = *lowers.start()..=(*lowers.end()).min(FACTOR_MAX - 1);
        let lowers = capped(&lowers);
        let keyed = Keyed::new(self.algorithm, seed);
        let (mut in_order, mut reversed) = (Lowest::none(), Lowest::none());
        let mut upper = self.value(&keyed, lowers.end().saturating_add(1));
        for factor in lowers.rev() {
            let lower = self.value(&keyed, factor);
            in_order.offer(
                factor,
                lower.ct_eq(&first.value) & upper.ct_eq(&second.value),
            );
            reversed.offer(
                factor,
                lower.ct_eq(&second.value) & upper.ct_eq(&first.value),
            );
            upper = lower;
        }
        match (in_order.factor(), reversed.factor()) {
            (Some(factor), _) => Pair::InOrder(factor),
            (None, Some(factor)) => Pair::Reversed(factor),
            (None, None) => Pair::Nowhere,
        }
    }

    fn value(&self, keyed: &Keyed, factor: u64) -> u32 {
        // RFC 4226 s5.3: D = Snum mod 10^Digit.
        keyed.number(factor) % self.digits.codes()
    }
}

/// Cuts a range to the factors that one search may try.
fn capped(factors: &RangeInclusive<u64>) -> RangeInclusive<u64> {
    let (first, last) = (*factors.start(), *factors.end());
    first..=last.min(first.saturating_add(FACTORS_MAX - 1))
}

/// The last factor offered that fitted; of factors offered downwards, the lowest.
struct Lowest {
    factor: u64,
    found: Choice,
}

impl Lowest {
    fn none() -> Self {
        Self {
            factor: 0,
            found: Choice::from(0),
        }
    }

    fn offer(&mut self, factor: u64, fits: Choice) {
        self.factor.conditional_assign(&factor, fits);
        self.found |= fits;
    }

    fn factor(self) -> Option<u64> {
        bool::from(self.found).then_some(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn finds_the_factor_wherever_it_is_in_the_range() {
        for factor in [100, 101, 150, 199, 200] {
            let code = Otp::HOTP.code_at(SEED, factor);
            assert_eq!(Otp::HOTP.find(SEED, &code, 100..=200), Some(factor));
        }
        assert_eq!(
            Otp::HOTP.find(SEED, &Otp::HOTP.code_at(SEED, 99), 100..=200),
            None
        );
        assert_eq!(
            Otp::HOTP.find(SEED, &Otp::HOTP.code_at(SEED, 201), 100..=200),
            None
        );
    }

    #[test]
    fn gives_the_lowest_of_several() {
        let seed = b"12345678901234567801";
        let code = Otp::HOTP.code_at(seed, 195);
        assert!(code.equals(&Otp::HOTP.code_at(seed, 107)));
        assert_eq!(Otp::HOTP.find(seed, &code, 0..=195), Some(107));
        assert_eq!(Otp::HOTP.find(seed, &code, 108..=195), Some(195));
    }

    #[test]
    fn stops_at_the_cap_and_at_the_end_of_the_type() {
        let code = Otp::HOTP.code_at(SEED, FACTORS_MAX + 4);
        assert_eq!(
            Otp::HOTP.find(SEED, &code, 5..=u64::MAX),
            Some(FACTORS_MAX + 4)
        );
        assert_eq!(Otp::HOTP.find(SEED, &code, 4..=u64::MAX), None);
        let code = Otp::HOTP.code_at(SEED, u64::MAX);
        assert_eq!(
            Otp::HOTP.find(SEED, &code, u64::MAX - 3..=u64::MAX),
            Some(u64::MAX)
        );
        let empty = RangeInclusive::new(u64::MAX, u64::MAX - 1);
        assert_eq!(Otp::HOTP.find(SEED, &code, empty), None);
    }

    #[test]
    fn no_seed_fits_no_code() {
        let code = Otp::HOTP.code_at(b"", 7);
        assert_eq!(Otp::HOTP.find(b"", &code, 0..=100), None);
        let next = Otp::HOTP.code_at(b"", 8);
        assert_eq!(
            Otp::HOTP.find_pair(b"", &code, &next, 0..=100),
            Pair::Nowhere
        );
    }

    #[test]
    fn a_code_of_another_length_does_not_fit() {
        let eight = Otp {
            digits: crate::token::Digits::EIGHT,
            ..Otp::HOTP
        };
        let long = |factor| eight.code_at(SEED, factor);
        let short = |factor| OtpCode::new(*long(factor).value, Otp::HOTP.digits);
        assert_eq!(eight.find(SEED, &short(0), 0..=0), None);
        let pair = |first: OtpCode, second: OtpCode| eight.find_pair(SEED, &first, &second, 0..=0);
        assert!(matches!(pair(long(0), long(1)), Pair::InOrder(0)));
        assert!(matches!(pair(short(0), long(1)), Pair::Nowhere));
        assert!(matches!(pair(long(0), short(1)), Pair::Nowhere));
    }
}
