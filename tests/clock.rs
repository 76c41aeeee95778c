//! T-29: whatever the clock of the machine does, no code is good twice; and when the clock is right
//! again, logins are, without anybody's help.
//!
//! The phone shows the codes of the true time all along. The rules are driven with a clock that is
//! passed in; the built daemon is run once under libfaketime, which changes its clock while it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;
#[path = "common/rules.rs"]
mod rules;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use common::daemon::{Daemon, Site};
use common::people::Person;
use common::tools::libfaketime;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::sys::clock::Clock;
use mfad::time::{Now, Timestamp};
use mfad::token::totp::step_at;
use mfad::token::{Otp, Period};
use rules::{A, B, START, World, seed, token};
use serde_json::json;

const HOUR_S: i64 = 3_600;
const YEAR_S: i64 = 365 * 24 * HOUR_S;

/// Somebody looks at the phone this often, in seconds.
const LOOK_S: i64 = 10;

/// When the clock goes wrong, when it is right again, and the end, in seconds.
const WRONG_FROM_S: i64 = 300;
const RIGHT_FROM_S: i64 = 900;
const END_S: i64 = 1_500;

/// What the clock of the machine says while it is wrong, for a true time.
type Wrong = fn(i64) -> i64;

const CLOCKS: [(&str, Wrong); 9] = [
    ("an hour back", |ms| ms - HOUR_S * 1000),
    ("an hour ahead", |ms| ms + HOUR_S * 1000),
    ("a year back", |ms| ms - YEAR_S * 1000),
    ("a year ahead", |ms| ms + YEAR_S * 1000),
    ("1970", |ms| ms - START.0 - WRONG_FROM_S * 1000),
    ("before 1970", |ms| ms - START.0 - YEAR_S * 1000),
    ("a leap second, told twice", |ms| ms - 1_000),
    ("slewed, 500 ppm fast", |ms| {
        ms + (ms - START.0 - WRONG_FROM_S * 1000) / 2_000
    }),
    ("slewed, 500 ppm slow", |ms| {
        ms - (ms - START.0 - WRONG_FROM_S * 1000) / 2_000
    }),
];

fn phone(second: i64) -> (u64, String) {
    let now = Timestamp(START.0 + second * 1000);
    let step = step_at(now, Period::THIRTY);
    let code = Otp::TOTP.code_at(&seed(A), step);
    (step, code.text().expose().clone())
}

/// What the machine's clocks say at a true time.
fn machine(second: i64, wrong: Wrong) -> Now {
    let right = Timestamp(START.0 + second * 1000);
    let is_wrong = (WRONG_FROM_S..RIGHT_FROM_S).contains(&second);
    Now {
        wall: if is_wrong {
            Timestamp(wrong(right.0))
        } else {
            right
        },
        ..Now::at(right)
    }
}

/// Whether any of these codes would be let in at this moment; nothing is kept of the trial.
fn any_good(world: &mut World, codes: &HashSet<String>) -> Option<String> {
    codes.iter().find_map(|code| {
        let kept = world.record.clone();
        let good = world.type_in(code.as_bytes()).how().is_some();
        world.record = kept;
        good.then(|| code.clone())
    })
}

#[test]
fn no_clock_makes_a_code_good_twice_and_a_right_one_heals() {
    for (name, wrong) in CLOCKS {
        let mut world = World::new(rules::gateway(
            "vpn1",
            FirstFactorBy::None,
            PasscodeForm::Otp,
        ));
        let (mut steps, mut used) = (HashSet::new(), HashSet::new());
        let (mut in_vain, mut counters) = (0, rules::COUNTER);
        let mut healed_s = None;
        let hotp = token(B, TokenKind::Hotp);
        let with_hotp = |world: &mut World| {
            let mut profile = (*world.alice().profile).clone();
            profile.tokens.push(hotp.clone());
            world.alice().profile = profile.into();
        };
        with_hotp(&mut world);
        let mut second = 0;
        while second < END_S {
            world.now = machine(second, wrong);
            assert_eq!(
                any_good(&mut world, &used),
                None,
                "{name}: good again at {second} s"
            );
            let (step, code) = phone(second);
            let outage = (WRONG_FROM_S..RIGHT_FROM_S).contains(&second);
            // A person gives up after two codes in vain, and tries again when told that all is well.
            if !steps.contains(&step) && (!outage || in_vain < 2) {
                let kept = world.record.clone();
                let accepted = world.type_in(code.as_bytes()).how().is_some();
                if accepted {
                    assert!(steps.insert(step), "{name}: {step} twice");
                    used.insert(code);
                    if second >= RIGHT_FROM_S {
                        healed_s.get_or_insert(second - RIGHT_FROM_S);
                    }
                } else if outage {
                    in_vain += 1;
                } else {
                    assert!(
                        second >= RIGHT_FROM_S,
                        "{name}: refused at {second} s, all well"
                    );
                    world.record = kept;
                }
            }
            // A counter knows no time.
            if second % 100 == 0 {
                let code = Otp::HOTP
                    .code_at(&seed(B), counters)
                    .text()
                    .expose()
                    .clone();
                assert!(
                    world.type_in(code.as_bytes()).how().is_some(),
                    "{name}: HOTP at {second}"
                );
                counters += 1;
                used.insert(code);
            }
            second += LOOK_S;
        }
        assert!(used.len() > 20, "{name}: hardly anybody logged in");
        let healed_s = healed_s.unwrap_or_else(|| panic!("{name}: not healed"));
        assert!(healed_s <= 60, "{name}: healed after {healed_s} s");
        assert!(
            world.auth().lock.is_none(),
            "{name}: somebody has to unlock"
        );
    }
}

