//! The site of a run: rules, gateways, clock and randomness, all from the seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mfad::access::{Gateway, GatewayTable};
use mfad::domain::lockout::LockoutMode;
use mfad::domain::message::Address;
use mfad::domain::notice::Notices;
use mfad::domain::policy::{
    EmailContent, FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy,
};
use mfad::engine::{self, World};
use mfad::radius::{KeyedSecret, encode};
use mfad::time::{Now, Timestamp};

use super::judging::{Asking, Door, First};
use super::person::{PENDING_MS, Rules};
use crate::common::chance::Chance;

/// What the gateways sign with; one is changed for the other in mid-life.
const SECRETS: [&str; 2] = ["the secret of all gateways here", "and the one after it"];
/// Who is told of locks.
pub(crate) const ADMIN: &str = "root@example.org";
/// From receipt to leaving of every Reject.
pub(crate) const REJECT_DELAY: Duration = Duration::from_secs(1);
/// How gateways ask: mostly not.
const ASKING: [Asking; 5] = [
    Asking::Never,
    Asking::Never,
    Asking::Never,
    Asking::WhenEmpty,
    Asking::Always,
];
/// When runs begin: in the middle of a time step.
const START: Timestamp = Timestamp(1_800_000_015_000);

/// What is configured.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) rules: Rules,
    pub(crate) doors: Vec<Door>,
    /// Records and right PINs that the engine keeps in memory.
    pub(crate) cache_entries: usize,
    pub(crate) pin_memory: usize,
}

fn of<T: Copy>(chance: &mut Chance, options: &[T]) -> T {
    options[chance.below(options.len())]
}

impl Rules {
    fn random(chance: &mut Chance) -> Self {
        Self {
            wait: chance.coin(),
            failures_max: of(chance, &[0, 3, 5]),
            lock_ms: of(chance, &[0, 600_000]),
            idle_ms: of(chance, &[0, 3_600_000]),
            token_failures_max: of(chance, &[2, 4]),
            token_lock_ms: of(chance, &[0, 900_000]),
            hard_cap: of(chance, &[6, 100]),
            pin_failures_max: of(chance, &[2, 3]),
            pin_block_ms: of(chance, &[0, 300_000]),
            pin_block_locks: chance.coin(),
            look_ahead: of(chance, &[3, 5]),
            window: 1,
            resync_window: of(chance, &[10, 30]),
            end_on_enrol: chance.coin(),
            end_on_token_use: chance.coin(),
            inactive_ms: of(chance, &[0, 0, 0, 86_400_000]),
            challenge_ms: of(chance, &[60_000, 300_000]),
        }
    }

    /// Failures that lock a name.
    pub(crate) fn limit(&self) -> Option<u32> {
        Some(self.failures_max).filter(|limit| *limit > 0 && !self.wait)
    }
}

impl Site {
    pub(crate) fn random(chance: &mut Chance) -> Self {
        let grace_ms = of(chance, &[0, 0, 30_000]);
        let mut door = |name, first, passthrough| Door {
            name,
            configured: true,
            secret: SECRETS[0],
            first,
            asking: of(chance, &ASKING),
            passthrough,
            grace_ms,
        };
        let doors = vec![
            door("vpn1", First::Gateway, true),
            door("vpn2", First::Pin, true),
            door("vpn3", First::Nobody, false),
            Door {
                asking: Asking::Always,
                ..door("vpn4", First::Pin, true)
            },
        ];
        Self {
            cache_entries: of(chance, &[1, 64]),
            pin_memory: of(chance, &[0, 1, 16]),
            rules: Rules::random(chance),
            doors,
        }
    }

    /// Somebody edits the configuration: one thing that a reload puts into force. The time window
    /// stays, for a fence only knows the one that is configured.
    pub(crate) fn edit(&mut self, chance: &mut Chance) {
        let at = chance.below(self.doors.len());
        let complete = self.doors.iter().all(|door| door.configured);
        let door = &mut self.doors[at];
        match chance.below(8) {
            0..3 => self.rules = Rules::random(chance),
            3 => self.rules.wait = !self.rules.wait,
            4 => door.grace_ms = of(chance, &[0, 30_000]),
            5 => {
                door.first = of(chance, &[First::Gateway, First::Pin, First::Nobody]);
                door.asking = of(chance, &ASKING);
                door.passthrough = chance.coin();
            }
            6 => door.secret = of(chance, &SECRETS),
            // One gateway is taken out, or whichever is out comes back.
            _ if complete => door.configured = false,
            _ => self
                .doors
                .iter_mut()
                .for_each(|door| door.configured = true),
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        let rules = &self.rules;
        let span = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap());
        let mut policy = Policy::default();
        policy.lockout.mode = if rules.wait {
            LockoutMode::Wait
        } else {
            LockoutMode::Lock
        };
        policy.lockout.user_max_failures = rules.failures_max;
        policy.lockout.user_duration = span(rules.lock_ms);
        policy.lockout.user_window = span(rules.idle_ms);
        policy.lockout.token_max_failures = rules.token_failures_max;
        policy.lockout.token_duration = span(rules.token_lock_ms);
        policy.lockout.hard_cap = rules.hard_cap;
        policy.lockout.inactive = span(rules.inactive_ms);
        policy.pending_ttl = span(PENDING_MS);
        policy.challenge_ttl = span(rules.challenge_ms);
        policy.pin.max_failures = rules.pin_failures_max;
        policy.pin.block_duration = span(rules.pin_block_ms);
        policy.pin.block_locks_account = rules.pin_block_locks;
        policy.hotp_look_ahead = rules.look_ahead;
        policy.hotp_resync_window = rules.resync_window;
        policy.totp_window_steps = rules.window;
        policy.passthrough.end_on_enrol = rules.end_on_enrol;
        policy.passthrough.end_on_token_use = rules.end_on_token_use;
        policy.pages = Some("https://mfa.example.org".to_owned());
        policy.email_content = EmailContent::Link;
        policy.notices = Some(Notices {
            mail: true,
            sms: true,
            admins: Address::parse(ADMIN).into_iter().collect(),
        });
        policy
    }

