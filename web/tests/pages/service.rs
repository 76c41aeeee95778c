//! As a service: languages, reload, end, and what it does not start with.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::fake::LINK;
use crate::site::{HOST, Site, certificate};

#[test]
fn a_browser_is_answered_in_its_language() {
    let Some(site) = Site::start_with("language = \"de\"\n") else {
        return;
    };
    let mut browser = site.browser();
    let path = format!("/e/{LINK}");
    let mut ask = |path: &str, liked: &str| {
        let lines = [("Accept-Language", liked)];
        browser.ask("GET", path, &lines, "").body
    };
    assert!(ask(&path, "fr").contains("<html lang=\"de\">"));
    assert!(ask(&path, "en-US,de;q=0.5").contains("<html lang=\"en\">"));
    let switched = ask(&format!("{path}?lang=de"), "en");
    assert!(switched.contains("<html lang=\"de\">") && switched.contains("href=\"?lang=en\""));
}

#[test]
fn a_reload_takes_a_good_certificate_and_leaves_a_bad_one() {
    let Some(mut site) = Site::start() else {
        return;
    };
    let mut browser = site.browser();
    let path = format!("/e/{LINK}");
    assert_eq!(browser.get(&path).status, 200);
    browser.hang_up();
    let old = fs::read(site.path("web.crt")).unwrap();
    fs::write(site.path("web.crt"), "nonsense").unwrap();
    site.signal(Signal::SIGHUP);
    let told = site.wait_for_line("web.crt: no certificate in it");
    assert!(told.contains("web.crt"));
    site.wait_for_line("the old configuration and certificate stay");
    fs::write(site.path("web.crt"), &old).unwrap();
    // The browser trusts what is in the file, so this is the old one.
    assert_eq!(site.browser().get(&path).status, 200);
    assert!(certificate(&site.path(""), HOST));
    site.signal(Signal::SIGHUP);
    site.wait_for_line("reloaded: configuration");
    assert_eq!(site.browser().get(&path).status, 200);
    assert_ne!(fs::read(site.path("web.crt")).unwrap(), old);
    site.signal(Signal::SIGTERM);
    assert!(site.ended_well());
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    let Some(mut site) = Site::start() else {
        return;
    };
    {
        let mut browser = site.browser();
        browser.send(format!("GET /e/{LINK} HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(200));
        site.signal(Signal::SIGTERM);
        std::thread::sleep(std::time::Duration::from_millis(200));
        browser.send(b"\r\n");
        let answer = browser.answer(false).expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(site.ended_well());
}

#[test]
fn a_check_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path(), "other.example.org") {
        println!("skipped: no openssl here");
        return;
    }
    let config = folder.path().join("web.toml");
    let check = |text: &str| {
        fs::write(&config, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mfad-web"))
            .arg("--check")
            .arg("--config")
            .arg(&config)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(said).unwrap(),
        )
    };
    let text = "base_url = \"https://other.example.org/x\"\ncertificate = \"web.crt\"\n\
                key = \"web.key\"\n";
    let (status, said) = check(text);
    assert_eq!(
        said,
        "mfad-web would start, for https://other.example.org/x\n"
    );
    assert_eq!(status, 0);
    for (text, line) in [
        (
            text.replace("other", "mfa"),
            "web.crt: not for mfa.example.org",
        ),
        (text.replace("web.key", "web.crt"), "web.crt: "),
        (text.replace("web.key", "none"), "none: No such file"),
        (
            text.replace("key =", "kee ="),
            "web.toml:3:1: error: unknown field `kee`",
        ),
    ] {
        let (status, said) = check(&text);
        assert_eq!(status, 78);
        assert!(said.contains(line), "{line}: {said}");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(folder.path().join("web.key"), mode).unwrap();
    let (_, said) = check(text);
    assert!(
        said.contains("everybody on this host may read it"),
        "{said}"
    );
}
