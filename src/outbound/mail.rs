//! A message as a mail (RFC 5322): headers, and the text in quoted-printable (RFC 2045 s6.7).
//!
//! The Message-ID is the message's own id: however often it is sent, it is the same mail, and a
//! server or a reader that gets it twice can tell. `Auto-Submitted` keeps automatic replies away.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use crate::domain::message::{Address, ENCLOSED, Line, Message};
use crate::qr::{self, DrawError};
use crate::time::Timestamp;

/// Octets of text in one encoded word, so that the word is shorter than 75 characters.
const WORD_OCTETS_MAX: usize = 42;

/// Characters of a line of quoted-printable text, the soft line break included.
const LINE_CHARS_MAX: usize = 76;

/// Signs of a line of base64.
// RFC 2045 s6.8: at most 76.
const BASE64_CHARS_MAX: usize = 76;

/// The mail, in lines that end with CR LF, with what it encloses in clear.
///
/// # Errors
/// What it encloses cannot be drawn.
pub fn mail(
    message: &Message,
    clear: Option<&str>,
    to: &Address,
    from: &Address,
) -> Result<Zeroizing<String>, DrawError> {
    let (id, domain) = (message.id, from.domain());
    let head = format!(
        "Date: {}\r\n\
         From: {from}\r\n\
         To: {to}\r\n\
         Subject: {}\r\n\
         Message-ID: <{id}@{domain}>\r\n\
         Auto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\n",
        date(message.at),
        header(&message.subject),
    );
    let text = Zeroizing::new(message.text.replace(ENCLOSED, clear.unwrap_or_default()));
    let body = body(&text);
    let drawn = message.enclosed.as_ref().is_some_and(|it| it.kind.drawn());
    let Some(clear) = clear.filter(|_| drawn) else {
        return Ok(Zeroizing::new([&*head, TEXT, &body].concat()));
    };
    let picture = lines_of_base64(&qr::png(clear)?);
    // The id is random and in no text.
    let parts = format!("Content-Type: multipart/mixed; boundary=\"{id}\"\r\n\r\n--{id}\r\n");
    let between = format!("\r\n--{id}\r\n{PICTURE}");
    let end = format!("--{id}--\r\n");
    let whole = [&*head, &parts, TEXT, &body, &between, &picture, &end];
    Ok(Zeroizing::new(whole.concat()))
}

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\n";

const PICTURE: &str = "Content-Type: image/png; name=\"qr.png\"\r\n\
                       Content-Disposition: attachment; filename=\"qr.png\"\r\n\
                       Content-Transfer-Encoding: base64\r\n\r\n";

fn lines_of_base64(octets: &[u8]) -> Zeroizing<String> {
    let signs = Zeroizing::new(Base64::encode_string(octets));
    let lines = signs.len() / BASE64_CHARS_MAX + 1;
    let mut text = Zeroizing::new(String::with_capacity(signs.len() + 2 * lines));
    let mut rest = signs.as_str();
    while let Some((line, after)) = rest.split_at_checked(BASE64_CHARS_MAX) {
        text.push_str(line);
        text.push_str("\r\n");
        rest = after;
    }
    text.push_str(rest);
    text.push_str("\r\n");
    text
}

/// `Sun, 22 Nov 2026 06:00:00 +0000`.
fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A line as the text of a header: as it is, or in encoded words (RFC 2047).
fn header(line: &Line) -> String {
    let line = line.as_str();
    if line.is_ascii() && !line.contains("=?") {
        return line.to_owned();
    }
    let mut words: Vec<String> = vec![String::new()];
    for sign in line.chars() {
        match words.last_mut() {
            Some(word) if word.len() + sign.len_utf8() <= WORD_OCTETS_MAX => word.push(sign),
            _ => words.push(sign.to_string()),
        }
    }
    let encoded = |word: &String| format!("=?utf-8?B?{}?=", Base64::encode_string(word.as_bytes()));
    words.iter().map(encoded).collect::<Vec<_>>().join("\r\n ")
}

