//! A server that is a thread of the test and does what no server may; and what holds of messages to
//! it, whatever carries them.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::chance::Chance;
use crate::common::daemon::Daemon;
use crate::world::{sent, until};

/// What a server does that it must not.
pub(crate) trait Trick: Copy + Send + 'static {
    /// The line of a message that names it begins so.
    const NAME: &'static str;

    /// Speaks with a client, and keeps what it has in full. Errors end the conversation.
    fn converse(self, stream: TcpStream, had: &Mutex<Vec<String>>) -> Option<()>;
}

/// A server, and the messages it has in full.
pub(crate) struct Fake<T> {
    pub(crate) port: u16,
    trick: Arc<Mutex<T>>,
    pub(crate) had: Arc<Mutex<Vec<String>>>,
}

impl<T: Trick> Fake<T> {
    pub(crate) fn new(trick: T) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self {
            port: listener.local_addr().unwrap().port(),
            trick: Arc::new(Mutex::new(trick)),
            had: Arc::default(),
        };
        let (trick, had) = (Arc::clone(&fake.trick), Arc::clone(&fake.had));
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (trick, had) = (*trick.lock().unwrap(), Arc::clone(&had));
                std::thread::spawn(move || trick.converse(stream, &had));
            }
        });
        fake
    }

    pub(crate) fn becomes(&self, trick: T) {
        *self.trick.lock().unwrap() = trick;
    }

    /// The names of the messages it has, each as often as it has it.
    pub(crate) fn ids(&self) -> Vec<String> {
        let had = self.had.lock().unwrap();
        let id = |message: &String| {
            let line = message.lines().find(|line| line.starts_with(T::NAME));
            line.unwrap().to_owned()
        };
        had.iter().map(id).collect()
    }

    /// A message that it has, and has not acknowledged, comes again under its name, until it
    /// `takes` it.
    pub(crate) fn has_it_again_under_the_same_name(&self, daemon: &Daemon, takes: T) {
        until("a try", || !self.ids().is_empty());
        self.becomes(takes);
        until("a record", || sent(daemon) == 1);
        let mut ids = self.ids();
        assert!(ids.len() >= 2, "{ids:?}");
        ids.dedup();
        assert_eq!(ids.len(), 1, "another name each time");
    }

    /// Kills the daemon again and again while it sends so many messages: it has each, and of a kill no
    /// more than one twice.
    pub(crate) fn has_each_through_kills(&self, mut daemon: Daemon, messages: usize, kills: usize) {
        let mut chance = Chance::new(T::NAME);
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(u64::from(chance.octet() % 64)));
            daemon = daemon.kill().start();
        }
        // Each has one record, and only with it has left the outbox.
        until("all recorded", || sent(&daemon) == messages);
        daemon.stop();
        let mut ids = self.ids();
        ids.sort_unstable();
        let had = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), messages, "lost");
        println!("{} of {messages} twice after {kills} kills", had - messages);
        assert!(had - messages <= kills, "{had} of {messages} messages");
    }
}
