//! A served socket with a backend that only remembers, and a client.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use mfad::control::fault::Fault;
use mfad::control::import::Import;
use mfad::control::query::{Extent, Manner, Query};
use mfad::control::reply::{self, Done, Reply, Reveal, RevealKind, RevealText};
use mfad::domain::action::{Action, Role};
use mfad::domain::command::{Command, PageStep, Step};
use mfad::domain::event::Operator;
use mfad::domain::refusal::{Code, Refusal};
use mfad::secret::SecretBytes;
use mfad::server::control::{self, Backend, Front, Identify, Identity, Limits, Sink};

/// Longer than anything here may take.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What the backend was asked, one line each.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<String>>);

impl Memory {
    fn keep(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until a line begins so.
    pub(crate) fn wait_for(&self, start: &str) {
        let end = Instant::now() + LONG;
        while !self.lines().iter().any(|line| line.starts_with(start)) {
            assert!(Instant::now() < end, "{start} in {:?}", self.lines());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Fake(Arc<Memory>);

impl Backend for Fake {
    fn change(&self, _: &Operator, command: Command, manner: Manner) -> Result<Done, Refusal> {
        let action = command.action();
        self.0.keep(format!("change {action:?} {manner:?}"));
        let mut done = Done {
            audit: Some(1041),
            ..Done::default()
        };
        match command {
            Command::UserLock { user, .. } if user == "slow" => {
                thread::sleep(Duration::from_millis(500));
            }
            Command::UserUnlock { user, .. } if user == "open" => {
                return Err(Refusal::new(Code::NotLocked, "open is not locked").why("so it is"));
            }
            Command::PinReset { pin: Some(pin), .. } => {
                self.0.keep(format!("pin right {}", pin.equals(b"402817")));
            }
            Command::PinReset { pin: None, .. } => {
                done.reveal = Some(Reveal {
                    kind: RevealKind::Pin,
                    text: RevealText(SecretBytes::copy_of(b"402817")),
                });
            }
            _ => {}
        }
        Ok(done)
    }

    fn page(
        &self,
        _: &Operator,
        step: PageStep,
        request: Option<String>,
    ) -> Result<Reply, Refusal> {
        let from = step.from;
        self.0.keep(format!("query page {from} {request:?}"));
        Ok(match step.what {
            Step::Begin { .. } => Reply::Begun(Box::default()),
            Step::Prove { .. } => Reply::Proved(reply::Proved::default()),
            Step::Recovery => Reply::PageCodes(reply::PageCodes::default()),
            Step::Confirm => Reply::Confirmed(reply::Confirmed::default()),
        })
    }

    fn query(&self, _: &Operator, query: Query, sink: &mut dyn Sink) -> Result<Reply, Refusal> {
        self.0.keep(format!("query {query:?}"));
        Ok(match query {
            Query::AuditLog { filter, page } => {
                return self.log(filter.event.as_deref(), page.extent, sink);
            }
            Query::ConfigReload { .. }
            | Query::Backup { .. }
            | Query::NotifyTest { .. }
            | Query::AuditArchive { .. }
            | Query::TokenMigrate(_) => Done::default().into(),
            Query::Why { .. } => Reply::Why(Box::default()),
            Query::Explain { .. } => Reply::Explain(Box::default()),
            Query::AuthLog { .. } => Reply::AuthPage(reply::AuthPage::default()),
            Query::AuthShow { .. } => Reply::AuthShow(Box::default()),
            Query::LockShow { .. } => Reply::LockShow(Box::default()),
            Query::GatewayList => Reply::GatewayList(reply::GatewayList::default()),
            Query::GatewayShow { .. } => Reply::GatewayShow(Box::default()),
            Query::UserShow { .. } => Reply::UserShow(Box::default()),
            Query::UserFind { .. } => Reply::UserPage(reply::UserPage::default()),
            Query::UserExport { .. } => Reply::ExportPage(reply::ExportPage::default()),
            Query::SetList => Reply::SetList(reply::SetList::default()),
            Query::SetShow { .. } => Reply::SetShow(reply::SetShow::default()),
            Query::Seats => Reply::Seats(reply::Seats::default()),
            Query::TokenList { .. } => Reply::TokenList(reply::TokenList::default()),
            Query::TokenFind { .. } => Reply::TokenPage(reply::TokenPage::default()),
            Query::TokenShow { .. } => Reply::TokenShow(Box::default()),
            Query::TokenTypes => Reply::TokenTypes(reply::TokenTypes::default()),
            Query::HwList { .. } => Reply::HardwarePage(reply::HardwarePage::default()),
            Query::PassthroughList { .. } => Reply::GrantPage(reply::GrantPage::default()),
            Query::PassthroughUses { .. } => Reply::GrantUses(reply::GrantUses::default()),
            Query::DialogueList { .. } => Reply::DialoguePage(reply::DialoguePage::default()),
            Query::DeviceAuthStatus { .. } => Reply::DeviceAuth(Box::default()),
            Query::EnrollList { .. } => Reply::LinkPage(reply::LinkPage::default()),
            Query::NotifyList { .. } => Reply::NotificationPage(reply::NotificationPage::default()),
            Query::AuditVerify { .. } => Reply::AuditVerify(Box::default()),
            Query::Status => Reply::Status(Box::default()),
            Query::Whoami { .. } => Reply::Whoami(Box::default()),
            Query::ConfigCheck => Reply::ConfigCheck(reply::ConfigCheck::default()),
            Query::ConfigDiff => Reply::ConfigDiff(reply::ConfigDiff::default()),
            Query::ConfigGet { .. } => Reply::ConfigValue(reply::ConfigValue::default()),
            Query::Complete { .. } => Reply::Candidates(reply::Candidates::default()),
        })
    }

    fn import(
        &self,
        _: &Operator,
        import: Import,
        file: SecretBytes,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let octets = file.expose().len();
        self.0
            .keep(format!("change Import {:?} of {octets}", import.manner));
        if import.progress {
            let _ = sink.push(Done::default().into());
        }
        Ok(Done::default().into())
    }

    fn denied(&self, operator: &Operator, action: Action, least: Role) -> Refusal {
        self.0.keep(format!("denied {action:?}"));
        control::role_refusal(operator, action, least)
    }
}

impl Fake {
    /// `quiet`: nothing ever comes; `flood`: without end; else three pages.
    fn log(
        &self,
        event: Option<&str>,
        extent: Extent,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let page = |seq, octets: usize| {
            let record = json!({"text": "x".repeat(octets)});
            let record = record.as_object().unwrap().clone();
            let entries = vec![reply::AuditEntry { seq, record }];
            Reply::AuditPage(reply::AuditPage {
                entries,
                ..reply::AuditPage::default()
            })
        };
        match (extent, event) {
            (Extent::Follow, Some("quiet")) => {
                while !sink.ended() {
                    thread::sleep(Duration::from_millis(20));
                }
                self.0.keep("quiet ended".to_owned());
            }
            (Extent::Follow, _) => {
                for seq in 0.. {
                    if let Err(ended) = sink.push(page(seq, 32 * 1024)) {
                        self.0.keep(format!("flood ended after {seq}"));
                        return Err(ended.into());
                    }
                    if seq % 64 == 0 {
                        self.0.keep(format!("flood at {seq}"));
                    }
                }
            }
            (Extent::All, _) => {
                sink.push(page(1, 1))?;
                sink.push(page(2, 1))?;
            }
            (Extent::Page, _) => {}
        }
        Ok(page(3, 1))
    }
}

/// Gives identities out in order; then admins, each a uid of its own.
struct Callers {
    list: Mutex<VecDeque<(u32, Role)>>,
    next: AtomicU32,
}

impl Identify for Callers {
    fn identify(&self, _: BorrowedFd<'_>) -> Result<Identity, Fault> {
        let listed = self.list.lock().unwrap().pop_front();
        let new = || (self.next.fetch_add(1, Ordering::Relaxed), Role::Admin);
        let (uid, role) = listed.unwrap_or_else(new);
        if uid == 4711 {
            return Err(Fault::peer("you may not talk to mfad").need("group mfad"));
        }
        let operator = Operator {
            uid,
            name: Arc::from("bob"),
            role,
        };
        Ok(Identity {
            operator,
            through: Arc::from("group mfad-support"),
        })
    }
}

/// A served socket.
pub(crate) struct World {
    pub(crate) memory: Arc<Memory>,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    /// Serves with short times.
    pub(crate) fn new(callers: &[(u32, Role)]) -> Self {
        let limits = Limits {
            request: Duration::from_millis(400),
            idle: Duration::from_secs(10),
            write: LONG,
            ..Limits::default()
        };
        Self::with(limits, callers)
    }

    pub(crate) fn with(limits: Limits, callers: &[(u32, Role)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let listener = UnixListener::bind(&path).unwrap();
        let memory = Arc::<Memory>::default();
        let front = Front {
            identify: Arc::new(Callers {
                list: Mutex::new(callers.iter().copied().collect()),
                next: AtomicU32::new(10_000),
            }),
            backend: Arc::new(Fake(Arc::clone(&memory))),
            limits,
        };
        let (stop, stopped) = watch::channel(false);
        let server = thread::spawn(move || control::run(listener, front, stopped));
        Self {
            memory,
            stop,
            server: Some(server),
            path,
            _folder: folder,
        }
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Client {
            stream,
            held: Vec::new(),
        }
    }

    /// Connects without a word; an error if there is no descriptor left.
    pub(crate) fn try_connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.path)
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the server to come back.
    pub(crate) fn join(&mut self) {
        self.server.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    held: Vec<u8>,
}

impl Client {
    /// Sends octets as they are; a server that has closed is seen when reading.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets);
    }

    /// Sends a call.
    pub(crate) fn post(&mut self, call: &Value) {
        let mut octets = serde_json::to_vec(call).unwrap();
        octets.push(0);
        self.send(&octets);
    }

    /// Reads the next frame; none at the end.
    pub(crate) fn read(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.held.iter().position(|octet| *octet == 0) {
                let frame: Vec<u8> = self.held.drain(..=end).collect();
                return Some(serde_json::from_slice(&frame[..end]).unwrap());
            }
            let mut more = [0; 65_536];
            match self.stream.read(&mut more) {
                Ok(0) => return None,
                Ok(octets) => self.held.extend_from_slice(&more[..octets]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Calls, and reads one reply.
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.post(&json!({"method": method, "parameters": parameters}));
        self.read().expect("an answer")
    }

    /// Reads an error and the end of the connection after it.
    pub(crate) fn read_farewell(&mut self) -> Value {
        let fault = self.read().expect("an error before the end");
        assert_eq!(self.read(), None, "the end after {fault}");
        fault
    }
}
