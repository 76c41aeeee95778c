//! The policy document as one table (`tables/domain.txt`): what a person in this state, typing this
//! at this gateway, is answered; what is counted; what the audit log keeps of it.
//!
//! Each row is run from a fresh record through the real rules with real seeds. A row names every
//! fact that its attempts have changed, so a counter that moves unasked fails it too.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

#[path = "domain_table/cells.rs"]
mod cells;
#[path = "domain_table/events.rs"]
mod events;
#[path = "domain_table/locked.rs"]
mod locked;
#[path = "common/rules.rs"]
mod rules;

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use mfad::domain::attempt::Proof;
use mfad::domain::dialogue::Handle;
use mfad::domain::lapse;
use mfad::domain::lockout::{HardAction, Lock, LockReason, LockoutMode};
use mfad::domain::notice::Notices;
use mfad::domain::passthrough::Revoked;
use mfad::domain::pin::AfterChange;
use mfad::domain::policy::{FirstFactorBy, Otherwise, PasscodeForm};
use mfad::domain::token_record::{Base, TokenKind, effective};
use mfad::domain::update::Update;
use mfad::domain::user::{Contact, Profile, UserId, UserRecord, UserState};
use mfad::domain::verdict::Message;
use mfad::domain::verify::{Ask, CodeMatch, Finding};
use mfad::domain::wait;
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;

use rules::{
    A, B, HOME, Outcome, PASSWORD, PIN, Q, R, START, World, code, grant, id, token, wrong_code,
};

const TABLE: &str = include_str!("tables/domain.txt");

