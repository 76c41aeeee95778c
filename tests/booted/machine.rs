//! A container with a booted systemd, for as long as a test holds it.
//!
//! Nothing is downloaded: its `/usr` is the one of this machine, under a layer that takes what is
//! installed, and everything else is empty. So its systemd is the one that is here, the built
//! programs find their libraries, and it is up in a second or two. Its network is a loopback of
//! its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::common::tools::{Said, have, is_root, run};

/// How long it may take to boot.
const BOOTED_WITHIN: Duration = Duration::from_secs(60);

/// Where the files stand that are installed, as in a checkout.
pub(crate) const CHECKOUT: &str = "/src";

/// Names of `/` that lead into `/usr`.
const INTO_USR: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// A booted container; dropping it ends it.
pub(crate) struct Machine {
    nspawn: Child,
    leader: Pid,
    name: String,
    folder: TempDir,
}

impl Machine {
    /// Boots one; none where that cannot be, and then the test has said why.
    pub(crate) fn boot() -> Option<Self> {
        let tools = ["systemd-nspawn", "nsenter", "setpriv", "unshare"];
        if !is_root("boot a container") || !tools.into_iter().all(have) {
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("machine-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        if !may_be(folder.path()) {
            return None;
        }
        fs::create_dir(folder.path().join("usr")).unwrap();
        furnish(&folder.path().join("root"));
        let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let name = name();
        let nspawn = start(&name, folder.path());
        let mut machine = Self {
            nspawn,
            leader: Pid::from_raw(0),
            name,
            folder,
        };
        machine.await_boot(&notify);
        Some(machine)
    }

    /// Waits until systemd says that all is up.
    fn await_boot(&mut self, notify: &UnixDatagram) {
        let end = Instant::now() + BOOTED_WITHIN;
        notify
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut octets = [0; 4096];
        loop {
            if let Ok(length) = notify.recv(&mut octets) {
                let told = String::from_utf8_lossy(&octets[..length]).into_owned();
                let leader = told
                    .lines()
                    .find_map(|line| line.strip_prefix("X_NSPAWN_LEADER_PID="));
                if let Some(leader) = leader {
                    self.leader = Pid::from_raw(leader.parse().unwrap());
                }
                if told.lines().any(|line| line == "READY=1") {
                    return;
                }
            }
            let ended = self.nspawn.try_wait().unwrap().is_some();
            if ended || Instant::now() >= end {
                let console = fs::read_to_string(self.folder.path().join("console")).unwrap();
                panic!("the container does not boot\n{console}");
            }
        }
    }

    /// Its name, which is its host name too.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A file on its disk.
    pub(crate) fn disk(&self, inside: &str) -> PathBuf {
        self.folder.path().join(format!("root{inside}"))
    }

    /// A file of it, on its disk or not, as this process reaches it.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.leader))
    }

    /// This thread, and those it starts from now on, use its network.
    pub(crate) fn enter_network(&self) {
        let network = fs::File::open(format!("/proc/{}/ns/net", self.leader)).unwrap();
        setns(network, CloneFlags::CLONE_NEWNET).unwrap();
    }

    /// Runs a script as root, which must succeed; what it said.
    #[track_caller]
    pub(crate) fn does(&self, script: &str) -> String {
        let said = self.tries(script);
        assert!(said.success, "{script}\n{}", said.text);
        said.text.trim().to_owned()
    }

    /// Runs a script as root.
    pub(crate) fn tries(&self, script: &str) -> Said {
        self.runs(&[], script)
    }

    /// Runs a script as somebody else, with the groups that this user has.
    pub(crate) fn tries_as(&self, user: &str, script: &str) -> Said {
        let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
        self.runs(&["setpriv", &uid, &gid, "--init-groups"], script)
    }

    fn runs(&self, before: &[&str], script: &str) -> Said {
        let leader = self.leader.to_string();
        let mut words = vec!["--target", &leader, "--mount", "--uts", "--ipc", "--net"];
        words.extend(["--pid", "--cgroup", "--root", "--wd", "env", "-i"]);
        words.extend(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]);
        words.extend(before);
        words.extend(["sh", "-euc", script]);
        run("nsenter", &words, Path::new("/"), "")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The container ends with its first process, and nspawn then clears up behind it.
        if self.leader.as_raw() > 0 {
            let _ = kill(self.leader, Signal::SIGKILL);
        } else {
            let _ = self.nspawn.kill();
        }
        let _ = self.nspawn.wait();
    }
}

/// Whether root is let make what a container is made of. Where this machine is a container itself it
/// may not be, and no program that could be installed would change that.
fn may_be(folder: &Path) -> bool {
    let script = "mkdir upper work merged
        mount -t overlay overlay -o lowerdir=/usr,upperdir=upper,workdir=work merged
        umount merged
        rm -r upper work merged";
    let namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork"];
    let words = [&namespaces[..], &["sh", "-euc", script]].concat();
    let said = run("unshare", &words, folder, "");
    if !said.success {
        println!("skipped: no container can be made here: {}", said.text);
    }
    said.success
}

fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("mfad-test-{}-{number}", std::process::id())
}

/// What systemd wants to find in a root: that it is one, whose it is, and that it is not new (else
/// it would enable every service of this machine's `/usr`).
fn furnish(root: &Path) {
    for folder in [
        "usr/lib",
        "etc/systemd/system",
        "srv",
        "var",
        "proc",
        "sys",
        "dev",
        "run",
        "tmp",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for name in INTO_USR {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            symlink(target, root.join(name)).unwrap();
        }
    }
    fs::copy("/usr/lib/os-release", root.join("usr/lib/os-release")).unwrap();
    let id: [u8; 16] = mfad::sys::random::array().unwrap();
    let id: String = id.iter().map(|octet| format!("{octet:02x}")).collect();
    fs::write(root.join("etc/machine-id"), id + "\n").unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
}

fn start(name: &str, folder: &Path) -> Child {
    let console = fs::File::create(folder.join("console")).unwrap();
    let below = |name: &str| folder.join(name).display().to_string();
    let checkout = env!("CARGO_MANIFEST_DIR");
    let built = Path::new(env!("CARGO_BIN_EXE_mfad")).parent().unwrap();
    let bind = |from: &Path, to: &str| format!("--bind-ro={}:{to}", from.display());
    let here = |folder: &str| {
        bind(
            &Path::new(checkout).join(folder),
            &format!("{CHECKOUT}/{folder}"),
        )
    };
    // It ends with this thread, whatever becomes of the test.
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot"])
        .args(["--register=no", "--keep-unit", "--private-network"])
        .args(["--console=pipe", "--notify-ready=yes", "--machine", name])
        // Both as on a real host, where it is for the unit to say what may be done.
        .args(["--rlimit=MEMLOCK=infinity", "--capability=CAP_IPC_LOCK"])
        .arg(
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
        )
        .arg(format!("--directory={}", below("root")))
        .arg(format!("--overlay=/usr:{}:/usr", below("usr")))
        .args([here("systemd"), here("docs"), here("conf")])
        .arg(bind(built, &format!("{CHECKOUT}/target/release")))
        // The suite is run from where it was built.
        .arg(bind(Path::new(checkout), checkout))
        .arg(format!("--bind-ro={}", built.display()))
        .arg("systemd.unit=multi-user.target")
        .env("NOTIFY_SOCKET", below("notify"))
        .stdin(Stdio::null())
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .unwrap()
}
