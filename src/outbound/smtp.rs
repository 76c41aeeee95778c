//! SMTP as a client (RFC 5321), as much of it as messages of our own need.
//!
//! A [`Session`] is open and logged in; it sends one message after the other. With `starttls` nothing
//! but EHLO is said before TLS, and what a server has sent ahead of the handshake is refused, so that
//! nobody on the way can put words into the protected part (CVE-2011-0411). A message is only called
//! sent when the server has answered the end of its data with 250.

use std::io::{self, Read, Write};

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::tls::{self, Stream};
use super::wire::{Patience, Wire};
use super::{Fault, mail, told};
use crate::config::{Login, Mail, Security};
use crate::domain::message::{Address, Message};

/// Longest line of an answer, in octets (RFC 5321 s4.5.3.1.5 allows 512).
const LINE_OCTETS_MAX: usize = 2_048;

/// Most lines of one answer.
const LINES_MAX: usize = 64;

/// What is shown of an answer, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// What the server has answered.
pub struct Answer {
    /// Its first three digits.
    pub code: u16,
    lines: Vec<String>,
}

impl Answer {
    /// Reads one answer, of one line or several. `ahead`: octets that were read and not yet used.
    ///
    /// # Errors
    /// It is none, or is too long; those of `stream`.
    pub fn read(stream: &mut impl Read, ahead: &mut Vec<u8>) -> io::Result<Self> {
        let odd = || io::Error::other("this is no answer of SMTP");
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let line = line(stream, ahead)?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code: u16 = code
                .filter(|code| (200..600).contains(code))
                .ok_or_else(odd)?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            match line.as_bytes().get(3) {
                None | Some(b' ') => return Ok(Self { code, lines }),
                Some(b'-') => {}
                Some(_) => return Err(odd()),
            }
        }
        Err(odd())
    }

    /// `550 mailbox unavailable`, without what the server has repeated of the recipient.
    #[must_use]
    pub fn shown(&self, to: Option<&Address>) -> String {
        let text = self.lines.join(" ");
        let text = match to {
            Some(to) => without(&text, to.as_str(), &to.masked()),
            None => text,
        };
        let text: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        format!("{} {text}", self.code)
    }
}

/// The next line, without its end.
fn line(stream: &mut impl Read, ahead: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = ahead.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = ahead.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
        }
        if ahead.len() > LINE_OCTETS_MAX {
            return Err(io::Error::other("a line of the answer does not end"));
        }
        let mut room = [0; 512];
        let read = stream.read(&mut room)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        ahead.extend_from_slice(room.get(..read).unwrap_or_default());
    }
}

/// `text` with `instead` for each `part`, in whatever case.
fn without(text: &str, part: &str, instead: &str) -> String {
    let (lower, part) = (text.to_ascii_lowercase(), part.to_ascii_lowercase());
    let mut shown = String::new();
    let mut done = 0;
    for (at, found) in lower.match_indices(&part) {
        shown.push_str(text.get(done..at).unwrap_or_default());
        shown.push_str(instead);
        done = at + found.len();
    }
    shown + text.get(done..).unwrap_or_default()
}

/// What was said.
enum Step {
    From,
    To,
    Data,
    End,
}

/// An open, logged-in conversation.
pub struct Session {
    stream: Stream,
    /// Octets that were read and not yet used.
    ahead: Vec<u8>,
}

