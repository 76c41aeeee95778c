//! What people type: mostly what they are asked for, often not.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::token::TokenId;

use super::DOORS;
use super::judging::{Code, Typed};
use super::life::Life;
use super::model::*;

/// The code that a device shows.
pub(crate) fn device(seed: &[u8], factor: u64) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(seed).unwrap();
    mac.update(&factor.to_be_bytes());
    let full = mac.finalize().into_bytes();
    let at = usize::from(full[19] & 0x0f);
    let number = u32::from_be_bytes(full[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:08}", number % 100_000_000)
}

impl Life {
    /// In answer to the question for a device authorization code.
    fn device_code(&mut self, person: &Person, door: &Door) -> Typed {
        let device = person.device.as_ref().map(|code| code.text.clone());
        let auth = person.auth_code.as_ref().map(|code| code.text.clone());
        let (code, text) = match (self.chance.below(6), device, auth) {
            (..=2, Some(text), _) => (Code::Sent(text.clone()), text),
            (3, _, Some(text)) => (Code::Auth(text.clone()), text),
            (4, ..) => (Code::Again, "resend".to_owned()),
            _ => self.code(person, door),
        };
        Typed {
            octets: text.into_bytes(),
            head: Vec::new(),
            code,
        }
    }

    pub(crate) fn type_in(&mut self, name: &str, at: usize, asked: Option<&Asked>) -> Typed {
        let (person, door) = (self.model[name].clone(), &DOORS[at]);
        let plain = |code: Code, text: &str| Typed {
            octets: text.as_bytes().to_vec(),
            head: Vec::new(),
            code,
        };
        match asked {
            None | Some(Asked::Passcode) => {
                if self.chance.below(40) == 0 {
                    let word = [KEYWORD, "NewPin"][self.chance.below(2)];
                    return plain(Code::Word, word);
                }
                if self.chance.below(if asked.is_none() { 12 } else { 40 }) == 0 {
                    return plain(Code::Nothing, "");
                }
                self.passcode(&person, door, door.form)
            }
            Some(Asked::Reauth) => {
                let form = match (door.form, door.first) {
                    (PasscodeForm::Challenge, FirstFactorBy::Local) => PasscodeForm::PasswordOtp,
                    (PasscodeForm::Challenge, _) => PasscodeForm::PinOtp,
                    (form, _) => form,
                };
                self.passcode(&person, door, form)
            }
            Some(Asked::NewSecret { chosen, .. }) => {
                self.new_secret(door.first == FirstFactorBy::Pin, chosen.as_deref())
            }
            Some(Asked::NewPin { chosen, .. }) => self.new_secret(true, chosen.as_deref()),
            Some(Asked::Question { token, number, .. }) => {
                self.answer_to(person.token(*token), *number)
            }
            Some(Asked::Menu(_)) => {
                let number = [1, 1, 1, 1, 2, 3][self.chance.below(6)];
                plain(Code::Number(number), &number.to_string())
            }
            Some(Asked::AuthCode(_) | Asked::Device(_))
                if self.rules.emergency && self.chance.below(8) == 0 =>
            {
                plain(Code::Help, "help")
            }
            Some(Asked::AuthCode(_)) => {
                let right = person.auth_code.filter(|_| self.chance.below(4) > 0);
                let text = right.map_or_else(|| "ABCDE-FGHJK".to_owned(), |code| code.text);
                plain(Code::Auth(text.clone()), &text)
            }
            Some(Asked::Device(_)) => self.device_code(&person, door),
            Some(Asked::Sent { code, .. } | Asked::Address { code, .. })
                if self.chance.below(3) > 0 =>
            {
                plain(Code::Sent(code.clone()), code)
            }
            Some(Asked::Sent { .. } | Asked::Address { .. }) if self.chance.coin() => {
                plain(Code::Again, "send")
            }
            Some(Asked::FirstCode(_)) => self.first_code_or_later(&person, door),
            Some(asked @ (Asked::CodeOf(_) | Asked::Resync { .. })) if self.chance.below(5) > 0 => {
                let (code, text) = self.code_asked(&person, door, asked);
                plain(code, &text)
            }
            Some(Asked::Method { .. }) if self.chance.below(3) > 0 => {
                let number = self.chance.below(4) + 1;
                plain(Code::Number(number), &number.to_string())
            }
            _ => {
                let (code, text) = self.code(&person, door);
                plain(code, &text)
            }
        }
    }

