//! Messages that go out: what a mail server and an SMS gateway answer, and the request to the latter.

use std::io::{self, Read};

use mfad::config::{self, Body, Piece, SecretFault, SecretSource, Secrets, Sms, Source, Template};
use mfad::domain::message::{Address, Line, Message, MessageId};
use mfad::domain::recipient::Phone;
use mfad::outbound::smtp::Answer;
use mfad::outbound::{http, sms};
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;

use super::octets::Octets;

/// What is shown of an answer: the code, a space, and so many characters.
const SHOWN_CHARS_MAX: usize = 124;
/// An answer below this is the same however it comes; above, a bound may lie before or behind its end.
const SHORT_OCTETS: usize = 2_000;
/// What is read of an answer over HTTP: the bounds of head and body, and a read behind each.
const HTTP_OCTETS_MAX: usize = (16 << 10) + (64 << 10) + 2 * 2_048;

/// A server that says so much, in pieces, and hangs up.
struct Server<'a> {
    left: &'a [u8],
    piece: usize,
    read: usize,
}

impl<'a> Server<'a> {
    fn new(left: &'a [u8], piece: usize) -> Self {
        let read = 0;
        Self { left, piece, read }
    }
}

impl Read for Server<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let octets = self.piece.min(self.left.len()).min(into.len());
        let (part, rest) = self.left.split_at(octets);
        into[..octets].copy_from_slice(part);
        self.left = rest;
        self.read += octets;
        Ok(octets)
    }
}

/// A mail server's side of a conversation; before it, in what pieces it comes, and the recipient.
pub fn smtp(octets: &[u8]) {
    let mut from = Octets(octets);
    let piece = usize::from(from.octet()) + 1;
    let to = Address::parse(&from.text());
    let whole = answers(from.0, usize::MAX, to.as_ref());
    let pieces = answers(from.0, piece, to.as_ref());
    assert!(from.0.len() > SHORT_OCTETS || whole == pieces);
}

fn answers(said: &[u8], piece: usize, to: Option<&Address>) -> Vec<(u16, String)> {
    let mut server = Server::new(said, piece);
    let (mut ahead, mut answers) = (Vec::new(), Vec::new());
    while let Ok(answer) = Answer::read(&mut server, &mut ahead) {
        assert!((200..600).contains(&answer.code));
        let shown = answer.shown(to);
        assert!(shown.starts_with(&answer.code.to_string()) && !shown.contains('\n'));
        assert!(shown.chars().count() <= SHOWN_CHARS_MAX);
        // One with stars in it may be what is left of another.
        if let Some(to) = to.map(Address::as_str).filter(|to| !to.contains('*')) {
            let lower = shown.to_ascii_lowercase();
            assert!(!lower.contains(&to.to_ascii_lowercase()), "{shown}");
        }
        answers.push((answer.code, shown));
    }
    answers
}

/// The answer of an SMS gateway; before it, in what pieces it comes, and the text that is looked for.
pub fn http(octets: &[u8]) {
    let mut from = Octets(octets);
    let piece = usize::from(from.octet()) + 1;
    let text = from.text();
    let text = (!text.is_empty()).then_some(&*text);
    let answer = |piece| {
        let mut server = Server::new(from.0, piece);
        let answer = http::read(&mut server, text).ok();
        assert!(server.read <= HTTP_OCTETS_MAX);
        answer
    };
    let whole = answer(usize::MAX);
    if let Some(answer) = &whole {
        assert!(!(100..200).contains(&answer.code), "an interim answer");
        let success = (200..300).contains(&answer.code);
        let there = |text: &str| success && text.bytes().all(|octet| from.0.contains(&octet));
        assert!(!answer.found || text.is_none_or(there));
    }
    assert!(from.0.len() > SHORT_OCTETS || whole == answer(piece));
}

/// The secret of every configuration.
struct Same<'a>(&'a [u8]);

impl Secrets for Same<'_> {
    fn read(&self, _: &SecretSource) -> Result<SecretBytes, SecretFault> {
        Ok(SecretBytes::copy_of(self.0))
    }
}

/// A request to an SMS gateway: the secret, the number, the text, what it encloses, and the lines of
/// the configuration.
pub fn request(octets: &[u8]) {
    let mut from = Octets(octets);
    let secret = from.part();
    let to = Phone::parse(&from.text());
    let (text, clear) = (from.text(), from.text());
    let (Some(to), Ok(lines)) = (to, std::str::from_utf8(from.0)) else {
        return;
    };
    let source = Source {
        path: "/etc/mfad/mfad.toml".into(),
        text: format!("[sms]\nsecret_file = \"sms.secret\"\n{lines}"),
    };
    let loaded = config::parse(&[source], "vpn.example.org", &Same(secret));
    let Some(config) = loaded.ok().and_then(|loaded| loaded.config.sms) else {
        return;
    };
    let message = Message {
        id: MessageId([0xab; 16]),
        to: to.clone().into(),
        what: "locked".to_owned(),
        about: None,
        subject: Line::new("x"),
        text,
        enclosed: None,
        at: Timestamp(0),
        until: None,
        extra: serde_json::Map::new(),
    };
    let request = sms::request(&config, &to, &message, Some(&clear));
    framed(&config, &request);
}

/// One request line, the headers that are configured and mfad's own, and as much of a body as is said.
fn framed(config: &Sms, request: &[u8]) {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, carried) = request.split_at(end.expect("a head") + 4);
    let head = std::str::from_utf8(head).expect("a head is ASCII");
    let lines = head.strip_suffix("\r\n\r\n").unwrap();
    let mut lines = lines.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let [method, target, "HTTP/1.1"] = first[..] else {
        panic!("{first:?}");
    };
    assert!(method == config.method && target.starts_with('/'));
    assert!(target.bytes().all(|octet| octet.is_ascii_graphic()));
    let body = usize::from(config.body.is_some()) + usize::from(method != "GET");
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").expect(line))
        .collect();
    assert_eq!(headers.len(), 4 + config.headers.len() + body, "{head}");
    for (name, value) in &headers {
        assert!(!name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic()));
        assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
    }
    let said = headers.iter().find(|(name, _)| *name == "Content-Length");
    let said = said.map_or(0, |(_, length)| length.parse().unwrap());
    assert_eq!(carried.len(), said);
    match &config.body {
        None => assert!(carried.is_empty()),
        Some(Body::Form(template)) => {
            assert!(carried.iter().all(u8::is_ascii_graphic));
            let fields = carried.iter().filter(|octet| **octet == b'&').count();
            assert_eq!(fields, plain(template).matches('&').count());
        }
        Some(Body::Json(template)) => {
            let carried: serde_json::Value = serde_json::from_slice(carried).expect("JSON");
            let template = serde_json::from_str(&plain(template)).expect("JSON");
            assert!(nodes(&carried) <= nodes(&template), "{carried}");
        }
    }
}

/// A template where nothing is filled in, but each place leaves a mark of its own.
fn plain(template: &Template) -> String {
    let pieces = template.pieces().iter().enumerate();
    pieces.fold(String::new(), |text, (at, piece)| match piece {
        Piece::Plain(part) => text + part,
        Piece::Slot(_) => text + &format!("-{at}-"),
    })
}

fn nodes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(all) => 1 + all.iter().map(nodes).sum::<usize>(),
        serde_json::Value::Object(all) => 1 + all.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}
