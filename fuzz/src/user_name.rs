//! Login names: however one is typed, it comes to one form, and that form comes to itself.

use mfad::domain::name::{NAME_CHARS_MAX, canonical as one_form, login, strip_domain};

/// A name as it is typed at a gateway.
pub fn canonical(typed: &[u8]) {
    let domains = ["CORP".to_owned(), "example.org".to_owned()];
    let cut = strip_domain(typed, &domains);
    assert!(cut.len() <= typed.len());
    let name = login(typed, &domains);
    assert_eq!(name, login(typed, &domains));
    if let Ok(name) = name {
        check(&name);
    }
    let below = [b"corp\\".as_slice(), typed].concat();
    assert_eq!(
        login(&below, &domains),
        one_form(typed),
        "a domain in front is cut"
    );
    let Ok(name) = one_form(typed) else { return };
    check(&name);
    let shouted = typed.to_ascii_uppercase();
    let again = one_form(&shouted);
    assert_eq!(
        again.as_ref(),
        Ok(&name),
        "the case makes two people of one"
    );
}

fn check(name: &str) {
    assert_eq!(
        one_form(name.as_bytes()).as_deref(),
        Ok(name),
        "not its own form"
    );
    assert!((1..=NAME_CHARS_MAX).contains(&name.chars().count()));
    assert!(
        !name
            .chars()
            .any(|sign| sign.is_control() || sign.is_whitespace())
    );
}
