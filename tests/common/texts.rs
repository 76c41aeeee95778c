//! An SMS gateway on loopback: takes requests over HTTP, and keeps what they bring.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A running gateway; it ends with the process.
pub(crate) struct Texts {
    port: u16,
    had: Receiver<String>,
}

impl Texts {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, had) = channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = String::new();
                BufReader::new(&stream).read_line(&mut request).unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .unwrap();
                let _ = sender.send(request);
            }
        });
        Self { port, had }
    }

    /// What stands in the configuration of a site that sends here.
    pub(crate) fn config(&self) -> String {
        let port = self.port;
        format!(
            "\n[sms]\nurl = \"http://127.0.0.1:{port}/send?to={{to}}&text={{text}}\"\n\
             method = \"GET\"\n[token_types.sms]\nenabled = true\n"
        )
    }

    /// The next request with these words, as it stands in the address; others are passed over.
    pub(crate) fn wait(&self, words: &str) -> String {
        loop {
            let request = self.had.recv_timeout(Duration::from_secs(30)).unwrap();
            assert!(request.starts_with("GET /send?to="), "{request}");
            if request.contains(words) {
                return request;
            }
        }
    }

    /// The code of the next message for a sign-in.
    pub(crate) fn code(&self, digits: usize) -> String {
        let request = self.wait("sign-in%3A%20");
        let (_, rest) = request.split_once("sign-in%3A%20").unwrap();
        rest.chars().take(digits).collect()
    }
}
