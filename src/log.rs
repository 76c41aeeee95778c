//! The rate-limited logging macros.
