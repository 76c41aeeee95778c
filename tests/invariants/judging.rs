//! What the model expects of a sign-in: the order of decisions (domain rules 3.1), the questions, and
//! what a wrong answer counts. It judges what a person meant to type, not octets.

use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::user::UserState;
use mfad::time::Now;
use mfad::token::TokenId;

use super::model::*;

/// What stands where the code does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Nothing,
    /// Of a device that computes codes.
    Device {
        token: TokenId,
        factor: u64,
    },
    /// As long as a code, and nobody's.
    Wrong,
    Paper {
        token: TokenId,
        index: usize,
    },
    /// That was sent.
    Sent(String),
    /// Asks for another one to be sent.
    Again,
    Number(usize),
    Auth(String),
    /// A new PIN or password, and whether it is good enough.
    Secret(Vec<u8>, bool),
    /// The word that asks for a new PIN.
    Word,
    /// The word for Emergency Access.
    Help,
    /// The word that puts a new token off.
    Later,
    /// An answer to a question, in plain form.
    Answer(String),
    Text,
}

#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) octets: Vec<u8>,
    /// What stands before the code.
    pub(crate) head: Vec<u8>,
    pub(crate) code: Code,
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.octets);
        write!(f, "{text:?} ({:?})", self.code)
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Accept(Way),
    /// Of this kind; kept, or asked for show.
    Ask(&'static str, bool),
    Reject,
}

/// Why the first factor is not right.
pub(crate) enum Why {
    Blocked,
    Pin,
    Other,
}

pub(crate) enum Failure {
    Pin,
    Code(Option<TokenId>),
    Other,
}

pub(crate) enum Match {
    Fits(TokenId, u64),
    Again(TokenId, bool),
    Paper(TokenId, usize),
    Wrong(Option<TokenId>),
    NoCode,
}

/// One attempt on one person.
pub(crate) struct Trial<'a> {
    pub(crate) person: &'a mut Person,
    pub(crate) rules: &'a Rules,
    pub(crate) door: &'a Door,
    /// Where it comes from.
    pub(crate) place: &'static str,
    pub(crate) now: Now,
    pub(crate) typed: &'a Typed,
    /// The same wrong passcode as the last time, within a minute (D17).
    pub(crate) repeated: bool,
    pub(crate) counted: bool,
    pub(crate) question: Option<Question>,
    pub(crate) first: bool,
    pub(crate) wished: bool,
    pub(crate) authorized: bool,
    pub(crate) put_off: bool,
    pub(crate) ways: Vec<Way>,
    /// The token whose code was typed waited for its proof too long, and is gone with this look.
    too_late: Option<Token>,
}

