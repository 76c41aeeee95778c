//! Datagrams: made as a gateway makes them, lost, doubled and mixed up on the way, and what comes
//! back for them.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use mfad::access::{ANSWER_KEPT, DropReason};
use mfad::radius::{AttributeType, RequestBuilder};
use mfad::time::Now;

use super::answering::attribute;
use super::asking::{Question, Sent, handle, hex};
use super::judging::{Asking, Door, First};
use super::life::Arrival;
use super::person::{Kind, code_of, step_at};
use super::run::{Law, NAMES, Pending, Run, Wrong};
use super::site::REJECT_DELAY;
use super::waiting::STATIONS;
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT, verified};

/// What the product has to know of a datagram that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing: it is judged.
    Nowhere,
    /// It is being judged.
    InProgress,
    /// It was answered, with something that leaves then.
    Answered { leave_us: u64 },
    /// It was answered in a life before, as the log says.
    Logged {
        until_us: u64,
        code: u8,
        /// It is not repeated before it would have left for the first time.
        held: bool,
        decided: i64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Login,
    /// Signed with another secret.
    Forged,
    Status,
}

pub(crate) struct Datagram {
    pub(crate) octets: Vec<u8>,
    pub(crate) digest: [u8; 32],
    pub(crate) form: Form,
    pub(crate) door: usize,
    peer: SocketAddr,
    pub(crate) station: &'static str,
    /// What the gateway signed it with.
    secret: &'static str,
    pub(crate) person: usize,
    pub(crate) passcode: Vec<u8>,
    /// What the gateway was to send back with the answer to a question.
    pub(crate) state: Option<Vec<u8>>,
    proxy: Option<Vec<u8>>,
    pub(crate) place: Place,
    /// The right to answer it, as the door named it last.
    pub(crate) ticket: [u64; 2],
    pub(crate) received_us: u64,
    /// What it was asked, one for each time that it was.
    pub(crate) asked: Vec<Question>,
    /// The gateway as it was configured when it arrived last.
    pub(crate) at: Option<(First, Asking)>,
    /// What came back, one for each time that it was judged.
    pub(crate) replies: Vec<Vec<u8>>,
}

impl Datagram {
    /// Whether it is being judged under this ticket, and not under a later one.
    pub(crate) fn waits_for(&self, ticket: [u64; 2]) -> bool {
        self.place == Place::InProgress && self.ticket == ticket
    }

    /// What follows from it at a gateway as that is configured.
    pub(crate) fn sent<'a>(&'a self, door: &'a Door) -> Sent<'a> {
        Sent {
            door,
            passcode: &self.passcode,
            state: self.state.as_deref(),
            digest: &self.digest,
        }
    }

    /// Its failure was counted: the same passcode again is the same failure.
    pub(crate) fn failed(&self, wrong: &mut Wrong, now: Now) {
        let key = (self.person, self.door);
        wrong.insert(key, (now.mono_us, self.passcode.clone()));
    }

    /// Whether it is being judged, or its Reject has not left.
    fn is_under_way(&self, now: Now) -> bool {
        match self.place {
            Place::InProgress => true,
            Place::Answered { leave_us } => now.mono_us < leave_us,
            Place::Logged { held, decided, .. } => held && now.wall.0 < decided + delay_ms(),
            Place::Nowhere => false,
        }
    }
}

impl Run {
    /// Somebody logs in; the gateway sends it once or several times.
    pub(crate) fn send_new(&mut self) {
        if !self.shown.is_empty() && self.chance.below(4) == 0 {
            return self.send_answer();
        }
        let door = self.chance.below(self.site.doors.len());
        // dave, whom nobody has made yet, comes less often.
        let person = self.chance.below(2 * NAMES.len() - 1) / 2;
        let passcode = self.passcode(door, person);
        let form = match self.chance.below(40) {
            0 => Form::Forged,
            1 => Form::Status,
            _ => Form::Login,
        };
        let copies = [1, 1, 1, 2, 3][self.chance.below(5)];
        self.send(form, (door, person), &passcode, None, copies);
        // Another gateway or another port, the same code at the same time.
        if self.chance.below(8) == 0 {
            let door = self.chance.below(self.site.doors.len());
            self.send(form, (door, person), &passcode, None, 1);
        }
        self.last_typed = (person, passcode);
    }

    /// Somebody types this, and it arrives.
    pub(crate) fn sign_in(&mut self, person: usize, door: usize, passcode: &[u8]) -> Law {
        self.send(Form::Login, (door, person), passcode, None, 1);
        self.arrive_last()
    }

    /// What was sent last arrives.
    pub(crate) fn arrive_last(&mut self) -> Law {
        self.network
            .pop()
            .map_or(Ok(()), |number| self.arrive(number))
    }

