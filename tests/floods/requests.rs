//! Distinct authentic requests without end, and datagrams of strangers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mfad::radius::{AttributeType, RequestBuilder};
use mfad::server::udp::socket::{BATCH_DATAGRAMS, Local, Outgoing, ReceiveBatch, Socket};

use crate::common::chance::{Chance, size};
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, Gateway, Port};
use crate::common::people::{PIN, Person};
use crate::common::scrape::Taken;
use crate::common::until::Until;
use crate::{MEMORY_KIB_MAX, quantile};

const PROXY_STATE: AttributeType = AttributeType(33);

/// Gateways that flood; the one that asks for a PIN is the other client.
const FLOODING: [&str; 3] = ["gw-none", "gw-gateway", "gw-local"];

/// Ports of one flooding gateway: with 256 identifiers each, twice its share of the cache.
const PORTS: usize = 64;

const ENTRIES: &str = r#"mfad_queue_depth{queue="duplicates"}"#;
const ENTRIES_MAX: &str = r#"mfad_limit{limit="duplicate_cache_entries"}"#;
const SHARE_MAX: &str = r#"mfad_limit{limit="duplicate_cache_per_gateway"}"#;
const HELD: &str = r#"mfad_queue_depth{queue="rejects"}"#;
const HELD_MAX: &str = r#"mfad_limit{limit="reject_wheel"}"#;
const EVICTED: &str = "mfad_duplicates_evicted_total";

#[test]
fn distinct_authentic_requests_take_bounded_memory_and_others_are_answered() {
    let total = size(40_000, 5_000_000);
    let mut alice = Person::new("alice");
    let daemon = Site::measured(std::slice::from_ref(&alice), "").start();
    let calm = sign_in_for(&daemon, &mut alice, || Duration::from_secs(1));
    let before = daemon.page();
    let mut chance = Chance::new("floods");
    let over = Until::default();
    let began = Instant::now();
    let (flooded, took) = std::thread::scope(|scope| {
        let end = over.end_of_this();
        let floods: Vec<_> = FLOODING
            .map(|name| (daemon.gateway(name), chance.fork()))
            .into_iter()
            .map(|(gateway, chance)| scope.spawn(move || flood(&gateway, chance, total / 3)))
            .collect();
        let other = scope.spawn(|| {
            let mut took = Vec::new();
            while !over.is_over() {
                took.extend(sign_in_for(&daemon, &mut alice, || {
                    Duration::from_millis(50)
                }));
                bounds_hold(&daemon);
            }
            took
        });
        let replies: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        let flooded = (replies, began.elapsed());
        drop(end);
        (flooded, other.join().unwrap())
    });
    bounds_hold(&daemon);
    let after = daemon.page();
    let row = |name: &str| {
        let row = format!("mfad_packets_total{{gateway=\"{name}\"}}");
        after.number(&row) - before.number(&row)
    };
    let received: u64 = FLOODING.iter().map(|name| row(name)).sum();
    assert!(received > 0);
    let evicted = after.number(EVICTED);
    assert!(evicted > 0, "no share was full");
    println!(
        "{total} sent and {received} received in {:.1?}, {} answered; {evicted} answers evicted",
        flooded.1, flooded.0,
    );
    let told = |what: &str, mut took: Vec<Duration>| {
        took.sort();
        let (many, p50, p99) = (took.len(), quantile(&took, 500), quantile(&took, 990));
        println!("another gateway, {what}: {many} accepted, median {p50:.1?}, p99 {p99:.1?}");
    };
    told("calm", calm);
    told("flood", took);
    println!("{:?}", Taken::by(daemon.pid()));
    daemon.stop();
}

