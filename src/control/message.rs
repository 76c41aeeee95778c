//! Calls and replies of varlink.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::fault::{Fault, FaultParameters};

/// Parameters of a call; every text that nobody took out is wiped on drop, since one may be a
/// secret.
#[derive(Default)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// Takes the parameters over.
    #[must_use]
    pub const fn new(values: Map<String, Value>) -> Self {
        Self(values)
    }

    /// Takes one out; an explicit null is the same as none.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Looks at one; an explicit null is the same as none.
    #[must_use]
    pub fn look(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The names that are stated.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

/// Overwrites every text in a value.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(values) => values.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a client asks.
pub struct Call {
    /// Full name of the method.
    pub method: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// No reply is wanted.
    pub oneway: bool,
    /// Several replies are wanted.
    pub more: bool,
}

impl Call {
    /// Reads a call from the JSON of a frame.
    pub fn parse(frame: Map<String, Value>) -> Result<Self, Fault> {
        let mut frame = Parameters::new(frame);
        let known = ["method", "parameters", "oneway", "more", "upgrade"];
        if let Some(name) = frame.names().find(|name| !known.contains(name)) {
            return Err(Fault::bad_frame(format!("a call has no member `{name}`")));
        }
        let Some(Value::String(method)) = frame.take("method") else {
            return Err(Fault::bad_frame("a call needs the text `method`"));
        };
        let parameters = match frame.take("parameters") {
            Some(Value::Object(values)) => Parameters::new(values),
            None => Parameters::default(),
            Some(mut other) => {
                wipe(&mut other);
                return Err(Fault::bad_frame("`parameters` of a call is an object"));
            }
        };
        if flag(&mut frame, "upgrade")? {
            return Err(Fault::bad_frame("mfad upgrades no connection"));
        }
        Ok(Self {
            method,
            parameters,
            oneway: flag(&mut frame, "oneway")?,
            more: flag(&mut frame, "more")?,
        })
    }
}

fn flag(frame: &mut Parameters, name: &str) -> Result<bool, Fault> {
    match frame.take(name) {
        None => Ok(false),
        Some(Value::Bool(set)) => Ok(set),
        Some(_) => Err(Fault::bad_frame(format!("`{name}` of a call is a bool"))),
    }
}

/// A call on its way out; for clients.
#[derive(Serialize)]
pub struct CallFrame<'a, P> {
    /// Full name of the method.
    pub method: &'a str,
    /// Its parameters, an object.
    pub parameters: &'a P,
    /// Several replies are wanted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A reply on its way out.
pub enum ReplyFrame<'a, P> {
    /// The last reply, or the only one.
    Last(&'a P),
    /// One of several; another follows.
    Continues(&'a P),
    /// An error: the last reply as well.
    Error(&'a Fault),
}

impl<P: Serialize> Serialize for ReplyFrame<'_, P> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut frame = to.serialize_map(None)?;
        match self {
            Self::Last(parameters) => frame.serialize_entry("parameters", parameters)?,
            Self::Continues(parameters) => {
                frame.serialize_entry("parameters", parameters)?;
                frame.serialize_entry("continues", &true)?;
            }
            Self::Error(fault) => {
                frame.serialize_entry("error", &fault.error)?;
                frame.serialize_entry("parameters", &fault.parameters)?;
            }
        }
        frame.end()
    }
}

/// A reply as a client reads it.
pub struct Answer<P> {
    /// The parameters, if it is no error.
    pub parameters: P,
    /// Another reply follows.
    pub continues: bool,
}

/// Reads a reply frame: parameters of type `P`, or the named error.
pub fn answer<P: serde::de::DeserializeOwned>(
    frame: &[u8],
) -> Result<Result<Answer<P>, Fault>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head {
        error: Option<String>,
        #[serde(default)]
        continues: bool,
    }
    #[derive(Deserialize)]
    struct Body<P> {
        parameters: P,
    }
    let head: Head = serde_json::from_slice(frame)?;
    if let Some(error) = head.error {
        #[derive(Deserialize)]
        struct Detail {
            #[serde(default)]
            parameters: Box<FaultParameters>,
        }
        let parameters = serde_json::from_slice::<Detail>(frame)?.parameters;
        return Ok(Err(Fault { error, parameters }));
    }
    let body: Body<P> = serde_json::from_slice(frame)?;
    Ok(Ok(Answer {
        parameters: body.parameters,
        continues: head.continues,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::frame;
    use crate::control::reply::{DoneReply, Seats};

    fn read<P: serde::de::DeserializeOwned>(text: &str) -> Result<Answer<P>, Fault> {
        answer(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_client_reads_replies_and_errors() {
        let seats = read::<Seats>(r#"{"parameters":{"counted":7,"newer":1},"continues":true}"#);
        let seats = seats.ok().unwrap();
        assert_eq!((seats.parameters.counted, seats.continues), (7, true));
        let fault = Fault::argument("no").request(Some("r1".to_owned()));
        let frame = frame::write(&ReplyFrame::<()>::Error(&fault)).unwrap();
        let text = std::str::from_utf8(&frame[..frame.len() - 1]).unwrap();
        assert_eq!(read::<Seats>(text).err(), Some(fault));
    }

    #[test]
    fn a_revealed_secret_arrives() {
        let text = r#"{"parameters":{"done":{"reveal":{"kind":"otpauth_uri","text":"a\"b"}}}}"#;
        let done = read::<DoneReply>(text).ok().unwrap().parameters.done;
        assert_eq!(done.reveal.unwrap().text.expose(), "a\"b");
    }

    #[test]
    fn a_call_is_written_as_it_is_read() {
        let call = CallFrame {
            method: "org.mfad.Users.Find",
            parameters: &serde_json::json!({"locked": true}),
            more: true,
        };
        let octets = frame::write(&call).unwrap();
        let members = frame::parse(&octets[..octets.len() - 1]).unwrap();
        let read = Call::parse(members).ok().unwrap();
        assert_eq!(read.method, call.method);
        assert!(read.more && !read.oneway);
        assert_eq!(read.parameters.names().collect::<Vec<_>>(), ["locked"]);
    }
}
