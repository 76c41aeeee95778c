//! `outgoing::request` of what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| mfad_fuzz::outgoing::request(octets));
