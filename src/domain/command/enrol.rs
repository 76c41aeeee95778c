//! New tokens and their proof (R33, R34, domain rules 10 E1).

use super::admitted::admitted;
use super::case::Case;
use super::code::{open, use_up, wrong_code};
use super::resolve::not_pending;
use super::{Applied, Effect, NewToken, Prepared, Reveal, TokenRef, pending, words};
use crate::domain::action::Action;
use crate::domain::pool::is_serial;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::{Field, Sealed};
use crate::domain::token_record::{Base, HardwareToken, Token, TokenKind};
use crate::domain::user::UserState;
use crate::secret::SecretBytes;
use crate::token::otpauth::Enrolment;
use crate::token::{Factor, Otp, OtpCode, SEED_STRONG_OCTETS_MIN, TokenId};

/// Where a QR code may go.
const CHANNELS: [&str; 4] = ["terminal", "png", "svg", "uri"];

impl NewToken {
    /// A token of `user` with a seed that mfad makes, pending until it is proven; whatever else there
    /// is to say is not said.
    #[must_use]
    pub const fn of(user: String, otp: Otp) -> Self {
        Self {
            user,
            kind: TokenKind::of(otp.factor),
            otp,
            serial: None,
            seed: None,
            weak: false,
            counter: 0,
            expires: None,
            description: String::new(),
            trusted: false,
            confirm: None,
        }
    }
}

/// `token add`.
pub(super) fn add(
    mut case: Case<'_>,
    new: &NewToken,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    allowed(&case, new)?;
    let from_pool = hardware(&case, new, &prepared)?;
    case.fresh(&prepared)?;
    let via = match (&new.serial, from_pool) {
        (Some(_), Some(_)) => "pool",
        (Some(_), None) => "serial",
        (None, _) => "qr",
    };
    let id = enter(&mut case, new, from_pool, &prepared, via)?;
    if let Some(code) = &new.confirm {
        prove(&mut case, id, code, "it was not added")?;
    }
    if new.trusted || new.confirm.is_some() {
        register(&mut case, id);
    }
    case.about(id);
    let otp = from_pool.map_or(new.otp, |pool| pool.otp);
    if via == "qr" {
        let seed = prepared.clear_seed.ok_or_else(|| case.stale())?;
        let uri = uri(&case, otp, &seed, new.counter);
        case.reveal(Some(uri));
    }
    notes(&mut case, id);
    let arguments = super::token::forced_if_last(&case, id);
    case.undo(Action::TokenDelete, &arguments);
    let message = added(&case, id, otp);
    Ok(case.done(message))
}

/// Puts a pending token into the record, with its event, which says where its seed came from.
pub(super) fn enter(
    case: &mut Case<'_>,
    new: &NewToken,
    from_pool: Option<&HardwareToken>,
    prepared: &Prepared,
    via: &'static str,
) -> Result<TokenId, Refusal> {
    let token = build(case, new, from_pool, prepared)?;
    let id = token.id;
    let event = case.event("token.enrolled").token(id);
    let mut event = event.detail("type", new.kind.name()).detail("via", via);
    if token.weak {
        event = event.detail("weak", true);
    }
    if let Some(serial) = &token.serial {
        event = event.detail("serial", serial.clone());
    }
    case.push(event);
    if let Some(pool) = from_pool {
        case.pool(Effect::PoolTake(pool.serial.clone()));
        let event = case.event("hw.assigned").token(id);
        case.push(event.detail("serial", pool.serial.clone()));
    }
    case.record.profile_mut().tokens.push(token);
    let state = case.record.auth.token_mut(id);
    state.next_factor = from_pool.map_or(new.counter, |pool| pool.next_factor.max(new.counter));
    state.resync_required = from_pool.is_some_and(|pool| pool.resync_required);
    Ok(id)
}

