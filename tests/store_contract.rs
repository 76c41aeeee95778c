//! What every store promises, run against each of them, and what the embedded one adds.
//!
//! The functions of `contract` know only the traits; a new store gets all of them by one more
//! factory.

#[path = "store_contract/contract.rs"]
mod contract;
#[path = "store_contract/samples.rs"]
mod samples;
#[path = "store_contract/sqlite.rs"]
mod sqlite;
