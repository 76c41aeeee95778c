//! What a viewer is not told: which half of a passcode was wrong.
//!
//! Whoever knows that a code was right needs only the PIN. Support has to know it to help; a viewer
//! reads `wrong passcode` for either half, and none of the fields that would tell them apart: the
//! token that was meant, the time the first factor took, the way the failure was counted.

use serde_json::{Map, Value};

use crate::control::reply::Attempt;
use crate::domain::dialogue::Kind;
use crate::domain::event::is_verdict;
use crate::domain::verdict::Reason;

/// Stands for either half.
pub(super) const WRONG_PASSCODE: &str = "wrong passcode";

/// The rule that is named for either half.
const EITHER_RULE: &str = "D11";

/// Fields of a record that tell nothing about the halves.
const HARMLESS: [&str; 6] = ["count", "of", "until", "first", "last", "gateway"];

/// Whether a reason names one half.
pub(super) fn tells_half(reason: &str) -> bool {
    let reason = Reason::by_name(reason);
    reason.is_some_and(|reason| {
        matches!(
            reason,
            Reason::BadCode | Reason::BadPin | Reason::NoPin | Reason::BadPassword
        )
    })
}

/// Whether what was typed in answer to the kind of question of this name, or to none, has halves.
pub(super) fn has_halves(answered: Option<&str>) -> bool {
    answered.is_none_or(Kind::of_device)
}

/// An attempt as a viewer sees it.
pub(super) fn attempt(attempt: &mut Attempt) {
    if !attempt.reason.as_deref().is_some_and(tells_half) {
        return;
    }
    attempt.reason = Some(WRONG_PASSCODE.to_owned());
    attempt.text = WRONG_PASSCODE.to_owned();
    attempt.rule = Some(EITHER_RULE.to_owned());
    attempt.token = None;
    attempt.distance = None;
    attempt.distance_of = None;
    // Only a right code has the first factor looked at.
    attempt.stages = None;
}

/// An audit record as a viewer sees it.
pub(super) fn record(record: &mut Map<String, Value>) {
    let text = |record: &Map<String, Value>, key: &str| {
        record.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let is_verdict = text(record, "event").is_some_and(|event| is_verdict(&event));
    let detail = record.get("detail");
    let answered = detail.and_then(|it| it.get("dialogue")?.as_str());
    if !has_halves(answered)
        || !is_verdict
        || !text(record, "reason").is_some_and(|reason| tells_half(&reason))
    {
        return;
    }
    record.insert("reason".to_owned(), Value::from(WRONG_PASSCODE));
    if let Some(Value::Object(target)) = record.get_mut("target") {
        target.shift_remove("token");
    }
    if let Some(Value::Object(detail)) = record.get_mut("detail") {
        detail.retain(|key, _| HARMLESS.contains(&key.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: Value) -> Value {
        let Value::Object(mut map) = value else {
            panic!("not a record")
        };
        record(&mut map);
        Value::Object(map)
    }

    #[test]
    fn both_halves_look_alike() {
        let of = |reason: &str, extra: Value| {
            shown(json!({
                "seq": 7, "event": "auth.reject", "reason": reason,
                "target": {"user": "alice", "token": "T-8F3K2"},
                "detail": {"count": 2, "of": 5, "other": extra},
            }))
        };
        let seen = of("bad_code", json!(1));
        for reason in ["bad_pin", "bad_password", "no_pin"] {
            assert_eq!(of(reason, json!(reason)), seen);
        }
        assert_eq!(seen["reason"], "wrong passcode");
        assert_eq!(seen["target"], json!({"user": "alice"}));
        assert_eq!(seen["detail"], json!({"count": 2, "of": 5}));
    }

    #[test]
    fn other_records_stay_as_they_are() {
        for value in [
            json!({"event": "auth.reject", "reason": "locked", "target": {"token": "T-8F3K2"}}),
            json!({"event": "user.locked", "reason": "bad_pin", "target": {"token": "T-8F3K2"}}),
            json!({"event": "auth.accept", "detail": {"how": "token"}}),
            json!({"event": "auth.reject", "reason": "bad_code", "detail": {"dialogue": "auth_code"}}),
        ] {
            assert_eq!(shown(value.clone()), value);
        }
    }

    #[test]
    fn attempts_with_a_wrong_half_look_alike() {
        let of = |reason: &str, rule: &str, token: Option<&str>| {
            let mut row = Attempt {
                reason: Some(reason.to_owned()),
                rule: Some(rule.to_owned()),
                token: token.map(str::to_owned),
                text: reason.to_owned(),
                stages: Some(crate::control::reply::Stages::default()),
                ..Attempt::default()
            };
            attempt(&mut row);
            row
        };
        assert_eq!(
            of("bad_code", "D11", Some("T-8F3K2")),
            of("bad_pin", "D7", None)
        );
        assert_eq!(of("locked", "D6", None).reason.as_deref(), Some("locked"));
    }
}
