//! The only door to the operating system.
//!
//! Whatever the daemon asks of the kernel or the service manager goes through one of these files,
//! so that the rest of the program can be tested with made-up answers and a reviewer finds every
//! system call in one folder. Nothing here decides anything about users or packets, and nothing
//! here knows RADIUS, the store or the control interface.
//!
//! * [`clock`]: the time, as a [`crate::time::Now`], and what is wrong with it
//! * [`random`]: random octets
//! * [`peer`]: who is at the other end of a Unix socket
//! * [`listen`]: sockets that systemd opened for us
//! * [`notify`]: what systemd is told about us
//! * [`harden`]: what the process gives up for good
//! * [`signals`]: stop and reload
//! * [`files`]: locks, new files, free space, permissions
//!
//! `raw.rs` holds every line of unsafe code of the crate.

pub mod clock;
pub mod files;
pub mod harden;
pub mod listen;
pub mod notify;
pub mod peer;
pub mod random;
mod raw;
pub mod signals;

pub(crate) use raw::{Joining, Parcel, Source, dropped_by_kernel, send_many};
