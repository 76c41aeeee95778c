//! What the model knows of a person. Nothing here calls a rule of the product: they are written a
//! second time. Only names are shared: states, types of token, forms of a passcode.

use mfad::domain::delivery::Via;
use mfad::domain::dialogue::{Handle, HandleDigest};
use mfad::domain::lockout::LockReason;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::UserState;
use mfad::time::Now;
use mfad::token::TokenId;

use super::waits::{KNOWN_MS, Station};

/// Milliseconds of a time step.
pub(crate) const STEP_MS: i64 = 30_000;
/// How long a question waits for its answer.
pub(crate) const QUESTION_MS: i64 = 300_000;
/// The same while a page has to be opened.
pub(crate) const PAGE_MS: i64 = 600_000;
/// How long a code that was sent is good.
pub(crate) const SENT_MS: i64 = 120_000;
/// How long a token waits for its proof.
pub(crate) const PENDING_MS: i64 = 3_600_000;
/// How long an auth code is good.
pub(crate) const AUTH_CODE_MS: i64 = 1_800_000;
/// The word that asks for a new PIN.
pub(crate) const KEYWORD: &str = "newpin";
const HOUR_MS: i64 = 3_600_000;
pub(crate) const SENDS_PER_HOUR: usize = 5;
pub(crate) const DEVICE_SENDS: usize = 4;
pub(crate) const DEVICE_MS: i64 = 900_000;
pub(crate) const PROVEN_MS: i64 = 24 * HOUR_MS;

/// How a site counts.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) failures_max: u32,
    /// Failures let wait, and do not lock.
    pub(crate) waits: bool,
    /// 0: until somebody unlocks.
    pub(crate) lock_ms: i64,
    pub(crate) token_failures_max: u32,
    pub(crate) token_lock_ms: i64,
    pub(crate) hard_cap: u32,
    /// The hard cap makes a token obsolete.
    pub(crate) hard_obsolete: bool,
    pub(crate) pin_failures_max: u32,
    pub(crate) pin_block_ms: i64,
    pub(crate) pin_block_locks: bool,
    /// A new PIN is to be typed at once, with the next code.
    pub(crate) reauth: bool,
    /// The word that asks for a new PIN is known here.
    pub(crate) keyword: bool,
    /// So long before it expires a token is to be renewed; 0: never.
    pub(crate) renew_ms: i64,
    pub(crate) suppress: bool,
    pub(crate) pages: bool,
    pub(crate) code_tries: u32,
    pub(crate) sms_max: u32,
    pub(crate) seats: u64,
    /// Emergency Access is on; how many questions are asked, and how many wrong tries lock them.
    pub(crate) emergency: bool,
    pub(crate) ask: usize,
    pub(crate) qa_failures_max: u32,
    /// It is open to people of every set.
    pub(crate) emergency_for_all: bool,
    pub(crate) look_ahead: u64,
    /// Who is ahead may show the next code.
    pub(crate) resync: bool,
    pub(crate) resync_window: u64,
}

/// A gateway, as its administrator describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    pub(crate) name: &'static str,
    pub(crate) first: FirstFactorBy,
    pub(crate) form: PasscodeForm,
    pub(crate) asks: bool,
    pub(crate) enrols: bool,
    /// Lets people in who never had a token.
    pub(crate) lets_new_in: bool,
    pub(crate) grace_ms: i64,
    pub(crate) helpful: bool,
}

/// The code that was accepted last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) factor: u64,
    pub(crate) at: i64,
    pub(crate) door: &'static str,
    pub(crate) grace_used: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Pending,
    Registered,
    Obsolete,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) kind: TokenKind,
    pub(crate) seed: Vec<u8>,
    pub(crate) base: Base,
    /// Until when; none: until it is enabled.
    pub(crate) disabled: Option<Option<i64>>,
    pub(crate) made: i64,
    pub(crate) expires: Option<i64>,
    /// The last sign-in with it.
    pub(crate) used_at: Option<i64>,
    /// When it was proven.
    pub(crate) proven: Option<i64>,
    pub(crate) next: u64,
    pub(crate) drift: i64,
    pub(crate) last: Option<Last>,
    pub(crate) soft: u32,
    pub(crate) total: u32,
    /// `i64::MAX`: until somebody unlocks.
    pub(crate) locked: Option<i64>,
    /// A sign-in has used it.
    pub(crate) active: bool,
    pub(crate) via: Via,
    /// Answers to questions, and which of them is asked for first.
    pub(crate) answers: Vec<String>,
    pub(crate) asked_first: usize,
    /// Codes on paper, and which of them are used.
    pub(crate) paper: Vec<String>,
    pub(crate) used: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: u32,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) door: Option<&'static str>,
    pub(crate) over: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct AuthCode {
    pub(crate) text: String,
    pub(crate) until: i64,
    pub(crate) wrong: u32,
}