    /// Where a new token is asked for, by page or by an operator.
    fn first_code_or_later(&mut self, person: &Person, door: &Door) -> Typed {
        let often = if person.recovered { 2 } else { 12 };
        let (code, text) = match self.chance.below(often) {
            0 => {
                let word = ["later", "LATER"][self.chance.below(2)];
                (Code::Later, word.to_owned())
            }
            _ if self.chance.below(5) > 0 => self.first_code(person, door),
            _ => self.code(person, door),
        };
        Typed {
            octets: text.into_bytes(),
            head: Vec::new(),
            code,
        }
    }

    /// Mostly the right one, in one of the ways in which people write.
    fn answer_to(&mut self, held: Option<&Token>, number: usize) -> Typed {
        let right = held.filter(|_| self.chance.below(16) > 0);
        let right = right.and_then(|it| {
            let at = (it.asked_first + number).checked_rem(it.answers.len())?;
            it.answers.get(at).cloned()
        });
        let plain = right.unwrap_or_else(|| "some dog".to_owned());
        let written = match self.chance.below(3) {
            0 => plain.to_uppercase(),
            1 => format!(" {}  ", plain.replace(' ', "   ")),
            _ => plain.clone(),
        };
        Typed {
            octets: written.into_bytes(),
            head: Vec::new(),
            code: Code::Answer(plain),
        }
    }

    fn new_secret(&mut self, pin: bool, chosen: Option<&[u8]>) -> Typed {
        let of = |octets: Vec<u8>, good| Typed {
            octets: octets.clone(),
            head: Vec::new(),
            code: Code::Secret(octets, good),
        };
        match chosen {
            Some(chosen) if self.chance.below(4) > 0 => of(chosen.to_vec(), true),
            None if self.chance.below(3) == 0 => of(b"123".to_vec(), false),
            _ if pin => of(self.good_pin(), true),
            _ => of(self.good_password(), true),
        }
    }

    /// Six digits or seven: shorter than any code, and no run.
    pub(crate) fn good_pin(&mut self) -> Vec<u8> {
        format!("40{:04}7", self.chance.below(10_000)).into_bytes()
    }

    pub(crate) fn good_password(&mut self) -> Vec<u8> {
        format!("correct horse {} battery", self.chance.below(100_000)).into_bytes()
    }

    fn passcode(&mut self, person: &Person, door: &Door, form: PasscodeForm) -> Typed {
        // Now and then somebody has forgotten it, for a while.
        let hours = self.site.now.steady.0 / 3_600_000;
        let seen = i64::from(person.name.bytes().last().unwrap_or(0)) + hours;
        let right = seen % 5 > 0 && self.chance.below(8) > 0;
        let head = match (form, door.first) {
            (PasscodeForm::Otp, _) => Vec::new(),
            (_, FirstFactorBy::Pin) => match &person.pin {
                Some(pin) if right => pin.clone(),
                None => Vec::new(),
                Some(_) => self.good_pin(),
            },
            (_, FirstFactorBy::Local) => match &person.password {
                Some(password) if right => password.clone(),
                _ => self.good_password(),
            },
            _ => Vec::new(),
        };
        let blocked = person.pin_is_blocked(&self.rules, self.site.now);
        let by_code = person.is_reset() && blocked && door.first == FirstFactorBy::Pin;
        let head = match by_code && self.chance.below(4) > 0 {
            true => Vec::new(),
            false => head,
        };
        let alone = form == PasscodeForm::Challenge && !head.is_empty();
        if alone || !head.is_empty() && self.chance.below(12) == 0 {
            return Typed {
                octets: head.clone(),
                head,
                code: Code::Nothing,
            };
        }
        let (code, text) = self.code(person, door);
        let comma: &[u8] = if form == PasscodeForm::PasswordCommaOtp {
            b","
        } else {
            b""
        };
        Typed {
            octets: [&head, comma, text.as_bytes()].concat(),
            head,
            code,
        }
    }

