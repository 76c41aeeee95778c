//! What operators order, and what the model expects of it.

use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{
    Command, NewSent, NewToken, NewUser, PassthroughEnd, SendTo, TokenRef, UserEdit,
};
use mfad::domain::delivery::Via;
use mfad::domain::dialogue::HandleDigest;
use mfad::domain::lockout::LockReason;
use mfad::domain::rekey::ResetWhy;
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::UserState;
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;
use mfad::token::{Digits, Otp, OtpCode, TokenId};

use super::DOORS;
use super::life::Life;
use super::model::*;

/// What an order does if it is carried out, in the model's words.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Lock(Option<i64>),
    Unlock {
        pin: bool,
        confirm: bool,
    },
    State {
        to: UserState,
        force: bool,
        what: Vec<Update>,
        code: bool,
    },
    Reactivate,
    ClearCounters,
    Add(TokenKind, bool),
    AddSent(TokenKind, Via, bool),
    Confirm(TokenId, u64),
    Test(TokenId, u64, bool),
    Resync(TokenId, u64, u64),
    UnlockToken(TokenId),
    Disable(TokenId, Option<i64>, bool),
    Enable(TokenId),
    Obsolete(TokenId),
    ResetSecret(TokenId),
    Delete(TokenId, bool),
    AuthCode,
    RevokeCode,
    Paper,
    RevokePaper,
    UnblockPin,
    ResetPin(Vec<u8>, bool),
    ClearPin,
    SetPassword(Vec<u8>),
    ClearPassword,
    Grant(Option<&'static str>, i64),
    Renew,
    EndGrants,
    EndQuestion(HandleDigest),
    Set(bool),
    DeleteUser,
    AddUser(bool),
}

impl Change {
    /// The token it is about.
    pub(crate) fn token(&self) -> Option<TokenId> {
        match self {
            Self::Confirm(id, ..)
            | Self::Test(id, ..)
            | Self::Resync(id, ..)
            | Self::UnlockToken(id)
            | Self::Disable(id, ..)
            | Self::Enable(id)
            | Self::Obsolete(id)
            | Self::ResetSecret(id)
            | Self::Delete(id, _) => Some(*id),
            _ => None,
        }
    }
}

/// Whether an order is to be carried out; none: other tests say.
pub(crate) type Expected = Option<bool>;

fn otp(kind: TokenKind) -> Otp {
    let plain = match kind {
        TokenKind::Hotp => Otp::HOTP,
        _ => Otp::TOTP,
    };
    Otp {
        digits: Digits::EIGHT,
        ..plain
    }
}

impl Life {
    /// Something that an operator may order for this person.
    pub(crate) fn choose(&mut self, name: &str) -> (Command, Change) {
        let user = name.to_owned();
        let Some(person) = self.model.get(name).cloned() else {
            return self.add_user(user);
        };
        if self.chance.below(100) < 45 && !person.tokens.is_empty() {
            let at = self.chance.below(person.tokens.len());
            return self.about_token(&person, &person.tokens[at].clone());
        }
        if self.chance.coin()
            && let Some(help) = self.help(&person)
        {
            return help;
        }
        let coin = self.chance.coin();
        match self.chance.below(28) {
            0 => {
                let until = coin.then(|| late(self.site.now) + 60_000);
                let command = Command::UserLock {
                    user,
                    until: until.map(Timestamp),
                };
                (command, Change::Lock(until))
            }
            1 | 2 => self.unlock(user),
            3..=6 => self.state(user),
            7 | 8 => (Command::UserReactivate { user }, Change::Reactivate),
            9 => (Command::CountersClear { user }, Change::ClearCounters),
            10 | 11 => self.add_token(user),
            12 => self.add_sent(user),
            13 => {
                let command = Command::AuthCodeGenerate {
                    user,
                    ttl: None,
                    force: true,
                    delivery: Delivery::Shown,
                };
                (command, Change::AuthCode)
            }
            14 => (Command::AuthCodeRevoke { user }, Change::RevokeCode),
            15 => (Command::RecoveryIssue { user }, Change::Paper),
            16 => (Command::RecoveryRevoke { user }, Change::RevokePaper),
            17..=19 => (Command::PinUnblock { user }, Change::UnblockPin),
            20 => self.reset_pin(user),
            21 if coin => (Command::PinClear { user }, Change::ClearPin),
            21 => (Command::PasswordClear { user }, Change::ClearPassword),
            22 => self.set_password(user),
            23 => self.grant(user),
            24 if coin => (Command::PassthroughRenew { user }, Change::Renew),
            24 => (Command::PassthroughDisable { user }, Change::EndGrants),
            25 => self.end_question(user),
            26 => {
                let set = if coin { "two" } else { "default" };
                let edit = Box::new(UserEdit {
                    set: Some(set.to_owned()),
                    ..UserEdit::default()
                });
                (Command::UserEdit { user, edit }, Change::Set(coin))
            }
            _ if self.chance.below(5) == 0 => (Command::UserDelete { user }, Change::DeleteUser),
            _ => self.unlock(user),
        }
    }

