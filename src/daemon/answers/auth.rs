//! Attempts: `auth log`, `auth show`.

use crate::audit::record::AuditRecord;
use crate::control::query::{AuthFilter, Extent, Outcome, Page};
use crate::control::reply::{Attempt, AuditRef, AuthPage, AuthShow, Reply, Stages, Step};
use crate::domain::event::is_verdict;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::unhex;
use crate::domain::user::UserId;
use crate::domain::verdict::Message;
use crate::server::control::Sink;
use crate::store::{AuditFilter, StoredAudit};
use crate::token::AttemptId;

use super::desk::{Desk, store};
use super::pages::{self, Entry, Wanted};
use super::redact;

/// Records looked at for an attempt.
const SCAN_MAX: usize = 1_000_000;
/// Records of one look.
const SCAN_CHUNK: usize = 2_000;
/// How far the records of an attempt lie from its verdict.
const SPREAD: u64 = 8;

impl Desk<'_> {
    pub(super) fn auth_log(
        &self,
        filter: &AuthFilter,
        stages: bool,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let event = match filter.result {
            Some(Outcome::Accept) => "auth.accept",
            Some(Outcome::Challenge) => "auth.challenge",
            Some(Outcome::Reject) | None => "auth",
        };
        let wanted = Wanted {
            filter: AuditFilter {
                user: self.user_of(filter.user.as_deref(), "auth log")?,
                event: Some(event.to_owned()),
                since: filter.since,
                gateway: filter.gateway.clone(),
                ..AuditFilter::default()
            },
            until: filter.until,
        };
        let rejects = filter.result == Some(Outcome::Reject);
        let row = |entry: &Entry| {
            self.attempt(entry, stages)
                .filter(|row| !rejects || row.result == "reject")
        };
        if page.extent == Extent::Follow {
            let wrap = |rows| {
                Reply::AuthPage(AuthPage {
                    rows,
                    ..AuthPage::default()
                })
            };
            return pages::follow(self, &wanted, sink, row, wrap);
        }
        pages::answer(
            page,
            sink,
            |cursor, sink| pages::records(self, &wanted, cursor, page.limit, sink, row),
            |rows, cursor| {
                let end = cursor.is_none();
                Reply::AuthPage(AuthPage {
                    rows,
                    cursor,
                    archived: end.then(|| self.older(filter.since)).flatten(),
                })
            },
        )
    }

    /// The id of a person, also of a deleted one, for a look into the log; the look is recorded.
    pub(super) fn user_of(
        &self,
        name: Option<&str>,
        command: &'static str,
    ) -> Result<Option<UserId>, Refusal> {
        let Some(name) = name else { return Ok(None) };
        let refusal = match self.person(name, &format!("mfactl {command}")) {
            Ok(record) => {
                self.note_read(&record, command);
                return Ok(Some(record.id));
            }
            Err(refusal) => refusal,
        };
        if refusal.code != Code::NoUser {
            return Err(refusal);
        }
        let filter = AuditFilter {
            event: Some("user.deleted".to_owned()),
            ..AuditFilter::default()
        };
        let wanted = Wanted {
            filter,
            until: None,
        };
        let id = |entry: &Entry| {
            let target = &entry.record.target;
            target
                .user_id
                .filter(|_| target.user.as_deref() == Some(name))
        };
        let (found, _) = pages::records(self, &wanted, None, 1, &mut Deaf, id)?;
        found.first().copied().map(Some).ok_or(refusal)
    }

    pub(super) fn auth_show(&self, attempt: &str) -> Result<Reply, Refusal> {
        let bad = |_| {
            Refusal::new(
                Code::Arg,
                format!("`{attempt}` is not the id of an attempt"),
            )
            .why("it looks like a-5KQ2Z")
            .try_next("mfactl auth log")
        };
        let id: AttemptId = attempt.parse().map_err(bad)?;
        let Some(entry) = self.find_attempt(id)? else {
            let what = format!("there is no attempt `{id}` in the log");
            return Err(Refusal::new(Code::Arg, what)
                .why("what sums up many attempts is kept without their ids")
                .try_next("mfactl auth log"));
        };
        if let Some(id) = entry.record.target.user_id
            && let Ok(Some(owner)) = self.reader().user(id)
        {
            self.note_read(&owner, "auth show");
        }
        let Some(row) = self.attempt(&entry, true) else {
            return Err(Refusal::new(Code::Arg, format!("`{id}` is no attempt")));
        };
        let from = entry.record.from.as_ref();
        let said = entry.record.detail.get("message");
        let said = said.and_then(|text| text.as_str().map(str::to_owned));
        let denied = (row.result == "reject").then(|| Message::Denied.to_string());
        let reply_text = said.or(denied);
        Ok(Reply::AuthShow(Box::new(AuthShow {
            address: from.map_or_else(String::new, |from| from.address.to_string()),
            packet_id: None,
            nas: from.map_or_else(String::new, |from| from.nas.to_string()),
            steps: steps(&row),
            reply_text,
            reply_octets: None,
            work_us: row.stages.as_ref().map(work_us),
            audit: self.records_of(&entry)?,
            attempt: row,
        })))
    }

    /// The newest verdict whose datagram has this id.
    fn find_attempt(&self, id: AttemptId) -> Result<Option<Entry>, Refusal> {
        let mut filter = AuditFilter {
            newest_first: true,
            ..AuditFilter::default()
        };
        for _ in 0..SCAN_MAX / SCAN_CHUNK {
            let found = self
                .reader()
                .audit(&filter, SCAN_CHUNK)
                .map_err(|e| store(&e))?;
            let last_page = found.len() < SCAN_CHUNK;
            for stored in found {
                filter.before_seq = stored.seq;
                if may_be(&stored, id) {
                    let Ok(record) = AuditRecord::parse(&stored.body) else {
                        continue;
                    };
                    let digest = record.datagram();
                    let same = digest.map(|d| crate::domain::attempt::attempt_id(&d)) == Some(id);
                    if same && is_verdict(&record.event) {
                        return Ok(Some(Entry { stored, record }));
                    }
                }
            }
            if last_page || filter.before_seq <= 1 {
                break;
            }
        }
        Ok(None)
    }

    /// The records that one attempt has made.
    fn records_of(&self, entry: &Entry) -> Result<Vec<AuditRef>, Refusal> {
        let filter = AuditFilter {
            after_seq: entry.stored.seq.saturating_sub(SPREAD + 1),
            before_seq: entry.stored.seq.saturating_add(SPREAD),
            request: entry.record.request.clone(),
            ..AuditFilter::default()
        };
        let limit = usize::try_from(2 * SPREAD).unwrap_or(usize::MAX);
        let found = self
            .reader()
            .audit(&filter, limit)
            .map_err(|error| store(&error))?;
        let name = |stored: &StoredAudit| {
            let record = AuditRecord::parse(&stored.body).ok()?;
            Some(AuditRef {
                seq: stored.seq,
                event: record.event,
            })
        };
        Ok(found.iter().filter_map(name).collect())
    }
}

