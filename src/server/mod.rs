//! Front ends: sockets and bytes, no decisions.

pub mod control;
