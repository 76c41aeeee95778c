//! A text message as a request to an SMS gateway, and what its answer means.
//!
//! The site writes the request as templates ([`Template`]); what is filled in is escaped for the place
//! where the template stands, so nothing that somebody has typed becomes a field, a header or a part
//! of the URL. An answer is never shown: it may repeat the secret, the number and the text.

use std::io;

use zeroize::Zeroizing;

use super::http::{self, Answer};
use super::tls::{self, Stream};
use super::wire::{Patience, Wire};
use super::{Fault, told};
use crate::config::{Body, Piece, Slot, Sms, Template};
use crate::domain::message::{ENCLOSED, Message, MessageId};
use crate::domain::recipient::Phone;

/// Room for a whole request, so that no copy of the secret is left behind when it grows.
const REQUEST_OCTETS: usize = 32 << 10;

/// Sends one message, with what it encloses in clear; `Ok` only when the gateway has said that it has
/// it.
///
/// # Errors
/// [`Fault`].
pub fn send(
    config: &Sms,
    to: &Phone,
    message: &Message,
    clear: Option<&str>,
    patience: Patience,
) -> Result<(), Fault> {
    let place = format!("{}:{}", config.url.host, config.url.port);
    let connect = || -> io::Result<Stream> {
        let wire = Wire::connect(&config.url.host, config.url.port, patience)?;
        if config.url.tls {
            tls::client(wire, &config.url.host, &config.ca)
        } else {
            Ok(Stream::Plain(wire))
        }
    };
    let unreachable = |error| Fault::Server(format!("{place}: {}", told(&error)));
    let mut stream = connect().map_err(unreachable)?;
    let request = request(config, to, message, clear);
    match http::exchange(&mut stream, &request, config.success.as_deref()) {
        Ok(answer) => judged(answer, &place),
        Err(error) => Err(Fault::Broken(format!("{place}: {}", told(&error)))),
    }
}

/// What the answer says of the message.
fn judged(Answer { code, found }: Answer, place: &str) -> Result<(), Fault> {
    let says = |what: &str| format!("{place}: {code}: {what}");
    Err(match code {
        200..=299 if found => return Ok(()),
        200..=299 => Fault::Broken(says("what `sms.success` wants is not in the answer")),
        300..=399 => Fault::Server(says("it sends mfad to another URL, which is not followed")),
        401 | 403 | 407 => Fault::Server(says("it does not take the secret")),
        404 | 405 => Fault::Server(says("it takes no such request there: look at `sms.url`")),
        425 | 429 => Fault::Server(says("it has had too many requests")),
        400..=407 | 409..=499 => Fault::Never(says("it does not take this message")),
        // What is no status counts as 5xx (RFC 9110 s15).
        _ => Fault::Broken(says("it has a fault of its own")),
    })
}

/// Where a template stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In an URL or a form: everything but letters, digits and `-._~` is written as `%` and two digits.
    Form,
    /// In a text of JSON.
    Json,
    /// In a header: what is filled in has no line end by its type.
    Header,
}

/// The request that carries a message, with what it encloses in clear.
#[must_use]
pub fn request(
    config: &Sms,
    to: &Phone,
    message: &Message,
    clear: Option<&str>,
) -> Zeroizing<Vec<u8>> {
    let values = Values {
        to,
        id: message.id,
        text: Zeroizing::new(message.text.replace(ENCLOSED, clear.unwrap_or_default())),
        secret: config
            .secret
            .as_ref()
            .map_or(&[], |it| it.expose().as_slice()),
    };
    let mut request = Zeroizing::new(Vec::with_capacity(REQUEST_OCTETS));
    request.extend_from_slice(config.method.as_bytes());
    request.push(b' ');
    values.fill(&config.url.target, Place::Form, &mut request);
    let head = format!(
        " HTTP/1.1\r\nHost: {}\r\nUser-Agent: mfad\r\n\
         Accept-Encoding: identity\r\nConnection: close\r\n",
        config.url.authority
    );
    request.extend_from_slice(head.as_bytes());
    for (name, value) in &config.headers {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        values.fill(value, Place::Header, &mut request);
        request.extend_from_slice(b"\r\n");
    }
    let mut carried = Zeroizing::new(Vec::with_capacity(REQUEST_OCTETS));
    if let Some(body) = &config.body {
        let (kind, place) = match body {
            Body::Form(_) => ("application/x-www-form-urlencoded", Place::Form),
            Body::Json(_) => ("application/json", Place::Json),
        };
        values.fill(body.template(), place, &mut carried);
        request.extend_from_slice(format!("Content-Type: {kind}\r\n").as_bytes());
    }
    if config.method != "GET" {
        request.extend_from_slice(format!("Content-Length: {}\r\n", carried.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(&carried);
    request
}

/// What is filled in.
struct Values<'a> {
    to: &'a Phone,
    id: MessageId,
    text: Zeroizing<String>,
    secret: &'a [u8],
}

impl Values<'_> {
    fn fill(&self, template: &Template, place: Place, into: &mut Vec<u8>) {
        for piece in template.pieces() {
            match piece {
                Piece::Plain(text) => into.extend_from_slice(text.as_bytes()),
                Piece::Slot(Slot::To) => escape(self.to.as_str().as_bytes(), place, into),
                Piece::Slot(Slot::Digits) => escape(self.to.digits().as_bytes(), place, into),
                Piece::Slot(Slot::Text) => {
                    escape(self.text.trim_end().as_bytes(), place, into);
                }
                Piece::Slot(Slot::Id) => {
                    escape(self.id.to_string().as_bytes(), place, into);
                }
                Piece::Slot(Slot::Secret) => escape(self.secret, place, into),
            }
        }
    }
}

fn escape(octets: &[u8], place: Place, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in octets {
        let hex = [octet >> 4, octet & 15].map(|half| DIGITS.get(usize::from(half)).copied());
        let hex = hex.map(Option::unwrap_or_default);
        match (place, octet) {
            (Place::Header, _) => into.push(*octet),
            (Place::Form, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~') => {
                into.push(*octet);
            }
            (Place::Form, _) => into.extend_from_slice(&[b'%', hex[0], hex[1]]),
            (Place::Json, b'"' | b'\\') => into.extend_from_slice(&[b'\\', *octet]),
            (Place::Json, 0..b' ' | 0x7f) => {
                into.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex[0], hex[1]]);
            }
            (Place::Json, _) => into.push(*octet),
        }
    }
}

#[cfg(test)]
mod tests;
