//! The product's side: its rules on twenty records in memory, driven as the engine drives them. There
//! is no disk and no clock; what is random comes from the seed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::action::Role;
use mfad::domain::attempt::{Attempt, Proof, Pseudonym};
use mfad::domain::command::{
    Answered as Checked, Applied, Asked, Command, Effect, Encloses, MadeCode, Needs, Prepared,
    SeedFor, Site as Around, apply, needs, resolve,
};
use mfad::domain::dialogue::Handle;
use mfad::domain::event::{Operator, Source};
use mfad::domain::judge::{CodeFor, Evidence, FirstFactor, Fresh, Lacking, judge, judge_stranger};
use mfad::domain::lockout::{HardAction, LockoutMode};
use mfad::domain::message::{Enclosed, EnclosedKind, MessageId};
use mfad::domain::notice::{Enclosure, Notices};
use mfad::domain::pin::AfterChange;
use mfad::domain::policy::{GatewayPolicy, Otherwise, Policy};
use mfad::domain::questions::{Question, answers, normalised, token_of};
use mfad::domain::refusal::Refusal;
use mfad::domain::sealed::{Sealed, Unseal as _};
use mfad::domain::token_record::{RecoveryHash, TokenKind};
use mfad::domain::user::{Profile, UserId, UserRecord};
use mfad::domain::verdict::Verdict;
use mfad::domain::verify::{Admission, Ask, CodeMatch, Finding, admit, verify};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::store::{auth_row, profile_row};
use mfad::time::{Now, Timestamp};
use mfad::token::auth_code::AuthCode;
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Digits, OtpCode, TokenId};
use smol_str::SmolStr;

use super::bugs::{Bug, bend, spoil, spoil_order};
use super::judging::{State, Typed};
use super::model::{
    AUTH_CODE_MS, Door, KEYWORD, PENDING_MS, Person, QUESTION_MS, Rules, SENT_MS, given_id,
};
use super::rules::{Clear, gateway, hash, sealed};
use crate::chance::Chance;

pub(crate) const PAGES: &str = "https://mfa.example.org";
/// A wrong passcode that is typed again within this time counts once.
const REPEAT: Duration = Duration::from_secs(60);

/// What an operator's command is asked with.
pub(crate) struct By {
    pub(crate) name: &'static str,
    pub(crate) if_revision: Option<u64>,
}

/// What was made for a command, and is told to somebody.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) token: Option<TokenId>,
    pub(crate) seed: Vec<u8>,
    pub(crate) auth_code: String,
    pub(crate) paper: Vec<String>,
    pub(crate) grant: u32,
}

/// What a sign-in was answered.
pub(crate) struct Answered {
    pub(crate) verdict: Verdict,
    /// What a name that nobody has is answered at the same moment.
    pub(crate) stranger: Verdict,
    pub(crate) code: Option<String>,
}

