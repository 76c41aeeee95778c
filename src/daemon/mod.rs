//! The composition root.

pub mod alarm;
pub mod answers;
pub mod checkpoints;
pub mod client;
pub mod demo;
mod demo_screen;
pub mod door;
pub mod front;
pub mod instance;
pub mod key;
pub mod live;
pub mod metrics;
pub mod serve;