impl Session {
    /// Connects, protects the connection and logs in, as `config` says.
    ///
    /// # Errors
    /// [`Fault::Server`].
    pub fn open(config: &Mail, patience: Patience) -> Result<Self, Fault> {
        let place = format!("{}:{}", config.server, config.port);
        let fault = |error: io::Error| Fault::Server(format!("{place}: {}", told(&error)));
        let wire = Wire::connect(&config.server, config.port, patience).map_err(fault)?;
        let stream = match config.security {
            Security::Tls => tls::client(wire, &config.server, &config.ca).map_err(fault)?,
            Security::StartTls | Security::None => Stream::Plain(wire),
        };
        let ahead = Vec::new();
        let mut session = Self { stream, ahead };
        let refused = |answer: Answer| Fault::Server(format!("{place}: {}", answer.shown(None)));
        session.expect(220).map_err(fault)?.map_err(refused)?;
        let mut offers = session.hello().map_err(fault)?.map_err(refused)?;
        if config.security == Security::StartTls {
            if !offers.has("STARTTLS") {
                return Err(Fault::Server(format!("{place} offers no STARTTLS")));
            }
            session.say("STARTTLS").map_err(fault)?;
            session.expect(220).map_err(fault)?.map_err(refused)?;
            session = session.protected(config).map_err(fault)?;
            offers = session.hello().map_err(fault)?.map_err(refused)?;
        }
        if let Some(login) = &config.login {
            session.log_in(login, &offers).map_err(|why| match why {
                Ok(error) => fault(error),
                Err(text) => Fault::Server(format!("{place}: {text}")),
            })?;
        }
        Ok(session)
    }

    fn protected(self, config: &Mail) -> io::Result<Self> {
        if !self.ahead.is_empty() {
            return Err(io::Error::other("the server spoke before the handshake"));
        }
        let Stream::Plain(wire) = self.stream else {
            return Ok(self);
        };
        Ok(Self {
            stream: tls::client(wire, &config.server, &config.ca)?,
            ahead: Vec::new(),
        })
    }

    /// EHLO with the address of this end, which is right whatever this host is called.
    fn hello(&mut self) -> io::Result<Result<Offers, Answer>> {
        let own = match self.stream.wire().own_address()?.ip() {
            std::net::IpAddr::V4(own) => format!("[{own}]"),
            std::net::IpAddr::V6(own) => format!("[IPv6:{own}]"),
        };
        self.say(&format!("EHLO {own}"))?;
        Ok(self.expect(250)?.map(|answer| Offers(answer.lines)))
    }

    /// AUTH (RFC 4954). What the server says to it is not shown: it has seen the password.
    fn log_in(&mut self, login: &Login, offers: &Offers) -> Result<(), Result<io::Error, String>> {
        let user = login.user.as_bytes();
        let password = login.password.expose();
        let answer = if offers.authenticates_by("PLAIN") {
            let mut both = Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 2));
            both.push(0);
            both.extend_from_slice(user);
            both.push(0);
            both.extend_from_slice(password);
            let both = base64(&both);
            let line = Zeroizing::new(["AUTH PLAIN ", &both].concat());
            self.say(&line).map_err(Ok)?;
            self.answer()
        } else if offers.authenticates_by("LOGIN") {
            self.say("AUTH LOGIN").map_err(Ok)?;
            let first = self.answer().map_err(Ok)?;
            if first.code == 334 {
                self.say(&base64(user)).map_err(Ok)?;
            }
            let second = self.answer().map_err(Ok)?;
            if second.code == 334 {
                self.say(&base64(password)).map_err(Ok)?;
            }
            self.answer()
        } else {
            return Err(Err("offers neither AUTH PLAIN nor AUTH LOGIN".to_owned()));
        };
        match answer.map_err(Ok)?.code {
            235 => Ok(()),
            code => Err(Err(format!("{code}: user name and password are not taken"))),
        }
    }

    /// Sends one message, with what it encloses in clear; `Ok` only when the server has said that it
    /// has it.
    ///
    /// # Errors
    /// [`Fault`]. After a [`Fault::Never`] the session goes on with the next message.
    pub fn send(
        &mut self,
        config: &Mail,
        to: &Address,
        message: &Message,
        clear: Option<&str>,
        patience: Patience,
    ) -> Result<(), Fault> {
        self.stream.wire().renew(patience);
        let mail = mail::mail(message, clear, to, &config.from);
        let mail = mail.map_err(|error| Fault::Never(error.to_string()))?;
        let from = format!("MAIL FROM:<{}>", config.from);
        self.step(&from, 250, Step::From, to)?;
        if let Err(fault) = self.step(&format!("RCPT TO:<{to}>"), 250, Step::To, to) {
            if matches!(fault, Fault::Never(_)) {
                self.step("RSET", 250, Step::From, to)?;
            }
            return Err(fault);
        }
        self.step("DATA", 354, Step::Data, to)?;
        let mut data = stuffed(&mail);
        data.push('.');
        self.step(&data, 250, Step::End, to)
    }

    /// Says goodbye. Nobody waits for the answer.
    pub fn quit(mut self) {
        let _ = self.say("QUIT");
    }

    fn step(&mut self, line: &str, right: u16, step: Step, to: &Address) -> Result<(), Fault> {
        let said = self.say(line).and_then(|()| self.answer());
        let answer = match said {
            Ok(answer) => answer,
            Err(error) => return Err(Fault::Broken(told(&error))),
        };
        if answer.code == right || (right == 250 && answer.code == 251) {
            return Ok(());
        }
        let shown = answer.shown(Some(to));
        Err(match (answer.code, step) {
            (421, _) | (_, Step::From) => Fault::Server(shown),
            (500..=599, _) => Fault::Never(shown),
            _ => Fault::Later(shown),
        })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let octets = Zeroizing::new([line.as_bytes(), b"\r\n"].concat());
        self.stream.write_all(&octets)?;
        self.stream.flush()
    }

    fn expect(&mut self, right: u16) -> io::Result<Result<Answer, Answer>> {
        let answer = self.answer()?;
        Ok(if answer.code == right {
            Ok(answer)
        } else {
            Err(answer)
        })
    }

    fn answer(&mut self) -> io::Result<Answer> {
        Answer::read(&mut self.stream, &mut self.ahead)
    }
}

