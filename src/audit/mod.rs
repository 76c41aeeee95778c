//! The chain of records that says who did what.

pub mod chain;
