//! T-22: whatever is done to the audit log, the verifier finds it.
//!
//! A log of 10,000 records with a checkpoint each 1,000, the last 500 records after the last
//! checkpoint, is damaged in every way of security.md 1.3 row 24, and each time the verdict must
//! be "damaged" and name the record. What nobody can find is tested too: records cut off after the
//! last checkpoint are the ones that were reported as unanchored before.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that panics has failed"
)]

#[path = "audit_chain/log.rs"]
mod log;

use std::convert::Infallible;

use log::{NODE, RECORDS, START, UNANCHORED, event, log, make, signer};
use mfad::audit::chain::link;
use mfad::audit::checkpoint::{Checkpoint, PublicKey};
use mfad::audit::record::AuditRecord;
use mfad::audit::segment::{self, Header, Segment};
use mfad::audit::verify::{DamageKind, Plan, Report, Start, Verifier, exit_status, verify};
use mfad::domain::event::Event;
use mfad::store::StoredAudit;

fn check(rows: &[StoredAudit], checkpoints: &[Checkpoint], keys: &[PublicKey]) -> Report {
    let plan = Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints,
        keys,
    };
    let rows = rows.iter().cloned().map(Ok::<_, Infallible>);
    let result = verify(&plan, rows);
    let damaged = result.as_ref().is_ok_and(|report| !report.whole());
    assert_eq!(exit_status(&result), u8::from(damaged));
    result.unwrap()
}

fn check_log(rows: &[StoredAudit]) -> Report {
    check(rows, &log().checkpoints, &[log().key])
}

/// Verifies a few records around `seq` only, from the true hash before them, with the checkpoint
/// that comes next: what lies further away is not touched and would only cost time.
fn check_near(rows: &[StoredAudit], seq: u64) -> Report {
    let first = seq.saturating_sub(2).max(1);
    let before = &log().rows[..usize::try_from(first - 1).unwrap()];
    let start = before.last().map_or(Start::CHAIN, |row| Start {
        seq: row.seq,
        hash: row.hash,
    });
    let plan = Plan {
        node: NODE,
        start,
        checkpoints: &[],
        keys: &[],
    };
    let mut verifier = Verifier::new(&plan);
    for row in rows {
        verifier.feed(row);
    }
    verifier.finish()
}

/// A window of rows for [`check_near`].
fn near(seq: u64) -> Vec<StoredAudit> {
    let first = usize::try_from(seq.saturating_sub(2).max(1) - 1).unwrap();
    let rows = &log().rows;
    rows[first..rows.len().min(first + 5)].to_vec()
}

/// The same numbers at every run, and enough of them.
fn scatter(count: u64, below: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |at| {
        let digest = link(&[9; 32], &at.to_be_bytes());
        u64::from_be_bytes(digest[..8].try_into().unwrap()) % below
    })
}

#[test]
fn a_whole_log_is_whole() {
    let report = check_log(&log().rows);
    assert_eq!(report.damage, None);
    assert_eq!((report.records, report.intact), (RECORDS, RECORDS));
    assert_eq!(report.proven, RECORDS - UNANCHORED);
    assert_eq!(report.unanchored, UNANCHORED);
    assert_eq!(report.checkpoints_ok, 10);
    assert_eq!(report.keys, [(log().key.fingerprint(), 10)]);
    assert_eq!(report.anchor.unwrap().ordinal, 10);
    assert_eq!(report.first.unwrap().seq, 1);
    assert_eq!(report.last.unwrap().seq, RECORDS);
    assert_eq!(report.head, log().rows.last().unwrap().hash);
    assert_eq!(report.time_regressions, 0);
    for row in &log().rows {
        assert_eq!(AuditRecord::parse(&row.body).unwrap().seq, row.seq);
    }
}

#[test]
fn every_single_deletion_is_found() {
    for seq in 1..RECORDS {
        let mut rows = near(seq);
        rows.retain(|row| row.seq != seq);
        let damage = check_near(&rows, seq).damage.unwrap();
        assert_eq!(damage.seq, seq);
        let last = seq;
        assert_eq!(damage.kind, DamageKind::Missing { first: seq, last });
    }
    let mut rows = log().rows.clone();
    rows.remove(4_711);
    let report = check_log(&rows);
    assert_eq!(report.damage.unwrap().seq, 4_712);
    assert_eq!(report.intact, 4_711);
    assert_eq!((report.proven, report.unanchored), (4_500, 211));
    assert_eq!(report.following, RECORDS - 4_713);
    assert_eq!(report.anchor.unwrap().seq, 4_500);
    assert_eq!((report.checkpoints_ok, report.damages_more), (10, 0));
}

