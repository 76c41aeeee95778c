//! The composition root.

pub mod alarm;
pub mod answers;
pub mod args;
pub mod attempt;
pub mod check;
pub mod client;
pub mod door;
pub mod front;
pub mod init;
pub mod instance;
pub mod key;
pub mod manual;
pub mod metrics;
pub mod places;
pub mod report;
pub mod restore;
pub mod self_test;
pub mod terminal;
