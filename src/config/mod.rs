//! TOML to checked configuration.
