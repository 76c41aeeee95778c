//! An operator at the control socket, in plain Varlink: NUL-terminated JSON, and nothing of mfad's
//! own client.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

/// Somebody who may use the control socket.
pub(crate) struct Operator {
    socket: PathBuf,
}

impl Operator {
    pub(crate) const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Calls a method; the answer as it comes, without its end.
    pub(crate) fn octets(&self, method: &str, parameters: &Value) -> Vec<u8> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let call = json!({"method": format!("org.mfad.{method}"), "parameters": parameters});
        stream.write_all(call.to_string().as_bytes()).unwrap();
        stream.write_all(&[0]).unwrap();
        let mut octets = Vec::new();
        let mut piece = [0; 4096];
        while octets.last() != Some(&0) {
            let length = stream.read(&mut piece).unwrap();
            assert!(
                length > 0,
                "{method}: the control socket closed without an answer"
            );
            octets.extend_from_slice(&piece[..length]);
        }
        octets.pop();
        octets
    }

    /// Calls a method; the parameters of the answer, or the error with its name.
    pub(crate) fn try_call(&self, method: &str, parameters: &Value) -> Result<Value, Value> {
        let reply: Value = serde_json::from_slice(&self.octets(method, parameters)).unwrap();
        if reply.get("error").is_some() {
            Err(reply)
        } else {
            Ok(reply["parameters"].clone())
        }
    }

    /// Calls a method that must be carried out.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters)
            .unwrap_or_else(|error| panic!("{method} {parameters}: {error}"))
    }

    /// A change to one person, with a reason.
    pub(crate) fn change(&self, method: &str, user: &str, more: &Value) -> Value {
        let mut parameters = json!({"user": user, "reason": "end to end test"});
        for (name, value) in more.as_object().into_iter().flatten() {
            parameters[name] = value.clone();
        }
        let done = self.call(method, &parameters);
        assert!(done["done"]["audit"].is_u64(), "{method}: recorded: {done}");
        done
    }

    pub(crate) fn set_state(&self, user: &str, state: &str) {
        self.change("Users.SetState", user, &json!({"state": state}));
    }

    pub(crate) fn show(&self, user: &str) -> Value {
        self.call("Users.Show", &json!({"user": user}))
    }
}
