//! Front ends: sockets and bytes, no decisions.

pub mod metrics;
pub mod udp;
