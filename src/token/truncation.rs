//! Dynamic truncation: how a MAC becomes a number that fits on a small display.
//!
//! The low four bits of the MAC's last octet choose where to read four octets; the sign bit of these
//! is cleared, so that no two implementations disagree about the remainder. RFC 6238 keeps the rule
//! for the longer hashes: the last octet, not the twentieth.

/// Gives the 31 bit number of a MAC of at least 20 octets.
#[must_use]
pub fn truncate(mac: &[u8]) -> u32 {
    // RFC 4226 s5.3: OffsetBits are the low-order 4 bits of the last octet.
    let offset = usize::from(mac.last().copied().unwrap_or(0) & 0x0f);
    // RFC 4226 s5.3: return the last 31 bits of String[OffSet]...String[OffSet+3].
    let octets = mac.get(offset..).and_then(<[u8]>::first_chunk);
    u32::from_be_bytes(octets.copied().unwrap_or_default()) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    // test of RFC 4226 s5.3
    #[test]
    fn example_of_section_5_4() {
        let mac = [
            0x1f, 0x86, 0x98, 0x69, 0x0e, 0x02, 0xca, 0x16, 0x61, 0x85, 0x50, 0xef, 0x7f, 0x19,
            0xda, 0x8e, 0x94, 0x5b, 0x55, 0x5a,
        ];
        assert_eq!(truncate(&mac), 0x50ef_7f19);
    }

    #[test]
    fn reads_at_both_ends_and_clears_the_sign() {
        let mut mac = [0xff_u8; 20];
        mac[19] = 0xf0;
        assert_eq!(truncate(&mac), 0x7fff_ffff);
        mac[19] = 0x0f;
        mac[15..19].copy_from_slice(&[0x80, 1, 2, 3]);
        assert_eq!(truncate(&mac), 0x0001_0203);
    }
}
