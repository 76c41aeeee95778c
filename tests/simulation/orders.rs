//! What operators order: as the product takes it, and what it changes in the model once the product
//! has said that it is done. An order that is refused changes nothing, whatever the reason.

use std::time::Duration;

use mfad::domain::command::{Command, Done, NewToken, NewUser, PassthroughEnd, Reveal, TokenRef};
use mfad::domain::token_record::TokenKind;
use mfad::domain::user::UserState;
use mfad::secret::SecretBytes;
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, OtpCode, TokenId};

use super::person::{Grant, Kind, Person, Rules, Token, Why, code_of, earliest, latest};

/// An order about one person.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Add,
    AddToken {
        kind: Kind,
        seed: Vec<u8>,
        next: u64,
        serial: String,
    },
    ResetPin(Vec<u8>),
    UnblockPin,
    Lock(Option<i64>),
    Unlock {
        with_pin: bool,
    },
    ClearCounters,
    State(UserState),
    Reactivate,
    Disable {
        token: usize,
        until: Option<i64>,
    },
    Enable(usize),
    UnlockToken(usize),
    Test {
        token: usize,
        code: String,
    },
    Resync {
        token: usize,
        codes: [String; 2],
    },
    Grant {
        ms: i64,
    },
    Renew,
    EndGrants,
    IssueCodes,
}

impl Order {
    #[expect(clippy::too_many_lines, reason = "one row for each order")]
    /// The command; none if the model does not know the token's name.
    pub(crate) fn command(&self, person: &Person) -> Option<Command> {
        let user = || person.name.to_owned();
        let token = |at: &usize| {
            let id: TokenId = person.tokens.get(*at)?.id.as_ref()?.parse().ok()?;
            Some(TokenRef::Id(id))
        };
        let code = |text: &String| OtpCode::parse(text.as_bytes());
        Some(match self {
            Self::Add => Command::UserAdd(NewUser {
                user: user(),
                ..NewUser::default()
            }),
            Self::AddToken {
                kind,
                seed,
                next,
                serial,
            } => Command::TokenAdd(Box::new(NewToken {
                user: user(),
                kind: match kind {
                    Kind::Totp => TokenKind::Totp,
                    _ => TokenKind::Hotp,
                },
                otp: match kind {
                    Kind::Totp => Otp::TOTP,
                    _ => Otp::HOTP,
                },
                serial: Some(serial.clone()),
                seed: Some(SecretBytes::copy_of(seed)),
                weak: false,
                counter: *next,
                expires: None,
                description: String::new(),
                trusted: true,
                confirm: None,
            })),
            Self::ResetPin(pin) => Command::PinReset {
                user: user(),
                pin: Some(SecretBytes::copy_of(pin)),
                keep: true,
            },
            Self::UnblockPin => Command::PinUnblock { user: user() },
            Self::Lock(until) => Command::UserLock {
                user: user(),
                until: until.map(Timestamp),
            },
            Self::Unlock { with_pin } => Command::UserUnlock {
                user: user(),
                with_pin: *with_pin,
            },
            Self::ClearCounters => Command::CountersClear { user: user() },
            Self::State(state) => Command::UserSetState {
                user: user(),
                state: *state,
                force: true,
            },
            Self::Reactivate => Command::UserReactivate { user: user() },
            Self::Disable { token: at, until } => Command::TokenDisable {
                token: token(at)?,
                until: until.map(Timestamp),
                force: true,
            },
            Self::Enable(at) => Command::TokenEnable { token: token(at)? },
            Self::UnlockToken(at) => Command::TokenUnlock { token: token(at)? },
            Self::Test { token: at, code: c } => Command::TokenTest {
                token: token(at)?,
                code: code(c)?,
                anyway: true,
            },
            Self::Resync { token: at, codes } => Command::TokenResync {
                token: token(at)?,
                first: code(&codes[0])?,
                second: code(&codes[1])?,
            },
            Self::Grant { ms } => Command::PassthroughEnable {
                user: user(),
                from: None,
                end: PassthroughEnd::For(Duration::from_millis(u64::try_from(*ms).ok()?)),
                gateways: Vec::new(),
            },
            Self::Renew => Command::PassthroughRenew { user: user() },
            Self::EndGrants => Command::PassthroughDisable { user: user() },
            Self::IssueCodes => Command::RecoveryIssue { user: user() },
        })
    }

