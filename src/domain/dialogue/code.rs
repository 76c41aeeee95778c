//! The code: the second step of a sign-in whose first packet carries the first factor alone.
//!
//! 1. The first factor is right, or the gateway has checked it, or none is asked for.
//! 2. *Enter your one-time code:*
//! 3. The answer is a code and nothing else. Right: Accept. Wrong: it counts, Reject.

use super::{Asking, Kind};
use crate::domain::verdict::Message;

pub(super) const fn asking() -> Asking {
    Asking {
        kind: Kind::Code,
        message: Message::EnterCode,
    }
}
