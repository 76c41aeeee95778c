//! People at the prompts of `pam_radius`, below `pamtester`.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use crate::common::daemon::Daemon;
use crate::common::tools::{have, pam_radius, skip};

const SERVICES: &str = "/etc/pam.d";

/// How long the next thing to be shown may take.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// Whether people can sign in by PAM here.
pub(crate) fn have_pam() -> bool {
    let there = have("pamtester") && have("oathtool") && pam_radius().is_some();
    let writable = || access(SERVICES, AccessFlags::W_OK).is_ok();
    there && (writable() || skip(&format!("{SERVICES} cannot be written to")))
}

/// A PAM service that asks mfad; its file goes when the test ends.
pub(crate) struct Service {
    file: PathBuf,
    name: String,
}

impl Service {
    pub(crate) fn new(daemon: &Daemon, gateway: &str) -> Self {
        let module = pam_radius().unwrap();
        let at = daemon.gateway(gateway);
        let conf = daemon.site.path(&format!("{gateway}.conf"));
        let line = format!("{} {} 4 {}\n", at.server, at.secret, at.source);
        fs::write(&conf, line).unwrap();
        let name = format!("mfad-test-{}-{gateway}", daemon.pid());
        let file = Path::new(SERVICES).join(&name);
        let (module, conf) = (module.display(), conf.display());
        let lines = format!("auth required {module} conf={conf}\naccount required pam_permit.so\n");
        fs::write(&file, lines).unwrap();
        Self { file, name }
    }

    /// Types this where nothing was asked yet.
    #[track_caller]
    pub(crate) fn begin(&self, user: &str, typed: &str) -> Walk {
        let (mut screen, shows) = std::io::pipe().unwrap();
        let child = Command::new("pamtester")
            .args([&self.name, user, "authenticate"])
            .stdin(Stdio::piped())
            .stdout(shows.try_clone().unwrap())
            .stderr(shows)
            .spawn()
            .unwrap();
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 512];
            while let Ok(octets @ 1..) = screen.read(&mut piece) {
                let _ = sender.send(String::from_utf8_lossy(&piece[..octets]).into_owned());
            }
        });
        let shown = String::new();
        let mut walk = Walk {
            child,
            pieces,
            shown,
        };
        walk.asks("Password:");
        walk.types(typed);
        walk
    }

    /// Whether somebody who types this, and is asked nothing more, is let in.
    #[track_caller]
    pub(crate) fn login(&self, user: &str, passcode: &str) -> bool {
        self.begin(user, passcode).ends()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// One sign-in, prompt by prompt.
pub(crate) struct Walk {
    child: Child,
    pieces: Receiver<String>,
    /// What was not looked at yet.
    shown: String,
}

impl Walk {
    /// Waits until this stands at the prompt; with what stands before it.
    #[track_caller]
    pub(crate) fn asks(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(words) {
                let rest = self.shown.split_off(at + words.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            match self.pieces.recv_timeout(SHOWN_WITHIN) {
                Ok(piece) => self.shown.push_str(&piece),
                Err(error) => panic!("{words:?} is not asked ({error}): {}", self.shown),
            }
        }
    }

    /// Types this in answer to what is asked.
    pub(crate) fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Each of these is asked, and answered with what stands beside it.
    #[track_caller]
    pub(crate) fn through(mut self, script: &[(&str, &str)]) -> Self {
        for (asked, typed) in script {
            self.asks(asked);
            self.types(typed);
        }
        self
    }

    #[track_caller]
    pub(crate) fn ends_let_in(self) {
        assert!(self.ends(), "must be let in");
    }

    #[track_caller]
    pub(crate) fn ends_kept_out(self) {
        assert!(!self.ends(), "must be kept out");
    }

    /// Whether the person is let in. Whoever is asked one more thing is not at the end.
    #[track_caller]
    fn ends(mut self) -> bool {
        loop {
            match self.pieces.recv_timeout(SHOWN_WITHIN) {
                Ok(piece) => self.shown.push_str(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("goes on asking: {}", self.shown),
            }
        }
        let success = self.child.wait().unwrap().success();
        let told = if success {
            "successfully authenticated"
        } else {
            "Authentication failure"
        };
        assert!(self.shown.contains(told), "{}", self.shown);
        success
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
