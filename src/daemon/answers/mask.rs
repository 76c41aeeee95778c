//! Addresses with most of them covered: enough to ask "is this your address?" on the phone.

/// Shortest phone number of which two digits say too little to find the others, in digits.
pub(super) const PHONE_DIGITS_MIN: usize = 7;

/// `a***e@example.org`: first and last sign of the local part, and the domain.
pub(super) fn email(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return "***".to_owned();
    };
    let signs: Vec<char> = local.chars().collect();
    match signs.as_slice() {
        [first, _, .., last] => format!("{first}***{last}@{domain}"),
        _ => format!("***@{domain}"),
    }
}

/// `+49 *** **67`: the country and the last two digits.
pub(super) fn phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < PHONE_DIGITS_MIN {
        return "***".to_owned();
    }
    let part = |from: usize, length: usize| digits.iter().skip(from).take(length);
    let tail: String = part(digits.len() - 2, 2).collect();
    if number.trim_start().starts_with('+') {
        let head: String = part(0, 2).collect();
        format!("+{head} *** **{tail}")
    } else {
        format!("*** **{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_ends_of_an_address() {
        assert_eq!(email("alice@example.org"), "a***e@example.org");
        assert_eq!(email("bob@example.org"), "b***b@example.org");
        assert_eq!(email("\"a@b\"@example.org"), "\"***\"@example.org");
    }

    #[test]
    fn a_short_address_shows_nothing_of_itself() {
        assert_eq!(email("al@example.org"), "***@example.org");
        assert_eq!(email("a@example.org"), "***@example.org");
        assert_eq!(email("no address"), "***");
        assert_eq!(phone("110"), "***");
        assert_eq!(phone("+4911"), "***");
    }

    #[test]
    fn shows_the_ends_of_a_number() {
        assert_eq!(phone("+491701234567"), "+49 *** **67");
        assert_eq!(phone("+49 (170) 123-45-67"), "+49 *** **67");
        assert_eq!(phone("01701234567"), "*** **67");
    }
}