/// What EHLO was answered with.
struct Offers(Vec<String>);

impl Offers {
    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|line| line.eq_ignore_ascii_case(word))
    }

    fn authenticates_by(&self, mechanism: &str) -> bool {
        self.0.iter().any(|line| {
            let mut words = line.split([' ', '=']);
            let auth = words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case("AUTH"));
            auth && words.any(|word| word.eq_ignore_ascii_case(mechanism))
        })
    }
}

// RFC 5321 s4.5.2: a line that begins with a period gets one more.
fn stuffed(mail: &str) -> Zeroizing<String> {
    // A dot more for each line, and one at the end: it does not move while it grows.
    let lines = mail.matches("\r\n").count();
    let mut data = Zeroizing::new(String::with_capacity(mail.len() + lines + 2));
    for line in mail.split_inclusive("\r\n") {
        if line.starts_with('.') {
            data.push('.');
        }
        data.push_str(line);
    }
    data
}

/// What may be a password as text, overwritten when it is dropped.
fn base64(octets: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_doubled() {
        // test of RFC 5321 s4.5.2
        assert_eq!(*stuffed(".\r\na.\r\n..b\r\n"), "..\r\na.\r\n...b\r\n");
    }

    #[test]
    fn a_recipient_is_not_shown() {
        let masked = |text| without(text, "**@x.org", "***@x.org");
        assert_eq!(
            masked("no **@X.ORG: <**@x.org>"),
            "no ***@x.org: <***@x.org>"
        );
        assert_eq!(masked("no such user"), "no such user");
    }

    #[test]
    fn offers_are_read() {
        let lines = ["mx.example.org", "starttls", "AUTH LOGIN PLAIN", "SIZE 1"];
        let offers = Offers(lines.map(str::to_owned).to_vec());
        assert!(offers.has("STARTTLS") && !offers.has("SIZE"));
        assert!(offers.authenticates_by("PLAIN") && offers.authenticates_by("LOGIN"));
        assert!(!offers.authenticates_by("CRAM-MD5") && !offers.authenticates_by("AUTH"));
    }
}
