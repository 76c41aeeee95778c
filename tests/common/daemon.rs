//! A site in a temporary folder, and the built daemon that serves it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use mfad::daemon::key;
use mfad::domain::event::Event;
use mfad::secret::SecretKey;

use super::gateway::Gateway;
use super::operator::Operator;
use super::past::make_past;
use super::people::{Person, make_store};
use super::scrape::Page;
use super::tools;

/// Rejects leave so long after the request.
pub(crate) const REJECT_DELAY: Duration = Duration::from_millis(100);

/// Where the numbers of a measured site are read.
const METRICS: &str = "metrics";

/// How long a daemon may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a daemon may take to end.
const END_WITHIN: Duration = Duration::from_secs(30);

/// A gateway of the site: name, last octet of its address, what stands in its table.
const GATEWAYS: [(&str, u8, &str); 9] = [
    (
        "gw-gateway",
        2,
        "first_factor = \"gateway\"\npasscode = \"otp\"\n",
    ),
    (
        "gw-pin",
        3,
        "first_factor = \"pin\"\npasscode = \"pin+otp\"\n",
    ),
    (
        "gw-local",
        4,
        "first_factor = \"local\"\npasscode = \"password+otp\"\n",
    ),
    (
        "gw-none",
        5,
        "first_factor = \"none\"\npasscode = \"otp\"\n",
    ),
    (
        "gw-pam",
        6,
        "first_factor = \"pin\"\npasscode = \"pin+otp\"\nrequire_message_authenticator = false\n",
    ),
    (
        "gw-pam-local",
        7,
        "first_factor = \"local\"\npasscode = \"password+otp\"\n\
         require_message_authenticator = false\n",
    ),
    (
        "gw-two",
        8,
        "first_factor = \"pin\"\npasscode = \"challenge\"\n",
    ),
    (
        "gw-two-none",
        9,
        "first_factor = \"none\"\npasscode = \"challenge\"\n",
    ),
    (
        "gw-pam-two",
        10,
        "first_factor = \"pin\"\npasscode = \"challenge\"\n\
         require_message_authenticator = false\n",
    ),
];

/// The gateway with an IPv6 address.
const GATEWAY_6: (&str, &str) = ("gw-six", "first_factor = \"pin\"\npasscode = \"pin+otp\"\n");

/// Folder, configuration and store of a daemon that may run or not.
pub(crate) struct Site {
    folder: TempDir,
    port: u16,
    key: String,
    level: &'static str,
    six: bool,
    /// When Rejects leave; to be set before the configuration is written.
    pub(crate) reject_delay: Duration,
    /// What the daemon is started by, with its arguments; empty: directly.
    starter: Vec<OsString>,
}

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running daemon. Dropping it kills it.
pub(crate) struct Daemon {
    pub(crate) site: Site,
    process: Process,
    /// Where this run begins in the log.
    log_from: u64,
    /// From starting the process to READY.
    pub(crate) ready_after: Duration,
}

impl Site {
    /// A site with these people.
    pub(crate) fn new(people: &[Person]) -> Self {
        Self::with(people, "")
    }

    /// A site with more lines at the end of its configuration.
    pub(crate) fn with(people: &[Person], extra: &str) -> Self {
        Self::with_past(people, extra, 0)
    }

