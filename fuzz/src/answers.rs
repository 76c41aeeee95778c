//! Questions and answers, from octets to a verdict: whatever a gateway sends for a State, and whatever
//! is typed in answer.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mfad::access::{Access, Action, Gateway, GatewayTable, Keys, Limits, Ticket};
use mfad::domain::attempt::{Attempt, Proof};
use mfad::domain::dialogue::{Handle, OPEN_MAX, ROUNDS_MAX, STATE_OCTETS};
use mfad::domain::lockout::{Lock, LockReason};
use mfad::domain::token_record::Base;
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::Reason;
use mfad::radius::{AttributeType, KeyedSecret, Packet, RequestBuilder};
use mfad::secret::SecretKey;
use mfad::time::Now;

use super::given;
use super::octets::Octets;
use super::operations::kept;
use super::operations::rules::{self, A, B, Outcome, World};

const SECRET: &[u8] = b"xyzzy5461";
/// Most packets of a life.
const STEPS_MAX: u8 = 64;

/// What may be typed as it stands here.
const TEXTS: [&str; 16] = [
    "402817",
    "correct, horse",
    "778240",
    "mountainlakes7",
    "newpin",
    "help",
    "send",
    "",
    "1",
    "2",
    "3",
    "pet",
    "street",
    "teacher",
    "film",
    "111111",
];

/// What no event may tell of it.
const UNTOLD: [&str; 4] = ["402817", "correct, horse", "778240", "mountainlakes7"];

/// A gateway that asks, the person before it, and the States that it has seen.
struct Life {
    access: Access,
    world: World,
    sent: u8,
    seen: Vec<Handle>,
    /// Handles that were named in an answer that was judged.
    answered: HashSet<String>,
    /// What was asked so far.
    asked: BTreeSet<&'static str>,
}

/// Packets of one person as the octets tell them.
pub fn judged(octets: &[u8]) {
    asked(octets);
}

/// The same; the kinds of question that they came to.
pub fn asked(octets: &[u8]) -> BTreeSet<&'static str> {
    let mut from = Octets(octets);
    let world = given::world(&mut from);
    let table = GatewayTable::new(vec![Gateway {
        policy: Arc::new(world.gateway.clone()),
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        secret: KeyedSecret::new(SECRET),
        require_message_authenticator: true,
        attributes: Vec::new(),
    }]);
    let keys = Keys {
        hash: [1; 16],
        pseudonym: SecretKey::new([2; 32]),
    };
    let mut life = Life {
        access: Access::new(table.unwrap(), Limits::default(), keys),
        world,
        sent: 0,
        seen: Vec::new(),
        answered: HashSet::new(),
        asked: BTreeSet::new(),
    };
    while !from.is_empty() && life.sent < STEPS_MAX {
        match from.octet() {
            choice @ 0..0xc0 => life.step(choice, &mut from),
            choice => life.meanwhile(choice, &mut from),
        }
        kept(life.world.record.as_ref().unwrap());
    }
    life.asked
}

impl Life {
    /// One packet.
    fn step(&mut self, choice: u8, from: &mut Octets<'_>) {
        let typed = self.typed(from);
        let state = self.state(choice & 7, from);
        let state = state.filter(|state| (1..=253).contains(&state.len()));
        let Some((attempt, ticket)) = self.send(&typed, state.as_deref()) else {
            return;
        };
        let named = named(&attempt, state.as_deref());
        let before = self.world.alice().clone();
        let open = named.filter(|it| {
            let mut dialogues = before.auth.dialogues.iter();
            dialogues.any(|one| one.handle == it.digest())
        });
        let outcome = self.world.judge(&attempt);
        self.right(&before, &outcome);
        let after = &self.world.auth().dialogues;
        match (state.is_some(), open) {
            (false, _) => {}
            (true, None) => {
                assert!(outcome.how().is_none() && outcome.handle().is_none());
                let left = |one| before.auth.dialogues.contains(one);
                assert!(after.iter().all(left), "opened by an answer to nothing");
            }
            (true, Some(handle)) => {
                let still = after.iter().any(|one| one.handle == handle.digest());
                let judged = outcome.how().is_some() || outcome.handle().is_some();
                assert!(!(still && judged), "a State is good twice");
                assert!(
                    !judged || self.answered.insert(handle.state()),
                    "a State was good twice"
                );
            }
        }
        if let Some(next) = outcome.handle() {
            self.seen.push(next);
            let open = after.iter().find(|one| one.handle == next.digest());
            self.asked.extend(open.map(|one| one.kind.name()));
        }
        if let Some(answer) = self.access.answer(ticket, &outcome.verdict, self.world.now) {
            let reply = Packet::decode(&answer.octets).unwrap();
            let state = reply.first(AttributeType::STATE);
            let due = outcome.handle().map(|handle| handle.state());
            assert_eq!(state, due.as_deref().map(str::as_bytes));
        }
    }

    /// What must be so of every judgement.
    fn right(&self, before: &UserRecord, outcome: &Outcome) {
        let dialogues = &self.world.auth().dialogues;
        assert!(dialogues.len() <= OPEN_MAX);
        assert!(dialogues.iter().all(|one| one.rounds <= ROUNDS_MAX));
        assert_ne!(outcome.reason(), Some(Reason::Internal));
        let told = format!("{:?}", outcome.events);
        let sent = self.world.sent.iter().map(String::as_str);
        for secret in sent.chain(UNTOLD) {
            assert!(!told.contains(secret), "{told}");
        }
        let shut = [UserState::Deactivated, UserState::Revoke].contains(&before.profile.state);
        let closed = shut || locked(before, self.world.now);
        assert!(!(closed && outcome.how().is_some()), "I2");
    }

