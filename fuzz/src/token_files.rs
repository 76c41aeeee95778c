//! Files of tokens and of people: whatever stands in them, every record is told apart, and what was
//! taken can be written and read once more.

use mfad::domain::name::canonical;
use mfad::domain::people_file::{self, Layout};
use mfad::secret::SecretBytes;
use mfad::token::import::owned::{self, Owned, Source};
use mfad::token::import::{Format, Imported, SEED_OCTETS_MAX, Unsaid, read};
use mfad::token::otpauth::Enrolment;
use mfad::token::{Factor, Otp};

use super::octets::Octets;

/// PSKC; the first octet chooses the key.
pub fn pskc(octets: &[u8]) {
    let mut from = Octets(octets);
    let key: Option<&[u8]> = match from.octet() % 4 {
        0 => None,
        1 => Some(b"qwerty"),
        2 => Some(&[b'0'; 64]),
        _ => Some(b"12345678901234567890123456789012"),
    };
    let key = key.map(SecretBytes::copy_of);
    whole(Format::Pskc, from.0, key.as_ref());
}

/// CSV; the first octet chooses which.
pub fn csv(octets: &[u8]) {
    let mut from = Octets(octets);
    match from.octet() % 4 {
        0 => whole(Format::Csv, from.0, None),
        1 => whole(Format::Yubico, from.0, None),
        choice => people(from.0, choice == 2),
    }
}

/// Tokens with their owners; the first octet chooses the source.
pub fn owned(octets: &[u8]) {
    let mut from = Octets(octets);
    let source = Source::ALL[usize::from(from.octet()) % Source::ALL.len()];
    let Ok(text) = std::str::from_utf8(from.0) else {
        return;
    };
    // Of what is encrypted the number of a record stands for its line.
    let lines = text.len() as u64 + 1;
    let key: &[u8] = match source {
        Source::PrivacyIdea => b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=",
        _ => b"MuLtIoTpEnCrYpTiOn",
    };
    let key = SecretBytes::copy_of(key);
    let rows = match owned::read(source, text, Some(&key)) {
        Ok(rows) => rows,
        Err(bad) => return assert!((1..=lines).contains(&bad.line)),
    };
    let mut last = 0;
    for row in rows {
        let line = match &row {
            Ok(token) => token.line,
            Err(bad) => bad.line,
        };
        assert!((last..=lines).contains(&line) && line > 0, "line {line}");
        last = line;
        if let Ok(token) = row {
            as_uri(&token);
        }
    }
}

/// An `otpauth` URI with the same token.
fn as_uri(token: &Owned) {
    let written = Enrolment {
        issuer: "x",
        account: &token.user,
        otp: token.otp,
        seed: token.seed.expose(),
        next_counter: token.next_factor,
    };
    let uri = written.uri();
    let rows = owned::read(Source::Otpauth, uri.expose(), None).unwrap();
    let [Ok(read)] = rows.as_slice() else {
        panic!("one line, {} records", rows.len());
    };
    assert_eq!(
        (read.user.as_str(), read.otp),
        (token.user.as_str(), token.otp)
    );
    assert_eq!(read.seed.expose(), token.seed.expose());
    if token.otp.factor == Factor::Counter {
        assert_eq!(read.next_factor, token.next_factor);
    }
}

fn people(octets: &[u8], header: bool) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let layout = Layout {
        header,
        strip_domain: true,
        trusted: header,
    };
    let lines = text.lines().count() as u64;
    let mut last = 0;
    for row in people_file::read(text, layout).unwrap_or_default() {
        let line = match &row {
            Ok(person) => person.line,
            Err((line, _)) => *line,
        };
        assert!(last < line && line <= lines, "line {line}");
        last = line;
        if let Ok(person) = row {
            let user = person.new.user;
            assert_eq!(canonical(user.as_bytes()).unwrap(), user);
        }
    }
}

fn whole(format: Format, octets: &[u8], key: Option<&SecretBytes>) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let lines = text.lines().count() as u64 + 1;
    let unsaid = Unsaid {
        factor: Some(Factor::Counter),
        ..Unsaid::default()
    };
    let rows = match read(format, text, &unsaid, key) {
        Ok(rows) => rows,
        Err(bad) => return assert!((1..=lines).contains(&bad.line)),
    };
    let mut last = 0;
    for row in rows {
        let line = match &row {
            Ok(token) => token.line,
            Err(bad) => bad.line,
        };
        assert!((last..=lines).contains(&line) && line > 0, "line {line}");
        last = line;
        if let Ok(token) = row {
            again(&token);
        }
    }
}

/// A line of CSV with the same token.
fn again(token: &Imported) {
    let seed = token.seed.expose();
    assert!((1..=SEED_OCTETS_MAX).contains(&seed.len()));
    assert!(!token.serial.is_empty());
    let Otp {
        algorithm,
        digits,
        factor,
    } = token.otp;
    let (kind, moving) = match factor {
        Factor::Counter => ("hotp", token.counter),
        Factor::Time { period_s } => ("totp", u64::from(period_s.seconds())),
    };
    let hex: String = seed.iter().map(|octet| format!("{octet:02x}")).collect();
    let digits = digits.count();
    // What no line of CSV can hold, or begins a remark.
    let odd = token.serial.contains(['"', '\n', '\r', '#']) || token.serial.trim() != token.serial;
    let serial = if odd { "FT-1" } else { &token.serial };
    // A bare 30 or 60 could be counter or step.
    let line = format!("\"{serial}\",{hex},{kind},{digits},{moving:03},{algorithm}\n");
    let rows = read(Format::Csv, &line, &Unsaid::default(), None).unwrap();
    let [Ok(read)] = rows.as_slice() else {
        panic!("one line, {} records", rows.len());
    };
    assert_eq!(
        (read.serial.as_str(), read.otp, read.counter),
        (serial, token.otp, token.counter)
    );
    assert_eq!(read.seed.expose(), seed);
}
