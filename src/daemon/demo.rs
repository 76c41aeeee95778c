//! `mfad --demo`: a throw-away instance on loopback that proves itself and waits to be tried.
//!
//! Everything lies in one temporary folder that goes at the end: configuration, key, store, control
//! socket. The instance is the real one ([`Instance`]); only its users are made up. mfad logs in
//! once as a user of its own, so that the first code of the user shown is unused.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tracing::level_filters::LevelFilter;

use super::args::Demo as Wish;
use super::client::{Client, Reply};
use super::demo_gateway::{Real, Watch};
use super::demo_people::{Person, person};
use super::instance::{Instance, Start};
use super::key;
use super::live::Live;
use super::serve::{bind_control, hostname};
use crate::config::{self, Surroundings};
use crate::radius::Code;
use crate::secret::{SecretBytes, SecretKey};
use crate::server::udp::socket::Socket;
use crate::store::AuditFilter;
use crate::store::pin_hash::PinHasher;
use crate::sys::clock::Clock;
use crate::sys::random;
use crate::sys::signals::Signals;
use crate::time::Now;
use crate::token::totp::step_at;
use crate::token::{Otp, Period, base32, crockford};

/// The port people see in the manual; another one if it is taken.
const PORT: u16 = 18_120;

/// A forgotten demo ends by itself.
const LASTS_MAX: Duration = Duration::from_secs(8 * 3600);

/// The file with the demo user's seed, for `mfad --demo-code`.
const SEED_FILE: &str = "demo-seed";

/// What went wrong, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DemoError(pub(super) String);

pub(super) fn wrong(doing: &'static str) -> impl Fn(&dyn std::fmt::Display) -> DemoError {
    move |error| DemoError(format!("{doing}: {error}"))
}

/// A running demo.
struct Demo {
    folder: PathBuf,
    instance: Instance,
    clock: Arc<Clock>,
    auth: SocketAddr,
    secret: String,
    shown: Person,
    own: Person,
    started: Now,
    real: Option<Real>,
}

/// Runs the demo until it is ended; the exit status.
#[must_use]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the demo talks to a person"
)]
pub fn run(wish: &Wish, level: LevelFilter) -> u8 {
    crate::log::init(crate::log::Output::detect(), level);
    if wish.gateway.is_some() && !wish.as_root && nix::unistd::geteuid().is_root() {
        eprintln!(
            "mfad: a demo on your network does not run as root\n\
             \x20 try    run it as an ordinary user, or add --as-root\n\
             \x20 code   exit 77"
        );
        return 77;
    }
    let ((runtime, signals), folder) = match listen().and_then(|it| Ok((it, new_folder()?))) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("mfad: the demo did not start\n  why    {error}\n  code   exit 73");
            return 73;
        }
    };
    let ended = Demo::start(folder.clone(), Real::of(wish)).and_then(|demo| {
        if wish.json {
            println!("{}", demo.json());
        } else {
            print!("{}", demo.screen(wish.ascii)?);
        }
        runtime.block_on(demo.wait(signals, !wish.json));
        demo.instance.stop();
        Ok(())
    });
    let _ = fs::remove_dir_all(&folder);
    match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("mfad: the demo did not run\n  why    {error}\n  code   exit 70");
            70
        }
    }
}

