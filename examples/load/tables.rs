//! The tables that are made of floods, paced runs and the bare loop.

use std::path::Path;

use crate::bench::{Bench, Crowd, Kind};
use crate::daemon::Reading;
use crate::gateway::Outcome;
use crate::instance::PinMemory;
use crate::report::{Report, cpu_us};
use crate::spread::median;
use crate::{Failure, Setting, status};

/// People in the store, for how the cost grows.
const CROWDS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Microseconds that a flush takes; none: as long as it takes here.
const FLUSHES_US: [Option<u64>; 3] = [None, Some(1_000), Some(5_000)];

/// Floods and paced runs beside the bare loop.
pub(crate) fn rounds(setting: &Setting, rounds: u32) -> Result<bool, Failure> {
    let kind = Kind::Real(&setting.program);
    let crowd = Crowd::plain(setting.users);
    let mut bench = Bench::start(setting, kind, crowd, setting.flush_us)?;
    let mut report = Report::new(
        setting,
        bench.daemon.ready_after,
        bench.daemon.memory_kib()?,
    );
    report.head();
    for _ in 0..rounds {
        report.round(bench.round()?);
    }
    end(bench, report)
}

/// PIN and code beside the code alone.
pub(crate) fn pin(setting: &Setting, rounds: u32) -> Result<bool, Failure> {
    let kind = Kind::Real(&setting.program);
    let crowd = Crowd::with_pins(setting.users, PinMemory::Kept);
    let mut bench = Bench::start(setting, kind, crowd, setting.flush_us)?;
    let mut report = Report::new(
        setting,
        bench.daemon.ready_after,
        bench.daemon.memory_kib()?,
    );
    for _ in 0..rounds {
        report.pin(bench.with_and_without_pin()?);
    }
    end(bench, report)
}

fn end(bench: Bench<'_>, mut report: Report) -> Result<bool, Failure> {
    report.memory(bench.daemon.memory_kib()?);
    if !bench.daemon.stop()? {
        report.complain("the daemon did not end well".to_owned());
    }
    Ok(report.finish())
}

/// The real store beside one that only counts.
pub(crate) fn counting(setting: &Setting, rounds: u32) -> Result<bool, Failure> {
    let crowd = Crowd::plain(setting.users);
    let real = Bench::start(
        setting,
        Kind::Real(&setting.program),
        crowd,
        setting.flush_us,
    )?;
    let counting = Bench::start(setting, Kind::Counting, crowd, None)?;
    in_turn([("durable", real), ("counting", counting)], rounds)
}

/// Two daemons in turn under the same neighbours.
pub(crate) fn versus(setting: &Setting, other: &Path, rounds: u32) -> Result<bool, Failure> {
    let crowd = Crowd::plain(setting.users);
    let one = Bench::start(
        setting,
        Kind::Real(&setting.program),
        crowd,
        setting.flush_us,
    )?;
    let two = Bench::start(setting, Kind::Real(other), crowd, setting.flush_us)?;
    in_turn([("this", one), ("other", two)], rounds)
}