/// `token confirm`: the first code proves a pending token.
pub(super) fn confirm(mut case: Case<'_>, id: TokenId, code: &OtpCode) -> Result<Applied, Refusal> {
    open(&case, id)?;
    if case
        .record
        .token(id)
        .is_none_or(|token| token.base != Base::Pending)
    {
        return Err(not_pending(&case.record, id));
    }
    prove(&mut case, id, code, "it stays pending")?;
    register(&mut case, id);
    case.about(id);
    let message = format!(
        "{id} of {} proven and REGISTERED; it becomes ACTIVE at the first sign-in. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `enroll qr`: the secret of a pending token once more.
pub(super) fn show(
    mut case: Case<'_>,
    named: Option<&TokenRef>,
    channel: &str,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    if !CHANNELS.contains(&channel) {
        let what = format!("a QR code cannot go to `{}`", channel.escape_default());
        return Err(Refusal::new(Code::Arg, what).why(format!("known: {}", CHANNELS.join(", "))));
    }
    let id = pending(&case.record, named).map_err(|refusal| {
        let arguments = format!("{} --type totp", case.typed);
        match (refusal.code, named) {
            (Code::NoToken, None) => case.suggest(refusal, Action::TokenAdd, &arguments),
            _ => refusal,
        }
    })?;
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.serial.is_some() {
        let what = format!("{id} is a hardware token: its secret is in the device already");
        let refusal = Refusal::new(Code::Type, what);
        return Err(case.suggest(refusal, Action::TokenConfirm, &id.to_string()));
    }
    let otp = token.otp.unwrap_or(Otp::TOTP);
    case.fresh(prepared)?;
    let seed = match &prepared.clear_seed {
        Some(seed) if prepared.token_id == Some(id) => seed,
        _ => return Err(case.stale()),
    };
    let next = case
        .record
        .auth
        .token(id)
        .map_or(0, |state| state.next_factor);
    let uri = uri(&case, otp, seed, next);
    case.reveal(Some(uri));
    let event = case.event("enroll.sent").token(id);
    case.push(event.detail("channel", channel.to_owned()));
    case.about(id);
    if case.may(Action::TokenConfirm) {
        let line = case.line(Action::TokenConfirm, &id.to_string());
        case.note("then", line);
    }
    let message = format!(
        "{id} of {}: QR code made for {channel}. {}",
        case.user,
        case.current()
    );
    Ok(case.shown(message))
}

/// Whether the person may have a token more, and one of this kind.
pub(super) fn allowed(case: &Case<'_>, new: &NewToken) -> Result<(), Refusal> {
    let kind = new.kind.name();
    admitted(case, new.kind, &new.description)?;
    if (new.kind == TokenKind::Hotp) != (new.otp.factor == Factor::Counter) {
        return Err(Refusal::new(
            Code::Arg,
            format!("these parameters are not those of {kind}"),
        ));
    }
    case.ahead(new.expires)
}

/// Judges the serial; gives the token of the pool it is to be taken from.
fn hardware<'p>(
    case: &Case<'_>,
    new: &NewToken,
    prepared: &'p Prepared,
) -> Result<Option<&'p HardwareToken>, Refusal> {
    let Some(serial) = &new.serial else {
        return match new.seed {
            // A seed from outside without a serial could be in any number of devices.
            Some(_) => Err(Refusal::new(
                Code::Arg,
                "a seed of your own needs its --serial",
            )),
            None => Ok(None),
        };
    };
    if !is_serial(serial) {
        return Err(Refusal::new(
            Code::Arg,
            "a serial has 1 to 64 printable ASCII characters",
        ));
    }
    let own = case.record.profile.tokens.iter();
    let mine = own
        .filter_map(|token| token.serial.as_ref())
        .any(|known| known == serial);
    let owner = prepared
        .serial_owner
        .as_deref()
        .or_else(|| mine.then_some(&*case.user));
    if let Some(owner) = owner {
        let what = format!("serial {serial} is in use; nothing changed");
        let refusal = Refusal::new(Code::Exists, what).why(format!("it is a token of {owner}"));
        return Err(refusal.try_next(format!("mfactl token show {}", words::shell(serial))));
    }
    match (&prepared.pool, &new.seed) {
        (Some(pool), _) if pool.compromised => {
            let since = words::instant(pool.created);
            let what = format!("serial {serial} is compromised: it is never added again");
            Err(Refusal::new(Code::Policy, what)
                .why(format!(
                    "its token was made obsolete and deleted at {since} (R41)"
                ))
                .doing("give the person another device"))
        }
        (Some(_), Some(_)) => {
            let what = format!("serial {serial} is in the pool already, with its seed");
            let arguments = format!(
                "{} --type {} --serial {}",
                case.typed,
                new.kind.name(),
                words::shell(serial)
            );
            let refusal = Refusal::new(Code::Exists, what);
            Err(case.suggest(refusal, Action::TokenAdd, &arguments))
        }
        (Some(pool), None) if pool.kind != new.kind => {
            let what = format!("serial {serial} is a token of type {}", pool.kind.name());
            Err(Refusal::new(Code::Type, what))
        }
        (Some(pool), None) if !is_of(prepared, pool, case) => {
            let what = format!("serial {serial} has come into the pool meanwhile; nothing changed");
            Err(Refusal::new(Code::Conflict, what).doing("give the command once more"))
        }
        (Some(pool), None) => Ok(Some(pool)),
        (None, Some(_)) => Ok(None),
        (None, None) => {
            let what = format!("there is no token with serial {serial} in the pool");
            Err(Refusal::new(Code::NoToken, what)
                .try_next("mfactl hw list")
                .doing("or give its seed at the prompt"))
        }
    }
}

