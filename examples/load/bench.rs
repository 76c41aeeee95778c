//! One daemon with its people, and what can be done with it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mfad::sys::clock::Clock;

use crate::daemon::{self, Daemon, Reading};
use crate::gateway::{self, Line, Outcome};
use crate::instance::{Instance, OTP_ADDRESS, PIN_ADDRESS, PinMemory, SECRETS};
use crate::people::{Form, People};
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

    /// Code alone, by everybody.
    pub(crate) fn otp_line(&self) -> Line {
        Line {
            from: OTP_ADDRESS,
            server: self.instance.server,
            form: Form {
                pin: false,
                secret: SECRETS[0].as_bytes(),
                first: 0,
                people: self.people.len(),
            },
        }
    }

    /// PIN and code, by those who have a PIN.
    pub(crate) fn pin_line(&self) -> Line {
        Line {
            from: PIN_ADDRESS,
            server: self.instance.server,
            form: Form {
                pin: true,
                secret: SECRETS[1].as_bytes(),
                first: 0,
                people: self.people.pins,
            },
        }
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
