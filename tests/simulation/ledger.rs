//! The audit log as an auditor reads it: every link, every number, nothing that goes back.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use mfad::audit::record::AuditRecord;
use mfad::store::sqlite::SqliteReader;
use mfad::store::{AuditFilter, Read};

/// The log as far as it has been read.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    /// Hashes of the records, the first one at 0.
    hashes: Vec<[u8; 32]>,
    pub(crate) records: Vec<Arc<AuditRecord>>,
}

impl Ledger {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Reads what is new; every body goes into `digest`.
    pub(crate) fn read_on(
        &mut self,
        reader: &SqliteReader,
        digest: &mut Sha256,
    ) -> Result<(), String> {
        let filter = AuditFilter {
            after_seq: self.hashes.len() as u64,
            ..AuditFilter::default()
        };
        let found = reader
            .audit(&filter, 1_000_000)
            .map_err(|error| format!("the log cannot be read: {error}"))?;
        for stored in found {
            let seq = self.hashes.len() as u64 + 1;
            if stored.seq != seq {
                return Err(format!("record {seq} is missing: {} follows", stored.seq));
            }
            let before = self.hashes.last().copied().unwrap_or_default();
            let link: [u8; 32] = Sha256::new()
                .chain_update(before)
                .chain_update(&stored.body)
                .finalize()
                .into();
            if link != stored.hash {
                return Err(format!("record {seq} is not the one that was chained"));
            }
            let record = AuditRecord::parse(&stored.body)
                .map_err(|error| format!("record {seq}: {error}"))?;
            if record.seq != seq {
                return Err(format!("record {seq} calls itself {}", record.seq));
            }
            digest.update(&stored.body);
            self.hashes.push(stored.hash);
            self.records.push(Arc::new(record));
        }
        Ok(())
    }

    /// Reads all of it again, after a start: what was there has to be there still, and as it was.
    pub(crate) fn read_again(
        &mut self,
        reader: &SqliteReader,
        digest: &mut Sha256,
    ) -> Result<(), String> {
        let before = std::mem::take(self);
        self.read_on(reader, digest)?;
        if self.hashes.len() < before.hashes.len() {
            return Err(format!(
                "of {} records that were read {} are there after a start",
                before.hashes.len(),
                self.hashes.len()
            ));
        }
        if self.hashes[..before.hashes.len()] != before.hashes[..] {
            return Err("the log was written anew".to_owned());
        }
        Ok(())
    }

    /// The locks since the store came back from the past the last time: those that somebody is to be
    /// told of.
    pub(crate) fn locks(&self) -> usize {
        let since = self.records.iter().rev();
        let since = since.take_while(|record| record.event != "store.restored");
        let mut ended = None;
        let mut locks = 0;
        for record in since {
            // Newest first. A lock that its own change has replaced or ended is nobody's news. A
            // datagram that comes again much later makes a change of its own.
            let change = (record.request.as_deref(), record.wall);
            let told = change.0.is_none() || ended != Some(change);
            match record.event.as_str() {
                "user.locked" => {
                    locks += usize::from(told);
                    ended = Some(change);
                }
                "user.unlocked" | "user.deleted" => ended = Some(change),
                _ => {}
            }
        }
        locks
    }

    /// How many Rejects the records from `from` on stand for.
    pub(crate) fn rejects(&self, from: usize) -> u64 {
        let times = |record: &Arc<AuditRecord>| match record.detail.get("first") {
            Some(_) => record
                .detail
                .get("count")
                .and_then(serde_json::Value::as_u64)
                .unwrap_or(1),
            None => 1,
        };
        self.records[from..]
            .iter()
            .filter(|record| matches!(record.event.as_str(), "auth.reject" | "auth.replay"))
            .map(times)
            .sum()
    }
}
