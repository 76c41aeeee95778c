//! A stand-in for mfad: answers `org.mfad.Enrol` as its description says, and remembers each call.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Who has the link, what was handed out for it, and what the app shows.
pub(crate) const LINK: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1";
pub(crate) const ADDRESS_LINK: &str =
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB2";
pub(crate) const USER: &str = "alice";
pub(crate) const CODE: &str = "K7Q2M-4XW9P";
pub(crate) const OTP: &str = "755224";
/// A code of 90 s ago.
pub(crate) const LATE_OTP: &str = "287082";
pub(crate) const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub(crate) const TICKET: &str = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC3";
pub(crate) const LAST_TICKET: &str =
    "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD4";

/// What was asked.
#[derive(Default)]
struct Seen {
    calls: Vec<Value>,
    used: HashSet<String>,
}

/// The stand-in; it runs until the test ends.
pub(crate) struct Fake {
    seen: Arc<Mutex<Seen>>,
}

impl Fake {
    pub(crate) fn listen(path: &Path) -> Self {
        Self::naming(path, USER)
    }

    /// The same for a person of another name.
    pub(crate) fn naming(path: &Path, user: &'static str) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &seen, user));
            }
        });
        Self { seen }
    }

    /// Methods that were called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let method = |call: &Value| call["method"].as_str().unwrap().to_owned();
        seen.calls.iter().map(method).collect()
    }

    pub(crate) fn last(&self) -> Value {
        self.seen.lock().unwrap().calls.last().unwrap().clone()
    }
}

fn serve(stream: UnixStream, seen: &Mutex<Seen>, user: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut octets = Vec::new();
    while reader.read_until(0, &mut octets).unwrap_or(0) > 0 {
        octets.pop();
        let call: Value = serde_json::from_slice(&octets).unwrap();
        octets.clear();
        let reply = answer(&call, &mut seen.lock().unwrap(), user);
        let reply = reply.unwrap_or_else(|code| {
            let error = format!("org.mfad.{code}");
            let code = format!("E_{}", code.to_uppercase());
            let what = "no";
            let mut fault = json!({"code": code, "what": what});
            if code == "E_OTP" {
                fault["tries_left"] = json!(4);
                if call["parameters"]["otp"] == LATE_OTP {
                    fault["device_clock_s"] = json!(-90);
                }
            }
            json!({"error": error, "parameters": fault})
        });
        let mut octets = serde_json::to_vec(&reply).unwrap();
        octets.push(0);
        if (&stream).write_all(&octets).is_err() {
            return;
        }
    }
}

fn answer(call: &Value, seen: &mut Seen, user: &str) -> Result<Value, &'static str> {
    seen.calls.push(call.clone());
    let given = |name: &str| call["parameters"][name].as_str().unwrap_or_default();
    let mut use_up = |handle: &str| seen.used.insert(handle.to_owned());
    let parameters = match call["method"].as_str().unwrap() {
        "org.mfad.Enrol.Begin" => {
            let right = (given("link"), given("user"), given("code")) == (LINK, user, CODE);
            if !right || !use_up(LINK) {
                return Err("Link");
            }
            let label: String = user.bytes().map(|octet| format!("%{octet:02X}")).collect();
            let uri = format!("otpauth://totp/mfad:{label}?secret={SEED}&issuer=mfad");
            json!({"user": user, "uri": uri, "secret": SEED, "digits": 6, "period_s": 30,
                   "ticket": TICKET, "expires": "2026-11-22T10:00:00Z"})
        }
        "org.mfad.Enrol.Prove" => match (given("ticket"), given("otp")) {
            (TICKET, OTP) if use_up(TICKET) => json!({"user": user, "device_clock_s": 0,
                "recovery": true, "ticket": LAST_TICKET}),
            (TICKET, _) if !seen.used.contains(TICKET) => return Err("Otp"),
            _ => return Err("Link"),
        },
        "org.mfad.Enrol.Recovery" => {
            if given("ticket") != LAST_TICKET || !use_up(LAST_TICKET) {
                return Err("Link");
            }
            json!({"codes": ["ABCDE-FGHJK", "MNPQR-STVWX"]})
        }
        "org.mfad.Enrol.Confirm" => {
            if given("link") != ADDRESS_LINK || !use_up(ADDRESS_LINK) {
                return Err("Link");
            }
            json!({"address_masked": "a***@example.org"})
        }
        _ => return Err("Arg"),
    };
    Ok(json!({ "parameters": parameters }))
}
