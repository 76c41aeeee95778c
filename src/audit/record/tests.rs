//! Any record reads back as it was made, and nothing else is taken for one.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use smol_str::SmolStr;

use super::*;
use crate::audit::chain::{Chain, link};
use crate::domain::event::{Event, Origin, RequestRef};
use crate::time::Now;

const EVENTS: [&str; 4] = [
    "auth.accept",
    "auth.reject",
    "user.locked",
    "gateway.disabled",
];
const KEYS: [&str; 3] = ["how", "gateway", "count"];

fn chain(node: &str, boot: &str) -> Chain {
    Chain::resume(Arc::from(node), Arc::from(boot), 41, [7; 32])
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn events()(
        name in 0..EVENTS.len(),
        result in 0..3_usize,
        user in option::of((any::<[u8; 16]>(), any::<String>())),
        before in option::of(values()),
        after in option::of(values()),
        reason in option::of(any::<String>()),
        detail in vec(option::of(values()), KEYS.len()),
    ) -> Event {
        Event {
            name: EVENTS[name],
            result: [EventResult::Ok, EventResult::Refused, EventResult::Unchanged][result],
            user: user.map(|(id, name)| (UserId(id), SmolStr::new(name))),
            token: None,
            before,
            after,
            reason: reason.map(Cow::Owned),
            detail: KEYS.into_iter().zip(detail).filter_map(|(k, v)| Some((k, v?))).collect(),
        }
    }
}

fn actors() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(Actor::User),
        Just(Actor::System),
        (any::<u32>(), any::<String>(), 0..4_usize).prop_map(|(uid, name, role)| {
            Actor::Operator(Operator {
                uid,
                name: Arc::from(name),
                role: Role::ALL[role],
            })
        }),
    ]
}

prop_compose! {
    fn origins()(
        actor in actors(),
        source in option::of(any::<([u8; 16], u16, String, String, String)>()),
        request in prop_oneof![
            Just(RequestRef::None),
            any::<String>().prop_map(RequestRef::Command),
            any::<[u8; 32]>().prop_map(RequestRef::Datagram),
        ],
    ) -> Origin {
        let source = source.map(|(address, port, gateway, station, nas)| Source {
            gateway: Arc::from(gateway),
            address: SocketAddr::from((address, port)),
            station: SmolStr::new(station),
            nas: SmolStr::new(nas),
        });
        Origin { actor, source, request }
    }
}

proptest! {
    #[test]
    fn a_body_reads_back(
        event in events(),
        origin in origins(),
        ms in 0..4_102_444_800_000_i64,
        node in any::<String>(),
        boot in any::<String>(),
    ) {
        let mut chain = chain(&node, &boot);
        let now = Now::at(Timestamp(ms));
        let stored = chain.append(&event, &origin, now);
        prop_assert_eq!((stored.seq, chain.seq()), (42, 42));
        prop_assert_eq!(stored.hash, link(&[7; 32], &stored.body));
        prop_assert_eq!(chain.hash(), stored.hash);
        prop_assert!(!stored.body.contains(&b'\n'));

        let read = AuditRecord::parse(&stored.body).unwrap();
        let (gateway, detail): (Vec<_>, Vec<_>) = event
            .detail
            .into_iter()
            .partition(|(key, value)| *key == "gateway" && value.is_string());
        let datagram = match &origin.request {
            RequestRef::Datagram(digest) => Some(*digest),
            _ => None,
        };
        let from_operator = matches!(origin.actor, Actor::Operator(_));
        if origin.source.is_some() && !from_operator && datagram.is_some() {
            prop_assert_eq!(read.datagram(), datagram);
        } else {
            prop_assert_eq!(read.datagram(), None);
        }
        let expected = AuditRecord {
            seq: 42,
            wall: now.wall,
            boot,
            node,
            event: event.name.to_owned(),
            result: event.result,
            actor: origin.actor,
            target: Target {
                user: event.user.as_ref().map(|(_, name)| name.to_string()),
                user_id: event.user.map(|(id, _)| id),
                token: None,
                gateway: gateway.first().map(|(_, name)| name.as_str().unwrap().to_owned()),
            },
            from: origin.source,
            before: event.before,
            after: event.after,
            reason: event.reason.map(Cow::into_owned),
            request: match origin.request {
                RequestRef::None => None,
                RequestRef::Command(id) => Some(id),
                RequestRef::Datagram(digest) => Some(hex::text(&digest)),
            },
            detail: detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(body in vec(any::<u8>(), 0..200)) {
        prop_assert!(AuditRecord::parse(&body).is_err());
    }
}

fn body(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let event = Event::new("user.locked").user(UserId([1; 16]), "alice");
    let origin = Origin {
        actor: Actor::User,
        source: Some(Source {
            gateway: Arc::from("vpn1"),
            address: "192.0.2.10:41022".parse().unwrap(),
            station: SmolStr::new(""),
            nas: SmolStr::new("asa-berlin"),
        }),
        request: RequestRef::Command("c-1".to_owned()),
    };
    let stored = chain("mfa1", "b").append(&event, &origin, Now::at(Timestamp(1_700_000_000_123)));
    let mut value = serde_json::from_slice(&stored.body).unwrap();
    change(&mut value);
    value.to_string().into_bytes()
}

#[test]
fn the_text_of_a_record_stays_as_it_is() {
    let text = String::from_utf8(body(|_| {})).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"v":1,"seq":42,"wall":"2023-11-14T22:13:20.123Z","boot":"b","node":"mfa1","#,
            r#""event":"user.locked","result":"ok","actor":{"kind":"user"},"#,
            r#""target":{"user":"alice","user_id":"01010101010101010101010101010101"},"#,
            r#""from":{"nas":"asa-berlin","src":"192.0.2.10:41022","gateway":"vpn1"},"#,
            r#""request":"c-1"}"#
        )
    );
}

#[test]
fn names_the_field_that_is_wrong() {
    type Break = fn(&mut Value);
    let cases: [(&str, Break); 4] = [
        ("wall", |v| v["wall"] = json!("yesterday")),
        ("result", |v| v["result"] = json!("maybe")),
        ("target.user_id", |v| v["target"]["user_id"] = json!("0A")),
        ("from.src", |v| v["from"]["src"] = json!("192.0.2.10")),
    ];
    for (name, change) in cases {
        match AuditRecord::parse(&body(change)) {
            Err(RecordError::Field { seq: 42, field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn refuses_a_newer_version_and_passes_over_newer_fields() {
    assert_eq!(
        AuditRecord::parse(&body(|v| v["v"] = json!(2))),
        Err(RecordError::Newer(2))
    );
    assert!(AuditRecord::parse(&body(|v| v["weather"] = json!("rain"))).is_ok());
    let mut octets = body(|v| v["weather"] = json!("rain"));
    let at = octets.windows(4).position(|part| part == b"rain").unwrap();
    octets[at] = 0xff;
    assert!(matches!(
        AuditRecord::parse(&octets),
        Err(RecordError::Json(_))
    ));
    let no_actor = body(|v| v["actor"] = json!({"kind": "ghost"}));
    assert!(matches!(
        AuditRecord::parse(&no_actor),
        Err(RecordError::Json(_))
    ));
}