#[test]
fn deletions_that_are_renumbered_are_found() {
    for at in scatter(40, RECORDS - 2) {
        let at = usize::try_from(at).unwrap();
        let mut rows = log().rows.clone();
        rows.remove(at);
        for row in &mut rows[at..] {
            row.seq -= 1;
        }
        let seq = u64::try_from(at).unwrap() + 1;
        assert_eq!(check_log(&rows).damage.unwrap().seq, seq);
    }
}

#[test]
fn swaps_are_found() {
    for (at, with) in scatter(1_000, RECORDS).zip(scatter(2_000, RECORDS).skip(1_000)) {
        if at == with {
            continue;
        }
        let (low, high) = (at.min(with), at.max(with));
        let mut window = near(low + 1);
        let position = window.iter().position(|row| row.seq == low + 1).unwrap();
        let other = &log().rows[usize::try_from(high).unwrap()];
        window[position] = other.clone();
        assert!(!check_near(&window, low + 1).whole(), "{low} {high} moved");
        window[position].seq = low + 1;
        assert!(
            !check_near(&window, low + 1).whole(),
            "{low} {high} renumbered"
        );
    }
    let mut rows = log().rows.clone();
    rows.swap(2_000, 2_001);
    assert_eq!(check_log(&rows).damage.unwrap().seq, 2_001);
}

#[test]
fn a_record_that_is_there_twice_is_found() {
    let mut rows = log().rows.clone();
    rows.insert(50, rows[49].clone());
    let damage = check_log(&rows).damage.unwrap();
    assert_eq!((damage.seq, damage.kind), (50, DamageKind::Repeated));
}

#[test]
fn a_cut_head_is_found() {
    for cut in (1..100).chain([499, 500, 501, 5_000, 9_999]) {
        let damage = check_log(&log().rows[cut..]).damage.unwrap();
        let last = u64::try_from(cut).unwrap();
        assert_eq!(damage.kind, DamageKind::Missing { first: 1, last });
    }
}

#[test]
fn a_cut_tail_is_found_up_to_the_last_checkpoint() {
    let anchored = usize::try_from(RECORDS - UNANCHORED).unwrap();
    for keep in [0, 1, 4_999, 5_000]
        .into_iter()
        .chain(anchored - 50..anchored)
    {
        let damage = check_log(&log().rows[..keep]).damage.unwrap();
        assert_eq!(damage.seq, u64::try_from(keep).unwrap() + 1);
        let signed = RECORDS - UNANCHORED;
        assert_eq!(damage.kind, DamageKind::CutOff { signed });
    }
    for lost in (1..=500).step_by(9) {
        let keep = log().rows.len() - lost;
        let report = check_log(&log().rows[..keep]);
        assert_eq!(report.damage, None);
        assert_eq!(report.unanchored, UNANCHORED - u64::try_from(lost).unwrap());
    }
}

#[test]
fn another_key_is_found() {
    let foreign = signer(2);
    let report = check(&log().rows, &log().checkpoints, &[foreign.public_key()]);
    let damage = report.damage.unwrap();
    assert_eq!(damage.seq, 500);
    assert_eq!(damage.kind, DamageKind::UnknownKey(log().key.fingerprint()));
    assert_eq!((report.proven, report.checkpoints_ok), (0, 0));

    let resigned = make(&foreign, event);
    let damage = check(&log().rows, &resigned.checkpoints, &[log().key]).damage;
    assert_eq!(
        damage.unwrap().kind,
        DamageKind::UnknownKey(foreign.public_key().fingerprint())
    );

    let line = log().checkpoints[3].to_string();
    let forged = line.replace("seq=3500 ", "seq=3501 ");
    assert_ne!(line, forged);
    let forged = [Checkpoint::parse(&forged).unwrap()];
    let damage = check(&log().rows, &forged, &[log().key]).damage.unwrap();
    assert_eq!((damage.seq, damage.kind), (3_501, DamageKind::Signature));
}

