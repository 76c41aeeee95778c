//! Tokens whose codes are sent (R33, R35, R36, R46): bound to an address, proven by a code that was
//! sent there, and pending again when the address changes.

use super::admitted::admitted;
use super::case::Case;
use super::code::awake;
use super::enrol::register;
use super::token::{forced_if_last, out_of_date, status};
use super::{Applied, NewSent, Prepared, Proof, SendTo, user, words};
use crate::domain::action::Action;
use crate::domain::delivery::{self, Delivery, SentCode, Via, destination};
use crate::domain::message::Address;
use crate::domain::notice::enclosing;
use crate::domain::recipient::{Phone, Recipient};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Status, Token, TokenKind};
use crate::secret::equal;
use crate::time::Timestamp;
use crate::token::{OtpCode, TokenId};

impl SendTo {
    /// The type of such a token.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Sms(_) => TokenKind::Sms,
            Self::Email(_) => TokenKind::Email,
            Self::Virtual(_) => TokenKind::Virtual,
        }
    }

    /// By what its codes are sent.
    #[must_use]
    pub const fn via(&self) -> Via {
        match self {
            Self::Sms(_) => Via::Sms,
            Self::Email(_) => Via::Email,
            Self::Virtual(via) => *via,
        }
    }

    fn address(&self) -> Option<&str> {
        match self {
            Self::Sms(address) | Self::Email(address) => Some(address),
            Self::Virtual(_) => None,
        }
    }
}

/// `token add` of such a type.
pub(super) fn add(
    mut case: Case<'_>,
    new: &NewSent,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    let (kind, via) = (new.to.kind(), new.to.via());
    admitted(&case, kind, &new.description)?;
    if let Some(address) = new.to.address() {
        user::plausible_address(via, address)?;
    }
    case.fresh(prepared)?;
    let id = prepared
        .token_id
        .filter(|id| case.record.token(*id).is_none());
    let id = id.ok_or_else(|| case.stale())?;
    let token = build(&case, new, id);
    let Some(to) = destination(&token, &case.record.profile) else {
        return Err(no_address(&case, via));
    };
    let (address, masked) = (to.address.to_owned(), to.masked());
    unique(&case, kind, via, &address)?;
    let event = case.event("token.enrolled").token(id);
    let event = event.detail("type", kind.name()).detail("via", via.name());
    case.push(event.detail("to", masked.as_str()));
    case.record.profile_mut().tokens.push(token);
    if new.trusted {
        vouch(&mut case, id, via, &address);
    }
    implied(&mut case);
    case.about(id);
    then(&mut case, id, via);
    let arguments = forced_if_last(&case, id);
    case.undo(Action::TokenDelete, &arguments);
    let message = format!(
        "{id} for {}: {}, codes by {} to {masked}, {}. {}",
        case.user,
        kind.name(),
        via.words(),
        status(&case, id).name(),
        case.current()
    );
    Ok(case.done(message))
}

fn build(case: &Case<'_>, new: &NewSent, id: TokenId) -> Token {
    let to = (new.to.via(), new.to.address().map(str::to_owned));
    Token {
        description: new.description.clone(),
        ..pending_sent(id, new.to.kind(), to, (case.wall(), case.by()))
    }
}

/// A token whose codes go there, or to the main address of its owner, that waits for its proof.
#[must_use]
pub fn pending_sent(
    id: TokenId,
    kind: TokenKind,
    (via, address): (Via, Option<String>),
    made: (Timestamp, String),
) -> Token {
    Token {
        delivery: Some(Delivery {
            via,
            address,
            code: None,
            extra: serde_json::Map::new(),
        }),
        ..Token::new(id, kind, made)
    }
}

/// One token of a type for one address: a second would only be sent the same twice.
fn unique(case: &Case<'_>, kind: TokenKind, via: Via, address: &str) -> Result<(), Refusal> {
    let profile = &case.record.profile;
    let same = profile.tokens.iter().find(|token| {
        let to = destination(token, profile);
        let there = to.is_some_and(|to| to.via == via && to.address == address);
        token.kind == kind && token.base != Base::Obsolete && there
    });
    let Some(same) = same else { return Ok(()) };
    let what = format!(
        "{} has a token of type {} for {} already; nothing changed",
        case.user,
        kind.name(),
        via.masked(address)
    );
    Err(Refusal::new(Code::Exists, what).try_next(format!("mfactl token show {}", same.id)))
}

