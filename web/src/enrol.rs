//! Calls of `org.mfad.Enrol`: one connection, one call, one answer, all of it within a time.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use mfad::control::fault::{Fault, FaultParameters};
use mfad::control::frame;
use mfad::control::message::{self, CallFrame};
use mfad::control::reply::{Begun, Confirmed, PageCodes, Proved};
use mfad::secret::SecretBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Calls at once. The control socket has few seats, and others sit there too.
const CALLS_MAX: usize = 6;
/// How long a call may wait for its turn and for its answer.
const CALL_MAX: Duration = Duration::from_secs(8);
/// Longest answer, in octets.
const ANSWER_OCTETS_MAX: usize = 16 * 1024;
/// What a person has typed or brought along, by the names of the parameters.
const TYPED: [&str; 5] = ["link", "user", "code", "ticket", "otp"];

/// Why mfad did not do it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No such link, used, expired, void; a wrong name or auth code. Nothing tells which.
    Link,
    /// The first code does not fit.
    Code {
        /// Tries that are left; none: this was none.
        tries_left: Option<u32>,
        /// The code would fit at another time: seconds that the phone is ahead, or behind.
        device_clock_s: Option<i64>,
    },
    /// mfad cannot say: it is down, sealed, or makes no sense.
    Unavailable(String),
}

/// The daemon at the other end of its socket.
pub(crate) struct Enrol {
    calls: Semaphore,
}

#[derive(Serialize)]
struct Begin<'a> {
    link: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    from: IpAddr,
}

#[derive(Serialize)]
struct Prove<'a> {
    ticket: &'a str,
    otp: &'a str,
    from: IpAddr,
}

#[derive(Serialize)]
struct Recovery<'a> {
    ticket: &'a str,
    from: IpAddr,
}

#[derive(Serialize)]
struct Confirm<'a> {
    link: &'a str,
    from: IpAddr,
}

impl Enrol {
    pub(crate) fn new() -> Self {
        Self {
            calls: Semaphore::new(CALLS_MAX),
        }
    }

    /// Uses a link and an auth code up, for a token that waits for its first code.
    pub(crate) async fn begin(
        &self,
        socket: &Path,
        from: IpAddr,
        link: &str,
        user: &str,
        code: &str,
    ) -> Result<Begun, Refused> {
        let code = Some(code).filter(|code| !code.is_empty());
        let parameters = Begin {
            link,
            user,
            code,
            from,
        };
        let begun: Begun = self.call(socket, "Begin", &parameters).await?;
        // It becomes the target of a link: nothing else may be.
        if !begun.uri.expose().starts_with("otpauth://") {
            return Err(unavailable("no otpauth URI"));
        }
        Ok(begun)
    }

    /// Proves a token with its first code.
    pub(crate) async fn prove(
        &self,
        socket: &Path,
        from: IpAddr,
        ticket: &str,
        otp: &str,
    ) -> Result<Proved, Refused> {
        let parameters = Prove { ticket, otp, from };
        self.call(socket, "Prove", &parameters).await
    }

    /// Makes recovery codes.
    pub(crate) async fn recovery(
        &self,
        socket: &Path,
        from: IpAddr,
        ticket: &str,
    ) -> Result<PageCodes, Refused> {
        let parameters = Recovery { ticket, from };
        self.call(socket, "Recovery", &parameters).await
    }

    /// Says that whoever has the link reads the address; the address, masked.
    pub(crate) async fn confirm(
        &self,
        socket: &Path,
        from: IpAddr,
        link: &str,
    ) -> Result<Confirmed, Refused> {
        let parameters = Confirm { link, from };
        self.call(socket, "Confirm", &parameters).await
    }

    async fn call<R: DeserializeOwned>(
        &self,
        socket: &Path,
        method: &str,
        parameters: &impl Serialize,
    ) -> Result<R, Refused> {
        let whole = async {
            let _turn = self.calls.acquire().await;
            exchange(socket, method, parameters).await
        };
        let late = |_| unavailable("no answer in time");
        timeout(CALL_MAX, whole).await.map_err(late)?
    }
}

async fn exchange<R: DeserializeOwned>(
    socket: &Path,
    method: &str,
    parameters: &impl Serialize,
) -> Result<R, Refused> {
    let call = CallFrame {
        method: &format!("org.mfad.Enrol.{method}"),
        parameters,
        more: false,
    };
    let call = frame::write(&call).map_err(unavailable)?;
    let mut stream = UnixStream::connect(socket).await.map_err(unavailable)?;
    // A daemon that refuses a peer says why before it closes, whatever was sent.
    let sent = stream.write_all(&call).await;
    // Of its full length from the start: what grows leaves copies behind.
    let mut held = SecretBytes::new(vec![0; ANSWER_OCTETS_MAX]);
    let mut length = 0;
    loop {
        let room = held.expose_mut().get_mut(length..).unwrap_or_default();
        match stream.read(room).await.map_err(unavailable)? {
            0 => {
                sent.map_err(unavailable)?;
                return Err(unavailable("the answer has no end"));
            }
            read => length += read,
        }
        let arrived = held.expose().get(..length).unwrap_or_default();
        // One call, one answer: the NUL is the last octet.
        if let Some((0, answer)) = arrived.split_last() {
            return match message::answer(answer).map_err(unavailable)? {
                Ok(answer) => Ok(answer.parameters),
                Err(fault) => Err(refused(fault)),
            };
        }
    }
}

fn refused(fault: Fault) -> Refused {
    let FaultParameters {
        code,
        parameter,
        tries_left,
        device_clock_s,
        ..
    } = &*fault.parameters;
    match (code.as_str(), parameter.as_deref()) {
        ("E_LINK", _) => Refused::Link,
        ("E_OTP", _) => Refused::Code {
            tries_left: *tries_left,
            device_clock_s: *device_clock_s,
        },
        // What was typed cannot be: no link fits it.
        (_, Some(parameter)) if TYPED.contains(&parameter) => Refused::Link,
        _ => unavailable(fault),
    }
}

fn unavailable(error: impl std::fmt::Display) -> Refused {
    Refused::Unavailable(error.to_string())
}
