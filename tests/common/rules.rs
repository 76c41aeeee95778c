//! One person, one gateway and the rules between them, driven as the engine drives them: `admit`,
//! `verify`, the first factor, `judge`. Seals are clear text, so a test can compare PINs itself.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test takes the parts it needs"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::attempt::{Attempt, Proof, Pseudonym};
use mfad::domain::auth_code::{self, AuthCodeRecord};
use mfad::domain::delivery::{Delivery, Via};
use mfad::domain::dialogue::Handle;
use mfad::domain::event::{Event, Source};
use mfad::domain::judge::{
    CodeFor, Evidence, FirstFactor, Fresh, Judgement, Lacking, judge, judge_stranger,
};
use mfad::domain::link::{Link, Purpose};
use mfad::domain::message::{Enclosed, EnclosedKind, MessageId};
use mfad::domain::notice::{Enclosure, Notices};
use mfad::domain::passthrough::Grant;
use mfad::domain::pin::{PasswordRecord, PinRecord};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy};
use mfad::domain::questions::{Question, Questions, normalised};
use mfad::domain::rekey::Rekey;
use mfad::domain::sealed::{Field, Sealed, Unseal};
use mfad::domain::token_record::{Base, RecoveryHash, Token, TokenKind};
use mfad::domain::user::{AuthState, Contact, Profile, UserId, UserRecord, UserState};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::domain::verify::{Admission, Ask, CodeMatch, Finding, admit, verify};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::time::{Now, Timestamp};
use mfad::token::auth_code::AuthCode;
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Otp, OtpCode, TokenId};
use smol_str::SmolStr;

/// In the middle of a step of 30 s.
pub const START: Timestamp = Timestamp(1_800_000_015_000);
pub const PIN: &[u8] = b"402817";
pub const PASSWORD: &[u8] = b"correct, horse";
/// First counter of the HOTP tokens here.
pub const COUNTER: u64 = 5;
/// A repeated wrong passcode is counted anew after this.
pub const REPEAT: Duration = Duration::from_secs(60);

/// The station from which people come, unless it is said otherwise.
pub const HOME: &str = "203.0.113.77";

pub const A: u8 = 0;
pub const B: u8 = 1;
pub const R: u8 = 9;
pub const Q: u8 = 8;

pub fn id(token: u8) -> TokenId {
    TokenId::from_random([token, 1, 2, 3, 4])
}

pub fn seed(token: u8) -> Vec<u8> {
    format!("1234567890123456789{token}").into_bytes()
}

pub fn sealed(clear: &[u8]) -> Sealed {
    Sealed {
        v: 1,
        data: clear.to_vec(),
    }
}

/// Emergency Access is on, and alice has answered four questions, of which three are asked: pet,
/// street, teacher; then film.
pub fn prepare_questions(world: &mut World, key: &str, value: &str) -> bool {
    let rules = &mut world.policy.emergency;
    match key {
        "ask" => rules.ask = value.parse().unwrap(),
        "other-sets" => rules.sets = Some(vec!["others".to_owned()]),
        "questions" => {
            world.policy.enabled_kinds.push(TokenKind::Qa);
            let question = |answer: &str| Question {
                text: format!("The {answer}?"),
                answer: sealed(answer.as_bytes()),
            };
            let mut asked = token(Q, TokenKind::Qa);
            asked.questions = Some(Questions {
                list: ["pet", "street", "teacher", "film"].map(question).to_vec(),
                first: 0,
            });
            world.alice().profile_mut().tokens.push(asked);
        }
        "questions-locked" => {
            world.alice().auth.token_mut(id(Q)).locked_until = Some(Timestamp::NEVER);
        }
        "emergency-off" => world
            .policy
            .enabled_kinds
            .retain(|kind| *kind != TokenKind::Qa),
        _ => return false,
    }
    true
}

/// Seals are clear text.
pub struct Clear;

impl Unseal for Clear {
    fn show(&self, _: Field<'_>, sealed: &Sealed, see: &mut dyn FnMut(&[u8])) {
        see(&sealed.data);
    }

    fn auth_code_hash(&self, _: UserId, code: &AuthCode) -> [u8; 32] {
        let text = code.text();
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(text.expose().bytes()) {
            *to = from;
        }
        hash
    }

