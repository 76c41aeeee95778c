//! One daemon with its people, and what can be done with it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mfad::sys::clock::Clock;

use crate::daemon::{self, Daemon, Reading};
use crate::gateway::{self, Line, Outcome};
use crate::instance::{Gateway, Instance, OTP, PIN, PinMemory};
use crate::people::{Form, People, Sends};
use crate::report::Measured;
use crate::{Failure, Setting, bare, disk};

/// People with a PIN: each costs one Argon2id hash to make and one to warm up.
const PINS: usize = 400;

/// Requests in flight while PINs are checked for the first time: below the pool's queue.
pub(crate) const COLD_IN_FLIGHT: usize = 32;

/// Which daemon.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    /// The real one.
    Real(&'a Path),
    /// Its parts in a process of this program, over a store that only counts.
    Counting,
}

/// Who is in the store.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    /// People.
    pub(crate) users: usize,
    /// Some of them have a PIN.
    pub(crate) with_pins: bool,
    /// Whether the daemon remembers PINs that were right.
    pub(crate) memory: PinMemory,
}

impl Crowd {
    /// So many people without a PIN.
    pub(crate) const fn plain(users: usize) -> Self {
        Self {
            users,
            with_pins: false,
            memory: PinMemory::Kept,
        }
    }

    /// So many people, some with a PIN.
    pub(crate) const fn with_pins(users: usize, memory: PinMemory) -> Self {
        Self {
            users,
            with_pins: true,
            memory,
        }
    }
}

/// A running daemon, its store, and the people in it.
pub(crate) struct Bench<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) people: People,
    pub(crate) instance: Instance,
    pub(crate) daemon: Daemon,
    flush_us: Option<u64>,
}

impl<'a> Bench<'a> {
    /// Fills a store and starts the daemon on it.
    pub(crate) fn start(
        setting: &'a Setting,
        kind: Kind<'_>,
        crowd: Crowd,
        flush_us: Option<u64>,
    ) -> Result<Self, Failure> {
        let pins = if crowd.with_pins { PINS } else { 0 };
        let people = People::draw(crowd.users, pins)?;
        let instance = Instance::make(&setting.base, &people, crowd.memory, &Clock::start())?;
        let folder = instance.folder.path();
        let mut command = match kind {
            Kind::Real(program) => {
                let mut command = Command::new(program);
                command.arg("--config").arg(folder.join("mfad.toml"));
                command.args(["--log-level", "warn"]);
                command
            }
            Kind::Counting => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--serve-counting").arg(folder);
                command
            }
        };
        if let Some(us) = flush_us {
            disk::slow(&mut command, folder, us)?;
        }
        let daemon = Daemon::start(command, folder, setting.cores.map(|(first, _)| first))?;
        daemon::pin_self(setting.cores.map(|(_, second)| second))?;
        Ok(Self {
            setting,
            people,
            instance,
            daemon,
            flush_us,
        })
    }

    /// What the first `people` send through a gateway.
    pub(crate) const fn line(&self, gateway: &Gateway, sends: Sends, people: usize) -> Line {
        Line {
            from: gateway.address,
            server: self.instance.server,
            form: Form {
                sends,
                secret: gateway.secret.as_bytes(),
                first: 0,
                people,
            },
        }
    }

    /// Code alone, by everybody.
    pub(crate) fn otp_line(&self) -> Line {
        self.line(&OTP, Sends::Code, self.people.len())
    }

    /// The same by all but the first `but`.
    pub(crate) fn otp_line_of_others(&self, but: usize) -> Line {
        let mut line = self.otp_line();
        line.form.first = but;
        line.form.people -= but;
        line
    }

    /// PIN and code, by those who have a PIN.
    pub(crate) const fn pin_line(&self) -> Line {
        self.line(&PIN, Sends::PinAndCode, self.people.pins)
    }

    /// As much as the daemon can take, and what it cost.
    pub(crate) fn flood(&mut self) -> Result<(Outcome, Reading), Failure> {
        let (line, before) = (self.otp_line(), self.daemon.reading()?);
        let in_flight = self.setting.in_flight;
        let flood = gateway::flood(line, &mut self.people, in_flight, self.setting.span)?;
        Ok((flood, self.daemon.reading()?.since(&before)))
    }

    /// One request at each beat.
    pub(crate) fn pace(&mut self) -> Result<Outcome, Failure> {
        let line = self.otp_line();
        gateway::pace(line, &mut self.people, self.setting.rate, self.setting.span)
    }

    /// Does something with some people, while others sign in at a steady beat.
    pub(crate) fn beside<T>(
        &mut self,
        others: Line,
        rate: u32,
        work: impl FnOnce(&mut People) -> Result<T, Failure>,
    ) -> Result<(T, Outcome), Failure> {
        let (mut beside, span) = (self.people.clone(), self.setting.span);
        std::thread::scope(|scope| {
            let paced = scope.spawn(move || {
                let outcome = gateway::pace(others, &mut beside, rate, span);
                outcome.map(|outcome| (outcome, beside))
            });
            let done = work(&mut self.people);
            let (paced, beside) = paced
                .join()
                .map_err(|_| Failure::from("the other thread has died"))??;
            self.people.take_counters(&beside, others.form);
            Ok((done?, paced))
        })
    }

    /// Flood, paced run and bare loop, one after the other.
    pub(crate) fn round(&mut self) -> Result<Measured, Failure> {
        let (flood, cost) = self.flood()?;
        let paced = self.pace()?;
        self.daemon.hold()?;
        let bare = bare::run(
            self.instance.folder.path(),
            self.setting.span,
            self.flush_us,
        );
        self.daemon.go_on()?;
        Ok(Measured {
            flood,
            cost,
            paced,
            bare: bare?,
        })
    }

    /// Logins per second of the same people without and with a PIN that is known to be right.
    pub(crate) fn with_and_without_pin(&mut self) -> Result<[Outcome; 2], Failure> {
        let pin = self.pin_line();
        let mut otp = self.otp_line();
        otp.form.people = self.people.pins;
        let (in_flight, span) = (self.setting.in_flight, self.setting.span);
        if self.people.warm {
            let short = Duration::from_millis(200);
            gateway::flood(pin, &mut self.people, in_flight, short)?;
        } else {
            // Long enough for every PIN to be checked once by a pool of one thread.
            let warm = Duration::from_millis(u64::try_from(self.people.pins)? * 60);
            gateway::flood(pin, &mut self.people, COLD_IN_FLIGHT, warm)?;
            self.people.warm = true;
        }
        let without = gateway::flood(otp, &mut self.people, in_flight, span)?;
        let with = gateway::flood(pin, &mut self.people, in_flight, span)?;
        Ok([without, with])
    }
}
