//! What the process gives up for good, so that a mistake elsewhere costs less.
//!
//! [`early`] belongs at the very start, before a secret is read: private files, no core dumps, no
//! debugger of the same user, no swap. [`confine`] comes when it is known which folders are in
//! use, but **before the first thread is started**: Landlock binds the calling thread and those it
//! starts.
//!
//! Every step is a best effort: an old kernel or a container may refuse one, and the unit file
//! does the same from outside. A step that fails is reported, for the log and the status page, and
//! the daemon goes on.
//!
//! Memory is locked only where the limit is infinite. Under a finite limit the lock would not fail
//! today but turn a later allocation into an abort, which is worse than a page in swap; there the
//! unit's `MemorySwapMax=0` keeps secrets off the disk.

use std::fmt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
};
use nix::libc;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

/// The newest Landlock interface whose rights we ask for; older kernels give what they have.
const LANDLOCK_ABI: ABI = ABI::V7;

/// Read by the C library and the time zone code whenever they like; nothing of ours is there.
const SYSTEM_READ_ONLY: [&str; 7] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd",
    "/proc/self",
    "/dev/urandom",
];

/// One thing that was given up, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// A short fixed name, such as `core dumps`.
    pub name: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a step; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    Done(String),
    /// It was left out on purpose, or is only partly in force.
    Limited(String),
    /// The system refused it.
    Failed(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Done(text) => write!(f, "{}: {text}", self.name),
            Outcome::Limited(text) => write!(f, "{}: limited: {text}", self.name),
            Outcome::Failed(text) => write!(f, "{}: failed: {text}", self.name),
        }
    }
}

/// The folders and files that stay reachable after [`confine`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach<'a> {
    /// The state folder and the runtime folder.
    pub read_write: &'a [&'a Path],
    /// The configuration and the credentials.
    pub read_only: &'a [&'a Path],
    /// The TCP ports of servers that messages go to, the only ones that stay reachable.
    pub connect: &'a [u16],
}

/// Takes the steps that need to know nothing; to be called first of all.
#[must_use]
pub fn early() -> Vec<Step> {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    vec![
        Step {
            name: "umask",
            outcome: Outcome::Done("0077".into()),
        },
        step("core dumps", "off", setrlimit(Resource::RLIMIT_CORE, 0, 0)),
        step("debugging", "off", prctl::set_dumpable(false)),
        Step {
            name: "memory lock",
            outcome: lock_memory(),
        },
    ]
}

/// Gives up every file outside `allowed`, running other programs, and every TCP connection out but to
/// the ports of `allowed`; before any thread starts.
///
/// What is missing on disk is left out, so folders must exist by now.
#[must_use]
pub fn confine(allowed: Reach<'_>) -> Step {
    let outcome = match restrict(allowed) {
        Ok(status) => describe(&status),
        Err(error) => Outcome::Failed(error.to_string()),
    };
    Step {
        name: "landlock",
        outcome,
    }
}

fn step(name: &'static str, done: &str, result: nix::Result<()>) -> Step {
    let outcome = match result {
        Ok(()) => Outcome::Done(done.into()),
        Err(errno) => Outcome::Failed(errno.desc().into()),
    };
    Step { name, outcome }
}

fn lock_memory() -> Outcome {
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((RLIM_INFINITY, _)) => {}
        Ok((limit, _)) => {
            return Outcome::Limited(format!(
                "not locked, because the limit is {} KiB and not infinity",
                limit / 1024
            ));
        }
        Err(errno) => return Outcome::Failed(errno.desc().into()),
    }
    // ONFAULT locks a page when it is first used, so that untouched stacks cost nothing.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    match mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault) {
        Ok(()) => Outcome::Done("all, also future pages".into()),
        Err(errno) => Outcome::Failed(errno.desc().into()),
    }
}

fn restrict(allowed: Reach<'_>) -> Result<RestrictionStatus, RulesetError> {
    let everything = AccessFs::from_all(LANDLOCK_ABI);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = (everything & !AccessFs::Execute)
        & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let port = |port: &u16| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp));
    let ports = allowed.connect.iter().map(port);
    Ruleset::default()
        .handle_access(everything)?
        .handle_access(AccessNet::ConnectTcp)?
        .create()?
        .add_rules(path_beneath_rules(allowed.read_write, write))?
        .add_rules(path_beneath_rules(allowed.read_only, read))?
        .add_rules(path_beneath_rules(SYSTEM_READ_ONLY, read))?
        .add_rules(path_beneath_rules(
            ["/dev/null"],
            read | AccessFs::WriteFile,
        ))?
        .add_rules(ports)?
        .restrict_self()
}

fn describe(status: &RestrictionStatus) -> Outcome {
    let abi = match status.landlock {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi: None,
        } => {
            format!("ABI {}", effective_abi as i32)
        }
        LandlockStatus::Available {
            kernel_abi: Some(kernel),
            ..
        } => format!("ABI {kernel}"),
        LandlockStatus::NotEnabled => "not enabled in this kernel".into(),
        LandlockStatus::NotImplemented => "not in this kernel".into(),
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Outcome::Done(abi),
        RulesetStatus::PartiallyEnforced => Outcome::Limited(format!("in part, {abi}")),
        RulesetStatus::NotEnforced => Outcome::Failed(format!("not in force, {abi}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    use super::*;

    const CHILD: &str = "MFAD_TEST_HARDEN_CHILD";

    /// Does nothing unless the test below started it in a process of its own.
    #[test]
    fn child_gives_everything_up() {
        let Some(folder) = std::env::var_os(CHILD) else {
            return;
        };
        let folder = Path::new(&folder);
        let (state, config) = (folder.join("state"), folder.join("config"));
        for step in early() {
            assert!(!matches!(step.outcome, Outcome::Failed(_)), "{step}");
            println!("{step}");
        }
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert!(!prctl::get_dumpable().unwrap());
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let shut = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let step = confine(Reach {
            read_write: &[&state],
            read_only: &[&config],
            connect: &[address(&open).port()],
        });
        println!("{step}");
        let confined = matches!(step.outcome, Outcome::Done(_));
        fs::write(state.join("new"), b"x").unwrap();
        assert_eq!(
            fs::metadata(state.join("new")).unwrap().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read(config.join("mfad.toml")).unwrap(), b"y");
        assert_eq!(fs::write(config.join("mfad.toml"), b"z").is_err(), confined);
        assert_eq!(fs::read(folder.join("elsewhere")).is_err(), confined);
        assert_eq!(Command::new("/bin/true").status().is_err(), confined);
        TcpStream::connect(address(&open)).unwrap();
        assert_eq!(TcpStream::connect(address(&shut)).is_err(), confined);
        crate::sys::peer::user_name(0).unwrap();
        println!("hardened={confined}");
    }

    #[test]
    fn what_is_given_up_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/mfad.toml"), b"y").unwrap();
        fs::write(folder.path().join("elsewhere"), b"w").unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sys::harden::tests::child_gives_everything_up",
                "--nocapture",
            ])
            .env(CHILD, folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("hardened="),
            "{output:?}"
        );
    }
}
