//! More than can be done: what is taken stays within its bounds, and others are served meanwhile.
//!
//! Counts and bounds are asserted, times are printed: they are measurements, which the machine has
//! its say in. `MFAD_LONG=1` sends millions, and
//!
//! ```text
//! MFAD_LONG=1 cargo test --release --test floods -- --nocapture --test-threads=1
//! ```
//! prints figures that mean something.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

#[path = "floods/argon2.rs"]
mod argon2;
mod common;
#[path = "floods/requests.rs"]
mod requests;
#[path = "floods/slow.rs"]
mod slow;
#[path = "floods/soak.rs"]
mod soak;

use std::time::Duration;

/// What a daemon may have taken at the most, whatever is sent to it.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

/// The time below which this share of a sorted list lies.
fn quantile(sorted: &[Duration], of_thousand: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * of_thousand / 1_000)
        .copied()
        .unwrap_or_default()
}
