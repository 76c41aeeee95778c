//! A person at the prompt of a gateway: what is asked, what is typed, and a daemon that is killed in
//! between.

use super::daemon::Daemon;
use super::gateway::{ACCEPT, CHALLENGE, Gateway, Port, REJECT, Reply};

/// One person at one gateway, from the first packet on.
pub(crate) struct Conversation {
    user: String,
    port: Port,
    request: Vec<u8>,
    /// The last reply.
    pub(crate) reply: Reply,
}

impl Conversation {
    /// Types this where nothing was asked yet.
    pub(crate) fn begin(gateway: &Gateway, user: &str, typed: &str) -> Self {
        let mut port = gateway.port();
        let request = port.request(user, typed);
        let reply = port.ask(&request);
        Self {
            user: user.to_owned(),
            port,
            request,
            reply,
        }
    }

    /// Turns away from whatever is asked, and begins anew.
    pub(crate) fn begin_anew(&mut self, typed: &str) {
        self.request = self.port.request(&self.user, typed);
        self.reply = self.port.ask(&self.request);
    }

    /// Types this in answer to what is asked.
    #[track_caller]
    pub(crate) fn types(&mut self, typed: &str) {
        self.answers(&self.reply.state(), typed);
    }

    /// Types this in answer to the question with this State.
    pub(crate) fn answers(&mut self, state: &[u8], typed: &str) {
        self.request = self.port.answer(&self.user, state, typed);
        self.reply = self.port.ask(&self.request);
    }

    /// This is what stands at the prompt.
    #[track_caller]
    pub(crate) fn asks(&self, words: &str) {
        assert_eq!((self.reply.code, &*self.reply.words()), (CHALLENGE, words));
    }

    #[track_caller]
    pub(crate) fn is_let_in(&self) {
        assert_eq!(self.reply.code, ACCEPT, "{} must be let in", self.user);
    }

    #[track_caller]
    pub(crate) fn is_kept_out(&self) {
        assert_eq!(self.reply.code, REJECT, "{} must be kept out", self.user);
    }

    /// A request that comes again gets the same reply.
    #[track_caller]
    pub(crate) fn is_repeated(&self) {
        assert_eq!(self.port.ask(&self.request), self.reply, "the same again");
    }

    /// Kills the daemon and starts it again: what it said, it says again.
    #[track_caller]
    pub(crate) fn kill(&self, daemon: Daemon) -> Daemon {
        let daemon = daemon.kill().start();
        self.is_repeated();
        daemon
    }
}