/// Whether the seed that was sealed for the token is that of the device in the pool: it was made
/// before, when another device or none may have been there.
fn is_of(prepared: &Prepared, pool: &HardwareToken, case: &Case<'_>) -> bool {
    let field = Field::PoolSeed(&pool.serial);
    let seed = case.site.unseal.open(field, &pool.seed);
    let both = seed.zip(prepared.clear_seed.as_ref());
    both.is_some_and(|(seed, made)| seed.equals(made.expose()))
}

fn build(
    case: &Case<'_>,
    new: &NewToken,
    pool: Option<&HardwareToken>,
    prepared: &Prepared,
) -> Result<Token, Refusal> {
    let parts = (prepared.token_id, &prepared.seed, &prepared.clear_seed);
    let (Some(id), Some(sealed), Some(clear)) = parts else {
        return Err(case.stale());
    };
    if case.record.token(id).is_some() {
        return Err(case.stale());
    }
    let octets = clear.expose().len();
    let weak = octets < SEED_STRONG_OCTETS_MIN;
    if octets == 0 {
        return Err(Refusal::new(Code::Arg, "the seed is empty"));
    }
    if weak && !new.weak {
        let what = format!("that seed has {octets} octets; nothing changed");
        return Err(Refusal::new(Code::Policy, what)
            .why(format!(
                "RFC 4226 asks for {SEED_STRONG_OCTETS_MIN} or more"
            ))
            .doing("take it all the same with --weak"));
    }
    Ok(Token {
        otp: Some(pool.map_or(new.otp, |pool| pool.otp)),
        seed: Some(sealed.clone()),
        description: new.description.clone(),
        serial: new.serial.clone(),
        weak,
        expires: new.expires.or_else(|| pool.and_then(|pool| pool.expires)),
        ..Token::new(id, new.kind, (case.wall(), case.by()))
    })
}

/// A token of an authenticator app that a page shows.
pub(super) fn new_totp(case: &Case<'_>, id: TokenId, sealed: Sealed) -> Token {
    Token {
        otp: Some(Otp::TOTP),
        seed: Some(sealed),
        ..Token::new(id, TokenKind::Totp, (case.wall(), case.by()))
    }
}

