//! Figures for people: a line for each round as it ends, medians and aims at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Setting;
use crate::daemon::Reading;
use crate::gateway::Outcome;
use crate::spread::{Spread, median};

/// Logins per second that are aimed at.
const AIM_PER_SECOND: f64 = 90_000.0;

/// What a login may cost, in microseconds of CPU.
const AIM_CPU_US: f64 = 11.0;

/// What the daemon may add to twice the bare loop's 99th percentile, in microseconds.
const AIM_P99_EXTRA_US: f64 = 200.0;

/// Memory that is aimed at, in KiB: for ten thousand people, for a million.
const AIM_KIB: [u64; 2] = [64 * 1024, 256 * 1024];

/// What PIN and code may lose against the code alone.
const AIM_PIN_LOSS: f64 = 0.10;

/// One round.
pub(crate) struct Measured {
    /// Requests in flight all the time.
    pub(crate) flood: Outcome,
    /// What the flood cost the daemon.
    pub(crate) cost: Reading,
    /// Requests at a fixed rate.
    pub(crate) paced: Outcome,
    /// The bare loop.
    pub(crate) bare: Spread,
}

/// All rounds.
pub(crate) struct Report {
    rate: u32,
    in_flight: usize,
    ready_after: Duration,
    kib_at_start: u64,
    kib: (u64, u64),
    users: usize,
    columns: BTreeMap<&'static str, Vec<f64>>,
    threads: BTreeMap<String, Vec<f64>>,
    complaints: Vec<String>,
}

/// Microseconds of CPU that a login of the flood cost the daemon.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn cpu_us(cost: &Reading, flood: &Outcome) -> f64 {
    let (user, system) = cost.cpu();
    (user + system) * 1e6 / (flood.accepted.len() as f64).max(1.0)
}

impl Report {
    /// Nothing measured yet but the start.
    pub(crate) fn new(setting: &Setting, ready_after: Duration, memory_kib: (u64, u64)) -> Self {
        Self {
            rate: setting.rate,
            in_flight: setting.in_flight,
            ready_after,
            kib_at_start: memory_kib.0,
            kib: memory_kib,
            users: setting.users,
            columns: BTreeMap::new(),
            threads: BTreeMap::new(),
            complaints: Vec::new(),
        }
    }

    /// Says what is about to be measured.
    pub(crate) fn head(&self) {
        println!(
            "{} people, READY after {:.0} ms with {} MiB, {} in flight",
            self.users,
            self.ready_after.as_secs_f64() * 1000.0,
            self.kib_at_start / 1024,
            self.in_flight
        );
        println!(
            "\n{:>8} {:>6} {:>6} {:>6} {:>12} {:>6} | {:>6} {:>6} {:>6} | {:>7} {:>6} {:>6} | {:>5}",
            "logins/s",
            "p50",
            "p99",
            "p99.9",
            "CPU us (sys)",
            "octets",
            "paced",
            "p99",
            "p99.9",
            "bare/s",
            "p50",
            "p99",
            "p99 x"
        );
    }

