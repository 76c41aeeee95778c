//! The demo against a real gateway: what to enter there, and what its packets tell.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::args::{Demo as Wish, GatewayKind};
use super::front::Front;
use crate::access::{DropReason, GatewayStatistics, Statistics};
use crate::ctl::cmd::gateway_kinds;
use crate::server::udp::socket::Socket;
use crate::time::Now;

/// The port that gateways are told.
const PORT: u16 = 1812;

/// After so long without a packet the usual causes are named.
const QUIET: Duration = Duration::from_secs(60);

/// The gateway that is answered.
pub(super) struct Real {
    pub(super) address: IpAddr,
    kind: &'static str,
}

impl Real {
    pub(super) fn of(wish: &Wish) -> Option<Self> {
        let kind = wish.kind.map_or("other", kind_name);
        wish.gateway.map(|address| Self { address, kind })
    }

    pub(super) fn bind(&self) -> io::Result<Socket> {
        let any: IpAddr = match self.address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Socket::bind(SocketAddr::new(any, PORT))
    }

    pub(super) fn instructions(&self, secret: &str) -> String {
        let server = self
            .own_address()
            .map_or_else(|| "THIS-HOST".to_owned(), |a| a.to_string());
        let entry = gateway_kinds::entry(self.kind, &server, secret);
        format!(
            "{entry}\nWaiting for the first packet from {} ...\n",
            self.address
        )
    }

    /// The address of this host on the way to the gateway. Connecting a datagram socket sends
    /// nothing.
    fn own_address(&self) -> Option<IpAddr> {
        let any = if self.address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(SocketAddr::new(self.address, PORT)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    }
}

const fn kind_name(kind: GatewayKind) -> &'static str {
    match kind {
        GatewayKind::Ocserv => "ocserv",
        GatewayKind::Strongswan => "strongswan",
        GatewayKind::Openvpn => "openvpn",
        GatewayKind::Opnsense => "opnsense",
        GatewayKind::Fortigate => "fortigate",
        GatewayKind::Asa => "asa",
        GatewayKind::Paloalto => "paloalto",
        GatewayKind::Mikrotik => "mikrotik",
        GatewayKind::Other => "other",
    }
}

/// Tells what the packets of a gateway mean, once for each thing.
pub(super) struct Watch {
    address: IpAddr,
    front: Arc<Front>,
    started: Now,
    said: Vec<&'static str>,
}

impl Watch {
    pub(super) fn new(real: &Real, front: Arc<Front>, started: Now) -> Self {
        Self {
            address: real.address,
            front,
            started,
            said: Vec::new(),
        }
    }

    #[expect(clippy::print_stdout, reason = "this is what the terminal is for")]
    pub(super) fn print_new(&mut self, now: Now) {
        let statistics = self.front.access().statistics();
        for (what, text) in self.news(&statistics, now) {
            if !self.said.contains(&what) {
                self.said.push(what);
                println!("{text}");
            }
        }
    }

    fn news(&self, statistics: &Statistics, now: Now) -> Vec<(&'static str, String)> {
        let mut news = Vec::new();
        let address = self.address;
        if let Some((_, counts)) = statistics.gateways.first() {
            self.of_gateway(counts, now, &mut news);
        }
        if let Some(stranger) = statistics.strangers.rows.keys().next() {
            news.push((
                "stranger",
                format!(
                    "{stranger}  a packet from an address nobody told me about: dropped.\n\
                 \x20         ! Is that your gateway's other interface? Then start again with\n\
                 \x20           --gateway {stranger}"
                ),
            ));
        }
        let waited = now.mono_us.saturating_sub(self.started.mono_us);
        let silent = statistics
            .gateways
            .first()
            .is_none_or(|(_, counts)| counts.packets == 0);
        if silent && u128::from(waited) > QUIET.as_micros() {
            news.push((
                "quiet",
                format!(
                    "nothing from {address} yet. Check with: tcpdump -ni any udp port {PORT}\n\
                 \x20         Usual causes: firewall on this host, another port (1645), routing."
                ),
            ));
        }
        news
    }

    fn of_gateway(
        &self,
        counts: &GatewayStatistics,
        now: Now,
        news: &mut Vec<(&'static str, String)>,
    ) {
        let address = self.address;
        let clock: String = now.wall.to_string().chars().skip(11).take(8).collect();
        if counts.packets > 0 {
            news.push(("packet", format!("{clock}  {address}  a packet!")));
        }
        if counts.drops.of(DropReason::BadMessageAuthenticator) > 0 || counts.unreadable.total > 0 {
            news.push((
                "secret",
                format!(
                    "{clock}  {address}  the packet does not fit the secret.\n\
                 \x20         \u{2717} Almost certainly the secrets differ.\n\
                 \x20           Compare both ends: no blanks."
                ),
            ));
        }
        if counts.attempts > 0 && counts.unsigned > 0 {
            news.push((
                "unsigned",
                "          no Message-Authenticator: allowed in the demo, but \
                see mfactl explain W031"
                    .to_owned(),
            ));
        }
        if let Some(method) = counts.last_method.filter(|method| *method != "PAP") {
            news.push(("method", format!(
                "{clock}  {address}  \u{2717} {method}, not PAP: a code cannot be checked in it.\n\
                 \x20         Set the gateway to PAP. Answered with Reject."
            )));
        }
        if counts.accepts > 0 {
            news.push((
                "accepted",
                "          \u{2713} ACCEPT. Your VPN just used mfad. Keep it: \
                docs/production.md"
                    .to_owned(),
            ));
        }
    }
}
