//! mfad-web as `docs/production.md` installs it, and mail under the network profile: a person goes from
//! the mail to the next login, through both sandboxes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::tools::{have, run};
use crate::installed::{Installed, commands};

const HOST: &str = "mfa.example.org";

/// Where the mail server listens, in the container's network.
const MAIL_PORT: u16 = 2525;

/// How long a mail may take.
const MAILED_WITHIN: Duration = Duration::from_secs(30);

/// Ports below this one are privileged: mfad-web has no right to them and gets its own from systemd.
const PAGES_PORT: u16 = 443;

/// A mail server that keeps what it is sent.
struct Mailbox {
    server: Child,
    folder: PathBuf,
}

impl Mailbox {
    /// Starts one in the network that this thread is in.
    fn open(folder: PathBuf) -> Self {
        let server = Command::new("aiosmtpd")
            .args(["--nosetuid", "--listen", &format!("127.0.0.1:{MAIL_PORT}")])
            .args(["--class", "aiosmtpd.handlers.Mailbox"])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { server, folder }
    }

    /// The text behind `begin` in the newest mail that has it.
    fn find(&self, begin: &str) -> Option<String> {
        let mails = fs::read_dir(self.folder.join("new")).ok()?;
        let mut mails: Vec<_> = mails.map(|mail| mail.unwrap().path()).collect();
        mails.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        mails.iter().rev().find_map(|path| {
            // Long lines are broken up as quoted-printable does it.
            let text = fs::read_to_string(path).unwrap().replace("=\n", "");
            let line = text.lines().find_map(|line| line.strip_prefix(begin))?;
            Some(line.trim().to_owned())
        })
    }