/// The State that comes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    None,
    /// None of ours.
    Foreign,
    Of(mfad::domain::dialogue::Handle),
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        person: &'a mut Person,
        rules: &'a Rules,
        (door, place): (&'a Door, &'static str),
        now: Now,
        typed: &'a Typed,
        repeated: bool,
    ) -> Self {
        Self {
            person,
            rules,
            door,
            place,
            now,
            typed,
            repeated,
            counted: false,
            question: None,
            first: false,
            wished: false,
            authorized: false,
            put_off: false,
            ways: Vec::new(),
            too_late: None,
        }
    }

    pub(crate) fn judge(&mut self, state: State) -> Want {
        let before = match self.typed.code {
            Code::Device { token, .. } => self.person.token(token).cloned(),
            _ => None,
        };
        self.person.settle(self.rules, self.now);
        self.too_late = before.filter(|token| self.person.token(token.id).is_none());
        let fresh = matches!(state, State::None);
        let locked = self.person.lock.is_some() && !self.ends_lock(state);
        let kept_out = self.person.lock.is_some() && !self.overrides_lock(state);
        if self.person.is_closed() || kept_out || self.waits() {
            return match self.called_for() {
                Some(asked) if fresh && self.blind(&asked) => Want::Ask(asked.name(), false),
                _ => Want::Reject,
            };
        }
        if !fresh {
            let State::Of(handle) = state else {
                return Want::Reject;
            };
            let door = self.door.name;
            let named = |it: &Question| it.handle == Some(handle) && it.door == door;
            let Some(at) = self.person.questions.iter().position(named) else {
                return Want::Reject;
            };
            let question = self.person.questions.remove(at);
            self.first = question.first;
            self.wished = question.wished;
            self.authorized = question.authorized;
            self.ways.clone_from(&question.ways);
            self.question = Some(question);
        }
        if !self.still_counts() {
            return Want::Reject;
        }
        if self.helped() {
            return self.begin_emergency();
        }
        match self
            .question
            .as_ref()
            .map(|question| question.asked.clone())
        {
            Some(Asked::Question {
                token,
                number,
                wrong,
            }) => self.answer(token, number, wrong),
            Some(Asked::Menu(token)) => self.menu(token),
            Some(asked @ Asked::NewPin { .. }) => self.new_pin(&asked),
            Some(Asked::NewSecret {
                chosen,
                weak,
                unequal,
            }) => self.new_secret(chosen, weak, unequal),
            Some(Asked::AuthCode(shown)) => self.auth_code(shown),
            Some(Asked::Device(shown)) => self.device_code(shown),
            Some(asked @ Asked::Address { .. }) => self.address(&asked),
            Some(Asked::FirstCode(wrong)) => self.first_code(wrong),
            Some(Asked::Sent {
                token,
                code,
                until,
                sends,
            }) => self.sent(token, &code, until, sends),
            Some(Asked::CodeOf(id)) => self.code_of(id),
            Some(Asked::Resync { token, first }) => self.resync(token, first),
            Some(Asked::Method { typed, sent }) => self.number(typed, &sent),
            _ if locked => self.locked_passcode(),
            _ => self.passcode(),
        }
    }

    /// Whether all that was right in earlier rounds counts still.
    pub(crate) fn still_counts(&self) -> bool {
        let groups = self.person.groups().len();
        self.ways.iter().enumerate().all(|(at, way)| {
            let before = if at < groups { &self.ways[..at] } else { &[] };
            match way {
                Way::Token(id) if at >= groups => self.of_set().contains(id),
                Way::Token(id) | Way::Grace(id) => self.candidates(before).contains(id),
                Way::Recovery(id) => self.papers(before).contains(id),
                Way::Grant(_) | Way::Door => true,
            }
        })
    }

    pub(crate) fn candidates(&self, ways: &[Way]) -> Vec<TokenId> {
        self.person
            .candidates(self.door, ways, self.rules, self.now)
    }

    /// All tokens that may be asked for here, whatever was passed.
    pub(crate) fn of_set(&self) -> Vec<TokenId> {
        self.person.of_set(self.door, self.rules, self.now)
    }

    pub(crate) fn papers(&self, ways: &[Way]) -> Vec<TokenId> {
        self.person.papers(self.door, ways, self.rules, self.now)
    }

    /// Those of them that compute their codes.
    pub(crate) fn computing(&self, ways: &[Way]) -> Vec<TokenId> {
        let mut all = self.candidates(ways);
        all.retain(|id| self.person.token(*id).unwrap().computes());
        all
    }

    /// By what the groups were passed before this answer.
    pub(crate) fn passed(&self) -> Vec<Way> {
        match &self.question {
            Some(question) if question.asked != Asked::Confirm => question.ways.clone(),
            _ => Vec::new(),
        }
    }

    /// The question that what was typed calls for, because it carries no code (D12).
    pub(crate) fn called_for(&self) -> Option<Asked> {
        if !self.door.asks {
            return None;
        }
        let first = match self.question.as_ref().map(|question| &question.asked) {
            None => true,
            Some(Asked::Passcode) => false,
            Some(_) => return None,
        };
        if self.wishes() {
            return Some(Asked::Passcode);
        }
        let nothing = first && self.typed.octets.is_empty();
        let ignored = matches!(
            self.door.first,
            FirstFactorBy::Gateway | FirstFactorBy::None
        );
        if self.door.form == PasscodeForm::Challenge && (ignored || !nothing) {
            Some(Asked::Code)
        } else {
            nothing.then_some(Asked::Passcode)
        }
    }

    /// Whether the word was typed that asks for a new PIN or password, in the place of a passcode.
    pub(crate) fn wishes(&self) -> bool {
        self.rules.keyword
            && self.question.is_none()
            && self.door.memorized().is_some()
            && self.typed.code == Code::Word
    }

    /// Whether nothing is proven when it is asked.
    pub(crate) fn blind(&self, asked: &Asked) -> bool {
        match asked {
            Asked::Passcode => true,
            Asked::Code => self.door.first == FirstFactorBy::None,
            _ => false,
        }
    }

    /// Whether a right code alone opens the choice of a PIN.
    pub(crate) fn unset(&self) -> bool {
        let person = &*self.person;
        self.door.first == FirstFactorBy::Pin
            && self.door.asks
            && !person.awaits_token()
            && person.tokens.iter().any(|token| token.active)
            && person.pin.is_none()
    }

    pub(crate) fn passcode(&mut self) -> Want {
        let passed = self.passed();
        let granted = self.granted();
        let checked = self.door.first == FirstFactorBy::Gateway;
        let nobody = self.candidates(&passed).is_empty();
        let called = self.called_for();
        let blind = called.as_ref().map(|asked| self.blind(asked));
        if let (Some(true), Some(asked)) = (blind, &called)
            && (!checked || granted.is_none() && !(nobody && self.needs_none() || self.resets()))
        {
            return self.ask_for_code(asked.clone());
        }
        if granted.is_none() && self.person.is_reset() && !self.authorized {
            return self.open_reset();
        }
        let unset = self.unset();
        let somebody = !nobody || !self.papers(&passed).is_empty();
        if let (Some(false), Some(asked)) = (blind, &called)
            && granted.is_none()
            && !unset
            && somebody
        {
            return match self.first_factor(&self.typed.octets, false) {
                Ok(()) => self.ask_for_code(asked.clone()),
                Err(why) => self.wrong_first(&why, self.repeated),
            };
        }
        let form = self.form(unset);
        let matched = self.matched(form, &passed);
        let alone = unset && self.typed.head.is_empty();
        if let Some(want) = self.right(&matched, alone) {
            return want;
        }
        let clicked =
            matches!(matched, Match::Again(..)) && !self.typed.head.is_empty() && !checked;
        if let Some(grant) = granted.filter(|_| !clicked) {
            let first = self.first_factor(&self.typed.octets, false);
            return self.decide(first, Way::Grant(grant));
        }
        self.not_right(&matched, form, &passed)
    }

    /// A code that counts: it is used up, whatever the first factor is.
    fn right(&mut self, matched: &Match, alone: bool) -> Option<Want> {
        let (door, now) = (self.door.name, self.now);
        let first = || self.first_factor(&self.typed.head, alone);
        Some(match *matched {
            Match::Fits(id, factor) => {
                let first = first();
                self.person.token_mut(id).use_up(factor, door, now);
                self.decide(first, Way::Token(id))
            }
            Match::Again(id, true) => {
                let first = first();
                let last = self.person.token_mut(id).last.as_mut();
                last.unwrap().grace_used = true;
                self.decide(first, Way::Grace(id))
            }
            Match::Paper(id, index) => {
                let first = first();
                self.person.token_mut(id).used |= 1 << index;
                self.decide(first, Way::Recovery(id))
            }
            Match::Again(_, false) | Match::Wrong(_) | Match::NoCode => return None,
        })
    }

    /// No code that counts, and no grant.
    fn not_right(&mut self, matched: &Match, form: PasscodeForm, passed: &[Way]) -> Want {
        let wrong = matches!(matched, Match::Wrong(_) | Match::NoCode);
        if wrong && let Some((id, factor)) = self.shown(form) {
            let first = self.first_factor(&self.typed.head, false);
            let (door, now) = (self.door.name, self.now);
            self.person.token_mut(id).use_up(factor, door, now);
            return match first {
                Ok(()) => self.begin_enrolment(Some(id)),
                Err(why) => self.wrong_first(&why, false),
            };
        }
        if matches!(matched, Match::Wrong(_))
            && let Some((token, first)) = self.ahead(form, passed)
        {
            return match self.first_factor(&self.typed.head, false) {
                Ok(()) => self.begin_resync(token, first),
                Err(why) => self.wrong_first(&why, self.repeated),
            };
        }
        if wrong && self.leads() && self.came_too_late(form) {
            return Want::Reject;
        }
        let nobody = self.candidates(passed).is_empty();
        if let Some(guess) = self.guessed(form).filter(|_| nobody) {
            return self.fail(&guess, self.repeated);
        }
        if nobody && !matches!(matched, Match::Wrong(Some(_))) {
            return self.without_token();
        }
        match *matched {
            Match::Wrong(only) => self.fail(&Failure::Code(only), self.repeated),
            Match::NoCode => self.fail(&Failure::Other, self.repeated),
            _ => Want::Reject,
        }
    }

    /// The grant that counts; none while a lock lasts, even one that a reset ends.
    pub(crate) fn granted(&self) -> Option<u32> {
        let granted = self.person.grant(self.door, self.now);
        granted.filter(|_| self.person.lock.is_none())
    }

    fn form(&self, unset: bool) -> PasscodeForm {
        let form = match self.question.as_ref().map(|question| &question.asked) {
            None | Some(Asked::Passcode) => self.door.form,
            Some(Asked::Reauth) => match (self.door.form, self.door.first) {
                (PasscodeForm::Challenge, FirstFactorBy::Local) => PasscodeForm::PasswordOtp,
                (PasscodeForm::Challenge, _) => PasscodeForm::PinOtp,
                (form, _) => form,
            },
            Some(_) => PasscodeForm::Otp,
        };
        match form {
            PasscodeForm::Challenge if unset => PasscodeForm::PinOtp,
            form => form,
        }
    }

    /// Whether the code stands where the form wants it.
    pub(crate) fn splits(&self, form: PasscodeForm) -> bool {
        match form {
            PasscodeForm::Challenge => false,
            PasscodeForm::Otp => self.typed.head.is_empty(),
            PasscodeForm::PasswordCommaOtp => {
                let from = self.typed.head.len();
                self.typed.octets.get(from) == Some(&b',')
            }
            _ => true,
        }
    }

    pub(crate) fn matched(&self, form: PasscodeForm, passed: &[Way]) -> Match {
        let typed = self.computing(passed);
        let shaped = matches!(
            self.typed.code,
            Code::Device { .. } | Code::Wrong | Code::Sent(_)
        );
        if shaped && self.splits(form) && !typed.is_empty() {
            if let Code::Device { token, factor } = self.typed.code
                && typed.contains(&token)
            {
                let it = self.person.token(token).unwrap();
                if it.fits(factor, self.rules, self.now) {
                    return Match::Fits(token, factor);
                }
                if let Some(last) = it.last.as_ref().filter(|last| last.factor == factor) {
                    return Match::Again(token, self.graced(last));
                }
            }
            let only = <[TokenId; 1]>::try_from(typed).ok();
            return Match::Wrong(only.map(|[id]| id));
        }
        match self.paper(form, passed) {
            Some(found) => found,
            None => Match::NoCode,
        }
    }

    /// A code on paper: right, or wrong and counted at the first set; none: it is none.
    pub(crate) fn paper(&self, form: PasscodeForm, passed: &[Way]) -> Option<Match> {
        let Code::Paper { token, index } = self.typed.code else {
            return None;
        };
        let sets = self.papers(passed);
        if !self.splits(form) {
            return None;
        }
        let unused = |id: &TokenId| self.person.token(*id).unwrap().used >> index & 1 == 0;
        if sets.contains(&token) && unused(&token) {
            return Some(Match::Paper(token, index));
        }
        Some(
            sets.first()
                .map_or(Match::NoCode, |id| Match::Wrong(Some(*id))),
        )
    }

    fn graced(&self, last: &Last) -> bool {
        self.door.grace_ms > 0
            && !last.grace_used
            && last.door == self.door.name
            && self.now.wall.0 >= last.at
            && late(self.now) < last.at + self.door.grace_ms
    }

    pub(crate) fn first_factor(&self, part: &[u8], alone: bool) -> Result<(), Why> {
        let blocked = self.person.pin_is_blocked(self.rules, self.now);
        if self
            .question
            .as_ref()
            .is_some_and(|question| question.first)
        {
            let stands = self.door.first != FirstFactorBy::Pin || !blocked;
            return stands.then_some(()).ok_or(Why::Blocked);
        }
        match self.door.first {
            FirstFactorBy::Gateway | FirstFactorBy::None => Ok(()),
            FirstFactorBy::Pin => match &self.person.pin {
                None if alone => Ok(()),
                None => Err(Why::Other),
                Some(_) if part.is_empty() => Err(Why::Other),
                Some(_) if blocked => Err(Why::Blocked),
                Some(pin) if pin == part => Ok(()),
                Some(_) => Err(Why::Pin),
            },
            FirstFactorBy::Local => match &self.person.password {
                Some(password) if password == part => Ok(()),
                _ => Err(Why::Other),
            },
        }
    }

    pub(crate) fn wrong_first(&mut self, why: &Why, repeated: bool) -> Want {
        if let Some(want) = self.wrong_under_lock() {
            return want;
        }
        match why {
            Why::Blocked => Want::Reject,
            Why::Pin => self.fail(&Failure::Pin, repeated),
            Why::Other => self.fail(&Failure::Other, repeated),
        }
    }

    /// The second factor is right; the first decides.
    pub(crate) fn decide(&mut self, first: Result<(), Why>, way: Way) -> Want {
        if let Err(why) = first {
            let repeated = self.repeated && way.token().is_none();
            return self.wrong_first(&why, repeated);
        }
        self.first = true;
        self.ways.push(way);
        let confirms = self
            .question
            .as_ref()
            .is_some_and(|question| question.asked == Asked::Confirm);
        if confirms && way.token().is_some() {
            self.person.confirm = false;
        }
        self.go_on()
    }

    pub(crate) fn leads(&self) -> bool {
        let person = &*self.person;
        let provable = match self.door.first {
            FirstFactorBy::Gateway => true,
            FirstFactorBy::Pin => person.pin.is_some(),
            FirstFactorBy::Local => person.password.is_some(),
            FirstFactorBy::None => false,
        };
        self.door.asks && self.door.enrols && provable
    }

    /// The token that waits for its proof, and whose first code was typed.
    fn shown(&self, form: PasscodeForm) -> Option<(TokenId, u64)> {
        let Code::Device { token, factor } = self.typed.code else {
            return None;
        };
        let waits = self.person.waiting(self.rules, self.now).contains(&token);
        let it = self.person.token(token)?;
        let fits = waits && self.splits(form) && it.fits(factor, self.rules, self.now);
        (fits && self.leads()).then_some((token, factor))
    }

    /// At which token something is a guess whose first code alone would let in.
    fn guessed(&self, form: PasscodeForm) -> Option<Failure> {
        let proven = self.person.proven_until;
        let proven = proven.is_some_and(|until| late(self.now) < until) && !self.rules.pages;
        let nothing = match self.person.asks_device_code(self.rules, self.now) {
            true => proven,
            false => self.rules.suppress,
        };
        let shaped = matches!(
            self.typed.code,
            Code::Device { .. } | Code::Wrong | Code::Sent(_)
        );
        let with_first = form == PasscodeForm::Otp || !self.typed.head.is_empty();
        let guessed = nothing && shaped && with_first && self.splits(form) && self.enrols();
        let waiting = self.person.waiting(self.rules, self.now);
        match waiting.as_slice() {
            _ if !guessed => None,
            [] => None,
            [one] => Some(Failure::Code(Some(*one))),
            _ => Some(Failure::Code(None)),
        }
    }

    /// Whether it would have been the first code of a token, a moment ago: refused, not counted.
    fn came_too_late(&self, form: PasscodeForm) -> bool {
        let Code::Device { factor, .. } = self.typed.code else {
            return false;
        };
        let fits = |token: &Token| {
            token.awake(Base::Pending, self.rules, self.now)
                && token.fits(factor, self.rules, self.now)
        };
        self.splits(form) && self.too_late.as_ref().is_some_and(fits)
    }

    fn enrols(&self) -> bool {
        let waiting = !self.person.waiting(self.rules, self.now).is_empty();
        let proven = self.person.proven_until;
        let proven = proven.is_some_and(|until| late(self.now) < until) && !self.rules.pages;
        let mailed = self.person.asks_device_code(self.rules, self.now) && !proven;
        let too_late = self.person.renews_too_late(self.rules, self.now);
        (self.person.awaits_token() || self.person.rekey || too_late)
            && self.leads()
            && (self.rules.pages
                || waiting
                || mailed
                || self.person.proves_address(self.door, self.now))
    }

    fn lets_new_in(&self) -> bool {
        let pending = |token: &Token| token.base == Base::Pending && token.disabled.is_none();
        self.door.lets_new_in
            && self.person.state == UserState::New
            && self.person.tokens.iter().all(pending)
    }

    /// Whether who has no token needs none.
    fn needs_none(&self) -> bool {
        self.lets_new_in() || self.enrols()
    }

    fn without_token(&mut self) -> Want {
        let first = |this: &Self| this.first_factor(&this.typed.octets, false);
        if self.lets_new_in() {
            let first = first(self);
            return self.decide(first, Way::Door);
        }
        if self.enrols() {
            return match first(self) {
                Ok(()) => self.begin_enrolment(None),
                Err(why) => self.wrong_first(&why, self.repeated),
            };
        }
        Want::Reject
    }
}