    /// Whether the rules allow an admin to do it to this person, on which what is over has ended.
    pub(crate) fn allowed(&self, person: &Person, rules: &Rules, now: Now) -> bool {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        if person.revision == 0 {
            return matches!(self, Self::Add);
        }
        let gone = matches!(person.state, "deactivated" | "revoke");
        let token = |at: &usize| &person.tokens[*at];
        let ahead = |until: &Option<i64>| until.is_none_or(|until| until > latest(now));
        match self {
            Self::Add => false,
            Self::AddToken { .. } | Self::ResetPin(_) | Self::ClearCounters | Self::EndGrants => {
                true
            }
            Self::UnblockPin => {
                let brought = person.lock.is_some_and(|(why, _)| why == Why::Pin);
                person.pin_blocked.is_some() || brought
            }
            Self::Lock(until) => {
                let already = person.lock.is_some_and(|(why, _)| why == Why::Operator);
                !already && ahead(until)
            }
            Self::Unlock { with_pin } => person
                .lock
                .is_some_and(|(why, _)| *with_pin || why != Why::Pin),
            Self::State(to) if to.name() == person.state => true,
            Self::State(_) if person.state == "deactivated" => false,
            Self::State(UserState::Steady) if person.state == "revoke" => {
                let usable = |token: &Token| {
                    token.kind != Kind::Recovery && person.usable(token, rules, now)
                };
                person.tokens.iter().any(usable)
            }
            Self::State(_) => true,
            Self::Reactivate => person.state == "deactivated",
            Self::Disable { token: at, until } => !token(at).obsolete && ahead(until),
            Self::Enable(at) => !token(at).obsolete,
            Self::UnlockToken(at) => {
                token(at).total < rules.hard_cap && token(at).locked_until.is_some()
            }
            Self::Test { token: at, code } => {
                let token = token(at);
                let computes = token.kind != Kind::Recovery && !token.obsolete;
                computes && token.find(code, rules, now).is_some()
            }
            Self::Resync { token: at, codes } => {
                let token = token(at);
                let computes = token.kind == Kind::Hotp && !token.obsolete;
                computes && token.total < rules.hard_cap && place(token, rules, codes).is_some()
            }
            Self::Grant { .. } => !gone,
            Self::Renew => {
                let ended = |grant: &&Grant| {
                    !grant.revoked
                        && grant.from <= latest(now)
                        && latest(now) < grant.until + DAY_MS
                };
                let last = person
                    .granted(now)
                    .map(|at| &person.grants[at])
                    .or_else(|| {
                        let ended = person.grants.iter().filter(ended);
                        ended.max_by_key(|grant| grant.until)
                    });
                !gone && last.is_some_and(|last| latest(now) + WEEK_MS > last.until)
            }
            Self::IssueCodes => !gone,
        }
    }

    /// Whether this person is made by it.
    pub(crate) fn makes_a_person(&self) -> bool {
        matches!(self, Self::Add)
    }