    /// What operators, a page and time do between two packets.
    fn meanwhile(&mut self, choice: u8, from: &mut Octets<'_>) {
        let now = self.world.now.wall;
        let span = Duration::from_secs(from.octet().into());
        let alice = self.world.alice();
        match choice & 7 {
            0 => self.world.wait(span),
            1 => self.world.wait(span * 60),
            2 => {
                let taken = alice.profile_mut().void_links(|link| link.at_prompt);
                if taken == 1 && alice.token(rules::id(B)).is_none() {
                    rules::show_token(&mut self.world);
                }
            }
            3 => {
                alice.auth.lock = Some(Lock {
                    since: now,
                    reason: LockReason::Operator,
                    by: None,
                    auto_until: Some(now + span),
                    note: Arc::from("vpn1"),
                    count: 0,
                });
            }
            4 => {
                for token in alice.profile_mut().tokens.iter_mut().take(1) {
                    token.base = Base::Disabled;
                }
            }
            5 => alice.auth.pin.blocked_since = Some(now),
            6 => {
                for main in alice.profile_mut().emails.iter_mut().take(1) {
                    main.address = "other@example.org".to_owned();
                }
            }
            _ => {
                let seconds = usize::try_from(span.as_secs()).unwrap();
                let profile = alice.profile_mut();
                profile.state = UserState::ALL[seconds % UserState::ALL.len()];
            }
        }
    }

    /// A word, a code of one of the tokens, one that was sent or handed out, or anything.
    fn typed(&self, from: &mut Octets<'_>) -> Vec<u8> {
        let choice = from.octet();
        if let Some(text) = TEXTS.get(usize::from(choice)) {
            return text.as_bytes().to_vec();
        }
        let code = |which, from: &mut Octets<'_>| {
            let ahead = i64::from(from.octet().cast_signed());
            let record = self.world.record.as_ref().unwrap();
            let token = record.token(rules::id(which));
            match token.and_then(|token| token.otp) {
                Some(_) => rules::code(record, which, ahead, self.world.now),
                None => "000000".to_owned(),
            }
        };
        let text = match choice {
            0x10 => code(A, from),
            0x11 => code(B, from),
            0x12 => format!("402817{}", code(A, from)),
            0x13 => format!("778240{}", code(A, from)),
            0x14 => rules::auth_code().text().expose().clone(),
            0x15 => self.world.sent.last().cloned().unwrap_or_default(),
            0x16 => {
                let code = rules::recovery_code(from.octet() & 3);
                code.text().expose().clone()
            }
            _ => return from.part().to_vec(),
        };
        text.into_bytes()
    }

    /// What a gateway sends back: the State that it has seen last, an earlier or a spoiled one, or
    /// anything.
    fn state(&self, choice: u8, from: &mut Octets<'_>) -> Option<Vec<u8>> {
        let last = self.seen.last();
        let text = |handle: &Handle| handle.state().into_bytes();
        match choice {
            0 | 1 => None,
            2..5 => last.map(text),
            5 => Some(from.part().to_vec()),
            6 => {
                let at = usize::from(from.octet()) % self.seen.len().max(1);
                self.seen.get(at).map(text)
            }
            _ => last.map(text).map(|mut state| {
                let bit = usize::from(from.octet());
                state[bit / 8 % STATE_OCTETS] ^= 1 << (bit % 8);
                state
            }),
        }
    }

    fn send(&mut self, typed: &[u8], state: Option<&[u8]>) -> Option<(Attempt, Ticket)> {
        self.sent += 1;
        let mut octets = Vec::new();
        let authenticator = [self.sent; 16];
        let mut request = RequestBuilder::access_request(self.sent, &authenticator, &mut octets);
        request.message_authenticator().unwrap();
        let name = b"alice";
        request.attribute(AttributeType::USER_NAME, name).unwrap();
        request.user_password(typed, SECRET).ok()?;
        if let Some(state) = state {
            request.attribute(AttributeType::STATE, state).unwrap();
        }
        let _ = request.finish(SECRET);
        let peer = "192.0.2.7:40000".parse().unwrap();
        let now = self.world.now;
        match self.access.receive(&octets, peer, 0, now, &mut Vec::new()) {
            Action::Attempt { attempt, ticket } => Some((attempt, ticket)),
            Action::Drop(reason) => panic!("a signed request is dropped: {reason}"),
            _ => panic!("a new request is answered"),
        }
    }
}

/// The handle that is read: of 32 digits as they were given out, and of nothing else.
fn named(attempt: &Attempt, state: Option<&[u8]>) -> Option<Handle> {
    let (Proof::Answer { handle, .. }, Some(state)) = (&attempt.proof, state) else {
        assert!(state.is_none(), "an answer was not taken for one");
        return None;
    };
    let digit = |octet: &u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(octet);
    let ours = state.len() == STATE_OCTETS && state.iter().all(digit);
    assert_eq!(handle.is_some(), ours);
    if let Some(handle) = handle {
        assert_eq!(handle.state().as_bytes(), state);
    }
    *handle
}

/// Whether a lock is in force that no time has ended.
fn locked(record: &UserRecord, now: Now) -> bool {
    let over = |end| now.wall >= end && now.steady >= end;
    let lock = record.auth.lock.as_ref();
    lock.is_some_and(|lock| !lock.auto_until.is_some_and(over))
}
