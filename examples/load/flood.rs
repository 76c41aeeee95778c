//! First packets at full rate, by one gateway: what those notice who sign in through another, and what
//! the daemon takes of memory and disk.
//!
//! The flood waits for no answer: whoever sends it does not care. It goes as fast as the daemon takes
//! it in and no faster, because what the kernel drops floods nobody. The first flood is one of wrong
//! names where nothing is asked: the others compare to that one, since both programs share a core.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use mfad::radius::{Code, RequestBuilder};
use mfad::server::udp::socket::{BATCH_DATAGRAMS, Outgoing, ReceiveBatch, Socket};
use mfad::sys::random;

use crate::bench::{Bench, Crowd, Kind};
use crate::gateway::{Line, Outcome};
use crate::instance::{ASKING, BLIND, Gateway, PIN};
use crate::people::{People, Sends};
use crate::{Failure, Setting};

/// People whose names are sent. Each stores so many questions and no more.
const KNOWN: usize = 1_000;

/// Ports of the flooding gateway: an identifier comes again after some thousand packets.
const PORTS: usize = 64;

/// How long is waited until what was sent has been taken in.
const TAKEN_IN: Duration = Duration::from_millis(100);

/// What is sent, through which gateway.
const FLOODS: [(&str, Option<(Gateway, Sends)>); 8] = [
    ("none", None),
    ("no question", Some((PIN, Sends::Stranger))),
    ("no such name", Some((BLIND, Sends::Stranger))),
    ("nothing shown", Some((BLIND, Sends::Nothing))),
    ("the same again", Some((BLIND, Sends::Nothing))),
    ("password right", Some((ASKING, Sends::Nothing))),
    ("the same again", Some((ASKING, Sends::Nothing))),
    ("none", None),
];

/// What came of a flood.
#[derive(Default)]
struct Storm {
    sent: u64,
    /// Questions that came back.
    asked: u64,
    took: Duration,
}

/// Prints one line for each flood; false if another's sign-in went wrong.
pub(crate) fn table(setting: &Setting) -> Result<bool, Failure> {
    let crowd = Crowd::plain(setting.users);
    let mut bench = Bench::start(setting, Kind::Real(&setting.program), crowd, None)?;
    let state = bench.instance.folder.path().join("state");
    println!(
        "first packets of {KNOWN} people through one gateway, beside {} sign-ins a second",
        setting.rate
    );
    println!(
        "\n{:>14} {:>8} {:>8} | {:>6} {:>7} {:>7} | {:>8} {:>9}",
        "flood", "sent/s", "asked/s", "p50", "p99", "max", "resident", "on disk"
    );
    let mut well = true;
    for (name, flood) in &FLOODS {
        let others = bench.otp_line_of_others(KNOWN);
        let line = flood
            .as_ref()
            .map(|(gateway, sends)| bench.line(gateway, *sends, KNOWN));
        let (storm, paced) = bench.beside(others, setting.rate, |people| match line {
            Some(line) => storm(line, people, setting.span),
            None => Ok(Storm::default()),
        })?;
        let a_second = |many| per_second(many, storm.took);
        println!(
            "{name:>14} {:>8.0} {:>8.0} | {:>6} {:>7} {:>7} | {:>4} MiB {:>5} MiB",
            a_second(storm.sent),
            a_second(storm.asked),
            paced.accepted.at(500),
            paced.accepted.at(990),
            paced.accepted.at(1000),
            bench.daemon.memory_kib()?.0 / 1024,
            octets(&state)? / (1024 * 1024),
        );
        if let Some(complaint) = Outcome::complaint(&paced) {
            println!("  NOT WELL: {complaint}");
            well = false;
        }
    }
    Ok(bench.daemon.stop()? && well)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(many: u64, took: Duration) -> f64 {
    many as f64 / took.as_secs_f64().max(1e-9)
}

/// Sends for `span`.
fn storm(line: Line, people: &mut People, span: Duration) -> Result<Storm, Failure> {
    let sockets = (0..PORTS)
        .map(|_| Socket::bind(SocketAddr::from((line.from, 0))))
        .collect::<Result<Vec<_>, _>>()?;
    let gate = UdpSocket::bind((line.from, 0))?;
    gate.connect(line.server)?;
    gate.set_read_timeout(Some(TAKEN_IN))?;
    let mut requests = vec![Vec::new(); BATCH_DATAGRAMS];
    let mut batch = ReceiveBatch::new();
    let (mut storm, mut identifier) = (Storm::default(), 0_u8);
    let began = Instant::now();
    while began.elapsed() < span {
        for socket in &sockets {
            for (at, octets) in (0_u8..).zip(&mut requests) {
                let person = people.pick(line.form);
                people.request(person, identifier.wrapping_add(at), line.form, octets)?;
                people.done(person);
            }
            let outgoing: Vec<Outgoing<'_>> = requests
                .iter()
                .map(|octets| Outgoing {
                    octets,
                    peer: line.server,
                    local: None,
                })
                .collect();
            socket.send(&outgoing);
            storm.sent += u64::try_from(outgoing.len())?;
            while socket.receive(&mut batch, Duration::ZERO)? > 0 {
                let asked = batch.iter().filter(|reply| is_question(reply.octets));
                storm.asked += u64::try_from(asked.count())?;
            }
            await_turn(&gate, line.form.secret)?;
        }
        identifier = identifier.wrapping_add(u8::try_from(BATCH_DATAGRAMS)?);
    }
    storm.took = began.elapsed();
    Ok(storm)
}

fn is_question(reply: &[u8]) -> bool {
    let code = reply.first().copied().and_then(Code::from_octet);
    code == Some(Code::AccessChallenge)
}

/// Waits until all that was sent before has been taken in: a Status-Server is answered at once, in
/// its turn.
fn await_turn(gate: &UdpSocket, secret: &[u8]) -> Result<(), Failure> {
    let mut request = Vec::new();
    let mut builder = RequestBuilder::status_server(0, &random::array()?, &mut request);
    builder.message_authenticator()?;
    let _ = builder.finish(secret);
    gate.send(&request)?;
    // Whatever comes, or nothing for so long: the next ones go.
    let _ = gate.recv(&mut [0; 4096]);
    Ok(())
}

/// Octets of the files below a folder.
fn octets(folder: &Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.metadata()? {
            found if found.is_dir() => octets(&entry.path())?,
            found => found.len(),
        };
    }
    Ok(sum)
}
