//! The gateways mfad knows, found by the address a datagram came from.
//!
//! A gateway is one address or several networks. The table looks for the exact address first and
//! then for the longest network around it, without allocating; an IPv4 address that arrives in its
//! IPv6 form is the IPv4 address. What is ambiguous (one network at two gateways) is refused when the
//! table is made, so that a lookup has one answer.
//!
//! The table is replaced as a whole when the configuration is read again.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Network;
use crate::domain::policy::GatewayPolicy;
use crate::radius::{EncodedAttribute, KeyedSecret, SharedSecret as _};

/// One VPN gateway: how its packets are checked, judged and answered. Its `Debug` shows the name.
pub struct Gateway {
    /// The rules for its users, and its name.
    pub policy: Arc<GatewayPolicy>,
    /// The addresses it sends from.
    pub networks: Vec<Network>,
    /// The secret it shares with mfad.
    pub secret: KeyedSecret,
    /// Requests without Message-Authenticator are dropped.
    pub require_message_authenticator: bool,
    /// What every Accept carries.
    pub attributes: Vec<EncodedAttribute>,
}

impl Gateway {
    /// The name in the configuration.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.policy.name
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gateway {}", self.name())
    }
}

/// All gateways.
#[derive(Debug, Default)]
pub struct GatewayTable {
    gateways: Vec<Arc<Gateway>>,
    hosts: BTreeMap<IpAddr, usize>,
    /// Longest prefix first; one row for each length of a family in use.
    networks: Vec<Row>,
}

/// Networks of one family and one length.
#[derive(Debug)]
struct Row {
    ipv4: bool,
    prefix_bits: u8,
    bases: BTreeMap<IpAddr, usize>,
}

/// Why gateways cannot stand in one table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayTableError {
    /// Two gateways have one name.
    #[error("two gateways are named {name}")]
    SameName {
        /// The name.
        name: Arc<str>,
    },
    /// A network is given twice, so the gateway of its packets is open.
    #[error("{network} belongs to gateway {first} and to gateway {second}")]
    SameNetwork {
        /// The network.
        network: Network,
        /// The gateway that has it.
        first: Arc<str>,
        /// The gateway that wants it too.
        second: Arc<str>,
    },
    /// Anybody can sign with an empty secret.
    #[error("gateway {name} has an empty secret")]
    EmptySecret {
        /// The gateway.
        name: Arc<str>,
    },
}

impl GatewayTable {
    /// Puts gateways into a table.
    ///
    /// # Errors
    /// Two share a name or a network, or one has no secret.
    pub fn new(gateways: Vec<Gateway>) -> Result<Self, GatewayTableError> {
        let mut table = Self::default();
        for gateway in gateways {
            table.add(gateway)?;
        }
        table
            .networks
            .sort_by_key(|row| std::cmp::Reverse(row.prefix_bits));
        Ok(table)
    }

    /// Finds the gateway that a datagram from `address` came from.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<&Arc<Gateway>> {
        self.gateways.get(self.index(address)?)
    }

    /// All gateways, in the order they were given.
    #[must_use]
    pub fn gateways(&self) -> &[Arc<Gateway>] {
        &self.gateways
    }

    /// Where in [`GatewayTable::gateways`] the gateway of an address stands.
    pub(super) fn index(&self, address: IpAddr) -> Option<usize> {
        let address = address.to_canonical();
        if let Some(index) = self.hosts.get(&address) {
            return Some(*index);
        }
        self.networks
            .iter()
            .filter(|row| row.ipv4 == address.is_ipv4())
            .find_map(|row| {
                row.bases
                    .get(&Network::around(address, row.prefix_bits).address())
            })
            .copied()
    }

    fn add(&mut self, gateway: Gateway) -> Result<(), GatewayTableError> {
        let name = Arc::clone(gateway.name());
        if self.gateways.iter().any(|known| *known.name() == name) {
            return Err(GatewayTableError::SameName { name });
        }
        // RFC 2865 s3: the secret MUST NOT be empty.
        if gateway.secret.octets().is_empty() {
            return Err(GatewayTableError::EmptySecret { name });
        }
        let index = self.gateways.len();
        for network in &gateway.networks {
            if let Some(first) = self.place(*network).insert(network.address(), index) {
                let first = self.gateways.get(first).map_or(&name, |known| known.name());
                return Err(GatewayTableError::SameNetwork {
                    network: *network,
                    first: Arc::clone(first),
                    second: name,
                });
            }
        }
        self.gateways.push(Arc::new(gateway));
        Ok(())
    }

    /// The map that holds networks of this length.
    fn place(&mut self, network: Network) -> &mut BTreeMap<IpAddr, usize> {
        if network.is_single() {
            return &mut self.hosts;
        }
        let (ipv4, prefix_bits) = (network.address().is_ipv4(), network.prefix_bits());
        let known = self
            .networks
            .iter()
            .position(|row| row.ipv4 == ipv4 && row.prefix_bits == prefix_bits);
        let at = known.unwrap_or(self.networks.len());
        if known.is_none() {
            self.networks.push(Row {
                ipv4,
                prefix_bits,
                bases: BTreeMap::new(),
            });
        }
        match self.networks.get_mut(at) {
            Some(row) => &mut row.bases,
            None => &mut self.hosts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(name: &str, networks: &[&str]) -> Gateway {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        Gateway {
            networks,
            ..super::super::fixture::gateway(name)
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn finds_the_closest_gateway() {
        let table = GatewayTable::new(vec![
            gateway("all", &["192.0.0.0/8"]),
            gateway("office", &["192.0.2.0/24", "2001:db8::/32"]),
            gateway("rack", &["192.0.2.16/28", "2001:db8:1::/48"]),
            gateway("one", &["192.0.2.17", "2001:db8:1::5"]),
        ])
        .unwrap();
        for (from, name) in [
            ("192.0.2.17", Some("one")),
            ("::ffff:192.0.2.17", Some("one")),
            ("192.0.2.18", Some("rack")),
            ("192.0.2.32", Some("office")),
            ("192.168.1.1", Some("all")),
            ("2001:db8:1::5", Some("one")),
            ("2001:db8:1::6", Some("rack")),
            ("2001:db8:2::6", Some("office")),
            ("2001:db9::1", None),
        ] {
            let found = table.find(address(from)).map(|it| it.name().as_ref());
            assert_eq!(found, name, "{from}");
        }
    }

    // test of RFC 2865 s3
    #[test]
    fn refuses_what_is_ambiguous() {
        let error = |gateways| GatewayTable::new(gateways).unwrap_err().to_string();
        let two = |first, second| vec![gateway("vpn1", &[first]), gateway("vpn2", &[second])];
        assert_eq!(
            error(two("192.0.2.1", "192.0.2.1/32")),
            "192.0.2.1 belongs to gateway vpn1 and to gateway vpn2"
        );
        assert!(GatewayTable::new(two("192.0.2.0/24", "192.0.2.0/25")).is_ok());
        let twice = vec![gateway("vpn1", &[]), gateway("vpn1", &[])];
        assert_eq!(error(twice), "two gateways are named vpn1");
        let secret = KeyedSecret::new(b"");
        let open = Gateway {
            secret,
            ..gateway("vpn1", &[])
        };
        assert_eq!(error(vec![open]), "gateway vpn1 has an empty secret");
    }
}
