//! The profile as JSON: what operators write.
//!
//! `{"v":1, ...}`: `v` is the major version. Fields that this version does not know are kept where
//! they were found ([`Profile::extra`] and the same in tokens and grants); a higher major version is
//! refused, not guessed. Hardware tokens without an owner and messages are kept in the
//! same way.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::octets::Damage;
use crate::domain::message::Message;
use crate::domain::token_record::HardwareToken;
use crate::domain::user::Profile;

/// Version of the layout.
pub const MAJOR: u64 = 1;

/// Longest profile that is written or read, in octets.
pub const ROW_OCTETS_MAX: usize = 4 << 20;

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u64,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// A record that keeps unknown fields.
pub trait Extra: Serialize + DeserializeOwned {
    /// Where it keeps them.
    fn extra(&mut self) -> &mut Map<String, Value>;
}

impl Extra for Profile {
    fn extra(&mut self) -> &mut Map<String, Value> {
        &mut self.extra
    }
}

impl Extra for HardwareToken {
    fn extra(&mut self) -> &mut Map<String, Value> {
        &mut self.extra
    }
}

impl Extra for Message {
    fn extra(&mut self) -> &mut Map<String, Value> {
        &mut self.extra
    }
}

/// Writes a record.
///
/// # Errors
/// [`Damage`]: it is longer than any row may be.
pub fn encode<T: Extra>(content: &T) -> Result<Vec<u8>, Damage> {
    let row = serde_json::to_vec(&Versioned { v: MAJOR, content })
        .map_err(|_| Damage::Value("record"))?;
    if row.len() > ROW_OCTETS_MAX {
        return Err(Damage::Length);
    }
    Ok(row)
}

/// Reads a record.
///
/// # Errors
/// [`Damage`]: it is not JSON of this shape and major version.
pub fn decode<T: Extra>(row: &[u8]) -> Result<T, Damage> {
    if row.len() > ROW_OCTETS_MAX {
        return Err(Damage::Length);
    }
    // The version is an unknown field to the record itself, which saves a second pass.
    let record = serde_json::from_slice::<T>(row).map(|mut record| {
        let version = record.extra().shift_remove("v");
        (record, version.as_ref().and_then(Value::as_u64))
    });
    match record {
        Ok((record, Some(MAJOR))) => Ok(record),
        Ok((_, Some(found))) => Err(newer(found)),
        Ok((_, None)) => Err(Damage::Value("version")),
        Err(_) => match serde_json::from_slice::<Version>(row) {
            Ok(Version { v }) if v > MAJOR => Err(newer(v)),
            _ => Err(Damage::Value("record")),
        },
    }
}

const fn newer(found: u64) -> Damage {
    Damage::Newer {
        found,
        known: MAJOR,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_a_newer_daemon_wrote() {
        let row = br#"{"v":1,"name":"ada","state":"steady","state_since":5,"state_by":"root",
            "created":1,"updated":2,"badge":{"colour":"red","v":3}}"#;
        let profile: Profile = decode(row).unwrap();
        assert_eq!(profile.extra.get("badge").unwrap()["v"], 3);
        let again: Profile = decode(&encode(&profile).unwrap()).unwrap();
        assert_eq!(again, profile);
    }

    #[test]
    fn refuses_a_higher_version_of_any_shape() {
        let damage = Damage::Newer { found: 2, known: 1 };
        assert_eq!(decode::<Profile>(br#"{"v":2,"login":7}"#), Err(damage));
        let same_shape = br#"{"v":2,"name":"ada","state":"steady","state_since":5,
            "state_by":"root","created":1,"updated":2}"#;
        assert_eq!(decode::<Profile>(same_shape), Err(damage));
    }

    #[test]
    fn refuses_a_missing_version() {
        let row = br#"{"name":"ada","state":"steady","state_since":5,"state_by":"root",
            "created":1,"updated":2}"#;
        assert_eq!(decode::<Profile>(row), Err(Damage::Value("version")));
    }

    proptest! {
        #[test]
        fn never_panics(row in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Profile>(&row);
        }
    }
}
