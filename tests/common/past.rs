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

/// Makes it with so many records of about the length of a sign-in's, a minute apart.
pub(crate) fn make_past(path: &Path, key: &SecretKey, records: u64) {
    let at = |number| Now::at(BEGUN + Duration::from_secs(60 * number));
    let keys = Keys::derive(key).unwrap();
    let site = sqlite::Site {
        path,
        keys: &keys,
        node: "test".into(),
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
        events: vec![Event::new("user.edited").detail("filler", "x".repeat(200))],
        at: at(number),
    };
    // Making the store was the first.
    let changes: Vec<Change> = (2..=records).map(change).collect();
    for batch in changes.chunks(500) {
        let _ = opened.writer.commit(batch).unwrap();
    }
    opened.writer.close().unwrap();
}
