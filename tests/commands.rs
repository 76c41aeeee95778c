//! Every command of the built `mfactl` against the built `mfad`: what it says, to whom, and how it
//! ends.
//!
//! The commands, the roles and the errors all come from the tables in `domain/`: a row that no test
//! here meets fails the test, so that a new command cannot be forgotten.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;
#[path = "commands/desk.rs"]
mod desk;
#[path = "commands/errors.rs"]
mod errors;
#[path = "commands/help_pages.rs"]
mod help_pages;
#[path = "commands/imports.rs"]
mod imports;
#[path = "commands/lengthy.rs"]
mod lengthy;
#[path = "commands/meant.rs"]
mod meant;
#[path = "commands/migrate.rs"]
mod migrate;
#[path = "commands/owners.rs"]
mod owners;
#[path = "commands/roles.rs"]
mod roles;
#[path = "commands/story.rs"]
mod story;
#[path = "commands/walkthroughs.rs"]
mod walkthroughs;
