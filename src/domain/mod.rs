//! The rules. Pure functions judge every attempt and every command; they see no clock, socket,
//! file or random source, so the daemon, the simulation, the fuzzers and `mfactl auth explain` all
//! call the same ones.
//!
//! ```text
//! Attempt --admit--> cheap answer                 Command --apply--> Change or Refusal
//!         --verify-> Finding --(first factor)--> judge --> Verdict + new record + events
//! ```
//!
//! Invariants, quoted by number in assertions and in the simulation:
//! - I1 the same code is never accepted twice, the one exception being `same_code_grace`;
//! - I2 locked, Deactivated and Revoke always mean Reject, under passthrough too;
//! - I3 a passthrough never accepts without a verified first factor;
//! - I4 no failure of store, directory or mail ever accepts;
//! - I5 a retransmitted packet neither counts nor consumes;
//! - I6 an operator's success is durable, and the next packet obeys it;
//! - I9 unknown users and known ones with a wrong code get the same answer;
//! - I10 consecutive failures of a token cannot exceed the hard cap by unlocking or waiting;
//! - I11 Unlocked By survives an unlock, Locked Date and Lock Reason vanish;
//! - I12 Unblock PIN ends Account Lockout, and the old PIN works at once;
//! - I13 a resync with the codes in the wrong order changes nothing;
//! - I15 deactivating frees exactly one seat, once;
//! - I16 a disabled token never verifies, enabling restores it;
//! - I17 Registered becomes Active by a sign-in, not by a test;
//! - I18 a passthrough ends at its exact instant without any timer;
//! - I19 `--if-revision` prevents lost updates; without it the last write wins, both audited.

pub mod action;
pub mod attempt;
pub mod auth_code;
pub mod command;
mod confirm;
pub mod delivery;
pub mod device_auth;
pub mod dialogue;
pub mod distance;
pub mod event;
pub mod explain;
pub mod failure;
pub mod judge;
pub mod lapse;
pub mod link;
pub mod lockout;
pub mod message;
pub mod methods;
pub mod name;
pub mod notice;
pub mod outlook;
pub mod owned;
pub mod passthrough;
pub mod people_file;
pub mod pin;
pub mod policy;
pub mod pool;
pub mod questions;
pub mod recipient;
pub mod refusal;
pub mod rekey;
pub mod renew;
pub mod sealed;
pub mod seats;
pub mod token_record;
pub mod update;
pub mod user;
pub mod verdict;
pub mod verify;
pub mod wait;
pub mod why;
pub mod wording;