fn body(text: &str) -> Zeroizing<String> {
    // Three signs for an octet, and line ends: it does not move while it grows.
    let mut body = Zeroizing::new(String::with_capacity(4 * text.len() + 2));
    for line in text.lines() {
        let mut columns = 0;
        let last = line.len().saturating_sub(1);
        for (at, octet) in line.bytes().enumerate() {
            let plain = matches!(octet, b'!'..=b'<' | b'>'..=b'~' | b' ' | b'\t');
            // A blank at the end of a line gets lost on the way.
            let lost = at == last && matches!(octet, b' ' | b'\t');
            let width = if plain && !lost { 1 } else { 3 };
            if columns + width >= LINE_CHARS_MAX {
                body.push_str("=\r\n");
                columns = 0;
            }
            if width == 1 {
                body.push(char::from(octet));
            } else {
                body.push_str(&format!("={octet:02X}"));
            }
            columns += width;
        }
        body.push_str("\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::{Enclosed, EnclosedKind, MessageId};

    fn alice() -> Address {
        Address::parse("alice@example.org").unwrap()
    }

    fn message(subject: &str, text: &str) -> Message {
        Message {
            id: MessageId([0xab; 16]),
            to: alice().into(),
            what: "locked".to_owned(),
            about: None,
            subject: Line::new(subject),
            text: text.to_owned(),
            enclosed: None,
            at: Timestamp(1_795_327_200_000),
            until: None,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_mail_in_full() {
        let from = Address::parse("mfad@example.org").unwrap();
        let message = message("[x] Gesperrt", "Grüße \n.\na = b\n");
        let mail = mail(&message, None, &alice(), &from);
        assert_eq!(
            *mail.unwrap(),
            "Date: Sun, 22 Nov 2026 06:00:00 +0000\r\n\
             From: mfad@example.org\r\n\
             To: alice@example.org\r\n\
             Subject: [x] Gesperrt\r\n\
             Message-ID: <abababababababababababababababab@example.org>\r\n\
             Auto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\
             \r\n\
             Gr=C3=BC=C3=9Fe=20\r\n\
             .\r\n\
             a =3D b\r\n"
        );
    }

    #[test]
    fn no_line_is_too_long_and_none_is_added() {
        let text = "ä".repeat(500) + "\r\nBcc: eve@example.org\n" + &"x".repeat(500);
        let subject = "ü\r\nBcc: eve@example.org".repeat(6);
        let from = Address::parse("mfad@example.org").unwrap();
        let mail = mail(&message(&subject, &text), None, &alice(), &from).unwrap();
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let headers = head.split("\r\n").filter(|line| !line.starts_with(' '));
        assert_eq!(headers.count(), 9, "{head}");
        assert!(!head.contains("Bcc"), "{head}");
        assert!(mail.is_ascii());
        for line in head.split("\r\n").chain(body.split("\r\n")) {
            assert!(line.len() <= 78 && !line.contains(['\r', '\n']), "{line}");
        }
    }

    #[test]
    fn what_is_enclosed_stands_in_its_place_and_in_a_picture() {
        let from = Address::parse("mfad@example.org").unwrap();
        let mut message = message("x", "Open\n\u{fffc}\nnow\n");
        let with = |message: &Message| {
            let clear = "https://mfa.example.org/e/c2VjcmV0";
            mail(message, Some(clear), &alice(), &from).unwrap()
        };
        let sealed = crate::domain::sealed::Sealed::default();
        let kind = EnclosedKind::ConfirmLink;
        message.enclosed = Some(Enclosed { kind, sealed });
        let plain = with(&message);
        assert!(plain.contains("Open\r\nhttps://mfa.example.org/e/c2VjcmV0\r\nnow\r\n"));
        assert!(!plain.contains("png"), "a picture that nobody needs");
        message.enclosed.as_mut().unwrap().kind = EnclosedKind::EnrolLink;
        let drawn = with(&message);
        let boundary = format!("--{}", "ab".repeat(16));
        let parts: Vec<&str> = drawn.split(&boundary).collect();
        assert_eq!(parts.len(), 4, "{}", *drawn);
        assert!(parts[1].contains("/e/c2VjcmV0\r\n"), "{}", parts[1]);
        let (_, picture) = parts[2].split_once("\r\n\r\n").unwrap();
        assert!(picture.lines().all(|line| line.len() <= BASE64_CHARS_MAX));
        let picture = Base64::decode_vec(&picture.replace("\r\n", "")).unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        assert_eq!(parts[3], "--\r\n");
    }

    #[test]
    fn what_looks_encoded_is_encoded() {
        let fake = header(&Line::new("=?utf-8?B?eA==?="));
        assert!(fake.starts_with("=?utf-8?B?PT91dGYt"), "{fake}");
        assert_eq!(header(&Line::new("a?b")), "a?b");
    }
}
