//! Front ends: sockets and bytes, no decisions.
