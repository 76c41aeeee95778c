//! The page of numbers: what the engine, the front end and the store count, as OpenMetrics.

use std::fmt::Write as _;

use crate::daemon::answers::Answerer;
use crate::domain::verdict::Reason;
use crate::engine::Engine;
use crate::engine::count::{HOWS, Histogram, LATENCY_BOUNDS_US, STAGES};
use crate::engine::outbox::OUTBOX_MESSAGES_MAX;

/// The page as it is now.
#[must_use]
pub fn page(answerer: &Answerer) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    page.gauge(
        "mfad_up",
        "1 while the store writes and a key is there.",
        &[(
            "",
            u64::from(
                answerer
                    .engine
                    .as_ref()
                    .is_ok_and(|engine| engine.store_error().is_none()),
            ),
        )],
    );
    if let Ok(engine) = &answerer.engine {
        decisions(&mut page, engine);
        stages(&mut page, engine);
        queues(&mut page, answerer, engine);
        diagnoses(&mut page, engine);
        messages(&mut page, engine);
    }
    gateways(&mut page, answerer);
    limits(&mut page, answerer);
    page.0.push_str("# EOF\n");
    page.0
}

fn decisions(page: &mut Page, engine: &Engine) {
    let counters = engine.counters();
    let accepts = counters.accepts.iter().zip(HOWS).map(|(count, how)| {
        (
            format!("{{verdict=\"accept\",reason=\"\",how=\"{how}\"}}"),
            count.value(),
        )
    });
    let rejects = counters
        .rejects
        .iter()
        .zip(Reason::ALL)
        .map(|(count, reason)| {
            (
                format!(
                    "{{verdict=\"reject\",reason=\"{}\",how=\"\"}}",
                    reason.name()
                ),
                count.value(),
            )
        });
    let challenges = (
        "{verdict=\"challenge\",reason=\"\",how=\"\"}".to_owned(),
        counters.challenges.value(),
    );
    let rows: Vec<_> = accepts.chain(rejects).chain([challenges]).collect();
    page.counter(
        "mfad_verdicts",
        "Answers by verdict, reason and means.",
        &rows,
    );
    page.counter(
        "mfad_unanswered",
        "Attempts that got no answer, by cause.",
        &[
            ("{cause=\"verify_queue\"}", counters.shed_verify.value()),
            ("{cause=\"pin_queue\"}", counters.shed_pin.value()),
            ("{cause=\"store\"}", counters.unanswered_store.value()),
        ],
    );
    page.counter(
        "mfad_commands",
        "Operators' commands by outcome.",
        &[
            ("{outcome=\"done\"}", counters.commands.value()),
            ("{outcome=\"refused\"}", counters.refusals.value()),
        ],
    );
    page.counter(
        "mfad_first_factor_checks",
        "First factors checked by mfad, by means.",
        &[
            ("{by=\"memory\"}", counters.pin_memory_hits.value()),
            ("{by=\"argon2\"}", counters.pin_checks.value()),
        ],
    );
    page.counter(
        "mfad_commits",
        "Commits by outcome.",
        &[
            ("{outcome=\"ok\"}", counters.commits.value()),
            ("{outcome=\"failed\"}", counters.commit_failures.value()),
        ],
    );
    page.counter(
        "mfad_committed_changes",
        "Changes made durable.",
        &[("", counters.committed_changes.value())],
    );
}

fn messages(page: &mut Page, engine: &Engine) {
    let counters = engine.counters();
    page.counter(
        "mfad_messages",
        "Messages to people that left the outbox, by outcome.",
        &[
            ("{outcome=\"sent\"}", counters.messages_sent.value()),
            ("{outcome=\"failed\"}", counters.messages_failed.value()),
        ],
    );
}

fn diagnoses(page: &mut Page, engine: &Engine) {
    let counters = engine.counters();
    page.counter(
        "mfad_diagnoses",
        "Wrong codes looked for at other times, for `why`, by outcome.",
        &[
            ("{outcome=\"done\"}", counters.diagnoses.value()),
            ("{outcome=\"dropped\"}", counters.diagnoses_dropped.value()),
        ],
    );
}

fn stages(page: &mut Page, engine: &Engine) {
    let counters = engine.counters();
    let name = "mfad_answer_seconds";
    page.head(name, "histogram", "From receipt to a verdict.");
    page.histogram(name, "", &counters.answer);
    let name = "mfad_commit_seconds";
    page.head(name, "histogram", "Commit with its sync.");
    page.histogram(name, "", &counters.sync);
    let name = "mfad_stage_seconds";
    page.head(name, "histogram", "Time of an attempt by stage.");
    for (stage, histogram) in STAGES.iter().zip(&counters.stages) {
        page.histogram(name, &format!("stage=\"{stage}\""), histogram);
    }
}

