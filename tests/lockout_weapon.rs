//! T-08: somebody who knows thousands of names tries to keep their owners out; ten thousand with
//! `MFAD_LONG=1`, two thousand without.
//!
//! Three wrong codes a minute for each name, for half an hour by the clock that is passed in, driven
//! through the rules as the engine drives them. With `lockout.mode = "wait"` whoever comes from a
//! station that is known goes on signing in; with the default, `lock`, all are locked in two
//! minutes, and the second test is there to say so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests, and the switch for a long run"
)]

#[path = "common/rules.rs"]
mod rules;

use std::time::Duration;

use mfad::daemon::alarm::{Alarms, Rates};
use mfad::domain::attempt::Proof;
use mfad::domain::event::{Actor, Origin, RequestRef};
use mfad::domain::lockout::LockoutMode;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::user::UserId;
use mfad::secret::SecretBytes;
use mfad::time::Now;
use smol_str::SmolStr;

use rules::{A, HOME, Outcome, START, World, code, id};

const MINUTES: u64 = 30;
const A_MINUTE: u64 = 3;
const STRANGER: &str = "198.51.100.66";

fn people() -> u32 {
    let long = std::env::var("MFAD_LONG").is_ok_and(|value| value == "1");
    if long { 10_000 } else { 2_000 }
}

/// What became of the attack.
#[derive(Default)]
struct Tally {
    /// Guesses that were looked at, of one person at most.
    judged_most: u32,
    /// People who came in from their own station at the end.
    let_in: u32,
    /// Tokens at the hard cap.
    hard_locks: u32,
    /// When the alarms were raised, after the first guess.
    mass_lock: Option<Duration>,
    failing: Option<Duration>,
}

/// What a site keeps of its gateways and people while the attack goes on.
struct Site {
    alarms: Alarms,
    people: Vec<World>,
}

impl Site {
    /// People who have signed in from home once, a day ago.
    fn new(mode: LockoutMode) -> Self {
        let gateway = rules::gateway("vpn1", FirstFactorBy::Gateway, PasscodeForm::Otp);
        let person = |number: u32| {
            let mut world = World::new(gateway.clone());
            world.policy.lockout.mode = mode;
            let record = world.alice();
            record.id = UserId(u128::from(number).to_be_bytes());
            world.now = Now::at(START - Duration::from_secs(24 * 3600));
            assert_eq!(signs_in(&mut world).text(), "ACCEPT token");
            world
        };
        Self {
            alarms: Alarms::new(Rates {
                locks: 10,
                failures: 100,
            }),
            people: (0..people()).map(person).collect(),
        }
    }

    /// One wrong code under every name, from elsewhere.
    fn guesses(&mut self, now: Now, guess: u64) {
        let Some(first) = self.people.first_mut() else {
            return;
        };
        first.now = now;
        first.station = SmolStr::from(STRANGER);
        let wrong = format!("{:06}", 7 * guess);
        let wrong = Proof::Passcode(SecretBytes::copy_of(wrong.as_bytes()));
        let attempt = first.attempt(wrong);
        let origin = Origin {
            actor: Actor::User,
            source: Some(attempt.source.clone()),
            request: RequestRef::None,
        };
        for world in &mut self.people {
            world.now = now;
            let outcome = world.judge(&attempt);
            assert!(outcome.how().is_none(), "a guess was right");
            self.alarms.rejected(&attempt.gateway.name, now);
            for event in &outcome.events {
                self.alarms.event(&origin, event, 0, now);
            }
        }
    }
}

/// Signs in from home, with the code of the moment.
fn signs_in(world: &mut World) -> Outcome {
    world.station = SmolStr::from(HOME);
    let record = world.record.as_ref().unwrap();
    let typed = code(record, A, 0, world.now);
    world.type_in(typed.as_bytes())
}

fn attack(mode: LockoutMode) -> Tally {
    let mut site = Site::new(mode);
    let mut tally = Tally::default();
    for guess in 0..MINUTES * A_MINUTE {
        let after = Duration::from_secs(guess * 60 / A_MINUTE);
        let now = Now::at(START).after(after);
        site.guesses(now, guess);
        if site.alarms.mass_lock(now).is_some() {
            tally.mass_lock.get_or_insert(after);
        }
        if site.alarms.failing("vpn1", now).is_some() {
            tally.failing.get_or_insert(after);
        }
    }
    let end = Now::at(START).after(Duration::from_secs(MINUTES * 60));
    for world in &mut site.people {
        world.now = end;
        let state = world.auth().token(id(A)).unwrap();
        tally.judged_most = tally.judged_most.max(state.total);
        tally.hard_locks += u32::from(state.hard_locked(world.policy.lockout.hard_cap));
        tally.let_in += u32::from(signs_in(world).how().is_some());
    }
    tally
}

#[test]
fn with_the_wait_nobody_is_kept_out_of_his_own_station() {
    let tally = attack(LockoutMode::Wait);
    assert_eq!((tally.let_in, tally.hard_locks), (people(), 0));
    // 0, 20, 40 s, and then as the wait allows: of 90 guesses 12 are looked at.
    assert_eq!(tally.judged_most, 12);
    assert!(tally.failing.unwrap() <= Duration::from_secs(60));
    assert!(tally.mass_lock.unwrap() <= Duration::from_secs(60));
}

/// What the manual says of the default: whoever knows the names can lock the people out.
#[test]
fn with_the_lock_everybody_is_kept_out() {
    let tally = attack(LockoutMode::Lock);
    assert_eq!((tally.let_in, tally.hard_locks), (0, 0));
    assert_eq!(tally.judged_most, 5);
    assert!(tally.failing.unwrap() <= Duration::from_secs(60));
    assert_eq!(
        tally.mass_lock,
        Some(Duration::from_secs(80)),
        "the fifth guess"
    );
}