#[test]
fn the_table_holds() {
    let mut failures = Vec::new();
    let mut rows = 0;
    for (number, line) in TABLE.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        rows += 1;
        let found = run(line);
        let wanted = tail(line);
        if found != wanted {
            let number = number + 1;
            failures.push(format!(
                "line {number}: {line}\n   wanted {wanted:?}\n   found  {found:?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(rows > 150, "{rows} rows");
}

/// Columns of a row: rule, given, gateway, typed, answers, facts, events of the last attempt.
fn columns(line: &str) -> [&str; 7] {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    columns
        .try_into()
        .unwrap_or_else(|_| panic!("columns: {line}"))
}

fn tail(line: &str) -> [String; 3] {
    let [.., answers, facts, events] = columns(line);
    let all: Vec<String> = answers.split(';').flat_map(repeated).collect();
    let mut facts: Vec<&str> = facts.split_whitespace().filter(|f| *f != "-").collect();
    facts.sort_unstable();
    [all.join("; "), facts.join(" "), events.to_owned()]
}

/// `bad_code*5` is five of them.
fn repeated(text: &str) -> Vec<String> {
    let (what, times) = text
        .trim()
        .split_once('*')
        .unwrap_or_else(|| (text.trim(), "1"));
    vec![what.to_owned(); times.parse().unwrap()]
}

fn run(line: &str) -> [String; 3] {
    let [_, given, at, typed, _, _, events] = columns(line);
    let (first_factor, form) = match at {
        "gateway?" => (FirstFactorBy::Gateway, PasscodeForm::Challenge),
        "none?" => (FirstFactorBy::None, PasscodeForm::Challenge),
        "pin?" => (FirstFactorBy::Pin, PasscodeForm::Challenge),
        "local?" => (FirstFactorBy::Local, PasscodeForm::Challenge),
        "gateway" => (FirstFactorBy::Gateway, PasscodeForm::Otp),
        "none" => (FirstFactorBy::None, PasscodeForm::Otp),
        "pin" => (FirstFactorBy::Pin, PasscodeForm::PinOtp),
        "local" => (FirstFactorBy::Local, PasscodeForm::PasswordOtp),
        "local," => (FirstFactorBy::Local, PasscodeForm::PasswordCommaOtp),
        other => panic!("gateway {other}"),
    };
    let mut world = World::new(rules::gateway("vpn1", first_factor, form));
    world.gateway.challenge = form == PasscodeForm::Challenge;
    for word in given.split_whitespace().filter(|word| *word != "-") {
        prepare(&mut world, word);
    }
    let before = world.record.clone();
    let mut script = Script::default();
    for step in typed.split(';').map(str::trim) {
        script.step(&mut world, step);
    }
    let last = script.outcomes.last().unwrap();
    let named: Vec<&str> = last.events.iter().map(|event| event.name).collect();
    let named = if events == "*" {
        "*".to_owned()
    } else {
        named.join(" ")
    };
    let answers: Vec<String> = script.outcomes.iter().map(Outcome::text).collect();
    let facts = match (before, &world.record) {
        (Some(before), Some(after)) => facts(&world, &before, after),
        _ => String::new(),
    };
    [answers.join("; "), facts, named]
}

/// What the person's own dialogues have changed.
fn changed(before: &UserRecord, after: &UserRecord) -> Vec<String> {
    let mut facts = Vec::new();
    let pin = |user: &UserRecord| user.profile.pin.clone();
    if pin(after) != pin(before) {
        let now = pin(after).unwrap();
        assert_eq!(now.must_change, now.set_by != "alice");
        facts.push(match now.must_change {
            true => "must-change".to_owned(),
            false => format!("pin={}", str::from_utf8(&now.hash.data).unwrap()),
        });
    }
    let password = |user: &UserRecord| user.profile.password.clone();
    if password(after) != password(before) {
        let now = password(after).unwrap();
        assert_eq!((&*now.set_by, now.registered_at), ("alice", Timestamp(0)));
        facts.push(format!(
            "password={}",
            str::from_utf8(&now.hash.data).unwrap()
        ));
    }
    if before.profile.confirm_unlock && !after.profile.confirm_unlock {
        facts.push("confirmed".to_owned());
    }
    facts.extend(after.profile.questions_void.map(|_| "set-again".to_owned()));
    if after.profile.state != before.profile.state {
        facts.push(format!("state={}", after.profile.state.name()));
    }
    facts
}

/// All that is not as a person without a blemish has it, or has changed.
fn facts(world: &World, before: &UserRecord, after: &UserRecord) -> String {
    let mut facts = Vec::new();
    let mut count = |name: &str, value: u32| {
        if value > 0 {
            facts.push(format!("{name}={value}"));
        }
    };
    let auth = &after.auth;
    count("C1", auth.pin.failures);
    count("C3", auth.soft);
    count("U4", auth.total);
    let open = auth.dialogues.iter().filter(|one| one.open(world.now));
    count(
        "sent",
        u32::try_from(after.profile.code_sends.len()).unwrap(),
    );
    count("unanswered", after.profile.sms_unanswered);
    count("open", u32::try_from(open.count()).unwrap());
    for (name, which) in [("", A), ("B", B), ("Q", Q), ("R", R)] {
        let state = auth.token(id(which));
        count(&format!("C2{name}"), state.map_or(0, |state| state.soft));
        count(&format!("C4{name}"), state.map_or(0, |state| state.total));
    }
    for station in auth.stations.iter().filter(|station| station.failures > 0) {
        facts.push(format!("known={}", station.failures));
    }
    for wait in wait::all(after, world.now) {
        let who = if wait.known_at.is_some() {
            "known-"
        } else {
            ""
        };
        let left = wait.until.since(world.now.steady).as_secs();
        facts.push(format!("{who}wait={left}"));
    }
    if auth.pin.blocked_since.is_some() {
        facts.push("pin-blocked".to_owned());
    }
    if let Some(lock) = &auth.lock {
        facts.push(format!("lock={}", lock.reason.name()));
    }
    facts.extend(changed(before, after));
    for (name, which) in [("A", A), ("B", B), ("Q", Q), ("R", R)] {
        let status = |user: &UserRecord, now| {
            let token = user.token(id(which))?;
            Some(effective(user, token, &world.policy, now).name())
        };
        let now = status(after, world.now);
        if now != status(before, world.now) {
            facts.push(format!("{name}={}", now.unwrap_or("gone")));
        }
        let used = |user: &UserRecord| {
            let state = user.auth.token(id(which));
            state.map_or(0, |s| s.next_factor.max(s.recovery_used))
        };
        assert!(used(after) >= used(before), "I1");
        if used(after) > used(before) {
            facts.push(format!("used{name}"));
        }
    }
    for state in &auth.grants {
        let mark = if state.ended { "ended" } else { "" };
        facts.push(format!("P{}:{}{mark}", state.id, state.uses));
    }
    facts.sort_unstable();
    facts.join(" ")
}

fn number(text: &str) -> u32 {
    text.parse().unwrap()
}

fn span(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit_ms = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        "y" => 365 * 24 * 3_600_000,
        "s" => 1_000,
        _ => return Duration::from_millis(text.parse().unwrap()),
    };
    Duration::from_millis(number.parse::<u64>().unwrap() * unit_ms)
}

/// A point in time as seconds or `1h` before or after the start: `+60s`, `-1h`.
fn instant(text: &str) -> Timestamp {
    match text.split_at(1) {
        ("-", before) => START - span(before),
        (_, after) => START + span(after),
    }
}

fn prepare(world: &mut World, word: &str) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    if prepare_site(world, key, value)
        || prepare_counters(world, key, value)
        || rules::prepare_enrolment(world, key, value)
        || rules::prepare_questions(world, key, value)
    {
        return;
    }
    if key == "stranger" || key == "no-name" {
        world.record = None;
        world.named = key == "stranger";
        return;
    }
    prepare_person(world.alice(), key, value);
}

fn prepare_site(world: &mut World, key: &str, value: &str) -> bool {
    let (policy, gateway) = (&mut world.policy, &mut world.gateway);
    match key {
        "wait" => policy.lockout.mode = LockoutMode::Wait,
        "user-max" => policy.lockout.user_max_failures = number(value),
        "user-duration" => policy.lockout.user_duration = span(value),
        "user-window" => policy.lockout.user_window = span(value),
        "inactive" => policy.lockout.inactive = span(value),
        "token-max" => policy.lockout.token_max_failures = number(value),
        "token-duration" => policy.lockout.token_duration = span(value),
        "totp-max" => policy.lockout.totp.max_failures = Some(number(value)),
        "totp-duration" => policy.lockout.totp.duration = Some(span(value)),
        "sms-locks" => policy.lockout.sms.max_failures = Some(number(value)),
        "virtual-locks" => policy.lockout.virtual_.max_failures = Some(number(value)),
        "hotp-max" => policy.lockout.hotp.max_failures = Some(number(value)),
        "hard-cap" => policy.lockout.hard_cap = number(value),
        "hard-action" => policy.lockout.hard_action = HardAction::Obsolete,
        "pin-max" => policy.pin.max_failures = number(value),
        "pin-duration" => policy.pin.block_duration = span(value),
        "pin-locks" => policy.pin.block_locks_account = value == "yes",
        "keyword" => policy.pin_keyword = "newpin".into(),
        "reauth" => policy.pin.after_change = AfterChange::Reauth,
        "end-on-enrol" => policy.passthrough.end_on_enrol = value == "yes",
        "end-on-token-use" => policy.passthrough.end_on_token_use = value == "yes",
        "no-recovery-login" => policy.recovery_allow_login = false,
        "enabled" => policy.enabled_kinds = vec![TokenKind::by_name(value).unwrap()],
        "set" => {
            let kind = |name| TokenKind::by_name(name).unwrap();
            let groups = value
                .split('/')
                .map(|group| group.split(',').map(kind).collect());
            policy.sets[0].1 = groups.collect();
        }
        "sends" => {
            policy.enabled_kinds = TokenKind::ALL.to_vec();
            policy.notices = Some(Notices {
                mail: true,
                sms: true,
                admins: Vec::new(),
            });
        }
        "code-ttl" => policy.sent_code.ttl = span(value),
        "window" => policy.totp_window_steps = number(value).into(),
        "renew-before" => policy.renew_before = span(value),
        "self-resync" => policy.hotp_self_resync = true,
        "look-ahead" => policy.hotp_look_ahead = number(value).into(),
        "grace" => gateway.same_code_grace = span(value),
        "allowed" => gateway.allowed_kinds = Some(vec![TokenKind::by_name(value).unwrap()]),
        "challenge" => gateway.challenge = true,
        "no-passthrough" => gateway.allow_passthrough = false,
        "force-passthrough" => gateway.allow_passthrough = true,
        "unknown" => gateway.unknown_user = Otherwise::Passthrough,
        "unenrolled" => gateway.unenrolled = Otherwise::Passthrough,
        _ => return false,
    }
    true
}

fn prepare_counters(world: &mut World, key: &str, value: &str) -> bool {
    if key.len() != 2 && !(key.len() == 3 && key.ends_with('B')) {
        return false;
    }
    let auth = &mut world.alice().auth;
    match key {
        "C1" => auth.pin.failures = number(value),
        "C2" => auth.token_mut(id(A)).soft = number(value),
        "C3" => auth.soft = number(value),
        "C4" => auth.token_mut(id(A)).total = number(value),
        "C4B" => auth.token_mut(id(B)).total = number(value),
        "U4" => auth.total = number(value),
        _ => return false,
    }
    true
}

fn prepare_state(profile: &mut Profile, key: &str, value: &str) {
    if key == "what" {
        let names = value.split(',');
        profile.updates = names.map(|it| Update::by_name(it).unwrap()).collect();
        return;
    }
    profile.state = UserState::by_name(value).unwrap();
    if profile.state == UserState::Renew {
        profile.state_since = START;
    }
    if profile.state == UserState::Update {
        profile.updates = vec![Update::usual(profile)];
    }
}

fn prepare_person(alice: &mut UserRecord, key: &str, value: &str) {
    match key {
        "state" | "what" => prepare_state(alice.profile_mut(), key, value),
        "confirm-unlock" => alice.profile_mut().confirm_unlock = true,
        "no-pin" => alice.profile_mut().pin = None,
        "must-change" => alice.profile_mut().pin.as_mut().unwrap().must_change = true,
        "no-password" => alice.profile_mut().password = None,
        "no-token" => alice.profile_mut().tokens.clear(),
        "unanswered" => alice.profile_mut().sms_unanswered = number(value),
        "only" => {
            alice.profile_mut().tokens = vec![token(A, TokenKind::by_name(value).unwrap())];
        }
        "hotp" => {
            alice.profile_mut().tokens = vec![token(A, TokenKind::Hotp)];
            alice.auth.token_mut(id(A)).next_factor = rules::COUNTER;
        }
        "second" => {
            let kind = TokenKind::by_name(value).unwrap();
            if kind == TokenKind::Virtual {
                alice.profile_mut().emails.push(Contact {
                    address: "alice@example.org".to_owned(),
                    verified: true,
                });
            }
            alice.profile_mut().tokens.push(token(B, kind));
            if kind == TokenKind::Hotp {
                alice.auth.token_mut(id(B)).next_factor = rules::COUNTER;
            }
        }
        "recovery" => {
            let set = token(R, TokenKind::Recovery);
            alice.profile_mut().tokens.push(set);
        }
        "lock" => {
            let reason = match value {
                "Failures" => LockReason::Failures,
                "PinBlocked" => LockReason::PinBlocked,
                _ => LockReason::Operator,
            };
            alice.auth.lock = Some(Lock {
                since: START,
                reason,
                by: None,
                auto_until: None,
                note: Arc::from("vpn1"),
                count: 5,
            });
        }
        "idle" => {
            let profile = alice.profile_mut();
            (profile.created, profile.state_since) = (instant(value), instant(value));
        }
        "lock-until" => alice.auth.lock.as_mut().unwrap().auto_until = Some(instant(value)),
        "pin-blocked" => alice.auth.pin.blocked_since = Some(START),
        "grant" | "grant2" => {
            let number = if key == "grant" { 1 } else { 2 };
            let (from, until) = value.split_once("..").unwrap();
            let one = grant(number, instant(from), instant(until));
            alice.profile_mut().grants.push(one);
        }
        "grant-at" => alice.profile_mut().grants[0].gateways = vec![value.to_owned()],
        "grant-revoked" => {
            alice.profile_mut().grants[0].revoked = Some(Revoked {
                by: "bob".to_owned(),
                when: START,
            });
        }
        "second-pending" => alice.profile_mut().tokens[1].base = Base::Pending,
        _ => prepare_token(alice, key, value),
    }
}

fn prepare_token(alice: &mut UserRecord, key: &str, value: &str) {
    match key {
        "token-locked" => alice.auth.token_mut(id(A)).locked_until = Some(instant(value)),
        "token-locked-for-good" => {
            alice.auth.token_mut(id(A)).locked_until = Some(Timestamp::NEVER);
        }
        "active" => alice.auth.token_mut(id(A)).activated_at = Some(START),
        "resync-required" => alice.auth.token_mut(id(A)).resync_required = true,
        _ => {
            let token = &mut alice.profile_mut().tokens[0];
            match key {
                "pending" => token.base = Base::Pending,
                "disabled" => {
                    token.disabled_from = Some(Base::Registered);
                    token.base = Base::Disabled;
                }
                "disabled-until" => token.disabled_until = Some(instant(value)),
                "obsolete" => token.base = Base::Obsolete,
                "expires" => token.expires = Some(instant(value)),
                "no-seed" => token.seed = None,
                "eight" => token.otp.as_mut().unwrap().digits = mfad::token::Digits::EIGHT,
                other => panic!("given {other}"),
            }
        }
    }
}

#[derive(Default)]
struct Script {
    outcomes: Vec<Outcome>,
    wrongs: usize,
    last: Vec<u8>,
}

impl Script {
    fn step(&mut self, world: &mut World, step: &str) {
        if let Some(gap) = step.strip_prefix('@') {
            return world.wait(span(gap));
        }
        if let Some(gap) = step.strip_prefix("wall+") {
            world.now.wall = world.now.wall + span(gap);
            return;
        }
        if let Some(gap) = step.strip_prefix("wall-") {
            world.now.wall = world.now.wall - span(gap);
            return;
        }
        if let Some(station) = step.strip_prefix("from:") {
            world.station = SmolStr::from(if station == "home" { HOME } else { station });
            return;
        }
        if let Some(name) = step.strip_prefix("to:") {
            world.gateway.name = Arc::from(name);
            return;
        }
        match step {
            "unlock" => {
                let policy = world.policy.clone();
                world.alice().auth.lock = None;
                lapse::clear_soft(world.alice(), &policy);
            }
            "page" => rules::open_page(world),
            "add" => rules::show_token(world),
            "move" => {
                let emails = &mut world.alice().profile_mut().emails;
                emails[0].address = "other@example.org".to_owned();
            }
            "reload-gateway" => world.gateway.first_factor = FirstFactorBy::Gateway,
            "chap" => self.judge(world, Proof::Unsupported("CHAP")),
            "unknown-state" => self.answer(world, None, "code"),
            "lock" => prepare_person(world.alice(), "lock", "Operator"),
            "lock-questions" => {
                rules::prepare_questions(world, "questions-locked", "");
            }
            "disable" => world.alice().token_mut(id(A)).unwrap().base = Base::Disabled,
            "disableB" => world.alice().token_mut(id(B)).unwrap().base = Base::Disabled,
            "block-pin" => prepare_person(world.alice(), "pin-blocked", ""),
            "deactivate" => prepare_person(world.alice(), "state", "deactivated"),
            "replace" => prepare_person(world.alice(), "state", "replace"),
            answer if answer.starts_with("answer:") => {
                let answer = &answer["answer:".len()..];
                let (typed, times) = answer.split_once('*').unwrap_or((answer, "1"));
                for _ in 0..number(times) {
                    let last = self.outcomes.iter().rev().find_map(Outcome::handle);
                    self.answer(world, last, typed);
                }
            }
            answer if answer.starts_with("old:") => {
                let first = self.outcomes.iter().find_map(Outcome::handle);
                self.answer(world, first, &answer["old:".len()..]);
            }
            typed => {
                let (typed, times) = typed.split_once('*').unwrap_or((typed, "1"));
                for _ in 0..number(times) {
                    let passcode = self.passcode(world, typed);
                    self.last.clone_from(&passcode);
                    self.outcomes.push(world.type_in(&passcode));
                }
            }
        }
    }

    fn judge(&mut self, world: &mut World, proof: Proof) {
        let attempt = world.attempt(proof);
        self.outcomes.push(world.judge(&attempt));
    }

    /// Answers the question with this handle.
    fn answer(&mut self, world: &mut World, handle: Option<Handle>, typed: &str) {
        let passcode = SecretBytes::new(self.passcode(world, typed));
        self.judge(world, Proof::Answer { handle, passcode });
    }

    fn passcode(&mut self, world: &World, typed: &str) -> Vec<u8> {
        let parts = typed.split('.').map(|part| self.part(world, part));
        parts.collect::<Vec<_>>().concat()
    }

    fn part(&mut self, world: &World, part: &str) -> Vec<u8> {
        let stored = rules::alice();
        let record = world.record.as_ref().unwrap_or(&stored);
        if let Some(offset) = part.strip_prefix("codeB") {
            return code(record, B, offset_of(offset), world.now).into_bytes();
        }
        if let Some(offset) = part.strip_prefix("code") {
            return code(record, A, offset_of(offset), world.now).into_bytes();
        }
        if let Some(number) = part.strip_prefix("sent") {
            let at = number.parse().unwrap_or(world.sent.len()) - 1;
            return world.sent[at].clone().into_bytes();
        }
        if let Some(text) = part.strip_prefix("text:") {
            return text.as_bytes().to_vec();
        }
        if let Some(index) = part.strip_prefix("rec:") {
            let text = rules::recovery_code(index.parse().unwrap()).text();
            return text.expose().as_bytes().to_vec();
        }
        if let Some(index) = part.strip_prefix("plainrec:") {
            let text = rules::recovery_code(index.parse().unwrap()).text();
            return text.expose().replace('-', "").to_lowercase().into_bytes();
        }
        match part {
            "auth" => rules::auth_code().text().expose().as_bytes().to_vec(),
            "pin" => PIN.to_vec(),
            "bad-pin" => b"402818".to_vec(),
            "pw" => PASSWORD.to_vec(),
            "bad-pw" => b"correct, house".to_vec(),
            "comma" => b",".to_vec(),
            "empty" => Vec::new(),
            "space" => b" ".to_vec(),
            "same" => self.last.clone(),
            "wrong" => {
                self.wrongs += 1;
                wrong_code(record, self.wrongs, world.now).into_bytes()
            }
            "garbage" => vec![0xff, 0, b'\n', 0x80, 0xfe],
            other => panic!("typed {other}"),
        }
    }
}

/// `>1` is one later, `<1` one earlier.
fn offset_of(text: &str) -> i64 {
    match text.split_at_checked(1) {
        Some((">", later)) => later.parse().unwrap(),
        Some(("<", earlier)) => -earlier.parse::<i64>().unwrap(),
        _ => 0,
    }
}

fn world_at(first_factor: FirstFactorBy, form: PasscodeForm, given: &str) -> World {
    let mut world = World::new(rules::gateway("vpn1", first_factor, form));
    for word in given.split_whitespace() {
        prepare(&mut world, word);
    }
    world
}

fn shown(given: &str, typed: &str, helpful: bool) -> Option<Message> {
    let mut world = world_at(FirstFactorBy::Gateway, PasscodeForm::Otp, given);
    world.gateway.helpful = helpful;
    world.gateway.show_accept_message = helpful;
    let mut script = Script::default();
    for step in typed.split(';').map(str::trim) {
        script.step(&mut world, step);
    }
    script.outcomes.last().unwrap().message()
}

fn message(given: &str, typed: &str, helpful: bool) -> Option<&'static str> {
    shown(given, typed, helpful).map(|message| message.id())
}

