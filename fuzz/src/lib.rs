//! What the fuzzers do with octets, as plain functions: one for each target.
//!
//! `fuzz_targets/` hands them what libFuzzer makes up; `tests/corpus.rs` includes this file and hands
//! them everything in `corpus/`, so that an ordinary `cargo test` keeps what the fuzzers have found.
//! Each asserts something that must be so for any octets, beyond not panicking: that what was read is
//! written back, that bounds hold, that a second reading agrees.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "a check may stop at a surprise, and is called by name only"
)]

pub mod answers;
pub mod attributes;
pub mod audit;
pub mod call;
pub mod codes;
pub mod config;
mod given;
pub mod metrics;
mod octets;
pub mod operations;
mod orders;
pub mod outgoing;
pub mod packet;
pub mod password;
pub mod pictures;
pub mod rows;
pub mod token_files;
pub mod user_name;

/// Looks at some octets; panics if something is wrong with what mfad makes of them.
pub type Check = fn(&[u8]);

/// Every target with what it does. Each has a file in `fuzz_targets/` and a folder in `corpus/`.
pub const TARGETS: &[(&str, Check)] = &[
    ("packet", packet::decode),
    ("signature", packet::signature),
    ("attributes", attributes::walk),
    ("accept_attribute", attributes::accept),
    ("password", password::hidden),
    ("passcode", password::passcode),
    ("user_name", user_name::canonical),
    ("codes", codes::written),
    ("otpauth", codes::otpauth),
    ("pskc", token_files::pskc),
    ("token_csv", token_files::csv),
    ("token_owners", token_files::owned),
    ("answers", answers::judged),
    ("call", call::frames),
    ("config", config::site),
    ("gateways", config::gateways),
    ("auth_row", rows::auth),
    ("profile_row", rows::profile),
    ("redo_row", rows::redo),
    ("store_files", rows::store_files),
    ("audit_record", audit::record),
    ("audit_chain", audit::chain),
    ("audit_checkpoint", audit::checkpoint),
    ("metrics_request", metrics::request),
    ("operations", operations::life),
    ("smtp_answer", outgoing::smtp),
    ("http_answer", outgoing::http),
    ("sms_request", outgoing::request),
    ("picture", pictures::picture),
];
