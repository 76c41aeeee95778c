//! A whole mfad in this process, asked as operators of each role ask it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests, which measure time"
)]

#[path = "answers/archive.rs"]
mod archive;
#[path = "answers/attempts.rs"]
mod attempts;
#[path = "answers/census.rs"]
mod census;
#[path = "answers/daemon.rs"]
mod daemon;
#[path = "answers/imports.rs"]
mod imports;
#[path = "answers/inactivity.rs"]
mod inactivity;
#[path = "answers/links.rs"]
mod links;
#[path = "answers/lists.rs"]
mod lists;
#[path = "common/past.rs"]
mod past;
#[path = "answers/people.rs"]
mod people;
#[path = "answers/site.rs"]
mod site;
