//! `radclient` in the place of a gateway.

use std::fs;

use crate::common::daemon::Daemon;
use crate::common::tools::{Said, run};

/// One request with these attributes.
pub(crate) fn radclient(daemon: &Daemon, gateway: &str, attributes: &str, command: &str) -> Said {
    let gateway = daemon.gateway(gateway);
    let server = gateway.server.to_string();
    let source = gateway.source;
    let secret = daemon.site.path("radclient-secret");
    fs::write(&secret, &gateway.secret).unwrap();
    let file = secret.display().to_string();
    let input = format!("{attributes}Message-Authenticator=0x00,Packet-Src-IP-Address={source}\n");
    let arguments = ["-x", "-t", "3", "-r", "3", "-S", &file, &server, command];
    run("radclient", &arguments, daemon.site.folder(), &input)
}

/// Whether somebody who types this is let in.
pub(crate) fn login(daemon: &Daemon, gateway: &str, user: &str, passcode: &str) -> bool {
    let attributes = format!("User-Name=\"{user}\",User-Password=\"{passcode}\",");
    let said = radclient(daemon, gateway, &attributes, "auth");
    let accepted = said.text.contains("Received Access-Accept");
    assert_eq!(accepted, said.success, "{}", said.text);
    if !accepted {
        said.shows("Received Access-Reject");
    }
    accepted
}

impl Said {
    #[track_caller]
    pub(crate) fn shows(&self, words: &str) {
        assert!(self.text.contains(words), "{words}: {}", self.text);
    }

    /// The State that came with a question.
    #[track_caller]
    pub(crate) fn state(&self) -> &str {
        let line = self.text.lines().find(|line| line.contains("State = 0x"));
        let state = line.and_then(|line| line.split("0x").nth(1));
        state.unwrap_or_else(|| panic!("{}", self.text)).trim()
    }
}
