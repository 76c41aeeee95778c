//! One-time codes, one file a kind: pure.
