//! A mail server, what it has taken, and a site that sends through it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::reach::{prove_addresses, prove_phones};
use crate::common::tools;

/// Whom locks are told besides the person.
pub(crate) const ADMIN: &str = "root@example.org";

/// Whose telephone it is.
pub(crate) const NUMBER: &str = "+49 170 1234567";

/// The user at the mail server, and the password.
const LOGIN: (&str, &str) = ("mfad", "wh1te-r4bbit");

/// What protects the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    StartTls,
    Tls,
}

impl Security {
    const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
        }
    }
}

/// A folder with certificates and mails.
pub(crate) struct Folder(TempDir);

/// A server of Python that runs; it ends with this.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a script of `tests/mail/`, which keeps what it takes in the folder and is told where, its
    /// own arguments, the certificate, and more of its own; waits until it says its port.
    pub(crate) fn start(script: &str, folder: &Folder, own: &[&str], more: &[&str]) -> Self {
        let mut process = Command::new("/usr/bin/python3")
            .arg(tools::of_project(&format!("tests/mail/{script}")))
            .arg(folder.path("mails"))
            .args(own)
            .args([folder.path("right.pem"), folder.path("right.key")])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            process,
            port: line.trim().parse().unwrap(),
        }
    }
}

/// What such a server has taken so far.
pub(crate) fn kept(folder: &Folder) -> Vec<Value> {
    let files = fs::read_dir(folder.path("mails")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    paths.sort();
    let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    paths.iter().map(read).collect()
}

/// A mail server that runs.
pub(crate) struct Mailbox {
    folder: Folder,
    server: Server,
    security: Security,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path("mails")).unwrap();
        for name in ["right", "wrong"] {
            certificate(&folder.0, name);
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Another server, on the same port, that knows what the first had.
    pub(crate) fn open_again(self, security: Security, port: u16) -> Mailbox {
        let user = if security == Security::Plain {
            ""
        } else {
            LOGIN.0
        };
        let own = [&*port.to_string(), security.word()];
        let server = Server::start("server.py", &self, &own, &[user, LOGIN.1]);
        Mailbox {
            folder: self,
            server,
            security,
        }
    }
}

/// An authority, and a certificate of it for this machine.
fn certificate(folder: &TempDir, name: &str) {
    let make = |name: &str, subject: &str, more: &[&str]| {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "2", "-subj", subject];
        arguments.extend(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        arguments.extend(["-keyout", &key, "-out", &pem]);
        arguments.extend(more);
        let said = tools::run("openssl", &arguments, folder.path(), "");
        assert!(said.success, "{}", said.text);
    };
    let ca = format!("{name}-ca");
    let (pem, key) = (format!("{ca}.pem"), format!("{ca}.key"));
    make(&ca, &format!("/CN={name}"), &[]);
    let leaf = [
        "-CA",
        &pem,
        "-CAkey",
        &key,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ];
    make(name, "/CN=mail", &leaf);
}

impl Mailbox {
    /// A server; none if the tools are missing.
    pub(crate) fn open(security: Security) -> Option<Self> {
        if !tools::have("aiosmtpd") || !tools::have("openssl") {
            return None;
        }
        Some(Folder::new().open_again(security, 0))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.server.port
    }

    /// The server goes; what it has stays.
    pub(crate) fn close(self) -> Folder {
        self.folder
    }

    /// What stands in the configuration of a site that sends through it.
    pub(crate) fn config(&self) -> String {
        let password = self.folder.path("password");
        fs::write(&password, LOGIN.1).unwrap();
        tools::run(
            "chmod",
            &["600", &password.display().to_string()],
            Path::new("/"),
            "",
        );
        let login = format!(
            "user = \"{}\"\npassword_file = \"{}\"\n",
            LOGIN.0,
            password.display()
        );
        let (security, login) = match self.security {
            Security::Plain => ("none", ""),
            other => (other.word(), &*login),
        };
        config(
            self.server.port,
            security,
            &self.folder.path("right-ca.pem"),
            login,
        )
    }

    /// The same, with an authority that does not vouch for it.
    pub(crate) fn distrusting(&self) -> String {
        let right = self.folder.path("right-ca.pem").display().to_string();
        let wrong = self.folder.path("wrong-ca.pem").display().to_string();
        self.config().replace(&right, &wrong)
    }

    /// What it has taken so far.
    pub(crate) fn mails(&self) -> Vec<Value> {
        kept(&self.folder)
    }

    /// Waits until it has so many.
    pub(crate) fn wait(&self, mails: usize) -> Vec<Value> {
        until("the mails", || self.mails().len() >= mails);
        self.mails()
    }
}

/// What stands in the configuration of a site that sends to this port.
pub(crate) fn config(port: u16, security: &str, ca: &Path, more: &str) -> String {
    format!(
        "[smtp]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"{security}\"\n\
         from = \"mfad@example.org\"\nca = \"{}\"\ntimeout = \"2s\"\n{more}\
         [notify]\nadmins = [\"{ADMIN}\"]\n",
        ca.display()
    )
}

/// A site whose people have each an address that they have proven to read, and speak German.
pub(crate) fn site(people: &[&Person], config: &str) -> Site {
    let people: Vec<Person> = people.iter().map(|person| (*person).clone()).collect();
    let site = Site::with(&people, config);
    prove_addresses(&site, &people);
    site
}

/// A site whose people have a proven telephone, [`NUMBER`], and no address.
pub(crate) fn site_of_phones(people: &[&Person], config: &str) -> Site {
    let people: Vec<Person> = people.iter().map(|person| (*person).clone()).collect();
    let site = Site::with(&people, config);
    prove_phones(&site, &people, NUMBER);
    site
}

/// Messages of which the audit log says that they were sent.
pub(crate) fn sent(daemon: &Daemon) -> usize {
    records(daemon, "notify.sent").len()
}

/// The newest records of this event.
pub(crate) fn records(daemon: &Daemon, event: &str) -> Vec<Value> {
    let parameters = json!({"event": event, "limit": 500});
    let page = daemon.operator().call("Audit.Log", &parameters);
    page["entries"].as_array().unwrap().clone()
}

/// Waits for it.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "no {what} within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
