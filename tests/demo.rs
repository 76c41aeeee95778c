//! `mfad --demo`: the first thing a newcomer types proves itself, can be logged in to, and leaves
//! nothing behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use mfad::daemon::client::Client;
use mfad::radius::Code;
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;
use mfad::token::{Otp, Period, base32, totp};

/// A demo that ends with the test.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mfad"))
            .arg("--demo")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Ends it as Ctrl-C or systemd would; what it said last, and its exit status.
    fn end(mut self) -> (String, Option<i32>) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code that an app shows now.
#[expect(clippy::disallowed_methods, reason = "an app reads the clock")]
fn code(seed: &str) -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap());
    let seed = base32::decode(seed.as_bytes()).unwrap();
    let step = totp::step_at(now, Period::THIRTY);
    Otp::TOTP
        .code_at(seed.expose(), step)
        .text()
        .expose()
        .clone()
}

#[test]
fn the_demo_answers_a_real_login_and_leaves_nothing() {
    let mut demo = Demo::start(&["--json"]);
    let facts: serde_json::Value = serde_json::from_str(&demo.line()).unwrap();
    let fact = |name: &str| facts[name].as_str().unwrap().to_owned();
    let folder = PathBuf::from(fact("config")).parent().unwrap().to_owned();
    assert!(
        folder.join("control").exists() && fact("control").starts_with(folder.to_str().unwrap())
    );
    let secret = SecretBytes::copy_of(fact("secret").as_bytes());
    let mut client = Client::new(fact("auth").parse().unwrap(), secret).unwrap();
    let passcode = format!("{}{}", fact("pin"), code(&fact("totp_secret")));
    // The shown user's first code is unused: mfad proved itself as another user.
    let request = client.request(&fact("user"), passcode.as_bytes()).unwrap();
    let reply = client.exchange(&request).unwrap();
    assert_eq!(reply.code, Code::AccessAccept);
    assert!(reply.authentic && reply.message_authenticator_first);
    let (_, status) = demo.end();
    assert_eq!(status, Some(0));
    assert!(!folder.exists());
}

#[test]
fn the_screen_shows_three_ticks() {
    let mut demo = Demo::start(&[]);
    let mut screen = String::new();
    while !screen.contains("Waiting.") {
        let line = demo.line();
        assert!(!line.is_empty(), "ended early:\n{screen}");
        screen.push_str(&line);
    }
    assert_eq!(screen.matches("✓").count(), 3, "{screen}");
    assert!(screen.contains("Access-Accept, Message-Authenticator verified"));
    assert!(screen.contains("auth.accept demo-self demo-vpn"));
    let wide = screen.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    assert_eq!(demo.end().1, Some(0));
}