    /// Carries it out; what the answer has shown is taken from `done`, if there was an answer.
    ///
    /// # Errors
    /// The product says that it did what the rules do not allow.
    pub(crate) fn apply(
        &self,
        person: &mut Person,
        rules: &Rules,
        now: Now,
        done: Option<&Done>,
    ) -> Result<(), String> {
        let lapsed = person.lapse(rules, now);
        if done.is_some_and(|done| done.unchanged) {
            person.revision += u64::from(lapsed);
            return Ok(());
        }
        self.change(person, rules, now, done)?;
        person.revision += 1;
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "one row for each order")]
    fn change(
        &self,
        person: &mut Person,
        rules: &Rules,
        now: Now,
        done: Option<&Done>,
    ) -> Result<(), String> {
        match self {
            // A new record has its first revision already.
            Self::Add => *person = Person::nobody(person.name),
            Self::AddToken {
                kind, seed, next, ..
            } => {
                person.tokens.push(Token::new(*kind, seed.clone(), *next));
                if matches!(person.state, "new" | "replace") {
                    person.state = "steady";
                }
            }
            Self::ResetPin(pin) => {
                person.pin = Some(pin.clone());
                lift_pin_block(person);
            }
            Self::UnblockPin => lift_pin_block(person),
            Self::Lock(until) => person.lock = Some((Why::Operator, *until)),
            Self::Unlock { with_pin } => {
                person.lock = None;
                person.soft = 0;
                for token in &mut person.tokens {
                    token.soft = 0;
                    if token.total < rules.hard_cap {
                        token.locked_until = None;
                    }
                }
                if *with_pin {
                    (person.pin_failures, person.pin_blocked) = (0, None);
                }
            }
            Self::ClearCounters => {
                person.soft = 0;
                person.tokens.iter_mut().for_each(|token| token.soft = 0);
            }
            Self::State(state) => enter(person, state.name(), now),
            Self::Reactivate => {
                person.state = "new";
                let back = |token: &Token| {
                    token.kind != Kind::Recovery && person.usable(token, rules, now)
                };
                if person.tokens.iter().any(back) {
                    person.state = "steady";
                }
            }
            Self::Disable { token, until } => person.tokens[*token].disabled = Some(*until),
            Self::Enable(token) => person.tokens[*token].disabled = None,
            Self::UnlockToken(token) => lift(&mut person.tokens[*token]),
            Self::Test { token, code } => {
                let token = &mut person.tokens[*token];
                let factor = token
                    .find(code, rules, now)
                    .ok_or("a test took a code that fits nothing")?;
                token.consume(factor, "mfactl", now);
            }
            Self::Resync { token, codes } => {
                let token = &mut person.tokens[*token];
                let first = place(token, rules, codes)
                    .ok_or("a resync took codes that do not follow each other")?;
                token.consume(first + 1, "mfactl", now);
                token.resync = false;
                lift(token);
            }
            Self::Grant { ms } => person.grants.push(Grant {
                id: None,
                from: earliest(now),
                until: latest(now) + ms,
                revoked: false,
                ended: false,
                uses: 0,
            }),
            Self::Renew => renew(person, now),
            Self::EndGrants => end_grants(person, now),
            Self::IssueCodes => {
                person.tokens.retain(|token| token.kind != Kind::Recovery);
                let mut set = Token::new(Kind::Recovery, Vec::new(), 0);
                if let Some(Reveal::RecoveryCodes(codes)) =
                    done.and_then(|done| done.reveal.as_ref())
                {
                    let text = std::str::from_utf8(codes.expose()).unwrap();
                    set.codes = text.lines().map(|line| line.replace('-', "")).collect();
                }
                person.tokens.push(set);
            }
        }
        Ok(())
    }
}

const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;

/// Where two codes follow each other in the window of a resync.
fn place(token: &Token, rules: &Rules, codes: &[String; 2]) -> Option<u64> {
    (token.next..=token.next + rules.resync_window).find(|at| {
        code_of(&token.seed, *at) == codes[0] && code_of(&token.seed, at + 1) == codes[1]
    })
}

fn lift(token: &mut Token) {
    (token.soft, token.locked_until) = (0, None);
}

fn lift_pin_block(person: &mut Person) {
    let brought = person.lock.is_some_and(|(why, _)| why == Why::Pin);
    if person.pin_blocked.is_some() || brought {
        if brought {
            person.lock = None;
        }
        if person.lock.is_none() {
            person.soft = 0;
        }
    }
    (person.pin_failures, person.pin_blocked) = (0, None);
}

fn enter(person: &mut Person, state: &'static str, now: Now) {
    person.state = state;
    if matches!(state, "replace" | "revoke") {
        for token in &mut person.tokens {
            if token.kind != Kind::Recovery && !token.obsolete {
                (token.obsolete, token.disabled) = (true, None);
            }
        }
    }
    if matches!(state, "revoke" | "deactivated") {
        end_grants(person, now);
    }
}

fn end_grants(person: &mut Person, now: Now) {
    for grant in &mut person.grants {
        grant.revoked |= !grant.ended && latest(now) < grant.until;
    }
}

/// The grant that counts is prolonged to a week from now; one that has just ended is followed by
/// another.
fn renew(person: &mut Person, now: Now) {
    let until = latest(now) + WEEK_MS;
    if let Some(at) = person.granted(now) {
        let mut grant = person.grants.remove(at);
        grant.until = until;
        return person.grants.push(grant);
    }
    person.grants.push(Grant {
        id: None,
        from: earliest(now),
        until,
        revoked: false,
        ended: false,
        uses: 0,
    });
}