    /// The very code that is asked for.
    fn code_asked(&mut self, person: &Person, door: &Door, asked: &Asked) -> (Code, String) {
        let (id, next) = match asked {
            Asked::CodeOf(id) => (*id, None),
            Asked::Resync { token, first } => (*token, Some(first + 1)),
            _ => return self.code(person, door),
        };
        let Some(token) = person.token(id) else {
            return self.code(person, door);
        };
        let factor = next.unwrap_or_else(|| self.factor(token));
        let code = Code::Device { token: id, factor };
        (code, device(&token.seed, factor))
    }

    /// The code of a token that waits for its proof, or of the one that was proven last.
    fn first_code(&mut self, person: &Person, door: &Door) -> (Code, String) {
        let mut waiting = person.waiting(&self.rules, self.site.now);
        let proven = person.tokens.iter().rfind(|token| token.computes());
        waiting.extend(proven.map(|token| token.id));
        let Some(token) = waiting.first().and_then(|id| person.token(*id)) else {
            return self.code(person, door);
        };
        let factor = self.factor(token);
        let code = Code::Device {
            token: token.id,
            factor,
        };
        (code, device(&token.seed, factor))
    }

    fn code(&mut self, person: &Person, door: &Door) -> (Code, String) {
        let (rules, now) = (self.rules.clone(), self.site.now);
        let often = if person.lock.is_some() { 2 } else { 20 };
        if rules.emergency && person.questions_of().is_some() && self.chance.below(often) == 0 {
            let word = ["help", "HELP"][self.chance.below(2)];
            return (Code::Help, word.to_owned());
        }
        let mut ids = person.candidates(door, &[], &rules, now);
        ids.retain(|id| person.token(*id).is_some_and(Token::computes));
        let any = person.tokens.iter().filter(|token| token.computes());
        let any: Vec<TokenId> = any.map(|token| token.id).collect();
        if ids.is_empty() || self.chance.below(8) == 0 {
            ids = any;
        }
        let one = ids.get(self.chance.below(ids.len())).copied();
        let one = one.and_then(|id| person.token(id));
        let roll = self.chance.below(100);
        if let Some(token) = one.filter(|_| roll < 76) {
            let factor = match &token.last {
                Some(last) if roll < 8 => last.factor,
                _ => self.factor(token),
            };
            let code = Code::Device {
                token: token.id,
                factor,
            };
            return (code, device(&token.seed, factor));
        }
        let papers = person.tokens.iter().find(|token| !token.paper.is_empty());
        match (roll, papers) {
            (..88, Some(set)) => {
                let index = self.chance.below(set.paper.len());
                let code = Code::Paper {
                    token: set.id,
                    index,
                };
                (code, set.paper[index].clone())
            }
            (88..=90, _) if !self.mail.is_empty() => {
                let at = self.chance.below(self.mail.len());
                let text = self.mail[at].clone();
                (Code::Sent(text.clone()), text)
            }
            (91..=92, _) => (Code::Text, "hello".to_owned()),
            _ => {
                let text = format!("{:08}", self.chance.below(70_000_000));
                (Code::Wrong, text)
            }
        }
    }

    /// What the device shows now, or a little off.
    pub(crate) fn factor(&mut self, token: &Token) -> u64 {
        let now = self.site.now;
        match (token.kind, self.chance.below(12)) {
            (TokenKind::Hotp, 0) => token.next + self.rules.look_ahead,
            (TokenKind::Hotp, 1 | 2) => {
                let (first, last) = (self.rules.look_ahead + 1, self.rules.resync_window);
                token.next + [first, first + 7, last, last + 1][self.chance.below(4)]
            }
            (TokenKind::Hotp, 3 | 4) => token.next + self.chance.below(4) as u64,
            (TokenKind::Hotp, _) => token.next,
            (_, 0) => step(now) + 3,
            (_, 1 | 2) => step(now).saturating_add_signed(token.drift) + 1,
            (_, 3) => step(now)
                .saturating_add_signed(token.drift)
                .saturating_sub(1),
            _ => step(now).saturating_add_signed(token.drift),
        }
    }
}