    pub(crate) fn send(
        &mut self,
        form: Form,
        (door, person): (usize, usize),
        passcode: &[u8],
        state: Option<Vec<u8>>,
        copies: usize,
    ) {
        let identifier = self.chance.octet() & 0x3f;
        let authenticator = self.chance.octets();
        let port = 40_000 + u16::from(self.chance.octet() & 1);
        let secret = match form {
            Form::Forged => "not the secret",
            _ => self.site.doors[door].secret,
        };
        // Mostly from home.
        let home = STATIONS[1 + person];
        let elsewhere = STATIONS[self.chance.below(STATIONS.len())];
        let station = if self.chance.coin() { home } else { elsewhere };
        let proxy = (self.chance.below(4) == 0).then(|| self.chance.octets::<5>().to_vec());
        let mut octets = Vec::new();
        let mut request = match form {
            Form::Status => RequestBuilder::status_server(identifier, &authenticator, &mut octets),
            _ => RequestBuilder::access_request(identifier, &authenticator, &mut octets),
        };
        if let Some(proxy) = &proxy {
            request
                .attribute(AttributeType::PROXY_STATE, proxy)
                .unwrap();
        }
        if form != Form::Status {
            let name = self.spelled(person);
            request
                .attribute(AttributeType::USER_NAME, name.as_bytes())
                .unwrap();
            if !station.is_empty() {
                request
                    .attribute(AttributeType::CALLING_STATION_ID, station.as_bytes())
                    .unwrap();
            }
            request.user_password(passcode, secret.as_bytes()).unwrap();
            if let Some(state) = &state {
                request.attribute(AttributeType::STATE, state).unwrap();
            }
        }
        request.message_authenticator().unwrap();
        let _ = request.finish(secret.as_bytes());
        let digest = Sha256::digest(&octets).into();
        let number = self.datagrams.len();
        self.datagrams.push(Datagram {
            octets,
            digest,
            form,
            door,
            peer: SocketAddr::new(format!("192.0.2.{}", door + 1).parse().unwrap(), port),
            station,
            secret,
            person,
            passcode: passcode.to_vec(),
            state,
            proxy,
            place: Place::Nowhere,
            ticket: [0; 2],
            received_us: 0,
            asked: Vec::new(),
            at: None,
            replies: Vec::new(),
        });
        self.network.extend(std::iter::repeat_n(number, copies));
    }

    /// The name in one of its spellings.
    fn spelled(&mut self, person: usize) -> String {
        let name = self.records.people[person].name;
        match self.chance.below(6) {
            0 => name.to_uppercase(),
            1 => format!("CORP\\{name}"),
            2 => name
                .chars()
                .rev()
                .map(|c| c.to_ascii_uppercase())
                .rev()
                .collect(),
            _ => name.to_owned(),
        }
    }

    /// What somebody types: mostly right, or nearly.
    pub(crate) fn passcode(&mut self, door: usize, person: usize) -> Vec<u8> {
        let again = person == self.last_typed.0 && self.chance.below(3) == 0;
        if again && !self.last_typed.1.is_empty() {
            return self.last_typed.1.clone();
        }
        let code = self.code(person);
        let head = match self.chance.below(12) {
            0 if self.site.doors[door].first == First::Pin => b"402818".to_vec(),
            1 => Vec::new(),
            _ => self.first_factor(door, person),
        };
        // The first factor alone, or nothing at all.
        match self.site.doors[door].asking {
            Asking::Always if self.chance.below(6) > 0 => return head,
            Asking::WhenEmpty if self.chance.below(6) == 0 => return Vec::new(),
            _ => {}
        }
        let granted = self.records.people[person].granted(self.outside.true_now());
        match self.chance.below(24) {
            0 => head,
            3..12 if granted.is_some() => head,
            1 => vec![b'7'; self.chance.below(30)],
            2 => self.chance.octets::<9>().to_vec(),
            _ => [&head, code.as_bytes()].concat(),
        }
    }

    /// What this person has to know at this gateway beside a code.
    pub(crate) fn first_factor(&self, door: usize, person: usize) -> Vec<u8> {
        let pin = match self.site.doors[door].first {
            First::Pin => &self.records.people[person].pin,
            First::Gateway | First::Nobody => return Vec::new(),
        };
        pin.clone().unwrap_or_else(|| b"402817".to_vec())
    }

