//! The threads that send what waits in the outbox: one for each server, so that one that is silent
//! holds up nothing of another.
//!
//! ```text
//! read the outbox -> what is due -> one session -> the server has it -> taken out, notify.sent
//!        ^                                |-> it never will ------> taken out, notify.failed
//!        +------ bell, or a pause <-------+-> not now
//! ```
//! A message leaves the outbox in the change that says what became of it. Between the server's word and
//! that change lies the one moment in which the death of the daemon sends a message twice; it is one
//! commit long, and both times the message has the same name. A store that is away in this moment is
//! waited for: what a server has taken is remembered and not sent again while the daemon lives.
//!
//! A server that cannot be used stops the round, and is left alone for a while that doubles each time;
//! a message that the server puts off waits alone; where the conversation breaks off, both wait. After
//! [`schedule::GIVE_UP_AFTER`] a message is given up. The outbox is bounded where it is filled, in the
//! writer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use zeroize::Zeroizing;

use super::answers::Answerer;
use super::instance::StartError;
use super::reminders;
use crate::config::Config;
use crate::domain::event::{Event, Origin};
use crate::domain::message::{Enclosed, Message, MessageId};
use crate::domain::recipient::Channel;
use crate::domain::sealed::{Field, Unseal as _};
use crate::engine::Engine;
use crate::engine::outbox::OUTBOX_MESSAGES_MAX;
use crate::engine::writer::taken_out;
use crate::log::{info_always, warn_always};
use crate::outbound::schedule::{self, Tries};
use crate::outbound::wire::{Ending, Patience};
use crate::outbound::{Carrier, Fault, Round};
use crate::sys::clock::Clock;
use crate::time::Now;

/// How long the outbox is not looked at if nobody rings and nothing is due: it finds what has become
/// too old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Waits at least so long, so that a store that cannot be read does not keep a core busy.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// How long a message that is under way may take when the daemon ends, and how often is looked.
const GRACE: Duration = Duration::from_secs(3);
const GRACE_LOOK: Duration = Duration::from_millis(50);
const GRACE_LOOKS: u32 = 70;

/// A server, and how it was when it was last tried.
pub struct Server {
    /// As it was configured at the start.
    pub carrier: Carrier,
    trouble: Mutex<Option<String>>,
}

impl Server {
    const fn new(carrier: Carrier) -> Self {
        Self {
            carrier,
            trouble: Mutex::new(None),
        }
    }

    /// Why it could not be used when it was last tried; none: it could.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }

