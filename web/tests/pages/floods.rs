//! Many, slow and silent: what strangers may do, while somebody with a link gets through.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::fake::LINK;
use crate::site::{HOST, Site};

/// Whether the other end has closed.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}

#[test]
fn half_open_connections_of_many_addresses_keep_nobody_out() {
    let Some(site) = Site::start() else { return };
    let before_kib = site.resident_kib();
    // 25 addresses, 16 seats each: 400 of the 512, and as many again that find none.
    let addresses = (0..25).map(|at| Ipv4Addr::new(127, 0, 1, at));
    let mut held: Vec<TcpStream> = addresses
        .flat_map(|from| [from; 32])
        .map(|from| site.dial(from))
        .collect();
    for stream in &mut held {
        // The beginning of a ClientHello.
        let _ = stream.write_all(&[0x16, 3, 1]);
    }
    let asked = Instant::now();
    assert_eq!(site.browser().get(&format!("/e/{LINK}")).status, 200);
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    let turned_away = held
        .iter_mut()
        .map(is_closed)
        .filter(|closed| *closed)
        .count();
    assert!(turned_away >= 400, "{turned_away} of 800 were turned away");
    // The handshakes that never go on are ended.
    let end = Instant::now() + Duration::from_secs(20);
    held.retain_mut(|stream| !is_closed(stream));
    while !held.is_empty() {
        assert!(Instant::now() < end, "{} are still open", held.len());
        for stream in &mut held {
            // One octet at a time changes nothing.
            let _ = stream.write_all(&[0]);
        }
        std::thread::sleep(Duration::from_millis(500));
        held.retain_mut(|stream| !is_closed(stream));
    }
    let grown_kib = site.resident_kib().saturating_sub(before_kib);
    assert!(grown_kib < 32 * 1024, "grown by {grown_kib} KiB");
}

#[test]
fn whoever_comes_too_fast_waits_and_others_do_not() {
    let Some(site) = Site::start() else { return };
    let mut fast = site.browser_at(Ipv4Addr::new(127, 0, 0, 9));
    let mut answers = (0..400).map(|_| fast.get("/style.css"));
    let refused = answers.find(|answer| answer.status != 200).expect("an end");
    assert_eq!(refused.status, 429);
    refused.says("Too fast");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(refused.header("content-security-policy").is_some());
    let mut other = site.browser_at(Ipv4Addr::new(127, 0, 0, 10));
    assert_eq!(other.get(&format!("/e/{LINK}")).status, 200);
}

#[test]
fn a_header_that_never_ends_ends() {
    let Some(site) = Site::start() else { return };
    let mut slow = site.browser_at(Ipv4Addr::new(127, 0, 0, 11));
    slow.send(format!("GET /e/{LINK} HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes());
    let mut long = site.browser_at(Ipv4Addr::new(127, 0, 0, 12));
    long.send(b"GET / HTTP/1.1\r\n");
    long.send(format!("X-Long: {}\r\n\r\n", "x".repeat(40_000)).as_bytes());
    let status = long.answer(false).map(|answer| answer.status);
    assert!(matches!(status, Some(431 | 400) | None), "{status:?}");
    let mut many = site.browser_at(Ipv4Addr::new(127, 0, 0, 13));
    let lines: String = (0..100).map(|at| format!("X-{at}: y\r\n")).collect();
    many.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n").as_bytes());
    assert_eq!(many.answer(false).map(|answer| answer.status), Some(431));
    // Two lengths, or a length and chunks, are where two servers understand two things.
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ] {
        let mut two = site.browser_at(Ipv4Addr::new(127, 0, 0, 14));
        two.send(format!("POST /prove HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\nhello").as_bytes());
        let status = two.answer(false).map(|answer| answer.status);
        assert_eq!(status, Some(400), "{lines}");
    }
    let ended = slow.answer(false).map(|answer| answer.status);
    assert!(matches!(ended, None | Some(408)), "{ended:?}");
}
