//! `mfad --try`: one login over RADIUS, as a gateway would do it.
//!
//! Shows what was asked and what came back, and judges the answer as a careful gateway does: it
//! must prove by both ways that the server knows the secret, with the Message-Authenticator first.
//! Secret and passcode are typed without echo, or are two lines of the standard input; neither is
//! ever printed. It asks once and answers no question of the server.

use std::net::{SocketAddr, ToSocketAddrs};

use super::client::{Client, ClientError, Reply};
use super::init::{cannot, unanswered};
use super::report::{Failure, Sign, World, count, status};
use crate::radius::{Code, MessageAuthenticatorCheck, Packet, ReplyCheck};
use crate::secret::SecretBytes;

/// The port of RADIUS authentication, assigned in RFC 2865.
const PORT: u16 = 1812;

/// What `mfad --try` is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Host or address, with or without a port.
    pub server: String,
    /// Login name.
    pub user: String,
}

/// Asks once, and shows the answer. Status 0: let in; 1: not, or asked for more.
///
/// # Errors
/// [`Failure`]: nobody answers (69), or the answer proves nothing (76).
pub fn run(options: &Options, world: &mut World<'_>) -> Result<u8, Failure> {
    let server = resolve(&options.server)?;
    let mut ask = |question: &str| {
        world
            .asks
            .secret(question)
            .map_err(|error| unanswered(&error))
    };
    let secret = ask(&format!("Shared secret with {server}: "))?;
    let passcode = ask(&format!("Passcode of {}: ", options.user))?;
    if secret.expose().is_empty() {
        return Err(Failure::new(status::USAGE, "nothing was sent").why("the secret is empty"));
    }
    let copy = SecretBytes::copy_of(secret.expose());
    let failed = |error: ClientError| refused(&error, server);
    let mut client = Client::new(server, copy).map_err(failed)?;
    let request = client
        .request(&options.user, passcode.expose())
        .map_err(failed)?;
    drop(passcode);
    let octets = u64::try_from(request.len()).unwrap_or(u64::MAX);
    world.say(format_args!(
        "sent      Access-Request to {server}: user {}, {}, Message-Authenticator first",
        options.user.escape_debug(),
        count(octets, "octet")
    ));
    let reply = client.exchange(&request).map_err(failed)?;
    let check = judge(&request, &reply, &secret)?;
    show(&reply, check, world);
    if !check.is_authentic() {
        return Err(unproven(check, server));
    }
    Ok(if reply.code == Code::AccessAccept {
        status::OK
    } else {
        status::NO
    })
}

fn resolve(server: &str) -> Result<SocketAddr, Failure> {
    let unknown = |why: String| {
        Failure::new(
            status::USAGE,
            format!("there is no server {}", server.escape_debug()),
        )
        .why(why)
        .attempt("mfad --try 192.0.2.5:1812 --user NAME")
    };
    if let Ok(address) = server.parse() {
        return Ok(address);
    }
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    let found = match bare.parse() {
        Ok(ip) => return Ok(SocketAddr::new(ip, PORT)),
        Err(_) if server.contains(':') => server.to_socket_addrs(),
        Err(_) => (server, PORT).to_socket_addrs(),
    };
    let mut found = found.map_err(|error| unknown(error.to_string()))?;
    found
        .next()
        .ok_or_else(|| unknown("the name has no address".to_owned()))
}

fn judge(request: &[u8], reply: &Reply, secret: &SecretBytes) -> Result<ReplyCheck, Failure> {
    let decoded = |octets| Packet::decode(octets).map_err(|error| cannot("read a packet", &error));
    let (request, reply) = (decoded(request)?, decoded(&reply.octets)?);
    Ok(reply.check_reply(secret.expose(), request.authenticator()))
}

fn show(reply: &Reply, check: ReplyCheck, world: &mut World<'_>) {
    let (sign, name) = match reply.code {
        Code::AccessAccept => (Sign::Good, "Access-Accept: let in"),
        Code::AccessReject => (Sign::Bad, "Access-Reject: not let in"),
        Code::AccessChallenge => (Sign::Warning, "Access-Challenge: the server asks for more"),
        _ => (Sign::Bad, "an answer that belongs to no login"),
    };
    let octets = u64::try_from(reply.octets.len()).unwrap_or(u64::MAX);
    let ms = reply.took.as_secs_f64() * 1000.0;
    world.item(
        sign,
        "reply",
        format_args!("{name}, {}, after {ms:.1} ms", count(octets, "octet")),
    );
    if let Some(message) = &reply.message {
        // What the server says must not reach the terminal as commands.
        world.item(
            sign,
            "message",
            format_args!("\"{}\"", message.escape_debug()),
        );
    }
    let (sign, signed) = match (
        check.message_authenticator,
        check.message_authenticator_first,
    ) {
        (MessageAuthenticatorCheck::Right, true) => (Sign::Good, "verifies and stands first"),
        (MessageAuthenticatorCheck::Right, false) => (
            Sign::Warning,
            "verifies, but does not stand first: some gateways refuse that",
        ),
        (MessageAuthenticatorCheck::Absent, _) => (Sign::Bad, "is missing"),
        _ => (Sign::Bad, "is wrong"),
    };
    world.item(
        sign,
        "proof",
        format_args!("Message-Authenticator {signed}"),
    );
    let (sign, answers) = match check.response_authenticator {
        true => (Sign::Good, "verifies"),
        false => (Sign::Bad, "is wrong"),
    };
    world.item(
        sign,
        "proof",
        format_args!("Response Authenticator {answers}"),
    );
}

fn unproven(check: ReplyCheck, server: SocketAddr) -> Failure {
    let failure = Failure::new(
        status::PROTOCOL,
        "the answer proves nothing: do not believe it",
    );
    if check.response_authenticator {
        return failure
            .why("without a right Message-Authenticator it can be forged (CVE-2024-3596)")
            .remedy(format!("make {server} sign its answers"));
    }
    failure
        .why("whoever answered does not know this secret")
        .remedy("compare the secret at both ends: length, case, blanks at the end")
}

fn refused(error: &ClientError, server: SocketAddr) -> Failure {
    let silent =
        |why: String| {
            Failure::new(status::UNAVAILABLE, format!("{server} does not answer")).why(why).remedy(
            "an unknown gateway address, a wrong secret and a closed port all look like this:\n\
             on the server: mfactl gateway list, mfactl status; tcpdump -ni any udp port 1812",
        )
        };
    match error {
        ClientError::Silent { .. } | ClientError::System(_) => silent(error.to_string()),
        ClientError::Build(_) => {
            Failure::new(status::USAGE, "nothing was sent").why(error.to_string())
        }
        ClientError::Random => cannot("make a request", error),
    }
}
