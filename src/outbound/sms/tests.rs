//! The request in octets, and that nothing that is filled in gets out of its place.

use serde_json::Value;

use super::*;
use crate::config::{self, SecretFault, SecretSource, Secrets, Source};
use crate::domain::message::{Line, MessageId};
use crate::secret::SecretBytes;
use crate::time::Timestamp;

struct OneSecret;

impl Secrets for OneSecret {
    fn read(&self, _: &SecretSource) -> Result<SecretBytes, SecretFault> {
        Ok(SecretBytes::copy_of(b"a\"b\\c&d=e f%41\n"))
    }
}

fn configured(lines: &str) -> Sms {
    let source = Source {
        path: "/etc/mfad/mfad.toml".into(),
        text: format!("[sms]\nsecret_file = \"sms.secret\"\n{lines}"),
    };
    let loaded = config::parse(&[source], "mfa1", &OneSecret);
    let loaded = loaded.map_err(|problems| problems.to_string());
    loaded.unwrap().config.sms.unwrap()
}

fn written(config: &Sms, text: &str) -> String {
    enclosing(config, text, None)
}

fn enclosing(config: &Sms, text: &str, clear: Option<&str>) -> String {
    let to = Phone::parse("+491701234567").unwrap();
    let message = Message {
        id: MessageId([0xab; 16]),
        to: to.clone().into(),
        what: "locked".to_owned(),
        about: None,
        subject: Line::new("x"),
        text: text.to_owned(),
        enclosed: None,
        at: Timestamp(0),
        until: None,
        extra: serde_json::Map::new(),
    };
    String::from_utf8(request(config, &to, &message, clear).to_vec()).unwrap()
}

/// Whatever means something in some place.
const EVIL: &str = "a&b=c \"x\"}],\\ %41+\u{e4}\r\nX-Evil: {secret}{to}\u{0}\u{7f}<script>#?/\n";

#[test]
fn a_request_in_full() {
    let config = configured(
        "url = \"https://api.sms.example.net/2010/Messages.json\"\n\
         headers = { Authorization = \"Basic {secret}\", X-Id = \"{id}\" }\n\
         body = \"To={to}&From=%2B4930&Body={text}\"\n",
    );
    assert_eq!(
        written(&config, "Grüße & mehr\n"),
        "POST /2010/Messages.json HTTP/1.1\r\n\
         Host: api.sms.example.net\r\n\
         User-Agent: mfad\r\n\
         Accept-Encoding: identity\r\n\
         Connection: close\r\n\
         Authorization: Basic a\"b\\c&d=e f%41\r\n\
         X-Id: abababababababababababababababab\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 65\r\n\
         \r\n\
         To=%2B491701234567&From=%2B4930&Body=Gr%C3%BC%C3%9Fe%20%26%20mehr"
    );
}

#[test]
fn what_is_enclosed_comes_to_its_place() {
    let config = configured(
        "url = \"https://sms.example.net/?key={secret}\"\nbody = \"to={digits}&t={text}\"\n",
    );
    let request = enclosing(&config, "Your code: \u{fffc}.\n", Some("012345"));
    assert!(
        request.ends_with("&t=Your%20code%3A%20012345."),
        "{request}"
    );
}

#[test]
fn nothing_that_is_filled_in_leaves_its_text_of_json() {
    let config = configured(
        "url = \"https://sms.example.net\"\n\
         body = '{\"to\":[\"{digits}\"],\"text\":\"<{text}>\",\"key\":\"{secret}\"}'\n",
    );
    let request = written(&config, EVIL);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("Content-Type: application/json\r\n"),
        "{head}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    let wanted = serde_json::json!({
        "to": ["491701234567"],
        "text": format!("<{}>", EVIL.trim_end()),
        "key": "a\"b\\c&d=e f%41",
    });
    assert_eq!(body, wanted);
}

#[test]
fn nothing_that_is_filled_in_leaves_its_field_of_a_form_or_url() {
    let config = configured(
        "url = \"https://sms.example.net/?text={text}&key={secret}\"\nbody = \"t={text}&to={to}\"\n",
    );
    let request = written(&config, EVIL);
    let (line, rest) = request.split_once(" HTTP/1.1\r\n").unwrap();
    let (head, body) = rest.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Evil"), "{head}");
    let escaped = |text: &str| -> String {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
        let sign = |octet: u8| match plain(octet) {
            true => char::from(octet).to_string(),
            false => format!("%{octet:02X}"),
        };
        text.bytes().map(sign).collect()
    };
    let text = escaped(EVIL.trim_end());
    let key = escaped("a\"b\\c&d=e f%41");
    assert_eq!(line, format!("POST /?text={text}&key={key}"));
    assert_eq!(body, format!("t={text}&to=%2B491701234567"));
}

#[test]
fn a_get_carries_nothing() {
    let config = configured(
        "method = \"GET\"\nurl = \"https://sms.example.net?to={to}&t={text}&k={secret}\"\n",
    );
    let request = written(&config, "x");
    assert!(
        request.starts_with("GET /?to=%2B491701234567&t=x&k=a%22"),
        "{request}"
    );
    assert!(request.ends_with("Connection: close\r\n\r\n"), "{request}");
}
