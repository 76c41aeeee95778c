//! The built mfad-web in a temporary folder, and a browser of the simplest kind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

/// The name of the site.
pub(crate) const HOST: &str = "mfa.example.org";

/// A browser waits no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running mfad-web. Dropping it kills it.
pub(crate) struct Site {
    folder: TempDir,
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let of = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().find(of).map(|header| &*header.1)
    }

    /// What stands in the hidden field of that name.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let begin = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&begin).expect("a hidden field");
        rest.split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "no {text:?} in {}", self.body);
        self
    }
}

impl Site {
    /// Starts one; none without openssl, and that only outside CI.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with more lines in its configuration.
    pub(crate) fn start_with(more: &str) -> Option<Self> {
        Self::start_before(None, more)
    }

    /// The same before an mfad with this control socket; none: the socket is `control` in its folder.
    pub(crate) fn start_before(control: Option<&Path>, more: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !certificate(folder.path(), HOST) {
            assert!(std::env::var_os("CI").is_none(), "no openssl here");
            println!("skipped: no openssl here");
            return None;
        }
        let own = folder.path().join("control");
        let control = control.unwrap_or(&own);
        let config = format!(
            "base_url = \"https://{HOST}\"\ncertificate = \"web.crt\"\nkey = \"web.key\"\n\
             listen = [\"127.0.0.1:0\"]\ncontrol = \"{}\"\n{more}",
            control.display()
        );
        fs::write(folder.path().join("web.toml"), config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_mfad-web"))
            .arg("--config")
            .arg(folder.path().join("web.toml"))
            .args(["--log-level", "trace"])
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut site = Self {
            folder,
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        site.wait_for_line("READY");
        let line = site.wait_for_line("listening https=");
        site.address = line.rsplit('=').next().unwrap().parse().unwrap();
        Some(site)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "mfad-web ended before `{text}`:\n{log}");
            assert!(Instant::now() < end, "no `{text}`:\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Waits for the end; whether it was a clean one.
    pub(crate) fn ended_well(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let words = line.unwrap().split_whitespace().nth(1);
        words.unwrap().parse().unwrap()
    }

    /// A connection from one of the addresses of loopback, without TLS.
    pub(crate) fn dial(&self, from: Ipv4Addr) -> TcpStream {
        let fd = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let fd: OwnedFd = fd.unwrap();
        bind(
            fd.as_raw_fd(),
            &SockaddrIn::from(SocketAddrV4::new(from, 0)),
        )
        .unwrap();
        let SocketAddr::V4(address) = self.address else {
            panic!("IPv4 loopback")
        };
        connect(fd.as_raw_fd(), &SockaddrIn::from(address)).unwrap();
        let stream = TcpStream::from(fd);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        self.browser_at(Ipv4Addr::LOCALHOST)
    }

    /// A browser at another address of loopback.
    pub(crate) const fn browser_at(&self, from: Ipv4Addr) -> Browser<'_> {
        Browser {
            site: self,
            from,
            stream: None,
        }
    }

    /// Whoever trusts the authority of this site alone.
    fn trust(&self) -> Arc<ClientConfig> {
        let pem = fs::read(self.path("web.crt")).unwrap();
        let mut roots = RootCertStore::empty();
        let chain = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap);
        roots.add_parsable_certificates(chain);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// A certificate for `host` that vouches for itself, and its key.
pub(crate) fn certificate(folder: &Path, host: &str) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=web"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        .args(["-keyout", "web.key", "-out", "web.crt"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success())
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Asks one thing after the other, over one connection.
pub(crate) struct Browser<'a> {
    site: &'a Site,
    from: Ipv4Addr,
    stream: Option<BufReader<Tls>>,
}

impl Browser<'_> {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let fields = form
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)));
        let form = fields.collect::<Vec<_>>().join("&");
        self.ask("POST", path, &[], &form)
    }

    /// Sends a request with these lines in its header besides the usual ones.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let stated = |name: &str| lines.iter().any(|line| line.0.eq_ignore_ascii_case(name));
        let length = form.len().to_string();
        let usual = [
            ("Host", HOST),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", &*length),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let usual = usual.iter().filter(|line| !stated(line.0));
        for (name, value) in usual.chain(lines) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{head}\r\n{form}").as_bytes());
        self.answer(method == "HEAD").expect("an answer")
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        let stream = self.stream.get_or_insert_with(|| {
            let tcp = self.site.dial(self.from);
            let name = ServerName::try_from(HOST).unwrap();
            let tls = ClientConnection::new(self.site.trust(), name).unwrap();
            BufReader::new(StreamOwned::new(tls, tcp))
        });
        // A server that has answered already may have closed.
        let _ = stream.get_mut().write_all(octets);
    }

    /// Reads an answer; none: the connection was closed without one.
    pub(crate) fn answer(&mut self, head_only: bool) -> Option<Answer> {
        let stream = self.stream.as_mut().unwrap();
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; if head_only { 0 } else { length }];
        stream.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        if answer.header("connection") == Some("close") {
            self.stream = None;
        }
        Some(answer)
    }

    /// Drops the connection; the next request makes another.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }
}

/// A value of a form as it is sent.
fn quoted(value: &str) -> String {
    let quote = |octet: u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    value.bytes().map(quote).collect()
}
