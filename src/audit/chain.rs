//! Turns events into numbered records, each hashed together with the one before.
//!
//! The body of a record is one line of JSON with its keys in a fixed order: `v`, `seq`, `wall`,
//! `boot`, `node`, `event`, `result`, `actor {kind, uid, name, role}`,
//! `target {user, user_id, token, gateway}`, `from {nas, calling_station, src, gateway}`, `before`,
//! `after`, `reason`, `request`, `detail`. What is absent is left out. The first five are in every
//! record, in every version: [`super::verify`] reads them without parsing the rest.
//!
//! The hash is SHA-256 over the hash of the record before and the body as it is stored. Nothing is
//! ever written anew from a parsed body, so a later version that would spell it otherwise breaks
//! no chain.
//!
//! Every sign-in waits for [`Chain::append`]: it allocates the body and nothing else.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::json::Line;
use crate::domain::event::{Actor, Event, Origin, RequestRef, Source};
use crate::time::{Now, Timestamp};

/// Version of the body. A reader refuses a higher one.
pub const BODY_VERSION: u64 = 1;

/// A field of [`Event::detail`] that names the gateway an event is about; it goes to `target`.
pub const TARGET_GATEWAY: &str = "gateway";

/// Room for a record of a sign-in, so that writing it allocates once.
const BODY_OCTETS_USUAL: usize = 640;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// One line of JSON without the line end.
    pub body: Vec<u8>,
    /// SHA-256 over the hash before it and the body.
    pub hash: [u8; 32],
}

/// The end of a node's chain. Cloned before a batch, so that a failed commit leaves it as it was.
#[derive(Clone, Debug)]
pub struct Chain {
    /// `,"boot":"..","node":".."`, the same for all records.
    frame: Arc<[u8]>,
    seq: u64,
    hash: [u8; 32],
}

impl Chain {
    /// Goes on after the record `seq` with this hash; a new chain begins with 0 and zeros.
    #[must_use]
    pub fn resume(node: Arc<str>, boot: Arc<str>, seq: u64, hash: [u8; 32]) -> Self {
        let mut line = Line::with_capacity(node.len() + boot.len() + 20);
        line.key("boot");
        line.text(&boot);
        line.key("node");
        line.text(&node);
        Self {
            frame: Arc::from(line.into_octets()),
            seq,
            hash,
        }
    }

    /// Number of the last record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Hash of the last record.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Makes the next record.
    pub fn append(&mut self, event: &Event, origin: &Origin, at: Now) -> Record {
        self.seq += 1;
        let body = body(self.seq, at.wall, &self.frame, event, origin);
        self.hash = link(&self.hash, &body);
        Record {
            seq: self.seq,
            body,
            hash: self.hash,
        }
    }
}

/// Hash of a record: SHA-256 over the hash of the one before and the stored body.
#[must_use]
pub fn link(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(previous)
        .chain_update(body)
        .finalize()
        .into()
}

fn body(seq: u64, wall: Timestamp, frame: &[u8], event: &Event, origin: &Origin) -> Vec<u8> {
    let mut line = Line::with_capacity(BODY_OCTETS_USUAL);
    line.open();
    line.key("v");
    line.number(BODY_VERSION);
    line.key("seq");
    line.number(seq);
    line.key("wall");
    line.time(wall);
    line.raw(frame);
    line.key("event");
    line.text(event.name);
    line.key("result");
    line.text(event.result.name());
    write_actor(&mut line, &origin.actor);
    write_target(&mut line, event);
    if let Some(source) = &origin.source {
        write_source(&mut line, source);
    }
    if let Some(before) = &event.before {
        line.key("before");
        line.value(before);
    }
    if let Some(after) = &event.after {
        line.key("after");
        line.value(after);
    }
    if let Some(reason) = &event.reason {
        line.key("reason");
        line.text(reason);
    }
    write_request(&mut line, &origin.request);
    write_detail(&mut line, event);
    line.close();
    line.into_octets()
}

fn write_actor(line: &mut Line, actor: &Actor) {
    line.key("actor");
    match actor {
        Actor::User => line.raw(br#"{"kind":"user"}"#),
        Actor::System => line.raw(br#"{"kind":"system"}"#),
        Actor::Operator(operator) => {
            line.raw(br#"{"kind":"operator""#);
            line.key("uid");
            line.number(u64::from(operator.uid));
            line.key("name");
            line.text(&operator.name);
            line.key("role");
            line.text(operator.role.name());
            line.close();
        }
    }
}

fn write_target(line: &mut Line, event: &Event) {
    let gateway = target_gateway(event);
    if event.user.is_none() && event.token.is_none() && gateway.is_none() {
        return;
    }
    line.key("target");
    line.open();
    if let Some((id, name)) = &event.user {
        line.key("user");
        line.text(name);
        line.key("user_id");
        line.hex(&id.0);
    }
    if let Some(token) = &event.token {
        line.key("token");
        line.shown(token);
    }
    if let Some(gateway) = gateway {
        line.key("gateway");
        line.text(gateway);
    }
    line.close();
}

fn write_source(line: &mut Line, source: &Source) {
    line.key("from");
    line.open();
    if !source.nas.is_empty() {
        line.key("nas");
        line.text(&source.nas);
    }
    if !source.station.is_empty() {
        line.key("calling_station");
        line.text(&source.station);
    }
    line.key("src");
    line.address(source.address);
    line.key("gateway");
    line.text(&source.gateway);
    line.close();
}

fn write_request(line: &mut Line, request: &RequestRef) {
    match request {
        RequestRef::None => {}
        RequestRef::Command(id) => {
            line.key("request");
            line.text(id);
        }
        RequestRef::Datagram(digest) => {
            line.key("request");
            line.hex(digest);
        }
    }
}

fn write_detail(line: &mut Line, event: &Event) {
    let mut begun = false;
    for (key, value) in &event.detail {
        if *key == TARGET_GATEWAY && value.is_string() {
            continue;
        }
        if !begun {
            line.key("detail");
            line.open();
            begun = true;
        }
        line.any_key(key);
        line.value(value);
    }
    if begun {
        line.close();
    }
}

fn target_gateway(event: &Event) -> Option<&str> {
    let (_, value) = event
        .detail
        .iter()
        .find(|(key, _)| *key == TARGET_GATEWAY)?;
    value.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hex;

    #[test]
    fn the_hash_covers_the_hash_before_and_the_body() {
        let zeros = [0; 32];
        assert_eq!(
            hex::text(&link(&zeros, b"")),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
        assert_ne!(link(&[1; 32], b"a"), link(&zeros, b"a"));
        assert_ne!(link(&zeros, b"b"), link(&zeros, b"a"));
    }

    #[test]
    fn a_clone_goes_on_where_the_chain_was() {
        let mut chain = Chain::resume(Arc::from("n"), Arc::from("b"), 7, [3; 32]);
        let (event, now) = (Event::new("user.added"), Now::at(Timestamp(0)));
        let mut failed = chain.clone();
        let lost = failed.append(&event, &Origin::system(), now);
        let kept = chain.append(&event, &Origin::system(), now);
        assert_eq!(lost, kept);
        assert_eq!((kept.seq, chain.seq(), chain.hash()), (8, 8, kept.hash));
        assert_eq!(kept.hash, link(&[3; 32], &kept.body));
        let next = chain.append(&event, &Origin::system(), now);
        assert_eq!(next.hash, link(&kept.hash, &next.body));
    }
}
