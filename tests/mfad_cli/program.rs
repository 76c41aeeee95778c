//! The built program: exit statuses, and which stream says what.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::world::System;

fn mfad(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mfad"))
        .args(args)
        .env("LC_ALL", "C")
        .env_remove("CREDENTIALS_DIRECTORY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Status, standard output and standard error.
fn said(output: &Output) -> (i32, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let status = output.status.code().unwrap();
    (status, text(&output.stdout), text(&output.stderr))
}

#[test]
fn wrong_usage_is_64_on_the_standard_error() {
    let (status, out, err) = said(&mfad(&["--chek"], ""));
    assert_eq!((status, out.as_str()), (64, ""));
    assert!(err.contains("did you mean `--check`?"), "{err}");
    let (status, out, err) = said(&mfad(&["--help"], ""));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("Usage: mfad"), "{out}");
    if !Path::new("/etc/mfad/mfad.toml").exists() {
        let (status, _, err) = said(&mfad(&[], ""));
        assert_eq!((status, err.lines().count()), (64, 4), "{err}");
    }
}

#[test]
fn setting_up_and_checking_in_ascii() {
    let system = System::new();
    let root = system.root().to_str().unwrap();
    let (status, out, err) = said(&mfad(&["--init", "--root", root], ""));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("ok ") && out.is_ascii(), "{out}");
    let (status, out, err) = said(&mfad(&["--init", "--key-stdin", "--root", root], "AAAA\n"));
    assert_eq!((status, out.as_str()), (65, ""), "{err}");
    assert!(err.starts_with("mfad: that is not a master key\n"), "{err}");
    let (status, out, err) = said(&mfad(&["--check", "--root", root], ""));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("\nok store ") && out.is_ascii(), "{out}");
    let (status, ..) = said(&mfad(&["--check", "--strict", "--root", root], ""));
    assert_eq!(status, 1);
}

#[test]
fn a_try_reads_two_lines() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = closed.local_addr().unwrap().to_string();
    drop(closed);
    let (status, out, err) = said(&mfad(&["--try", &server, "--user", "al"], "se-cret\n42\n"));
    assert_eq!(status, 69, "{err}");
    assert!(
        out.starts_with("sent      Access-Request to ") && !out.contains("se-cret"),
        "{out}"
    );
    let (status, ..) = said(&mfad(&["--try", &server, "--user", "al"], "se-cret\n"));
    assert_eq!(status, 66);
}
