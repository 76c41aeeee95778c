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
        Self::ask(&mut self.connect(), method, parameters)
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        stream
    }

    fn ask(stream: &mut UnixStream, method: &str, parameters: &Value) -> Vec<u8> {
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

    /// Hands over a file, and has what stands there brought in.
    pub(crate) fn import(&self, file: &str, method: &str, parameters: &Value) -> Value {
        let mut stream = self.connect();
        Self::ask(&mut stream, "Daemon.Upload", &json!({"text": file}));
        let octets = Self::ask(&mut stream, method, parameters);
        let reply: Value = serde_json::from_slice(&octets).unwrap();
        assert!(reply.get("error").is_none(), "{method}: {reply}");
        reply["parameters"].clone()
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

    /// A new auth code of somebody.
    pub(crate) fn auth_code(&self, user: &str) -> String {
        let done = self.change("Tokens.AuthCodeGenerate", user, &json!({}));
        revealed(&done).to_owned()
    }

    pub(crate) fn show(&self, user: &str) -> Value {
        self.call("Users.Show", &json!({"user": user}))
    }
}

/// What a change shows once.
pub(crate) fn revealed(done: &Value) -> &str {
    done["done"]["reveal"]["text"].as_str().unwrap()
}

/// The secret of a token that was added.
pub(crate) fn secret(added: &Value) -> &str {
    let (_, secret) = revealed(added).split_once("secret=").unwrap();
    secret.split('&').next().unwrap()
}