    fn sent_code_hash(&self, _: UserId, token: TokenId, code: &OtpCode) -> [u8; 32] {
        let mut hash = [0; 32];
        let text = [token.to_string(), code.text().expose().to_owned()].concat();
        for (to, from) in hash.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        hash
    }

    fn device_code_hash(&self, _: UserId, code: &OtpCode) -> [u8; 32] {
        let mut hash = [0xde; 32];
        let text = code.text();
        for (to, from) in hash.iter_mut().zip(text.expose().bytes()) {
            *to = from;
        }
        hash
    }

    fn choice_hash(&self, _: UserId, typed: &[u8]) -> [u8; 32] {
        let mut hash = [0xc4; 32];
        for (kept, octet) in hash.iter_mut().zip(typed) {
            *kept = *octet;
        }
        hash
    }

    fn recovery_hash(&self, _: UserId, code: &RecoveryCode) -> [u8; 32] {
        hash(code)
    }
}

pub fn hash(code: &RecoveryCode) -> [u8; 32] {
    let text = code.text();
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(text.expose().bytes()) {
        *to = from;
    }
    hash
}

pub fn recovery_code(index: u8) -> RecoveryCode {
    RecoveryCode::from_random(&[200 + index; 10])
}

pub fn token(which: u8, kind: TokenKind) -> Token {
    let otp = match kind {
        TokenKind::Hotp => Some(Otp::HOTP),
        TokenKind::Totp => Some(Otp::TOTP),
        _ => None,
    };
    let recovery = match kind {
        TokenKind::Recovery => (0..3)
            .map(|n| RecoveryHash(hash(&recovery_code(n))))
            .collect(),
        _ => Vec::new(),
    };
    Token {
        id: id(which),
        kind,
        base: Base::Registered,
        otp,
        seed: otp.map(|_| sealed(&seed(which))),
        recovery,
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: START,
        created_by: "root".to_owned(),
        registered_at: Some(Timestamp(0)),
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: delivery(kind),
        updated: Timestamp(0),
        extra: serde_json::Map::new(),
    }
}

/// Where codes are sent: to an address of the token's own, or to the person's mailbox.
fn delivery(kind: TokenKind) -> Option<Delivery> {
    let (via, address) = match kind {
        TokenKind::Sms => (Via::Sms, Some("+491701234567")),
        TokenKind::Email => (Via::Email, Some("al@example.org")),
        TokenKind::Virtual => (Via::Email, None),
        _ => return None,
    };
    Some(Delivery {
        via,
        address: address.map(str::to_owned),
        code: None,
        extra: serde_json::Map::new(),
    })
}

pub fn grant(id: u32, from: Timestamp, until: Timestamp) -> Grant {
    Grant {
        id,
        gateways: Vec::new(),
        from,
        until,
        by: "bob".to_owned(),
        reason: "phone broken".to_owned(),
        renewals: 0,
        first_from: from,
        revoked: None,
        warned: None,
        extra: serde_json::Map::new(),
    }
}

pub fn gateway(name: &str, first_factor: FirstFactorBy, passcode: PasscodeForm) -> GatewayPolicy {
    GatewayPolicy {
        name: Arc::from(name),
        first_factor,
        passcode,
        challenge: false,
        unknown_user: Otherwise::Reject,
        unenrolled: Otherwise::Reject,
        allow_passthrough: first_factor != FirstFactorBy::None,
        allowed_kinds: None,
        helpful: false,
        show_accept_message: false,
        strip_domain: Vec::new(),
        same_code_grace: Duration::ZERO,
        reject_delay: Duration::from_secs(1),
        reject_on_internal_error: false,
    }
}

/// alice, steady, with a PIN, a password and the TOTP token A.
pub fn alice() -> UserRecord {
    let pin = PinRecord {
        hash: sealed(PIN),
        set_at: Timestamp(0),
        set_by: "root".to_owned(),
        must_change: false,
    };
    let password = PasswordRecord {
        hash: sealed(PASSWORD),
        set_at: Timestamp(0),
        set_by: "root".to_owned(),
        registered_at: Timestamp(0),
    };
    UserRecord {
        id: UserId([7; 16]),
        profile: Arc::new(Profile {
            name: "alice".to_owned(),
            state: UserState::Steady,
            pin: Some(pin),
            password: Some(password),
            tokens: vec![token(A, TokenKind::Totp)],
            ..Profile::default()
        }),
        auth: AuthState {
            revision: 1,
            ..AuthState::default()
        },
    }
}

