//! What the tests of mfad with real processes share, for those of mfad-web.

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

#[path = "../../../tests/common/conversation.rs"]
pub(crate) mod conversation;
#[path = "../../../tests/common/daemon.rs"]
pub(crate) mod daemon;
#[path = "../../../tests/common/gateway.rs"]
pub(crate) mod gateway;
#[path = "../../../tests/common/operator.rs"]
pub(crate) mod operator;
#[path = "../../../tests/common/past.rs"]
pub(crate) mod past;
#[path = "../../../tests/common/people.rs"]
pub(crate) mod people;
#[path = "../../../tests/common/reach.rs"]
pub(crate) mod reach;
#[path = "../../../tests/common/scrape.rs"]
pub(crate) mod scrape;
#[path = "../../../tests/common/tools.rs"]
pub(crate) mod tools;
