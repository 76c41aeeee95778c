//! `hw import`.

use zeroize::Zeroizing;

use super::import;
use crate::ctl::Session;
use crate::ctl::errors::Trouble;
use crate::ctl::secret;
use crate::ctl::verb::{Given, Kind, Take, flag, must, switch};

pub(super) const TAKES: &[Take] = &[
    must("FILE", "", "as it came from the vendor, up to 10 MiB", "").read_as(Kind::Local),
    flag(
        "format",
        "format",
        Kind::Words(&["csv", "yubico", "pskc"]),
        "F",
        "csv, yubico or pskc; pskc for XML and else csv if not stated",
    ),
    import::SKIP_BAD,
    import::REJECTED,
    switch("weak", "weak", "take seeds of fewer than 16 octets"),
    flag(
        "type",
        "kind",
        Kind::Words(&["totp", "hotp"]),
        "TYPE",
        "totp or hotp, for records that do not say",
    ),
    flag(
        "digits",
        "digits",
        Kind::Number,
        "N",
        "6 (default), 7 or 8, for records that do not say",
    ),
    flag(
        "period",
        "period_s",
        Kind::Span,
        "SPAN",
        "time step, 30s if neither this nor the record says",
    ),
    flag(
        "algorithm",
        "algorithm",
        Kind::Words(&["SHA1", "SHA256", "SHA512"]),
        "A",
        "SHA1 (default), SHA256 or SHA512, for records that do not say",
    ),
    flag(
        "key",
        "",
        Kind::LocalSwitch,
        "",
        "ask for the key (hexadecimal) or passphrase of an encrypted file",
    ),
    secret::STDIN,
    secret::FILE,
];

pub(super) fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let path = given.text("FILE").unwrap_or_default();
    let encrypted = given.has("key") || given.has("stdin") || given.text("file").is_some();
    let file = if given.common.show_call {
        Zeroizing::default()
    } else {
        import::read(path, !encrypted && !given.common.quiet)?
    };
    if !payload.0.contains_key("format") {
        let begin = file.trim_start_matches('\u{feff}').trim_start();
        let format = if begin.starts_with('<') {
            "pskc"
        } else {
            "csv"
        };
        payload.set("format", format);
    }
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    if encrypted {
        let question = "Key in hexadecimal, or passphrase: ";
        let key = secret::known_secret(session, given, question)?;
        payload.set("key", key.as_str());
    }
    import::run(session, given, import::Goods::whole(&file), payload)
}
