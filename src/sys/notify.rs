//! What the service manager is told about us, and what it told us.
//!
//! Without a service manager every call does nothing and succeeds. A message that cannot be sent
//! is an error that the caller may log: the daemon goes on.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use sd_notify::NotifyState;

/// How often the watchdog is fed within its limit, so that one late ping is no death.
const PINGS_PER_LIMIT: u32 = 3;

/// Says that the daemon serves: store open, key unsealed, self-test passed, sockets bound.
pub fn ready(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
}

/// Says in one line how the daemon is; shown by `systemctl status`.
pub fn status(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(&one_line(status))])
}

/// Says that a reload has begun; [`ready`] ends it.
///
/// Carries the monotonic time, without which newer service managers wait for ever.
pub fn reloading() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
}

/// Says that the daemon drains and will end.
pub fn stopping(status: &str) -> io::Result<()> {
    sd_notify::notify(&[
        NotifyState::Stopping,
        NotifyState::Status(&one_line(status)),
    ])
}

/// Feeds the watchdog; to be called only after a real read of the store.
pub fn watchdog() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Watchdog])
}

/// How often [`watchdog`] wants to be called; `None` if nobody watches.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / PINGS_PER_LIMIT)
}

/// Whether standard error goes straight to the journal, which stamps lines by itself and reads
/// `<priority>` at their start.
#[must_use]
pub fn stderr_is_journal() -> bool {
    let Some(stream) = env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else {
        return false;
    };
    let Ok(data) = File::from(stderr).metadata() else {
        return false;
    };
    stream.to_str() == Some(&format!("{}:{}", data.dev(), data.ino()))
}

/// A line break would start another field of the message.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    use super::*;

    const CHILD: &str = "MFAD_TEST_NOTIFY_CHILD";

    /// Does nothing unless the test below started it with a socket to talk to.
    #[test]
    fn child_tells_its_story() {
        if env::var_os(CHILD).is_none() {
            return;
        }
        ready("3 gateways\nMAINPID=1").unwrap();
        reloading().unwrap();
        watchdog().unwrap();
        stopping("SIGTERM").unwrap();
        assert_eq!(watchdog_interval(), Some(Duration::from_millis(6_000)));
    }

    #[test]
    fn messages_arrive_and_cannot_be_forged_by_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "sys::notify::tests::child_tells_its_story"])
            .env(CHILD, "1")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "18000000")
            .env_remove("WATCHDOG_PID")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut buffer = [0; 512];
        let mut next = || {
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(next(), "READY=1\nSTATUS=3 gateways MAINPID=1\n");
        assert!(next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(next(), "WATCHDOG=1\n");
        assert_eq!(next(), "STOPPING=1\nSTATUS=SIGTERM\n");
    }
}
