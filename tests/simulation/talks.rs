//! Conversations: everything that can be asked at a sign-in, on the real access, engine, rules and
//! store, with crashes between any two rounds.
//!
//! The people are those of `invariants.rs`, and so is the model that judges every answer and every
//! fact of a record. There, the rules alone stand on the other side, in memory; here stands
//! `talks/site.rs`: datagrams with a State through the door, the pool that hashes PINs, the writer's
//! commits, rows and audit records in a store, messages sealed in the outbox. What is added: the
//! process dies before, in or after a commit, or the power goes, and the gateway, which has heard
//! nothing, sends the same octets again; the answer, and what is stored, have to be the same as if
//! nothing had happened. Answers come twice at once. At the end a backup is put back, and nothing
//! that was asked or handed out before is good for anything.

#![allow(
    dead_code,
    clippy::too_many_lines,
    reason = "the model is that of another test, which takes all of it"
)]

#[path = "../invariants/asking.rs"]
mod asking;
#[path = "../invariants/compare.rs"]
mod compare;
#[path = "talks/copies.rs"]
mod copies;
#[path = "../invariants/emergency.rs"]
mod emergency;
#[path = "../invariants/enrolling.rs"]
mod enrolling;
#[path = "../invariants/judging.rs"]
mod judging;
#[path = "../invariants/laws.rs"]
mod laws;
#[path = "../invariants/life.rs"]
mod life;
#[path = "../invariants/methods.rs"]
mod methods;
#[path = "../invariants/model.rs"]
mod model;
#[path = "../invariants/obeying.rs"]
mod obeying;
#[path = "../invariants/orders.rs"]
mod orders;
#[path = "talks/reference.rs"]
mod reference;
#[path = "../invariants/renewing.rs"]
mod renewing;
#[path = "../invariants/resetting.rs"]
mod resetting;
#[path = "../invariants/resyncing.rs"]
mod resyncing;
#[path = "../common/rules.rs"]
mod rules;
#[path = "talks/site.rs"]
mod site;
#[path = "talks/stack.rs"]
mod stack;
#[path = "talks/telling.rs"]
mod telling;
#[path = "../invariants/typing.rs"]
mod typing;
#[path = "../invariants/waits.rs"]
mod waits;

/// Bugs are planted where those of the simulation are.
mod bugs {
    pub(crate) use crate::bugs::Bug;
}

use std::sync::Arc;

use mfad::domain::command::{Command, NewToken, NewUser};
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::token::Otp;

use crate::bugs::Bug;
use crate::common::chance::Chance;
use crate::common::disk::Disk;
use crate::run::Seen;
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

/// Gateways that ask, of every kind, and two that cannot.
static DOORS: [Door; 8] = {
    use FirstFactorBy::{Gateway, Local, None, Pin};
    use PasscodeForm::{Challenge, Otp, PasswordOtp, PinOtp};
    [
        door("both", Gateway, Challenge, true),
        door("pin", Pin, PinOtp, true),
        door("pin-first", Pin, Challenge, true),
        door("password-first", Local, Challenge, true),
        door("password", Local, PasswordOtp, true),
        door("code-asked", None, Challenge, true),
        Door {
            lets_new_in: true,
            helpful: true,
            ..door("plain", Gateway, Otp, false)
        },
        Door {
            grace_ms: 30_000,
            ..door("old-pin", Pin, PinOtp, false)
        },
    ]
};

/// Lives one seed: so many steps, and a restore at the end.
pub(crate) fn live(
    seed: u64,
    steps: usize,
    bug: Option<Bug>,
    disk: Option<&Arc<Disk>>,
) -> Result<(String, Seen), String> {
    let mut life = life::Life::new(seed, bug);
    let chance = Chance::of(seed ^ 0x7a1c);
    life.site.begin(chance, disk)?;
    for number in 0..steps {
        let lived = life.live(1);
        let broken = life.site.broken().map_or(Ok(()), Err);
        broken
            .and(lived)
            .map_err(|broken| format!("conversation {number}: {broken}"))?;
        if number == steps / 2 {
            life.site.save();
        }
    }
    life.site.end()?;
    let mut seen = std::mem::take(&mut life.seen);
    seen.extend(std::mem::take(&mut life.site.seen));
    Ok((life.site.came_to(), seen))
}

// Found by a seed: behind the record of the third wrong code the log warns of it, under a name that
// begins like that of a verdict. The next process told the gateway what it took the warning for.
#[test]
fn a_warning_beside_a_verdict_is_not_told_for_it() {
    const NAME: &str = "user0";
    let mut life = life::Life::new(3, None);
    let site = &mut life.site;
    site.begin(Chance::of(3), None).unwrap();
    let somebody = Command::UserAdd(NewUser {
        user: NAME.to_owned(),
        ..NewUser::default()
    });
    let token = Command::TokenAdd(Box::new(NewToken {
        trusted: true,
        ..NewToken::of(NAME.to_owned(), Otp::TOTP)
    }));
    let by = site::By {
        name: "root",
        if_revision: None,
    };
    for command in [somebody, token] {
        let done = site.order(&mut Chance::of(3), NAME, &command, &by, true);
        assert!(done.is_some_and(|(done, _)| done.is_ok()));
    }
    let door = DOORS.iter().position(|door| door.helpful).unwrap();
    let stack = site.stack();
    for number in 0..3 {
        let typed = format!("12345{number}").into_bytes();
        let datagram = stack.datagram((door, "203.0.113.1"), NAME, &typed, None);
        let stack::Heard::Judging(ticket, _) = stack.send(&datagram) else {
            panic!("a new request is judged");
        };
        stack.pump();
        let told = stack.told(ticket).and_then(|told| told.answer).unwrap();
        stack.rebirth().unwrap();
        match stack.send_again(&datagram) {
            stack::Heard::Answered(octets) => assert_eq!(octets[..], told.octets[..]),
            _ => panic!("judged twice"),
        }
    }
}