impl Demo {
    fn start(folder: PathBuf, real: Option<Real>) -> Result<Self, DemoError> {
        let clock = Arc::new(Clock::start());
        let started = clock.now();
        let secret = format!("demo-{}", words(5)?);
        let socket = match &real {
            Some(real) => real.bind(),
            None => Socket::bind(SocketAddr::from(([127, 0, 0, 1], PORT)))
                .or_else(|_| Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))),
        }
        .map_err(|error| wrong("binding the RADIUS port")(&error))?;
        let auth = socket
            .local_addr()
            .map_err(|error| wrong("binding the RADIUS port")(&error))?;
        write_files(&folder, auth, &secret, real.as_ref())?;
        let config_path = folder.join("mfad.toml");
        let surroundings = Surroundings {
            credentials_dir: None,
            hostname: hostname(),
        };
        let loaded = config::load(&config_path, &surroundings)
            .map_err(|problems| wrong("its own configuration")(&problems))?;
        let control = bind_control(&loaded.config.control_socket)
            .map_err(|error| wrong("the control socket")(&error))?;
        let key = key::load(&loaded.config.key, None).map_err(|error| wrong("the key")(&error))?;
        let start = Start {
            config: loaded.config,
            config_path,
            surroundings,
            key: Ok(key),
            sockets: vec![socket],
            control,
            create: true,
            clock: Arc::clone(&clock),
            unhardened: Vec::new(),
            hasher: PinHasher::new,
        };
        let instance = Instance::start(start).map_err(|error| wrong("starting")(&error))?;
        let shown = person(&instance, "demo")?;
        let own = person(&instance, "demo-self")?;
        crate::sys::files::write_new(
            &folder.join(SEED_FILE),
            shown.seed.expose(),
            crate::sys::files::Existing::Keep,
        )
        .map_err(|error| wrong("writing the seed")(&error))?;
        Ok(Self {
            folder,
            instance,
            clock,
            auth,
            secret,
            shown,
            own,
            started,
            real,
        })
    }

    /// The line for programs.
    fn json(&self) -> serde_json::Value {
        json!({
            "auth": self.auth.to_string(),
            "secret": self.secret,
            "control": self.folder.join("control"),
            "user": self.shown.name,
            "pin": String::from_utf8_lossy(self.shown.pin.expose()),
            "totp_secret": base32::encode(self.shown.seed.expose()).expose(),
            "config": self.folder.join("mfad.toml"),
        })
    }

    /// The screen for people, with mfad's own login on it.
    fn screen(&self, ascii: bool) -> Result<String, DemoError> {
        let mut screen = String::new();
        match &self.real {
            Some(real) => self.head_on_network(real, &mut screen),
            None => self.head(&mut screen),
        }
        screen.push_str(&super::demo_screen::beside_qr(
            self.shown.uri.expose(),
            base32::encode(self.shown.seed.expose()).expose(),
            ascii,
        ));
        match &self.real {
            Some(real) => screen.push_str(&real.instructions(&self.secret)),
            None => {
                self.prove(&mut screen)?;
                self.foot(&mut screen);
            }
        }
        Ok(screen)
    }

    fn head(&self, screen: &mut String) {
        use std::fmt::Write as _;
        let ms = self
            .clock
            .now()
            .mono_us
            .saturating_sub(self.started.mono_us)
            / 1000;
        let pin = String::from_utf8_lossy(self.shown.pin.expose()).into_owned();
        let _ = write!(
            screen,
            "mfad {} DEMO: throw-away, loopback only, secrets below are worth nothing\n\
             \x20 folder   {}  (deleted at Ctrl-C)\n\
             \x20 ready    in {ms} ms: key, store, audit chain, UDP {}, control\n\n\
             \x20 gateway  demo-vpn  from 127.0.0.1   secret  {}\n\
             \x20 user     demo      PIN {pin}, then the code your app shows\n\n",
            env!("CARGO_PKG_VERSION"),
            self.folder.display(),
            self.auth,
            self.secret,
        );
    }

    fn head_on_network(&self, real: &Real, screen: &mut String) {
        use std::fmt::Write as _;
        let pin = String::from_utf8_lossy(self.shown.pin.expose()).into_owned();
        let _ = write!(
            screen,
            "mfad {} DEMO on your network: answers {} only, deleted at Ctrl-C or after 8 h\n\
             \x20 listening  {}/udp\n\
             \x20 user       demo, PIN {pin} + code\n\n",
            env!("CARGO_PKG_VERSION"),
            real.address,
            self.auth,
        );
    }

    /// A real login, the same packet again, the same code again.
    fn prove(&self, screen: &mut String) -> Result<(), DemoError> {
        use std::fmt::Write as _;
        let failed = |error: &super::client::ClientError| wrong("the login of mfad itself")(error);
        let secret = SecretBytes::copy_of(self.secret.as_bytes());
        let mut client = Client::new(self.auth, secret).map_err(|error| failed(&error))?;
        let code = code_at(self.own.seed.expose(), self.clock.now());
        let passcode =
            SecretBytes::new([self.own.pin.expose().as_slice(), code.as_bytes()].concat());
        let first = client
            .request(self.own.name, passcode.expose())
            .map_err(|e| failed(&e))?;
        let accepted = client.exchange(&first).map_err(|e| failed(&e))?;
        let again = client.exchange(&first).map_err(|e| failed(&e))?;
        let second = client
            .request(self.own.name, passcode.expose())
            .map_err(|e| failed(&e))?;
        let refused = client.exchange(&second).map_err(|e| failed(&e))?;
        let right = accepted.code == Code::AccessAccept
            && accepted.authentic
            && again.octets == accepted.octets
            && refused.code == Code::AccessReject;
        if !right {
            return Err(DemoError(
                "mfad's own login did not go as it must".to_owned(),
            ));
        }
        let _ = writeln!(
            screen,
            "A real login over UDP, made by mfad as its own user demo-self"
        );
        let _ = writeln!(
            screen,
            "  ✓ PIN + {code}      Access-Accept, Message-Authenticator verified {:>8}",
            ms(&accepted)
        );
        let _ = writeln!(
            screen,
            "  ✓ same packet again the same {} octets back, nothing counted   {:>8}",
            again.octets.len(),
            ms(&again)
        );
        let _ = writeln!(
            screen,
            "  ✓ same code again   Access-Reject, the same words as for any     {:>8}\n\
             \x20                     wrong code           (held to 1 s on purpose)",
            ms(&refused)
        );
        self.audit_line(screen);
        Ok(())
    }

    fn audit_line(&self, screen: &mut String) {
        use std::fmt::Write as _;
        let Some(engine) = self.instance.engine() else {
            return;
        };
        let filter = AuditFilter {
            event: Some("auth.accept".to_owned()),
            newest_first: true,
            ..AuditFilter::default()
        };
        let records = engine.reader().audit(&filter, 1).unwrap_or_default();
        let last = engine.reader().last_seq().unwrap_or(0);
        if let Some(record) = records.first() {
            let _ = writeln!(
                screen,
                "  audit    {} auth.accept demo-self demo-vpn {}   {last} records\n",
                record.seq, self.own.token
            );
        }
    }

    fn foot(&self, screen: &mut String) {
        use std::fmt::Write as _;
        let now = self.clock.now();
        let left = 30 - now.wall.unix_seconds() % 30;
        let next = now.after(Duration::from_secs(left));
        let _ = write!(
            screen,
            "Now you, in a second terminal\n\
             \x20 . {}/env       lets mfactl find this instance\n\
             \x20 demo-login                      asks for PIN + code, logs in by radclient:\n\
             \x20    echo \"User-Name=demo,User-Password=$p,Message-Authenticator=0x00\" |\n\
             \x20      radclient -x {} auth {}\n\
             \x20 mfactl why demo                 what happened, attempt by attempt\n\n\
             No phone at hand? The code now is {}; next {} in {left} s.\n\
             \x20                 Later: mfad --demo-code\n\
             Waiting. Each attempt appears below. Ctrl-C removes everything.\n\n",
            self.folder.display(),
            self.auth,
            self.secret,
            code_at(self.shown.seed.expose(), now),
            code_at(self.shown.seed.expose(), next),
        );
    }

    /// Shows attempts until Ctrl-C or SIGTERM.
    async fn wait(&self, mut signals: Signals, show: bool) {
        let mut live = self.instance.engine().filter(|_| show).map(Live::new);
        let mut watch = self
            .real
            .as_ref()
            .filter(|_| show)
            .map(|real| Watch::new(real, Arc::clone(self.instance.front()), self.clock.now()));
        let limit = tokio::time::sleep(LASTS_MAX);
        tokio::pin!(limit);
        let mut look = tokio::time::interval(Duration::from_millis(150));
        loop {
            tokio::select! {
                _ = signals.next() => return,
                () = &mut limit => return,
                _ = look.tick() => {
                    if let Some(watch) = &mut watch {
                        watch.print_new(self.clock.now());
                    }
                    if let Some(live) = &mut live {
                        live.print_new();
                    }
                }
            }
        }
    }
}