pub(crate) struct Site {
    pub(crate) policy: Policy,
    pub(crate) gateways: Vec<Arc<GatewayPolicy>>,
    pub(crate) people: BTreeMap<String, UserRecord>,
    pub(crate) now: Now,
    pub(crate) bug: Option<Bug>,
    made: u64,
    seq: u64,
    wrong: HashMap<(String, &'static str), (Vec<u8>, Timestamp)>,
}

fn span(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

fn policy_of(rules: &Rules) -> Policy {
    let mut policy = Policy::default();
    let lockout = &mut policy.lockout;
    if rules.waits {
        lockout.mode = LockoutMode::Wait;
    }
    lockout.user_max_failures = rules.failures_max;
    lockout.user_duration = span(rules.lock_ms);
    lockout.token_max_failures = rules.token_failures_max;
    lockout.token_duration = span(rules.token_lock_ms);
    lockout.hard_cap = rules.hard_cap;
    if rules.hard_obsolete {
        lockout.hard_action = HardAction::Obsolete;
    }
    policy.pin.max_failures = rules.pin_failures_max;
    policy.pin.block_duration = span(rules.pin_block_ms);
    policy.pin.block_locks_account = rules.pin_block_locks;
    if rules.reauth {
        policy.pin.after_change = AfterChange::Reauth;
    }
    if rules.keyword {
        policy.pin_keyword = SmolStr::from(KEYWORD);
    }
    policy.auth_code.always_suppress = rules.suppress;
    policy.auth_code.tries = rules.code_tries;
    policy.auth_code.ttl = span(AUTH_CODE_MS);
    policy.pages = rules.pages.then(|| PAGES.to_owned());
    policy.seats_limit = rules.seats;
    policy.hotp_look_ahead = rules.look_ahead;
    policy.hotp_self_resync = rules.resync;
    policy.hotp_resync_window = rules.resync_window;
    policy.renew_before = span(rules.renew_ms);
    policy.challenge_ttl = span(QUESTION_MS);
    policy.pending_ttl = span(PENDING_MS);
    policy.recovery_count = 4;
    policy.tokens_max_per_user = 1000;
    policy.enabled_kinds = TokenKind::ALL.to_vec();
    let on = |kind: &TokenKind| rules.emergency || *kind != TokenKind::Qa;
    policy.enabled_kinds.retain(on);
    policy.emergency.ask = rules.ask;
    policy.lockout.qa_max_failures = rules.qa_failures_max;
    if !rules.emergency_for_all {
        policy.emergency.sets = Some(vec!["default".to_owned()]);
    }
    policy.sent_code.digits = Digits::EIGHT;
    policy.sent_code.ttl = span(SENT_MS);
    policy.sent_code.sms_max_unanswered = rules.sms_max;
    policy.notices = Some(Notices {
        mail: true,
        sms: true,
        admins: Vec::new(),
    });
    let groups = Person::nobody("").groups();
    let two = Person {
        two: true,
        ..Person::nobody("")
    };
    policy.sets = vec![
        ("default".to_owned(), groups),
        ("two".to_owned(), two.groups()),
    ];
    policy
}

fn gateway_of(door: &Door) -> Arc<GatewayPolicy> {
    let mut made = gateway(door.name, door.first, door.form);
    made.challenge = door.asks;
    made.helpful = door.helpful;
    made.same_code_grace = span(door.grace_ms);
    if door.enrols {
        made.unenrolled = Otherwise::Enroll;
    }
    if door.lets_new_in {
        made.unenrolled = Otherwise::Passthrough;
    }
    Arc::new(made)
}

impl Site {
    pub(crate) fn new(rules: &Rules, doors: &[Door], bug: Option<Bug>) -> Self {
        let mut policy = policy_of(rules);
        bend(bug, &mut policy);
        Self {
            policy,
            gateways: doors.iter().map(gateway_of).collect(),
            people: BTreeMap::new(),
            now: Now::at(Timestamp(1_800_000_015_000)),
            bug,
            made: 0,
            seq: 1,
            wrong: HashMap::new(),
        }
    }

    /// Somebody types this at a gateway.
    pub(crate) fn sign_in(
        &mut self,
        name: &str,
        (door, place): (usize, &str),
        state: State,
        typed: &Typed,
        stored: bool,
    ) -> Option<Answered> {
        self.made += 1;
        let attempt = self.attempt(name, (door, place), state, typed);
        let fresh = Fresh {
            handle: Some(Handle::fresh(
                &SecretKey::new([3; 32]),
                &attempt.digest,
                self.now.wall,
            )),
            token: Some(given_id(name, self.now)),
            ..Fresh::default()
        };
        let stranger = judge_stranger(&attempt, &fresh, &self.policy, self.now);
        let stranger = stranger.expect("a stranger lacks nothing").verdict;
        let record = self.people[name].clone();
        let evidence = self.evidence(&record, &attempt, fresh);
        let mut code = None;
        let judged = judge(&record, &attempt, &evidence, &self.policy, self.now);
        let judged = match judged {
            Err(Lacking::Code(what)) => {
                let text = format!("{:08}", 90_000_000 + self.made % 9_000_000);
                let evidence = sending(evidence, record.id, what, &text);
                code = Some(text);
                judge(&record, &attempt, &evidence, &self.policy, self.now)
            }
            judged => judged,
        };
        let judgement = judged.expect("all that it lacked was made");
        if !stored {
            // The commit has failed: nobody is told anything (D14).
            return None;
        }
        self.seq += judgement.events.len() as u64;
        if judgement.counted {
            let door = attempt_door(&self.gateways, door);
            let last = (typed.octets.clone(), self.now.steady);
            self.wrong.insert((name.to_owned(), door), last);
        }
        if let Some(mut new) = judgement.record {
            assert_eq!(new.auth.revision, record.auth.revision + 1);
            spoil(self.bug, &record, &mut new, &judgement.verdict);
            self.people.insert(name.to_owned(), new);
        }
        Some(Answered {
            verdict: judgement.verdict,
            stranger,
            code,
        })
    }

    fn attempt(
        &self,
        name: &str,
        (door, place): (usize, &str),
        state: State,
        typed: &Typed,
    ) -> Attempt {
        let gateway = &self.gateways[door];
        let passcode = SecretBytes::copy_of(&typed.octets);
        let proof = match state {
            State::None => Proof::Passcode(passcode),
            State::Foreign => Proof::Answer {
                handle: None,
                passcode,
            },
            State::Of(handle) => Proof::Answer {
                handle: Some(handle),
                passcode,
            },
        };
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&self.made.to_be_bytes());
        Attempt {
            gateway: Arc::clone(gateway),
            user: Some(SmolStr::from(name)),
            pseudonym: Pseudonym([0; 4]),
            proof,
            source: Source {
                gateway: Arc::clone(&gateway.name),
                address: "192.0.2.1:1812".parse().unwrap(),
                station: SmolStr::from(place),
                nas: SmolStr::from("nas"),
            },
            digest,
            received: self.now,
        }
    }

    fn evidence(&self, record: &UserRecord, attempt: &Attempt, fresh: Fresh) -> Evidence {
        let nothing = || Finding::of(record, CodeMatch::NoCode, Ask::Nothing);
        let finding = match admit(Some(record), attempt, &self.policy, self.now) {
            Admission::Open => verify(record, attempt, &self.policy, &Clear, self.now),
            _ => nothing(),
        };
        let passcode = attempt.passcode();
        let of = |part: &std::ops::Range<usize>, stored: Option<&Sealed>| {
            let right = stored.is_some_and(|stored| stored.data == passcode[part.clone()]);
            if right {
                FirstFactor::Right
            } else {
                FirstFactor::Wrong
            }
        };
        let profile = &record.profile;
        let (first, hash) = match &finding.ask {
            Ask::Pin(part) => (of(part, profile.pin.as_ref().map(|pin| &pin.hash)), None),
            Ask::Password(part) => {
                let stored = profile.password.as_ref().map(|password| &password.hash);
                (of(part, stored), None)
            }
            Ask::Answer { token, at, typed } => {
                let held = record.token(*token).and_then(|it| it.questions.as_ref());
                let stored = held.and_then(|it| it.list.get(*at));
                let plain = normalised(&passcode[typed.clone()]);
                let right = stored.is_some_and(|it| it.answer.data == *plain.expose());
                let first = match right {
                    true => FirstFactor::Right,
                    false => FirstFactor::Wrong,
                };
                (first, None)
            }
            Ask::Hash(_, part) => (FirstFactor::NotAsked, Some(sealed(&passcode[part.clone()]))),
            _ => (FirstFactor::NotAsked, None),
        };
        Evidence {
            repeated: self.repeated(record.name(), &attempt.gateway.name, passcode),
            finding,
            first,
            hash,
            fresh,
        }
    }

    /// Whether it is the same wrong passcode as this person's last there.
    pub(crate) fn repeated(&self, name: &str, door: &str, passcode: &[u8]) -> bool {
        let mut known = self.wrong.iter();
        known.any(|((who, at), (last, when))| {
            who == name && *at == door && last == passcode && self.now.steady.since(*when) < REPEAT
        })
    }

    /// An operator gives a command about somebody.
    pub(crate) fn order(
        &mut self,
        chance: &mut Chance,
        name: &str,
        command: &Command,
        by: &By,
        stored: bool,
    ) -> Option<(Result<Applied, Refusal>, Made)> {
        let record = self.people.get(name).cloned();
        let (prepared, made) = self.prepare(chance, record.as_ref(), command);
        let operator = Operator {
            uid: 1007,
            name: Arc::from(by.name),
            role: Role::Admin,
        };
        let asked = Asked {
            operator: &operator,
            reason: Some("ticket 4711"),
            if_revision: by.if_revision.filter(|_| self.bug != Some(Bug::LostUpdate)),
        };
        let around = Around {
            policy: &self.policy,
            gateways: &self.gateways,
            now: self.now,
            unseal: &Clear,
            next_seq: self.seq,
        };
        let result = apply(command, record.as_ref(), prepared, &asked, &around);
        if !stored {
            return None;
        }
        if let Ok(applied) = &result {
            self.seq += applied.events.len() as u64;
            for effect in &applied.effects {
                match effect {
                    Effect::Put { user, expected } => {
                        let before = record.as_ref().map(|record| record.auth.revision);
                        assert_eq!(*expected, before, "judged on what is stored");
                        let mut new = (**user).clone();
                        if let Some(record) = &record {
                            spoil_order(self.bug, record, &mut new, command);
                        }
                        self.people.insert(name.to_owned(), new);
                    }
                    Effect::Remove { .. } => {
                        self.people.remove(name);
                    }
                    _ => {}
                }
            }
        }
        Some((result, made))
    }

    fn prepare(
        &mut self,
        chance: &mut Chance,
        record: Option<&UserRecord>,
        command: &Command,
    ) -> (Prepared, Made) {
        let wanted: Needs<'_> = needs(command);
        let id = UserId(chance.octets());
        let for_user = record.map_or(id, |record| record.id);
        let mut made = Made {
            grant: u32::try_from(self.seq).unwrap(),
            ..Made::default()
        };
        let mut prepared = Prepared {
            user_id: Some(id),
            for_user: Some(for_user),
            seats_used: self.seats(),
            link: Some(SecretKey::new(chance.octets())),
            ..Prepared::default()
        };
        if wanted.token_id {
            made.token = Some(TokenId::from_random(chance.octets()));
            prepared.token_id = made.token;
        }
        if wanted.seed != SeedFor::Nothing {
            made.seed = chance.octets::<20>().to_vec();
            prepared.seed = Some(sealed(&made.seed));
            prepared.clear_seed = Some(SecretBytes::copy_of(&made.seed));
        }
        if let Command::PinReset { pin: Some(pin), .. } = command {
            prepared.hash = Some(sealed(pin.expose()));
        }
        if let Command::PasswordSet {
            password: Some(password),
            ..
        } = command
        {
            prepared.hash = Some(sealed(password.expose()));
        }
        answers_of(record, command, &mut prepared, &self.policy);
        if wanted.auth_code {
            let code = AuthCode::from_random(&chance.octets());
            prepared.auth_code = Some(Clear.auth_code_hash(for_user, &code));
            made.auth_code = code.text().expose().clone();
        }
        if wanted.recovery_codes {
            for _ in 0..self.policy.recovery_count {
                let code = RecoveryCode::from_random(&chance.octets());
                prepared.recovery.push(RecoveryHash(hash(&code)));
                made.paper.push(code.text().expose().clone());
            }
        }
        if let Some(Encloses::Confirmation) = wanted.encloses {
            prepared.enclosure = Some(enclosure(EnclosedKind::ConfirmLink, b"link"));
        }
        if wanted.sent_code
            && let (Some(record), Some(named)) = (record, command.token())
            && let Ok(token) = resolve(record, named)
        {
            let text = format!("{:08}", 80_000_000 + self.made % 9_000_000);
            let typed = OtpCode::parse(text.as_bytes()).unwrap();
            let hash = Clear.sent_code_hash(record.id, token, &typed);
            prepared.sent_code = Some(MadeCode { token, hash });
            prepared.enclosure = Some(enclosure(EnclosedKind::Code, text.as_bytes()));
        }
        (prepared, made)
    }

    /// Seats that are taken (12.2).
    pub(crate) fn seats(&self) -> u64 {
        let counted = |record: &&UserRecord| {
            record.profile.state != mfad::domain::user::UserState::Deactivated
        };
        self.people.values().filter(counted).count() as u64
    }

    /// The process ends and begins again: what is not in the records is gone.
    pub(crate) fn restart(&mut self) {
        self.wrong.clear();
        for record in self.people.values_mut() {
            let mut row = Vec::new();
            auth_row::encode(record.id, &record.auth, &mut row);
            let auth = auth_row::decode(record.id, &row).expect("its own row");
            let profile = profile_row::encode(&*record.profile).expect("a row");
            let profile: Profile = profile_row::decode(&profile).expect("its own row");
            assert_eq!(auth, record.auth, "what a restart forgets");
            assert_eq!(profile, *record.profile, "what a restart forgets");
            record.auth = auth;
            record.profile = Arc::new(profile);
        }
    }
}

/// The hashes of new answers, or what those are that were given.
fn answers_of(
    record: Option<&UserRecord>,
    command: &Command,
    prepared: &mut Prepared,
    policy: &Policy,
) {
    match command {
        Command::EmergencySet { answers: given, .. } => {
            let all = answers(given).map(|answer| sealed(normalised(answer).expose()));
            prepared.answers = all.collect();
        }
        Command::EmergencyVerify {
            answers: Some(given),
            ..
        } => {
            let held = record.and_then(token_of);
            let held = held.and_then(|it| Some((it.id, it.questions.as_ref()?)));
            prepared.answered = held.map(|(token, held)| {
                let asked = held.asked(policy.emergency.ask).zip(answers(given));
                let is = |((_, question), typed): ((usize, &Question), &[u8])| {
                    question.answer.data == *normalised(typed).expose()
                };
                Checked {
                    token,
                    first: held.first,
                    right: asked.into_iter().all(is),
                }
            });
        }
        _ => {}
    }
}

fn attempt_door(gateways: &[Arc<GatewayPolicy>], door: usize) -> &'static str {
    let name = &gateways[door].name;
    let known = super::DOORS.iter().find(|door| *door.name == **name);
    known.expect("a gateway of the table").name
}

fn enclosure(kind: EnclosedKind, clear: &[u8]) -> Enclosure {
    Enclosure {
        id: MessageId([9; 16]),
        enclosed: Enclosed {
            kind,
            sealed: sealed(clear),
        },
    }
}

/// What the engine makes to send a code.
fn sending(evidence: Evidence, user: UserId, what: CodeFor, text: &str) -> Evidence {
    let typed = OtpCode::parse(text.as_bytes()).unwrap();
    let hash = match what {
        CodeFor::Token(token) => Clear.sent_code_hash(user, token, &typed),
        CodeFor::Device | CodeFor::Auth => Clear.device_code_hash(user, &typed),
    };
    let fresh = Fresh {
        code: Some((what, hash)),
        enclosure: Some(enclosure(EnclosedKind::SignInCode, text.as_bytes())),
        ..evidence.fresh
    };
    Evidence { fresh, ..evidence }
}