    /// What a person needs who cannot sign in.
    fn help(&mut self, person: &Person) -> Option<(Command, Change)> {
        let user = person.name.clone();
        let (rules, now) = (self.rules.clone(), self.site.now);
        Some(match (person.state, person.lock) {
            (_, Some((LockReason::PinBlocked, _))) => {
                (Command::PinUnblock { user }, Change::UnblockPin)
            }
            (_, Some(_)) => self.unlock(user),
            (UserState::Deactivated, _) => (Command::UserReactivate { user }, Change::Reactivate),
            _ if person.is_closed() || person.is_reset() => self.state(user),
            _ if !person.has_token(None, &rules, now) => self.add_token(user),
            _ if person.pin.is_none() => self.reset_pin(user),
            _ if person.password.is_none() => self.set_password(user),
            _ => return None,
        })
    }

    fn reset_pin(&mut self, user: String) -> (Command, Change) {
        let (pin, keep) = (self.good_pin(), self.chance.coin());
        let command = Command::PinReset {
            user,
            pin: Some(SecretBytes::copy_of(&pin)),
            keep,
        };
        (command, Change::ResetPin(pin, keep))
    }

    fn set_password(&mut self, user: String) -> (Command, Change) {
        let password = self.good_password();
        let command = Command::PasswordSet {
            user,
            password: Some(SecretBytes::copy_of(&password)),
        };
        (command, Change::SetPassword(password))
    }

    pub(crate) fn add_user(&mut self, user: String) -> (Command, Change) {
        let two = self.chance.below(4) == 0;
        let new = NewUser {
            email: Some(format!("{user}@example.org")),
            phone: Some("+491701234567".to_owned()),
            set: two.then(|| "two".to_owned()),
            trusted: true,
            user,
            ..NewUser::default()
        };
        (Command::UserAdd(new), Change::AddUser(two))
    }

    fn unlock(&mut self, user: String) -> (Command, Change) {
        let (with_pin, confirm) = (self.chance.below(4) == 0, self.chance.below(3) == 0);
        let command = Command::UserUnlock {
            user,
            with_pin,
            confirm,
        };
        let change = Change::Unlock {
            pin: with_pin,
            confirm,
        };
        (command, change)
    }

    fn state(&mut self, user: String) -> (Command, Change) {
        let state = match self.chance.below(14) {
            0..=4 => UserState::Steady,
            // The model does not know how these are walked through.
            at => match UserState::ALL[(at - 5) % UserState::ALL.len()] {
                UserState::Reset | UserState::ResetAll | UserState::Renew => UserState::Replace,
                state => state,
            },
        };
        let force = self.chance.coin();
        let mut updates = Update::ALL.to_vec();
        updates.retain(|_| state == UserState::Update && self.chance.below(3) == 0);
        let awaits = matches!(state, UserState::New | UserState::Replace);
        let code = awaits && self.chance.coin();
        let command = Command::UserSetState {
            user,
            state,
            force,
            updates: updates.clone(),
            auth_code: code.then_some(Delivery::Shown),
        };
        let change = Change::State {
            to: state,
            force,
            what: updates,
            code,
        };
        (command, change)
    }

    fn add_token(&mut self, user: String) -> (Command, Change) {
        let kind = if self.chance.coin() {
            TokenKind::Totp
        } else {
            TokenKind::Hotp
        };
        let trusted = self.chance.below(3) > 0;
        let new = NewToken {
            trusted,
            ..NewToken::of(user, otp(kind))
        };
        (Command::TokenAdd(Box::new(new)), Change::Add(kind, trusted))
    }

