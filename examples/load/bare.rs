//! The yardstick: what the same file system does without mfad.
//!
//! One thread writes 12 KiB (the log pages of a small commit) at rotating places of a file that has
//! its full length already, and makes each durable with `fdatasync`; for a disk whose flushes are
//! made to take a given time, it waits for that time instead.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::spread::Spread;

/// Octets of one write.
const WRITE_OCTETS: usize = 12 * 1024;

/// Length of the file, in octets: that of the daemon's log.
const FILE_OCTETS: u64 = 64 << 20;

/// Most writes of one run.
const WRITES_MAX: usize = 4_000_000;

/// Writes for `span`; the microseconds that each took.
pub(crate) fn run(folder: &Path, span: Duration, flush_us: Option<u64>) -> Result<Spread, Failure> {
    let path = folder.join("bare");
    let file = File::create(&path)?;
    let block = vec![0xa5; WRITE_OCTETS];
    let step = u64::try_from(WRITE_OCTETS)?;
    let places = FILE_OCTETS / step;
    for place in 0..places {
        file.write_all_at(&block, place * step)?;
    }
    file.sync_all()?;
    let mut spread = Spread::default();
    let began = Instant::now();
    let mut place = 0;
    while began.elapsed() < span && spread.len() < WRITES_MAX {
        let one = Instant::now();
        file.write_all_at(&block, place * step)?;
        match flush_us {
            None => file.sync_data()?,
            Some(us) => std::thread::sleep(Duration::from_micros(us)),
        }
        spread.add(one.elapsed());
        place = (place + 1) % places;
    }
    spread.took = began.elapsed();
    std::fs::remove_file(&path)?;
    spread.sort();
    Ok(spread)
}
