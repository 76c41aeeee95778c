//! One request over HTTP/1.1 (RFC 9112) and what matters of its answer: the status, and whether a text
//! stands in it.
//!
//! The connection is used once. Heads and sizes of chunks are read by `httparse`; everything is
//! bounded, and the [`Wire`](super::wire::Wire) below has one deadline for all of it. No redirect is
//! followed: a request carries a secret, which is for the server that the configuration names.

use std::io::{self, Read, Write};

use httparse::{Header, Response, Status};

use super::tls::Stream;

/// Longest head of an answer, in octets, with whatever comes before it.
const HEAD_OCTETS_MAX: usize = 16 << 10;

/// Most headers of an answer.
const HEADERS_MAX: usize = 100;

/// How much of an answer is looked at for a text, in octets.
const BODY_OCTETS_MAX: usize = 64 << 10;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub code: u16,
    /// The text stands in it, or none was looked for.
    pub found: bool,
}

/// Sends `request` and reads the answer, as far as it takes to know whether `text` stands in it.
pub(super) fn exchange(
    stream: &mut Stream,
    request: &[u8],
    text: Option<&str>,
) -> io::Result<Answer> {
    stream.write_all(request)?;
    stream.flush()?;
    read(stream, text)
}

/// Reads the answer, as far as it takes to know whether `text` stands in it.
///
/// # Errors
/// It is none, or breaks off in its head; those of `stream`.
pub fn read(stream: &mut impl Read, text: Option<&str>) -> io::Result<Answer> {
    let mut octets = Vec::new();
    let (code, length, framing) = loop {
        if octets.len() > HEAD_OCTETS_MAX {
            return Err(io::Error::other("the head of the answer does not end"));
        }
        if more(stream, &mut octets)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = final_head(&octets)? {
            break head;
        }
    };
    let found = match text {
        Some(text) if (200..300).contains(&code) => {
            let rest = octets.split_off(length);
            stands_in_body(stream, rest, framing, text.as_bytes())?
        }
        _ => text.is_none(),
    };
    Ok(Answer { code, found })
}

/// The status of the first head that is not of an interim answer, where it ends, and how long its body
/// is; none: it is not there yet.
fn final_head(octets: &[u8]) -> io::Result<Option<(u16, usize, Framing)>> {
    let mut begin = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = Response::new(&mut headers);
        match head.parse(octets.get(begin..).unwrap_or_default()) {
            Err(_) => return Err(io::Error::other("this is no answer of HTTP")),
            Ok(Status::Partial) => return Ok(None),
            Ok(Status::Complete(length)) => {
                begin += length;
                match head.code {
                    Some(100..200) | None => {}
                    Some(code) => return Ok(Some((code, begin, Framing::of(head.headers)))),
                }
            }
        }
    }
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    Closed,
}

