//! Two hundred clients of the control socket that say something now and then and finish nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::daemon::Site;
use crate::common::people::Person;

const SLOW: usize = 200;
/// The share of one uid.
const SEATS: usize = 8;
const LONG: Duration = Duration::from_secs(30);

#[test]
fn slow_clients_of_the_control_socket_delay_no_login_and_are_sent_away() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    let mut slow: Vec<UnixStream> = (0..SLOW)
        .map(|_| {
            let mut stream = UnixStream::connect(daemon.site.path("control")).unwrap();
            let _ = stream.write_all(b"{\"method\":");
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    // All but the share of this user are sent away at once; the others hang.
    let end = Instant::now() + LONG;
    while slow.len() > SEATS {
        assert!(Instant::now() < end, "{} hang", slow.len());
        slow.retain_mut(|stream| !ended(stream));
        gateway.lets_in("alice", &alice.code());
    }
    // They say a word now and then. Logins go on, and when their time is over the operator gets in.
    let mut waited = 0;
    while !slow.is_empty() {
        assert!(Instant::now() < end, "{} hang still", slow.len());
        slow.retain_mut(|stream| {
            let _ = stream.write_all(b" ");
            !ended(stream)
        });
        gateway.lets_in("alice", &alice.code());
        waited += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{waited} sign-ins while the slow ones hung");
    assert!(waited > 0, "some did hang");
    let served = || {
        daemon
            .operator()
            .try_call("Users.Show", &json!({"user": "alice"}))
    };
    while served().is_err() {
        assert!(Instant::now() < end, "the operator never gets in");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.stop();
}

#[test]
fn a_scraper_that_drips_delays_no_login() {
    let mut alice = Person::new("alice");
    let daemon = Site::measured(std::slice::from_ref(&alice), "").start();
    let gateway = daemon.gateway("gw-none");
    let scraper = || UnixStream::connect(daemon.site.path("metrics")).unwrap();
    let (mut dripping, silent) = (scraper(), scraper());
    for _ in 0..5 {
        // It may have been answered and closed by now; another one is not missed.
        let _ = dripping.write_all(b"G");
        gateway.lets_in("alice", &alice.code());
    }
    drop((dripping, silent));
    assert_eq!(daemon.page().number("mfad_up"), 1, "the next one is served");
    daemon.stop();
}

/// Reads what has come; whether that was the end.
fn ended(stream: &mut UnixStream) -> bool {
    let mut octets = [0; 4096];
    loop {
        match stream.read(&mut octets) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}
