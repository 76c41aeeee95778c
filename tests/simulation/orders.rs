//! What operators order: as the product takes it, and what it changes in the model once the product
//! has said that it is done. An order that is refused changes nothing, whatever the reason.

use std::collections::BTreeMap;
use std::time::Duration;

use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{Command, Done, NewToken, NewUser, PassthroughEnd, TokenRef};
use mfad::domain::rekey::ResetWhy;
use mfad::domain::token_record::TokenKind;
use mfad::domain::user::UserState;
use mfad::secret::SecretBytes;
use mfad::time::{Now, Timestamp};
use mfad::token::import::owned::Owned;
use mfad::token::{Otp, OtpCode, TokenId};

use super::linking::{AuthCode, For, Page};
use super::person::{Device, Grant, Kind, PENDING_MS, Person, Rules, Token, Why};
use super::person::{code_of, earliest, latest};
use super::records::{Records, Spare};
use super::site::Site;

/// An order about one person; tokens go by the names that the product gave them.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Add,
    Delete,
    /// A device with its seed.
    Import {
        device: Device,
        next: u64,
        import: u64,
    },
    /// A device out of a file, with its owner, who may be somebody new.
    Bring {
        device: Device,
        next: u64,
        import: u64,
    },
    /// A device from the pool.
    Assign {
        device: Device,
        next: u64,
    },
    /// Back into the pool.
    Unassign(String),
    /// A token that nobody ever proves.
    Show,
    Obsolete(String),
    ResetSecret(String),
    DeleteToken(String),
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
        token: String,
        until: Option<i64>,
    },
    Enable(String),
    UnlockToken(String),
    Test {
        token: String,
        code: String,
    },
    Resync {
        token: String,
        codes: [String; 2],
    },
    Grant {
        ms: i64,
    },
    Renew,
    EndGrants,
    IssueCodes,
    GenerateAuthCode {
        ms: i64,
        force: bool,
    },
    RevokeAuthCode,
    /// A link to the enrolment page, by mail.
    SendLink,
    RevokeLinks,
    /// What somebody does on a page.
    Page(Page),
}

/// What was so when an order was made ready: what is hashed or sealed for it is good for that only.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// How many had the name before the person it was made for; none: nobody was there.
    former: Option<u32>,
    /// The revision of the person.
    revision: u64,
    /// The device was in the pool.
    in_pool: bool,
    /// The token that was to go back there.
    token: Option<String>,
    /// The token that a page would show anew.
    shown: Option<String>,
}