fn queues(page: &mut Page, answerer: &Answerer, engine: &Engine) {
    let counters = engine.counters();
    let cache = answerer.front.access().cache_use();
    page.gauge(
        "mfad_queue_depth",
        "What waits, by queue.",
        &[
            ("{queue=\"verify\"}", counters.verify_queue.value()),
            ("{queue=\"pin\"}", counters.pin_queue.value()),
            ("{queue=\"mail\"}", counters.messages_waiting.value()),
            ("{queue=\"rejects\"}", answerer.front.held() as u64),
            ("{queue=\"duplicates\"}", cache.entries as u64),
        ],
    );
    page.gauge(
        "mfad_user_cache_entries",
        "User records in memory.",
        &[("", engine.cached() as u64)],
    );
    page.counter(
        "mfad_rejects_dropped",
        "Rejects that found the wheel full.",
        &[("", answerer.front.wheel_full.value())],
    );
    page.counter(
        "mfad_duplicates_evicted",
        "Answers that left the duplicate cache early, for room.",
        &[("", cache.evicted)],
    );
    if let Ok(counts) = engine.reader().counts() {
        page.gauge(
            "mfad_users",
            "People, by what is so of them.",
            &[
                ("{of=\"all\"}", counts.users),
                ("{of=\"seats\"}", counts.seats),
                ("{of=\"locked\"}", counts.locked),
                ("{of=\"pin_blocked\"}", counts.pin_blocked),
            ],
        );
        page.gauge(
            "mfad_store_octets",
            "Size of the store's files.",
            &[("", counts.octets)],
        );
    }
    if let Ok(seq) = engine.reader().last_seq() {
        page.counter("mfad_audit_records", "Audit records written.", &[("", seq)]);
    }
}

fn gateways(page: &mut Page, answerer: &Answerer) {
    let statistics = answerer.front.access().statistics();
    let mut packets = Vec::new();
    let mut drops = Vec::new();
    let mut failing = Vec::new();
    let now = answerer.clock.now();
    for (name, counts) in &statistics.gateways {
        packets.push((format!("{{gateway=\"{name}\"}}"), counts.packets));
        let alarm = answerer.alarms.failing(name, now).is_some();
        failing.push((format!("{{gateway=\"{name}\"}}"), u64::from(alarm)));
        for (reason, count) in counts.drops.iter().filter(|(_, count)| *count > 0) {
            let label = format!("{{gateway=\"{name}\",reason=\"{}\"}}", reason.name());
            drops.push((label, count));
        }
    }
    page.counter("mfad_packets", "Datagrams from gateways.", &packets);
    page.gauge(
        "mfad_gateway_failing",
        "1 while more sign-ins are refused through it than alert.failures_per_minute.",
        &failing,
    );
    page.gauge(
        "mfad_mass_lock",
        "1 while more people were locked or made to wait than alert.locks_per_minute.",
        &[("", u64::from(answerer.alarms.mass_lock(now).is_some()))],
    );
    page.counter(
        "mfad_drops",
        "Datagrams dropped, by gateway and reason.",
        &drops,
    );
    let kernel: u64 = answerer
        .front
        .sockets()
        .iter()
        .map(|socket| u64::from(socket.counts().dropped_by_kernel))
        .sum();
    page.counter(
        "mfad_kernel_drops",
        "Datagrams the kernel had no room for.",
        &[("", kernel)],
    );
}

fn limits(page: &mut Page, answerer: &Answerer) {
    let limits = &answerer.config.load().limits;
    page.gauge(
        "mfad_limit",
        "Bounds in force, by name.",
        &[
            ("{limit=\"verify_queue\"}", limits.verify_queue as u64),
            ("{limit=\"pin_queue\"}", limits.pin_queue as u64),
            ("{limit=\"mail_queue\"}", OUTBOX_MESSAGES_MAX as u64),
            ("{limit=\"reject_wheel\"}", limits.reject_wheel as u64),
            (
                "{limit=\"duplicate_cache_entries\"}",
                limits.duplicate_cache_entries as u64,
            ),
            (
                "{limit=\"duplicate_cache_per_gateway\"}",
                limits.duplicate_cache_per_gateway as u64,
            ),
            (
                "{limit=\"user_cache_entries\"}",
                limits.user_cache_entries as u64,
            ),
            (
                "{limit=\"pin_memory_entries\"}",
                limits.pin_memory_entries as u64,
            ),
            (
                "{limit=\"control_connections\"}",
                limits.control_connections as u64,
            ),
        ],
    );
}

/// A page being written.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn counter<L: AsRef<str>>(&mut self, name: &str, help: &str, rows: &[(L, u64)]) {
        self.head(name, "counter", help);
        for (labels, value) in rows {
            let _ = writeln!(self.0, "{name}_total{} {value}", labels.as_ref());
        }
    }

    fn gauge<L: AsRef<str>>(&mut self, name: &str, help: &str, rows: &[(L, u64)]) {
        self.head(name, "gauge", help);
        for (labels, value) in rows {
            let _ = writeln!(self.0, "{name}{} {value}", labels.as_ref());
        }
    }

    /// The rows of one histogram; `label` is empty, or one label that all its rows carry.
    fn histogram(&mut self, name: &str, label: &str, histogram: &Histogram) {
        let comma = if label.is_empty() { "" } else { "," };
        let own = if label.is_empty() {
            String::new()
        } else {
            format!("{{{label}}}")
        };
        let mut sum = 0;
        for (at, count) in histogram.counts().iter().enumerate() {
            sum += count;
            let bound = LATENCY_BOUNDS_US.get(at).map_or_else(
                || "+Inf".to_owned(),
                |us| format!("{}.{:06}", us / 1_000_000, us % 1_000_000),
            );
            let _ = writeln!(
                self.0,
                "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {sum}"
            );
        }
        let us = histogram.sum_us();
        let _ = writeln!(self.0, "{name}_count{own} {sum}");
        let _ = writeln!(
            self.0,
            "{name}_sum{own} {}.{:06}",
            us / 1_000_000,
            us % 1_000_000
        );
    }
}
