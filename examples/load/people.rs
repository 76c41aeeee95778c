//! The people who sign in: names, seeds, and where each one's counter stands.

use mfad::radius::{AttributeType, RequestBuilder};
use mfad::sys::random;
use mfad::token::Otp;

use crate::Failure;

/// Everybody's PIN: what it costs does not depend on it.
pub(crate) const PIN: &[u8] = b"481516";

/// Octets of a seed.
const SEED_OCTETS: usize = 20;

/// Everybody, by number. A clone does not know whose code the other has used up: two may only be
/// used for different people.
#[derive(Clone)]
pub(crate) struct People {
    seeds: Vec<[u8; SEED_OCTETS]>,
    counters: Vec<u64>,
    signing_in: Vec<bool>,
    /// The first so many have a PIN.
    pub(crate) pins: usize,
    /// Their PINs were checked by this run of the daemon.
    pub(crate) warm: bool,
    dice: Dice,
}

/// What stands in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    /// The next code.
    Code,
    /// The PIN before the next code.
    PinAndCode,
    /// Nothing yet, where a question is to come.
    Nothing,
    /// The same with a name that nobody has, each time another.
    Stranger,
}

/// What is sent, and with which secret.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) sends: Sends,
    /// The gateway's.
    pub(crate) secret: &'static [u8],
    /// Who signs in: from this number on ..
    pub(crate) first: usize,
    /// .. so many.
    pub(crate) people: usize,
}

impl People {
    /// Draws a seed for each; the first `pins` have a PIN.
    pub(crate) fn draw(number: usize, pins: usize) -> Result<Self, Failure> {
        let mut dice = Dice::new()?;
        let seeds = (0..number).map(|_| dice.octets()).collect();
        Ok(Self {
            seeds,
            counters: vec![0; number],
            signing_in: vec![false; number],
            pins,
            warm: false,
            dice,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.seeds.len()
    }

    /// The login name of one.
    #[expect(clippy::unused_self, reason = "a name is a fact of the people")]
    pub(crate) fn name(&self, number: usize) -> String {
        format!("person{number:07}")
    }

    /// The seed of one's token.
    pub(crate) fn seed(&self, number: usize) -> &[u8] {
        self.seeds.get(number).map_or(&[], |seed| seed)
    }

    /// Picks somebody who is not signing in right now.
    pub(crate) fn pick(&mut self, form: Form) -> usize {
        loop {
            let number = form.first + self.dice.below(form.people);
            if let Some(busy) = self.signing_in.get_mut(number).filter(|busy| !**busy) {
                *busy = true;
                return number;
            }
        }
    }

    /// One's sign-in has ended; the code is used up, whatever the answer was.
    pub(crate) fn done(&mut self, number: usize) {
        if let Some(busy) = self.signing_in.get_mut(number) {
            *busy = false;
        }
    }

    /// Takes over which codes of the people of `form` a clone has used up.
    pub(crate) fn take_counters(&mut self, clone: &Self, form: Form) {
        let range = form.first..form.first + form.people;
        if let (Some(own), Some(theirs)) = (
            self.counters.get_mut(range.clone()),
            clone.counters.get(range),
        ) {
            own.copy_from_slice(theirs);
        }
    }

    /// Writes an Access-Request of `number`; its authenticator.
    pub(crate) fn request(
        &mut self,
        number: usize,
        identifier: u8,
        form: Form,
        octets: &mut Vec<u8>,
    ) -> Result<[u8; 16], Failure> {
        let passcode = match form.sends {
            Sends::Code => self.next_code(number),
            Sends::PinAndCode => [PIN, &self.next_code(number)].concat(),
            Sends::Nothing | Sends::Stranger => b"anything".to_vec(),
        };
        let name = match form.sends {
            Sends::Stranger => format!("stranger{:016x}", self.dice.next()),
            _ => self.name(number),
        };
        let authenticator = self.dice.octets();
        let mut request = RequestBuilder::access_request(identifier, &authenticator, octets);
        request.message_authenticator()?;
        request.attribute(AttributeType::USER_NAME, name.as_bytes())?;
        request.user_password(&passcode, form.secret)?;
        request.attribute(AttributeType::NAS_IDENTIFIER, b"load")?;
        let _ = request.finish(form.secret);
        Ok(authenticator)
    }

    /// The next code of `number`, which is used up by this.
    fn next_code(&mut self, number: usize) -> Vec<u8> {
        let counter = self.counters.get_mut(number).map_or(0, |counter| {
            *counter += 1;
            *counter - 1
        });
        let code = Otp::HOTP.code_at(self.seed(number), counter).text();
        code.expose().as_bytes().to_vec()
    }
}

/// A fast generator (splitmix64): who signs in next need not be unguessable.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn new() -> Result<Self, Failure> {
        Ok(Self(u64::from_le_bytes(random::array()?)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        for part in octets.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            for (octet, drawn) in part.iter_mut().zip(drawn) {
                *octet = drawn;
            }
        }
        octets
    }
}