/// D7: nothing is hashed for a passcode that cannot open anything.
#[test]
fn no_pin_is_asked_for_with_a_code_that_is_used_or_while_it_is_blocked() {
    let asked = |given: &str, typed: &[&str]| {
        let mut world = world_at(FirstFactorBy::Pin, PasscodeForm::PinOtp, given);
        let mut script = Script::default();
        let (last, before) = typed.split_last().unwrap();
        before.iter().for_each(|step| script.step(&mut world, step));
        let passcode = SecretBytes::new(script.passcode(&world, last));
        let attempt = world.attempt(Proof::Passcode(passcode));
        world.look(&attempt).unwrap().ask
    };
    for typed in [&["pin.code"][..], &["pin.rec:1"]] {
        assert!(matches!(asked("recovery", typed), Ask::Pin(_)));
    }
    assert_eq!(asked("recovery", &["pin.rec:1", "pin.rec:1"]), Ask::Nothing);
    assert_eq!(asked("", &["pin.code", "pin.code"]), Ask::Nothing);
    assert_eq!(asked("pin-blocked", &["pin.code"]), Ask::Blocked);
}

/// What was found counts for this very record only.
#[test]
fn a_finding_is_of_one_person_and_one_revision() {
    let alice = rules::alice();
    let finding = Finding::of(&alice, CodeMatch::NoCode, Ask::Nothing);
    assert!(finding.is_of(&alice));
    let mut later = alice.clone();
    later.auth.revision += 1;
    let mut namesake = alice;
    namesake.id = UserId([8; 16]);
    assert!(!finding.is_of(&later) && !finding.is_of(&namesake));
}