/// By what a second factor was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Token(TokenId),
    Grace(TokenId),
    Recovery(TokenId),
    Grant(u32),
    Door,
}

impl Way {
    pub(crate) fn token(self) -> Option<TokenId> {
        match self {
            Self::Token(id) | Self::Grace(id) | Self::Recovery(id) => Some(id),
            Self::Grant(_) | Self::Door => None,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Code,
    Passcode,
    NewSecret {
        chosen: Option<Vec<u8>>,
        weak: u8,
        unequal: bool,
    },
    Reauth,
    Confirm,
    AuthCode(Option<TokenId>),
    Device(Option<TokenId>),
    FirstCode(u8),
    Sent {
        token: TokenId,
        code: String,
        until: i64,
        sends: u8,
    },
    Address {
        token: TokenId,
        code: String,
        until: i64,
        sends: u8,
        wrong: u8,
    },
    Method {
        typed: bool,
        sent: Vec<TokenId>,
    },
    /// The answer to the question of this number; and whether one before was wrong.
    Question {
        token: TokenId,
        number: usize,
        wrong: bool,
    },
    /// A new PIN or none, after right answers.
    Menu(TokenId),
    NewPin {
        token: TokenId,
        chosen: Option<Vec<u8>>,
        weak: u8,
        unequal: bool,
    },
    /// The code of this token, one of those that are reset.
    CodeOf(TokenId),
    /// The code behind this one.
    Resync {
        token: TokenId,
        first: u64,
    },
}

impl Asked {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Passcode => "passcode",
            Self::NewSecret { .. } => "new_pin",
            Self::Reauth => "reauth",
            Self::Confirm => "confirm",
            Self::AuthCode(_) => "auth_code",
            Self::Device(_) => "device_code",
            Self::FirstCode(_) => "first_code",
            Self::Sent { .. } => "sent_code",
            Self::Address { .. } => "address",
            Self::Method { .. } => "method",
            Self::Question { .. } => "question",
            Self::Menu(_) => "emergency",
            Self::NewPin { .. } => "new_pin",
            Self::CodeOf(_) => "code_of_token",
            Self::Resync { .. } => "resync",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// None: it is about to be asked.
    pub(crate) handle: Option<Handle>,
    pub(crate) door: &'static str,
    /// When the first question of the dialogue was asked.
    pub(crate) opened: i64,
    pub(crate) until: i64,
    pub(crate) asked: Asked,
    /// The first factor was right before.
    pub(crate) first: bool,
    /// Something was shown that not everybody has who knows the name.
    pub(crate) shown: bool,
    /// A new PIN or password is wished for.
    pub(crate) wished: bool,
    /// The code of a reset was right.
    pub(crate) authorized: bool,
    pub(crate) ways: Vec<Way>,
    pub(crate) rounds: u32,
    pub(crate) row: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) state: UserState,
    pub(crate) since: i64,
    pub(crate) lock: Option<(LockReason, Option<i64>)>,
    /// Failures when it was locked.
    pub(crate) lock_count: u32,
    pub(crate) unlocked_by: Option<String>,
    pub(crate) pin: Option<Vec<u8>>,
    pub(crate) must_change: bool,
    pub(crate) pin_failures: u32,
    pub(crate) pin_blocked: Option<i64>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) questions: Vec<Question>,
    pub(crate) soft: u32,
    pub(crate) wait: Option<i64>,
    pub(crate) stations: Vec<Station>,
    pub(crate) total: u32,
    pub(crate) auth_code: Option<AuthCode>,
    pub(crate) rekey: bool,
    /// The device authorization code that is out.
    pub(crate) device: Option<AuthCode>,
    /// The token that was made for the main address.
    pub(crate) on_file: Option<TokenId>,
    /// Until then none is asked for, where there is no page.
    pub(crate) proven_until: Option<i64>,
    /// A link stands in a question and was not opened.
    pub(crate) prompt_link: bool,
    pub(crate) confirm: bool,
    /// What is left to be changed in Update Credential.
    pub(crate) updates: Vec<Update>,
    /// A recovery code has brought that about.
    pub(crate) recovered: bool,
    /// The set asks for two methods.
    pub(crate) two: bool,
    pub(crate) sends: Vec<i64>,
    pub(crate) sms_unanswered: u32,
}