/// Whether a record can be of the attempt, judged without reading all of it.
fn may_be(stored: &StoredAudit, id: AttemptId) -> bool {
    const KEY: &[u8] = b"\"request\":\"";
    let Some(at) = stored.body.windows(KEY.len()).position(|part| part == KEY) else {
        return false;
    };
    let begin = at + KEY.len();
    let digits = stored
        .body
        .get(begin..begin + 10)
        .and_then(|d| std::str::from_utf8(d).ok());
    let first = digits
        .and_then(unhex)
        .and_then(|octets| <[u8; 5]>::try_from(octets).ok());
    first.is_some_and(|octets| AttemptId::from_random(octets) == id)
}

fn work_us(stages: &Stages) -> u64 {
    let Stages {
        decode_us,
        load_us,
        otp_us,
        pin_us,
        wait_us,
        sync_us,
        ..
    } = stages;
    [decode_us, load_us, otp_us, pin_us, wait_us, sync_us]
        .into_iter()
        .flatten()
        .sum()
}

/// The rules that an attempt has passed, and the one that decided.
// domain 3.1.
fn steps(row: &Attempt) -> Vec<Step> {
    let passed = [
        ("D1", "a packet of a known gateway; no retransmission"),
        ("D3", "a method in which a code can be checked"),
        ("D4", "a known name"),
        ("D5", "the state allows it"),
        ("D6", "not locked"),
    ];
    let rule = row.rule.as_deref().unwrap_or_default();
    let number = |rule: &str| {
        rule.trim_start_matches('D')
            .parse::<u32>()
            .unwrap_or(u32::MAX)
    };
    let decided = number(rule);
    let step = |rule: &str, mark: &str, text: &str| Step {
        rule: rule.to_owned(),
        mark: mark.to_owned(),
        text: text.to_owned(),
        detail: Vec::new(),
    };
    let early = passed
        .into_iter()
        .filter(|(rule, _)| number(rule) < decided);
    let mut steps: Vec<Step> = early.map(|(rule, text)| step(rule, "ok", text)).collect();
    let text = if row.reason.as_deref() == Some(redact::WRONG_PASSCODE) {
        redact::WRONG_PASSCODE
    } else {
        &row.text
    };
    let mark = match row.result.as_str() {
        "accept" => "ok",
        "challenge" => "?",
        _ => "NO",
    };
    steps.push(step(rule, mark, text));
    if let (Some(count), Some(limit)) = (row.count, row.limit) {
        let failure = match limit {
            0 => format!("failure {count}"),
            limit => format!("failure {count} of {limit}"),
        };
        let text = match (&row.locked, row.waits_until) {
            (Some(reason), _) => format!("{failure}: user locked, {reason}"),
            (None, Some(until)) => {
                format!("{failure}: the next attempt waits until {}", until.0)
            }
            (None, None) => failure,
        };
        steps.push(step("8.2", "->", &text));
    }
    steps
}

