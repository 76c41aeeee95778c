//! Records of the audit log: read back as they were written, and no change goes unseen.

use std::sync::Arc;

use mfad::audit::chain::{BODY_VERSION, Chain};
use mfad::audit::checkpoint::{Checkpoint, LINE_OCTETS_MAX};
use mfad::audit::record::AuditRecord;
use mfad::audit::verify::{Plan, Report, Start, verify};
use mfad::control::words::instant;
use mfad::domain::action::Role;
use mfad::domain::event::{Actor, Event, Operator, Origin, RequestRef, Source};
use mfad::domain::user::UserId;
use mfad::store::StoredAudit;
use mfad::time::{Now, Timestamp};
use serde_json::Value;
use smol_str::SmolStr;

use super::octets::Octets;

const NODE: &str = "vpn \"1\"";

/// A stored body, whatever a disk has made of it.
pub fn record(body: &[u8]) {
    let Ok(record) = AuditRecord::parse(body) else {
        return;
    };
    assert!(std::str::from_utf8(body).is_ok(), "a record is text");
    // Broken escapes in a field that is passed over are not seen.
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    assert!(value["v"].as_u64().unwrap() <= BODY_VERSION);
    assert_eq!(value["seq"], record.seq);
    assert_eq!(value["event"], record.event);
    assert_eq!(value["result"], record.result.name());
    // The calendar library has the last word on what a date is.
    if let Some(wall) = instant(value["wall"].as_str().unwrap()) {
        assert_eq!(record.wall, wall);
    }
    if let Some(digest) = record.datagram() {
        assert!(record.from.is_some());
        let text = value["request"].as_str().unwrap();
        assert!(text.starts_with(&format!("{:02x}", digest[0])));
    }
    let source = record.from.as_ref().map(|from| &*from.gateway);
    assert_eq!(
        record.gateway(),
        source.or(record.target.gateway.as_deref())
    );
    // A record by itself is a chain of one: its beginning is read a second way.
    let start = Start {
        seq: record.seq.saturating_sub(1),
        hash: [3; 32],
    };
    let stored = StoredAudit {
        seq: record.seq,
        hash: mfad::audit::chain::link(&start.hash, body),
        body: body.to_vec(),
    };
    let plan = Plan {
        node: &record.node,
        start,
        checkpoints: &[],
        keys: &[],
    };
    let report = verify(&plan, [Ok::<_, ()>(stored)]).unwrap();
    assert_eq!(report.records, 1);
}

/// A chain of made-up events; then one octet of one body is another.
pub fn chain(octets: &[u8]) {
    let mut from = Octets(octets);
    let (place, flip) = (usize::from(from.number()), from.octet());
    let (which, boot) = (usize::from(from.octet()), from.text());
    let mut chain = Chain::resume(Arc::from(NODE), Arc::from(boot), 0, [0; 32]);
    let mut records = Vec::new();
    while !from.is_empty() && records.len() < 64 {
        let (event, origin) = (event(&mut from), origin(&mut from));
        let wall = i64::from(from.number()) * 1_000_003;
        let at = Now::at(Timestamp(1_700_000_000_000 + wall));
        let record = chain.append(&event, &origin, at);
        read_back(&record.body, &event, &origin);
        records.push(StoredAudit {
            seq: record.seq,
            body: record.body,
            hash: record.hash,
        });
    }
    let report = check(&records);
    assert!(report.whole() && report.records == records.len() as u64);
    assert_eq!(report.head, chain.hash());
    if records.is_empty() || flip == 0 {
        return;
    }
    let which = which % records.len();
    let body = &mut records[which].body;
    let place = place % body.len();
    body[place] ^= flip;
    let damage = check(&records).damage.expect("a changed octet");
    assert_eq!(damage.seq, which as u64 + 1);
    records[which].body[place] ^= flip;
    if which + 1 < records.len() {
        records.remove(which);
        assert!(!check(&records).whole(), "a record is gone");
    }
}

fn check(records: &[StoredAudit]) -> Report {
    let plan = Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints: &[],
        keys: &[],
    };
    verify(&plan, records.iter().map(|it| Ok::<_, ()>(it.clone()))).unwrap()
}

fn event(from: &mut Octets<'_>) -> Event {
    const NAMES: [&str; 3] = ["auth.accept", "auth.reject", "user.locked"];
    const KEYS: [&str; 3] = ["how", "gateway", "count"];
    let choice = from.octet();
    let mut event = Event::new(NAMES[usize::from(choice) % 3]);
    if choice & 4 != 0 {
        event = event.user(UserId(from.array()), &from.text());
    }
    if choice & 8 != 0 {
        event = event.change(from.text(), from.text());
    }
    if choice & 16 != 0 {
        event = event.reason(from.text());
    }
    if choice & 32 != 0 {
        event = event.detail(KEYS[usize::from(choice) % 3], from.text());
    }
    if choice & 64 != 0 {
        event = event.refused();
    }
    event
}

fn origin(from: &mut Octets<'_>) -> Origin {
    let choice = from.octet();
    let actor = match choice % 3 {
        0 => Actor::User,
        1 => Actor::System,
        _ => Actor::Operator(Operator {
            uid: u32::from(from.number()),
            name: Arc::from(from.text()),
            role: Role::ALL[usize::from(choice) % Role::ALL.len()],
        }),
    };
    let source = (choice & 64 != 0).then(|| Source {
        gateway: Arc::from(from.text()),
        address: (from.array::<16>(), from.number()).into(),
        station: SmolStr::from(from.text()),
        nas: SmolStr::from(from.text()),
    });
    let request = match choice / 3 % 3 {
        0 => RequestRef::None,
        1 => RequestRef::Command(from.text()),
        _ => RequestRef::Datagram([from.octet(); 32]),
    };
    Origin {
        actor,
        source,
        request,
    }
}

/// The body is one line that no terminal obeys, and says what was put in.
fn read_back(body: &[u8], event: &Event, origin: &Origin) {
    let text = std::str::from_utf8(body).unwrap();
    assert!(!text.contains(char::is_control));
    let record = AuditRecord::parse(body).unwrap();
    assert_eq!(
        (record.event.as_str(), record.node.as_str()),
        (event.name, NODE)
    );
    assert_eq!(record.result, event.result);
    assert_eq!(record.actor, origin.actor);
    assert_eq!(record.from, origin.source);
    assert_eq!(
        (&record.before, &record.after),
        (&event.before, &event.after)
    );
    assert_eq!(record.reason.as_deref(), event.reason.as_deref());
    let user = event.user.as_ref();
    assert_eq!(record.target.user.as_deref(), user.map(|(_, name)| &**name));
    assert_eq!(record.target.user_id, user.map(|(id, _)| *id));
}

/// A line of the file of checkpoints: one spelling, and no signature that was not made.
pub fn checkpoint(octets: &[u8]) {
    let Ok(line) = std::str::from_utf8(octets) else {
        return;
    };
    let Ok(checkpoint) = Checkpoint::parse(line) else {
        return;
    };
    assert_eq!(checkpoint.to_string(), line);
    assert!(line.len() <= LINE_OCTETS_MAX);
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert!(checkpoint.verify(&key.parse().unwrap()).is_err());
}
