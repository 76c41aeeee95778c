//! Questions and answers, from octets to a verdict: whatever a gateway sends for a State, and whatever
//! is typed in answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mfad::access::{Access, Action, Gateway, GatewayTable, Keys, Limits, Ticket};
use mfad::domain::attempt::{Attempt, Proof};
use mfad::domain::dialogue::{Handle, OPEN_MAX, STATE_OCTETS};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm};
use mfad::radius::{AttributeType, KeyedSecret, Packet, RequestBuilder};
use mfad::secret::SecretKey;

use super::octets::Octets;
use super::operations::rules::{self, A, PIN, World};

const SECRET: &[u8] = b"xyzzy5461";
/// Most packets of a life.
const STEPS_MAX: u8 = 64;

/// A gateway that asks, the person before it, and the States that it has seen.
struct Life {
    access: Access,
    world: World,
    sent: u8,
    seen: Vec<Handle>,
    /// Handles that were named in an answer that was judged.
    answered: HashSet<String>,
}

/// Packets of one person as the octets tell them.
pub fn judged(octets: &[u8]) {
    let mut from = Octets(octets);
    let choice = from.octet();
    let policy = gateway(choice & 7);
    let table = GatewayTable::new(vec![Gateway {
        policy: Arc::new(policy.clone()),
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        secret: KeyedSecret::new(SECRET),
        require_message_authenticator: true,
        attributes: Vec::new(),
    }]);
    let keys = Keys {
        hash: [1; 16],
        pseudonym: SecretKey::new([2; 32]),
    };
    let mut world = World::new(policy);
    if choice & 8 != 0 {
        // A PIN that is to be changed: another question follows.
        let profile = Arc::make_mut(&mut world.alice().profile);
        profile.pin.as_mut().unwrap().must_change = true;
    }
    let mut life = Life {
        access: Access::new(table.unwrap(), Limits::default(), keys),
        world,
        sent: 0,
        seen: Vec::new(),
        answered: HashSet::new(),
    };
    while !from.is_empty() && life.sent < STEPS_MAX {
        life.step(&mut from);
    }
}

fn gateway(number: u8) -> GatewayPolicy {
    let (by, form) = match number {
        0 | 1 => (FirstFactorBy::Pin, PasscodeForm::Challenge),
        2 => (FirstFactorBy::None, PasscodeForm::Challenge),
        3 => (FirstFactorBy::Gateway, PasscodeForm::Challenge),
        4 => (FirstFactorBy::Local, PasscodeForm::Challenge),
        5 => (FirstFactorBy::Pin, PasscodeForm::PinOtp),
        _ => (FirstFactorBy::Gateway, PasscodeForm::Otp),
    };
    let mut gateway = rules::gateway("vpn1", by, form);
    gateway.challenge = true;
    gateway
}

impl Life {
    fn step(&mut self, from: &mut Octets<'_>) {
        let choice = from.octet();
        if choice & 0x80 != 0 {
            self.world.wait(Duration::from_secs(from.octet().into()));
        }
        let state = self.state(choice & 7, from);
        let typed = match choice >> 3 & 3 {
            0 => PIN.to_vec(),
            1 => {
                let ahead = i64::from(choice >> 5 & 3);
                let record = self.world.record.as_ref().unwrap();
                rules::code(record, A, ahead, self.world.now).into_bytes()
            }
            2 => Vec::new(),
            _ => from.part().to_vec(),
        };
        let state = state.filter(|state| (1..=253).contains(&state.len()));
        let Some((attempt, ticket)) = self.send(&typed, state.as_deref()) else {
            return;
        };
        let named = named(&attempt, state.as_deref());
        let before = self.world.auth().dialogues.clone();
        let open = named.filter(|it| before.iter().any(|one| one.handle == it.digest()));
        let outcome = self.world.judge(&attempt);
        let after = &self.world.auth().dialogues;
        assert!(after.len() <= OPEN_MAX);
        match (state.is_some(), open) {
            (false, _) => {}
            (true, None) => {
                assert!(outcome.how().is_none() && outcome.handle().is_none());
                let left = |one| before.contains(one);
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
        }
        if let Some(answer) = self.access.answer(ticket, &outcome.verdict, self.world.now) {
            let reply = Packet::decode(&answer.octets).unwrap();
            let state = reply.first(AttributeType::STATE);
            let due = outcome.handle().map(|handle| handle.state());
            assert_eq!(state, due.as_deref().map(str::as_bytes));
        }
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
