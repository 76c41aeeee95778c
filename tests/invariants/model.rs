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
const HOUR_MS: i64 = 3_600_000;
pub(crate) const SENDS_PER_HOUR: usize = 5;
pub(crate) const DEVICE_SENDS: usize = 4;
pub(crate) const DEVICE_MS: i64 = 900_000;
pub(crate) const PROVEN_MS: i64 = 24 * HOUR_MS;

/// How a site counts.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) failures_max: u32,
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
    pub(crate) suppress: bool,
    pub(crate) pages: bool,
    pub(crate) code_tries: u32,
    pub(crate) sms_max: u32,
    pub(crate) seats: u64,
    pub(crate) look_ahead: u64,
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
    pub(crate) ways: Vec<Way>,
    pub(crate) rounds: u32,
    pub(crate) row: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) state: UserState,
    pub(crate) lock: Option<(LockReason, Option<i64>)>,
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
            proven: None,
            next: 0,
            drift: 0,
            last: None,
            soft: 0,
            total: 0,
            locked: None,
            active: false,
            via: Via::Email,
            paper: Vec::new(),
            used: 0,
        }
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

    fn awake(&self, base: Base, rules: &Rules, now: Now) -> bool {
        self.base == base && !self.off(now) && !self.is_locked(rules, now)
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

const FIRST: [TokenKind; 2] = [TokenKind::Totp, TokenKind::Hotp];
/// Devices of one type may pass either group, but one device not both.
const SECOND: [TokenKind; 4] = [
    TokenKind::Email,
    TokenKind::Sms,
    TokenKind::Virtual,
    TokenKind::Hotp,
];

impl Person {
    /// Who was just added: nothing but a name and proven addresses.
    pub(crate) fn nobody(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: UserState::New,
            lock: None,
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
            total: 0,
            auth_code: None,
            rekey: false,
            device: None,
            on_file: None,
            proven_until: None,
            prompt_link: false,
            confirm: false,
            updates: Vec::new(),
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
        let all = grants
            .chain(questions)
            .chain(lock)
            .chain(codes)
            .chain(locks);
        all.filter(|end| *end < i64::MAX).collect()
    }

    pub(crate) fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    pub(crate) fn token_mut(&mut self, id: TokenId) -> &mut Token {
        let found = self.tokens.iter_mut().find(|token| token.id == id);
        found.expect("the model knows the token")
    }

    /// What the set asks for, one after another.
    pub(crate) fn groups(&self) -> Vec<Vec<TokenKind>> {
        if self.two {
            vec![FIRST.to_vec(), SECOND.to_vec()]
        } else {
            vec![[&FIRST[..], &SECOND].concat()]
        }
    }

    /// Whether the address on file is proven here for want of another token.
    pub(crate) fn proves_address(&self, door: &Door, now: Now) -> bool {
        let waits = |token: &Token| {
            token.kind == TokenKind::Recovery || token.base == Base::Pending && !token.off(now)
        };
        let fresh = self.state == UserState::New && !self.rekey && !self.two;
        fresh && door.sends() && self.tokens.iter().all(waits)
    }

    pub(crate) fn awaits_token(&self) -> bool {
        matches!(self.state, UserState::New | UserState::Replace)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, UserState::Deactivated | UserState::Revoke)
    }

    /// Whether an operator has to act before anybody signs in.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(self.state, UserState::Reset | UserState::ResetAll)
    }

    pub(crate) fn pin_is_blocked(&self, rules: &Rules, now: Now) -> bool {
        let over = |since: i64| rules.pin_block_ms > 0 && early(now) >= since + rules.pin_block_ms;
        self.pin_blocked.is_some_and(|since| !over(since))
    }

    fn of_group(
        &self,
        group: &[TokenKind],
        ways: &[Way],
        sends: bool,
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        let used = |id| ways.iter().any(|way| way.token() == Some(id));
        let open = self.state != UserState::Deactivated;
        let counts = |token: &&Token| {
            open && group.contains(&token.kind)
                && (token.computes() || sends)
                && token.awake(Base::Registered, rules, now)
                && !used(token.id)
        };
        self.tokens.iter().filter(counts).map(|t| t.id).collect()
    }

    /// The tokens of all groups that could be asked for here.
    pub(crate) fn of_set(&self, door: &Door, rules: &Rules, now: Now) -> Vec<TokenId> {
        self.of_group(&self.groups().concat(), &[], door.asks, rules, now)
    }

    fn spare(&self, ways: &[Way], rules: &Rules, now: Now) -> Vec<TokenId> {
        self.of_group(&[TokenKind::Recovery], ways, true, rules, now)
    }

    /// The group that is to be passed next; none if the rest cannot be passed.
    fn open_group(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Option<Vec<TokenKind>> {
        let groups = self.groups();
        let (open, later) = groups.get(ways.len()..)?.split_first()?;
        let passable = |group: &Vec<TokenKind>| {
            let tokens = self.of_group(group, ways, true, rules, now);
            !tokens.is_empty() || !self.spare(ways, rules, now).is_empty()
        };
        let all = groups.len() < 2 || door.asks && later.iter().all(passable);
        all.then(|| open.clone())
    }

    /// The tokens that may pass the open group, codes on paper not among them.
    pub(crate) fn candidates(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        let group = self.open_group(door, ways, rules, now).unwrap_or_default();
        let sends = door.sends() || door.asks && !ways.is_empty();
        self.of_group(&group, ways, sends, rules, now)
    }

    /// The codes on paper that may stand in.
    pub(crate) fn papers(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        match self.open_group(door, ways, rules, now) {
            Some(_) => self.spare(ways, rules, now),
            None => Vec::new(),
        }
    }

    /// Tokens that wait for their first code.
    pub(crate) fn waiting(&self, rules: &Rules, now: Now) -> Vec<TokenId> {
        let waits = |token: &&Token| token.computes() && token.awake(Base::Pending, rules, now);
        self.tokens.iter().filter(waits).map(|t| t.id).collect()
    }

    /// Whether there is a token to sign in with, `but` not counted.
    pub(crate) fn has_token(&self, but: Option<TokenId>, rules: &Rules, now: Now) -> bool {
        let kinds = self.groups().concat();
        let tokens = self.of_group(&kinds, &[], true, rules, now);
        tokens.iter().any(|id| Some(*id) != but)
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
            self.soft = 0;
            self.tokens.iter_mut().for_each(|token| token.soft = 0);
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
    }

    pub(crate) fn lift_pin(&mut self) {
        self.pin_failures = 0;
        self.pin_blocked = None;
    }

    /// Enters a state.
    pub(crate) fn enter(&mut self, state: UserState) {
        self.state = state;
        self.end_rekey();
        self.updates.clear();
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
    pub(crate) fn asks_device_code(&self, rules: &Rules) -> bool {
        self.rekey || rules.suppress && self.state == UserState::Replace
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
    pub(crate) fn end_update(&mut self) {
        if self.state == UserState::Update && self.updates.is_empty() {
            self.enter(UserState::Steady);
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