    fn wait(&self, begin: &str, here: &Installed) -> String {
        let end = Instant::now() + MAILED_WITHIN;
        loop {
            if let Some(found) = self.find(begin) {
                return found;
            }
            assert!(Instant::now() < end, "no {begin}\n{}", here.journal());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether mfad-web, a package of its own, was built beside mfad.
fn is_built() -> bool {
    let built = Path::new(env!("CARGO_BIN_EXE_mfad")).with_file_name("mfad-web");
    let there = built.exists();
    if !there {
        let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!ci, "mfad-web is not built");
        println!("skipped: {} is not there: cargo build", built.display());
    }
    there
}

/// Steps 6, 13 and 16 of `docs/production.md`, with a certificate and a mail server of the test.
fn with_pages() -> Option<Installed> {
    if !is_built() || !["aiosmtpd", "curl", "openssl"].into_iter().all(have) {
        return None;
    }
    let here = Installed::boot()?;
    let machine = &here.machine;
    let name = format!("subjectAltName=DNS:{HOST}");
    let mut make = vec!["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"];
    make.extend(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=pages"]);
    make.extend([
        "-addext",
        &name,
        "-keyout",
        "privkey.pem",
        "-out",
        "fullchain.pem",
    ]);
    let said = run("openssl", &make, &machine.path("/srv"), "");
    assert!(said.success, "{}", said.text);
    let at_root = |block: usize| {
        commands(16, block)
            .replace("fullchain.pem", "/srv/fullchain.pem")
            .replace("privkey.pem", "/srv/privkey.pem")
            .replace("editor /etc/mfad-web/web.toml\n", "")
    };
    machine.does(&at_root(0));
    let checked = machine.does(&at_root(1));
    let would = format!("mfad-web would start, for https://{HOST}");
    assert!(checked.contains(&would), "{checked}");
    for (table, line) in [
        ("web", format!("base_url = \"https://{HOST}\"")),
        ("roles\\.web", "users = [\"mfad-web\"]".to_owned()),
        (
            "smtp",
            format!(
                "server = \"127.0.0.1\"\\nport = {MAIL_PORT}\\nsecurity = \"none\"\\n\
                 from = \"mfad@example.org\""
            ),
        ),
    ] {
        machine.does(&format!(
            "sed -i '/^\\[{table}\\]$/a {line}' /etc/mfad/mfad.toml"
        ));
    }
    let profile = include_str!("../../systemd/network-profile.conf");
    here.edit("network-profile", profile);
    machine.does("mfad --check && systemctl restart mfad");
    // All of the last block but the call, which is made below.
    let start = at_root(3).replace(&format!("curl -sI https://{HOST}/e/x"), "");
    machine.does(&start);
    Some(here)
}

/// What a browser would be shown.
fn page(here: &Installed, path: &str, fields: &[(&str, &str)]) -> String {
    let certificate = here.machine.path("/srv/fullchain.pem");
    let certificate = certificate.display().to_string();
    let resolve = format!("{HOST}:{PAGES_PORT}:127.0.0.1");
    let url = format!("https://{HOST}{path}");
    let origin = format!("Origin: https://{HOST}");
    let mut arguments = vec!["-sS", "-i", "--resolve", &resolve, "--cacert", &certificate];
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !pairs.is_empty() {
        arguments.extend(["--header", &origin]);
    }
    for pair in &pairs {
        arguments.extend(["--data-urlencode", pair]);
    }
    arguments.push(&url);
    let said = run("curl", &arguments, Path::new("/"), "");
    assert!(said.success, "{}", said.text);
    said.text
}

/// What stands between `begin` and the next quote.
fn quoted<'p>(page: &'p str, begin: &str) -> &'p str {
    let (_, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap()
}

#[test]
fn a_person_enrols_through_both_sandboxes() {
    let Some(here) = with_pages() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::open(folder.path().join("mails"));
    let operator = here.operator();
    operator.change("Users.Add", "dora", &json!({"email": "dora@example.org"}));
    let confirm = mailbox.wait(&format!("https://{HOST}/a/"), &here);
    let shown = page(&here, &format!("/a/{confirm}"), &[("confirm", "1")]);
    assert!(shown.starts_with("HTTP/1.1 200 OK"), "{shown}");
    assert_eq!(operator.show("dora")["emails"][0]["verified"], true);

    operator.change("Tokens.EnrollEmail", "dora", &json!({}));
    let link = mailbox.wait(&format!("https://{HOST}/e/"), &here);
    let made = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({"force": true}));
    let code = made["done"]["reveal"]["text"].as_str().unwrap();
    let path = format!("/e/{link}");
    let shown = page(&here, &path, &[("user", "dora"), ("code", code)]);
    let secret = quoted(&shown, "secret=")
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let ticket = quoted(&shown, "name=\"ticket\" value=\"").to_owned();
    let otp = |at: &str| {
        let arguments = ["--totp", "--base32", "--now", at, &secret];
        run("oathtool", &arguments, Path::new("/"), "")
            .text
            .trim()
            .to_owned()
    };
    let shown = page(
        &here,
        "/prove",
        &[("ticket", &ticket), ("otp", &otp("now"))],
    );
    assert!(shown.contains("dora"), "{shown}");
    here.gateway().lets_in("dora", &otp("now + 30 seconds"));

    // Used: the same page as for every other failure.
    let shown = page(&here, &path, &[("user", "dora"), ("code", code)]);
    assert!(shown.contains("role=\"alert\""), "{shown}");
    let journal = here
        .machine
        .does("journalctl --sync; journalctl --unit=mfad --unit=mfad-web --no-pager");
    for known in [link.as_str(), code, &secret] {
        assert!(!journal.contains(known), "{journal}");
    }
}

#[test]
fn the_pages_can_reach_nothing_but_the_control_socket() {
    let Some(here) = with_pages() else {
        return;
    };
    let machine = &here.machine;
    let pid = machine.does("systemctl show --value --property=MainPID mfad-web");
    let network = |pid: &str| machine.does(&format!("readlink /proc/{pid}/ns/net"));
    assert_ne!(network(&pid), network("1"), "a network of its own");
    let status = machine.does(&format!("cat /proc/{pid}/status"));
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    for hidden in [
        "/etc/mfad/mfad.toml",
        "/var/lib/mfad",
        "/etc/credstore.encrypted",
    ] {
        let within = format!("nsenter --target {pid} --mount cat {hidden}");
        assert!(!machine.tries(&within).success, "{hidden}");
    }
    let said = machine.tries_as("mfad-web", "mfactl user find");
    assert_eq!(
        (said.success, said.text.contains("role")),
        (false, true),
        "{}",
        said.text
    );
    // A new certificate is taken, a bad one is not, and neither ends what is served.
    let reload = "systemctl reload mfad-web";
    machine.does(&format!("echo bad > /etc/mfad-web/web.crt && {reload}"));
    assert!(page(&here, "/e/x", &[]).starts_with("HTTP/1.1 200 OK"));
    machine.does(&format!(
        "cp /srv/fullchain.pem /etc/mfad-web/web.crt && {reload}"
    ));
    assert!(page(&here, "/e/x", &[]).starts_with("HTTP/1.1 200 OK"));
    assert_eq!(
        machine.does("systemctl show --value --property=MainPID mfad-web"),
        pid
    );
}