    /// Takes a round in and shows it.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn round(&mut self, measured: Measured) {
        let Measured {
            flood,
            cost,
            paced,
            bare,
        } = measured;
        self.check(&flood);
        self.check(&paced);
        let logins = (flood.accepted.len() as f64).max(1.0);
        let (cpu, (_, system)) = (cpu_us(&cost, &flood), cost.cpu());
        let octets = cost
            .written
            .map_or(f64::NAN, |octets| octets as f64 / logins);
        let (paced, spread) = (&paced.accepted, &flood.accepted);
        let ratio = f64::from(paced.at(990)) / f64::from(bare.at(990).max(1));
        println!(
            "{:>8.0} {:>6} {:>6} {:>6} {:>6.2} ({:>3.1}) {:>6.0} | {:>6} {:>6} {:>6} | {:>7.0} {:>6} {:>6} | {:>5.2}",
            spread.per_second(),
            spread.at(500),
            spread.at(990),
            spread.at(999),
            cpu,
            system * 1e6 / logins,
            octets,
            paced.at(500),
            paced.at(990),
            paced.at(999),
            bare.per_second(),
            bare.at(500),
            bare.at(990),
            ratio
        );
        self.keep("logins", spread.per_second());
        self.keep("cpu", cpu);
        self.keep("octets", octets);
        self.keep("paced p99", f64::from(paced.at(990)));
        self.keep("bare", bare.per_second());
        self.keep("bare p99", f64::from(bare.at(990)));
        self.keep(
            "over",
            f64::from(paced.at(990)) - 2.0 * f64::from(bare.at(990)),
        );
        for (name, (user, system)) in cost.threads {
            let us = (user + system) * 1e6 / logins;
            self.threads.entry(name).or_default().push(us);
        }
    }

    /// Takes a pair of floods in, without and with a PIN, and shows it.
    pub(crate) fn pin(&mut self, [without, with]: [Outcome; 2]) {
        self.check(&without);
        self.check(&with);
        let [without, with] = [without, with].map(|outcome| outcome.accepted.per_second());
        let loss = 1.0 - with / without;
        println!(
            "code alone {without:.0}/s, PIN and code {with:.0}/s, loss {:.1} %",
            loss * 100.0
        );
        self.keep("pin loss", loss);
    }

    /// Memory at the end.
    pub(crate) fn memory(&mut self, kib: (u64, u64)) {
        self.kib = kib;
    }

    /// Something that should not be.
    pub(crate) fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Shows medians and aims; false if something was not as it should be.
    pub(crate) fn finish(self) -> bool {
        println!("\nmedians");
        if self.columns.contains_key("logins") {
            self.rounds();
        }
        let [few, many] = AIM_KIB;
        let aim_kib = if self.users > 100_000 { many } else { few };
        println!(
            "  {} MiB resident, {} at most  (aim {})",
            self.kib.0 / 1024,
            self.kib.1 / 1024,
            aim_kib / 1024
        );
        if self.columns.contains_key("pin loss") {
            println!(
                "  PIN and code {:.1} % slower  (aim {:.0})",
                self.median("pin loss") * 100.0,
                AIM_PIN_LOSS * 100.0
            );
        }
        for complaint in &self.complaints {
            println!("  NOT WELL: {complaint}");
        }
        self.complaints.is_empty()
    }

    fn median(&self, name: &str) -> f64 {
        median(self.columns.get(name).cloned().unwrap_or_default())
    }

    fn rounds(&self) {
        let of = |name| self.median(name);
        let threads: Vec<String> = self
            .threads
            .iter()
            .map(|(name, us)| (name, median(us.clone())))
            .filter(|(_, us)| *us >= 0.05)
            .map(|(name, us)| format!("{name} {us:.2}"))
            .collect();
        let (p99, bare_p99) = (of("paced p99"), of("bare p99"));
        println!(
            "  {:.0} logins/s beside {:.0} bare writes/s: {:.2} for each  (aim {AIM_PER_SECOND:.0})",
            of("logins"),
            of("bare"),
            of("logins") / of("bare")
        );
        println!(
            "  {:.2} us CPU a login: {}  (aim {AIM_CPU_US:.0})",
            of("cpu"),
            threads.join(", ")
        );
        println!("  {:.0} octets to the disk a login", of("octets"));
        println!(
            "  p99 at {}/s {p99:.0} us, bare {bare_p99:.0} us; over 2 x bare by {:.0} us  (aim {AIM_P99_EXTRA_US:.0})",
            self.rate,
            of("over")
        );
    }

    fn check(&mut self, outcome: &Outcome) {
        self.complaints.extend(outcome.complaint());
    }

    fn keep(&mut self, name: &'static str, figure: f64) {
        self.columns.entry(name).or_default().push(figure);
    }
}
