//! The questions of Emergency Access (R52, R53): set, asked on the phone, removed.

use super::case::Case;
use super::token::remove;
use super::{Applied, Prepared, words};
use crate::domain::action::Action;
use crate::domain::questions::{self, Question, Questions, token_of};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Status, Token, TokenKind, effective};
use crate::domain::user::UserState;
use crate::secret::SecretBytes;
use crate::token::TokenId;

/// What the answers that were given are, and to which questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Of this token.
    pub token: TokenId,
    /// From this one on.
    pub first: usize,
    /// All of them are right.
    pub right: bool,
}

/// `emergency set`: the new questions are the only ones.
pub(super) fn set(
    mut case: Case<'_>,
    texts: &[String],
    given: &SecretBytes,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    switched_on(&case)?;
    if matches!(case.state(), UserState::Deactivated | UserState::Revoke) {
        let state = case.state().title();
        let what = format!("{} gets no questions", case.user);
        return Err(Refusal::new(Code::State, what).why(format!("the state is {state}")));
    }
    questions::check(texts, given, case.site.policy.emergency.ask).map_err(|flaw| {
        let what = format!("{}: the questions were not set; nothing changed", case.user);
        Refusal::new(Code::Policy, what).why(flaw.to_string())
    })?;
    case.fresh(&prepared)?;
    let (Some(id), true) = (prepared.token_id, prepared.answers.len() == texts.len()) else {
        return Err(case.stale());
    };
    let old = sets(&case);
    for token in &old {
        remove(&mut case, *token, "qa.cleared");
    }
    let list = texts.iter().zip(prepared.answers);
    let list = list.map(|(text, answer)| Question {
        text: text.clone(),
        answer,
    });
    let token = token(&case, id, list.collect());
    let profile = case.record.profile_mut();
    profile.tokens.push(token);
    profile.questions_void = None;
    let event = case.event("qa.set").token(id);
    case.push(event.detail("count", texts.len()));
    case.about(id);
    if !old.is_empty() {
        case.note("old questions", "those before these are void");
    }
    let typed = case.typed.clone();
    case.undo(Action::EmergencyClear, &typed);
    let message = format!(
        "{} for {} set, {id}. {}",
        words::count(texts.len() as u64, "question"),
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `emergency verify`: which questions are asked, or whether the answers to them are right. All of them
/// are, or nobody is told which one is not.
pub(super) fn verify(
    mut case: Case<'_>,
    given: Option<&SecretBytes>,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    switched_on(&case)?;
    let (id, asked) = asked(&case)?;
    let Some(given) = given else {
        let message = format!(
            "{} to {}, in this order. {}",
            words::count(asked.len() as u64, "question"),
            case.user,
            case.current()
        );
        let event = case.event("emergency.asked").token(id);
        case.push(event);
        case.fact("questions", asked);
        case.about(id);
        return Ok(case.shown(message));
    };
    if questions::answers(given).count() != asked.len() {
        let what = format!("{} answers are needed, one a line", asked.len());
        return Err(Refusal::new(Code::Arg, what));
    }
    let Some(answered) = prepared.answered else {
        let message = format!("The answers of {} would be checked.", case.user);
        return Ok(case.shown(message));
    };
    let first = case.record.token(id).and_then(|it| it.questions.as_ref());
    if answered.token != id || first.map(|it| it.first) != Some(answered.first) {
        return Err(case.stale());
    }
    let event = case.event("emergency.started").token(id);
    case.push(event.detail("via", case.place()));
    case.about(id);
    let policy = case.site.policy;
    if answered.right {
        questions::right(&mut case.record, id, policy);
        let event = case.event("emergency.ok").token(id);
        case.push(event);
        if case.may(Action::PinReset) {
            let line = case.line(Action::PinReset, &format!("{} --generate", case.typed));
            case.note("then", line);
        }
        let message = format!("{} has answered right. {}", case.user, case.current());
        return Ok(case.done(message));
    }
    let event = case.event("emergency.failed").token(id);
    let limit = policy.lockout.token_limit(TokenKind::Qa);
    let mut brought_about = Vec::new();
    let now = case.now();
    questions::wrong(&mut case.record, id, policy, now, &mut brought_about);
    let count = case.record.auth.token(id).map_or(0, |state| state.soft);
    case.push(event.detail("count", count).detail("of", limit));
    for event in brought_about {
        case.push(event);
    }
    let what = format!("{} has not answered right", case.user);
    let mut refusal = Refusal::new(Code::Otp, what)
        .why("one answer at least is wrong; which one is not told to anybody");
    if count >= limit {
        refusal = refusal.why(format!("that was try {count} of {limit}: {id} is locked"));
        refusal = case.suggest(refusal, Action::TokenUnlock, &id.to_string());
    }
    Ok(case.refused(refusal))
}

/// `emergency clear`: nothing leads to a new PIN but an operator, and no questions are missed.
pub(super) fn clear(mut case: Case<'_>) -> Applied {
    let old = sets(&case);
    if case.record.profile.questions_void.is_some() {
        case.record.profile_mut().questions_void = None;
        let event = case.event("qa.cleared");
        case.push(event);
    } else if old.is_empty() {
        let event = case.event("qa.cleared");
        let message = format!("{} has no questions; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    for token in old {
        remove(&mut case, token, "qa.cleared");
    }
    let message = format!("questions of {} removed. {}", case.user, case.current());
    case.done(message)
}

/// The token that holds the questions, and the texts of those that are asked now.
fn asked(case: &Case<'_>) -> Result<(TokenId, Vec<String>), Refusal> {
    let policy = case.site.policy;
    let none = || {
        let what = format!("{} has no questions to be asked", case.user);
        case.suggest(
            Refusal::new(Code::NoToken, what),
            Action::EmergencySet,
            &case.typed,
        )
    };
    let token = token_of(&case.record).ok_or_else(none)?;
    let id = token.id;
    let status = effective(&case.record, token, policy, case.now());
    if !status.usable() {
        let what = format!("the questions of {} are not asked now", case.user);
        let refusal = Refusal::new(Code::State, what).why(format!("{id} is {}", status.name()));
        return Err(match status {
            Status::Locked => case.suggest(refusal, Action::TokenUnlock, &id.to_string()),
            Status::Disabled => case.suggest(refusal, Action::TokenEnable, &id.to_string()),
            _ => refusal,
        });
    }
    let ask = policy.emergency.ask;
    let questions = token.questions.as_ref().ok_or_else(none)?;
    let texts = questions
        .asked(ask)
        .map(|(_, question)| question.text.clone());
    let texts: Vec<String> = texts.collect();
    if texts.len() < ask {
        let what = format!("{} has too few questions", case.user);
        let refusal = Refusal::new(Code::State, what).why(format!("emergency.ask = {ask}"));
        return Err(case.suggest(refusal, Action::EmergencySet, &case.typed));
    }
    Ok((id, texts))
}

fn switched_on(case: &Case<'_>) -> Result<(), Refusal> {
    if case.site.policy.enabled_kinds.contains(&TokenKind::Qa) {
        return Ok(());
    }
    Err(
        Refusal::new(Code::Type, "Emergency Access is switched off here")
            .why("emergency.enabled = false"),
    )
}

fn sets(case: &Case<'_>) -> Vec<TokenId> {
    let tokens = case.record.profile.tokens.iter();
    let tokens = tokens.filter(|token| token.kind == TokenKind::Qa);
    tokens.map(|token| token.id).collect()
}

fn token(case: &Case<'_>, id: TokenId, list: Vec<Question>) -> Token {
    let at = case.wall();
    Token {
        base: Base::Registered,
        questions: Some(Questions { list, first: 0 }),
        registered_at: Some(at),
        ..Token::new(id, TokenKind::Qa, (at, case.by()))
    }
}
