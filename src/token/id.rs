//! Short ids that a help desk can read over the phone: `T-8F3K2`, `a-5KQ2Z`, `d-7M0XC`.
//!
//! Five signs of Crockford's base32 are 33 million ids: enough to name a token among a user's or an
//! attempt among a week's, too few to be unique by chance. Whoever makes one looks whether it is
//! taken. An id is no secret and opens nothing.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::crockford;

/// Signs of an id after its prefix, and random octets it takes to make one.
pub const ID_SIGNS: usize = 5;

/// The id of a token: `T-` and five signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; ID_SIGNS]);

/// The id of one attempt to sign in: `a-` and five signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId([u8; ID_SIGNS]);

/// The id of an open dialogue: `d-` and five signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DialogueId([u8; ID_SIGNS]);

/// A text that is no id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}8F3K2")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! short_id {
    ($id:ident, $prefix:literal) => {
        impl $id {
            /// What the id starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of random octets, five bits of each.
            #[must_use]
            pub fn from_random(random: [u8; ID_SIGNS]) -> Self {
                Self(random.map(crockford::sign))
            }

            /// Reads back what [`Self::signs`] gave; none if that cannot be.
            #[must_use]
            pub fn from_signs(signs: [u8; ID_SIGNS]) -> Option<Self> {
                let known = |sign: &u8| crockford::value(*sign).map(crockford::sign) == Some(*sign);
                signs.iter().all(known).then_some(Self(signs))
            }

            /// Gives the signs after the prefix, in upper case.
            #[must_use]
            pub fn signs(&self) -> &[u8; ID_SIGNS] {
                &self.0
            }
        }

        /// Takes any case and what is easily confused, as people type what they heard.
        impl FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text)
                    .map(Self::from_random)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl TryFrom<String> for $id {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                self.0
                    .iter()
                    .try_for_each(|sign| f.write_char(char::from(*sign)))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

short_id!(TokenId, "T-");
short_id!(AttemptId, "a-");
short_id!(DialogueId, "d-");

fn parse(prefix: &str, text: &str) -> Option<[u8; ID_SIGNS]> {
    let (head, signs) = text.split_at_checked(prefix.len())?;
    let signs: [u8; ID_SIGNS] = signs.as_bytes().try_into().ok()?;
    let mut values = [0; ID_SIGNS];
    for (value, sign) in values.iter_mut().zip(signs) {
        *value = crockford::value(sign)?;
    }
    head.eq_ignore_ascii_case(prefix).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_what_people_type() {
        let id = TokenId::from_random([8, 15, 3, 0x13, 2 + 32]);
        assert_eq!(id.to_string(), "T-8F3K2");
        for text in ["T-8F3K2", "t-8f3k2", "T-8f3K2"] {
            assert_eq!(text.parse(), Ok(id));
        }
        assert_eq!(
            "a-OIL01".parse::<AttemptId>().unwrap().to_string(),
            "a-01101"
        );
        assert_eq!(format!("{id:?}"), "T-8F3K2");
    }

    #[test]
    fn refuses_the_rest() {
        let refused = [
            "", "T-", "8F3K2", "T-8F3K", "T-8F3K22", "T-8F3KU", "a-8F3K2", "T8F3K2-", " T-8F3K2",
            "Tä8F3K2", "T-8F3ä",
        ];
        for text in refused {
            assert!(text.parse::<TokenId>().is_err(), "{text:?}");
        }
        let error = "a-1".parse::<AttemptId>().unwrap_err();
        assert_eq!(error.to_string(), "not an id of the form a-8F3K2");
    }

    #[test]
    fn is_a_string_in_json() {
        let id: TokenId = serde_json::from_str("\"T-8F3K2\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"T-8F3K2\"");
        assert!(serde_json::from_str::<TokenId>("\"T-8F3K\"").is_err());
    }

    #[test]
    fn sorts_as_it_reads() {
        let ids: Vec<TokenId> = (0..32)
            .map(|n| TokenId::from_random([n, 0, 0, 0, 0]))
            .collect();
        assert!(ids.is_sorted_by_key(TokenId::to_string) && ids.is_sorted());
    }
}