    /// A site whose audit log begins with so many records of years ago.
    pub(crate) fn with_past(people: &[Person], extra: &str, records: u64) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfad-test-")
            .tempdir()
            .unwrap();
        let key = SecretKey::new(mfad::sys::random::array().unwrap());
        let site = Self {
            folder,
            port: free_port(),
            key: key::text(&key).expose().clone(),
            level: "info",
            six: UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(),
            starter: Vec::new(),
            reject_delay: REJECT_DELAY,
        };
        fs::create_dir(site.path("state")).unwrap();
        write_private(&site.path("key"), &site.key);
        for (name, ..) in GATEWAYS {
            write_private(&site.path(&format!("{name}.secret")), &secret(name));
        }
        write_private(
            &site.path(&format!("{}.secret", GATEWAY_6.0)),
            &secret(GATEWAY_6.0),
        );
        site.write_config(extra);
        if records > 0 {
            // About as long as the record of a sign-in.
            let event = |_| Event::new("user.edited").detail("filler", "x".repeat(200));
            make_past(&site.path("state/mfad.db"), &key, "test", records, event);
        }
        make_store(&site.path("mfad.toml"), people);
        site
    }

    /// A site whose numbers can be read.
    pub(crate) fn measured(people: &[Person], extra: &str) -> Self {
        let site = Self::with(people, extra);
        let socket = site.path(METRICS);
        site.write_config(&format!(
            "{extra}\n[metrics]\nlisten = \"{}\"\n",
            socket.display()
        ));
        site
    }

    /// Everything that can be logged is.
    pub(crate) const fn at_trace(mut self) -> Self {
        self.level = "trace";
        self
    }

    /// The daemon is started by a program that becomes it, such as `env` or `prlimit`.
    pub(crate) fn started_by<T: Into<OsString>>(
        mut self,
        words: impl IntoIterator<Item = T>,
    ) -> Self {
        self.starter = words.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The master key as it is written.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Puts another master key in the place of the right one.
    pub(crate) fn forge_key(&self) {
        let key = SecretKey::new(mfad::sys::random::array().unwrap());
        fs::write(self.path("key"), key::text(&key).expose()).unwrap();
    }

    /// Puts the right master key back.
    pub(crate) fn restore_key(&self) {
        fs::write(self.path("key"), &self.key).unwrap();
    }

    /// Writes the configuration anew.
    pub(crate) fn write_config(&self, extra: &str) {
        let (folder, port) = (self.folder.path().display(), self.port);
        let six = if self.six {
            format!(", \"[::1]:{port}\"")
        } else {
            String::new()
        };
        let mut text = format!(
            "node = \"test\"\n\
             radius.listen = [\"127.0.0.1:{port}\"{six}]\n\
             control.socket = \"{folder}/control\"\n\
             store.folder = \"{folder}/state\"\n\
             key.file = \"key\"\n"
        );
        let delay = self.reject_delay.as_millis();
        let mut gateway = |name: &str, address: &str, rules: &str| {
            let _ = write!(
                text,
                "\n[gateway.{name}]\naddresses = [\"{address}\"]\n\
                 secret_file = \"{name}.secret\"\nreject_delay = \"{delay}ms\"\n{rules}"
            );
        };
        for (name, octet, rules) in GATEWAYS {
            gateway(name, &format!("127.0.0.{octet}"), rules);
        }
        gateway(GATEWAY_6.0, "::1", GATEWAY_6.1);
        text.push_str(extra);
        fs::write(self.path("mfad.toml"), text).unwrap();
    }

    /// The gateway of that name.
    pub(crate) fn gateway(&self, name: &str) -> Gateway {
        let (source, server): (IpAddr, IpAddr) = if name == GATEWAY_6.0 {
            (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into())
        } else {
            let (_, octet, _) = GATEWAYS
                .iter()
                .find(|(known, ..)| *known == name)
                .expect("a gateway of the site");
            (
                Ipv4Addr::new(127, 0, 0, *octet).into(),
                Ipv4Addr::LOCALHOST.into(),
            )
        };
        Gateway {
            source,
            server: SocketAddr::new(server, self.port),
            secret: secret(name),
        }
    }

    /// Whether this machine has IPv6 on loopback.
    pub(crate) const fn has_six(&self) -> bool {
        self.six
    }

    /// Starts the daemon and waits until it answers logins.
    pub(crate) fn start(self) -> Daemon {
        self.start_until("READY ")
    }

    /// Starts the daemon and waits for such a line in its log.
    pub(crate) fn start_until(self, text: &str) -> Daemon {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let log_from = log.metadata().unwrap().len();
        let started = Instant::now();
        let mut words = self.starter.clone();
        words.push(tools::mfad().into());
        let child = Command::new(&words[0])
            .args(&words[1..])
            .arg("--config")
            .arg(self.path("mfad.toml"))
            .args(["--log-level", self.level])
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Process(child);
        let mut daemon = Daemon {
            site: self,
            process,
            log_from,
            ready_after: Duration::ZERO,
        };
        daemon.wait_for_line(text, READY_WITHIN);
        daemon.ready_after = started.elapsed();
        daemon
    }
}

impl Daemon {
    pub(crate) fn gateway(&self, name: &str) -> Gateway {
        self.site.gateway(name)
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.site.path("control"))
    }

    /// The page of numbers of a [`Site::measured`].
    pub(crate) fn page(&self) -> Page {
        Page::read(&self.site.path(METRICS))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Whether the process is still the one that was started.
    pub(crate) fn alive(&mut self) -> bool {
        self.process.0.try_wait().unwrap().is_none()
    }

    /// What this run has logged.
    pub(crate) fn log(&self) -> String {
        use std::io::Seek as _;
        let mut file = File::open(self.site.path("log")).unwrap();
        file.seek(std::io::SeekFrom::Start(self.log_from)).unwrap();
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).unwrap();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Waits for a line of this run's log that has `text` in it.
    pub(crate) fn wait_for_line(&mut self, text: &str, within: Duration) -> String {
        let end = Instant::now() + within;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(self.alive(), "mfad ended before `{text}`:\n{log}");
            assert!(
                Instant::now() < end,
                "no `{text}` within {within:?}:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to this very process.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// SIGKILL: no drain, no last word.
    pub(crate) fn kill(mut self) -> Site {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
        self.site
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(mut self) -> Site {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let status = self.wait_end();
        assert!(
            status.success(),
            "mfad ended with {status}:\n{}",
            self.log()
        );
        self.site
    }

    fn wait_end(&mut self) -> ExitStatus {
        let end = Instant::now() + END_WITHIN;
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "mfad does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The shared secret of a gateway.
fn secret(name: &str) -> String {
    format!("{name}-4Tz9-mw2c-xkP1-Qe7d")
}

/// A file that only its owner may read.
fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A port that nothing listens on, IPv4 and IPv6.
fn free_port() -> u16 {
    loop {
        let four = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = four.local_addr().unwrap().port();
        let taken = UdpSocket::bind((Ipv6Addr::LOCALHOST, port))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
        if !taken {
            return port;
        }
    }
}
