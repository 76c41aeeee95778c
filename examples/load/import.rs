//! A large import beside sign-ins: how long it takes, and what those who sign in notice of it.
//!
//! Sign-ins come at a steady beat before, during and after; each second is measured on its own, so
//! that it is seen how soon after the import all is as it was. The import is `mfactl`, as an admin
//! would run it.

use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mfad::sys::random;
use mfad::token::base32;

use crate::bench::{Bench, Crowd, Kind};
use crate::gateway::{self, Outcome};
use crate::instance::write_private;
use crate::spread::Spread;
use crate::{Failure, Setting};

/// Rows of each file.
const ROWS: usize = 100_000;

/// How long sign-ins are looked at on their own, each time.
const SLICE: Duration = Duration::from_secs(1);

/// Slices before the first import, and after each: the log is moved about once in five.
const SLICES: usize = 10;

/// Longest time for an import, in slices.
const SLICES_MAX: usize = 300;

/// Seconds that an import should take at most.
const AIM_S: f64 = 60.0;

/// Prints one line for each part; false if a sign-in or an import went wrong.
pub(crate) fn table(setting: &Setting) -> Result<bool, Failure> {
    let crowd = Crowd::plain(setting.users);
    let mut bench = Bench::start(setting, Kind::Real(&setting.program), crowd, None)?;
    let folder = bench.instance.folder.path().to_owned();
    let files: [(_, &[&str], _); 3] = [
        ("people", &["user", "import"], people()),
        ("devices", &["hw", "import"], devices()?),
        (
            "owners",
            &["user", "import", "--from", "otpauth"],
            tokens()?,
        ),
    ];
    println!(
        "{ROWS} rows each, beside {} sign-ins a second",
        setting.rate
    );
    println!(
        "\n{:>10} {:>8} {:>9} {:>7} {:>7} {:>7}",
        "", "seconds", "sign-ins", "p50", "p99", "max"
    );
    let mut well = true;
    well &= alone("before", &mut bench)?;
    for (name, verb, text) in files {
        let file = folder.join(name);
        write_private(&file, &text)?;
        let began = Instant::now();
        let mut import = start(setting, &folder, verb, &file)?;
        let (mut during, mut took) = (Vec::new(), None);
        while took.is_none() && during.len() < SLICES_MAX {
            during.push(beat(&mut bench)?);
            if let Some(status) = import.try_wait()? {
                took = Some(began.elapsed());
                if !status.success() {
                    println!("  NOT WELL: the import ended with {status}");
                    well = false;
                }
            }
        }
        if took.is_none() {
            import.kill()?;
            import.wait()?;
            println!("  NOT WELL: the import did not end");
            well = false;
        }
        well &= tell(name, &during, took);
        well &= alone("after", &mut bench)?;
    }
    println!("\naim: each import in {AIM_S:.0} s, nobody lost, p99 as before within a second");
    Ok(bench.daemon.stop()? && well)
}

fn beat(bench: &mut Bench<'_>) -> Result<Outcome, Failure> {
    let line = bench.otp_line();
    gateway::pace(line, &mut bench.people, bench.setting.rate, SLICE)
}

/// Some seconds of sign-ins alone; false if one went wrong.
fn alone(name: &str, bench: &mut Bench<'_>) -> Result<bool, Failure> {
    let slices = (0..SLICES)
        .map(|_| beat(bench))
        .collect::<Result<Vec<_>, _>>()?;
    let well = tell(name, &slices, None);
    let p99 = slices
        .iter()
        .map(|slice| slice.accepted.at(990).to_string());
    let p99: Vec<String> = p99.collect();
    println!("{:>10} p99 of each second: {} us", "", p99.join(", "));
    Ok(well)
}

/// Shows what a part of the run was like; false if a sign-in went wrong.
fn tell(name: &str, slices: &[Outcome], took: Option<Duration>) -> bool {
    let mut all = Spread::default();
    for slice in slices {
        all.join(&slice.accepted);
    }
    all.sort();
    let took = took.map_or_else(String::new, |took| format!("{:.1}", took.as_secs_f64()));
    println!(
        "{name:>10} {took:>8} {:>9} {:>7} {:>7} {:>7}",
        all.len(),
        all.at(500),
        all.at(990),
        all.at(1000)
    );
    let complaints: Vec<String> = slices.iter().filter_map(Outcome::complaint).collect();
    for complaint in &complaints {
        println!("  NOT WELL: {complaint}");
    }
    complaints.is_empty()
}

fn start(setting: &Setting, folder: &Path, verb: &[&str], file: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(setting.program.with_file_name("mfactl"));
    command
        .args(verb)
        .arg(file)
        .args(["--yes", "--quiet", "--no-input", "--socket"])
        .arg(folder.join("control"))
        .stdin(Stdio::null());
    Ok(command.spawn()?)
}

/// Lines as `user import` takes them.
fn people() -> String {
    let mut text = String::new();
    for number in 0..ROWS {
        let _ = writeln!(
            text,
            "arrival{number:06},,arrival{number:06}@example.org,en"
        );
    }
    text
}

/// Lines as `hw import` takes them, each with a seed of its own.
fn devices() -> Result<String, Failure> {
    let mut text = String::new();
    for number in 0..ROWS {
        let _ = write!(text, "LOAD{number:08},");
        for octet in random::array::<20>()? {
            let _ = write!(text, "{octet:02x}");
        }
        text.push_str(",totp,6,30\n");
    }
    Ok(text)
}

/// Lines as `user import --from otpauth` takes them: a token each, and an owner who is new.
fn tokens() -> Result<String, Failure> {
    let mut text = String::new();
    for number in 0..ROWS {
        let seed = base32::encode(&random::array::<20>()?);
        let secret = seed.expose();
        let _ = writeln!(text, "otpauth://totp/owner{number:06}?secret={secret}");
    }
    Ok(text)
}
