//! mfad, a second-factor RADIUS daemon. This list is the map; `docs/ARCHITECTURE.md` explains it.
//!
//! Imports run one way, top to bottom; `tests/tidy.rs` holds the sources to it.

pub mod secret;
pub mod time;

pub mod qr;
pub mod radius;
pub mod token;

pub mod domain;

pub mod access;
pub mod audit;
pub mod config;
pub mod control;
pub mod store;

pub mod engine;
pub mod outbound;

pub mod server;

pub mod ctl;
pub mod daemon;
pub mod log;
pub mod sys;
