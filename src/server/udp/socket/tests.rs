//! Real sockets on loopback.

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// A plain socket that plays the gateway.
fn gateway(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn ours(address: &str) -> Socket {
    Socket::bind(address.parse().unwrap()).unwrap()
}

/// Answers every datagram with its own content, once.
fn echo(socket: &Socket) -> Vec<(Vec<u8>, SocketAddr, Option<Local>)> {
    let mut batch = ReceiveBatch::new();
    assert!(socket.receive(&mut batch, PATIENCE).unwrap() > 0);
    let outgoing: Vec<_> = batch
        .iter()
        .map(|d| Outgoing {
            octets: d.octets,
            peer: d.peer,
            local: d.local,
        })
        .collect();
    assert_eq!(socket.send(&outgoing), outgoing.len());
    batch
        .iter()
        .map(|d| (d.octets.to_vec(), d.peer, d.local))
        .collect()
}

fn replies_from_where_it_was_asked(server: &Socket, client: &UdpSocket, asked: SocketAddr) {
    client.send_to(b"ping", asked).unwrap();
    let seen = echo(server);
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].0.as_slice(), seen[0].1),
        (&b"ping"[..], client.local_addr().unwrap())
    );
    assert_eq!(seen[0].2.unwrap().address, asked.ip());
    let mut buffer = [0; 16];
    assert_eq!(client.recv_from(&mut buffer).unwrap(), (4, asked));
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let server = ours("0.0.0.0:0");
    let port = server.local_addr().unwrap().port();
    let client = gateway("127.0.0.1:0");
    for address in ["127.0.0.2", "127.0.0.1", "127.9.9.9"] {
        let asked = SocketAddr::new(address.parse().unwrap(), port);
        replies_from_where_it_was_asked(&server, &client, asked);
    }
}

#[test]
fn the_same_over_ipv6_which_leaves_ipv4_alone() {
    let server = ours("[::]:0");
    let port = server.local_addr().unwrap().port();
    let asked = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port);
    replies_from_where_it_was_asked(&server, &gateway("[::1]:0"), asked);
    assert!(Socket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)).is_ok());
}

#[test]
fn a_socket_of_both_families_shows_plain_ipv4() {
    let fd: OwnedFd = socket(
        AddressFamily::Inet6,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    setsockopt(&fd, sockopt::Ipv6V6Only, &false).unwrap();
    let any: SocketAddr = "[::]:0".parse().unwrap();
    bind(fd.as_raw_fd(), &SockaddrStorage::from(any)).unwrap();
    let server = Socket::adopt(fd.into()).unwrap();
    let port = server.local_addr().unwrap().port();
    for (client, address) in [("127.0.0.1:0", "127.0.0.2"), ("[::1]:0", "::1")] {
        let asked = SocketAddr::new(address.parse().unwrap(), port);
        replies_from_where_it_was_asked(&server, &gateway(client), asked);
    }
}

#[test]
fn many_arrive_in_batches_in_order_and_all_are_answered() {
    let server = ours("127.0.0.1:0");
    let client = gateway("127.0.0.1:0");
    let address = server.local_addr().unwrap();
    for n in 0..200_u8 {
        client.send_to(&[n; 20], address).unwrap();
    }
    let mut batch = ReceiveBatch::new();
    let mut seen: Vec<u8> = Vec::new();
    while seen.len() < 200 {
        let count = server.receive(&mut batch, PATIENCE).unwrap();
        assert!((1..=BATCH_DATAGRAMS).contains(&count));
        assert_eq!(batch.iter().count(), count);
        seen.extend(batch.iter().map(|d| d.octets[0]));
    }
    assert_eq!(seen, (0..200).collect::<Vec<u8>>());
    let peer = client.local_addr().unwrap();
    let outgoing: Vec<_> = seen
        .chunks(1)
        .map(|octets| Outgoing {
            octets,
            peer,
            local: None,
        })
        .collect();
    assert_eq!(server.send(&outgoing), 200);
    for n in 0..200_u8 {
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], n);
    }
    let counts = Counts {
        received: 200,
        sent: 200,
        ..Counts::default()
    };
    assert_eq!(server.counts(), counts);
}

#[test]
fn a_datagram_that_is_too_long_is_seen_as_too_long() {
    // test of RFC 2865 s3
    let server = ours("127.0.0.1:0");
    let client = gateway("127.0.0.1:0");
    let mut batch = ReceiveBatch::new();
    for (sent, seen) in [
        (4_096, 4_096),
        (4_097, 4_097),
        (9_000, 4_097),
        (0, 0),
        (20, 20),
    ] {
        client
            .send_to(&vec![7; sent], server.local_addr().unwrap())
            .unwrap();
        assert_eq!(server.receive(&mut batch, PATIENCE).unwrap(), 1);
        let lengths: Vec<_> = batch.iter().map(|d| d.octets.len()).collect();
        assert_eq!(lengths, [seen]);
    }
}

