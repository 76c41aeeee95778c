//! The daemon under load: a process of its own, watched from outside through `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Failure;

/// How long the daemon may take to be ready.
const READY_WAIT: Duration = Duration::from_secs(60);

/// How long it may take to end.
const END_WAIT: Duration = Duration::from_secs(30);

/// Ticks of a second in `/proc/PID/stat`: fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// The running daemon; ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    /// From the start of the process to READY.
    pub(crate) ready_after: Duration,
}

/// What the kernel has counted for the daemon so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Seconds of CPU by name of the thread: in the program, in the kernel.
    pub(crate) threads: BTreeMap<String, (f64, f64)>,
    /// Octets sent towards the disk; none if the system does not tell.
    pub(crate) written: Option<u64>,
}

impl Daemon {
    /// Starts `command` on the given core and waits until it is ready.
    pub(crate) fn start(
        mut command: Command,
        folder: &Path,
        core: Option<usize>,
    ) -> Result<Self, Failure> {
        let notify = folder.join("notify");
        let socket = UnixDatagram::bind(&notify)?;
        let own = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
        // A child begins with the cores of its parent.
        pin_self(core)?;
        let began = Instant::now();
        let child = command.env("NOTIFY_SOCKET", &notify).spawn();
        sched_setaffinity(Pid::from_raw(0), &own)?;
        let mut daemon = Self {
            child: child?,
            ready_after: Duration::ZERO,
        };
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut text = [0; 512];
        while began.elapsed() < READY_WAIT {
            let length = socket.recv(&mut text).unwrap_or(0);
            if text
                .get(..length)
                .is_some_and(|text| text.starts_with(b"READY=1"))
            {
                daemon.ready_after = began.elapsed();
                let _ = fs::remove_file(&notify);
                return Ok(daemon);
            }
            if let Some(status) = daemon.child.try_wait()? {
                return Err(format!("the daemon did not start: {status}").into());
            }
        }
        Err("the daemon is not ready after a minute".into())
    }

    /// What the kernel has counted so far.
    pub(crate) fn reading(&self) -> Result<Reading, Failure> {
        let mut reading = Reading::default();
        for thread in fs::read_dir(self.proc("task"))? {
            // A thread may end between the list and the look.
            let Ok(stat) = fs::read_to_string(thread?.path().join("stat")) else {
                continue;
            };
            let Some((name, rest)) = stat
                .split_once('(')
                .and_then(|(_, rest)| rest.rsplit_once(')'))
            else {
                continue;
            };
            let mut fields = rest.split_whitespace().skip(11);
            let mut seconds = || {
                let ticks = fields.next().and_then(|ticks| ticks.parse::<f64>().ok());
                ticks.unwrap_or(0.0) / TICKS_PER_SECOND
            };
            let sum = reading.threads.entry(name.to_owned()).or_default();
            sum.0 += seconds();
            sum.1 += seconds();
        }
        reading.written = fs::read_to_string(self.proc("io"))
            .ok()
            .and_then(|io| field(&io, "write_bytes:"));
        Ok(reading)
    }

    /// Resident memory in KiB: now, and at most so far.
    pub(crate) fn memory_kib(&self) -> Result<(u64, u64), Failure> {
        let status = fs::read_to_string(self.proc("status"))?;
        let of = |name| field(&status, name).unwrap_or(0);
        Ok((of("VmRSS:"), of("VmHWM:")))
    }

    /// Holds it still, so that it does not disturb what is measured beside it; see [`Self::go_on`].
    pub(crate) fn hold(&self) -> Result<(), Failure> {
        Ok(kill(self.pid(), Signal::SIGSTOP)?)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        Ok(kill(self.pid(), Signal::SIGCONT)?)
    }

    /// Ends it as systemd would; true if it ended well.
    pub(crate) fn stop(mut self) -> Result<bool, Failure> {
        self.end()
    }

    fn end(&mut self) -> Result<bool, Failure> {
        let _ = self.go_on();
        kill(self.pid(), Signal::SIGTERM)?;
        let began = Instant::now();
        while began.elapsed() < END_WAIT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(false)
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Only the process that was started here, and only while it is still ours to wait for.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

impl Reading {
    /// Seconds of CPU of all threads: in the program, in the kernel.
    pub(crate) fn cpu(&self) -> (f64, f64) {
        self.threads.values().fold((0.0, 0.0), |sum, thread| {
            (sum.0 + thread.0, sum.1 + thread.1)
        })
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let threads = self.threads.iter().map(|(name, now)| {
            let before = before.threads.get(name).copied().unwrap_or_default();
            (name.clone(), (now.0 - before.0, now.1 - before.1))
        });
        Self {
            threads: threads.collect(),
            written: self
                .written
                .zip(before.written)
                .map(|(now, before)| now - before),
        }
    }
}

/// Puts the calling thread on one core.
pub(crate) fn pin_self(core: Option<usize>) -> Result<(), Failure> {
    let Some(core) = core else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// The cores this process may run on.
pub(crate) fn cores() -> Result<Vec<usize>, Failure> {
    let set = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count())
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect())
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
