//! mfactl: arguments, client, output.
