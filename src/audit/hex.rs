//! Lower-case hexadecimal, the only spelling of hashes, ids and signatures in records.

/// Octets that are turned into digits at a time: a digest.
const BLOCK_OCTETS: usize = 32;

/// Appends two digits for each octet; by blocks, which the compiler makes vector code of.
pub(super) fn write(out: &mut Vec<u8>, octets: &[u8]) {
    for block in octets.chunks(BLOCK_OCTETS) {
        let mut digits = [[0; 2]; BLOCK_OCTETS];
        for (pair, octet) in digits.iter_mut().zip(block) {
            *pair = [digit(octet >> 4), digit(octet & 15)];
        }
        let digits = digits.as_flattened().get(..block.len() * 2);
        out.extend_from_slice(digits.unwrap_or_default());
    }
}

/// Gives the digits as text.
pub(super) fn text(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 15)])
        .map(char::from)
        .collect()
}

/// Reads exactly `N` octets; refuses capitals, so that nothing has a second spelling.
pub(super) fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut octets = [0; N];
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = value(*high)? << 4 | value(*low)?;
    }
    Some(octets)
}

/// Gives the digit of a value below 16.
const fn digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' - 10 + value
    }
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_no_other_spelling() {
        let octets: [u8; 4] = [0x00, 0x9a, 0xf0, 0xff];
        let mut out = Vec::new();
        write(&mut out, &octets);
        assert_eq!(out, b"009af0ff");
        write(&mut out, &[0x5c; 70]);
        assert_eq!(out, ["009af0ff", &"5c".repeat(70)].concat().as_bytes());
        assert_eq!(text(&octets), "009af0ff");
        assert_eq!(parse("009af0ff"), Some(octets));
        for bad in [
            "009AF0FF",
            "009af0f",
            "009af0ff0",
            "009af0ff00",
            "009af0fg",
            "",
        ] {
            assert_eq!(parse::<4>(bad), None, "{bad}");
        }
    }
}
