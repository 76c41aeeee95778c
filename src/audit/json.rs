//! Writes one line of JSON straight into octets.
//!
//! A sign-in waits for this, so it builds no tree and, for text without anything to escape, copies
//! in one piece. Escaped are the two signs that JSON asks for and everything that could end a line
//! or steer a terminal: all control characters (also U+007F to U+009F) and the two separators
//! U+2028 and U+2029. The same value always gives the same octets.

use std::fmt::{self, Display, Write};
use std::net::SocketAddr;

use serde_json::Value;

use super::{hex, wall};
use crate::time::Timestamp;

/// Most digits of a number.
const DIGITS_MAX: usize = 20;

/// A line being written.
pub(super) struct Line(Vec<u8>);

impl Line {
    /// An empty line with room for `octets`.
    pub(super) fn with_capacity(octets: usize) -> Self {
        Self(Vec::with_capacity(octets))
    }

    /// The octets written.
    pub(super) fn into_octets(self) -> Vec<u8> {
        self.0
    }

    /// Appends octets that are JSON already.
    pub(super) fn raw(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// Begins an object.
    pub(super) fn open(&mut self) {
        self.0.push(b'{');
    }

    /// Ends an object.
    pub(super) fn close(&mut self) {
        self.0.push(b'}');
    }

    /// Begins a member whose name needs no escaping.
    pub(super) fn key(&mut self, name: &'static str) {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Begins a member of any name.
    pub(super) fn any_key(&mut self, name: &str) {
        self.separate();
        self.text(name);
        self.0.push(b':');
    }

    /// Writes a text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push(b'"');
        self.escape(text);
        self.0.push(b'"');
    }

    /// Writes as a text what displays itself.
    pub(super) fn shown(&mut self, what: &impl Display) {
        self.0.push(b'"');
        // Escaping cannot fail, and a Vec takes every octet.
        let _ = write!(Escape(self), "{what}");
        self.0.push(b'"');
    }

    /// Writes an address and port as a text, IPv4 without the machinery of formatting.
    pub(super) fn address(&mut self, address: SocketAddr) {
        let SocketAddr::V4(v4) = address else {
            return self.shown(&address);
        };
        let mut before = b'"';
        for octet in v4.ip().octets() {
            self.0.push(before);
            self.number(u64::from(octet));
            before = b'.';
        }
        self.0.push(b':');
        self.number(u64::from(v4.port()));
        self.0.push(b'"');
    }

    /// Writes octets as a text of hexadecimal digits.
    pub(super) fn hex(&mut self, octets: &[u8]) {
        self.0.push(b'"');
        hex::write(&mut self.0, octets);
        self.0.push(b'"');
    }

    /// Writes a time as a text.
    pub(super) fn time(&mut self, time: Timestamp) {
        self.0.push(b'"');
        wall::write(&mut self.0, time);
        self.0.push(b'"');
    }

    /// Writes a number.
    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [b'0'; DIGITS_MAX];
        let mut unused = DIGITS_MAX;
        for place in digits.iter_mut().rev() {
            let [low, ..] = (number % 10).to_le_bytes();
            *place += low;
            unused -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0
            .extend_from_slice(digits.get(unused..).unwrap_or_default());
    }

    /// Writes any value; the members of an object stay in their order.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw(b"null"),
            Value::Bool(true) => self.raw(b"true"),
            Value::Bool(false) => self.raw(b"false"),
            Value::Number(number) => match number.as_u64() {
                Some(number) => self.number(number),
                None => self.raw(number.to_string().as_bytes()),
            },
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.0.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.0.push(b',');
                    }
                    self.value(item);
                }
                self.0.push(b']');
            }
            Value::Object(members) => {
                self.open();
                for (name, value) in members {
                    self.any_key(name);
                    self.value(value);
                }
                self.close();
            }
        }
    }

    fn separate(&mut self) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
    }

    fn escape(&mut self, text: &str) {
        if !text
            .bytes()
            .any(|octet| SUSPECT.get(usize::from(octet)).is_none_or(|it| *it))
        {
            self.0.extend_from_slice(text.as_bytes());
            return;
        }
        for sign in text.chars() {
            match sign {
                '"' => self.raw(b"\\\""),
                '\\' => self.raw(b"\\\\"),
                '\n' => self.raw(b"\\n"),
                '\r' => self.raw(b"\\r"),
                '\t' => self.raw(b"\\t"),
                '\u{2028}' | '\u{2029}' => self.escape_code(sign),
                _ if sign.is_control() => self.escape_code(sign),
                _ => self
                    .0
                    .extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escape_code(&mut self, sign: char) {
        let [.., high, low] = u32::from(sign).to_be_bytes();
        self.raw(b"\\u");
        hex::write(&mut self.0, &[high, low]);
    }
}

/// Whether an octet of UTF-8 may belong to something that is escaped.
const fn suspect(octet: u8) -> bool {
    matches!(octet, 0..=0x1f | b'"' | b'\\' | 0x7f | 0xc2 | 0xe2)
}

/// [`suspect`] of every octet: one look instead of six comparisons.
static SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < table.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        #[expect(clippy::indexing_slicing, reason = "below the length")]
        {
            table[octet] = suspect(octet as u8);
        }
        octet += 1;
    }
    table
};

/// Lets `write!` escape.
struct Escape<'a>(&'a mut Line);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.escape(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        let mut line = Line::with_capacity(0);
        line.value(value);
        String::from_utf8(line.into_octets()).unwrap()
    }

    #[test]
    fn escapes_every_sign_that_could_do_harm() {
        for code in (0..=0x2100).chain([0xfeff, 0x1_f600, 0x10_ffff]) {
            let Some(sign) = char::from_u32(code) else {
                continue;
            };
            let value = json!(format!("a{sign}b"));
            let text = written(&value);
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert!(!text.chars().any(char::is_control), "{code:x}");
            assert!(!text.contains(['\u{2028}', '\u{2029}']), "{code:x}");
        }
    }

    #[test]
    fn writes_what_the_library_writes() {
        let value = json!({
            "none": null, "yes": true, "no": false, "list": [1, [], {}, "x"], "big": u64::MAX,
            "small": i64::MIN, "zero": 0, "half": 0.5, "q\"": {"a": [0, 10, 100]}
        });
        assert_eq!(written(&value), value.to_string());
    }

    #[test]
    fn escapes_what_displays_itself() {
        let mut line = Line::with_capacity(0);
        line.shown(&"a\"\u{7}");
        assert_eq!(line.into_octets(), b"\"a\\\"\\u0007\"");
    }

    #[test]
    fn writes_addresses_as_they_display_themselves() {
        for text in ["0.0.0.0:0", "192.0.2.250:65535", "[2001:db8::7]:1812"] {
            let mut line = Line::with_capacity(0);
            line.address(text.parse().unwrap());
            assert_eq!(line.into_octets(), format!("\"{text}\"").into_bytes());
        }
    }

    proptest! {
        #[test]
        fn reads_back(text in any::<String>(), number in any::<u64>(), signed in any::<i64>()) {
            let value = json!({ &text: [&text, number, signed] });
            prop_assert_eq!(serde_json::from_str::<Value>(&written(&value)).unwrap(), value);
        }
    }
}
