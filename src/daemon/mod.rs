//! The composition root: everything `mfad` can be started as, put together from the parts.
//!
//! [`program`] reads the command line and runs one mode: [`serve`] as the daemon, [`demo`] as a
//! throw-away instance, or one of the errands of an administrator ([`init`], [`check`], [`restore`],
//! [`attempt`]). Service and demo start the same [`instance`].

pub mod alarm;
pub mod answers;
pub mod archive;
pub mod args;
pub mod attempt;
pub mod check;
pub mod checkpoints;
pub mod client;
pub mod demo;
mod demo_gateway;
mod demo_people;
mod demo_screen;
pub mod door;
pub mod front;
pub mod inactivity;
pub mod init;
pub mod instance;
pub mod key;
pub mod live;
pub mod manual;
pub mod metrics;
pub mod places;
pub mod post;
pub mod prime;
pub mod program;
mod reminders;
pub mod report;
pub mod reserve;
pub mod restore;
pub mod self_test;
pub mod serve;
pub mod terminal;
