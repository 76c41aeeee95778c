//! The method: by which token the group of the set that is open is passed.
//!
//! 1. There is one: its question at once, *Enter your one-time code:*, or the code is sent.
//! 2. There are several: *1 = app or token code, 2 = SMS to +49 \*\*\* \*\*67:* The answer is a number,
//!    or a code of the app at once.
//! 3. The question of what was chosen.

use super::{Asking, Kind, Seen, Turn, code, sent};
use crate::domain::attempt::Attempt;
use crate::domain::delivery::destination;
use crate::domain::judge::{Case, Evidence, Lacking};
use crate::domain::methods::{candidates, recovery_sets};
use crate::domain::token_record::TokenKind;
use crate::domain::verdict::Message;
use crate::token::TokenId;

/// Tokens that are offered beside the codes of apps.
const OFFERED_MAX: usize = 3;

/// What is offered, in the order of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// First, a code that is typed.
    pub typed: bool,
    /// Then, tokens whose codes are sent.
    pub sent: Vec<TokenId>,
}

/// The question by which the open group is passed, at its first asking.
pub(super) fn begin(case: &mut Case<'_>, evidence: &Evidence) -> Result<Turn, Lacking> {
    let methods = methods(case);
    match (methods.typed, methods.sent.as_slice()) {
        (_, []) => Ok(Turn::Ask(code::asking())),
        (false, [only]) => sent::send(case, *only, 0, evidence),
        _ => Ok(Turn::Ask(asking(case, methods))),
    }
}

/// Whether there is a way to pass the open group.
pub(super) fn any(case: &Case<'_>) -> bool {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let passed = &case.proven.factors;
    let mut recovery = recovery_sets(record, gateway, case.policy, passed, case.now);
    methods(case) != Methods::default() || recovery.next().is_some()
}

fn methods(case: &Case<'_>) -> Methods {
    let gateway = &case.attempt.gateway;
    let passed = &case.proven.factors;
    let mut methods = Methods::default();
    for token in candidates(&case.record, gateway, case.policy, passed, case.now) {
        if token.kind.computes() {
            methods.typed = true;
        } else if methods.sent.len() < OFFERED_MAX {
            methods.sent.push(token.id);
        }
    }
    methods
}

/// The types of the tokens whose codes are typed, each once.
fn typed(case: &Case<'_>) -> Vec<TokenKind> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let passed = &case.proven.factors;
    let tokens = candidates(record, gateway, case.policy, passed, case.now);
    let mut kinds = Vec::new();
    for token in tokens.filter(|token| token.kind.computes()) {
        if !kinds.contains(&token.kind) {
            kinds.push(token.kind);
        }
    }
    kinds
}

fn asking(case: &Case<'_>, methods: Methods) -> Asking {
    let profile = &case.record.profile;
    let to = |id: &TokenId| {
        let token = case.record.token(*id)?;
        let to = destination(token, profile)?;
        Some((token.kind, to.via, to.masked()))
    };
    let message = Message::Methods {
        typed: typed(case),
        sent: methods.sent.iter().filter_map(to).collect(),
    };
    let kind = Kind::Method(methods);
    Asking { kind, message }
}

/// The number of what is offered; none: something else was typed, a code.
pub(super) fn look(asked: &Methods, attempt: &Attempt) -> Option<Seen> {
    let [digit @ b'1'..=b'9'] = attempt.passcode() else {
        return None;
    };
    let number = usize::from(digit - b'0');
    (number <= asked.sent.len() + usize::from(asked.typed)).then_some(Seen::Choice(number))
}

pub(super) fn turn(
    case: &mut Case<'_>,
    asked: &Methods,
    seen: Seen,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let number = match seen {
        Seen::Choice(1) if asked.typed => return Ok(Turn::Ask(code::asking())),
        Seen::Choice(number) => number,
        _ => return Ok(Turn::Ended(Message::Denied)),
    };
    let at = number - 1 - usize::from(asked.typed);
    match asked.sent.get(at) {
        Some(token) => sent::wished(case, *token, 0, evidence),
        None => Ok(Turn::Ended(Message::Denied)),
    }
}
