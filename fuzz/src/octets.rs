//! Reads choices, numbers and parts off the front of made-up octets; what is not there is zero.

/// What is left of the octets.
pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One octet.
    pub fn octet(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// So many octets, filled up with zeros.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.octet())
    }

    /// A number of 16 bits.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// A part with its length in the octet before it, or what is left of it.
    pub fn part(&mut self) -> &'a [u8] {
        let length = usize::from(self.octet()).min(self.0.len());
        let (part, rest) = self.0.split_at(length);
        self.0 = rest;
        part
    }

    /// A part as text, with U+FFFD for what is no UTF-8.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.part()).into_owned()
    }
}
