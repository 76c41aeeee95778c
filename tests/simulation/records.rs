//! Everything that the store holds, as it has to be: the people, and the devices that nobody has.

use std::collections::BTreeMap;

use mfad::time::Now;

use super::person::{Device, Kind, Person, Rules, Token, first_unused};
use super::run::NAMES;

/// A device in the pool, with what its last owner has used up.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    pub(crate) kind: Kind,
    pub(crate) seed: Vec<u8>,
    pub(crate) import: u64,
    pub(crate) next: u64,
    pub(crate) resync: bool,
    /// Only the serial is left, so that nobody gets it.
    pub(crate) compromised: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) people: Vec<Person>,
    /// By serial.
    pub(crate) pool: BTreeMap<String, Spare>,
}

impl Records {
    /// Nobody is there and nothing.
    pub(crate) fn empty() -> Self {
        Self {
            people: NAMES.iter().map(|name| Person::nobody(name)).collect(),
            pool: BTreeMap::new(),
        }
    }

    /// Who has the device with this serial, usable or not.
    pub(crate) fn owner(&self, serial: &str) -> Option<usize> {
        let mut people = self.people.iter();
        people.position(|person| person.with_serial(serial).is_some())
    }

    /// A device that lies on a shelf: nobody has it, whether the pool knows it or not.
    pub(crate) fn free_device(&self, chosen: usize) -> Option<Device> {
        let devices = Device::ALL.map(Device::numbered);
        let free: Vec<Device> = devices
            .filter(|device| self.owner(&device.serial).is_none())
            .collect();
        let at = chosen.checked_rem(free.len())?;
        free.into_iter().nth(at)
    }

    /// What a store of the past has to forget before anybody may use it.
    pub(crate) fn fence(&mut self, rules: &Rules, now: Now) {
        for person in &mut self.people {
            person.fence(rules, now);
        }
        for spare in self.pool.values_mut() {
            match spare.kind {
                Kind::Totp => {
                    spare.next = spare.next.max(first_unused(rules, now));
                }
                _ => spare.resync = true,
            }
        }
    }

    /// The text of each person, and that of the pool.
    pub(crate) fn facts(&self) -> Vec<String> {
        let spare = |(serial, spare): (&String, &Spare)| {
            let Spare {
                kind,
                next,
                resync,
                compromised,
                ..
            } = spare;
            format!("{serial} {kind:?} next={next} resync={resync} void={compromised}\n")
        };
        let pool = self.pool.iter().map(spare).collect::<String>();
        let people = self.people.iter().map(Person::facts);
        people.chain([format!("pool\n{pool}")]).collect()
    }
}

impl Spare {
    /// What is left of a token when it goes back into the pool.
    pub(crate) fn of(token: &Token) -> Self {
        Self {
            kind: token.kind,
            seed: token.seed.clone(),
            import: token.import,
            next: token.next,
            resync: token.resync,
            compromised: false,
        }
    }

    /// What is left of one that is deleted after an operator has made it obsolete.
    pub(crate) fn compromised(token: &Token) -> Option<(String, Self)> {
        let serial = token.serial.clone().filter(|_| token.compromised)?;
        let spare = Self {
            kind: token.kind,
            seed: Vec::new(),
            import: 0,
            next: 0,
            resync: false,
            compromised: true,
        };
        Some((serial, spare))
    }

    /// The token that its next owner gets.
    pub(crate) fn token(&self, serial: &str, next: u64) -> Token {
        Token {
            serial: Some(serial.to_owned()),
            import: self.import,
            resync: self.resync,
            ..Token::new(self.kind, self.seed.clone(), self.next.max(next))
        }
    }
}