    fn add_sent(&mut self, user: String) -> (Command, Change) {
        let number = self.chance.below(1_000_000);
        let (to, kind, via) = match self.chance.below(4) {
            0 => {
                let to = SendTo::Sms(format!("+49170{number:07}"));
                (to, TokenKind::Sms, Via::Sms)
            }
            1 => {
                let to = SendTo::Email(format!("a{number}@example.org"));
                (to, TokenKind::Email, Via::Email)
            }
            2 => (SendTo::Virtual(Via::Sms), TokenKind::Virtual, Via::Sms),
            _ => (SendTo::Virtual(Via::Email), TokenKind::Virtual, Via::Email),
        };
        let trusted = self.chance.below(4) > 0;
        let new = NewSent {
            user,
            to,
            description: String::new(),
            trusted,
        };
        let change = Change::AddSent(kind, via, trusted);
        (Command::TokenAddSent(Box::new(new)), change)
    }

    fn grant(&mut self, user: String) -> (Command, Change) {
        let at = self.chance.below(DOORS.len());
        let open = DOORS[at].first != mfad::domain::policy::FirstFactorBy::None;
        let door = (open && self.chance.coin()).then(|| DOORS[at].name);
        let span = std::time::Duration::from_secs(60 * (1 + self.chance.below(60) as u64));
        let command = Command::PassthroughEnable {
            user,
            from: None,
            end: PassthroughEnd::For(span),
            gateways: door.map(str::to_owned).into_iter().collect(),
        };
        let span = i64::try_from(span.as_millis()).unwrap();
        (command, Change::Grant(door, span))
    }

    fn end_question(&mut self, user: String) -> (Command, Change) {
        let open = &self.site.people[&user].auth.dialogues;
        if open.is_empty() {
            return (Command::PassthroughDisable { user }, Change::EndGrants);
        }
        let at = self.chance.below(open.len());
        let (dialogue, handle) = (open[at].id(), open[at].handle);
        (
            Command::DialogueEnd { dialogue },
            Change::EndQuestion(handle),
        )
    }

    fn about_token(&mut self, person: &Person, token: &Token) -> (Command, Change) {
        let id = token.id;
        let named = TokenRef::Id(id);
        let force = self.chance.coin();
        let now = self.site.now;
        match self.chance.below(14) {
            0..=2 if token.computes() => self.code_of(token, named),
            3 | 4 if token.computes() => {
                let back = self.chance.below(4) == 0;
                let near = match token.kind {
                    TokenKind::Hotp => token.next + self.chance.below(30) as u64,
                    _ => (step(now) + self.chance.below(12) as u64).saturating_sub(6),
                };
                let (first, second) = if back {
                    (near + 1, near)
                } else {
                    (near, near + 1)
                };
                let command = Command::TokenResync {
                    token: named,
                    first: code(token, first),
                    second: code(token, second),
                };
                (command, Change::Resync(id, first, second))
            }
            5 | 6 => (
                Command::TokenUnlock { token: named },
                Change::UnlockToken(id),
            ),
            7 => {
                let until = self.chance.coin().then(|| late(now) + 90_000);
                let command = Command::TokenDisable {
                    token: named,
                    until: until.map(Timestamp),
                    force,
                };
                (command, Change::Disable(id, until, force))
            }
            8 | 9 => (Command::TokenEnable { token: named }, Change::Enable(id)),
            10 if force => (
                Command::TokenObsolete { token: named },
                Change::Obsolete(id),
            ),
            11 if token.computes() => {
                let command = Command::TokenResetSecret {
                    user: person.name.clone(),
                    token: Some(named),
                    why: ResetWhy::LostPhone,
                };
                (command, Change::ResetSecret(id))
            }
            _ => (
                Command::TokenDelete {
                    token: named,
                    force,
                },
                Change::Delete(id, force),
            ),
        }
    }

    fn code_of(&mut self, token: &Token, named: TokenRef) -> (Command, Change) {
        let factor = self.factor(token);
        let typed = code(token, factor);
        if token.base == Base::Pending {
            let command = Command::TokenConfirm {
                token: named,
                code: typed,
            };
            return (command, Change::Confirm(token.id, factor));
        }
        let anyway = self.chance.coin();
        let command = Command::TokenTest {
            token: named,
            code: typed,
            anyway,
        };
        (command, Change::Test(token.id, factor, anyway))
    }
}

fn code(token: &Token, factor: u64) -> OtpCode {
    let text = super::life::device(&token.seed, factor);
    OtpCode::parse(text.as_bytes()).unwrap()
}
