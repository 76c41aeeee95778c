//! Files of tokens as they come from vendors and from other servers: what is read of each, and what
//! is said of every bad record, in `token_files/read.txt`; the key to an encrypted file lies beside
//! it. The figures of RFC 6030 are there with the values that it prints. `MFAD_BLESS=1` writes the
//! list anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mfad::secret::SecretBytes;
use mfad::token::import::owned::{self, Source};
use mfad::token::import::{Bad, FILE_OCTETS_MAX, Format, RECORDS_MAX, Reason, Row, Unsaid, read};
use mfad::token::{Algorithm, Digits, Factor, Otp, OtpCode, Period};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/token_files")
        .join(name)
}

/// The format that a file's name ends in; none: it is a key.
fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "csv" => Some(Format::Csv),
        "yubico" => Some(Format::Yubico),
        "xml" => Some(Format::Pskc),
        _ => None,
    }
}

/// The source that a file's name ends in.
fn source_of(path: &Path) -> Option<Source> {
    Source::by_name(path.extension()?.to_str()?)
}

fn key_of(path: &Path) -> Option<SecretBytes> {
    fs::read(path.with_extension("key"))
        .ok()
        .map(SecretBytes::new)
}

fn read_file(path: &Path) -> Result<Vec<Row>, Bad> {
    let text = fs::read_to_string(path).unwrap();
    let key = key_of(path);
    read(
        format_of(path).unwrap(),
        &text,
        &Unsaid::default(),
        key.as_ref(),
    )
}

fn codes(otp: Otp, next: u64) -> String {
    let Otp {
        algorithm,
        digits,
        factor,
    } = otp;
    let factor = match factor {
        Factor::Counter => format!("hotp from {next}"),
        Factor::Time { period_s } => format!("totp of {} s", period_s.seconds()),
    };
    format!("{factor}, {} digits, {algorithm}", digits.count())
}

fn hex(seed: &SecretBytes) -> String {
    let octets = seed.expose().iter();
    octets.map(|octet| format!("{octet:02x}")).collect()
}

fn told(row: &Row) -> String {
    match row {
        Ok(token) => {
            let until = token.expires.map(|at| format!(", until {at}"));
            format!(
                "line {}: {}: {}, {}{}",
                token.line,
                token.serial,
                codes(token.otp, token.counter),
                hex(&token.seed),
                until.unwrap_or_default()
            )
        }
        Err(bad) => format!("line {}: BAD {}", bad.line, bad.reason),
    }
}

fn told_owned(row: &owned::Row) -> String {
    match row {
        Ok(token) => {
            let step = match (token.otp.factor, token.next_factor) {
                (Factor::Counter, _) | (_, 0) => String::new(),
                (Factor::Time { .. }, step) => format!(", from step {step}"),
            };
            let until = token.expires.map(|at| format!(", until {at}"));
            let more = [
                token
                    .serial
                    .as_ref()
                    .map(|serial| format!(", serial {serial}")),
                Some(token.description.clone())
                    .filter(|words| !words.is_empty())
                    .map(|words| format!(", \"{words}\"")),
                token.disabled.then(|| ", disabled".to_owned()),
                until,
            ];
            let more: String = more.into_iter().flatten().collect();
            let left = match token.scratch_codes {
                0 => String::new(),
                codes => format!(", without {codes} scratch codes"),
            };
            format!(
                "line {}: of {}: {}, {}{step}{more}{left}",
                token.line,
                token.user,
                codes(token.otp, token.next_factor),
                hex(&token.seed),
            )
        }
        Err(bad) => format!("line {}: BAD {}", bad.line, bad.reason),
    }
}

/// What is said of every record, and whether one is bad.
fn lines_of(path: &Path) -> Result<(Vec<String>, bool), Bad> {
    if let Some(source) = source_of(path) {
        let rows = {
            let key = key_of(path);
            owned::read(source, &fs::read_to_string(path).unwrap(), key.as_ref())?
        };
        let bad = rows.iter().any(Result::is_err);
        return Ok((rows.iter().map(told_owned).collect(), bad));
    }
    let rows = read_file(path)?;
    let bad = rows.iter().any(Result::is_err);
    Ok((rows.iter().map(told).collect(), bad))
}

