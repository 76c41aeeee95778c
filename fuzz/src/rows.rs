//! What lies in the store and beside it: whatever reads is written again as the same.

use mfad::domain::token_record::HardwareToken;
use mfad::domain::user::{Profile, UserId};
use mfad::store::sqlite::{Checkpoint, Manifest};
use mfad::store::{auth_row, profile_row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::has_float;

const OWNER: UserId = UserId([7; 16]);

/// The fields of an auth row; the sum behind them is made right, or nothing would be read.
pub fn auth(fields: &[u8]) {
    let mut row = vec![auth_row::MAJOR];
    row.extend(fields);
    assert!(auth_row::decode(OWNER, &row).is_err() || fields.ends_with(&sum(&row)));
    row.extend(sum(&row));
    let Ok(auth) = auth_row::decode(OWNER, &row) else {
        return;
    };
    let mut written = Vec::new();
    auth_row::encode(OWNER, &auth, &mut written);
    assert_eq!(auth_row::decode(OWNER, &written).as_ref(), Ok(&auth));
    assert!(
        auth_row::decode(UserId([8; 16]), &written).is_err(),
        "another's row"
    );
    let known = auth.tokens.len() + auth.grants.len() + auth.unknown.len();
    assert!(known <= row.len(), "more than was there");
}

/// The sum as the format has it: FNV-1a over owner and content, folded to 32 bits.
fn sum(content: &[u8]) -> [u8; 4] {
    let octets = OWNER.0.iter().chain(content);
    let sum = octets.fold(0xcbf2_9ce4_8422_2325_u64, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    });
    ((sum ^ sum >> 32) as u32).to_le_bytes()
}

/// A profile, or a hardware token in the pool.
pub fn profile(row: &[u8]) {
    let floats = serde_json::from_slice(row).is_ok_and(|value| has_float(&value));
    if let Ok(profile) = profile_row::decode::<Profile>(row) {
        let written = profile_row::encode(&profile).unwrap();
        let again: Profile = profile_row::decode(&written).unwrap();
        assert!(floats || again == profile);
        assert!(profile_row::decode::<HardwareToken>(&written).is_err());
    }
    if let Ok(token) = profile_row::decode::<HardwareToken>(row) {
        let written = profile_row::encode(&token).unwrap();
        let again: HardwareToken = profile_row::decode(&written).unwrap();
        assert!(floats || again == token);
    }
}

/// The checkpoint beside a store, or what a backup says of itself.
pub fn store_files(text: &[u8]) {
    twice::<Checkpoint>(text);
    twice::<Manifest>(text);
}

fn twice<T: Serialize + DeserializeOwned + PartialEq>(text: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<T>(text) {
        let written = serde_json::to_vec(&read).unwrap();
        assert!(serde_json::from_slice::<T>(&written).unwrap() == read);
    }
}