    /// A code: of the right place mostly, a little off, made up, or from paper.
    pub(crate) fn code(&mut self, person: usize) -> String {
        let made_up = format!("{:06}", self.chance.below(1_000_000));
        let tokens = &self.records.people[person].tokens;
        if tokens.is_empty() || self.chance.below(10) == 0 {
            return made_up;
        }
        let token = tokens[self.chance.below(tokens.len())].clone();
        let off = [0, -1, 1, -2, 2, 5, 6][self.chance.below(14).saturating_sub(7)];
        match token.kind {
            Kind::Hotp => code_of(&token.seed, token.next.saturating_add_signed(off)),
            Kind::Totp => {
                let step = step_at(self.outside.true_now().wall.0);
                let at = step.saturating_add_signed(token.drift + off.clamp(-2, 2));
                code_of(&token.seed, at)
            }
            Kind::Recovery if token.codes.is_empty() => "ABCD-EFGH-JKMN-PQRS".to_owned(),
            Kind::Recovery => {
                let code = &token.codes[self.chance.below(token.codes.len())];
                let group = |at: usize| &code[at * 4..at * 4 + 4];
                match self.chance.below(3) {
                    0 => code.to_lowercase(),
                    1 => "ABCDEFGHJKMNPQRS".to_owned(),
                    _ => [group(0), group(1), group(2), group(3)].join("-"),
                }
            }
        }
    }

