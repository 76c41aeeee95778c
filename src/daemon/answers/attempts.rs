//! Sign-in attempts as the audit log knows them, in the words of screens.

use serde_json::Value;

use crate::audit::record::AuditRecord;
use crate::control;
use crate::control::reply::{Attempt, Stages};
use crate::domain::attempt::attempt_id;
use crate::domain::dialogue::Kind;
use crate::domain::distance::Distance;
use crate::domain::verdict::{Message, Reason};
use crate::engine::trace;
use crate::store::AuditFilter;

use super::desk::Desk;
use super::pages::Entry;
use super::redact;

/// Records of one attempt that follow its verdict.
const FOLLOWERS_MAX: usize = 6;

impl Desk<'_> {
    /// The line of an attempt; none if the record is no verdict.
    pub(super) fn attempt(&self, entry: &Entry, stages: bool) -> Option<Attempt> {
        let record = &entry.record;
        let result = match record.event.as_str() {
            "auth.accept" => "accept",
            "auth.reject" | "auth.replay" => "reject",
            "auth.challenge" => "challenge",
            _ => return None,
        };
        let accepted = result == "accept";
        let digest = record.datagram();
        let reason = record.reason.as_deref().filter(|_| result == "reject");
        let count = number(record, "count");
        // A record that sums up many has the time of the first; one that was counted has a limit.
        let summed = record.detail.contains_key("first");
        let limit = number(record, "of").filter(|_| !summed);
        let gateway = record.gateway().unwrap_or_default();
        let policy = self
            .rules
            .gateways
            .iter()
            .find(|known| *known.name == *gateway);
        let rejected = policy.filter(|_| result == "reject");
        let known = reason.and_then(Reason::by_name);
        let mut row = Attempt {
            id: digest.map(|digest| attempt_id(&digest).to_string()),
            seq: entry.stored.seq,
            at: record.wall.into(),
            user: user(record),
            gateway: gateway.to_owned(),
            station: record
                .from
                .as_ref()
                .map_or_else(String::new, |from| from.station.to_string()),
            result: result.to_owned(),
            rule: Some(rule(record, known).to_owned()),
            reason: reason.map(str::to_owned),
            how: text(record, "how").filter(|_| accepted),
            token: record.target.token.clone(),
            grant: grant_of(record),
            reply: message_number(record, accepted),
            text: told(record, known),
            counted: limit.is_some(),
            count: count.filter(|_| limit.is_some()),
            limit,
            locked: None,
            lock_seq: None,
            distance: None,
            distance_of: None,
            waits_until: text(record, "until")
                .and_then(|at| control::words::instant(&at))
                .map(Into::into),
            repeated: count.filter(|_| summed).unwrap_or(1),
            held_ms: rejected.and_then(|p| u64::try_from(p.reject_delay.as_millis()).ok()),
            stages: digest
                .filter(|_| stages)
                .and_then(|digest| self.engine.traces().stages(&digest))
                .map(stages_of),
        };
        if row.counted {
            self.add_lock(entry, &mut row);
        }
        if let Some(found) = self.distance(record) {
            row.distance = Some(found.off);
            row.distance_of = Some(found.token.to_string());
            row.text = format!("{}, {found}", row.text);
        }
        if !self.sees_halves() && redact::has_halves(answered(record)) {
            redact::attempt(&mut row);
        }
        Some(row)
    }

    /// How far off the code of a Reject was, for those who may know that half of it.
    pub(super) fn distance(&self, record: &AuditRecord) -> Option<Distance> {
        let digest = record.datagram().filter(|_| self.sees_halves())?;
        self.engine.diagnosis().distance(&digest)
    }

    /// The lock that an attempt has brought about stands in the records right after it.
    fn add_lock(&self, entry: &Entry, row: &mut Attempt) {
        let filter = AuditFilter {
            after_seq: entry.stored.seq,
            before_seq: entry.stored.seq.saturating_add(8),
            ..AuditFilter::default()
        };
        let Ok(found) = self.reader().audit(&filter, FOLLOWERS_MAX) else {
            return;
        };
        let lock = found.iter().find_map(|stored| {
            let record = AuditRecord::parse(&stored.body).ok()?;
            let same = record.request == entry.record.request;
            (same && record.event == "user.locked").then_some((stored.seq, record.reason))
        });
        if let Some((seq, reason)) = lock {
            row.locked = reason;
            row.lock_seq = Some(seq);
        }
    }
}

/// The number of the message that was shown. The log keeps it, unless it is the one Reject.
pub(super) fn message_number(record: &AuditRecord, accepted: bool) -> Option<String> {
    let denied = !accepted && text(record, "message").is_none();
    let denied = denied.then(|| Message::Denied.id().to_owned());
    text(record, "message_number").or(denied)
}

