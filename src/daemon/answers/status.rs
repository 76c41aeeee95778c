//! How the daemon is: `status`.
//!
//! The verdict first, then what needs a person, then facts. It answers while sealed and while the
//! store fails: what cannot be known then is left out.

use std::time::Duration;

use crate::access::Statistics;
use crate::audit::record::AuditRecord;
use crate::config::{Diff, KeySource};
use crate::control::reply::{
    AuditStatus, ClockStatus, ConfigStatus, KeyStatus, QueueStatus, Status, StoreStatus,
    UserCounts, Warning,
};
use crate::daemon::checkpoints;
use crate::domain::action::Role;
use crate::domain::event::Operator;
use crate::domain::recipient::Channel;
use crate::domain::user::UserState;
use crate::engine::Engine;
use crate::engine::outbox::OUTBOX_MESSAGES_MAX;
use crate::store::seal::KEY_VERSION;
use crate::store::{AuditFilter, Counts};
use crate::sys::clock::{JUMP_US_MIN, Synchronised, synchronised};
use crate::sys::files::free_octets;
use crate::time::Now;

use super::auth::Deaf;
use super::desk::Desk;
use super::gateways::{WINDOW_S, strangers};
use super::passthrough::Live;
use super::{Answerer, warnings};

impl Answerer {
    pub(super) fn status(&self) -> Status {
        let now = self.clock.now();
        let statistics = self.front.access().statistics();
        let asker = nobody();
        let desk = self
            .engine
            .as_ref()
            .ok()
            .map(|engine| Desk::new(engine, &asker));
        let counts = desk.as_ref().and_then(|desk| desk.reader().counts().ok());
        let grants = desk
            .as_ref()
            .and_then(|desk| desk.grants(None, &mut Deaf).ok());
        let grants = grants.unwrap_or_default();
        let dialogues = desk.as_ref().and_then(|desk| desk.open_dialogues().ok());
        let mut warnings = self.warnings(&statistics, &grants, now);
        let users = users(counts.as_ref(), &grants, desk.as_ref());
        warnings.extend(warnings::few_seats(users.counted, users.limit));
        let (state, verdict) = self.verdict(now);
        Status {
            now: now.wall.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.surroundings.hostname.clone(),
            state: state.to_owned(),
            verdict,
            since: self.started.wall.into(),
            warnings,
            window_s: WINDOW_S,
            gateways: self.gateway_rows(&statistics, now),
            strangers: strangers(&statistics, now),
            users,
            queues: self.queues(dialogues),
            store: self.store_status(counts.as_ref()),
            audit: self.audit_status(),
            clock: self.clock_status(),
            key: self.key_status(),
            config: self.config_status(),
        }
    }

    /// One word, and the first line after the host.
    fn verdict(&self, now: Now) -> (&'static str, String) {
        let Ok(engine) = &self.engine else {
            let line = "is SEALED: no master key, no login is answered (E020).";
            return ("sealed", line.to_owned());
        };
        if let Some(error) = engine.store_error() {
            let line = format!("is NOT ANSWERING: the store refuses writes (E011): {error}.");
            return ("not_answering", line);
        }
        let up_us = now.mono_us.saturating_sub(self.started.mono_us);
        let up = span(Duration::from_micros(up_us));
        ("serving", format!("is SERVING, up {up}."))
    }