/// The language of a person would tell a stranger that there is such a person.
#[test]
fn a_person_is_spoken_to_in_the_own_language_once_something_is_proven() {
    let said = |first_factor, typed: &str| {
        let mut world = world_at(first_factor, PasscodeForm::Challenge, "");
        world.gateway.challenge = true;
        world.gateway.show_accept_message = true;
        world.record.as_mut().unwrap().profile_mut().language = "de-AT".to_owned();
        let mut script = Script::default();
        for step in typed.split(';').map(str::trim) {
            script.step(&mut world, step);
        }
        let words = script.outcomes.last().unwrap().words();
        words.unwrap_or_default().to_owned()
    };
    for (first_factor, typed, words) in [
        (FirstFactorBy::Pin, "pin", "Einmalcode eingeben:"),
        (FirstFactorBy::Pin, "empty", "Enter your passcode:"),
        (FirstFactorBy::Pin, "bad-pin", "Access denied."),
        (FirstFactorBy::None, "empty", "Enter your one-time code:"),
        (FirstFactorBy::None, "text:0", "Enter your one-time code:"),
    ] {
        assert_eq!(said(first_factor, typed), words, "{typed}");
    }
}

/// M10.
#[test]
fn a_passthrough_near_its_end_tells_the_full_hours_left() {
    for (until, hours) in [("+1d", 24), ("+119m", 1), ("+59m", 0)] {
        let left = shown(&format!("grant=-1h..{until}"), "text:x", true);
        assert_eq!(left, Some(Message::TemporaryEndsIn { hours }), "{until}");
    }
}