/// The grant that a record names, as `P-31`.
pub(super) fn grant_of(record: &AuditRecord) -> Option<String> {
    record
        .detail
        .get("grant")
        .and_then(Value::as_u64)
        .map(|id| format!("P-{id}"))
}

/// The stages that the engine has measured.
pub(super) fn stages_of(stages: trace::Stages) -> Stages {
    let some = |us: u32| Some(u64::from(us));
    Stages {
        receive_us: None,
        decode_us: some(stages.decode_us),
        load_us: some(stages.load_us),
        otp_us: some(stages.otp_us),
        pin_us: stages.pin_us.map(u64::from),
        judge_us: None,
        wait_us: some(stages.wait_us),
        sync_us: stages.sync_us.map(u64::from),
        sign_us: None,
        send_us: None,
    }
}

fn text(record: &AuditRecord, key: &str) -> Option<String> {
    record
        .detail
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn number(record: &AuditRecord, key: &str) -> Option<u32> {
    let number = record.detail.get(key).and_then(Value::as_u64)?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The name as known, or the pseudonym of one that is not.
fn user(record: &AuditRecord) -> String {
    let known = record.target.user.clone();
    known
        .or_else(|| text(record, "name"))
        .unwrap_or_else(|| "(unknown)".to_owned())
}

fn repeated(record: &AuditRecord) -> bool {
    record.detail.get("repeated").and_then(Value::as_bool) == Some(true)
}

/// The kind of question that was answered, by its name.
pub(super) fn answered(record: &AuditRecord) -> Option<&str> {
    record.detail.get("dialogue").and_then(Value::as_str)
}

/// The rule by which the kind of this name is asked.
// domain 3.1 and 11.3.
fn rule_of(kind: &str) -> &'static str {
    match kind {
        "auth_code" | "device_code" | "first_code" | "address" | "code_of_token" => "D9",
        "new_pin" | "reauth" | "confirm" => "D13",
        "question" | "emergency" => "11.3",
        _ => "D12",
    }
}

/// The rule that decided.
// domain 3.1.
fn rule(record: &AuditRecord, reason: Option<Reason>) -> &'static str {
    if repeated(record) {
        return "D17";
    }
    if record.event == "auth.challenge" {
        return rule_of(&text(record, "kind").unwrap_or_default());
    }
    if let (Some(Reason::BadCode | Reason::Unfinished), Some(kind)) = (reason, answered(record))
        && !Kind::of_device(kind)
    {
        return rule_of(kind);
    }
    match (reason, text(record, "how").as_deref()) {
        (Some(Reason::UnsupportedAuth | Reason::DialogueExpired), _) => "D3",
        (Some(Reason::UnknownUser), _) | (None, Some("policy_passthrough")) => "D4",
        (Some(Reason::Deactivated | Reason::Revoked), _) => "D5",
        (Some(Reason::Locked | Reason::Waiting), _) => "D6",
        (Some(Reason::BadPin | Reason::NoPin | Reason::BadPassword | Reason::PinBlocked), _) => {
            "D7"
        }
        (None, Some("passthrough")) => "D8",
        (Some(Reason::Policy), _) => "D9",
        (Some(Reason::NoToken | Reason::ExpiredToken), _) => "D10",
        (Some(Reason::BadCode | Reason::Replay), _) => "D11",
        (Some(Reason::Internal), _) => "D14",
        (None, Some("grace")) => "D18",
        (None, _) | (Some(Reason::Unfinished), _) => "D13",
    }
}

/// The reason or the way, and which question of which dialogue it was about.
fn told(record: &AuditRecord, reason: Option<Reason>) -> String {
    let said = words(record, reason);
    let round = number(record, "round").filter(|round| *round > 1);
    let round = round.map_or_else(String::new, |round| format!(", question {round}"));
    match (text(record, "answers"), text(record, "question")) {
        (Some(before), Some(next)) => format!("{said}{round} ({before} -> {next})"),
        (Some(id), None) | (None, Some(id)) => format!("{said}{round} ({id})"),
        (None, None) => said + &round,
    }
}

