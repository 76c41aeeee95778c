//! What goes out: messages to people, over SMTP or through the HTTPS interface of an SMS gateway.
//!
//! ```text
//! store (outbox) --> Message --mail--> octets --smtp--> the mail server's word that it has them
//!                       '-----sms----> octets --http--> the same of the SMS gateway
//! ```
//! Nothing here decides: what is told to whom is made in the rules, in the transaction of its change,
//! and the store remembers it until a server has taken it. Nothing here is on the way of a sign-in
//! either; a thread of the daemon for each [`Carrier`] calls it. Whatever a server does, a message
//! takes no longer than its time ([`wire::Patience`]), an answer is no longer than its bound, and a
//! failure says whether the server ([`Fault::Server`]), the moment ([`Fault::Later`]), the line
//! ([`Fault::Broken`]) or the message ([`Fault::Never`]) is the reason.

pub mod http;
pub mod mail;
pub mod schedule;
pub mod sms;
pub mod smtp;
pub mod tls;
pub mod wire;

use std::io;
use std::time::Duration;

use self::smtp::Session;
use self::wire::Patience;
use crate::config::{Mail, Sms};
use crate::domain::message::Message;
use crate::domain::recipient::{Channel, Recipient};

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server cannot be used: no other message need be tried now.
    #[error("{0}")]
    Server(String),
    /// The server does not take this message now.
    #[error("{0}")]
    Later(String),
    /// The conversation broke off: the server has not said that it has the message, nor that it has
    /// not.
    #[error("{0}")]
    Broken(String),
    /// The server will never take this message.
    #[error("{0}")]
    Never(String),
}

impl Fault {
    /// The same without the words of a server that says again what was to be read by one person only.
    #[must_use]
    pub fn covering(self, clear: &str) -> Self {
        let cover = |why: String| match why.contains(clear) {
            true => "what the server says holds what is secret".to_owned(),
            false => why,
        };
        match self {
            Self::Server(why) => Self::Server(cover(why)),
            Self::Later(why) => Self::Later(cover(why)),
            Self::Broken(why) => Self::Broken(cover(why)),
            Self::Never(why) => Self::Never(cover(why)),
        }
    }
}

/// A server that takes messages of one channel.
#[derive(Clone)]
pub enum Carrier {
    /// A mail server.
    Mail(Mail),
    /// An SMS gateway.
    Sms(Sms),
}

impl Carrier {
    /// What it carries.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
            Self::Sms(_) => Channel::Sms,
        }
    }

    /// Its name and port.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Mail(mail) => format!("{}:{}", mail.server, mail.port),
            Self::Sms(sms) => format!("{}:{}", sms.url.host, sms.url.port),
        }
    }

    /// How long one message may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        match self {
            Self::Mail(mail) => mail.timeout,
            Self::Sms(sms) => sms.timeout,
        }
    }
}

/// Several messages to one server, one after the other.
pub struct Round<'a> {
    carrier: &'a Carrier,
    /// An SMS gateway gets a connection for each message.
    session: Option<Session>,
}

impl<'a> Round<'a> {
    /// Nothing is sent yet, and no connection open.
    #[must_use]
    pub const fn new(carrier: &'a Carrier) -> Self {
        Self {
            carrier,
            session: None,
        }
    }

    /// Sends a message, with what it encloses in clear; `Ok` only when the server has said that it has
    /// it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn send(
        &mut self,
        message: &Message,
        clear: Option<&str>,
        patience: Patience,
    ) -> Result<(), Fault> {
        match (self.carrier, &message.to) {
            (Carrier::Mail(config), Recipient::Mail(to)) => {
                let mut session = match self.session.take() {
                    Some(session) => session,
                    None => Session::open(config, patience.clone())?,
                };
                let sent = session.send(config, to, message, clear, patience);
                if matches!(sent, Ok(()) | Err(Fault::Never(_))) {
                    self.session = Some(session);
                }
                sent
            }
            (Carrier::Sms(config), Recipient::Phone(to)) => {
                sms::send(config, to, message, clear, patience)
            }
            _ => Err(Fault::Never("this server does not carry it".to_owned())),
        }
    }

    /// Says goodbye. Nobody waits for the answer.
    pub fn quit(self) {
        if let Some(session) = self.session {
            session.quit();
        }
    }
}

/// An error in words that help.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server has hung up".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::PermissionDenied => {
            format!("{error}; is the network profile of the unit in force?")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_again_is_covered() {
        let said = Fault::Later("mx:25: 451 rejected: `Your code: 012345`".to_owned());
        let told = said.clone().covering("012345").to_string();
        assert_eq!(told, "what the server says holds what is secret");
        assert_eq!(said.clone().covering("543210"), said);
    }
}
