//! Calls of `org.mfad.Enrol`: one connection, one call, one answer, all of it within a time.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use mfad::control::frame::{self, FrameError, FrameReader};
use mfad::control::message::{CallFrame, Parameters};
use mfad::secret::Secret;
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Calls at once. The control socket has few seats, and others sit there too.
const CALLS_MAX: usize = 6;
/// How long a call may wait for its turn and for its answer.
const CALL_MAX: Duration = Duration::from_secs(8);

/// Why mfad did not do it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such link, used, expired, void; a wrong name or auth code. Nothing tells which.
    Link,
    /// The first code does not fit.
    Code(WrongCode),
    /// mfad cannot say: it is down, sealed, or makes no sense.
    Unavailable(String),
}

/// What is said about a wrong first code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WrongCode {
    /// Tries that are left.
    pub(crate) tries_left: u64,
    /// The code would fit at another time: seconds that the phone is ahead, or behind.
    pub(crate) device_clock_s: Option<i64>,
}

/// A token that waits for its first code.
pub(crate) struct Begun {
    pub(crate) uri: Secret<String>,
    pub(crate) secret: Secret<String>,
    pub(crate) ticket: Secret<String>,
}

/// A token that is proven.
pub(crate) struct Proven {
    pub(crate) user: String,
    /// Seconds that the phone's clock is ahead, or behind; 0: in step.
    pub(crate) device_clock_s: i64,
    /// Good for recovery codes, if the person may have some.
    pub(crate) ticket: Option<Secret<String>>,
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
        let mut reply = self.call(socket, "Begin", &parameters).await?;
        let begun = Begun {
            uri: secret(&mut reply, "uri")?,
            secret: secret(&mut reply, "secret")?,
            ticket: secret(&mut reply, "ticket")?,
        };
        // It becomes the target of a link: nothing else may be.
        if !begun.uri.expose().starts_with("otpauth://") {
            return Err(garbled("uri"));
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
    ) -> Result<Proven, Refused> {
        let parameters = Prove { ticket, otp, from };
        let mut reply = self.call(socket, "Prove", &parameters).await?;
        let clock = reply.take("device_clock_s").and_then(|s| s.as_i64());
        let ticket = match reply.take("recovery") {
            Some(Value::Bool(true)) => Some(secret(&mut reply, "ticket")?),
            _ => None,
        };
        Ok(Proven {
            user: text(&mut reply, "user")?,
            device_clock_s: clock.unwrap_or(0),
            ticket,
        })
    }

    /// Makes recovery codes.
    pub(crate) async fn recovery(
        &self,
        socket: &Path,
        from: IpAddr,
        ticket: &str,
    ) -> Result<Vec<Secret<String>>, Refused> {
        let parameters = Recovery { ticket, from };
        let mut reply = self.call(socket, "Recovery", &parameters).await?;
        let Some(Value::Array(codes)) = reply.take("codes") else {
            return Err(garbled("codes"));
        };
        let code = |value| match value {
            Value::String(text) => Ok(Secret::new(text)),
            _ => Err(garbled("codes")),
        };
        codes.into_iter().map(code).collect()
    }

    /// Says that whoever has the link reads the address; the address, masked.
    pub(crate) async fn confirm(
        &self,
        socket: &Path,
        from: IpAddr,
        link: &str,
    ) -> Result<String, Refused> {
        let parameters = Confirm { link, from };
        let mut reply = self.call(socket, "Confirm", &parameters).await?;
        text(&mut reply, "address_masked")
    }

    async fn call(
        &self,
        socket: &Path,
        method: &str,
        parameters: &impl Serialize,
    ) -> Result<Parameters, Refused> {
        let whole = async {
            let _turn = self.calls.acquire().await;
            exchange(socket, method, parameters).await
        };
        let late = |_| Refused::Unavailable("no answer in time".to_owned());
        timeout(CALL_MAX, whole).await.map_err(late)?
    }
}

async fn exchange(
    socket: &Path,
    method: &str,
    parameters: &impl Serialize,
) -> Result<Parameters, Refused> {
    let method = &*format!("org.mfad.Enrol.{method}");
    let call = CallFrame {
        method,
        parameters,
        more: false,
    };
    let octets = frame::write(&call).map_err(unavailable)?;
    let mut stream = UnixStream::connect(socket).await.map_err(unavailable)?;
    // A daemon that refuses the peer says why before it closes, whatever was sent.
    let sent = stream.write_all(&octets).await;
    let mut reader = FrameReader::default();
    loop {
        if let Some(members) = reader
            .take()
            .map_err(|error: FrameError| unavailable(error))?
        {
            return answer(Parameters::new(members));
        }
        match stream.read(reader.spare()).await {
            Ok(0) => {
                sent.map_err(unavailable)?;
                return Err(garbled("the end"));
            }
            Ok(read) => reader.filled(read),
            Err(error) => return Err(unavailable(error)),
        }
    }
}

fn answer(mut reply: Parameters) -> Result<Parameters, Refused> {
    let mut parameters = match reply.take("parameters") {
        Some(Value::Object(members)) => Parameters::new(members),
        _ => Parameters::default(),
    };
    let Some(error) = reply.take("error") else {
        return Ok(parameters);
    };
    let code = parameters.take("code");
    match code.as_ref().and_then(Value::as_str) {
        Some("E_LINK") => Err(Refused::Link),
        Some("E_OTP") => Err(Refused::Code(WrongCode {
            tries_left: parameters
                .take("tries_left")
                .and_then(|n| n.as_u64())
                .unwrap_or(0),
            device_clock_s: parameters.take("device_clock_s").and_then(|s| s.as_i64()),
        })),
        // What was typed cannot be: no link fits it.
        Some("E_ARG") if is_typed(&mut parameters) => Err(Refused::Link),
        _ => {
            let what = parameters.take("what");
            let what = what.as_ref().and_then(Value::as_str).unwrap_or_default();
            let error = error.as_str().unwrap_or_default();
            Err(Refused::Unavailable(format!("{error}: {what}")))
        }
    }
}

/// Whether the parameter that mfad does not like is one that a person has typed.
fn is_typed(fault: &mut Parameters) -> bool {
    let parameter = fault.take("parameter");
    let parameter = parameter.as_ref().and_then(Value::as_str);
    parameter.is_some_and(|name| ["link", "user", "code", "ticket", "otp"].contains(&name))
}

fn text(reply: &mut Parameters, name: &str) -> Result<String, Refused> {
    match reply.take(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(garbled(name)),
    }
}

fn secret(reply: &mut Parameters, name: &str) -> Result<Secret<String>, Refused> {
    text(reply, name).map(Secret::new)
}

fn garbled(what: &str) -> Refused {
    Refused::Unavailable(format!("the answer cannot be read: {what}"))
}

fn unavailable(error: impl std::fmt::Display) -> Refused {
    Refused::Unavailable(error.to_string())
}
