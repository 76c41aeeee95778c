//! A mail server on loopback that takes what it gets, except for `refused@example.org`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running server; it ends with the process.
pub(crate) struct Sink {
    port: u16,
    had: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    pub(crate) fn open() -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// The same where somebody has listened so far without a word.
    pub(crate) fn at(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let had = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&had);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let had = Arc::clone(&all);
                std::thread::spawn(move || converse(stream, &had));
            }
        });
        Self { port, had }
    }

    /// What stands in the configuration of a site that sends here.
    pub(crate) fn config(&self) -> String {
        Self::config_at(self.port)
    }

    /// The same for a port.
    pub(crate) fn config_at(port: u16) -> String {
        format!(
            "\n[smtp]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
             from = \"mfad@example.org\"\n[notify]\nadmins = [\"root@example.org\"]\n"
        )
    }

    /// Waits until it has so many.
    pub(crate) fn wait(&self, mails: usize) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.mails().len() < mails {
            assert!(
                Instant::now() < end,
                "{} mails of {mails}",
                self.mails().len()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the mail of this number of those that have this mark: what follows it in its line.
    pub(crate) fn brought(&self, mark: &str, number: usize) -> String {
        self.brought_to("", mark, number)
    }

    /// The same of the mails to this address.
    pub(crate) fn brought_to(&self, address: &str, mark: &str, number: usize) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        let to = format!("To: {address}");
        loop {
            let mails = self.mails().into_iter().filter(|mail| mail.contains(&to));
            // Long lines are broken softly.
            let mails = mails.map(|mail| mail.replace("=\n", ""));
            let rest = |mail: String| Some(mail.split_once(mark)?.1.lines().next()?.to_owned());
            if let Some(rest) = mails.filter_map(rest).nth(number) {
                return rest;
            }
            assert!(
                Instant::now() < end,
                "no mail {number} {to:?} with {mark:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The mails it has.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.had.lock().unwrap().clone()
    }
}

/// None: the other end has gone.
fn converse(mut stream: TcpStream, had: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut say = |text: &str| stream.write_all(text.as_bytes()).ok();
    say("220 sink\r\n")?;
    loop {
        let line = lines.next()?.ok()?;
        match line.split([' ', ':']).next()? {
            "RCPT" if line.contains("refused@") => say("550 no such user\r\n")?,
            "DATA" => {
                say("354 go\r\n")?;
                had.lock().unwrap().push(mail(&mut lines)?);
                say("250 kept\r\n")?;
            }
            "QUIT" => return say("221 bye\r\n"),
            _ => say("250 sink\r\n")?,
        }
    }
}

/// The lines up to the dot that stands alone.
pub(crate) fn mail(lines: &mut Lines<BufReader<TcpStream>>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let line = lines.next()?.ok()?;
        if line == "." {
            return Some(mail);
        }
        mail.push_str(&format!("{line}\n"));
    }
}
