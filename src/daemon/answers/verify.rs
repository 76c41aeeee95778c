//! Whether any audit record was changed or removed: `audit verify`.
//!
//! Checkpoints are read before the records, since one that is signed meanwhile would look like a
//! log that was cut off. First come the segments of the archive, each linked to the next, then the
//! store's part, read in pages up to the number that was the last at the beginning. A segment that is
//! not there is passed over and said: what it held is then neither whole nor damaged.

use crate::audit::checkpoint::{PublicKey, Signer};
use crate::audit::checkpoint_file;
use crate::audit::segment;
use crate::audit::segment_file::{self, Piece};
use crate::audit::verify::{DamageKind, Plan, Report, Start, Verifier};
use crate::control::reply::{AuditVerify, Damage, Reply, VerifyCheck};
use crate::daemon::archive::Archive;
use crate::daemon::report::{count, number};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::hex;
use crate::store::AuditFilter;

use super::Answerer;
use super::desk::{Desk, store};

/// Records read at a time.
const CHUNK: usize = 2_000;

impl Answerer {
    pub(super) fn audit_verify(
        &self,
        desk: &Desk<'_>,
        from: Option<u64>,
    ) -> Result<Reply, Refusal> {
        let began_us = desk.now.mono_us;
        let config = self.config.load();
        // What is read from a segment must not go from the store into another one meanwhile.
        let _held = self.archive.hold();
        let path = self.archive.checkpoints_path();
        let loaded = checkpoint_file::load(&path).map_err(unchecked)?;
        let last = desk.reader().last_seq().map_err(|error| store(&error))?;
        let known = desk.reader().archived().map_err(|error| store(&error))?;
        let listed = segment_file::list(self.archive.folder(), &config.node).map_err(unchecked)?;
        let end = Start {
            seq: known.seq,
            hash: known.hash,
        };
        let mut pieces = segment_file::line_up(&listed, end);
        let start = start(desk, from, last, end, &mut pieces)?;
        let signer = Signer::new(desk.engine.keys().audit_seed()).map_err(unchecked)?;
        let keys: [PublicKey; 1] = [signer.public_key()];
        let plan = Plan {
            node: &config.node,
            start,
            checkpoints: &loaded.checkpoints,
            keys: &keys,
        };
        let mut verifier = Verifier::new(&plan);
        feed_archive(&mut verifier, &pieces)?;
        feed_store(desk, &mut verifier, last)?;
        let report = verifier.finish();
        let whole = report.whole() && loaded.unreadable == 0;
        if start == Start::CHAIN {
            self.facts.checked(desk.now.wall, report.whole());
        }
        let took_us = self.clock.now().mono_us.saturating_sub(began_us);
        let mut reply = reply(&report, loaded.checkpoints.len());
        tell_archive(&mut reply, &pieces, &self.archive);
        if !whole && report.whole() {
            reply.checks.push(check(
                "checkpoints",
                "warning",
                unreadable(loaded.unreadable),
            ));
        }
        reply.took_ms = took_us / 1000;
        Ok(Reply::AuditVerify(Box::new(reply)))
    }
}

fn unchecked(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::Store, "the audit log was not checked").why(error.to_string())
}

/// The position before the first record to check; pieces of the archive before it are dropped.
fn start(
    desk: &Desk<'_>,
    from: Option<u64>,
    last: u64,
    end: Start,
    pieces: &mut Vec<Piece>,
) -> Result<Start, Refusal> {
    let Some(before) = from
        .and_then(|from| from.checked_sub(1))
        .filter(|seq| *seq > 0)
    else {
        return Ok(Start::CHAIN);
    };
    pieces.retain(|piece| piece.end().seq > before);
    if let Some(first) = pieces.first() {
        return Ok(first.start());
    }
    if before == end.seq {
        return Ok(end);
    }
    let filter = AuditFilter {
        after_seq: before - 1,
        ..AuditFilter::default()
    };
    let found = desk
        .reader()
        .audit(&filter, 1)
        .map_err(|error| store(&error))?;
    match found.first().filter(|record| record.seq == before) {
        Some(record) => Ok(Start {
            seq: before,
            hash: record.hash,
        }),
        None => {
            let what = format!("there is no record {before} to begin after");
            Err(Refusal::new(Code::Arg, what).why(format!("the last one is {last}")))
        }
    }
}