impl Order {
    #[expect(clippy::too_many_lines, reason = "one row for each order")]
    /// The command about the person of this name.
    pub(crate) fn command(&self, name: &str) -> Option<Command> {
        let user = || name.to_owned();
        let token = |id: &String| Some(TokenRef::Id(id.parse::<TokenId>().ok()?));
        let new_token = |device: &Device, next: u64, seed: Option<SecretBytes>| {
            Command::TokenAdd(Box::new(NewToken {
                user: user(),
                kind: match device.kind {
                    Kind::Totp => TokenKind::Totp,
                    _ => TokenKind::Hotp,
                },
                otp: match device.kind {
                    Kind::Totp => Otp::TOTP,
                    _ => Otp::HOTP,
                },
                serial: Some(device.serial.clone()),
                seed,
                weak: false,
                counter: next,
                expires: None,
                description: String::new(),
                trusted: true,
                confirm: None,
            }))
        };
        let code = |text: &String| OtpCode::parse(text.as_bytes());
        Some(match self {
            Self::Add => Command::UserAdd(NewUser {
                user: user(),
                auth_code: Some(Delivery::Shown),
                email: Some(format!("{name}@example.org")),
                ..NewUser::default()
            }),
            Self::Delete => Command::UserDelete { user: user() },
            Self::Import { device, next, .. } => {
                new_token(device, *next, Some(SecretBytes::copy_of(&device.seed)))
            }
            Self::Bring { .. } => return None,
            Self::Assign { device, next } => new_token(device, *next, None),
            Self::Unassign(serial) => Command::HwUnassign {
                serial: serial.clone(),
                force: true,
            },
            Self::Show => Command::TokenAdd(Box::new(NewToken {
                ..NewToken::of(user(), Otp::TOTP)
            })),
            Self::Obsolete(id) => Command::TokenObsolete { token: token(id)? },
            Self::ResetSecret(id) => Command::TokenResetSecret {
                user: user(),
                token: Some(token(id)?),
                why: ResetWhy::LostPhone,
            },
            Self::DeleteToken(id) => Command::TokenDelete {
                token: token(id)?,
                force: true,
            },
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
                confirm: false,
            },
            Self::ClearCounters => Command::CountersClear { user: user() },
            Self::State(state) => Command::UserSetState {
                user: user(),
                state: *state,
                force: true,
                updates: Vec::new(),
                auth_code: wants_code(state.name()).then_some(Delivery::Shown),
            },
            Self::Reactivate => Command::UserReactivate { user: user() },
            Self::Disable { token: id, until } => Command::TokenDisable {
                token: token(id)?,
                until: until.map(Timestamp),
                force: true,
            },
            Self::Enable(id) => Command::TokenEnable { token: token(id)? },
            Self::UnlockToken(id) => Command::TokenUnlock { token: token(id)? },
            Self::Test { token: id, code: c } => Command::TokenTest {
                token: token(id)?,
                code: code(c)?,
                anyway: true,
            },
            Self::Resync { token: id, codes } => Command::TokenResync {
                token: token(id)?,
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
            Self::GenerateAuthCode { ms, force } => Command::AuthCodeGenerate {
                user: user(),
                ttl: Some(Duration::from_millis(u64::try_from(*ms).ok()?)),
                force: *force,
                delivery: Delivery::Shown,
            },
            Self::RevokeAuthCode => Command::AuthCodeRevoke { user: user() },
            Self::SendLink => Command::EnrollEmail {
                user: user(),
                token: None,
            },
            Self::RevokeLinks => Command::EnrollRevoke { user: user() },
            Self::Page(page) => page.command()?,
        })
    }

    /// What a file says, if the order is one to bring a file's token in.
    pub(crate) fn owned(&self, name: &str) -> Option<Owned> {
        let Self::Bring { device, next, .. } = self else {
            return None;
        };
        Some(Owned {
            line: 1,
            user: name.to_owned(),
            otp: match device.kind {
                Kind::Totp => Otp::TOTP,
                _ => Otp::HOTP,
            },
            seed: SecretBytes::copy_of(&device.seed),
            next_factor: *next,
            serial: Some(device.serial.clone()),
            description: String::new(),
            disabled: false,
            expires: None,
            scratch_codes: 0,
        })
    }

    /// What the product makes it ready with, as things are now.
    pub(crate) fn ready(&self, records: &Records, at: usize) -> Ready {
        let person = &records.people[at];
        let serial = match self {
            Self::Assign { device, .. } => Some(&device.serial),
            Self::Unassign(serial) => Some(serial),
            _ => None,
        };
        let token = serial.and_then(|serial| person.with_serial(serial));
        Ready {
            former: person.exists().then_some(person.former),
            revision: person.revision,
            in_pool: serial.is_some_and(|serial| records.pool.contains_key(serial)),
            token: token.and_then(|token| token.id.clone()),
            shown: person.shown().and_then(|token| token.id.clone()),
        }
    }

    /// Whether something is hashed or sealed for the person before it is judged.
    pub(crate) fn is_prepared(&self) -> bool {
        if let Self::State(to) = self {
            return wants_code(to.name());
        }
        matches!(
            self,
            Self::Import { .. }
                | Self::Bring { .. }
                | Self::Assign { .. }
                | Self::Unassign(_)
                | Self::ResetPin(_)
                | Self::IssueCodes
                | Self::GenerateAuthCode { .. }
                | Self::SendLink
                | Self::Page(_)
                | Self::Show
        )
    }