/// The other gateway signs in, until it is time to look again.
fn sign_in_for(daemon: &Daemon, alice: &mut Person, span: impl Fn() -> Duration) -> Vec<Duration> {
    let mut port = daemon.gateway("gw-pin").port();
    let (mut took, began) = (Vec::new(), Instant::now());
    while began.elapsed() < span() {
        let request = port.request("alice", &format!("{PIN}{}", alice.code()));
        let asked = Instant::now();
        assert_eq!(port.ask(&request).code, ACCEPT);
        took.push(asked.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    took
}

fn bounds_hold(daemon: &Daemon) {
    let taken = Taken::by(daemon.pid());
    assert!(taken.peak_kib <= MEMORY_KIB_MAX, "{taken:?}");
    let page = daemon.page();
    let gateways = u64::try_from(FLOODING.len()).unwrap() + 1;
    let room = page
        .number(ENTRIES_MAX)
        .min(gateways * page.number(SHARE_MAX));
    assert!(page.number(ENTRIES) <= room);
    assert!(page.number(HELD) <= page.number(HELD_MAX));
}

/// Sends so many requests, none like another, as fast as it can; how many replies it saw.
fn flood(gateway: &Gateway, mut chance: Chance, count: usize) -> usize {
    let sockets: Vec<Socket> = (0..PORTS)
        .map(|_| Socket::bind(SocketAddr::new(gateway.source, 0)).unwrap())
        .collect();
    let gate = Gate(gateway.port());
    let mut batch = ReceiveBatch::new();
    let (mut requests, mut replies) = (vec![Vec::new(); BATCH_DATAGRAMS], 0);
    for round in 0..count.div_ceil(BATCH_DATAGRAMS) {
        for (at, octets) in requests.iter_mut().enumerate() {
            let number = round / PORTS * BATCH_DATAGRAMS + at;
            let identifier = u8::try_from(number % 256).unwrap();
            distinct(gateway, identifier, &mut chance, octets);
        }
        let outgoing: Vec<_> = requests
            .iter()
            .map(|octets| Outgoing {
                octets,
                peer: gateway.server,
                local: None,
            })
            .collect();
        let socket = &sockets[round % PORTS];
        socket.send(&outgoing);
        replies += socket.receive(&mut batch, Duration::ZERO).unwrap();
        // As fast as the daemon takes them and no faster: what the kernel drops floods nobody.
        gate.await_turn();
    }
    replies
}

/// Says when everything that was sent before has been taken in.
struct Gate(Port);

impl Gate {
    /// A Status-Server is answered at once, in its turn.
    fn await_turn(&self) {
        let mut octets = Vec::new();
        let authenticator = mfad::sys::random::array().unwrap();
        let mut request = RequestBuilder::status_server(1, &authenticator, &mut octets);
        request.message_authenticator().unwrap();
        let _ = request.finish(self.0.secret());
        assert_eq!(self.0.ask(&octets).code, ACCEPT);
    }
}

/// A signed request for nobody; now and then one that is as long as can be, all of it to be kept
/// until the reply.
fn distinct(gateway: &Gateway, identifier: u8, chance: &mut Chance, octets: &mut Vec<u8>) {
    let authenticator = chance.octets();
    let mut request = RequestBuilder::access_request(identifier, &authenticator, octets);
    request.message_authenticator().unwrap();
    let name = format!("nobody{}", chance.below(1_000_000));
    request
        .attribute(AttributeType::USER_NAME, name.as_bytes())
        .unwrap();
    request
        .user_password(b"123456", gateway.secret.as_bytes())
        .unwrap();
    if chance.below(8) == 0 {
        for _ in 0..15 {
            request.attribute(PROXY_STATE, &[7; 250]).unwrap();
        }
    }
    let _ = request.finish(gateway.secret.as_bytes());
}

#[test]
fn strangers_by_the_thousand_get_no_octet_and_leave_nothing() {
    let total = size(30_000, 1_000_000);
    let mut alice = Person::new("alice");
    let daemon = Site::measured(std::slice::from_ref(&alice), "").start();
    let gateway = daemon.gateway("gw-none");
    // Sends from any address of loopback, and hears what comes back to it.
    let socket = Socket::bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let mut batch = ReceiveBatch::new();
    let from = |address: Ipv4Addr, octets: &[u8]| {
        let local = Some(Local {
            address: address.into(),
            interface: 0,
        });
        let peer = gateway.server;
        socket.send(&[Outgoing {
            octets,
            peer,
            local,
        }])
    };
    let mut chance = Chance::new("strangers");
    let mut octets = Vec::new();
    // It would hear a reply: the gateway's own address gets one.
    distinct(&gateway, 0, &mut chance, &mut octets);
    from(Ipv4Addr::new(127, 0, 0, 5), &octets);
    let heard = socket.receive(&mut batch, Duration::from_secs(5)).unwrap();
    assert_eq!(heard, 1, "the gateway is answered");
    let taken = Taken::by(daemon.pid());
    let logged = daemon.log().len();
    for number in 0..total {
        let identifier = chance.octet();
        distinct(&gateway, identifier, &mut chance, &mut octets);
        let host = chance.octets::<3>();
        let address = match number % 4 {
            // Signed rightly, from anywhere but a gateway.
            0 | 1 => Ipv4Addr::new(127, host[0] | 1, host[1], host[2]),
            // From a gateway, and changed on the way.
            2 => {
                let at = chance.below(octets.len());
                octets[at] ^= 1 << chance.below(8);
                Ipv4Addr::new(127, 0, 0, 5)
            }
            // From a gateway, and cut.
            _ => {
                octets.truncate(chance.below(octets.len()));
                Ipv4Addr::new(127, 0, 0, 5)
            }
        };
        from(address, &octets);
        if number % 1_000 == 0 {
            // In step: what the kernel drops proves nothing.
            gateway.lets_in("alice", &alice.code());
        }
    }
    gateway.lets_in("alice", &alice.code());
    let heard = socket
        .receive(&mut batch, Duration::from_millis(500))
        .unwrap();
    assert_eq!(heard, 0, "replies");
    let grown = Taken::by(daemon.pid())
        .memory_kib
        .saturating_sub(taken.memory_kib);
    assert!(grown < 16 * 1024, "{grown} KiB more");
    let lines = daemon.log().len() - logged;
    assert!(lines < 64 * 1024 + total / 10, "{lines} octets of log");
    let page = daemon.page();
    let drops: u64 = page
        .text()
        .lines()
        .filter(|line| line.starts_with("mfad_drops_total{gateway=\"gw-none\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum();
    println!("{total} datagrams, {drops} of them dropped from a gateway; {grown} KiB more");
    assert!(drops > 0);
    daemon.stop();
}