fn no_address(case: &Case<'_>, via: Via) -> Refusal {
    let what = format!(
        "{} has no {}; nothing changed",
        case.user,
        via.address_words()
    );
    let refusal = Refusal::new(Code::NoAddr, what);
    let arguments = match via {
        Via::Email => format!("{} --email ADDRESS", case.typed),
        Via::Sms => format!("{} --phone NUMBER", case.typed),
    };
    case.suggest(refusal, Action::UserEdit, &arguments)
}

/// What is to be known of such a token besides what it is.
fn then(case: &mut Case<'_>, id: TokenId, via: Via) {
    if status(case, id) == Status::Pending {
        let line = case.line(Action::TokenConfirm, &id.to_string());
        case.note("then", format!("{line}    sends a code and asks for it"));
    }
    if let Err(refusal) = channel(case, via) {
        case.note("channel", refusal.why.unwrap_or(refusal.what));
    }
}

/// R46: a token is proven with the address that its owner has proven.
pub(super) fn implied(case: &mut Case<'_>) {
    let profile = &case.record.profile;
    let proven = |token: &&Token| token.base == Base::Pending && goes_to_proven(case, token);
    let ids: Vec<TokenId> = profile.tokens.iter().filter(proven).map(|t| t.id).collect();
    for id in ids {
        register(case, id);
    }
}

/// Whether a token is proven by its address alone, and is.
pub(super) fn goes_to_proven(case: &Case<'_>, token: &Token) -> bool {
    let implicit = token.kind == TokenKind::Virtual || case.site.policy.implicit_registration;
    implicit && destination(token, &case.record.profile).is_some_and(|to| to.verified)
}

/// The person gets what is sent there: with the address this token is proven, if it is not yet.
pub(super) fn vouch(case: &mut Case<'_>, id: TokenId, via: Via, address: &str) {
    case.proven(via, address);
    let token = case.record.token(id);
    if token.is_some_and(|token| token.base == Base::Pending) {
        register(case, id);
    }
}

/// `token confirm` and `token test` without a code: one is sent.
pub(super) fn send(
    mut case: Case<'_>,
    id: TokenId,
    proof: Proof,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if !token.kind.is_sent() {
        let what = format!("{id} is not sent its codes: the one it shows is missing");
        return Err(Refusal::new(Code::Arg, what).doing("name the code that it shows now"));
    }
    match proof {
        Proof::Confirm => waits(&case, id)?,
        Proof::Test { anyway } => drop(awake(&case, id, anyway)?),
    }
    let via = token.delivery.as_ref().map_or(Via::Email, |it| it.via);
    let Some(to) = destination(token, &case.record.profile) else {
        return Err(no_address(&case, via));
    };
    let (address, masked) = (to.address.to_owned(), to.masked());
    channel(&case, via)?;
    let recipient = match via {
        Via::Email => Address::parse(&address).map(Recipient::Mail),
        Via::Sms => Phone::parse(&address).map(Recipient::Phone),
    };
    let Some(recipient) = recipient else {
        let what = format!("nothing can be sent to {masked}; nothing changed");
        let why = match via {
            Via::Email => "it is not one plain mailbox",
            Via::Sms => "a number is sent to with its country code only, such as +491701234567",
        };
        return Err(Refusal::new(Code::Delivery, what).why(why));
    };
    let sends = paced(&case)?;
    case.fresh(&prepared)?;
    let made = prepared.sent_code.filter(|made| made.token == id);
    let (Some(made), Some(enclosure)) = (made, prepared.enclosure) else {
        return Err(case.stale());
    };
    let policy = case.site.policy;
    let expires = case.now().latest() + policy.sent_code.ttl;
    case.record.profile_mut().code_sends = sends;
    let code = SentCode {
        hash: made.hash,
        to: address.clone(),
        expires,
    };
    if let Some(delivery) = delivery(&mut case, id) {
        delivery.code = Some(code);
    }
    let event = case.event("token.code_sent").token(id);
    let event = event
        .detail("via", via.name())
        .detail("to", masked.as_str());
    case.push(event);
    let times = (case.wall(), expires);
    let message = enclosing(enclosure, recipient, &case.record, policy, times);
    case.queue(message, None);
    case.about(id);
    let action = match proof {
        Proof::Confirm => Action::TokenConfirm,
        Proof::Test { .. } => Action::TokenTest,
    };
    let line = case.line(action, &format!("{id} CODE"));
    case.note("then", line);
    let message = format!(
        "{id} of {}: a code goes by {} to {masked}, good once until {}. {}",
        case.user,
        via.words(),
        words::instant(expires),
        case.current()
    );
    Ok(case.done(message))
}

