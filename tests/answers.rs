//! A whole mfad in this process, asked as operators of each role ask it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

#[path = "answers/attempts.rs"]
mod attempts;
#[path = "answers/daemon.rs"]
mod daemon;
#[path = "answers/lists.rs"]
mod lists;
#[path = "answers/people.rs"]
mod people;
#[path = "answers/site.rs"]
mod site;
