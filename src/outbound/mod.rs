//! What goes out: messages to people, over SMTP.
//!
//! ```text
//! store (outbox) --> Message --mail--> octets --smtp--> the mail server's word that it has them
//! ```
//! Nothing here decides: what is told to whom is made in the rules, in the transaction of its change,
//! and the store remembers it until a server has taken it. Nothing here is on the way of a sign-in
//! either; one thread of the daemon calls it. Whatever a server does, a message takes no longer than
//! its time ([`wire::Patience`]), an answer is no longer than its bound, and a failure says whether
//! the server ([`Fault::Server`]), the moment ([`Fault::Later`]), the line ([`Fault::Broken`]) or the
//! message ([`Fault::Never`]) is the reason.

pub mod mail;
pub mod schedule;
pub mod smtp;
pub mod tls;
pub mod wire;

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
