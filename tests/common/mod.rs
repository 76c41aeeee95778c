//! What the tests with real processes share: a site, its daemon, gateways before it, an operator.
//!
//! Everything runs on loopback. A gateway is told from another by its source address, so each of
//! them sends from an address of its own (127.0.0.2, ..). Nothing sleeps to hope: what is awaited
//! is polled, with an end.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests: each program uses a part of them, and may stop at a surprise"
)]

pub(crate) mod chance;
pub(crate) mod conversation;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod gateway;
pub(crate) mod ledger;
pub(crate) mod operator;
pub(crate) mod past;
pub(crate) mod people;
pub(crate) mod reach;
pub(crate) mod scrape;
pub(crate) mod single;
pub(crate) mod sink;
pub(crate) mod terminal;
pub(crate) mod texts;
pub(crate) mod tools;
pub(crate) mod until;
