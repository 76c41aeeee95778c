//! Known answers: the arithmetic that everything rests on is right on this machine.
//!
//! Run by `mfad --check` and before the daemon says that it is ready. A build, a CPU or a library
//! that computes something else would lock everybody out or let somebody in; it must not start.

use std::time::{Duration, Instant};

use crate::radius::{AttributeType, Code, Credentials, Packet, ReplyBuilder, reveal};
use crate::secret::SecretKey;
use crate::store::pin_hash::PinHasher;
use crate::time::Timestamp;
use crate::token::totp::step_at;
use crate::token::{Algorithm, Digits, Factor, Otp, Period};

/// Codes of the counters 0, 1 and 9, from appendix D of RFC 4226.
const HOTP: [(u64, &str); 3] = [(0, "755224"), (1, "287082"), (9, "520489")];

/// Codes of one second for each hash, from appendix B of RFC 6238.
const TOTP: [(Algorithm, &str); 3] = [
    (Algorithm::Sha1, "07081804"),
    (Algorithm::Sha256, "68084774"),
    (Algorithm::Sha512, "25091201"),
];
const TOTP_SECOND: i64 = 1_111_111_109;

/// An Access-Request for `nemo`, and its Accept, from RFC 2865, section 7.1.
const REQUEST: &[u8] = b"\x01\x00\x00\x38\x0f\x40\x3f\x94\x73\x97\x80\x57\xbd\x83\xd5\xcb\
    \x98\xf4\x22\x7a\x01\x06nemo\x02\x12\x0d\xbe\x70\x8d\x93\xd4\x13\xce\x31\x96\xe4\x3f\x78\
    \x2a\x0a\xee\x04\x06\xc0\xa8\x01\x10\x05\x06\x00\x00\x00\x03";
const REPLY: &[u8] = b"\x02\x00\x00\x26\x86\xfe\x22\x0e\x76\x24\xba\x2a\x10\x05\xf6\xbf\
    \x9b\x55\xe0\xb2\x06\x06\x00\x00\x00\x01\x0f\x06\x00\x00\x00\x00\x0e\x06\xc0\xa8\x01\x03";
const RADIUS_SECRET: &[u8] = b"xyzzy5461";

/// Argon2id of 32 octets of 7 with 16 octets of 9 as salt.
// Computed with the reference implementation.
const ARGON2: &[u8] = b"$argon2id$v=19$m=19456,t=2,p=1$09090909090909090909090909090909$\
    b37ba344345a05eb54e6bce8bdbca831777e2969b8956e62142ec4da0c56ff03";

/// Computes everything once; tells how long a PIN check takes here.
///
/// # Errors
/// What came out wrong.
pub fn self_test() -> Result<Duration, String> {
    hotp()?;
    totp()?;
    radius()?;
    argon2()
}

fn hotp() -> Result<(), String> {
    let seed = b"12345678901234567890";
    for (counter, code) in HOTP {
        right(
            Otp::HOTP.code_at(seed, counter).text().expose() == code,
            "HOTP",
        )?;
    }
    Ok(())
}

fn totp() -> Result<(), String> {
    let digits = b"1234567890";
    let period_s = Period::THIRTY;
    let step = step_at(Timestamp(TOTP_SECOND * 1000), period_s);
    for (algorithm, code) in TOTP {
        let octets = match algorithm {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        };
        let seed: Vec<u8> = digits.iter().copied().cycle().take(octets).collect();
        let factor = Factor::Time { period_s };
        let otp = Otp {
            algorithm,
            digits: Digits::EIGHT,
            factor,
        };
        right(otp.code_at(&seed, step).text().expose() == code, "TOTP")?;
    }
    Ok(())
}

fn radius() -> Result<(), String> {
    let packet = |octets| Packet::decode(octets).map_err(|_| wrong("RADIUS packets"));
    let (request, reply) = (packet(REQUEST)?, packet(REPLY)?);
    let Credentials::Pap(hidden) = Credentials::of(&request) else {
        return Err(wrong("RADIUS User-Password"));
    };
    let password = reveal(hidden, RADIUS_SECRET, request.authenticator());
    let revealed = password.is_ok_and(|password| password.equals(b"arctangent"));
    right(revealed, "RADIUS User-Password")?;
    let check = reply.check_reply(RADIUS_SECRET, request.authenticator());
    right(
        check.response_authenticator,
        "RADIUS Response Authenticator",
    )?;
    let mut octets = Vec::new();
    let mut own = ReplyBuilder::accept(request.identifier(), request.authenticator(), &mut octets);
    own.attribute(AttributeType::REPLY_MESSAGE, b"ok")
        .map_err(|_| wrong("RADIUS replies"))?;
    let own = packet(own.finish(RADIUS_SECRET))?;
    let check = own.check_reply(RADIUS_SECRET, request.authenticator());
    right(
        own.code() == Code::AccessAccept && check.is_authentic(),
        "RADIUS replies",
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a PIN check takes is what is asked"
)]
fn argon2() -> Result<Duration, String> {
    let (mut hasher, digest) = (PinHasher::new(), SecretKey::new([7; 32]));
    let begun = Instant::now();
    let verified = hasher.verify(&digest, ARGON2);
    let took = begun.elapsed();
    right(verified == Ok(true), "Argon2")?;
    let other = hasher.verify(&SecretKey::new([8; 32]), ARGON2);
    right(other == Ok(false), "Argon2")?;
    Ok(took)
}

fn right(right: bool, what: &str) -> Result<(), String> {
    if right { Ok(()) } else { Err(wrong(what)) }
}

fn wrong(what: &str) -> String {
    format!("{what}: this machine computes something else than the published value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_computes_what_is_published() {
        assert_eq!(self_test().map(drop), Ok(()));
    }
}
