//! The chain of records that says who did what.