#[test]
fn every_file_is_read_as_written_down() {
    let mut text = String::new();
    for name in ["good", "bad", "owned_good", "owned_bad"] {
        let entries = fs::read_dir(folder(name)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        let owned = name.starts_with("owned");
        paths.retain(|path| match owned {
            true => source_of(path).is_some(),
            false => format_of(path).is_some(),
        });
        paths.sort();
        for path in paths {
            let shown = path.file_name().unwrap().to_str().unwrap();
            writeln!(text, "{name}/{shown}").unwrap();
            let good = name.ends_with("good");
            match lines_of(&path) {
                Ok((lines, bad)) => {
                    for line in lines {
                        writeln!(text, "    {line}").unwrap();
                    }
                    assert!(good || bad, "{shown}");
                }
                Err(bad) => {
                    assert!(!good, "{shown}: {bad}");
                    writeln!(text, "    REFUSED {bad}").unwrap();
                }
            }
        }
    }
    let golden = folder("read.txt");
    if std::env::var_os("MFAD_BLESS").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    let wanted = fs::read_to_string(golden).unwrap_or_default();
    assert!(wanted == text, "wanted:\n{wanted}\ngot:\n{text}");
}

// test of RFC 6030 s6.1.1, RFC 6030 s5
#[test]
fn what_rfc_6030_prints_gives_the_codes_of_rfc_4226() {
    for name in ["figure3", "figure5", "figure6", "figure10"] {
        let rows = read_file(&folder(&format!("good/rfc6030-{name}.xml"))).unwrap();
        let token = rows
            .into_iter()
            .next()
            .unwrap()
            .unwrap_or_else(|bad| panic!("{name}: {bad}"));
        assert_eq!(token.otp.digits, Digits::EIGHT);
        let otp = Otp {
            digits: Digits::SIX,
            ..token.otp
        };
        // The first code of RFC 4226 appendix D.
        let code = OtpCode::parse(b"755224").unwrap();
        assert_eq!(
            otp.find(token.seed.expose(), &code, 0..=0),
            Some(0),
            "{name}"
        );
    }
    let rows = read_file(&folder("good/rfc6030-figure7.xml")).unwrap();
    let Ok(token) = &rows[0] else {
        panic!("figure 7")
    };
    assert_eq!(token.seed.expose(), b"12345678901234567890");
}

#[test]
fn what_a_file_does_not_say_is_said_for_it() {
    let line = "FT-1,3132333435363738393031323334353637383930\n";
    let unsaid = Unsaid {
        factor: Some(Factor::Time {
            period_s: Period::new(60).unwrap(),
        }),
        digits: Digits::EIGHT,
        algorithm: Algorithm::Sha256,
    };
    let one = |text: &str| {
        let mut rows = read(Format::Csv, text, &unsaid, None).unwrap();
        rows.remove(0).unwrap_or_else(|bad| panic!("{bad}")).otp
    };
    assert_eq!(
        one(line),
        Otp {
            algorithm: Algorithm::Sha256,
            digits: Digits::EIGHT,
            factor: unsaid.factor.unwrap()
        }
    );
    let stated = one(&line.replace('\n', ",totp,6,30,sha1"));
    assert_eq!(stated, Otp::TOTP, "what it says itself counts");
}

#[test]
fn a_mark_of_utf_8_and_ends_of_lines_of_windows_are_no_part_of_it() {
    let text = "\u{feff}FT-1,3132333435363738393031323334353637383930,hotp\r\n";
    let rows = read(Format::Csv, text, &Unsaid::default(), None).unwrap();
    let Ok(token) = &rows[0] else {
        panic!("refused")
    };
    assert_eq!((token.serial.as_str(), token.otp), ("FT-1", Otp::HOTP));
}

#[test]
fn what_is_too_much_is_refused_before_it_is_read() {
    let refused = |format, text: &str| {
        read(format, text, &Unsaid::default(), None)
            .err()
            .map(|bad| bad.reason)
    };
    let long = " ".repeat(FILE_OCTETS_MAX + 1);
    for format in Format::ALL {
        assert_eq!(refused(format, &long), Some(Reason::FileLong));
    }
    for source in Source::ALL {
        let bad = owned::read(source, &long, None).err();
        assert_eq!(bad.map(|bad| bad.reason), Some(Reason::FileLong));
    }
    let many = "a\n".repeat(RECORDS_MAX + 1);
    let bad = owned::read(Source::Otpauth, &many, None).err();
    assert_eq!(bad.map(|bad| bad.reason), Some(Reason::ManyRecords));
    let many = "a,b\n".repeat(RECORDS_MAX + 1);
    assert_eq!(refused(Format::Csv, &many), Some(Reason::ManyRecords));
    let keys = "<KeyPackage/>".repeat(RECORDS_MAX + 1);
    let many = format!("<KeyContainer Version='1.0'>{keys}</KeyContainer>");
    assert_eq!(refused(Format::Pskc, &many), Some(Reason::ManyRecords));
}

#[test]
fn no_reason_repeats_what_may_be_a_seed() {
    let seed = "3132333435363738393031323334353637383930";
    for line in [
        format!("{seed},FT-1,totp"),
        format!("FT-1,{seed}{seed}g,totp"),
        format!("FT-1,totp,{seed}"),
        format!("FT-1,11,hotp,{seed},6"),
        format!("FT-1,11,hotp,6,{seed}"),
        format!("FT-1,11,hotp,6,0,{seed}"),
        format!("FT-1,11,hotp,6,0,SHA1,{seed}"),
    ] {
        let rows = read(Format::Csv, &line, &Unsaid::default(), None).unwrap();
        let Err(bad) = &rows[0] else { panic!("{line}") };
        assert!(!bad.to_string().contains(seed), "{bad}");
    }
    for source in Source::ALL {
        let bad = match owned::read(source, seed, None) {
            Ok(rows) => rows.into_iter().find_map(Result::err).unwrap(),
            Err(bad) => bad,
        };
        assert!(!bad.to_string().contains(seed), "{bad}");
    }
}