/// The auth code that alice was handed out.
pub fn auth_code() -> AuthCode {
    AuthCode::from_random(&[7; 10])
}

/// The auth code that she had mailed as the code of this number.
fn mailed_auth_code(number: usize) -> String {
    let random = [20 + u8::try_from(number).unwrap(); 10];
    AuthCode::from_random(&random).text().expose().clone()
}

/// Where she is reached, and what went there.
fn prepare_addresses(world: &mut World, key: &str, value: &str) -> bool {
    match key {
        "mail" => {
            world.policy.notices = Some(Notices {
                mail: true,
                sms: false,
                admins: Vec::new(),
            });
            world.alice().profile_mut().emails.push(Contact {
                address: "alice@example.org".to_owned(),
                verified: value != "unproven",
            });
        }
        "phone" => {
            world.policy.notices = Some(Notices {
                mail: false,
                sms: true,
                admins: Vec::new(),
            });
            world.alice().profile_mut().phones.push(Contact {
                address: "+491701234567".to_owned(),
                verified: false,
            });
        }
        "linked" => {
            let now = world.now;
            let link = Link {
                id: 0,
                purpose: Purpose::Enrol,
                hash: [1; 32],
                created: START,
                created_by: "bob".to_owned(),
                expires: START + Duration::from_secs(3600),
                sent_to: Some("alice@example.org".to_owned()),
                tries: 5,
                at_prompt: false,
                extra: serde_json::Map::new(),
            };
            world.alice().profile_mut().add_link(link, now);
        }
        _ => return false,
    }
    true
}

/// What there is beside the token, for a person who has none: whether `key` says something of it.
pub fn prepare_enrolment(world: &mut World, key: &str, value: &str) -> bool {
    if prepare_addresses(world, key, value) {
        return true;
    }
    let suppress = &mut world.policy.auth_code.always_suppress;
    match key {
        "enroll" => {
            world.gateway.unenrolled = Otherwise::Enroll;
            world.gateway.challenge = true;
        }
        "pages" => world.policy.pages = Some("https://mfa.example.org".to_owned()),
        "suppress" => *suppress = true,
        "mail-seed" => world.policy.device_auth.mails_seed = true,
        "self-service" => world.policy.auth_code.self_service = true,
        "auth-code" => {
            let seconds = value.parse().unwrap_or(24 * 3600);
            let code = AuthCodeRecord {
                hash: Clear.auth_code_hash(world.alice().id, &auth_code()),
                purpose: "new".to_owned(),
                created: START,
                created_by: "bob".to_owned(),
                expires: START + Duration::from_secs(seconds),
                delivery: auth_code::Delivery::Shown,
                failures: 0,
                extra: serde_json::Map::new(),
            };
            world.alice().profile_mut().auth_code = Some(code);
        }
        "rekey" => {
            let rekey = Rekey {
                token: id(A),
                at: START,
                by: "bob".to_owned(),
                why: "lost_phone".to_owned(),
                extra: serde_json::Map::new(),
            };
            world.alice().profile_mut().rekey = Some(rekey);
        }
        _ => return false,
    }
    true
}

/// What the page of a question does: it takes the link and shows the token B.
pub fn open_page(world: &mut World) {
    let profile = world.alice().profile_mut();
    assert_eq!(profile.void_links(|link| link.at_prompt), 1, "one link");
    show_token(world);
}

/// What the page does, or `token add`: the token B waits for its first code.
pub fn show_token(world: &mut World) {
    let profile = world.alice().profile_mut();
    let shown = Token {
        base: Base::Pending,
        ..token(B, TokenKind::Totp)
    };
    profile.tokens.push(shown);
}

/// What came of one attempt.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    pub events: Vec<Event>,
    pub counted: bool,
    /// The code that was found, before the verdict.
    pub code: Option<CodeMatch>,
}

