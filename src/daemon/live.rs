//! What happens, line by line, for the terminal the demo runs in.

use std::sync::Arc;

use crate::audit::record::AuditRecord;
use crate::engine::Engine;
use crate::store::AuditFilter;

/// Records shown at a time.
const LINES_MAX: usize = 200;

/// Follows the audit log from where it is now.
pub struct Live {
    engine: Arc<Engine>,
    seen: u64,
}

impl Live {
    /// Begins after what is there.
    #[must_use]
    pub fn new(engine: &Arc<Engine>) -> Self {
        let seen = engine.reader().last_seq().unwrap_or(0);
        Self {
            engine: Arc::clone(engine),
            seen,
        }
    }

    /// Prints what is new.
    #[expect(clippy::print_stdout, reason = "this is what the terminal is for")]
    pub fn print_new(&mut self) {
        let filter = AuditFilter {
            after_seq: self.seen,
            ..AuditFilter::default()
        };
        let Ok(records) = self.engine.reader().audit(&filter, LINES_MAX) else {
            return;
        };
        for stored in records {
            self.seen = self.seen.max(stored.seq);
            if let Some(line) = AuditRecord::parse(&stored.body)
                .ok()
                .and_then(|record| self.line(&record))
            {
                println!("{line}");
            }
        }
    }

    fn line(&self, record: &AuditRecord) -> Option<String> {
        let user = record
            .target
            .user
            .as_deref()
            .or_else(|| record.detail.get("name").and_then(|name| name.as_str()))
            .unwrap_or("-");
        let gateway = record.gateway().unwrap_or("-");
        let what = match record.event.as_str() {
            "auth.accept" => format!(
                "ACCEPT   {}",
                record
                    .detail
                    .get("how")
                    .and_then(|how| how.as_str())
                    .unwrap_or("")
            ),
            "auth.challenge" => "asked".to_owned(),
            "auth.reject" | "auth.replay" => format!("reject   {}", why(record)),
            "user.locked" => format!("LOCKED   {}", record.reason.as_deref().unwrap_or("")),
            "user.waiting" => "WAITING".to_owned(),
            "user.unlocked" => "unlocked".to_owned(),
            _ => return None,
        };
        let wall = record.wall.to_string();
        let clock = wall.get(11..19).unwrap_or("");
        let spent = record
            .datagram()
            .and_then(|digest| self.engine.traces().stages(&digest))
            .map(|stages| {
                let us = u64::from(stages.decode_us)
                    + u64::from(stages.load_us)
                    + u64::from(stages.otp_us)
                    + u64::from(stages.pin_us.unwrap_or(0))
                    + u64::from(stages.wait_us)
                    + u64::from(stages.sync_us.unwrap_or(0));
                format!("{:>8}.{} ms", us / 1000, us % 1000 / 100)
            })
            .unwrap_or_default();
        Some(format!(
            "{clock}  {user:<10}  {gateway:<9} {what:<28}{spent}"
        ))
    }
}

fn why(record: &AuditRecord) -> String {
    let reason = match record.reason.as_deref().unwrap_or("") {
        "bad_code" => "wrong code",
        "bad_pin" => "right code, wrong PIN",
        "replay" => "the last code once more",
        "unknown_user" => "no such user",
        "locked" => "locked, code not looked at",
        "waiting" => "waiting, code not looked at",
        other => other,
    };
    let number = |key: &str| record.detail.get(key).and_then(serde_json::Value::as_u64);
    match (number("count"), number("of")) {
        (Some(count), Some(0)) => format!("{reason} ({count})"),
        (Some(count), Some(of)) => format!("{reason} ({count} of {of})"),
        _ => reason.to_owned(),
    }
}