#[test]
fn buffers_are_blank_after_use() {
    let server = ours("127.0.0.1:0");
    let mut batch = ReceiveBatch::new();
    gateway("127.0.0.1:0")
        .send_to(b"arctangent", server.local_addr().unwrap())
        .unwrap();
    assert_eq!(server.receive(&mut batch, PATIENCE).unwrap(), 1);
    assert!(batch.buffers[0].starts_with(b"arctangent"));
    assert_eq!(
        server
            .receive(&mut batch, Duration::from_micros(1))
            .unwrap(),
        0
    );
    assert!(batch.buffers.iter().all(|b| b.iter().all(|o| *o == 0)));
    assert_eq!(batch.iter().count(), 0);
}

#[test]
fn one_that_cannot_be_sent_does_not_stop_the_others() {
    let server = ours("127.0.0.1:0");
    let client = gateway("127.0.0.1:0");
    let peer = client.local_addr().unwrap();
    let gone = Some(Local {
        address: "192.0.2.77".parse().unwrap(),
        interface: 0,
    });
    let no_such_family: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
    let outgoing = [
        Outgoing {
            octets: b"1",
            peer,
            local: None,
        },
        Outgoing {
            octets: b"2",
            peer,
            local: gone,
        },
        Outgoing {
            octets: b"5",
            peer,
            local: gone,
        },
        Outgoing {
            octets: b"3",
            peer: no_such_family,
            local: None,
        },
        Outgoing {
            octets: b"4",
            peer,
            local: None,
        },
    ];
    assert_eq!(server.send(&outgoing), 2);
    let mut buffer = [0; 16];
    for expected in *b"14" {
        assert_eq!(client.recv(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], expected);
    }
    assert_eq!(server.counts().send_errors, 3);
}

#[test]
fn what_leaves_together_arrives_one_by_one() {
    let server = ours("0.0.0.0:0");
    assert_eq!(server.joining, Joining::Neighbours, "an old kernel");
    let clients = [gateway("127.0.0.1:0"), gateway("127.0.0.2:0")];
    let local = |octet| {
        let address = Ipv4Addr::new(127, 0, 0, octet).into();
        Some(Local {
            address,
            interface: 0,
        })
    };
    let mut told: [Vec<(Vec<u8>, u8)>; 2] = Default::default();
    // Runs of one length, lengths on both sides of what may be joined, changes of peer and source.
    for (n, octets) in [
        38, 38, 38, 0, 0, 20, 1_232, 1_232, 1_233, 1_233, 4_096, 38, 38,
    ]
    .into_iter()
    .cycle()
    .take(100)
    .enumerate()
    {
        let content = vec![u8::try_from(n).unwrap(); octets];
        told[n / 7 % 2].push((content, 1 + u8::try_from(n / 3 % 2).unwrap()));
    }
    for (client, told) in clients.iter().zip(&told) {
        let peer = client.local_addr().unwrap();
        let outgoing: Vec<_> = told
            .iter()
            .map(|(octets, source)| Outgoing {
                octets,
                peer,
                local: local(*source),
            })
            .collect();
        assert_eq!(server.send(&outgoing), outgoing.len());
        let mut buffer = [0; 5_000];
        for (octets, source) in told {
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], octets);
            assert_eq!(from.ip(), local(*source).unwrap().address);
        }
    }
    assert_eq!(server.counts().send_errors, 0);
}

#[test]
fn threads_send_while_one_receives() {
    let server = ours("127.0.0.1:0");
    let client = gateway("127.0.0.1:0");
    let (address, peer) = (server.local_addr().unwrap(), client.local_addr().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(
                        server.send(&[Outgoing {
                            octets: b"x",
                            peer,
                            local: None
                        }]),
                        1
                    );
                }
            });
        }
        for _ in 0..50 {
            client.send_to(b"y", address).unwrap();
        }
        let mut batch = ReceiveBatch::new();
        let mut got = 0;
        while got < 50 {
            got += server.receive(&mut batch, PATIENCE).unwrap();
        }
    });
    let mut buffer = [0; 16];
    for _ in 0..100 {
        assert_eq!(client.recv(&mut buffer).unwrap(), 1);
    }
    assert!(server.kernel_buffer_octets() > 0);
}

#[test]
fn what_finds_the_buffer_full_is_counted() {
    let server = ours("127.0.0.1:0");
    let client = gateway("127.0.0.1:0");
    let mut sent = 0;
    while server.counts().dropped_by_kernel == 0 && sent < 100_000 {
        for _ in 0..100 {
            client
                .send_to(&[7; 1_000], server.local_addr().unwrap())
                .unwrap();
        }
        sent += 100;
    }
    let mut batch = ReceiveBatch::new();
    while server
        .receive(&mut batch, Duration::from_millis(100))
        .unwrap()
        > 0
    {}
    let counts = server.counts();
    assert!(counts.dropped_by_kernel > 0);
    assert_eq!(counts.received + u64::from(counts.dropped_by_kernel), sent);
}