    fn warnings(&self, statistics: &Statistics, grants: &[Live], now: Now) -> Vec<Warning> {
        let mut list = Vec::new();
        match &self.engine {
            Err(why) => list.push(warnings::sealed(why)),
            Ok(engine) => {
                let path = self.config.load().state_dir.display().to_string();
                list.extend(
                    engine
                        .store_error()
                        .map(|error| warnings::store_fails(&error, &path)),
                );
                if let Ok(free) = free_octets(&self.config.load().state_dir) {
                    let reserve = self.archive.reserve().is_there();
                    list.extend(warnings::little_room(free, reserve, &path));
                }
                let ahead_ms = self.clock.wall_ahead_ms();
                if ahead_ms.unsigned_abs() > JUMP_US_MIN / 1000 {
                    list.push(warnings::clock_jump(ahead_ms, self.clock.last_jump()));
                }
                list.extend(self.alarms.mass_lock(now).map(warnings::mass_lock));
                list.extend(self.undelivered());
                let crowded_out = self.alarms.crowding_out(now);
                list.extend(crowded_out.as_ref().map(warnings::crowded_out));
                let rules = engine.rules();
                list.extend(ending(grants, rules.policy.passthrough.warn_before));
            }
        }
        list.extend(warnings::unhardened(&self.unhardened));
        if let Some((at, false)) = self.facts.known().checked {
            list.push(warnings::damaged_log(at));
        }
        list.extend(self.gateway_warnings(statistics));
        list
    }

    fn undelivered(&self) -> impl Iterator<Item = Warning> {
        [Channel::Mail, Channel::Sms]
            .into_iter()
            .filter_map(|channel| {
                let why = self.deliveries.by(channel)?.trouble()?;
                Some(warnings::undelivered(channel, why))
            })
    }

    fn queues(&self, dialogues: Option<usize>) -> Vec<QueueStatus> {
        let config = self.config.load();
        let (limits, cache) = (&config.limits, self.front.access().cache_use());
        let queue = |name: &str, used: u64, limit: usize| QueueStatus {
            name: name.to_owned(),
            used,
            limit: count(limit),
        };
        let counters = self.engine.as_ref().ok().map(|engine| engine.counters());
        let level = |level: Option<u64>| level.unwrap_or_default();
        let verify = level(counters.map(|counters| counters.verify_queue.value()));
        let pin = level(counters.map(|counters| counters.pin_queue.value()));
        let mail = level(counters.map(|counters| counters.messages_waiting.value()));
        let mail = queue("mail", mail, OUTBOX_MESSAGES_MAX);
        let mut queues = vec![
            queue("verify", verify, limits.verify_queue),
            queue("pin", pin, limits.pin_queue),
            queue("rejects", count(self.front.held()), limits.reject_wheel),
            queue(
                "duplicates",
                count(cache.entries),
                limits.duplicate_cache_entries,
            ),
        ];
        queues.extend(config.mail.is_some().then_some(mail));
        queues.extend(dialogues.map(|open| queue("dialogues", count(open), 0)));
        queues
    }

    fn store_status(&self, counts: Option<&Counts>) -> StoreStatus {
        let config = self.config.load();
        let engine = self.engine.as_ref().ok();
        StoreStatus {
            kind: "sqlite".to_owned(),
            schema: u64::from(crate::store::sqlite::SCHEMA),
            octets: counts.map_or(0, |counts| counts.octets),
            free_octets: free_octets(&config.state_dir).ok(),
            last_commit: engine
                .and_then(|engine| last_record(engine))
                .map(|r| r.wall.into()),
            fsync_us: engine.and_then(|engine| engine.counters().sync.quantile_us(0.5)),
            error: engine.and_then(|engine| engine.store_error()),
            failing_since: None,
        }
    }

    fn audit_status(&self) -> AuditStatus {
        let last_seq = self
            .engine
            .as_ref()
            .ok()
            .and_then(|e| e.reader().last_seq().ok());
        let checked = self.facts.known().checked;
        let path = checkpoints::path(&self.config.load().state_dir);
        AuditStatus {
            records: last_seq.unwrap_or(0),
            last_seq: last_seq.unwrap_or(0),
            checked: checked.map(|(at, _)| at.into()),
            whole: checked.map(|(_, whole)| whole),
            checkpoint: checkpoints::last(&path).map(|checkpoint| checkpoint.time.into()),
        }
    }

    fn clock_status(&self) -> ClockStatus {
        let synchronised = match synchronised() {
            Synchronised::Yes => Some(true),
            Synchronised::No => Some(false),
            Synchronised::Unknown => None,
        };
        let word = match synchronised {
            Some(true) => "synchronised",
            Some(false) => "NOT synchronised",
            None => "not known whether it is synchronised",
        };
        let (jumps, last) = (self.clock.jumps(), self.clock.last_jump());
        let story = match last {
            None => "no jump since start".to_owned(),
            Some(jump) => format!("{jumps} jumps since start, the last at {}", jump.at),
        };
        ClockStatus {
            synchronised,
            jumps,
            last_jump: last.map(|jump| jump.at.into()),
            text: format!("{word}, {story}"),
        }
    }

