//! What lies in the store and beside it: whatever reads is written again as the same.

use mfad::domain::token_record::HardwareToken;
use mfad::domain::user::{Profile, UserId};
use mfad::store::redo_row::{self, RedoRow, State};
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
    assert!(auth_row::decode(OWNER, &row).is_err() || fields.ends_with(&sum(&OWNER.0, &row)));
    row.extend(sum(&OWNER.0, &row));
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
    let known = auth.tokens.len() + auth.grants.len() + auth.dialogues.len() + auth.unknown.len();
    assert!(known <= row.len(), "more than was there");
}

/// The states of a batch of sign-ins; the sum behind them is made right.
pub fn redo(states: &[u8]) {
    const BATCH: i64 = 7;
    let mut row = vec![redo_row::VERSION];
    row.extend(states);
    row.extend(sum(&BATCH.to_be_bytes(), &row));
    let mut again = RedoRow::default();
    let mut octets = 0;
    let read = redo_row::read(BATCH, &row, |state: State<'_>| {
        octets += state.body.len();
        again.push(state);
    });
    assert!(octets <= states.len(), "more than was there");
    if read.is_ok() && !states.is_empty() {
        let count = again.states().count();
        let written = again.seal(BATCH).unwrap();
        let mut states = 0;
        redo_row::read(BATCH, written, |_| states += 1).unwrap();
        assert_eq!(states, count);
        assert!(redo_row::read(BATCH + 1, written, |_| ()).is_err());
    }
}

/// The sum as the formats have it: FNV-1a over owner and content, folded to 32 bits.
fn sum(owner: &[u8], content: &[u8]) -> [u8; 4] {
    let octets = owner.iter().chain(content);
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
