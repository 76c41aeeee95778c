//! Twenty people, and everything that can happen to them, against an independent model.
//!
//! Steps come from one seed: people sign in through gateways of every kind, rightly, wrongly, again;
//! they answer what they are asked, late, twice, elsewhere, or with a State that was altered by a bit;
//! operators give every command that changes a person's rights; both clocks move, forward and back;
//! the process ends between any two of them, and commits fail. After every step
//!
//! - the answer has to be the one that the model expects (`invariants/judging.rs`, `asking.rs`,
//!   `obeying.rs`), and the record has to say what the model says (`compare.rs`);
//! - the invariants of the rules have to hold, each under its number (`invariants/laws.rs`).
//!
//! There is no daemon, no disk and no time in it: the rules are pure, so a million steps take
//! minutes.
//! What is not a matter of the rules is proven elsewhere: I5 of datagrams, I6 and I7 by
//! `simulation.rs`, `kill.rs` and `floods.rs`, I8 by `canary.rs`; I13 stands in `obeying.rs`.
//!
//! That all of it happens is looked at as well (`coverage.rs`).
//!
//! `MFAD_SEED=7` lives that seed alone, `MFAD_STEPS=5000` so many steps of each, `MFAD_LONG=1` a
//! million in all. A failure tells its seed, its step and the last steps before it. Bugs are
//! planted between the rules and the records (`invariants/bugs.rs`), and each has to be found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

#[path = "invariants/asking.rs"]
mod asking;
#[path = "invariants/bugs.rs"]
mod bugs;
#[path = "common/chance.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod chance;
#[path = "invariants/compare.rs"]
mod compare;
#[path = "invariants/coverage.rs"]
mod coverage;
#[path = "invariants/emergency.rs"]
mod emergency;
#[path = "invariants/enrolling.rs"]
mod enrolling;
#[path = "invariants/judging.rs"]
mod judging;
#[path = "invariants/laws.rs"]
mod laws;
#[path = "invariants/life.rs"]
mod life;
#[path = "invariants/methods.rs"]
mod methods;
#[path = "invariants/model.rs"]
mod model;
#[path = "invariants/obeying.rs"]
mod obeying;
#[path = "invariants/orders.rs"]
mod orders;
#[path = "invariants/renewing.rs"]
mod renewing;
#[path = "invariants/resetting.rs"]
mod resetting;
#[path = "invariants/resyncing.rs"]
mod resyncing;
#[path = "common/rules.rs"]
mod rules;
#[path = "invariants/site.rs"]
mod site;
#[path = "invariants/typing.rs"]
mod typing;
#[path = "invariants/waits.rs"]
mod waits;

use mfad::domain::policy::{FirstFactorBy, PasscodeForm};

use bugs::Bug;
use chance::size;
use life::Life;
use model::Door;

const fn door(name: &'static str, first: FirstFactorBy, form: PasscodeForm, asks: bool) -> Door {
    Door {
        name,
        first,
        form,
        asks,
        enrols: asks,
        lets_new_in: false,
        grace_ms: 0,
        helpful: false,
    }
}

/// Gateways of every kind: who checks the first factor, what the first packet carries, whether it asks.
static DOORS: [Door; 10] = {
    use FirstFactorBy::{Gateway, Local, None, Pin};
    use PasscodeForm::{Challenge, Otp, PasswordCommaOtp, PasswordOtp, PinOtp};
    [
        Door {
            lets_new_in: true,
            helpful: true,
            ..door("plain", Gateway, Otp, false)
        },
        door("both", Gateway, Challenge, true),
        door("pin", Pin, PinOtp, true),
        door("pin-first", Pin, Challenge, true),
        Door {
            grace_ms: 30_000,
            ..door("comma", Local, PasswordCommaOtp, false)
        },
        door("password-first", Local, Challenge, true),
        Door {
            grace_ms: 30_000,
            ..door("password", Local, PasswordOtp, true)
        },
        Door {
            grace_ms: 30_000,
            ..door("code", None, Otp, true)
        },
        door("code-asked", None, Challenge, true),
        door("old-pin", Pin, PinOtp, false),
    ]
};

/// How many seeds, and how many steps each.
fn lives() -> (Vec<u64>, usize) {
    let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let seeds = match number("MFAD_SEED") {
        Some(seed) => vec![seed],
        None => (1..=size(40, 100) as u64).collect(),
    };
    let steps = number("MFAD_STEPS").and_then(|steps| usize::try_from(steps).ok());
    (seeds, steps.unwrap_or_else(|| size(3_000, 10_000)))
}

#[test]
fn no_invariant_is_broken_and_the_model_agrees() {
    let (seeds, steps) = lives();
    let mut seen = std::collections::BTreeMap::new();
    for seed in seeds {
        let mut life = Life::new(seed, None);
        if let Err(broken) = life.live(steps) {
            panic!("MFAD_SEED={seed} {broken}");
        }
        for (what, times) in life.seen {
            *seen.entry(what).or_insert(0) += times;
        }
    }
    println!("{seen:#?}");
    let one = std::env::var("MFAD_SEED").is_ok();
    let missing = coverage::missing(&seen);
    assert!(one || missing.is_empty(), "never: {missing:?}");
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let found = (1..=30).find_map(|seed| Life::new(seed, Some(bug)).live(2_000).err());
        match found {
            Some(broken) => println!("{bug:?}: {}", broken.lines().next().unwrap_or("")),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
