//! The door between RADIUS and the rules, from outside: datagrams in, actions and replies out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod duplicates;
mod operation;
mod replies;
mod requests;
mod world;
