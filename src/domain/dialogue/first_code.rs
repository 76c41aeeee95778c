//! The first code of a new token (R30).
//!
//! 1. *Open https://.. within 10 minutes, add the account in your app, then enter the code it shows:*
//!    The link is good once and for this person; what an auth code would show is shown already, so the
//!    page asks for the name only. Where there is no page, an operator has shown the token before:
//!    *Enter your one-time code:* Whoever has just shown another one is told of which token.
//! 2. The answer is a code of a token that waits for its proof, or of one that was proven on the page
//!    meanwhile: it is proven, then the Accept.
//! 3. Another code counts, at the token and on the person, and is asked for again, with a new link if
//!    the first was not opened. The third wrong one ends the dialogue; the token goes on waiting.

use super::{Asking, Dialogue, Kind, Proven, Seen, Turn, enrol, recovered, reset};
use crate::domain::attempt::{Attempt, split};
use crate::domain::failure;
use crate::domain::judge::Case;
use crate::domain::link::{Link, Purpose, TICKET_TTL};
use crate::domain::methods::{candidates, pending};
use crate::domain::policy::{GatewayPolicy, PasscodeForm, Policy};
use crate::domain::sealed::Unseal;
use crate::domain::token_record::Token;
use crate::domain::user::UserRecord;
use crate::domain::verdict::{How, Message, Reason};
use crate::domain::verify::{Ask, code_fits};
use crate::time::{Now, Timestamp};

use super::handle::PageLink;

/// Wrong codes that end it.
const WRONG_MAX: u8 = 3;

/// The question after so many wrong codes; none: there is no token to prove, and no page that shows
/// one.
pub(super) fn asking(case: &Case<'_>, wrong: u8) -> Option<Asking> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let page = enrol::has_page(record, gateway, case.policy);
    let opened = wrong > 0 && !record.profile.links.iter().any(is_of_prompt);
    let message = if page && !opened {
        Message::OpenPage {
            link: PageLink::default(),
            minutes: TICKET_TTL.as_secs() / 60,
            later: record.profile.recovered,
        }
    } else {
        let since = (&case.proven, case.began());
        let token = pending(record, gateway, case.policy, case.now)
            .chain(newest(record, gateway, case.policy, since, case.now))
            .next()?;
        // Who has shown a code already is not to type another one of the old device.
        match case.proven.factors.is_empty() {
            true => Message::EnterCode,
            false => Message::EnterCodeOf(reset::name(token)),
        }
    };
    let kind = Kind::FirstCode { wrong };
    Some(Asking { kind, message })
}

/// Whether a link stands in a question.
pub(in crate::domain) fn is_of_prompt(link: &Link) -> bool {
    link.purpose == Purpose::Enrol && link.at_prompt
}

/// Tokens whose codes a device computes, and that the page may have shown: who had one before, and
/// proves a further one, shows it by one that was proven since the dialogue `began`, and that has
/// passed no group yet.
fn newest<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    (proven, began): (&'a Proven, Option<Timestamp>),
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let since = began.filter(|_| !proven.factors.is_empty());
    let new = move |token: &&Token| {
        let shown = proven
            .factors
            .iter()
            .any(|how| how.token() == Some(token.id));
        token.kind.computes()
            && !shown
            && since.is_none_or(|since| token.registered_at >= Some(since))
    };
    candidates(record, gateway, policy, &[], now).filter(new)
}

pub(super) fn look(
    answered: &Dialogue,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> (Seen, Ask) {
    let gateway = &attempt.gateway;
    let since = (&answered.proven, Some(answered.opened));
    let mut tokens = pending(record, gateway, policy, now)
        .chain(newest(record, gateway, policy, since, now))
        .filter_map(|token| Some((token, token.otp?.digits)));
    let found = tokens.find_map(|(token, digits)| {
        let typed = split(PasscodeForm::Otp, attempt.passcode(), digits)?;
        let factor = code_fits(record, token, &typed.code, policy, unseal, now)?;
        Some((token.id, factor))
    });
    let seen = match found {
        Some((token, factor)) => Seen::Code { token, factor },
        None if recovered::is_later(&answered.proven, record, attempt.passcode()) => Seen::Later,
        None => Seen::Wrong,
    };
    (seen, Ask::Nothing)
}

pub(super) fn turn(case: &mut Case<'_>, wrong: u8, seen: Seen) -> Turn {
    if seen == Seen::Later
        && let Some(turn) = recovered::put_off(case)
    {
        return turn;
    }
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    if let Seen::Code { token, factor } = seen {
        let here = |it: &Token| it.id == token;
        if pending(record, gateway, case.policy, case.now).any(here) {
            case.consume(token, factor);
            enrol::prove(case, token);
            return Turn::Passed;
        }
        let since = (&case.proven, case.began());
        if newest(record, gateway, case.policy, since, case.now).any(here) {
            case.consume(token, factor);
            case.proven.factors.push(How::Token(token));
            return Turn::Passed;
        }
    }
    let wrong = wrong.saturating_add(1);
    let meant = meant(case);
    if wrong >= WRONG_MAX || asking(case, wrong).is_none() {
        return Turn::Failed(Reason::BadCode, meant);
    }
    // It may have locked the person, or the token that is to be proven.
    let goes_on = case.count_wrong(meant);
    let asking = asking(case, wrong).filter(|_| goes_on);
    asking.map_or(Turn::Refused(Reason::BadCode), Turn::Ask)
}

/// What a wrong code counts for: as much as one that is typed where nothing was asked, or an operator's
/// token could be guessed at here for as long as the person is not locked.
fn meant(case: &Case<'_>) -> failure::Kind {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let since = (&case.proven, case.began());
    let shaped = |token: &&Token| {
        let typed = |digits| split(PasscodeForm::Otp, case.attempt.passcode(), digits);
        token.otp.is_some_and(|otp| typed(otp.digits).is_some())
    };
    let mut tokens = pending(record, gateway, case.policy, case.now)
        .chain(newest(record, gateway, case.policy, since, case.now))
        .filter(shaped);
    match (tokens.next(), tokens.next()) {
        (None, _) => failure::Kind::Shapeless,
        (Some(token), None) => failure::Kind::Code {
            only: Some(token.id),
        },
        _ => failure::Kind::Code { only: None },
    }
}
