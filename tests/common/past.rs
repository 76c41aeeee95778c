//! A store whose audit log begins with records of years ago, which can be archived at once.

use std::path::Path;
use std::time::Duration;

use mfad::domain::event::{Event, Origin};
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Sizes};
use mfad::store::{Change, Commit as _};
use mfad::time::{Now, Timestamp};

/// November 2023.
const BEGUN: Timestamp = Timestamp(1_700_000_000_000);

/// When the record of this number is from: a minute after the one before.
pub(crate) fn minute(number: u64) -> Timestamp {
    BEGUN + Duration::from_secs(60 * number)
}

/// Makes it with so many records of this node; `event` makes each by its number.
pub(crate) fn make_past(
    path: &Path,
    key: &SecretKey,
    node: &str,
    records: u64,
    event: impl Fn(u64) -> Event,
) {
    let at = |number| Now::at(minute(number));
    let keys = Keys::derive(key).unwrap();
    let site = sqlite::Site {
        path,
        keys: &keys,
        node: node.into(),
        boot: "boot".into(),
        fence: Fence {
            now: at(1),
            window_steps: 1,
        },
        sizes: Sizes {
            log_octets: 1 << 16,
            ..Sizes::default()
        },
    };
    let mut opened = sqlite::open(&site, Mode::Create { nonce: [5; 12] }).unwrap();
    let change = |number| Change {
        writes: Vec::new(),
        origin: Origin::system(),
        events: vec![event(number)],
        at: at(number),
    };
    // Making the store was the first.
    let changes: Vec<Change> = (2..=records).map(change).collect();
    for batch in changes.chunks(500) {
        let _ = opened.writer.commit(batch).unwrap();
    }
    opened.writer.close().unwrap();
}