/// The code must fit, and is used up.
fn prove(case: &mut Case<'_>, id: TokenId, code: &OtpCode, stays: &str) -> Result<(), Refusal> {
    let opened = open(case, id)?;
    let (otp, seed, wall) = (opened.otp, opened.seed.expose(), case.wall());
    match otp.search(
        seed,
        code,
        opened.progress,
        case.site.policy.windows(),
        wall,
    ) {
        Some(factor) => use_up(case, &opened, factor),
        None => return Err(wrong_code(case, &opened, code, stays)),
    }
    Ok(())
}

/// Takes a token as proven.
pub(super) fn register(case: &mut Case<'_>, id: TokenId) {
    let Some(kind) = case.record.token(id).map(|token| token.kind) else {
        return;
    };
    let at = case.wall();
    let voided = case.record.profile_mut().prove(id, at);
    let event = case.event("token.registered").token(id);
    case.push(event.detail("by", case.by()));
    if voided {
        let event = case.event("authcode.revoked");
        case.push(event.detail("why", "enrolled"));
    }
    case.enrolled(kind);
    let state = case.state();
    if matches!(
        state,
        UserState::Update | UserState::Renew | UserState::Reset | UserState::ResetAll
    ) {
        let line = case.line(Action::UserSetState, &format!("{} steady", case.typed));
        case.note("state", format!("stays {}: {line}", state.title()));
    }
}

pub(super) fn uri(case: &Case<'_>, otp: Otp, seed: &SecretBytes, next_counter: u64) -> Reveal {
    let enrolment = Enrolment {
        issuer: &case.site.policy.issuer,
        account: &case.user,
        otp,
        seed: seed.expose(),
        next_counter,
    };
    Reveal::OtpauthUri(SecretBytes::copy_of(enrolment.uri().expose().as_bytes()))
}

fn notes(case: &mut Case<'_>, id: TokenId) {
    let token = case.record.token(id);
    if token.is_some_and(|token| token.base == Base::Pending) {
        let ends = token.is_some_and(|token| token.unproven_until(case.site.policy).is_some());
        let mut line = case.line(Action::TokenConfirm, &id.to_string());
        if ends {
            let span = words::span(case.site.policy.pending_ttl);
            line = format!("{line}    within {span}");
        }
        case.note("then", line);
    }
    let state = case.record.auth.token(id);
    if state.is_some_and(|state| state.resync_required) {
        let line = case.line(Action::TokenResync, &id.to_string());
        case.note("resync", format!("sign-ins wait for it: {line}"));
    }
    let kind = case.record.token(id).map(|token| token.kind);
    let set = case.record.profile.set.as_deref();
    if kind.is_some_and(|kind| !case.site.policy.asks_for(set, kind)) {
        case.note(
            "set",
            "this type is not in the person's set: its codes do not count",
        );
    }
    let state = case.state();
    if matches!(state, UserState::Deactivated | UserState::Revoke) {
        case.note(
            "state",
            format!("stays {}: no token signs in", state.title()),
        );
    }
    if case.record.auth.lock.is_some() {
        case.note(
            "lock",
            format!("the person is locked: mfactl user unlock {}", case.typed),
        );
    }
}

fn added(case: &Case<'_>, id: TokenId, otp: Otp) -> String {
    let (user, digits) = (&case.user, otp.digits.count());
    let kind = match otp.factor {
        Factor::Counter => format!("hotp, {digits} digits"),
        Factor::Time { period_s } => format!("totp, {digits} digits, {} s", period_s.seconds()),
    };
    let pending = case
        .record
        .token(id)
        .is_some_and(|token| token.base == Base::Pending);
    let current = case.current();
    if pending {
        format!("{id} for {user}: {kind}, pending. {current}")
    } else {
        format!(
            "{id} for {user}: {kind}, proven and REGISTERED; it becomes ACTIVE at the first \
             sign-in. {current}"
        )
    }
}