impl Framing {
    fn of(headers: &[Header<'_>]) -> Self {
        let value = |name: &str| {
            let header = headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
            header.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        if value("Transfer-Encoding").is_some_and(|it| it.trim().eq_ignore_ascii_case("chunked")) {
            return Self::Chunked;
        }
        let length = value("Content-Length").and_then(|length| length.trim().parse().ok());
        length.map_or(Self::Closed, Self::Length)
    }
}

/// Whether `text` stands in the body, of which `rest` is read already.
fn stands_in_body(
    stream: &mut impl Read,
    mut rest: Vec<u8>,
    framing: Framing,
    text: &[u8],
) -> io::Result<bool> {
    let mut body = Vec::new();
    loop {
        let looked_at = body.len();
        let taken = take(&mut rest, framing, &mut body);
        let from = looked_at.saturating_sub(text.len());
        let fresh = body.get(from..).unwrap_or_default();
        if fresh.windows(text.len()).any(|part| part == text) {
            return Ok(true);
        }
        // What was found before an odd chunk stands, however much has come at once.
        if taken? || body.len() + rest.len() > BODY_OCTETS_MAX {
            return Ok(false);
        }
        match more(stream, &mut rest) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            // Without TLS's own goodbye: what was sent is there, and the text is not in it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Moves what has come of the body from `rest` to `body`; whether that is all.
fn take(rest: &mut Vec<u8>, framing: Framing, body: &mut Vec<u8>) -> io::Result<bool> {
    match framing {
        Framing::Closed => {
            body.append(rest);
            Ok(false)
        }
        Framing::Length(length) => {
            let left = length.saturating_sub(body.len());
            body.extend(rest.drain(..left.min(rest.len())));
            Ok(body.len() >= length)
        }
        Framing::Chunked => loop {
            let odd = |_| io::Error::other("this is no chunk of HTTP");
            let Status::Complete((begin, size)) =
                httparse::parse_chunk_size(rest).map_err(|_| odd(()))?
            else {
                return Ok(false);
            };
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let end = begin.saturating_add(size);
            match rest.get(begin..end) {
                Some(chunk) if size > 0 && rest.len() >= end + 2 => {
                    body.extend_from_slice(chunk);
                    rest.drain(..end + 2);
                }
                _ => return Ok(size == 0),
            }
        },
    }
}

fn more(stream: &mut impl Read, octets: &mut Vec<u8>) -> io::Result<usize> {
    let mut room = [0; 2048];
    let read = stream.read(&mut room)?;
    octets.extend_from_slice(room.get(..read).unwrap_or_default());
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its octets one at a time, then ends.
    struct Drips<'a>(&'a [u8]);

    impl Read for Drips<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1);
            self.0.read(&mut into[..length])
        }
    }

    fn answer(octets: &str, text: Option<&str>) -> io::Result<Answer> {
        let whole = read(&mut octets.as_bytes(), text);
        let dripped = read(&mut Drips(octets.as_bytes()), text);
        assert_eq!(whole.as_ref().ok(), dripped.as_ref().ok(), "{octets:?}");
        whole
    }

    #[test]
    fn the_text_is_found_however_the_body_is_framed() {
        for (octets, found) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsms ok", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsms ok", false),
            ("HTTP/1.1 200 OK\r\n\r\nsms ok", true),
            ("HTTP/1.0 200 OK\n\nsms ok", true),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n\
                 3\r\nsms\r\n3;x=y\r\n ok\r\n0\r\n\r\n",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsms\r\n0\r\n\r\n ok",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsms ok\r\nxyz\r\n",
                true,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 \r\n\r\nsms ok",
                true,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nsms", false),
            ("HTTP/1.1 500 sms ok\r\n\r\nsms ok", false),
        ] {
            assert_eq!(
                answer(octets, Some("sms ok")).unwrap().found,
                found,
                "{octets:?}"
            );
        }
    }

    #[test]
    fn the_status_is_enough_where_no_text_is_looked_for() {
        let answer = answer("HTTP/1.1 204 No Content\r\n\r\n", None).unwrap();
        assert_eq!((answer.code, answer.found), (204, true));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for octets in [
            "",
            "HTTP/1.1 200",
            "220 mail.example.org\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(answer(octets, Some("ok")).is_err(), "{octets:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_OCTETS_MAX));
        assert!(answer(&long, None).is_err());
        let endless = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(HEAD_OCTETS_MAX / 27 + 1);
        assert!(answer(&endless, None).is_err());
    }

    #[test]
    fn an_endless_answer_is_looked_at_as_far_as_its_bound() {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        let far = format!("{head}{}ok", "x".repeat(2 * BODY_OCTETS_MAX));
        assert!(!read(&mut far.as_bytes(), Some("ok")).unwrap().found);
        let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
        let huge = format!("{chunk}{}", "x".repeat(2 * BODY_OCTETS_MAX));
        assert!(!read(&mut huge.as_bytes(), Some("ok")).unwrap().found);
    }
}
