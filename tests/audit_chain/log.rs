//! The log that is damaged: 10,000 records and their checkpoints.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mfad::audit::chain::{Chain, link};
use mfad::audit::checkpoint::{Checkpoint, INTERVAL_RECORDS, PublicKey, Signer};
use mfad::domain::event::{Actor, Event, Origin, RequestRef, Source};
use mfad::domain::user::UserId;
use mfad::secret::Secret;
use mfad::store::StoredAudit;
use mfad::time::{Now, Timestamp};
use smol_str::SmolStr;

pub(crate) const RECORDS: u64 = 10_000;
pub(crate) const UNANCHORED: u64 = 500;
pub(crate) const NODE: &str = "mfa1";
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000);

pub(crate) struct Log {
    pub(crate) rows: Vec<StoredAudit>,
    pub(crate) checkpoints: Vec<Checkpoint>,
    pub(crate) key: PublicKey,
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::new(&Secret::new([seed; 32])).unwrap()
}

fn origin(seq: u64) -> Origin {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&link(&[0; 32], &seq.to_be_bytes())[..8]);
    Origin {
        actor: Actor::User,
        source: Some(Source {
            gateway: Arc::from("vpn1"),
            address: "192.0.2.10:41022".parse().unwrap(),
            station: SmolStr::from("203.0.113.77"),
            nas: SmolStr::from("asa-berlin"),
        }),
        request: RequestRef::Datagram(digest),
    }
}

pub(crate) fn event(seq: u64) -> Event {
    let id = UserId(u128::from(seq % 97).to_be_bytes());
    let event = Event::new("auth.accept").user(id, &format!("user{}", seq % 97));
    if seq.is_multiple_of(3) {
        event.refused().reason("bad_code").detail("count", seq % 5)
    } else {
        event.detail("how", "token")
    }
}

/// Rows, and a checkpoint wherever `RECORDS - UNANCHORED` is reached in steps of the interval.
pub(crate) fn make(signer: &Signer, event: impl Fn(u64) -> Event) -> Log {
    let mut chain = Chain::resume(Arc::from(NODE), Arc::from("6f3c"), 0, [0; 32]);
    let mut log = Log {
        rows: Vec::new(),
        checkpoints: Vec::new(),
        key: signer.public_key(),
    };
    for seq in 1..=RECORDS {
        let now = Now::at(START + Duration::from_millis(seq * 700));
        let record = chain.append(&event(seq), &origin(seq), now);
        log.rows.push(StoredAudit {
            seq: record.seq,
            body: record.body,
            hash: record.hash,
        });
        if (seq + UNANCHORED).is_multiple_of(INTERVAL_RECORDS) {
            let signed = signer.sign(NODE, chain.seq(), chain.hash(), now.wall);
            log.checkpoints.push(signed.unwrap());
        }
    }
    log
}

pub(crate) fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| make(&signer(1), event))
}
