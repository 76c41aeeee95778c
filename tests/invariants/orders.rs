//! What operators order, and what the model expects of it.

use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{
    Command, NewSent, NewToken, NewUser, PassthroughEnd, SendTo, TokenEdit, TokenRef, UserEdit,
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
    /// Proven already, and until when it counts.
    Add(TokenKind, bool, Option<i64>),
    Expire(TokenId, Option<i64>),
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
    /// The answers to new questions.
    Questions(Vec<String>),
    ClearQuestions,
    /// What was answered on the phone, rightly or not.
    Answers(bool),
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
    /// The word for it.
    pub(crate) fn name(&self) -> String {
        let told = format!("{self:?}");
        let word = told.split(|sign: char| !sign.is_alphanumeric()).next();
        word.unwrap_or_default().to_owned()
    }

    /// The token it is about.
    pub(crate) fn token(&self) -> Option<TokenId> {
        match self {
            Self::Confirm(id, ..)
            | Self::Test(id, ..)
            | Self::Resync(id, ..)
            | Self::UnlockToken(id)
            | Self::Disable(id, ..)
            | Self::Enable(id)
            | Self::Expire(id, _)
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
        if self.chance.coin()
            && let Some(help) = self.help(&person)
        {
            return help;
        }
        if self.chance.below(100) < 45 && !person.tokens.is_empty() {
            let at = self.chance.below(person.tokens.len());
            return self.about_token(&person, &person.tokens[at].clone());
        }
        let coin = self.chance.coin();
        match self.chance.below(31) {
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
            13 => self.auth_code(user),
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
            27 if self.chance.below(4) == 0 => {
                (Command::EmergencyClear { user }, Change::ClearQuestions)
            }
            28 | 29 => self.phone(&person),
            _ if self.chance.below(5) == 0 => (Command::UserDelete { user }, Change::DeleteUser),
            _ => self.unlock(user),
        }
    }

    /// What a person needs who cannot sign in.
    fn help(&mut self, person: &Person) -> Option<(Command, Change)> {
        let user = person.name.clone();
        let (rules, now) = (self.rules.clone(), self.site.now);
        let pin = matches!(person.lock, Some((LockReason::PinBlocked, _)));
        if pin && person.questions_of().is_some() && self.chance.below(4) > 0 {
            return None;
        }
        let locked = pin || person.tokens.iter().any(|token| token.locked.is_some());
        if locked && person.state == UserState::Steady && self.chance.below(3) > 0 {
            return Some(self.reset(user));
        }
        if (person.is_reset() || person.awaits_token()) && (pin || self.chance.coin()) {
            return (person.auth_code.is_none() && !rules.suppress).then(|| self.auth_code(user));
        }
        Some(match (person.state, person.lock) {
            (_, Some(_)) if pin => (Command::PinUnblock { user }, Change::UnblockPin),
            (_, Some(_)) => self.unlock(user),
            _ if person.waits(now) => self.unlock(user),
            (UserState::Deactivated, _) => (Command::UserReactivate { user }, Change::Reactivate),
            _ if person.is_closed() => self.state(user),
            _ if !person.has_token(None, &rules, now) => self.add_token(user),
            _ if person.pin.is_none() => self.reset_pin(user),
            _ if person.password.is_none() => self.set_password(user),
            _ if person.tokens.len() < 2 => self.add_token(user),
            _ if rules.emergency && person.questions_of().is_none() => self.set_questions(user),
            _ => return None,
        })
    }

    fn reset(&mut self, user: String) -> (Command, Change) {
        let to = [UserState::Reset, UserState::ResetAll][self.chance.below(2)];
        let command = Command::UserSetState {
            user,
            state: to,
            force: false,
            updates: Vec::new(),
            auth_code: Some(Delivery::Shown),
        };
        let change = Change::State {
            to,
            force: false,
            what: Vec::new(),
            code: true,
        };
        (command, change)
    }

    fn auth_code(&mut self, user: String) -> (Command, Change) {
        let command = Command::AuthCodeGenerate {
            user,
            ttl: None,
            force: true,
            delivery: Delivery::Shown,
        };
        (command, Change::AuthCode)
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

    fn set_questions(&mut self, user: String) -> (Command, Change) {
        let (many, shade) = (3 + self.chance.below(3), self.chance.below(1000));
        let all: Vec<String> = (0..many)
            .map(|at| format!("blue {shade} cat {at}"))
            .collect();
        let command = Command::EmergencySet {
            user,
            questions: (0..many).map(|at| format!("Which cat {at}?")).collect(),
            answers: SecretBytes::copy_of(all.join("\n").as_bytes()),
        };
        (command, Change::Questions(all))
    }

    /// Somebody rings up, and answers.
    fn phone(&mut self, person: &Person) -> (Command, Change) {
        let user = person.name.clone();
        let Some(held) = person.questions_of() else {
            return self.set_questions(user);
        };
        let right = self.chance.below(3) > 0;
        let mut all: Vec<String> = (0..self.rules.ask)
            .map(|number| held.answers[(held.asked_first + number) % held.answers.len()].clone())
            .collect();
        if !right {
            all[self.chance.below(self.rules.ask)] = "none of them".to_owned();
        }
        let command = Command::EmergencyVerify {
            user,
            answers: Some(SecretBytes::copy_of(all.join("\n").as_bytes())),
        };
        (command, Change::Answers(right))
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
            // Nobody may learn from it who is known.
            language: self.chance.coin().then(|| "de".to_owned()),
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
            0..=2 => UserState::Steady,
            // Its way is the longest.
            3 | 4 => UserState::Replace,
            at => UserState::ALL[(at - 5) % UserState::ALL.len()],
        };
        let force = self.chance.coin();
        let mut updates = Update::ALL.to_vec();
        updates.retain(|_| state == UserState::Update && self.chance.below(3) == 0);
        let awaits = matches!(
            state,
            UserState::New | UserState::Replace | UserState::Reset | UserState::ResetAll
        );
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
        let expires = self.expiry();
        let new = NewToken {
            trusted,
            expires: expires.map(Timestamp),
            ..NewToken::of(user, otp(kind))
        };
        (
            Command::TokenAdd(Box::new(new)),
            Change::Add(kind, trusted, expires),
        )
    }

    /// When a token expires, of those that do.
    fn expiry(&mut self) -> Option<i64> {
        let soon = 60_000 + self.chance.below(7_200_000);
        let end = late(self.site.now) + i64::try_from(soon).unwrap();
        (self.chance.below(3) == 0).then_some(end)
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
        if token.computes() && self.chance.below(10) == 0 {
            let expires = self.expiry();
            let edit = TokenEdit {
                expires: Some(expires.map_or(Timestamp::NEVER, Timestamp)),
                ..TokenEdit::default()
            };
            let command = Command::TokenEdit { token: named, edit };
            return (command, Change::Expire(id, expires));
        }
        let roll = self.chance.below(14);
        let voids = roll >= 10 || roll < 5 && !token.computes();
        let roll = if voids && self.chance.below(4) > 0 {
            8
        } else {
            roll
        };
        match roll {
            0..=2 if token.computes() => self.code_of(token, named),
            3 | 4 if token.computes() => self.resync_of(token, named),
            5 | 6 => (
                Command::TokenUnlock { token: named },
                Change::UnlockToken(id),
            ),
            7 => {
                let until = self.chance.coin().then(|| late(self.site.now) + 90_000);
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

    fn resync_of(&mut self, token: &Token, named: TokenRef) -> (Command, Change) {
        let (id, now) = (token.id, self.site.now);

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
    let text = super::typing::device(&token.seed, factor);
    OtpCode::parse(text.as_bytes()).unwrap()
}
