//! Whether a token of a type may be added for somebody: the type's own rules, and room for one more.

use super::case::Case;
use super::{user, words};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token, TokenKind};

/// Whether an operator may add a token of this type for this person.
pub(super) fn admitted(case: &Case<'_>, kind: TokenKind, description: &str) -> Result<(), Refusal> {
    let policy = case.site.policy;
    let name = kind.name();
    if kind == TokenKind::Recovery {
        let refusal = Refusal::new(Code::Type, "recovery codes are issued, not added");
        return Err(case.suggest(refusal, Action::RecoveryIssue, &case.typed));
    }
    if kind == TokenKind::Qa {
        let refusal = Refusal::new(Code::Type, "questions are set, not added");
        return Err(case.suggest(refusal, Action::EmergencySet, &case.typed));
    }
    if policy.withdrawn(kind) {
        let what = format!("tokens of type {name} are OBSOLETE here; none is added");
        let refusal = Refusal::new(Code::Type, what);
        let why = format!("token_types.{name}.status = \"obsolete\"");
        return Err(refusal.why(why).try_next("mfactl token types"));
    }
    if !policy.enabled_kinds.contains(&kind) {
        let what = format!("tokens of type {name} are switched off here");
        return Err(
            Refusal::new(Code::Type, what).why(format!("token_types.{name}.enabled = false"))
        );
    }
    if policy.rule(kind).is_some_and(|rule| !rule.operator_enrol) {
        let what = format!("operators add no tokens of type {name} here");
        return Err(Refusal::new(Code::Policy, what)
            .why(format!("token_types.{name}.operator_enrol = false")));
    }
    user::written("--description", description, user::LABEL_CHARS_MAX)?;
    let counted = |token: &&Token| token.base != Base::Obsolete;
    let have = case.record.profile.tokens.iter().filter(counted).count();
    if have >= policy.tokens_max_per_user {
        let what = format!(
            "{} has {}; nothing changed",
            case.user,
            words::count(have, "token")
        );
        return Err(Refusal::new(Code::Policy, what)
            .why(format!(
                "tokens.max_per_user = {}",
                policy.tokens_max_per_user
            ))
            .try_next(format!("mfactl token list {}", case.typed)));
    }
    Ok(())
}
