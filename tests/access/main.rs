//! The door between RADIUS and the rules, from outside: datagrams in, actions and replies out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod again;
mod duplicates;
mod operation;
mod questions;
mod replies;
mod requests;
#[path = "../common/rules.rs"]
mod rules;
mod world;