/// 3.2, the detail rule, and I9.
#[test]
fn only_a_helpful_gateway_says_why() {
    for (given, typed, id) in [
        ("lock=Failures", "code", "M02"),
        ("lock=PinBlocked", "code", "M03"),
        ("state=deactivated", "code", "M04"),
        ("state=deactivated lock=PinBlocked", "code", "M04"),
        ("state=revoke", "code", "M05"),
        ("expires=-1s", "code", "M06"),
        ("state=new no-token", "code", "M07"),
        ("state=reset", "code", "M07"),
        ("", "code; code", "M08"),
        ("", "wrong", "M01"),
        ("", "chap", "M01"),
        ("stranger", "code", "M01"),
    ] {
        let typed = if given.contains("no-token") {
            "text:123456"
        } else {
            typed
        };
        assert_eq!(
            message(given, typed, false),
            Some("M01"),
            "{given}, {typed}"
        );
        assert_eq!(message(given, typed, true), Some(id), "{given}, {typed}");
    }
    for (given, typed, id) in [
        ("", "code", None),
        ("expires=+31d", "code", None),
        ("expires=+30d", "code", Some("M11")),
        ("grant=-1h..+25h", "text:x", Some("M09")),
        ("grant=-1h..+24h", "text:x", Some("M10")),
    ] {
        assert_eq!(message(given, typed, true), id, "{given}, {typed}");
        assert_eq!(message(given, typed, false), None, "{given}, {typed}");
    }
    // R25: the first factor is proven there.
    let given = "state=new no-token enroll pages auth-code=60";
    let told = message(given, "text:x; @61s; answer:auth", false);
    assert_eq!(told, Some("M07"));
}

/// I11: Unlocked By survives, Locked Date and Lock Reason vanish.
#[test]
fn a_lock_that_ran_out_leaves_who_unlocked() {
    let given = "lock=Failures lock-until=+1h";
    let mut world = world_at(FirstFactorBy::Gateway, PasscodeForm::Otp, given);
    world.wait(Duration::from_secs(3600));
    let typed = code(world.record.as_ref().unwrap(), A, 0, world.now);
    assert_eq!(world.type_in(typed.as_bytes()).text(), "ACCEPT token");
    assert_eq!(world.auth().lock, None);
    let unlocked = world.auth().unlocked.clone().unwrap();
    assert_eq!((&*unlocked.by, unlocked.at), ("auto", world.now.wall));
    let login = world.auth().last_login.clone().unwrap();
    assert_eq!((&*login.gateway, login.token), ("vpn1", Some(id(A))));
}
