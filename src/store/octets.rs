//! The small alphabet of the binary rows: varints, times, texts, and a checksum.
//!
//! Nothing here panics or allocates by a number that it has read: a reader only ever takes what is
//! there. The checksum finds what a disk does to a row by accident; it is no signature.

use crate::time::Timestamp;

/// Why stored octets cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A newer mfad wrote them.
    #[error("written by a newer mfad (version {found}, this one reads up to {known})")]
    Newer {
        /// In the row.
        found: u64,
        /// In the program.
        known: u64,
    },
    /// It does not add up.
    #[error("its checksum is wrong")]
    Checksum,
    /// It ends too early or is longer than any row.
    #[error("its length is wrong")]
    Length,
    /// A value that cannot be.
    #[error("{0} has a value that cannot be")]
    Value(&'static str),
}

/// Octets of the checksum at the end of a row.
pub(super) const SUM_OCTETS: usize = 4;

/// A 32-bit sum that hardly any accident leaves as it was (FNV-1a, folded). The owner is part of
/// it, so that a row under another number than its own is found out as well.
pub(super) fn checksum(owner: &[u8], octets: &[u8]) -> u32 {
    let sum = owner
        .iter()
        .chain(octets)
        .fold(0xcbf2_9ce4_8422_2325, |sum: u64, octet| {
            (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let [a, b, c, d, e, f, g, h] = sum.to_le_bytes();
    u32::from_le_bytes([a ^ e, b ^ f, c ^ g, d ^ h])
}

/// Appends to a row.
pub(super) trait Put {
    /// An unsigned number, seven bits an octet, low ones first.
    fn put_number(&mut self, value: u64);
    /// A time.
    fn put_time(&mut self, value: Timestamp);
    /// A text with its length before it.
    fn put_text(&mut self, value: &str);
    /// A signed number, small ones short.
    fn put_signed(&mut self, value: i64);
    /// A tag, the length of what `write` appends, and that.
    fn put_field(&mut self, tag: u8, write: impl FnOnce(&mut Self));
}

impl Put for Vec<u8> {
    fn put_number(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.push(low & 0x7f);
                return;
            }
            self.push(low | 0x80);
        }
    }

    fn put_time(&mut self, value: Timestamp) {
        self.put_signed(value.0);
    }

    fn put_text(&mut self, value: &str) {
        self.put_number(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.extend_from_slice(value.as_bytes());
    }

    fn put_signed(&mut self, value: i64) {
        self.put_number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn put_field(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.push(tag);
        let at = self.len();
        // Nearly every field is shorter than 128 octets: its length takes one.
        self.push(0);
        write(self);
        let length = self.len() - at - 1;
        match (u8::try_from(length), self.get_mut(at)) {
            (Ok(short @ 0..0x80), Some(place)) => *place = short,
            _ => {
                let mut long = Self::new();
                long.put_number(u64::try_from(length).unwrap_or(u64::MAX));
                self.splice(at..=at, long);
            }
        }
    }
}

/// Reads a row from its front.
#[derive(Clone, Copy)]
pub(super) struct Taker<'a>(pub(super) &'a [u8]);

impl<'a> Taker<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn octet(&mut self) -> Result<u8, Damage> {
        let (first, rest) = self.0.split_first().ok_or(Damage::Length)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn octets(&mut self, count: u64) -> Result<&'a [u8], Damage> {
        let count = usize::try_from(count).map_err(|_| Damage::Length)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damage::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Damage::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let bits = u64::from(octet & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(Damage::Value("number"));
            }
            value |= bits << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage::Value("number"))
    }

    pub(super) fn number_32(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| Damage::Value("number"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damage> {
        let folded = self.number()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Damage> {
        Ok(Timestamp(self.signed()?))
    }

    pub(super) fn text<T: for<'t> From<&'t str>>(&mut self) -> Result<T, Damage> {
        let length = self.number()?;
        let text = std::str::from_utf8(self.octets(length)?).map_err(|_| Damage::Value("text"))?;
        Ok(T::from(text))
    }
}