fn feed_archive(verifier: &mut Verifier<'_>, pieces: &[Piece]) -> Result<(), Refusal> {
    for piece in pieces {
        match piece {
            Piece::Here(file) => {
                let mut segment = file.open().map_err(unchecked)?;
                segment::check(verifier, &file.header, &mut segment).map_err(unchecked)?;
            }
            Piece::Absent { end, .. } => verifier.pass_over(*end),
        }
    }
    Ok(())
}

fn feed_store(desk: &Desk<'_>, verifier: &mut Verifier<'_>, last: u64) -> Result<(), Refusal> {
    let mut filter = AuditFilter {
        after_seq: verifier.position().seq,
        before_seq: last.saturating_add(1),
        ..AuditFilter::default()
    };
    loop {
        let page = desk
            .reader()
            .audit(&filter, CHUNK)
            .map_err(|error| store(&error))?;
        for record in &page {
            verifier.feed(record);
            filter.after_seq = filter.after_seq.max(record.seq);
        }
        if page.len() < CHUNK {
            return Ok(());
        }
    }
}

/// What lies in segments, and what should and does not.
fn tell_archive(reply: &mut AuditVerify, pieces: &[Piece], archive: &Archive) {
    let Some(last) = pieces.last().map(|piece| piece.end().seq) else {
        return;
    };
    let folder = archive.folder().display();
    let absent = pieces.iter().filter_map(|piece| match piece {
        Piece::Absent { first, end } => Some(format!("{} to {}", number(*first), number(end.seq))),
        Piece::Here(_) => None,
    });
    let absent: Vec<String> = absent.collect();
    let told = if absent.is_empty() {
        let segments = count(pieces.len() as u64, "segment");
        let text = format!("records to {} in {segments}", number(last));
        check("archive", "ok", text)
    } else {
        if reply.result == "whole" {
            reply.result = "unchecked".to_owned();
        }
        let spans = absent.join(", ");
        let text = format!(
            "records {spans} are archived, and no segment in {folder} holds them: put it back"
        );
        check("archive", "bad", text)
    };
    reply.checks.insert(2.min(reply.checks.len()), told);
}

fn check(name: &str, mark: &str, text: String) -> VerifyCheck {
    VerifyCheck {
        name: name.to_owned(),
        mark: mark.to_owned(),
        text,
    }
}

fn unreadable(lines: u64) -> String {
    format!("{lines} lines of the file cannot be read; a power cut leaves one")
}

fn reply(report: &Report, checkpoints: usize) -> AuditVerify {
    let (first, last) = (report.first, report.last);
    let (first_seq, last_seq) = (
        first.map_or(0, |met| met.seq),
        last.map_or(0, |met| met.seq),
    );
    AuditVerify {
        result: if report.whole() { "whole" } else { "damaged" }.to_owned(),
        first_seq,
        last_seq,
        first_at: first.and_then(|met| met.wall).map(Into::into),
        last_at: last.and_then(|met| met.wall).map(Into::into),
        checks: checks(report, checkpoints, first_seq, last_seq),
        proven: report.proven,
        chained: report.unanchored,
        damage: report
            .damage
            .as_ref()
            .map(|damage| damage_of(damage, report)),
        last_hash: hex(&report.head),
        took_ms: 0,
    }
}

