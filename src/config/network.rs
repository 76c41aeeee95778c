//! Addresses of gateways: one address or a network, IPv4 or IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address, or all addresses that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor address/bits.
    #[error("it is no IPv4 or IPv6 address, nor a network such as 192.0.2.0/24")]
    Form,
    /// Bits are set behind the prefix.
    #[error("it has bits set behind its prefix: write {0}")]
    HostBits(Network),
    /// An IPv4 address in the clothes of IPv6.
    #[error("write {0}: requests over IPv4 are seen with their IPv4 address")]
    Mapped(Ipv4Addr),
    /// All addresses, or an address that nobody has.
    #[error("it names no gateway in particular")]
    Everything,
}

impl Network {
    /// A single address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self {
            address,
            prefix_bits: width_bits(address),
        }
    }

    /// Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/64`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        if let IpAddr::V6(six) = address
            && let Some(four) = six.to_ipv4_mapped()
        {
            return Err(NetworkError::Mapped(four));
        }
        let prefix_bits = match prefix {
            None => width_bits(address),
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|known| *known <= width_bits(address) && !bits.starts_with('+'))
                .ok_or(NetworkError::Form)?,
        };
        if prefix_bits == 0 || address.is_unspecified() || address.is_multicast() {
            return Err(NetworkError::Everything);
        }
        let network = Self {
            address: masked(address, prefix_bits),
            prefix_bits,
        };
        if network.address == address {
            Ok(network)
        } else {
            Err(NetworkError::HostBits(network))
        }
    }

    /// The network of this length that `address` lies in.
    #[must_use]
    pub fn around(address: IpAddr, prefix_bits: u8) -> Self {
        Self {
            address: masked(address, prefix_bits),
            prefix_bits,
        }
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && masked(address, self.prefix_bits) == self.address
    }

    /// The first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Bits that all addresses share; of several networks that contain an address, the one with
    /// the most counts.
    #[must_use]
    pub const fn prefix_bits(self) -> u8 {
        self.prefix_bits
    }

    /// It is one address only.
    #[must_use]
    pub const fn is_single(self) -> bool {
        self.prefix_bits == width_bits(self.address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::parse(text)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix_bits)
        }
    }
}

const fn width_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `address` with everything behind the prefix set to zero.
fn masked(address: IpAddr, prefix_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let away = 32_u32.saturating_sub(u32::from(prefix_bits));
            let mask = u32::MAX.checked_shl(away).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() & mask))
        }
        IpAddr::V6(six) => {
            let away = 128_u32.saturating_sub(u32::from(prefix_bits));
            let mask = u128::MAX.checked_shl(away).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows() {
        for text in ["192.0.2.7", "192.0.2.0/24", "2001:db8::5", "2001:db8::/32"] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Network::parse("192.0.2.7/32").unwrap(),
            Network::of("192.0.2.7".parse().unwrap())
        );
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "vpn1",
            "192.0.2.7/33",
            "192.0.2.7/+8",
            "192.0.2",
            "1.2.3.4/",
        ] {
            assert_eq!(Network::parse(text), Err(NetworkError::Form), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "0.0.0.0", "224.0.0.1"] {
            assert_eq!(
                Network::parse(text),
                Err(NetworkError::Everything),
                "{text}"
            );
        }
        let error = Network::parse("192.0.2.7/24").unwrap_err().to_string();
        assert!(error.ends_with("write 192.0.2.0/24"), "{error}");
        assert!(matches!(
            Network::parse("::ffff:192.0.2.7"),
            Err(NetworkError::Mapped(_))
        ));
    }

    #[test]
    fn contains_its_own_family_only() {
        let network = Network::parse("192.0.2.0/24").unwrap();
        assert!(network.contains("192.0.2.255".parse().unwrap()));
        assert!(!network.contains("192.0.3.0".parse().unwrap()));
        assert!(!network.contains("2001:db8::1".parse().unwrap()));
    }
}
