//! PINs that were never checked before: what the pool serves of what Argon2id alone could, and what
//! those who send a code alone notice of it.

use std::time::{Duration, Instant};

use mfad::secret::SecretKey;
use mfad::store::pin_hash::PinHasher;
use nix::time::{ClockId, clock_gettime};

use crate::bench::{Bench, COLD_IN_FLIGHT, Crowd, Kind};
use crate::daemon::Reading;
use crate::gateway::{self, Outcome};
use crate::instance::PinMemory;
use crate::spread::median;
use crate::{Failure, Setting, daemon};

/// Requests per second of those who send a code alone.
const OTP_RATE: u32 = 200;

/// Prints one line for each round; false if some answer was not as it should be.
pub(crate) fn table(setting: &Setting, rounds: u32) -> Result<bool, Failure> {
    // Nothing is remembered, so each of these PINs is as cold as the first.
    let crowd = Crowd::with_pins(setting.users, PinMemory::Off);
    let kind = Kind::Real(&setting.program);
    let mut bench = Bench::start(setting, kind, crowd, setting.flush_us)?;
    let (mut shares, mut well) = (Vec::new(), true);
    println!(
        "Argon2id alone (CPU)   served (CPU of the pool)  share | code alone at {OTP_RATE}/s: p50, p99 us; beside"
    );
    for _ in 0..rounds {
        bench.daemon.hold()?;
        let alone = argon2_alone(setting)?;
        bench.daemon.go_on()?;
        let others = bench.otp_line_of_others(bench.people.pins);
        let quiet = gateway::pace(others, &mut bench.people, OTP_RATE, setting.span)?;
        let before = bench.daemon.reading()?;
        let [cold, busy] = both(&mut bench, setting)?;
        let spent = bench.daemon.reading()?.since(&before);
        let served = cold.accepted.per_second();
        println!(
            "{:>12.1}/s {:>4.1} ms {served:>7.1}/s {:>4.1} ms {:>16.2} | {:>6} {:>6}; {:>6} {:>6}",
            alone.per_second,
            alone.cpu_ms,
            pool_ms(&spent, &cold),
            served / alone.per_second,
            quiet.accepted.at(500),
            quiet.accepted.at(990),
            busy.accepted.at(500),
            busy.accepted.at(990),
        );
        shares.push(served / alone.per_second);
        for complaint in [&quiet, &cold, &busy]
            .into_iter()
            .filter_map(Outcome::complaint)
        {
            println!("  NOT WELL: {complaint}");
            well = false;
        }
    }
    println!("\nmedian share {:.2}  (aim 0.90)", median(shares));
    Ok(bench.daemon.stop()? && well)
}

/// Cold PINs as fast as they are served, and codes alone at their own rate, at the same time.
fn both(bench: &mut Bench<'_>, setting: &Setting) -> Result<[Outcome; 2], Failure> {
    let (cold, otp) = (
        bench.pin_line(),
        bench.otp_line_of_others(bench.people.pins),
    );
    let (cold, paced) = bench.beside(otp, OTP_RATE, |people| {
        gateway::flood(cold, people, COLD_IN_FLIGHT, setting.span)
    })?;
    Ok([cold, paced])
}

/// Milliseconds of CPU that the pool spent for each PIN that was served.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn pool_ms(spent: &Reading, cold: &Outcome) -> f64 {
    let pool = spent
        .threads
        .iter()
        .filter(|(name, _)| name.starts_with("pin-"));
    let seconds: f64 = pool.map(|(_, (user, system))| user + system).sum();
    seconds * 1e3 / (cold.accepted.len() as f64).max(1.0)
}

/// What Argon2id does alone.
struct Alone {
    per_second: f64,
    /// Of each hash.
    cpu_ms: f64,
}

/// Hashes on the daemon's core, one thread: the pool of a daemon with one core.
fn argon2_alone(setting: &Setting) -> Result<Alone, Failure> {
    let (span, core) = (setting.span, setting.cores.map(|(first, _)| first));
    let hash = move || -> Result<Alone, Failure> {
        daemon::pin_self(core)?;
        let mut hasher = PinHasher::new();
        let digest = SecretKey::new([7; 32]);
        let (began, mut hashes) = (Instant::now(), 0.0);
        let mut took = Duration::ZERO;
        while took < span {
            hasher.hash(&digest, [9; 16])?;
            hashes += 1.0;
            took = began.elapsed();
        }
        let cpu = Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?);
        Ok(Alone {
            per_second: hashes / took.as_secs_f64(),
            cpu_ms: cpu.as_secs_f64() * 1e3 / hashes,
        })
    };
    std::thread::spawn(hash)
        .join()
        .map_err(|_| Failure::from("the hashing thread has died"))?
}