fn checks(report: &Report, checkpoints: usize, first: u64, last: u64) -> Vec<VerifyCheck> {
    let kind = report.damage.as_ref().map(|damage| &damage.kind);
    let numbers = matches!(
        kind,
        Some(DamageKind::Missing { .. } | DamageKind::Repeated | DamageKind::OtherNumber(_))
    );
    let signed = matches!(
        kind,
        Some(
            DamageKind::Rewritten { .. }
                | DamageKind::CutOff { .. }
                | DamageKind::Signature
                | DamageKind::UnknownKey(_)
        )
    );
    let told = |bad: bool, name: &str, good: String| match (bad, kind) {
        (true, Some(kind)) => check(name, "bad", kind.to_string()),
        _ => check(name, "ok", good),
    };
    let follows = "every record follows from the one before".to_owned();
    let mut list = vec![
        told(kind.is_some() && !numbers && !signed, "chain", follows),
        told(
            numbers,
            "numbers",
            format!("{first} to {last}, none missing, none twice"),
        ),
    ];
    list.push(if signed || report.checkpoints_ok > 0 {
        let keys: Vec<String> = report.keys.iter().map(|(key, _)| key.to_string()).collect();
        let good = format!(
            "{} of {checkpoints} agree and verify with key {}",
            report.checkpoints_ok,
            keys.join(", ")
        );
        told(signed, "checkpoints", good)
    } else {
        check(
            "checkpoints",
            "warning",
            "there are none yet: nothing is proven".to_owned(),
        )
    });
    if report.unanchored > 0 && report.checkpoints_ok > 0 {
        let text = format!(
            "the last {} records are newer than the last checkpoint",
            report.unanchored
        );
        list.push(check("unanchored", "warning", text));
    }
    if let Some(seq) = report.time_regression_first {
        let text = format!(
            "the clock went back {} times, first at record {seq}; that is no damage",
            report.time_regressions
        );
        list.push(check("times", "warning", text));
    }
    list
}

fn damage_of(damage: &crate::audit::verify::Damage, report: &Report) -> Damage {
    let (expected, found) = match &damage.kind {
        DamageKind::Changed { expected, found } => (hex(expected), hex(found)),
        DamageKind::Rewritten { signed, found } => (hex(signed), hex(found)),
        other => ("not compared".to_owned(), other.to_string()),
    };
    Damage {
        seq: damage.seq,
        at: damage.wall.map(Into::into),
        expected,
        found,
        before: report.proven,
        after: report.following,
        journal: None,
        doing: vec![
            "keep the disk as it is".to_owned(),
            "compare with the checkpoints in the system journal".to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::Chain;
    use crate::domain::event::{Event, Origin};
    use crate::store::StoredAudit;
    use crate::time::{Now, Timestamp};

    fn log(records: u64) -> Vec<StoredAudit> {
        let mut chain = Chain::resume("n".into(), "b".into(), 0, [0; 32]);
        let now = Now::at(Timestamp(1_700_000_000_000));
        let record = |_| {
            let record = chain.append(&Event::new("read"), &Origin::system(), now);
            StoredAudit {
                seq: record.seq,
                body: record.body,
                hash: record.hash,
            }
        };
        (0..records).map(record).collect()
    }

    fn verified(log: &[StoredAudit]) -> AuditVerify {
        let plan = Plan {
            node: "n",
            start: Start::CHAIN,
            checkpoints: &[],
            keys: &[],
        };
        let mut verifier = Verifier::new(&plan);
        log.iter().for_each(|record| verifier.feed(record));
        reply(&verifier.finish(), 0)
    }

    #[test]
    fn a_whole_log_without_checkpoints_is_whole_and_not_proven() {
        let reply = verified(&log(5));
        assert_eq!(
            (reply.result.as_str(), reply.first_seq, reply.last_seq),
            ("whole", 1, 5)
        );
        assert_eq!((reply.proven, reply.chained), (0, 5));
        let marks: Vec<&str> = reply
            .checks
            .iter()
            .map(|check| check.mark.as_str())
            .collect();
        assert_eq!(marks, ["ok", "ok", "warning"]);
    }

    #[test]
    fn damage_is_told_under_its_check() {
        let mut changed = log(5);
        changed[2].body.push(b' ');
        let reply = verified(&changed);
        assert_eq!(reply.result, "damaged");
        assert_eq!(
            (reply.checks[0].mark.as_str(), reply.checks[1].mark.as_str()),
            ("bad", "ok")
        );
        assert_eq!(reply.damage.unwrap().seq, 3);
        let mut missing = log(5);
        missing.remove(2);
        let reply = verified(&missing);
        assert_eq!(
            (reply.checks[0].mark.as_str(), reply.checks[1].mark.as_str()),
            ("ok", "bad")
        );
    }
}
