//! Headless Chromium, led by chromedriver over plain HTTP, which has a protocol for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The name under which an answer states an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A page takes no longer, a cold browser included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A window as wide and as high as that of a phone.
const PHONE: (u32, u32) = (390, 844);

/// What the person at the browser prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// A browser with one window. Dropping it ends it.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser, which chromedriver has started.
        let session = std::mem::take(&mut self.session);
        if !session.is_empty() {
            let _ = self.send("DELETE", &format!("/session/{session}"), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Opens one for which `host` is at `address`, whatever its certificate says.
    pub(crate) fn open(host: &str, address: SocketAddr, scheme: Scheme) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let line = lines
            .find(|line| line.as_ref().unwrap().contains("successfully on port "))
            .unwrap();
        let line = line.unwrap();
        let port = line
            .rsplit("on port ")
            .next()
            .unwrap()
            .trim_end_matches('.');
        let port = port.parse().unwrap();
        // It says more, which nobody reads; a full pipe would stop it.
        std::thread::spawn(move || lines.count());
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            format!("--host-resolver-rules=MAP {host}:443 {address}"),
        ];
        if nix::unistd::geteuid().is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"args": arguments},
        }}});
        let made = browser.send("POST", "/session", &capabilities);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        browser.command("Emulation.setEmulatedMedia", &media);
        browser.be_high(PHONE.1);
        browser
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// The text of what a selector names, as it is rendered.
    pub(crate) fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.get(&format!("element/{element}/text"));
        text.as_str().unwrap().to_owned()
    }

    /// An attribute of what a selector names.
    pub(crate) fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.element(selector);
        let value = self.get(&format!("element/{element}/attribute/{name}"));
        value.as_str().unwrap().to_owned()
    }

    pub(crate) fn enter(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(
            &format!("element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Presses the button, and waits for the page behind it.
    pub(crate) fn press(&self, selector: &str) {
        let (before, element) = (self.element("html"), self.element(selector));
        self.post(&format!("element/{element}/click"), &json!({}));
        let end = Instant::now() + PATIENCE;
        let by = json!({"using": "css selector", "value": "html"});
        let path = format!("/session/{}/element", self.session);
        // Between two pages there may be none to look at.
        while self
            .try_send("POST", &path, &by)
            .is_none_or(|found| found[ELEMENT] == *before)
        {
            assert!(Instant::now() < end, "no page behind {selector}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Goes on from field to field as a keyboard does; the name of the one that is reached.
    pub(crate) fn tab(&self) -> String {
        let key = |kind: &str| json!({"type": kind, "value": "\u{e004}"});
        let keys =
            json!([{"type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")]}]);
        self.post("actions", &json!({ "actions": keys }));
        let active = self.get("element/active");
        let element = active[ELEMENT].as_str().unwrap();
        let name = self.get(&format!("element/{element}/name"));
        let id = self.get(&format!("element/{element}/attribute/id"));
        let id = id.as_str().unwrap_or_default();
        format!("{} {id}", name.as_str().unwrap())
            .trim_end()
            .to_owned()
    }

    /// The whole page as a PNG: the phone is as high as the page for a moment.
    pub(crate) fn picture(&self) -> Vec<u8> {
        self.be_high(PHONE.1.max(self.page().1));
        let shot = self.get("screenshot");
        self.be_high(PHONE.1);
        base64(shot.as_str().unwrap())
    }

    /// How much wider the page is than the window, in pixels: what has to be scrolled sideways.
    pub(crate) fn overhang(&self) -> u32 {
        self.page().0.saturating_sub(PHONE.0)
    }

    /// Width and height of the page, in pixels of the style sheet.
    fn page(&self) -> (u32, u32) {
        let size = &self.command("Page.getLayoutMetrics", &json!({}))["cssContentSize"];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "pixels of a small page"
        )]
        let pixels = |name: &str| size[name].as_f64().unwrap().ceil() as u32;
        (pixels("width"), pixels("height"))
    }

    fn be_high(&self, height: u32) {
        let metrics =
            json!({"width": PHONE.0, "height": height, "deviceScaleFactor": 2, "mobile": true});
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// A command of the browser's own protocol.
    fn command(&self, name: &str, parameters: &Value) -> Value {
        self.post(
            "goog/cdp/execute",
            &json!({"cmd": name, "params": parameters}),
        )
    }

    fn element(&self, selector: &str) -> String {
        let by = json!({"using": "css selector", "value": selector});
        let found = self.post("element", &by);
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn get(&self, what: &str) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        self.send("GET", &path, &Value::Null)
    }

    #[track_caller]
    fn post(&self, what: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        self.send("POST", &path, body)
    }

    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.exchange(method, path, body);
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value
    }

    fn try_send(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let value = self.exchange(method, path, body);
        value.get("error").is_none().then_some(value)
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // To the stated length and not to the end: the browser that is started by such a request
        // inherits the connection and keeps it open.
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        let mut line = String::new();
        while answer.read_line(&mut line).unwrap() > 2 {
            if let Some(stated) = line.to_lowercase().strip_prefix("content-length:") {
                length = stated.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        answer["value"].take()
    }
}

/// Reads base64 with its padding.
fn base64(text: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding as _};
    Base64::decode_vec(text).unwrap()
}