/// Rights are over at the earlier, penalties at the later of the two clocks, so no jump gains
/// anything; both are as they were when the clock is right again.
#[test]
fn no_jump_prolongs_a_right_or_shortens_a_penalty() {
    for (name, wrong) in CLOCKS {
        let mut world = World::new(rules::gateway(
            "vpn2",
            FirstFactorBy::Pin,
            PasscodeForm::PinOtp,
        ));
        let until = Timestamp(START.0 + (RIGHT_FROM_S - 60) * 1000);
        let mut profile = (*world.alice().profile).clone();
        let from = Timestamp(-2 * YEAR_S * 1000);
        profile.grants.push(rules::grant(1, from, until));
        world.alice().profile = profile.into();
        for second in (0..END_S).step_by(7) {
            world.now = machine(second, wrong);
            let kept = world.record.clone();
            let accepted = world.type_in(rules::PIN).how().is_some();
            let over = START.0 + second * 1000 >= until.0;
            assert!(
                !(accepted && over),
                "{name}: a passthrough lives on at {second} s"
            );
            world.record = kept;
        }
        let mut world = World::new(rules::gateway(
            "vpn1",
            FirstFactorBy::None,
            PasscodeForm::Otp,
        ));
        world.policy.lockout.user_duration = Duration::from_secs(RIGHT_FROM_S.unsigned_abs());
        // A code that fits whatever the clock says.
        let mut profile = (*world.alice().profile).clone();
        profile.tokens.push(token(B, TokenKind::Hotp));
        world.alice().profile = profile.into();
        let code = Otp::HOTP.code_at(&seed(B), rules::COUNTER);
        let code = code.text().expose().clone();
        for n in 0..5 {
            let wrong = rules::wrong_code(world.record.as_ref().unwrap(), n, world.now);
            let _ = world.type_in(wrong.as_bytes());
        }
        assert!(world.auth().lock.is_some());
        for second in (0..END_S).step_by(7) {
            world.now = machine(second, wrong);
            let kept = world.record.clone();
            let accepted = world.type_in(code.as_bytes()).how().is_some();
            let over = second >= RIGHT_FROM_S;
            assert!(!accepted || over, "{name}: a lock ends early at {second} s");
            assert!(
                accepted || !over,
                "{name}: a lock does not end at {second} s"
            );
            world.record = kept;
        }
    }
}

/// Changes the clock of a running daemon by so many seconds, and waits until it has noticed.
fn set_clock(daemon: &Daemon, file: &Path, by_s: i64) {
    // In one step: the daemon may read it at any moment.
    let draft = file.with_extension("new");
    std::fs::write(&draft, format!("{by_s:+}\n")).unwrap();
    std::fs::rename(&draft, file).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let status = daemon.operator().call("Daemon.Status", &json!({}));
        let said = instant(status["now"].as_str().unwrap());
        let true_now = Clock::start().now().wall;
        let ahead_s = (said.0 - true_now.0).div_euclid(1000);
        let warned = status["warnings"].to_string().contains("W021");
        if (ahead_s - by_s).abs() <= 2 && warned == (by_s != 0) {
            return;
        }
        assert!(
            Instant::now() < end,
            "{ahead_s} s ahead, warned {warned}: {status}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn instant(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_millisecond())
}

#[test]
fn the_daemon_under_another_clock_lets_no_code_in_twice_and_heals() {
    let Some(library) = libfaketime() else { return };
    let start_s = Clock::start().now().wall.0 / 1000;
    let offsets = [-HOUR_S, HOUR_S, -YEAR_S, YEAR_S, 100 - start_s];
    // For each clock one who has logged in before, and one who tries meanwhile.
    let person = |what: &str, at: usize| Person::new(&format!("{what}{at}")).with_totp();
    let before: Vec<Person> = (0..offsets.len()).map(|at| person("before", at)).collect();
    let meanwhile: Vec<Person> = (0..offsets.len())
        .map(|at| person("meanwhile", at))
        .collect();
    let mut counter = Person::new("counter");
    let mut all = [before.clone(), meanwhile.clone()].concat();
    all.push(counter.clone());
    let site = Site::new(&all);
    let file = site.path("clock");
    std::fs::write(&file, "+0\n").unwrap();
    let daemon = site
        .started_by([
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ])
        .start();
    let gateway = daemon.gateway("gw-none");
    for ((by_s, before), meanwhile) in offsets.into_iter().zip(before).zip(meanwhile) {
        let (mut before, mut meanwhile) = (before, meanwhile);
        let used = before.code();
        gateway.lets_in(&before.name, &used);
        set_clock(&daemon, &file, by_s);
        gateway.keeps_out(&before.name, &used);
        let code = meanwhile.code();
        gateway.keeps_out(&meanwhile.name, &code);
        gateway.lets_in("counter", &counter.code());
        set_clock(&daemon, &file, 0);
        gateway.keeps_out(&before.name, &used);
        let code = meanwhile.code();
        gateway.lets_in(&meanwhile.name, &code);
    }
    daemon.stop();
}