    fn gateway(&self, at: usize) -> GatewayPolicy {
        let door = &self.doors[at];
        let (first_factor, passcode) = match door.first {
            First::Gateway => (FirstFactorBy::Gateway, PasscodeForm::Otp),
            First::Pin => (FirstFactorBy::Pin, PasscodeForm::PinOtp),
            First::Nobody => (FirstFactorBy::None, PasscodeForm::Otp),
        };
        let passcode = if door.asking == Asking::Always {
            PasscodeForm::Challenge
        } else {
            passcode
        };
        GatewayPolicy {
            name: Arc::from(door.name),
            first_factor,
            passcode,
            challenge: door.asking != Asking::Never,
            unknown_user: Otherwise::Reject,
            unenrolled: Otherwise::Reject,
            allow_passthrough: door.passthrough,
            allowed_kinds: None,
            helpful: false,
            show_accept_message: true,
            strip_domain: vec!["CORP".to_owned()],
            same_code_grace: Duration::from_millis(u64::try_from(door.grace_ms).unwrap()),
            reject_delay: REJECT_DELAY,
            // A lone gateway without a second server to turn to.
            reject_on_internal_error: door.first == First::Nobody,
        }
    }

    /// Whether a temporary passthrough counts anywhere.
    pub(crate) fn lets_pass(&self) -> bool {
        let mut doors = self.doors.iter();
        doors.any(|door| door.configured && door.lets_pass())
    }

    /// Where in the list those gateways stand that are configured.
    fn configured(&self) -> impl Iterator<Item = usize> {
        (0..self.doors.len()).filter(|at| self.doors[*at].configured)
    }

    pub(crate) fn rules(&self, policy: Policy) -> engine::Rules {
        engine::Rules {
            policy,
            gateways: self
                .configured()
                .map(|at| Arc::new(self.gateway(at)))
                .collect(),
        }
    }

    /// The gateways as the door to RADIUS knows them; `spoil` changes a policy block before.
    pub(crate) fn table(&self, spoil: impl Fn(&mut GatewayPolicy)) -> GatewayTable {
        let gateway = |at: usize| {
            let mut policy = self.gateway(at);
            spoil(&mut policy);
            Gateway {
                policy: Arc::new(policy),
                networks: vec![format!("192.0.2.{}", at + 1).parse().unwrap()],
                secret: KeyedSecret::new(self.doors[at].secret.as_bytes()),
                require_message_authenticator: true,
                attributes: vec![encode("Class", "staff").unwrap()],
            }
        };
        GatewayTable::new(self.configured().map(gateway).collect()).unwrap()
    }
}

/// Clock and randomness of a run.
pub(crate) struct Outside {
    now: Mutex<Now>,
    chance: Mutex<Chance>,
    /// The octets of the next id of a token, where somebody else has to know it.
    next_id: Mutex<Option<[u8; 5]>>,
    /// A planted bug: both readings are that of the wall.
    pub(crate) wall_only: bool,
}

impl Outside {
    pub(crate) fn new(chance: Chance, wall_only: bool) -> Self {
        Self {
            now: Mutex::new(Now::at(START)),
            chance: Mutex::new(chance),
            next_id: Mutex::default(),
            wall_only,
        }
    }

    /// The time as it is, whatever the product is told.
    pub(crate) fn true_now(&self) -> Now {
        *lock(&self.now)
    }

    pub(crate) fn octets<const N: usize>(&self) -> [u8; N] {
        lock(&self.chance).octets()
    }

    /// The next token gets the id of these octets.
    pub(crate) fn name_next(&self, id: Option<[u8; 5]>) {
        *lock(&self.next_id) = id;
    }

    /// All clocks are set.
    pub(crate) fn set(&self, now: Now) {
        *lock(&self.now) = now;
    }

    /// Time passes on both clocks.
    pub(crate) fn pass(&self, span: Duration) {
        let mut now = lock(&self.now);
        *now = now.after(span);
    }

    /// Only the wall clock is set.
    pub(crate) fn set_wall(&self, wall: i64) {
        lock(&self.now).wall = Timestamp(wall.max(1_000_000));
    }

    /// A wall clock that has stood for long is believed.
    pub(crate) fn believe_the_wall(&self) {
        let mut now = lock(&self.now);
        now.steady = now.wall;
    }

    /// A new process: what was carried forward begins with the wall clock. After a new start of the
    /// machine the monotonic clock begins anew.
    pub(crate) fn start(&self, machine: bool) {
        let mut now = lock(&self.now);
        now.steady = now.wall;
        if machine {
            now.mono_us = 7_000_000;
        }
    }
}

impl World for Outside {
    fn now(&self) -> Now {
        let now = self.true_now();
        if self.wall_only {
            Now {
                steady: now.wall,
                ..now
            }
        } else {
            now
        }
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        if octets.len() == 5
            && let Some(id) = lock(&self.next_id).take()
        {
            octets.copy_from_slice(&id);
            return true;
        }
        let mut chance = lock(&self.chance);
        octets.fill_with(|| chance.octet());
        true
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
