//! `mfad --try`, against a server that answers as it is told.

use std::net::{SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};

use mfad::daemon::attempt;
use mfad::radius::{AttributeType, Credentials, Packet, ReplyBuilder, reveal};

use super::world::{Done, Person, run};

const SECRET: &str = "a shared secret of no value";
const PASSCODE: &str = "402817605182";

/// Answers one request with what `answer` makes of it.
fn server(
    answer: impl FnOnce(&Packet<'_>) -> Vec<u8> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut octets = [0; 4096];
        let (length, from) = socket.recv_from(&mut octets).unwrap();
        let request = Packet::decode(&octets[..length]).unwrap();
        socket.send_to(&answer(&request), from).unwrap();
    });
    (address, thread)
}

fn attempted(server: &str, secret: &str) -> Done {
    let options = attempt::Options {
        server: server.to_owned(),
        user: "alice".to_owned(),
    };
    let mut person = Person::piping(&[secret, PASSCODE]);
    let done = run(&mut person, 0, |world| attempt::run(&options, world));
    for said in [
        &done.screen,
        &format!("{:?}", done.result),
        &format!("{:?}", person.asked),
    ] {
        assert!(!said.contains(PASSCODE) && !said.contains(secret), "{said}");
    }
    done
}

fn builder<'b>(request: &Packet<'_>, code: u8, octets: &'b mut Vec<u8>) -> ReplyBuilder<'b> {
    let (identifier, authenticator) = (request.identifier(), request.authenticator());
    match code {
        2 => ReplyBuilder::accept(identifier, authenticator, octets),
        3 => ReplyBuilder::reject(identifier, authenticator, octets),
        _ => ReplyBuilder::challenge(identifier, authenticator, octets),
    }
}

fn answering(code: u8, message: &'static str) -> Done {
    let (address, thread) = server(move |request| {
        let Credentials::Pap(hidden) = Credentials::of(request) else {
            unreachable!("no PAP");
        };
        let typed = reveal(hidden, SECRET.as_bytes(), request.authenticator()).unwrap();
        assert!(typed.equals(PASSCODE.as_bytes()));
        assert_eq!(
            request.first(AttributeType::USER_NAME),
            Some(b"alice".as_slice())
        );
        let mut octets = Vec::new();
        let mut reply = builder(request, code, &mut octets);
        reply
            .attribute(AttributeType::REPLY_MESSAGE, message.as_bytes())
            .unwrap();
        reply.finish(SECRET.as_bytes()).to_vec()
    });
    let done = attempted(&address.to_string(), SECRET);
    thread.join().unwrap();
    done
}

#[test]
fn an_accept_is_a_yes() {
    let done = answering(2, "Welcome");
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert!(
        done.screen.contains("✓ reply    Access-Accept: let in, "),
        "{}",
        done.screen
    );
    assert!(
        done.screen.contains("message  \"Welcome\""),
        "{}",
        done.screen
    );
    assert!(
        done.screen.contains("verifies and stands first"),
        "{}",
        done.screen
    );
}

#[test]
fn a_reject_and_a_challenge_are_a_no() {
    let done = answering(3, "\x1b[2Jno");
    assert_eq!(done.result, Ok(1), "{}", done.screen);
    assert!(
        !done.screen.contains('\x1b'),
        "a server writes to the terminal"
    );
    let done = answering(11, "Code?");
    assert_eq!(done.result, Ok(1), "{}", done.screen);
    assert!(done.screen.contains("asks for more"), "{}", done.screen);
}

#[test]
fn an_answer_under_another_secret_proves_nothing() {
    let (address, thread) = server(|request| {
        let mut octets = Vec::new();
        builder(request, 2, &mut octets)
            .finish(b"another secret")
            .to_vec()
    });
    let done = attempted(&address.to_string(), SECRET);
    thread.join().unwrap();
    assert!(done.failure().ends_with("exit 76"), "{}", done.failure());
    assert!(
        done.failure().contains("does not know this secret"),
        "{}",
        done.failure()
    );
}

#[test]
fn an_unsigned_answer_proves_nothing() {
    use md5::{Digest, Md5};
    let (address, thread) = server(|request| {
        let mut reply = vec![2, request.identifier(), 0, 20];
        let digest = Md5::new_with_prefix(&reply)
            .chain_update(request.authenticator())
            .chain_update(SECRET)
            .finalize();
        reply.extend_from_slice(&digest);
        reply
    });
    let done = attempted(&address.to_string(), SECRET);
    thread.join().unwrap();
    assert!(
        done.screen.contains("Message-Authenticator is missing"),
        "{}",
        done.screen
    );
    assert!(
        done.failure().contains("CVE-2024-3596"),
        "{}",
        done.failure()
    );
    assert!(done.failure().ends_with("exit 76"), "{}", done.failure());
}

#[test]
fn a_closed_port_does_not_answer() {
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let done = attempted(&closed.to_string(), SECRET);
    assert!(done.failure().ends_with("exit 69"), "{}", done.failure());
    let done = attempted("no.such.host.invalid", SECRET);
    assert!(done.failure().ends_with("exit 64"), "{}", done.failure());
}