    /// Whether the rules allow an admin to do it to this person now.
    #[expect(clippy::too_many_lines, reason = "one row for each order")]
    pub(crate) fn allowed(
        &self,
        records: &Records,
        at: usize,
        ready: &Ready,
        site: &Site,
        now: Now,
    ) -> bool {
        let mut person = records.people[at].clone();
        let free = |device: &Device| records.owner(&device.serial).is_none();
        let in_pool = |device: &Device| records.pool.contains_key(&device.serial);
        if !person.exists() {
            return match self {
                Self::Add => true,
                Self::Bring { device, .. } => {
                    ready.former.is_none() && free(device) && !in_pool(device)
                }
                _ => false,
            };
        }
        let rules = &site.rules;
        person.lapse(rules, now);
        if self.is_prepared() && ready.former != Some(person.former) {
            return false;
        }
        let grantable = site.lets_pass() && !matches!(person.state, "deactivated" | "revoke");
        let token = |id: &String, may: &dyn Fn(&Token) -> bool| person.named(id).is_some_and(may);
        let ahead = |until: &Option<i64>| until.is_none_or(|until| until > latest(now));
        match self {
            Self::Add => false,
            Self::Delete | Self::ResetPin(_) | Self::ClearCounters | Self::EndGrants => true,
            Self::Import { device, .. } => free(device) && !in_pool(device),
            Self::Bring { device, .. } => {
                free(device) && !in_pool(device) && ready.revision == person.revision
            }
            // The seed was taken out of the pool when the order was made ready.
            Self::Assign { device, .. } => {
                let spare = records.pool.get(&device.serial);
                let good = spare.is_some_and(|spare| !spare.compromised);
                free(device) && good && ready.in_pool
            }
            Self::Unassign(serial) => {
                let token = person.with_serial(serial);
                token.is_some_and(|token| !token.obsolete && token.id == ready.token)
            }
            Self::Show => person.tokens.iter().filter(|it| !it.obsolete).count() < 10,
            Self::Obsolete(id) => token(id, &|it| it.kind != Kind::Recovery),
            Self::ResetSecret(id) => token(id, &|it| {
                it.kind != Kind::Recovery && it.serial.is_none() && !it.obsolete
            }),
            Self::DeleteToken(id) => token(id, &|_| true),
            Self::UnblockPin => {
                let brought = person.lock.is_some_and(|(why, _)| why == Why::Pin);
                person.pin_blocked.is_some() || brought
            }
            Self::Lock(until) => {
                let already = person.lock.is_some_and(|(why, _)| why == Why::Operator);
                !already && ahead(until)
            }
            Self::Unlock { with_pin } => match person.lock {
                Some((why, _)) => *with_pin || why != Why::Pin,
                None => person.waits_somewhere(now),
            },
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
            Self::Disable { token: id, until } => token(id, &|it| !it.obsolete) && ahead(until),
            Self::Enable(id) => token(id, &|it| !it.obsolete),
            Self::UnlockToken(id) => token(id, &|it| {
                it.total < rules.hard_cap && it.locked_until.is_some()
            }),
            Self::Test { token: id, code } => token(id, &|it| {
                let computes = it.kind != Kind::Recovery && !it.obsolete;
                computes && it.pending.is_none() && it.find(code, rules, now).is_some()
            }),
            Self::Resync { token: id, codes } => token(id, &|it| {
                let computes = it.kind == Kind::Hotp && !it.obsolete;
                computes && it.total < rules.hard_cap && place(it, rules, codes).is_some()
            }),
            Self::Grant { .. } => grantable,
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
                grantable && last.is_some_and(|last| latest(now) + WEEK_MS > last.until)
            }
            Self::GenerateAuthCode { force, .. } => {
                !matches!(person.state, "deactivated" | "revoke") && (*force || person.wants_code())
            }
            Self::RevokeAuthCode | Self::RevokeLinks => true,
            Self::SendLink => {
                let open = !matches!(person.state, "deactivated" | "revoke");
                open && person.has_address && person.enrols()
            }
            Self::Page(page) => page.allowed(&person, ready.shown.as_ref(), now),
            Self::IssueCodes => !matches!(person.state, "deactivated" | "revoke"),
        }
    }

    /// Carries it out; what the answer has shown is taken from `done`, if there was an answer.
    ///
    /// # Errors
    /// The product says that it did what cannot be done.
    pub(crate) fn apply(
        &self,
        records: &mut Records,
        at: usize,
        rules: &Rules,
        now: Now,
        done: Option<&Done>,
    ) -> Result<(), String> {
        let Records { people, pool } = records;
        let person = &mut people[at];
        let asked = person.dialogues.clone();
        person.end_dialogues(now);
        let lapsed = person.exists() && person.lapse(rules, now);
        if done.is_some_and(|done| done.unchanged) {
            if !lapsed {
                person.dialogues = asked;
            }
            person.revision += u64::from(lapsed);
            return Ok(());
        }
        self.change(person, pool, rules, now, done)?;
        // Who is gone has no revision.
        person.revision += u64::from(!matches!(self, Self::Delete));
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "one row for each order")]
    fn change(
        &self,
        person: &mut Person,
        pool: &mut BTreeMap<String, Spare>,
        rules: &Rules,
        now: Now,
        done: Option<&Done>,
    ) -> Result<(), String> {
        match self {
            Self::Add if person.exists() => return Err("somebody was made twice".to_owned()),
            Self::Add => {
                person.has_address = true;
                person.add_link(For::Confirm, latest(now) + PENDING_MS, now);
                person.auth_code = Some(AuthCode::new(latest(now) + DAY_MS, done));
                (person.made, person.state_since) = (now.wall.0, now.wall.0);
            }
            Self::Delete => {
                // Devices go with the person: the pool gets none of them but the serials of those
                // that nobody may ever get again.
                pool.extend(person.tokens.iter().filter_map(Spare::compromised));
                *person = Person {
                    former: person.former + 1,
                    ..Person::nobody(person.name)
                };
            }
            Self::Import {
                device,
                next,
                import,
            }
            | Self::Bring {
                device,
                next,
                import,
            } => {
                if !person.exists() {
                    person.made = now.wall.0;
                }
                let token = Token::new(device.kind, device.seed.clone(), *next);
                let token = Token {
                    serial: Some(device.serial.clone()),
                    import: *import,
                    ..token
                };
                person.enrol(token, now);
            }
            Self::Assign { device, next } => {
                let spare = pool.remove(&device.serial);
                let spare = spare.ok_or("a device came out of the pool that is not in it")?;
                person.enrol(spare.token(&device.serial, *next), now);
            }
            Self::Unassign(serial) => {
                let own = |token: &Token| token.serial.as_ref() == Some(serial);
                let at = person.tokens.iter().position(own);
                let token = person.tokens.remove(at.ok_or("nobody had this device")?);
                pool.insert(serial.clone(), Spare::of(&token));
            }
            Self::Show => person.tokens.push(Token {
                pending: Some(now.wall.0),
                ..Token::new(Kind::Totp, Vec::new(), 0)
            }),
            Self::Obsolete(id) => {
                let token = named(person, id)?;
                if !token.obsolete {
                    (token.obsolete, token.compromised, token.disabled) = (true, true, None);
                }
            }
            Self::ResetSecret(id) => {
                let token = named(person, id)?;
                (token.obsolete, token.disabled) = (true, None);
                person.rekey = true;
            }
            Self::DeleteToken(id) => {
                pool.extend(Spare::compromised(named(person, id)?));
                person.tokens.retain(|token| token.id.as_ref() != Some(id));
            }
            Self::ResetPin(pin) => {
                person.pin = Some(pin.clone());
                person.dialogues.clear();
                lift_pin_block(person, now);
            }
            Self::UnblockPin => lift_pin_block(person, now),
            Self::Lock(until) => {
                person.lock = Some((Why::Operator, *until));
                person.dialogues.clear();
            }
            Self::Unlock { with_pin } => {
                person.lock = None;
                person.unlocked = now.wall.0;
                person.forgive();
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
                person.clear_counts();
                person.tokens.iter_mut().for_each(|token| token.soft = 0);
            }
            Self::State(state) => enter(person, state.name(), now, done),
            Self::Reactivate => {
                person.auth_code = None;
                person.comes_to("new", now);
                person.dialogues.clear();
                let back = |token: &Token| {
                    token.kind != Kind::Recovery && person.usable(token, rules, now)
                };
                if person.tokens.iter().any(back) {
                    person.state = "steady";
                }
            }
            Self::Disable { token, until } => named(person, token)?.disabled = Some(*until),
            Self::Enable(token) => named(person, token)?.disabled = None,
            Self::UnlockToken(token) => lift(named(person, token)?),
            Self::Test { token, code } => {
                let token = named(person, token)?;
                let factor = token
                    .find(code, rules, now)
                    .ok_or("a test took a code that fits nothing")?;
                token.consume(factor, "mfactl", now);
            }
            Self::Resync { token, codes } => {
                let token = named(person, token)?;
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
                person.issue_codes(done);
            }
            Self::GenerateAuthCode { ms, .. } => {
                person.auth_code = Some(AuthCode::new(latest(now) + ms, done));
            }
            Self::SendLink => {
                person.void_links(For::Enrol);
                person.add_link(For::Enrol, latest(now) + PENDING_MS, now);
            }
            Self::RevokeLinks => person.void_links(For::Enrol),
            Self::Page(page) => page.take(person, rules, now, done)?,
            Self::RevokeAuthCode => person.auth_code = None,
        }
        Ok(())
    }
}