/// Takes over the signals that end a demo: before the folder is made and anything is shown, since
/// whoever reads the screen may press Ctrl-C at once, and the folder has to go then too.
fn listen() -> Result<(tokio::runtime::Runtime, Signals), DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| wrong("waiting")(&error))?;
    let within = runtime.enter();
    let signals = Signals::listen().map_err(|error| wrong("listening for signals")(&error))?;
    drop(within);
    Ok((runtime, signals))
}

/// Prints the code that the newest running demo's user would type now; the exit status.
#[must_use]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the answer to a person"
)]
pub fn print_code() -> u8 {
    let newest = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("mfad-demo-")
        })
        .map(|entry| entry.path().join(SEED_FILE))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max();
    match newest.and_then(|(_, path)| fs::read(path).ok()) {
        Some(seed) => {
            let seed = SecretBytes::new(seed);
            println!("{}", code_at(seed.expose(), Clock::start().now()));
            0
        }
        None => {
            eprintln!("mfad: no demo is running\n  try    mfad --demo\n  code   exit 69");
            69
        }
    }
}

fn code_at(seed: &[u8], now: Now) -> String {
    Otp::TOTP
        .code_at(seed, step_at(now.wall, Period::THIRTY))
        .text()
        .expose()
        .clone()
}

fn ms(reply: &Reply) -> String {
    let us = reply.took.as_micros();
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

/// Some signs of Crockford's alphabet.
fn word(signs: usize) -> Result<String, DemoError> {
    let octets = random::array::<32>().map_err(|error| wrong("random numbers")(&error))?;
    Ok(octets
        .iter()
        .take(signs)
        .map(|octet| char::from(crockford::sign(*octet)))
        .collect())
}

/// Groups of four signs.
fn words(groups: usize) -> Result<String, DemoError> {
    let groups: Vec<String> = (0..groups).map(|_| word(4)).collect::<Result<_, _>>()?;
    Ok(groups.join("-"))
}

fn new_folder() -> Result<PathBuf, DemoError> {
    use std::os::unix::fs::DirBuilderExt;
    let name = format!("mfad-demo-{}", word(8)?.to_lowercase());
    let folder = std::env::temp_dir().join(name);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|error| wrong("making a folder")(&error))?;
    Ok(folder)
}

/// Configuration, key and what a second terminal reads.
fn write_files(
    folder: &Path,
    auth: SocketAddr,
    secret: &str,
    real: Option<&Real>,
) -> Result<(), DemoError> {
    use crate::sys::files::{Existing, write_new};
    let write = |name: &str, text: &str| {
        write_new(&folder.join(name), text.as_bytes(), Existing::Keep)
            .map_err(|error| wrong("writing a file")(&error))
    };
    for inner in ["state", "gateways.d"] {
        fs::create_dir(folder.join(inner)).map_err(|error| wrong("making a folder")(&error))?;
    }
    let mut master = random::array().map_err(|error| wrong("random numbers")(&error))?;
    let master_key = SecretKey::new(master);
    zeroize::Zeroize::zeroize(&mut master);
    write("key", key::text(&master_key).expose())?;
    write("gateways.d/demo-vpn.secret", secret)?;
    let address = real.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |real| real.address);
    let gateway = super::demo_screen::gateway(address, real.is_some());
    write("gateways.d/demo-vpn.toml", &gateway)?;
    write("mfad.toml", &super::demo_screen::config(folder, auth))?;
    write(
        "env",
        &super::demo_screen::environment(folder, auth, secret),
    )
}