    fn key_status(&self) -> KeyStatus {
        let source = match &self.config.load().key {
            KeySource::Credential(name) => format!("systemd credential {name}"),
            KeySource::File(path) => format!("file {}", path.display()),
        };
        let version = self.engine.is_ok().then_some(u64::from(KEY_VERSION));
        let text = match (&self.engine, version) {
            (Ok(_), Some(version)) => format!("from {source}, version {version}"),
            (Err(why), _) => format!("SEALED: {why}"),
            (Ok(_), None) => String::new(),
        };
        KeyStatus {
            source,
            version,
            text,
        }
    }

    fn config_status(&self) -> ConfigStatus {
        let loaded = self.facts.known().loaded;
        let on_disk = crate::config::load(&self.config_path, &self.surroundings);
        let same = match on_disk {
            Ok(on_disk) => Diff::between(&self.config.load(), &on_disk.config).is_empty(),
            Err(_) => false,
        };
        let (at, by) = loaded.unwrap_or_else(|| (self.started.wall, "the start".to_owned()));
        ConfigStatus {
            path: self.config_path.display().to_string(),
            loaded: at.into(),
            loaded_by: by,
            same: Some(same),
        }
    }
}

fn users(counts: Option<&Counts>, grants: &[Live], desk: Option<&Desk<'_>>) -> UserCounts {
    let new = UserState::ALL
        .iter()
        .position(|state| *state == UserState::New)
        .unwrap_or(0);
    let valid = grants.iter().filter(|live| live.grant.status == "valid");
    let mut people: Vec<&str> = valid.map(|live| live.grant.user.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    UserCounts {
        counted: counts.map_or(0, |counts| counts.seats),
        limit: desk.map_or(0, |desk| desk.policy().seats_limit),
        locked: counts.map_or(0, |counts| counts.locked),
        pin_blocked: counts.map_or(0, |counts| counts.pin_blocked),
        new: counts
            .and_then(|counts| counts.by_state.get(new).copied())
            .unwrap_or(0),
        passthrough: count(people.len()),
    }
}

fn ending(grants: &[Live], warn_before: Duration) -> Option<Warning> {
    let soon =
        |live: &&Live| live.grant.status == "valid" && live.grant.left_s <= warn_before.as_secs();
    let ending: Vec<Live> = grants
        .iter()
        .filter(soon)
        .map(|live| Live {
            grant: live.grant.clone(),
            has_token: live.has_token,
        })
        .collect();
    warnings::ending_grants(&ending, warn_before.as_secs())
}

fn last_record(engine: &Engine) -> Option<AuditRecord> {
    let filter = AuditFilter {
        newest_first: true,
        ..AuditFilter::default()
    };
    let found = engine.reader().audit(&filter, 1).ok()?;
    AuditRecord::parse(&found.first()?.body).ok()
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// `12 d 4 h`, `4 h 7 min`, `7 min`, `31 s`.
fn span(up: Duration) -> String {
    let s = up.as_secs();
    match (s / 86_400, s / 3600 % 24, s / 60 % 60) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Stands for the asker where the answer is the same for everybody.
fn nobody() -> Operator {
    Operator {
        uid: crate::sys::peer::UID_OVERFLOW,
        name: "".into(),
        role: Role::Viewer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long() {
        assert_eq!(span(Duration::from_secs(31)), "31 s");
        assert_eq!(span(Duration::from_secs(7 * 60)), "7 min");
        assert_eq!(span(Duration::from_secs(4 * 3600 + 61)), "4 h 1 min");
        assert_eq!(
            span(Duration::from_secs(12 * 86_400 + 4 * 3600)),
            "12 d 4 h"
        );
    }
}