/// The id of a token that this person is given now.
pub(crate) fn given_id(name: &str, now: Now) -> TokenId {
    let at = [now.wall.0, now.steady.0].map(i64::to_be_bytes).concat();
    let octets = name.bytes().chain(at);
    let mix = |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    let hash = octets.fold(0xcbf2_9ce4_8422_2325, mix);
    let [_, _, _, id @ ..] = hash.to_be_bytes();
    TokenId::from_random(id)
}

/// The later clock: rights end by it.
pub(crate) fn late(now: Now) -> i64 {
    now.wall.0.max(now.steady.0)
}

/// The earlier clock: penalties end by it.
pub(crate) fn early(now: Now) -> i64 {
    now.wall.0.min(now.steady.0)
}

pub(crate) fn step(now: Now) -> u64 {
    u64::try_from(now.wall.0 / STEP_MS).unwrap_or(0)
}

impl Question {
    /// The token whose questions lead here.
    pub(crate) fn of_answers(&self) -> Option<TokenId> {
        match self.asked {
            Asked::Question { token, .. } | Asked::Menu(token) | Asked::NewPin { token, .. } => {
                Some(token)
            }
            _ => None,
        }
    }

    pub(crate) fn is(&self, handle: HandleDigest) -> bool {
        self.handle.is_some_and(|known| known.digest() == handle)
    }
}

impl Token {
    pub(crate) fn new(id: TokenId, kind: TokenKind, seed: Vec<u8>, base: Base, now: Now) -> Self {
        Self {
            id,
            kind,
            seed,
            base,
            disabled: None,
            made: now.wall.0,
            expires: None,
            used_at: None,
            proven: None,
            next: 0,
            drift: 0,
            last: None,
            soft: 0,
            total: 0,
            locked: None,
            active: false,
            via: Via::Email,
            answers: Vec::new(),
            asked_first: 0,
            paper: Vec::new(),
            used: 0,
        }
    }

    /// Whether it is of a kind that a set names.
    pub(crate) fn primary(&self) -> bool {
        !matches!(self.kind, TokenKind::Recovery | TokenKind::Qa)
    }

    pub(crate) fn computes(&self) -> bool {
        matches!(self.kind, TokenKind::Totp | TokenKind::Hotp)
    }

    pub(crate) fn off(&self, now: Now) -> bool {
        self.disabled
            .is_some_and(|until| until.is_none_or(|until| early(now) < until))
    }

    pub(crate) fn is_locked(&self, rules: &Rules, now: Now) -> bool {
        self.total >= rules.hard_cap || self.locked.is_some_and(|until| early(now) < until)
    }

    pub(crate) fn awake(&self, base: Base, rules: &Rules, now: Now) -> bool {
        let asleep = self.off(now) || self.is_locked(rules, now) || self.is_expired(now);
        self.base == base && !asleep
    }

    pub(crate) fn is_expired(&self, now: Now) -> bool {
        self.expires.is_some_and(|end| late(now) >= end)
    }

    /// What its status is told by: whether it is in force but for its expiry, and whether expired.
    pub(crate) fn in_force(&self, rules: &Rules, now: Now) -> bool {
        self.base != Base::Obsolete && !self.off(now) && !self.is_locked(rules, now)
    }

    /// Whether the code of this factor was never accepted and lies in the window.
    pub(crate) fn fits(&self, factor: u64, rules: &Rules, now: Now) -> bool {
        let (first, last) = match self.kind {
            TokenKind::Totp => {
                let centre = step(now).saturating_add_signed(self.drift);
                (centre.saturating_sub(1), centre + 1)
            }
            _ => (self.next, self.next + rules.look_ahead),
        };
        factor >= self.next && (first..=last).contains(&factor)
    }

    /// Whether the code of this factor comes behind those that are looked at for a sign-in.
    pub(crate) fn is_ahead(&self, factor: u64, rules: &Rules) -> bool {
        let behind = self.next + rules.look_ahead + 1..=self.next + rules.resync_window;
        self.kind == TokenKind::Hotp && behind.contains(&factor)
    }

