//! The only glue between RADIUS and the rules: pure.
