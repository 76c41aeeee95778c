//! Another address for a token whose codes are sent: of its owner (R8) or of its own (R35). Until what
//! is sent there is shown to arrive, the token waits.

use super::case::Case;
use super::sent::{delivery, goes_to_proven, implied, vouch};
use super::token::status;
use crate::domain::action::Action;
use crate::domain::auth_code::Delivery;
use crate::domain::delivery::{Via, destination};
use crate::domain::token_record::{Base, Status};
use crate::token::TokenId;

/// Where the codes of a token went before a change of contacts.
pub(super) struct Went {
    id: TokenId,
    via: Via,
    address: String,
    listed: bool,
}

/// Where all codes go now.
pub(super) fn went(case: &Case<'_>) -> Vec<Went> {
    let profile = &case.record.profile;
    let listed = |via: Via, address: &str| {
        let mut contacts = via.contacts(profile).iter();
        contacts.any(|contact| contact.address == address)
    };
    let live = profile.tokens.iter().filter(|it| it.base != Base::Obsolete);
    live.filter_map(|token| {
        let to = destination(token, profile)?;
        Some(Went {
            id: token.id,
            via: to.via,
            address: to.address.to_owned(),
            listed: listed(to.via, to.address),
        })
    })
    .collect()
}

/// R8: a token whose address is another one now, or no longer its owner's, waits for a new proof.
pub(super) fn rebind(case: &mut Case<'_>, before: &[Went]) {
    for Went {
        id,
        via,
        address,
        listed,
    } in before
    {
        let profile = &case.record.profile;
        let token = case.record.token(*id);
        let to = token.and_then(|token| destination(token, profile));
        let same = to.is_some_and(|to| to.address == address);
        let mut contacts = via.contacts(profile).iter();
        let gone = *listed && !contacts.any(|contact| contact.address == *address);
        if same && !gone {
            continue;
        }
        if token.is_some_and(|token| goes_to_proven(case, token)) {
            void_code(case, *id);
        } else {
            unprove(case, *id);
        }
    }
    implied(case);
}

/// The main addresses.
pub(super) fn mains(case: &Case<'_>) -> [Option<String>; 2] {
    let profile = &case.record.profile;
    Via::ALL.map(|via| Some(via.contacts(profile).first()?.address.clone()))
}

/// An auth code that went to the address before is not to be used by whoever reads it there.
pub(super) fn void_auth_code(case: &mut Case<'_>, before: &[Option<String>; 2]) {
    let now = mains(case);
    let delivery = case.record.profile.auth_code.as_ref().map(|it| it.delivery);
    let moved = Via::ALL.into_iter().zip(before.iter().zip(&now));
    let moved = moved.filter(|(_, (before, now))| before != now);
    let went = |via| match via {
        Via::Email => Delivery::Email,
        Via::Sms => Delivery::Sms,
    };
    if moved
        .into_iter()
        .any(|(via, _)| delivery == Some(went(via)))
    {
        case.record.profile_mut().auth_code = None;
        let event = case.event("authcode.revoked").detail("why", "address");
        case.push(event);
        case.note("auth code", "void: it went to the address before");
    }
}

/// `token edit` has given it another address: it waits for a new proof, unless the operator has seen
/// that one.
pub(super) fn readdressed(case: &mut Case<'_>, id: TokenId, trusted: bool) {
    let profile = &case.record.profile;
    let to = case
        .record
        .token(id)
        .and_then(|token| destination(token, profile));
    let Some((via, address)) = to.map(|to| (to.via, to.address.to_owned())) else {
        return;
    };
    void_code(case, id);
    if trusted {
        vouch(case, id, via, &address);
    } else {
        unprove(case, id);
    }
    implied(case);
}

/// A code that is out went to the address before.
fn void_code(case: &mut Case<'_>, id: TokenId) {
    let dialogues = &mut case.record.auth.dialogues;
    dialogues.retain(|dialogue| !dialogue.waits_for(id));
    if let Some(delivery) = delivery(case, id) {
        delivery.code = None;
    }
}

/// Back to pending: what is sent has to be shown to arrive first.
fn unprove(case: &mut Case<'_>, id: TokenId) {
    void_code(case, id);
    let at = case.wall();
    let before = status(case, id);
    let Some(token) = case.record.token_mut(id) else {
        return;
    };
    match token.base {
        Base::Registered => token.base = Base::Pending,
        Base::Disabled => token.disabled_from = Some(Base::Pending),
        Base::Pending | Base::Obsolete => return,
    }
    token.updated = at;
    let after = status(case, id);
    let event = case
        .event("token.edited")
        .token(id)
        .detail("why", "address");
    case.push(event.change(before.name(), after.name()));
    let when = match after {
        Status::Pending => "is pending",
        _ => "is pending once it is enabled",
    };
    let line = case.line(Action::TokenConfirm, &id.to_string());
    case.note(
        "tokens",
        format!("{id} {when}, until its address is proven: {line}"),
    );
}