    pub(crate) fn use_up(&mut self, factor: u64, door: &'static str, now: Now) {
        self.next = factor + 1;
        if self.kind == TokenKind::Totp {
            let ahead = i64::try_from(factor).unwrap() - i64::try_from(step(now)).unwrap();
            self.drift = ahead.clamp(-10, 10);
        }
        self.last = Some(Last {
            factor,
            at: now.wall.0,
            door,
            grace_used: true,
        });
    }

    pub(crate) fn void(&mut self) {
        self.base = Base::Obsolete;
        self.disabled = None;
    }
}

impl Grant {
    pub(crate) fn counts(&self, door: Option<&str>, now: Now) -> bool {
        !self.over
            && early(now) >= self.from
            && late(now) < self.until
            && (self.door.is_none() || door.is_none() || self.door == door)
    }
}

impl Person {
    /// Who was just added: nothing but a name and proven addresses.
    pub(crate) fn nobody(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: UserState::New,
            since: 0,
            lock: None,
            lock_count: 0,
            unlocked_by: None,
            pin: None,
            must_change: false,
            pin_failures: 0,
            pin_blocked: None,
            password: None,
            tokens: Vec::new(),
            grants: Vec::new(),
            questions: Vec::new(),
            soft: 0,
            wait: None,
            stations: Vec::new(),
            total: 0,
            auth_code: None,
            rekey: false,
            device: None,
            on_file: None,
            proven_until: None,
            prompt_link: false,
            confirm: false,
            updates: Vec::new(),
            recovered: false,
            two: false,
            sends: Vec::new(),
            sms_unanswered: 0,
        }
    }

    /// Instants at which something ends by itself.
    pub(crate) fn ends(&self) -> Vec<i64> {
        let grants = self.grants.iter().map(|grant| grant.until);
        let questions = self.questions.iter().map(|question| question.until);
        let lock = self.lock.and_then(|(_, until)| until);
        let codes = self.auth_code.iter().chain(&self.device);
        let codes = codes.map(|code| code.until).chain(self.proven_until);
        let locks = self.tokens.iter().filter_map(|token| token.locked);
        let expiries = self.tokens.iter().filter_map(|token| token.expires);
        let stations = self.stations.iter();
        let known = stations.clone().map(|it| it.seen + KNOWN_MS);
        let waits = stations.filter_map(|it| it.until).chain(self.wait);
        let all = grants
            .chain(questions)
            .chain(lock)
            .chain(codes)
            .chain(locks)
            .chain(known)
            .chain(waits)
            .chain(expiries);
        all.filter(|end| *end < i64::MAX).collect()
    }

    pub(crate) fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    pub(crate) fn token_mut(&mut self, id: TokenId) -> &mut Token {
        let found = self.tokens.iter_mut().find(|token| token.id == id);
        found.expect("the model knows the token")
    }

    /// Whether the address on file is proven here for want of another token.
    pub(crate) fn proves_address(&self, door: &Door, now: Now) -> bool {
        let waits =
            |token: &Token| !token.primary() || token.base == Base::Pending && !token.off(now);
        let fresh = self.state == UserState::New && !self.rekey && !self.two;
        fresh && door.sends() && self.tokens.iter().all(waits)
    }

    pub(crate) fn awaits_token(&self) -> bool {
        matches!(self.state, UserState::New | UserState::Replace)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, UserState::Deactivated | UserState::Revoke)
    }

    /// Whether a reset comes before anybody signs in.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(self.state, UserState::Reset | UserState::ResetAll)
    }

    pub(crate) fn pin_is_blocked(&self, rules: &Rules, now: Now) -> bool {
        let over = |since: i64| rules.pin_block_ms > 0 && early(now) >= since + rules.pin_block_ms;
        self.pin_blocked.is_some_and(|since| !over(since))
    }

    /// The grant that counts here.
    pub(crate) fn grant(&self, door: &Door, now: Now) -> Option<u32> {
        let open = door.first != FirstFactorBy::None;
        let mut grants = self.grants.iter();
        let found = grants.find(|grant| open && grant.counts(Some(door.name), now));
        found.map(|grant| grant.id)
    }

    /// The sends of the last hour with this one, if there may be another.
    pub(crate) fn send_again(&self, most: usize, now: Now) -> Option<Vec<i64>> {
        let within = |at: &&i64| early(now) < **at + HOUR_MS;
        let mut sends: Vec<i64> = self.sends.iter().filter(within).copied().collect();
        if sends.len() >= most {
            return None;
        }
        sends.push(late(now));
        Some(sends)
    }

    /// What time alone has brought about.
    pub(crate) fn settle(&mut self, rules: &Rules, now: Now) {
        self.questions.retain(|question| late(now) < question.until);
        if let Some((reason, Some(until))) = self.lock
            && early(now) >= until
        {
            self.lock = None;
            self.unlocked_by = Some("auto".to_owned());
            self.forgive();
            // Time gives no further tries at answers.
            let asked = self.questions_of().map(|token| token.id);
            let others = self.tokens.iter_mut().filter(|it| Some(it.id) != asked);
            others.for_each(|token| token.soft = 0);
            if reason == LockReason::PinBlocked {
                self.lift_pin();
            }
        }
        if self.pin_blocked.is_some() && !self.pin_is_blocked(rules, now) {
            self.lift_pin();
        }
        for token in &mut self.tokens {
            let over = token.locked.is_some_and(|until| early(now) >= until);
            if over && token.total < rules.hard_cap {
                token.locked = None;
                token.soft = 0;
            }
        }
        for grant in &mut self.grants {
            grant.over |= late(now) >= grant.until;
        }
        if self
            .auth_code
            .as_ref()
            .is_some_and(|code| late(now) >= code.until)
        {
            self.auth_code = None;
        }
        let late_proof = |token: &Token| {
            token.base == Base::Pending
                && token.disabled.is_none()
                && late(now) >= token.made + PENDING_MS
        };
        self.tokens.retain(|token| !late_proof(token));
        self.begin_renewal(rules, now);
    }

    /// The token that holds the questions.
    pub(crate) fn questions_of(&self) -> Option<&Token> {
        let holds = |it: &&Token| it.kind == TokenKind::Qa && it.base != Base::Obsolete;
        self.tokens.iter().find(holds)
    }

    pub(crate) fn lift_pin(&mut self) {
        self.pin_failures = 0;
        self.pin_blocked = None;
    }

    /// Enters a state.
    pub(crate) fn enter(&mut self, state: UserState, now: Now) {
        self.state = state;
        self.since = now.wall.0;
        self.end_rekey();
        self.updates.clear();
        self.recovered = false;
        self.auth_code = None;
        if self.is_closed() {
            self.prompt_link = false;
        }
    }

    /// No new token is awaited any more for a secret that was reset.
    pub(crate) fn end_rekey(&mut self) {
        self.rekey = false;
        self.device = None;
        self.proven_until = None;
    }

    /// Whether a device authorization code is asked for before a new token.
    pub(crate) fn asks_device_code(&self, rules: &Rules, now: Now) -> bool {
        let lost =
            self.state == UserState::Replace || self.is_reset() || self.renews_too_late(rules, now);
        self.rekey || rules.suppress && lost
    }

    /// The device authorization code that is good.
    pub(crate) fn device_code(&self, now: Now) -> Option<&AuthCode> {
        self.device.as_ref().filter(|code| late(now) < code.until)
    }

    /// A token is proven: what has led to it is over.
    pub(crate) fn prove(&mut self, id: TokenId, now: Now) {
        let token = self.token_mut(id);
        token.proven = Some(now.wall.0);
        token.base = Base::Registered;
        token.disabled = None;
        if token.computes() {
            self.end_rekey();
        }
        self.prompt_link = false;
        self.auth_code = None;
        self.updates.retain(|update| *update != Update::Token);
    }

    /// Whether this is to be changed at the next sign-in.
    pub(crate) fn awaits(&self, update: Update) -> bool {
        self.state == UserState::Update && self.updates.contains(&update)
    }

    /// Ends Update Credential if nothing is left to be changed.
    pub(crate) fn end_update(&mut self, now: Now) {
        if self.state == UserState::Update && self.updates.is_empty() {
            self.enter(UserState::Steady, now);
        }
    }
}

impl Door {
    /// Whether codes may be sent for the first group: the first factor is known to be right.
    pub(crate) fn sends(&self) -> bool {
        self.asks
            && match self.first {
                FirstFactorBy::None => false,
                FirstFactorBy::Gateway => true,
                _ => self.form == PasscodeForm::Challenge,
            }
    }

    /// Which secret of a person's memory is typed here.
    pub(crate) fn memorized(&self) -> Option<Update> {
        match self.first {
            FirstFactorBy::Pin => Some(Update::Pin),
            FirstFactorBy::Local => Some(Update::Password),
            _ => None,
        }
    }
}
