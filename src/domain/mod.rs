//! The rules: pure.
