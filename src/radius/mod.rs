//! RADIUS bytes and typed packets, both ways: pure.