const DAY_MS: i64 = 24 * 3600 * 1000;
const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;

fn named<'a>(person: &'a mut Person, id: &String) -> Result<&'a mut Token, String> {
    let mut tokens = person.tokens.iter_mut();
    let token = tokens.find(|token| token.id.as_ref() == Some(id));
    token.ok_or_else(|| format!("nobody had token {id}"))
}

/// Where two codes follow each other in the window of a resync.
fn place(token: &Token, rules: &Rules, codes: &[String; 2]) -> Option<u64> {
    (token.next..=token.next + rules.resync_window).find(|at| {
        code_of(&token.seed, *at) == codes[0] && code_of(&token.seed, at + 1) == codes[1]
    })
}

fn lift(token: &mut Token) {
    (token.soft, token.locked_until) = (0, None);
}

fn lift_pin_block(person: &mut Person, now: Now) {
    let brought = person.lock.is_some_and(|(why, _)| why == Why::Pin);
    if person.pin_blocked.is_some() || brought {
        if brought {
            person.lock = None;
            person.unlocked = now.wall.0;
        }
        if person.lock.is_none() {
            person.forgive();
        }
    }
    (person.pin_failures, person.pin_blocked) = (0, None);
}

/// Whether a person in this state is to get an auth code.
pub(crate) fn wants_code(state: &str) -> bool {
    matches!(state, "new" | "replace" | "reset" | "reset-all")
}

fn enter(person: &mut Person, state: &'static str, now: Now, done: Option<&Done>) {
    person.comes_to(state, now);
    person.dialogues.clear();
    person.auth_code = wants_code(state).then(|| AuthCode::new(latest(now) + DAY_MS, done));
    if matches!(state, "replace" | "revoke") {
        for token in &mut person.tokens {
            if token.kind != Kind::Recovery && !token.obsolete {
                (token.obsolete, token.disabled) = (true, None);
            }
        }
    }
    if matches!(state, "revoke" | "deactivated") {
        person.links.clear();
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