impl Outcome {
    pub fn how(&self) -> Option<How> {
        match self.verdict {
            Verdict::Accept { how, .. } => Some(how),
            Verdict::Reject { .. } | Verdict::Challenge { .. } => None,
        }
    }

    pub fn reason(&self) -> Option<Reason> {
        match self.verdict {
            Verdict::Accept { .. } | Verdict::Challenge { .. } => None,
            Verdict::Reject { reason, .. } => Some(reason),
        }
    }

    pub fn message(&self) -> Option<Message> {
        match &self.verdict {
            Verdict::Accept { message, .. } => message.as_ref().map(|said| said.message.clone()),
            Verdict::Reject { message, .. } | Verdict::Challenge { message, .. } => {
                Some(message.message.clone())
            }
        }
    }

    /// The words of it.
    pub fn words(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Accept { message, .. } => message.as_ref().map(|said| &*said.text),
            Verdict::Reject { message, .. } | Verdict::Challenge { message, .. } => {
                Some(&message.text)
            }
        }
    }

    /// What the next answer has to name.
    pub fn handle(&self) -> Option<Handle> {
        match self.verdict {
            Verdict::Challenge { question, .. } => Some(question.handle),
            Verdict::Accept { .. } | Verdict::Reject { .. } => None,
        }
    }

    /// `ACCEPT token`, `ASK code`, or the reason of a Reject.
    pub fn text(&self) -> String {
        match &self.verdict {
            Verdict::Accept { how, .. } => format!("ACCEPT {}", how.name()),
            Verdict::Reject { reason, .. } => reason.name().to_owned(),
            Verdict::Challenge { question, message } => {
                let held = if question.held { " held" } else { "" };
                let asked = match &message.message {
                    Message::EnterCode => "code",
                    Message::NewSecret {
                        secret, weakness, ..
                    } => &match weakness {
                        None => secret.name().to_owned(),
                        Some(_) => format!("better-{}", secret.name()),
                    },
                    Message::NewSecretAgain(secret) => &format!("{}-again", secret.name()),
                    Message::NewSecretSet(_) => "next-passcode",
                    Message::ConfirmUnlock => "confirm",
                    Message::EnterAuthCode => "auth",
                    Message::DeviceCodeSent { .. } => "device",
                    Message::OpenPage { later: false, .. } => "page",
                    Message::OpenPage { later: true, .. } => "page-or-later",
                    Message::CodeSent { via, .. } => via.name(),
                    Message::Methods { .. } => "method",
                    Message::EnterCodeOf(_) => "code-of-token",
                    Message::Question { number, .. } => &format!("question-{number}"),
                    Message::AnswersAccepted => "menu",
                    Message::EnterNextCode => "next-code",
                    _ => "passcode",
                };
                format!("ASK {asked}{held}")
            }
        }
    }
}

/// The engine in small: one record, one clock, the memory of wrong passcodes (D17).
pub struct World {
    pub record: Option<UserRecord>,
    pub policy: Policy,
    pub gateway: GatewayPolicy,
    pub station: SmolStr,
    pub now: Now,
    pub named: bool,
    /// Attempts so far: each is a datagram of its own.
    attempts: u8,
    /// Codes that were sent.
    pub sent: Vec<String>,
    last_wrong: HashMap<Arc<str>, (Vec<u8>, Timestamp)>,
}

impl World {
    pub fn new(gateway: GatewayPolicy) -> Self {
        Self {
            record: Some(alice()),
            policy: Policy::default(),
            gateway,
            station: SmolStr::from(HOME),
            now: Now::at(START),
            named: true,
            attempts: 0,
            sent: Vec::new(),
            last_wrong: HashMap::new(),
        }
    }

    pub fn alice(&mut self) -> &mut UserRecord {
        self.record.as_mut().unwrap()
    }

    pub fn auth(&self) -> &AuthState {
        &self.record.as_ref().unwrap().auth
    }

