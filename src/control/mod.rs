//! The control interface: pure.
