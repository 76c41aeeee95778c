//! The composition root.

pub mod front;