/// A sink for looks that have no pages.
pub(super) struct Deaf;

impl Sink for Deaf {
    fn push(&mut self, _page: Reply) -> Result<(), crate::server::control::Ended> {
        Ok(())
    }

    fn ended(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_found_by_its_digest() {
        let digest = [7_u8; 32];
        let id = crate::domain::attempt::attempt_id(&digest);
        let hex = crate::domain::sealed::hex(&digest);
        let stored = |body: String| StoredAudit {
            seq: 1,
            body: body.into_bytes(),
            hash: [0; 32],
        };
        assert!(may_be(
            &stored(format!(r#"{{"seq":1,"request":"{hex}"}}"#)),
            id
        ));
        let other = crate::domain::sealed::hex(&[8_u8; 32]);
        assert!(!may_be(
            &stored(format!(r#"{{"seq":1,"request":"{other}"}}"#)),
            id
        ));
        assert!(!may_be(
            &stored(r#"{"seq":1,"request":"7f3"}"#.to_owned()),
            id
        ));
        assert!(!may_be(&stored(r#"{"seq":1}"#.to_owned()), id));
    }

    #[test]
    fn the_rule_that_decided_is_the_last() {
        let row = Attempt {
            rule: Some("D6".to_owned()),
            result: "reject".to_owned(),
            text: "locked, code not looked at".to_owned(),
            ..Attempt::default()
        };
        let rules: Vec<String> = steps(&row)
            .into_iter()
            .map(|step| format!("{} {}", step.rule, step.mark))
            .collect();
        assert_eq!(rules, ["D1 ok", "D3 ok", "D4 ok", "D5 ok", "D6 NO"]);
    }

    #[test]
    fn a_lock_is_told_after_the_rule() {
        let row = Attempt {
            rule: Some("D11".to_owned()),
            result: "reject".to_owned(),
            count: Some(5),
            limit: Some(5),
            locked: Some("Failures".to_owned()),
            ..Attempt::default()
        };
        let last = steps(&row).pop().unwrap();
        assert_eq!(last.text, "failure 5 of 5: user locked, Failures");
    }
}
