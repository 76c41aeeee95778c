//! Frames: JSON objects that end with a NUL octet.
//!
//! What arrives is held in one buffer of fixed size, so a peer cannot make the daemon grow, and is
//! overwritten as soon as it is parsed, because a frame may carry a secret. The reader of JSON is
//! strict: UTF-8 only, no key twice, no nesting beyond [`DEPTH_MAX`], nothing after the object.

use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::{Map, Number, Value};
use zeroize::{Zeroize, Zeroizing};

use super::message;

/// Longest call, in octets, without its NUL.
pub const FRAME_OCTETS_MAX: usize = 64 * 1024;
/// Deepest nesting of objects and arrays, the frame itself being 1.
pub const DEPTH_MAX: usize = 16;
/// Room that a reply begins with, in octets.
const REPLY_OCTETS: usize = 4096;

/// Why octets are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No NUL within the bound.
    #[error("a frame cannot be longer than {FRAME_OCTETS_MAX} octets")]
    TooLong,
    /// Not UTF-8.
    #[error("a frame is UTF-8, and octet {at} is not")]
    NotUtf8 {
        /// Where, from 0.
        at: usize,
    },
    /// Not JSON, or JSON that is refused: too deep, a key twice.
    #[error("{0}")]
    Json(String),
    /// JSON, but not an object.
    #[error("a frame is a JSON object")]
    NotObject,
}

/// Collects octets until a frame is whole.
pub struct FrameReader {
    buffer: Zeroizing<Box<[u8]>>,
    length: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        let buffer = vec![0; FRAME_OCTETS_MAX + 1].into_boxed_slice();
        Self {
            buffer: Zeroizing::new(buffer),
            length: 0,
        }
    }
}

impl FrameReader {
    /// The room for what arrives next; empty if a frame must be taken first.
    pub fn spare(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.length..).unwrap_or_default()
    }

    /// Says how much of the room was filled.
    pub fn filled(&mut self, octets: usize) {
        self.length = self.length.saturating_add(octets).min(self.buffer.len());
    }

    /// Whether nothing has arrived since the last frame.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes the next whole frame, if there is one, and overwrites it.
    pub fn take(&mut self) -> Result<Option<Map<String, Value>>, FrameError> {
        let held = self.buffer.get(..self.length).unwrap_or_default();
        let Some(end) = held.iter().position(|octet| *octet == 0) else {
            return if self.length > FRAME_OCTETS_MAX {
                Err(FrameError::TooLong)
            } else {
                Ok(None)
            };
        };
        let parsed = parse(held.get(..end).unwrap_or_default());
        self.buffer.copy_within(end + 1..self.length, 0);
        let rest = self.length - end - 1;
        if let Some(used) = self.buffer.get_mut(rest..self.length) {
            used.zeroize();
        }
        self.length = rest;
        parsed.map(Some)
    }
}

/// Reads the JSON of one frame, strictly.
pub fn parse(octets: &[u8]) -> Result<Map<String, Value>, FrameError> {
    let text = std::str::from_utf8(octets).map_err(|error| FrameError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let json = |error: serde_json::Error| FrameError::Json(error.to_string());
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut value = Strict { depth: 0 }.deserialize(&mut reader).map_err(json)?;
    if let Err(error) = reader.end() {
        message::wipe(&mut value);
        return Err(json(error));
    }
    match value {
        Value::Object(members) => Ok(members),
        mut other => {
            message::wipe(&mut other);
            Err(FrameError::NotObject)
        }
    }
}

/// Writes one frame with its NUL; the octets are wiped when they are dropped.
pub fn write(message: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut frame = WipedOctets(Zeroizing::new(Vec::with_capacity(REPLY_OCTETS)));
    serde_json::to_writer(&mut frame, message)?;
    frame.append(&[0]);
    Ok(frame.0)
}

/// A buffer that leaves no copy behind when it grows.
struct WipedOctets(Zeroizing<Vec<u8>>);

impl WipedOctets {
    fn append(&mut self, octets: &[u8]) {
        let needed = self.0.len() + octets.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(octets);
    }
}

impl io::Write for WipedOctets {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.append(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a value inside `depth` others.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!(
                "nested deeper than {DEPTH_MAX} levels"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            if members.contains_key(&key) {
                let mut held = Value::Object(members);
                message::wipe(&mut held);
                return Err(A::Error::custom(format_args!(
                    "the key `{key}` stands twice"
                )));
            }
            let value = from.next_value_seed(inner)?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn feed(reader: &mut FrameReader, octets: &[u8]) {
        reader.spare()[..octets.len()].copy_from_slice(octets);
        reader.filled(octets.len());
    }

    #[test]
    fn finds_frames_wherever_the_octets_are_cut() {
        let octets = b"{\"a\":1}\0{\"b\":[true,null,\"\\u00fc\"]}\0{";
        for cut in 0..=octets.len() {
            let mut reader = FrameReader::default();
            let mut found = Vec::new();
            for part in [&octets[..cut], &octets[cut..]] {
                feed(&mut reader, part);
                while let Some(members) = reader.take().unwrap() {
                    found.push(Value::Object(members));
                }
            }
            assert_eq!(found, [json!({"a": 1}), json!({"b": [true, null, "ü"]})]);
            assert!(!reader.is_empty());
        }
    }

    #[test]
    fn leaves_nothing_of_a_frame_in_the_buffer() {
        let mut reader = FrameReader::default();
        feed(&mut reader, b"{\"pin\":\"402817\"}\0");
        assert!(reader.take().unwrap().is_some());
        assert!(reader.buffer.iter().all(|octet| *octet == 0));
        feed(&mut reader, b"\"402817\"\0");
        assert_eq!(reader.take(), Err(FrameError::NotObject));
        assert!(reader.buffer.iter().all(|octet| *octet == 0));
    }

    #[test]
    fn refuses_one_octet_too_many() {
        let mut reader = FrameReader::default();
        feed(&mut reader, &vec![b' '; FRAME_OCTETS_MAX]);
        assert_eq!(reader.take(), Ok(None));
        feed(&mut reader, b" ");
        assert_eq!(reader.take(), Err(FrameError::TooLong));
        assert!(reader.spare().is_empty());
    }

    #[test]
    fn writes_what_it_reads() {
        let long = json!({"text": "ü\n".repeat(5000), "n": -1, "f": 0.5});
        let frame = write(&long).unwrap();
        let (end, text) = frame.split_last().unwrap();
        assert_eq!(*end, 0);
        assert_eq!(parse(text).map(Value::Object), Ok(long));
    }
}
