//! What every store promises, run against each of them, and what the embedded one adds.
//!
//! The functions of `contract` know only the traits; a new store gets all of them by one more
//! factory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "store_contract/archived.rs"]
mod archived;
#[path = "store_contract/contract.rs"]
mod contract;
#[path = "store_contract/cost.rs"]
mod cost;
#[path = "store_contract/faults.rs"]
mod faults;
#[path = "store_contract/history.rs"]
mod history;
#[path = "store_contract/log.rs"]
mod log;
#[path = "store_contract/redo.rs"]
mod redo;
#[path = "store_contract/samples.rs"]
mod samples;
#[path = "store_contract/sqlite.rs"]
mod sqlite;
