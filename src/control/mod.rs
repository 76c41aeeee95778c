//! The control interface: pure.
//!
//! Varlink: NUL-terminated JSON, interfaces written by hand in `idl/`, served by introspection.
//! This folder turns octets into requests and replies into octets and knows no socket; who may
//! ask is decided by the table of [`crate::domain::action`], what happens by the rules.
//!
//! ```text
//! octets --frame--> JSON --message--> Call --method::parse--> Request (Change | Query | ..)
//! octets <--frame-- Reply | Fault  <--------------------------- answer
//! ```
//! Replies ([`reply`]) and errors ([`fault`]) are the same types in the daemon and in `mfactl`. A
//! method is added in one place: a paragraph in the IDL and a row in [`method`]; a test holds both
//! against each other, and golden files freeze the wire. Only additions are allowed: readers fill
//! what is missing with defaults and ignore what they do not know.

pub mod fault;
pub mod frame;
pub mod idl;
pub mod import;
pub mod message;
pub mod method;
pub mod numbers;
pub mod query;
pub mod reply;
pub mod service;
pub mod words;