    pub fn wait(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// What an Access-Request with this passcode is to the rules.
    pub fn attempt(&self, proof: Proof) -> Attempt {
        Attempt {
            gateway: Arc::new(self.gateway.clone()),
            user: self.named.then(|| SmolStr::from("alice")),
            pseudonym: Pseudonym([0, 0, 1, 0x23]),
            proof,
            source: Source {
                gateway: Arc::clone(&self.gateway.name),
                address: "192.0.2.1:1812".parse().unwrap(),
                station: self.station.clone(),
                nas: SmolStr::from("nas"),
            },
            digest: [1; 32],
            received: self.now,
        }
    }

    pub fn look(&self, attempt: &Attempt) -> Option<Finding> {
        let record = self.record.as_ref()?;
        match admit(Some(record), attempt, &self.policy, self.now) {
            Admission::Open => Some(verify(record, attempt, &self.policy, &Clear, self.now)),
            Admission::Refused(_) | Admission::Stranger => None,
        }
    }

    /// Compares the part that the finding asks for with what is stored.
    pub fn first_factor(&self, finding: &Finding, passcode: &[u8]) -> FirstFactor {
        let profile = &self.record.as_ref().unwrap().profile;
        let (part, stored) = match &finding.ask {
            Ask::Nothing
            | Ask::Missing
            | Ask::Blocked
            | Ask::Proven
            | Ask::Unset
            | Ask::Hash(..) => {
                return FirstFactor::NotAsked;
            }
            Ask::Pin(part) => (part, &profile.pin.as_ref().unwrap().hash),
            Ask::Password(part) => (part, &profile.password.as_ref().unwrap().hash),
            Ask::Answer { token, at, typed } => {
                let mut tokens = profile.tokens.iter();
                let asked = tokens.find(|it| it.id == *token).unwrap();
                let stored = &asked.questions.as_ref().unwrap().list[*at].answer;
                let given = normalised(&passcode[typed.clone()]);
                return match given.expose()[..] == stored.data[..] {
                    true => FirstFactor::Right,
                    false => FirstFactor::Wrong,
                };
            }
        };
        if passcode[part.clone()] == stored.data[..] {
            FirstFactor::Right
        } else {
            FirstFactor::Wrong
        }
    }

    /// What the pool would have made of a new PIN; here a PIN is stored as it is.
    pub fn hash(&self, finding: &Finding, passcode: &[u8]) -> Option<Sealed> {
        let Ask::Hash(_, part) = &finding.ask else {
            return None;
        };
        let data = passcode[part.clone()].to_vec();
        Some(Sealed { v: 1, data })
    }

    pub fn type_in(&mut self, passcode: &[u8]) -> Outcome {
        let attempt = self.attempt(Proof::Passcode(SecretBytes::copy_of(passcode)));
        self.judge(&attempt)
    }

    /// A handle for what this attempt may be asked.
    fn fresh(&mut self) -> Fresh {
        self.attempts = self.attempts.wrapping_add(1);
        let key = SecretKey::new([3; 32]);
        let record = self.record.as_ref();
        let taken = record.is_some_and(|record| record.token(id(B)).is_some());
        Fresh {
            handle: Some(Handle::fresh(&key, &[self.attempts; 32], self.now.wall)),
            token: Some(id(if taken { self.attempts | 0x80 } else { B })),
            ..Fresh::default()
        }
    }

    pub fn judge(&mut self, attempt: &Attempt) -> Outcome {
        let fresh = self.fresh();
        let passcode = attempt.passcode();
        let finding = self.look(attempt);
        let code = finding.as_ref().map(|finding| finding.code);
        let judged = match (&self.record, finding) {
            (None, _) => judge_stranger(attempt, &fresh, &self.policy, self.now),
            (Some(record), Some(finding)) => {
                let evidence = Evidence {
                    first: self.first_factor(&finding, passcode),
                    hash: self.hash(&finding, passcode),
                    finding,
                    repeated: self.repeated(passcode),
                    fresh,
                };
                let judge =
                    |evidence: &Evidence| judge(record, attempt, evidence, &self.policy, self.now);
                match judge(&evidence) {
                    Err(Lacking::Seed) => judge(&mailing(evidence)),
                    Err(Lacking::Code(what)) => {
                        let code = match what {
                            CodeFor::Auth => mailed_auth_code(self.sent.len()),
                            _ => format!("{:06}", 900_001 + self.sent.len()),
                        };
                        judge(&sending(evidence, record.id, what, &code)).inspect(|_| {
                            self.sent.push(code);
                        })
                    }
                    judged => judged,
                }
            }
            (Some(record), None) => {
                let evidence = Evidence {
                    fresh,
                    ..nothing_found()
                };
                judge(record, attempt, &evidence, &self.policy, self.now)
            }
        };
        let judgement = judged.unwrap();
        self.apply(judgement, passcode, code)
    }

    pub fn repeated(&self, passcode: &[u8]) -> bool {
        self.last_wrong
            .get(&self.gateway.name)
            .is_some_and(|(last, at)| last == passcode && self.now.steady.since(*at) < REPEAT)
    }

    fn apply(&mut self, judgement: Judgement, passcode: &[u8], code: Option<CodeMatch>) -> Outcome {
        if let Some(record) = judgement.record {
            let before = self.record.as_ref().unwrap().auth.revision;
            assert_eq!(record.auth.revision, before + 1, "one change, one revision");
            self.record = Some(record);
        }
        if judgement.counted {
            let name = Arc::clone(&self.gateway.name);
            self.last_wrong
                .insert(name, (passcode.to_vec(), self.now.steady));
        }
        Outcome {
            verdict: judgement.verdict,
            events: judgement.events,
            counted: judgement.counted,
            code,
        }
    }
}

/// What the engine makes to send a code.
fn sending(evidence: Evidence, user: UserId, what: CodeFor, code: &str) -> Evidence {
    let typed = || OtpCode::parse(code.as_bytes()).unwrap();
    let hash = match what {
        CodeFor::Token(token) => Clear.sent_code_hash(user, token, &typed()),
        CodeFor::Device => Clear.device_code_hash(user, &typed()),
        CodeFor::Auth => {
            let code = AuthCode::parse(code.as_bytes()).unwrap();
            Clear.auth_code_hash(user, &code)
        }
    };
    let enclosed = Enclosed {
        kind: EnclosedKind::SignInCode,
        sealed: sealed(code.as_bytes()),
    };
    let fresh = Fresh {
        code: Some((what, hash)),
        enclosure: Some(Enclosure {
            id: MessageId([9; 16]),
            enclosed,
        }),
        ..evidence.fresh
    };
    Evidence { fresh, ..evidence }
}

/// What the engine makes to mail the token B.
fn mailing(evidence: Evidence) -> Evidence {
    let enclosed = Enclosed {
        kind: EnclosedKind::Seed,
        sealed: sealed(b"uri"),
    };
    let fresh = Fresh {
        seed: token(B, TokenKind::Totp).seed.map(|seed| (id(B), seed)),
        enclosure: Some(Enclosure {
            id: MessageId([9; 16]),
            enclosed,
        }),
        ..evidence.fresh
    };
    Evidence { fresh, ..evidence }
}

/// What the engine hands over if `admit` has refused already.
pub fn nothing_found() -> Evidence {
    Evidence {
        finding: Finding::of(&alice(), CodeMatch::NoCode, Ask::Nothing),
        first: FirstFactor::NotAsked,
        hash: None,
        repeated: false,
        fresh: Fresh::default(),
    }
}

/// The code of `which` at the factor that is `offset` away from the expected one.
pub fn code(record: &UserRecord, which: u8, offset: i64, now: Now) -> String {
    let otp = record.token(id(which)).and_then(|token| token.otp).unwrap();
    let base = match otp.factor {
        mfad::token::Factor::Counter => COUNTER,
        mfad::token::Factor::Time { period_s } => mfad::token::totp::step_at(now.wall, period_s),
    };
    let factor = base.saturating_add_signed(offset);
    otp.code_at(&seed(which), factor).text().expose().clone()
}

/// The `n`th code that fits nothing anywhere near.
pub fn wrong_code(record: &UserRecord, n: usize, now: Now) -> String {
    let near: Vec<String> = [A, B]
        .into_iter()
        .filter(|which| record.token(id(*which)).is_some_and(|t| t.otp.is_some()))
        .flat_map(|which| (-5..=40).map(move |offset| (which, offset)))
        .map(|(which, offset)| code(record, which, offset, now))
        .collect();
    (0..)
        .map(|number| format!("{number:06}"))
        .filter(|code| !near.contains(code))
        .nth(n)
        .unwrap()
}