    /// One of those under way arrives, or is lost.
    pub(crate) fn deliver(&mut self) -> Law {
        if self.network.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.network.len());
        let number = self.network.swap_remove(at);
        if self.chance.below(12) == 0 {
            return Ok(());
        }
        self.arrive(number)
    }

    /// A gateway that has not heard enough sends an old one again.
    pub(crate) fn send_again(&mut self) {
        if let Some(last) = self.datagrams.len().checked_sub(1) {
            let number = last - self.chance.below(last.min(24) + 1);
            self.network.push(number);
        }
    }

    fn arrive(&mut self, number: usize) -> Law {
        let now = self.outside.true_now();
        if self.bug == Some(super::bugs::Bug::DuplicatesForgotten) {
            let site = self.site.clone();
            self.life().forget_answers(&site);
        }
        let datagram = &self.datagrams[number];
        let (octets, peer) = (datagram.octets.clone(), datagram.peer);
        let door = self.site.doors[datagram.door].clone();
        let genuine = datagram.form != Form::Forged && datagram.secret == door.secret;
        let login = datagram.form == Form::Login && genuine && door.configured;
        self.note(|| format!("arrives {number}"));
        if login {
            self.give_way(number);
        }
        let arrival = self.life().receive(&octets, peer);
        let datagram = &self.datagrams[number];
        match (datagram.form, arrival) {
            (_, Arrival::Dropped(DropReason::UnknownGateway)) => law(!door.configured, || {
                format!("gateway {} is not known", door.name)
            }),
            (_, Arrival::Dropped(DropReason::BadMessageAuthenticator)) => {
                law(!genuine && door.configured, || {
                    format!("datagram {number} is signed and not believed")
                })
            }
            _ if !genuine || !door.configured => Err(format!(
                "datagram {number} is believed, of a gateway that is not known so"
            )),
            (Form::Status, Arrival::Replied(reply)) => {
                let reply = verified(&octets, &reply, datagram.secret.as_bytes());
                self.digest.update(&reply.octets);
                law(reply.code == ACCEPT, || {
                    "a Status-Server is refused".to_owned()
                })
            }
            (Form::Login, Arrival::Dropped(DropReason::DuplicateInProgress)) => {
                law(datagram.is_under_way(now), || {
                    format!("datagram {number} is dropped for nothing")
                })
            }
            (Form::Login, Arrival::Replied(reply)) => {
                law(datagram.place != Place::InProgress, || {
                    format!("datagram {number} is answered before it is judged")
                })?;
                self.count("resent");
                self.hear(number, &reply)
            }
            (Form::Login, Arrival::Attempt(attempt, ticket)) => {
                self.must_be_judged(number, now.mono_us)?;
                let datagram = &mut self.datagrams[number];
                datagram.place = Place::InProgress;
                datagram.ticket = ticket.parts();
                datagram.received_us = now.mono_us;
                datagram.at = Some((door.first, door.asking));
                let pending = Pending {
                    number,
                    look: self.look(number, now),
                    checks: 1,
                    received_us: now.mono_us,
                    door,
                };
                self.pending.insert(ticket.parts(), pending);
                self.life().submit(attempt, ticket);
                let told = self.life().told();
                self.nothing_told(told)
            }
            (form, _) => Err(format!(
                "datagram {number} ({form:?}) was not taken for what it is"
            )),
        }
    }

    /// A datagram is judged once, as long as its answer is kept, and again after a crash only if the
    /// log does not know it.
    fn must_be_judged(&self, number: usize, mono_us: u64) -> Law {
        let kept_us = u64::try_from(ANSWER_KEPT.as_micros()).unwrap();
        let over = match self.datagrams[number].place {
            Place::Nowhere => true,
            Place::InProgress => false,
            Place::Answered { leave_us } => mono_us >= leave_us + kept_us,
            Place::Logged { until_us, .. } => mono_us >= until_us,
        };
        law(over, || format!("datagram {number} is judged twice (I5)"))
    }

    /// Whatever had the same port and identifier is forgotten, answered or not.
    fn give_way(&mut self, number: usize) {
        let key = |it: &Datagram| (it.peer, it.octets[1]);
        let own = key(&self.datagrams[number]);
        for (at, other) in self.datagrams.iter_mut().enumerate() {
            let seen = matches!(other.place, Place::InProgress | Place::Answered { .. });
            if seen && at != number && key(other) == own {
                other.place = Place::Nowhere;
            }
        }
    }

    /// Gateways that have left the configuration: what they asked is forgotten.
    pub(crate) fn forget_gateways(&mut self) {
        for datagram in &mut self.datagrams {
            let gone = !self.site.doors[datagram.door].configured;
            let seen = matches!(datagram.place, Place::InProgress | Place::Answered { .. });
            if gone && seen {
                datagram.place = Place::Nowhere;
            }
        }
    }

    /// A reply reaches the gateway.
    pub(crate) fn hear(&mut self, number: usize, octets: &[u8]) -> Law {
        self.read(number, octets)?;
        let datagram = &self.datagrams[number];
        match datagram.place {
            // Told in a life before, or the answer never left.
            Place::Logged { code, decided, .. } => {
                law(octets[0] == code, || {
                    format!("datagram {number} gets another verdict after a crash")
                })?;
                if code == CHALLENGE {
                    return self.asked_again(number, octets, decided);
                }
                // The last verdict; a Reject that only said that nothing could be decided is none.
                let mut heard = datagram.replies.iter().rev();
                let heard = heard.find(|it| it[0] == octets[0]);
                law(heard.is_none_or(|heard| heard == octets), || {
                    format!("datagram {number} gets other octets after a crash")
                })
            }
            _ => law(
                datagram.replies.last().is_some_and(|last| last == octets),
                || format!("datagram {number} gets other octets than before (I5)"),
            ),
        }
    }

    /// A question of a life before, asked once more: nobody may have been told, or the same.
    fn asked_again(&self, number: usize, octets: &[u8], decided: i64) -> Law {
        let datagram = &self.datagrams[number];
        let due = hex(&handle(&datagram.digest, decided));
        law(attribute(octets, 24) == Some(due.as_bytes()), || {
            format!("datagram {number} gets another State after a crash than {due}")
        })?;
        // What is to be typed at a gateway that was reconfigured meanwhile may be another thing.
        let door = &self.site.doors[datagram.door];
        let changed = datagram.at != Some((door.first, door.asking));
        let told = |reply: &&Vec<u8>| attribute(reply, 24) == Some(due.as_bytes());
        let mut told = datagram.replies.iter().filter(told);
        law(changed || told.all(|reply| reply == octets), || {
            format!("datagram {number} is asked something else after a crash")
        })
    }

    /// What a gateway checks of a reply: its signatures, and that there is but one Reject.
    pub(crate) fn read(&mut self, number: usize, octets: &[u8]) -> Law {
        self.digest.update(octets);
        let datagram = &self.datagrams[number];
        let reply = verified(&datagram.octets, octets, datagram.secret.as_bytes());
        let mut due = Vec::new();
        if let Some(proxy) = &datagram.proxy {
            put(&mut due, 33, proxy);
        }
        match reply.code {
            REJECT => {
                put(&mut due, 18, b"Access denied.");
                law(octets[38..] == due[..], || {
                    format!("the Reject of datagram {number} is not the one Reject")
                })
            }
            // Of a life before nobody may have been told, and `hear` looks at what was.
            CHALLENGE if matches!(datagram.place, Place::Logged { .. }) => {
                self.is_shown(number, octets);
                Ok(())
            }
            CHALLENGE => {
                let before = due;
                let said = datagram.asked.iter().any(|asked| {
                    let mut due = before.clone();
                    asked.attributes(&mut due);
                    octets[38..] == due[..]
                });
                law(said, || {
                    format!("datagram {number} is asked none of {:?}", datagram.asked)
                })?;
                self.is_shown(number, octets);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Appends an attribute.
pub(crate) fn put(attributes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    attributes.extend([kind, u8::try_from(2 + value.len()).unwrap()]);
    attributes.extend_from_slice(value);
}

pub(crate) fn delay_ms() -> i64 {
    i64::try_from(REJECT_DELAY.as_millis()).unwrap()
}

/// What must be so.
pub(crate) fn law(holds: bool, broken: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(broken()) }
}