    fn tried(&self, now: Option<&str>) {
        let mut before = self.lock();
        let changed = now.is_some() && before.as_deref() != now;
        match (self.carrier.channel(), now) {
            (Channel::Mail, Some(why)) if changed => {
                warn_always!("W043 mail cannot be sent: {why}");
            }
            (Channel::Sms, Some(why)) if changed => {
                warn_always!("W044 text messages cannot be sent: {why}");
            }
            (Channel::Mail, None) if before.is_some() => info_always!("mail is sent again"),
            (Channel::Sms, None) if before.is_some() => {
                info_always!("text messages are sent again");
            }
            _ => {}
        }
        *before = now.map(str::to_owned);
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The servers that there are; none: nobody is told anything.
pub struct Deliveries(Vec<Arc<Server>>);

impl Deliveries {
    /// Those of the configuration. Nothing was tried yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mail = config.mail.clone().map(Carrier::Mail);
        let sms = config.sms.clone().map(Carrier::Sms);
        let server = |carrier| Arc::new(Server::new(carrier));
        Self(mail.into_iter().chain(sms).map(server).collect())
    }

    /// The one of a channel.
    #[must_use]
    pub fn by(&self, channel: Channel) -> Option<&Server> {
        let mut servers = self.0.iter().map(Arc::as_ref);
        servers.find(|server| server.carrier.channel() == channel)
    }
}

/// Starts a thread for each server, and one that reminds if there is any.
///
/// # Errors
/// [`StartError`].
pub fn start(engine: &Arc<Engine>, answerer: &Answerer) -> Result<Sending, StartError> {
    let mut sending = Sending::default();
    for server in &answerer.deliveries.0 {
        let post = Post {
            engine: Arc::clone(engine),
            server: Arc::clone(server),
            clock: Arc::clone(&answerer.clock),
            ending: Arc::clone(&sending.ending),
        };
        let name = format!("post-{}", server.carrier.channel().name());
        sending.spawn(name, move || post.run())?;
    }
    if !sending.threads.is_empty() {
        let (engine, ending) = (Arc::clone(engine), Arc::clone(&sending.ending));
        let keep = move || reminders::keep(&engine, &ending);
        sending.spawn("reminders".to_owned(), keep)?;
    }
    Ok(sending)
}

/// The threads, running.
#[derive(Default)]
pub struct Sending {
    ending: Arc<Ending>,
    threads: Vec<JoinHandle<()>>,
}

impl Sending {
    fn spawn(
        &mut self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), StartError> {
        let thread = std::thread::Builder::new().name(name).spawn(work);
        let thread = thread.map_err(|source| StartError::System {
            doing: "starting a thread",
            source,
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Lets a message that is under way come to its end, for a while, and its outcome be written. A
    /// thread that does not end (the system looks a name up) is left behind: it sends nothing more.
    pub fn end(self, engine: &Engine) {
        let grace_us = u64::try_from(GRACE.as_micros()).unwrap_or(0);
        self.ending
            .begin(engine.now().mono_us.saturating_add(grace_us));
        engine.bell().ring();
        for _ in 0..GRACE_LOOKS {
            if self.threads.iter().all(JoinHandle::is_finished) {
                return;
            }
            std::thread::sleep(GRACE_LOOK);
        }
    }
}

/// What a thread works with.
struct Post {
    engine: Arc<Engine>,
    server: Arc<Server>,
    clock: Arc<Clock>,
    ending: Arc<Ending>,
}

/// What is remembered from round to round; the store has everything else.
#[derive(Default)]
struct Memory {
    server: Tries,
    messages: HashMap<MessageId, Tries>,
    /// What the server has taken and the store has not yet let go.
    taken: HashMap<MessageId, Event>,
}

impl Post {
    fn run(&self) {
        let mut memory = Memory::default();
        let mut heard = 0;
        let channel = self.server.carrier.channel();
        while !self.ending.begun() {
            let next_us = match self.engine.reader().outbox(2 * OUTBOX_MESSAGES_MAX) {
                Ok(mut outbox) => {
                    outbox.retain(|message| message.to.channel() == channel);
                    self.round(&outbox, &mut memory)
                }
                // The store is opened anew by the writer, which rings then.
                Err(_) => u64::MAX,
            };
            let pause = Duration::from_micros(next_us.saturating_sub(self.now().mono_us));
            let pause = pause.clamp(PAUSE_MIN, LOOK_EVERY);
            heard = self.engine.bell().wait(heard, pause);
        }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    /// Sends what is due; when the next is.
    fn round(&self, outbox: &[Message], memory: &mut Memory) -> u64 {
        let there = |id: &MessageId| outbox.iter().any(|message| message.id == *id);
        memory.messages.retain(|id, _| there(id));
        memory.taken.retain(|id, _| there(id));
        let mut open = Round::new(&self.server.carrier);
        // A message that has failed stands behind the others: whatever the server has against it, they
        // get their turn.
        let mut order: Vec<(u32, &Message)> = Vec::with_capacity(outbox.len());
        order.extend(outbox.iter().map(|message| {
            let tries = memory.messages.entry(message.id).or_default();
            (tries.failed, message)
        }));
        order.sort_by_key(|(failed, _)| *failed);
        for (_, message) in order {
            let tries = memory
                .messages
                .get(&message.id)
                .copied()
                .unwrap_or_default();
            let now = self.now();
            if let Some(event) = memory.taken.get(&message.id) {
                self.record(message, event.clone());
            } else if message.stale(now) {
                self.give_up(message, "what it brings is no longer good");
            } else if schedule::too_old(message.at, now.wall) {
                let trouble = self.server.trouble().unwrap_or_default();
                self.give_up(message, &format!("not taken within a day: {trouble}"));
            } else if tries.due(now.mono_us)
                && memory.server.due(now.mono_us)
                && !self.ending.begun()
            {
                self.try_one(message, tries, &mut open, memory);
            }
        }
        open.quit();
        let next = |message: &Message| {
            let tries = memory
                .messages
                .get(&message.id)
                .copied()
                .unwrap_or_default();
            tries.not_before_us.max(memory.server.not_before_us)
        };
        outbox.iter().map(next).min().unwrap_or(u64::MAX)
    }

    fn try_one(&self, message: &Message, tries: Tries, open: &mut Round<'_>, memory: &mut Memory) {
        let timeout = self.server.carrier.timeout();
        let patience = Patience::new(&self.clock, &self.ending, timeout);
        let sent = self.opened(message).and_then(|clear| {
            let clear = clear.as_deref().map(String::as_str);
            let sent = open.send(message, clear, patience);
            sent.map_err(|fault| match clear {
                Some(clear) => fault.covering(clear),
                None => fault,
            })
        });
        match sent {
            Ok(()) => {
                memory.server = Tries::default();
                let event = message.sent(tries.failed + 1);
                if self.record(message, event.clone()) {
                    memory.messages.remove(&message.id);
                } else {
                    memory.taken.insert(message.id, event);
                }
                self.server.tried(None);
            }
            Err(Fault::Never(why)) => {
                memory.server = Tries::default();
                self.server.tried(None);
                self.give_up(message, &why);
            }
            Err(fault) => {
                let (now_us, chance) = (self.now().mono_us, self.chance());
                let why = fault.to_string();
                if !matches!(fault, Fault::Server(_)) {
                    let tries = tries.after_failure(now_us, chance);
                    memory.messages.insert(message.id, tries);
                }
                if !matches!(fault, Fault::Later(_)) {
                    memory.server = memory.server.after_failure(now_us, chance);
                    self.server.tried(Some(&why));
                }
            }
        }
    }

    /// What the message encloses.
    fn opened(&self, message: &Message) -> Result<Option<Zeroizing<String>>, Fault> {
        let Some(Enclosed { sealed, .. }) = &message.enclosed else {
            return Ok(None);
        };
        let mut clear = None;
        let mut see = |octets: &[u8]| {
            clear = std::str::from_utf8(octets)
                .ok()
                .map(|text| Zeroizing::new(text.to_owned()));
        };
        let field = Field::Message(message.id);
        self.engine.keys().show(field, sealed, &mut see);
        let unreadable = || Fault::Never("what it brings does not open with this key".to_owned());
        clear.map(Some).ok_or_else(unreadable)
    }

    /// Takes a message out, with what became of it; false if the store does not write.
    fn record(&self, message: &Message, event: Event) -> bool {
        let writes = vec![taken_out(message)];
        self.engine
            .note_with(Origin::system(), event, writes)
            .is_some()
    }

    fn give_up(&self, message: &Message, why: &str) {
        // What could not be written is in the outbox still, and given up in the next round.
        let _ = self.record(message, message.failed(why));
    }

    fn chance(&self) -> u16 {
        let mut octets = [0; 2];
        // Without randomness all pauses are the shortest.
        let _ = crate::sys::random::fill(&mut octets);
        u16::from_be_bytes(octets)
    }
}