#[test]
fn keys_may_change_over_the_life_of_a_log() {
    let second = signer(3);
    let mut checkpoints = log().checkpoints.clone();
    for checkpoint in &mut checkpoints[6..] {
        let Checkpoint {
            seq, hash, time, ..
        } = *checkpoint;
        *checkpoint = second.sign(NODE, seq, hash, time).unwrap();
    }
    let keys = [log().key, second.public_key()];
    let report = check(&log().rows, &checkpoints, &keys);
    assert_eq!(report.damage, None);
    let counts = [(keys[0].fingerprint(), 6), (keys[1].fingerprint(), 4)];
    assert_eq!(report.keys, counts);
}

#[test]
fn history_written_anew_with_the_real_key_is_found_by_an_exported_checkpoint() {
    let exported = &log().checkpoints[6];
    for changed in [1, 1_234, exported.seq] {
        let forged = make(&signer(1), |seq| match seq {
            _ if seq == changed => Event::new("auth.reject"),
            _ => event(seq),
        });
        assert!(check(&forged.rows, &forged.checkpoints, &[forged.key]).whole());
        let mut known = forged.checkpoints.clone();
        known.push(exported.clone());
        let damage = check(&forged.rows, &known, &[forged.key]).damage.unwrap();
        assert_eq!(damage.seq, exported.seq);
        assert!(matches!(damage.kind, DamageKind::Rewritten { .. }));

        let plan = Plan {
            node: NODE,
            start: Start::after(exported),
            checkpoints: &forged.checkpoints,
            keys: &[forged.key],
        };
        let later = &forged.rows[usize::try_from(exported.seq).unwrap()..];
        let later = later.iter().cloned().map(Ok::<_, Infallible>);
        let damage = verify(&plan, later).unwrap().damage.unwrap();
        assert!(damage.seq <= exported.seq + 1);
    }
}

#[test]
fn begins_after_a_checkpoint() {
    let exported = &log().checkpoints[4];
    let plan = Plan {
        node: NODE,
        start: Start::after(exported),
        checkpoints: &log().checkpoints,
        keys: &[log().key],
    };
    let rows = &log().rows[usize::try_from(exported.seq).unwrap()..];
    let report = verify(&plan, rows.iter().cloned().map(Ok::<_, Infallible>)).unwrap();
    assert_eq!(report.damage, None);
    assert_eq!(report.records, RECORDS - exported.seq);
    assert_eq!((report.checkpoints_ok, report.unanchored), (6, UNANCHORED));
}