pub(super) fn delivery<'c>(case: &'c mut Case<'_>, id: TokenId) -> Option<&'c mut Delivery> {
    case.record.token_mut(id)?.delivery.as_mut()
}

/// Only a pending token is confirmed.
fn waits(case: &Case<'_>, id: TokenId) -> Result<(), Refusal> {
    match status(case, id) {
        Status::Obsolete => Err(out_of_date(case, id, "is not confirmed")),
        _ if case
            .record
            .token(id)
            .is_some_and(|token| token.base == Base::Pending) =>
        {
            Ok(())
        }
        _ => Err(super::resolve::not_pending(&case.record, id)),
    }
}

/// Whether anything carries a code there.
fn channel(case: &Case<'_>, via: Via) -> Result<(), Refusal> {
    let notices = case.site.policy.notices.as_ref();
    let (open, key) = match via {
        Via::Email => (notices.is_some_and(|it| it.mail), "smtp.server"),
        Via::Sms => (notices.is_some_and(|it| it.sms), "sms.url"),
    };
    if open {
        return Ok(());
    }
    let what = format!("no code can be sent by {}; nothing changed", via.words());
    Err(Refusal::new(Code::Delivery, what)
        .why(format!(
            "`{key}` is not stated: nothing is sent by {}",
            via.words()
        ))
        .doing("an admin states it in the configuration"))
}

/// The sends of the last hour with this one, if there may be another.
fn paced(case: &Case<'_>) -> Result<Vec<Timestamp>, Refusal> {
    let most = case.site.policy.sent_code.max_per_hour;
    delivery::paced(&case.record.profile, most, case.now()).map_err(|until| {
        let what = format!(
            "{} was sent {most} codes in an hour; none was sent",
            case.user
        );
        Refusal::new(Code::Busy, what)
            .why(format!("sent_code.max_per_hour = {most}"))
            .doing(format!("wait until {}", words::instant(until)))
    })
}

/// `token confirm` with the code that was sent.
pub(super) fn confirm(mut case: Case<'_>, id: TokenId, code: &OtpCode) -> Result<Applied, Refusal> {
    waits(&case, id)?;
    let (via, to) = take(&mut case, id, code, Action::TokenConfirm)?;
    vouch(&mut case, id, via, &to);
    case.about(id);
    let message = format!(
        "{id} of {} proven and REGISTERED: what is sent to {} arrives. {}",
        case.user,
        via.masked(&to),
        case.current()
    );
    Ok(case.done(message))
}

/// `token test` with the code that was sent.
pub(super) fn test(
    mut case: Case<'_>,
    id: TokenId,
    code: &OtpCode,
    anyway: bool,
) -> Result<Applied, Refusal> {
    let sleeping = awake(&case, id, anyway)?;
    let (via, to) = take(&mut case, id, code, Action::TokenTest)?;
    super::code::tested(&mut case, id, sleeping);
    let message = format!(
        "{id} of {}: the code is right, what is sent to {} arrives. {}",
        case.user,
        via.masked(&to),
        case.current()
    );
    Ok(case.done(message))
}

/// The code is the one that was sent last, and is erased; where it was sent.
fn take(
    case: &mut Case<'_>,
    id: TokenId,
    code: &OtpCode,
    action: Action,
) -> Result<(Via, String), Refusal> {
    let again = |case: &Case<'_>, refusal: Refusal| case.suggest(refusal, action, &id.to_string());
    let Some((via, sent)) = delivery(case, id).and_then(|it| Some((it.via, it.code.clone()?)))
    else {
        let what = format!("no code of {id} is out; nothing changed");
        return Err(again(
            case,
            Refusal::new(Code::Otp, what).why("one is sent first"),
        ));
    };
    if sent.over(case.now()) {
        let what = format!("the code of {id} is too old; nothing changed");
        let why = format!("it was good until {}", words::instant(sent.expires));
        return Err(again(case, Refusal::new(Code::Otp, what).why(why)));
    }
    let hash = case.site.unseal.sent_code_hash(case.record.id, id, code);
    if !equal(&hash, &sent.hash) {
        let what = format!("that code does not fit {id}; nothing changed");
        let why = format!("the last one went to {}", via.masked(&sent.to));
        return Err(again(case, Refusal::new(Code::Otp, what).why(why)));
    }
    if let Some(delivery) = delivery(case, id) {
        delivery.code = None;
    }
    // Who reads out what has arrived has not given up.
    case.record.profile_mut().sms_unanswered = 0;
    Ok((via, sent.to))
}
