//! Requests of every class in one mixed stream, and when their Rejects came.
//!
//! Requests leave at a steady beat, whether those before are answered or not, in an order that is
//! drawn. So whatever the machine does meanwhile meets every class alike.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mfad::domain::dialogue::STATE_OCTETS;

use crate::common::gateway::{Gateway, Port, verified};
use crate::common::until::Until;
use crate::compare::{holm, mann_whitney, quantile};

/// Requests in a second. One class makes the daemon hash a PIN, which a core does 50 times.
const BEAT: Duration = Duration::from_micros(5_714);

/// Ports that the stream is spread over; none has all its identifiers under way.
const PORTS: usize = 8;

/// Nothing comes any more.
const QUIET: Duration = Duration::from_millis(2_500);

/// Apart by less than this, and by chance: the same.
const MEDIANS_WITHIN_US: f64 = 500.0;
const TOLD_APART_BELOW: f64 = 0.01;

/// What is asked, and of which class it is.
pub(crate) struct Question {
    pub(crate) class: usize,
    pub(crate) user: String,
    pub(crate) passcode: String,
}

struct Asked {
    class: usize,
    request: Vec<u8>,
    at: Instant,
}

/// Asks everything in its order, to which a reply of this code is due; the times of each class,
/// sorted, in microseconds.
pub(crate) fn ask_mixed(
    gateway: &Gateway,
    questions: Vec<Question>,
    classes: usize,
    code: u8,
) -> Vec<Vec<f64>> {
    let mut ports: Vec<Port> = (0..PORTS).map(|_| gateway.port()).collect();
    let mut asked: Vec<Vec<Asked>> = (0..PORTS).map(|_| Vec::new()).collect();
    let sockets: Vec<UdpSocket> = ports
        .iter()
        .map(|port| port.socket.try_clone().unwrap())
        .collect();
    let over = Until::default();
    let heard = std::thread::scope(|scope| {
        let end = over.end_of_this();
        let ears: Vec<_> = sockets
            .iter()
            .map(|socket| scope.spawn(|| listen(socket, &over)))
            .collect();
        let mut next = Instant::now();
        for (number, question) in questions.into_iter().enumerate() {
            let at = number % PORTS;
            let request = ports[at].request(&question.user, &question.passcode);
            next += BEAT;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            ports[at].socket.send(&request).unwrap();
            asked[at].push(Asked {
                class: question.class,
                request,
                at: sent,
            });
        }
        drop(end);
        let heard = ears.into_iter().map(|ear| ear.join().unwrap());
        heard.collect::<Vec<_>>()
    });
    let mut times = vec![Vec::new(); classes];
    for ((port, asked), heard) in ports.iter().zip(&asked).zip(&heard) {
        match_replies(port, asked, heard, code, &mut times);
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    times
}

type Heard = (Instant, Vec<u8>);

/// Keeps what comes, with its time, until nothing comes any more.
fn listen(socket: &UdpSocket, over: &Until) -> Vec<Heard> {
    socket.set_read_timeout(Some(QUIET)).unwrap();
    let (mut heard, mut octets) = (Vec::new(), [0; 4096]);
    loop {
        match socket.recv(&mut octets) {
            Ok(length) => heard.push((Instant::now(), octets[..length].to_vec())),
            Err(_) if over.is_over() => return heard,
            Err(_) => {}
        }
    }
}

/// What a reply says, but for the State that each question has of its own.
fn said(octets: &[u8]) -> Vec<u8> {
    let mut said = octets[38..].to_vec();
    let state = [24, 2 + u8::try_from(STATE_OCTETS).unwrap()];
    if let Some(at) = said.windows(2).position(|pair| pair == state) {
        said[at + 2..][..STATE_OCTETS].fill(0);
    }
    said
}

/// Finds the request of each reply. Every reply says the same in the same octets, and none was early.
fn match_replies(port: &Port, asked: &[Asked], heard: &[Heard], code: u8, times: &mut [Vec<f64>]) {
    let mut by_identifier: HashMap<u8, Vec<&Asked>> = HashMap::new();
    for one in asked {
        by_identifier.entry(one.request[1]).or_default().push(one);
    }
    for (at, octets) in heard {
        // An identifier comes back after a while: the last before the reply is meant.
        let meant = by_identifier
            .get(&octets[1])
            .and_then(|all| all.iter().rev().find(|one| one.at < *at))
            .expect("a reply to something");
        let reply = verified(&meant.request, octets, port.secret());
        assert_eq!(reply.code, code);
        assert_eq!(said(&reply.octets), said(&heard[0].1), "one reply");
        let took = at.duration_since(meant.at);
        assert!(took >= crate::REJECT_DELAY, "early: {took:?}");
        times[meant.class].push(took.as_secs_f64() * 1e6);
    }
}

/// Prints what was measured and what it comes to.
pub(crate) fn report(title: &str, names: &[&str], times: &[Vec<f64>], wanted: usize) {
    println!("{title}: {wanted} requests of each class; from sending to hearing, in us");
    println!(
        "{:>24} {:>8} {:>9} {:>9} {:>9}",
        "class", "heard", "median", "p99", "most"
    );
    for (name, times) in names.iter().zip(times) {
        let at = |of_thousand| quantile(times, of_thousand);
        let (median, p99, most) = (at(500), at(990), at(1_000));
        let heard = times.len();
        println!("{name:>24} {heard:>8} {median:>9.0} {p99:>9.0} {most:>9.0}");
    }
    let (mut pairs, mut ps, mut apart) = (Vec::new(), Vec::new(), 0.0_f64);
    for one in 0..times.len() {
        for other in one + 1..times.len() {
            pairs.push((one, other));
            ps.push(mann_whitney(&times[one], &times[other]));
            let between = quantile(&times[one], 500) - quantile(&times[other], 500);
            apart = apart.max(between.abs());
        }
    }
    let adjusted = holm(&ps);
    let verdict = if apart < MEDIANS_WITHIN_US {
        "yes"
    } else {
        "NO"
    };
    println!("medians within 0.5 ms: {verdict}, {apart:.0} us apart at the most");
    let least = adjusted.iter().copied().fold(1.0, f64::min);
    let told = adjusted.iter().filter(|p| **p < TOLD_APART_BELOW).count();
    println!(
        "pairs told apart at p < 0.01 (Mann-Whitney, Holm): {told} of {}, least p {least:.3}",
        pairs.len()
    );
    for ((one, other), p) in pairs.iter().zip(&adjusted) {
        if *p < TOLD_APART_BELOW {
            println!("  {} and {}: p {p:.2e}", names[*one], names[*other]);
        }
    }
}