/// Floods of both in turn, the other one held still, and the ratio of what a login costs.
fn in_turn(mut benches: [(&str, Bench<'_>); 2], rounds: u32) -> Result<bool, Failure> {
    println!("{FLOOD_HEAD}");
    let mut ratios = Vec::new();
    let mut well = true;
    for (_, bench) in &benches {
        bench.daemon.hold()?;
    }
    // The first round brings everybody into memory and is shown, not counted.
    for round in 0..=rounds {
        let mut costs = [f64::NAN; 2];
        for ((name, bench), cost) in benches.iter_mut().zip(&mut costs) {
            bench.daemon.go_on()?;
            let (flood, spent) = bench.flood()?;
            bench.daemon.hold()?;
            well &= show(name, &flood, &spent);
            *cost = cpu_us(&spent, &flood);
        }
        let [one, two] = costs;
        if round > 0 {
            ratios.push(one / two);
        }
    }
    let [(one, _), (two, _)] = &benches;
    println!(
        "\nCPU a login, {one} to {two}: {:.3} (median of {rounds})",
        median(ratios)
    );
    for (_, bench) in benches {
        bench.daemon.go_on()?;
        well &= bench.daemon.stop()?;
    }
    Ok(well)
}

const FLOOD_HEAD: &str = "          logins/s    p50    p99 CPU us (sys) octets   threads";

/// One line of a flood; false if some answer was not as it should be.
fn show(name: &str, flood: &Outcome, cost: &Reading) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let logins = (flood.accepted.len() as f64).max(1.0);
    let threads = cost.threads.iter().map(|(name, (user, system))| {
        let us = (user + system) * 1e6 / logins;
        (name, us)
    });
    let threads: Vec<String> = threads
        .filter(|(_, us)| *us >= 0.05)
        .map(|(name, us)| format!("{name} {us:.2}"))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let octets = cost.written.map_or(f64::NAN, |octets| octets as f64) / logins;
    println!(
        "{name:<9} {:>8.0} {:>6} {:>6} {:>6.2} ({:>4.1}) {octets:>6.0}   {}",
        flood.accepted.per_second(),
        flood.accepted.at(500),
        flood.accepted.at(990),
        cpu_us(cost, flood),
        cost.cpu().1 * 1e6 / logins,
        threads.join(", ")
    );
    flood
        .complaint()
        .inspect(|complaint| println!("  NOT WELL: {complaint}"))
        .is_none()
}

/// How the cost grows with the people in the store.
pub(crate) fn growth(setting: &Setting) -> Result<bool, Failure> {
    println!("   people  READY ms  MiB");
    println!("{FLOOD_HEAD}");
    let mut well = true;
    for users in CROWDS {
        let kind = Kind::Real(&setting.program);
        let mut bench = Bench::start(setting, kind, Crowd::plain(users), setting.flush_us)?;
        let ready_ms = bench.daemon.ready_after.as_millis();
        for part in ["first", "then"] {
            let (flood, cost) = bench.flood()?;
            well &= show(part, &flood, &cost);
        }
        let paced = bench.pace()?;
        println!(
            "{users:>9} {ready_ms:>9} {:>4}   at {}/s: p50 {}, p99 {} us\n",
            bench.daemon.memory_kib()?.0 / 1024,
            setting.rate,
            paced.accepted.at(500),
            paced.accepted.at(990),
        );
        well &= paced.complaint().is_none() && bench.daemon.stop()?;
    }
    Ok(well)
}

/// What slower flushes do; each row with the bare loop of such a disk.
pub(crate) fn disk(setting: &Setting) -> Result<bool, Failure> {
    let mut well = true;
    for flush_us in FLUSHES_US {
        match flush_us {
            Some(us) => println!("\n== a flush takes {us} us =="),
            None => println!("== a flush takes as long as it takes =="),
        }
        let kind = Kind::Real(&setting.program);
        let mut bench = Bench::start(setting, kind, Crowd::plain(setting.users), flush_us)?;
        let ready_after = bench.daemon.ready_after;
        let mut report = Report::new(setting, ready_after, bench.daemon.memory_kib()?);
        report.head();
        report.round(bench.round()?);
        well &= end(bench, report)?;
    }
    Ok(well)
}

/// Status-Server requests per second.
pub(crate) fn status(setting: &Setting, rounds: u32) -> Result<bool, Failure> {
    let kind = Kind::Real(&setting.program);
    let bench = Bench::start(setting, kind, Crowd::plain(setting.users), None)?;
    let mut well = true;
    println!("answers/s  CPU us   (aim 150,000/s)");
    for _ in 0..rounds {
        let before = bench.daemon.reading()?;
        let answered = status::flood(bench.instance.server, setting)?;
        let (user, system) = bench.daemon.reading()?.since(&before).cpu();
        println!(
            "{:>9.0} {:>7.2}",
            answered.answers / setting.span.as_secs_f64(),
            (user + system) * 1e6 / answered.answers.max(1.0)
        );
        if answered.wrong > 0 {
            println!("  NOT WELL: {} answers prove nothing", answered.wrong);
            well = false;
        }
    }
    Ok(bench.daemon.stop()? && well)
}
