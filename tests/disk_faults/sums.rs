//! Rejects of strangers are summed up; a disk that fails meanwhile takes none of them away.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::verdict::Reason;
use mfad::store::AuditFilter;
use mfad::time::Now;
use nix::errno::Errno;

use crate::common::chance::Chance;
use crate::common::disk::{Disk, Fault};
use crate::common::single::{Answer, CREATE, START, Single, gateway, keys, open};

/// Rejects in one window: one record and a sum of the rest.
const STRANGERS: u64 = 5;

/// Longer than a window.
const WINDOW: Duration = Duration::from_secs(11);

fn flooded(disk: &Disk) -> Single {
    disk.heal();
    let path = disk.root().join("mfad.db");
    disk.unseen(|| {
        for entry in fs::read_dir(disk.root()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    });
    let (keys, now) = (keys(), Now::at(START));
    let opened = open(&path, &keys, now, CREATE).unwrap();
    let mut single = Single::on(opened, &Arc::clone(&keys), now, Chance::of(1));
    for _ in 0..STRANGERS {
        assert_eq!(stranger(&mut single), Answer::Reject(Reason::UnknownUser));
    }
    assert_eq!(counted(&single), 1, "the first one has a record");
    single
}

fn stranger(single: &mut Single) -> Answer {
    single.sign_in(&gateway(false), "stranger", "123456")
}

/// Rejects of strangers in the audit log.
fn counted(single: &Single) -> u64 {
    let all = single.reader().audit(&AuditFilter::default(), 1000);
    let count = |body: &[u8]| {
        let record: serde_json::Value = serde_json::from_slice(body).unwrap();
        let is_one = record["reason"] == Reason::UnknownUser.name();
        is_one.then(|| record["detail"]["count"].as_u64().unwrap_or(1))
    };
    let all = all.unwrap();
    all.iter().filter_map(|record| count(&record.body)).sum()
}

/// The window ends while the store is closed.
pub(crate) fn while_the_store_is_closed(disk: &Disk) {
    let mut single = flooded(disk);
    disk.fail(disk.calls() + 1, Fault::From(Errno::EIO));
    // Something that is written at once finds the disk broken.
    assert_eq!(
        single.sign_in(&gateway(true), "stranger", "402817123456"),
        Answer::Nothing
    );
    assert!(single.broken().is_some());
    single.pass(WINDOW);
    for _ in 0..3 {
        single.idle();
        assert!(single.broken().is_some());
    }
    disk.heal();
    single.idle();
    assert_eq!(single.broken(), None);
    assert_eq!(counted(&single), STRANGERS);
}

/// The commit that fails is that of the sum.
pub(crate) fn when_their_own_commit_fails(disk: &Disk) {
    let mut single = flooded(disk);
    single.pass(WINDOW);
    disk.fail(disk.calls() + 1, Fault::From(Errno::EIO));
    single.idle();
    assert!(single.broken().is_some());
    disk.heal();
    single.idle();
    single.idle();
    assert_eq!(single.broken(), None);
    assert_eq!(counted(&single), STRANGERS);
}
