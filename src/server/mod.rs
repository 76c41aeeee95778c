//! Front ends: sockets and bytes, no decisions.

pub mod control;
pub mod metrics;
pub mod udp;