/// The reason or the way, in words.
fn words(record: &AuditRecord, reason: Option<Reason>) -> String {
    if repeated(record) {
        return "the same again, not counted".to_owned();
    }
    if record.event == "auth.challenge" {
        let kind = text(record, "kind").unwrap_or_default();
        return format!("asked for the {}", Kind::words_of(&kind));
    }
    let Some(reason) = reason else {
        if record.event != "auth.accept" {
            return record.reason.clone().unwrap_or_default();
        }
        let token = record.target.token.as_deref().unwrap_or("a token");
        return match text(record, "how").as_deref() {
            Some("grace") => format!("{token}, the same code within the grace"),
            Some("recovery") => format!("a recovery code of {token}"),
            Some("passthrough") => match grant_of(record) {
                Some(grant) => format!("passthrough {grant}"),
                None => "passthrough".to_owned(),
            },
            Some("policy_passthrough") => "the gateway lets in who has no token".to_owned(),
            _ => token.to_owned(),
        };
    };
    match (reason, text(record, "method")) {
        (Reason::UnsupportedAuth, Some(method)) => {
            format!("{method}, not PAP: no code can be checked in it")
        }
        (Reason::BadCode, _) => match answered(record) {
            Some("code" | "passcode" | "reauth" | "method") | None => {
                reason_words(reason).to_owned()
            }
            Some(kind) => format!("wrong {}", Kind::words_of(kind)),
        },
        (Reason::Unfinished, _) => match (message_number(record, false), text(record, "message")) {
            (Some(number), Some(said)) => format!("the dialogue ended: {number} \"{said}\""),
            _ => reason_words(reason).to_owned(),
        },
        (reason, _) => reason_words(reason).to_owned(),
    }
}

/// A reason in words.
pub(super) const fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::BadCode => "wrong code",
        Reason::BadPin => "right code, wrong PIN",
        Reason::NoPin => "right code, no PIN set or typed",
        Reason::BadPassword => "right code, wrong password",
        Reason::Replay => "the code was used before, not counted",
        Reason::Locked => "locked, code not looked at",
        Reason::Waiting => "waiting, code not looked at",
        Reason::PinBlocked => "PIN blocked",
        Reason::Deactivated => "deactivated",
        Reason::Revoked => "revoked",
        Reason::ExpiredToken => "the token has expired",
        Reason::NoToken => "no token to sign in with",
        Reason::UnknownUser => "no such user",
        Reason::UnsupportedAuth => "not PAP: no code can be checked in it",
        Reason::DialogueExpired => "answer to a dialogue that is over",
        Reason::Unfinished => "the dialogue came to no good end",
        Reason::Policy => "a step is due that this gateway cannot lead",
        Reason::Internal => "mfad could not decide",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::record::Target;
    use crate::domain::event::{Actor, EventResult};
    use crate::time::Timestamp;

    fn record(event: &str, reason: &str, detail: Value) -> AuditRecord {
        let Value::Object(detail) = detail else {
            panic!("no fields")
        };
        AuditRecord {
            seq: 1,
            wall: Timestamp(0),
            boot: String::new(),
            node: String::new(),
            event: event.to_owned(),
            result: EventResult::Ok,
            actor: Actor::User,
            target: Target::default(),
            from: None,
            before: None,
            after: None,
            reason: Some(reason.to_owned()),
            request: None,
            detail,
        }
    }

    #[test]
    fn rounds_are_told_apart_and_wrong_answers_from_wrong_codes() {
        let ended = "PIN changed. Please sign in again.";
        for (reason, detail, decided, words) in [
            (
                "",
                json!({"kind": "auth_code", "round": 1, "question": "d-AAAAA"}),
                "D9",
                "asked for the auth code (d-AAAAA)",
            ),
            (
                "",
                json!({"kind": "new_pin", "round": 2, "question": "d-BBBBB", "answers": "d-AAAAA"}),
                "D13",
                "asked for the new PIN or password, question 2 (d-AAAAA -> d-BBBBB)",
            ),
            (
                "bad_code",
                json!({"dialogue": "auth_code", "answers": "d-AAAAA", "round": 1}),
                "D9",
                "wrong auth code (d-AAAAA)",
            ),
            (
                "bad_code",
                json!({"dialogue": "question", "answers": "d-CCCCC", "round": 3}),
                "11.3",
                "wrong answer to a question, question 3 (d-CCCCC)",
            ),
            (
                "bad_code",
                json!({"dialogue": "code", "answers": "d-AAAAA", "round": 1}),
                "D11",
                "wrong code (d-AAAAA)",
            ),
            (
                "unfinished",
                json!({"dialogue": "new_pin", "message_number": "M48", "message": ended}),
                "D13",
                "the dialogue ended: M48 \"PIN changed. Please sign in again.\"",
            ),
            ("bad_code", json!({}), "D11", "wrong code"),
        ] {
            let event = match reason {
                "" => "auth.challenge",
                _ => "auth.reject",
            };
            let record = record(event, reason, detail);
            let known = Reason::by_name(reason);
            assert_eq!(told(&record, known), words);
            assert_eq!(rule(&record, known), decided, "{words}");
        }
    }
}