fn flip(row: &mut StoredAudit, bit: u64) {
    let body_bits = u64::try_from(row.body.len()).unwrap() * 8;
    if bit < body_bits {
        row.body[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    } else if bit < body_bits + 256 {
        let bit = bit - body_bits;
        row.hash[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    } else {
        row.seq ^= 1 << (bit - body_bits - 256);
    }
}

fn bits(row: &StoredAudit) -> u64 {
    u64::try_from(row.body.len()).unwrap() * 8 + 256 + 64
}

fn assert_flip_is_found(seq: u64, bit: u64) {
    let mut rows = near(seq);
    let row = rows.iter_mut().find(|row| row.seq == seq).unwrap();
    flip(row, bit);
    let damage = check_near(&rows, seq).damage;
    let damage = damage.unwrap_or_else(|| panic!("bit {bit} of record {seq}"));
    assert!(damage.seq <= seq);
}

#[test]
fn every_bit_of_some_records_counts() {
    for seq in [1, 2, 3, 5_000, RECORDS - 1, RECORDS] {
        for bit in 0..bits(&log().rows[usize::try_from(seq - 1).unwrap()]) {
            assert_flip_is_found(seq, bit);
        }
    }
}

/// Bits that are flipped at places all over the log; ten times as many with `MFAD_LONG=1`.
fn flips() -> u64 {
    let long = std::env::var("MFAD_LONG").is_ok_and(|value| value == "1");
    if long { 200_000 } else { 20_000 }
}

#[test]
fn sampled_bits_of_the_whole_log_count() {
    let flips = flips();
    let skip = usize::try_from(flips).unwrap();
    let places = scatter(flips, RECORDS).zip(scatter(2 * flips, u64::MAX).skip(skip));
    for (at, bit) in places {
        let row = &log().rows[usize::try_from(at).unwrap()];
        assert_flip_is_found(at + 1, bit % bits(row));
    }
}

#[test]
fn every_single_change_is_found() {
    for seq in 1..=RECORDS {
        // One octet of the body, as who can write the store and knows nothing else.
        let mut rows = near(seq);
        let position = rows.iter().position(|row| row.seq == seq).unwrap();
        let last = rows[position].body.len() - 2;
        rows[position].body[last] ^= 1;
        let damage = check_near(&rows, seq).damage.unwrap();
        assert_eq!(damage.seq, seq);
        assert!(matches!(damage.kind, DamageKind::Changed { .. }));
        // The same with the hash of the record made anew: the next one does not follow.
        let before = match position {
            0 => Start::CHAIN.hash,
            _ => rows[position - 1].hash,
        };
        rows[position].hash = link(&before, &rows[position].body);
        match check_near(&rows, seq).damage {
            Some(damage) => assert_eq!(damage.seq, seq + 1),
            None => assert_eq!(seq, RECORDS, "only the last has nothing after it"),
        }
    }
}

/// All hashes from the changed record on are made anew, up to the end: a chain that is whole in
/// itself. Every checkpoint from there on disagrees.
#[test]
fn a_change_that_is_hashed_to_the_end_is_found_by_the_next_checkpoint() {
    for at in scatter(20, RECORDS - UNANCHORED) {
        let at = usize::try_from(at).unwrap();
        let mut rows = log().rows.clone();
        let last = rows[at].body.len() - 2;
        rows[at].body[last] ^= 1;
        let mut hash = at
            .checked_sub(1)
            .map_or([0; 32], |before| rows[before].hash);
        for row in &mut rows[at..] {
            hash = link(&hash, &row.body);
            row.hash = hash;
        }
        let seq = rows[at].seq;
        let damage = check_log(&rows).damage.unwrap();
        assert!((seq..seq + 1_000).contains(&damage.seq), "{seq} {damage:?}");
        assert!(matches!(damage.kind, DamageKind::Rewritten { .. }));
    }
}

#[test]
fn after_a_flip_the_rest_is_said_to_follow() {
    for bit in [300, bits(&log().rows[6_999]) - 100] {
        let mut rows = log().rows.clone();
        flip(&mut rows[6_999], bit);
        let report = check_log(&rows);
        let damage = report.damage.unwrap();
        assert_eq!(damage.seq, 7_000);
        assert!(matches!(damage.kind, DamageKind::Changed { .. }));
        assert_eq!((report.intact, report.following), (6_999, 3_000));
        assert_eq!((report.checkpoints_ok, report.damages_more), (10, 0));
        assert_eq!(report.proven, 6_500);
    }
}

/// Rows of bodies that are changed and then hashed anew, as one can who has the store.
fn rehashed(change: impl Fn(u64, String) -> String) -> Vec<StoredAudit> {
    let mut hash = [0; 32];
    let rows = log().rows.iter().take(400).cloned();
    rows.map(|mut row| {
        row.body = change(row.seq, String::from_utf8(row.body).unwrap()).into_bytes();
        hash = link(&hash, &row.body);
        row.hash = hash;
        row
    })
    .collect()
}

#[test]
fn bodies_must_say_what_the_row_says() {
    let number = rehashed(|seq, body| match seq {
        300 => body.replace("\"seq\":300,", "\"seq\":299,"),
        _ => body,
    });
    let node = rehashed(|seq, body| match seq {
        300 => body.replace("\"node\":\"mfa1\"", "\"node\":\"mfa2\""),
        _ => body,
    });
    let unreadable = rehashed(|seq, body| match seq {
        300 => body.replace("\"wall\"", "\"Wall\""),
        _ => body,
    });
    let cases = [
        (number, DamageKind::OtherNumber(299)),
        (node, DamageKind::OtherNode),
        (unreadable, DamageKind::Unreadable),
    ];
    for (rows, kind) in cases {
        let report = check(&rows, &[], &[]);
        assert_eq!(report.damage.unwrap().kind, kind);
        assert_eq!((report.intact, report.following), (299, 100));
    }
}

#[test]
fn times_that_go_back_are_reported_and_are_no_damage() {
    let rows = rehashed(|seq, body| match seq {
        200 | 300 => body.replace("\"wall\":\"2026", "\"wall\":\"2025"),
        _ => body,
    });
    let report = check(&rows, &[], &[]);
    assert_eq!(report.damage, None);
    assert_eq!(report.time_regressions, 2);
    assert_eq!(report.time_regression_first, Some(200));
}

#[test]
fn without_a_key_nothing_is_proven() {
    let report = check(&log().rows, &log().checkpoints, &[]);
    assert_eq!((report.damage, report.checkpoints_ok), (None, 10));
    assert_eq!((report.proven, report.unanchored), (0, RECORDS));
    assert!(!report.signatures_checked);
}

/// The first records of the log as a segment, with the checkpoint of record 500 in it.
fn segment(last: usize) -> (Header, Vec<u8>) {
    let rows = &log().rows[..last];
    let end = rows.last().unwrap();
    let header = Header {
        node: NODE.to_owned(),
        first: 1,
        last: end.seq,
        before: [0; 32],
        hash: end.hash,
    };
    let mut text = format!("{header}\n").into_bytes();
    for row in rows {
        segment::write_record(&mut text, row).unwrap();
        for checkpoint in log().checkpoints.iter().filter(|one| one.seq == row.seq) {
            text.extend(format!("{checkpoint}\n").into_bytes());
        }
    }
    let seal = signer(1).sign(NODE, end.seq, end.hash, START).unwrap();
    text.extend(format!("{seal}\n").into_bytes());
    (header, text)
}

/// Whether a segment is whole; a first line that is none makes it no segment.
fn segment_is_whole(text: &[u8]) -> bool {
    let (mut segment, header) = Segment::open(text).unwrap();
    let Some(header) = header else { return false };
    let keys = [log().key];
    let mut verifier = Verifier::new(&Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints: &[],
        keys: &keys,
    });
    segment::check(&mut verifier, &header, &mut segment).unwrap();
    verifier.finish().whole()
}

#[test]
fn a_segment_is_verified_with_the_checkpoints_in_it() {
    let (header, text) = segment(600);
    let keys = [log().key];
    let mut verifier = Verifier::new(&Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints: &[],
        keys: &keys,
    });
    let (mut read, found) = Segment::open(text.as_slice()).unwrap();
    assert_eq!(found.as_ref(), Some(&header));
    segment::check(&mut verifier, &header, &mut read).unwrap();
    // The store goes on where the segment ends.
    for row in &log().rows[600..] {
        verifier.feed(row);
    }
    let report = verifier.finish();
    assert_eq!(report.damage, None);
    assert_eq!((report.records, report.checkpoints_ok), (RECORDS, 2));
    assert_eq!(report.proven, 600);
}

#[test]
fn every_bit_of_a_segment_counts() {
    let (_, text) = segment(4);
    assert!(segment_is_whole(&text));
    for bit in 0..text.len() * 8 {
        let mut spoiled = text.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        assert!(!segment_is_whole(&spoiled), "bit {bit}");
    }
    for cut in 0..text.len() {
        assert!(!segment_is_whole(&text[..cut]), "cut at {cut}");
    }
}

#[test]
fn a_segment_sealed_by_another_key_is_found() {
    let (header, text) = segment(12);
    let seal = signer(2).sign(NODE, 12, header.hash, START).unwrap();
    let end = text.len() - 1;
    let line = text[..end]
        .iter()
        .rposition(|octet| *octet == b'\n')
        .unwrap();
    let resealed = [&text[..=line], format!("{seal}\n").as_bytes()].concat();
    assert!(!segment_is_whole(&resealed));
}

#[test]
fn a_store_that_cannot_be_read_is_neither_whole_nor_damaged() {
    let plan = Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints: &[],
        keys: &[],
    };
    let result = verify(&plan, [Ok(log().rows[0].clone()), Err("disk")]);
    assert_eq!(exit_status(&result), 2);
}
