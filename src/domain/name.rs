//! One canonical name for a person, however it is typed (D4).
//!
//! The same function runs on packets, commands and imports, so counters, locks and tokens can never
//! be reached under a second spelling (CVE-2020-12812 and its kin).

use std::borrow::Cow;

use precis_core::profile::Profile as _;
use precis_profiles::UsernameCaseMapped;

/// Longest login name, in characters.
pub const NAME_CHARS_MAX: usize = 128;

/// Why something is not a login name. Says nothing of what it was: people type passwords there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not UTF-8.
    #[error("is not UTF-8 text")]
    NotText,
    /// Empty, or longer than [`NAME_CHARS_MAX`].
    #[error("must have from 1 to {NAME_CHARS_MAX} characters")]
    Length,
    /// Control characters, white space at the ends, or what RFC 8265 does not allow.
    #[error("has a character that a login name cannot have")]
    Character,
}

/// The canonical form of a name as it was typed.
///
/// # Errors
/// What makes it no name at all; such a name is treated as unknown.
// RFC 8265 s3.3: UsernameCaseMapped maps width and case and normalises to NFC.
pub fn canonical(typed: &[u8]) -> Result<Cow<'_, str>, NameError> {
    let text = std::str::from_utf8(typed).map_err(|_| NameError::NotText)?;
    // The usual name needs no tables, and no room of its own.
    let plain = |octet: u8| octet.is_ascii_graphic() && !octet.is_ascii_uppercase();
    if (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(Cow::Borrowed(text));
    }
    let fits = |name: &str| (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if !fits(text) {
        return Err(NameError::Length);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NameError::Character);
    }
    if text.is_ascii() {
        return Ok(Cow::Owned(text.to_ascii_lowercase()));
    }
    let name = UsernameCaseMapped::new()
        .enforce(text)
        .map_err(|_| NameError::Character)?;
    // Lower case may be longer: `İ` becomes two characters.
    if !fits(&name) {
        return Err(NameError::Length);
    }
    // Mapping can be idempotent only if it is applied to its own output.
    let again = UsernameCaseMapped::new()
        .enforce(name.as_ref())
        .map_err(|_| NameError::Character)?;
    if again != name {
        return Err(NameError::Character);
    }
    Ok(Cow::Owned(name.into_owned()))
}

/// The canonical name of what was typed at a gateway that cuts off `domains` (D4).
///
/// A full-width `@` or `\` becomes a plain one only in the canonical form, so what was not cut before
/// is looked at again after: else a wide spelling would be a name of its own, and a stranger's.
///
/// # Errors
/// Those of [`canonical`].
pub fn login<'a>(typed: &'a [u8], domains: &[String]) -> Result<Cow<'a, str>, NameError> {
    let cut = strip_domain(typed, domains);
    let name = canonical(cut)?;
    if cut.len() < typed.len() {
        return Ok(name);
    }
    let again = strip_domain(name.as_bytes(), domains);
    if again.len() == name.len() {
        return Ok(name);
    }
    Ok(Cow::Owned(canonical(again)?.into_owned()))
}

/// Cuts `DOMAIN\name` and `name@realm` to `name` if `domains` lists that domain, whatever its case.
#[must_use]
pub fn strip_domain<'a>(typed: &'a [u8], domains: &[String]) -> &'a [u8] {
    let listed = |domain: &[u8]| {
        domains
            .iter()
            .any(|d| d.as_bytes().eq_ignore_ascii_case(domain))
    };
    let split = |sign: u8| typed.iter().position(|octet| *octet == sign);
    if let Some((domain, name)) = split(b'\\').and_then(|at| typed.split_at_checked(at))
        && let (true, Some((_, rest))) = (listed(domain), name.split_first())
    {
        return rest;
    }
    let last_at = typed.iter().rposition(|octet| *octet == b'@');
    if let Some((name, realm)) = last_at.and_then(|at| typed.split_at_checked(at))
        && realm.split_first().is_some_and(|(_, realm)| listed(realm))
    {
        return name;
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_one_name() {
        for typed in ["alice", "Alice", "ALICE", "ＡＬＩＣＥ", "ａlice"] {
            assert_eq!(
                canonical(typed.as_bytes()).as_deref(),
                Ok("alice"),
                "{typed}"
            );
        }
        assert_eq!(canonical("A\u{30a}sa".as_bytes()).as_deref(), Ok("åsa"));
    }

    #[test]
    fn refuses_what_is_no_name() {
        for typed in [
            "",
            " alice",
            "alice ",
            "al\0ice",
            "al\nice",
            "a b",
            "\u{200b}alice",
        ] {
            assert!(canonical(typed.as_bytes()).is_err(), "{typed:?}");
        }
        assert_eq!(canonical(&[0xff, 0x41]), Err(NameError::NotText));
        assert_eq!(
            canonical("x".repeat(129).as_bytes()),
            Err(NameError::Length)
        );
        assert!(canonical("x".repeat(128).as_bytes()).is_ok());
        assert_eq!(
            canonical("İ".repeat(65).as_bytes()),
            Err(NameError::Length),
            "a name that is longer in its own form"
        );
        assert!(canonical("İ".repeat(64).as_bytes()).is_ok());
        // Its small letter is none to the tables.
        assert_eq!(canonical("Ꭰ".as_bytes()), Err(NameError::Character));
    }

    #[test]
    fn strips_listed_domains_only() {
        let domains = vec!["CORP".to_owned(), "example.org".to_owned()];
        for (typed, name) in [
            ("corp\\alice", "alice"),
            ("alice@Example.ORG", "alice"),
            ("other\\alice", "other\\alice"),
            ("alice@example.com", "alice@example.com"),
            ("alice", "alice"),
        ] {
            assert_eq!(strip_domain(typed.as_bytes(), &domains), name.as_bytes());
        }
    }

    #[test]
    fn no_spelling_of_a_domain_makes_a_second_person() {
        let domains = vec!["CORP".to_owned()];
        for typed in [
            "alice",
            "ALICE",
            "corp\\Alice",
            "alice@corp",
            "Ａlice",
            "ＣＯＲＰ＼alice",
            "alice＠Corp",
            "corp＼ａｌｉｃｅ",
        ] {
            let name = login(typed.as_bytes(), &domains);
            assert_eq!(name.as_deref(), Ok("alice"), "{typed}");
        }
        assert!(login(b"corp\\", &domains).is_err());
        assert_eq!(login(b"corp\\x@corp", &domains).as_deref(), Ok("x@corp"));
    }
}
