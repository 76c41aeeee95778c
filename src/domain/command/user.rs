//! People come, change and go (R8, R10, R12).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::apply::already;
use super::case::{Case, stale};
use super::{
    Applied, Asked, Effect, NewUser, Prepared, Site, UserEdit, address, auth_code, mail, state,
    words,
};
use crate::domain::action::{Action, Role};
use crate::domain::delivery::Via;
use crate::domain::link::Purpose;
use crate::domain::message::EnclosedKind;
use crate::domain::notice::{Enclosure, Language};
use crate::domain::policy::EmailContent;
use crate::domain::recipient::Phone;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{HardwareToken, tombstone};
use crate::domain::user::{AuthState, Contact, Profile, UserRecord, UserState};

/// Longest name, label or language tag of a person, in characters.
pub(super) const LABEL_CHARS_MAX: usize = 200;
/// Longest free text, in characters.
const NOTES_CHARS_MAX: usize = 4000;
/// Longest e-mail address, in octets.
// RFC 5321 s4.5.3.1.3: a path has at most 256 octets, its brackets included.
const EMAIL_OCTETS_MAX: usize = 254;
/// Digits of a phone number.
// ITU-T E.164: at most 15 digits.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

/// `user add`: a person in state New Credential.
pub(super) fn add(
    new: &NewUser,
    record: Option<&UserRecord>,
    mut prepared: Prepared,
    asked: &Asked<'_>,
    site: &Site<'_>,
) -> Result<Applied, Refusal> {
    if record.is_some() {
        return Err(already(&new.user));
    }
    let edit = UserEdit {
        display_name: Some(new.display_name.clone()),
        email: new.email.clone(),
        phone: new.phone.clone(),
        set: new.set.clone(),
        language: new.language.clone(),
        ..UserEdit::default()
    };
    plausible(&edit, site)?;
    let Some(id) = prepared.user_id else {
        return Err(stale(&new.user));
    };
    state::seat_free(site.policy.seats_limit, prepared.seats_used)?;
    let contact = |address: &Option<String>| {
        let given = address.iter().filter(|address| !address.is_empty());
        given
            .map(|address| contact_at(address, new.trusted))
            .collect()
    };
    let profile = Profile {
        name: new.user.clone(),
        display_name: new.display_name.clone(),
        emails: contact(&new.email),
        phones: contact(&new.phone),
        language: new.language.clone().unwrap_or_default(),
        set: new.set.clone().filter(|set| !set.is_empty()),
        protected: new.protected,
        state_since: site.now.wall,
        state_by: "auto".to_owned(),
        created: site.now.wall,
        ..Profile::default()
    };
    let fresh = UserRecord {
        id,
        profile: Arc::new(profile),
        auth: AuthState::default(),
    };
    let mut case = Case::new(fresh, asked, site);
    let event = case.event("user.added").detail("protected", new.protected);
    case.push(event);
    confirmation(&mut case, &mut prepared)?;
    if let Some(delivery) = new.auth_code {
        if let Some(via) = delivery.via() {
            auth_code::vouched(&case, via, new.trusted)?;
        }
        auth_code::hand_out(&mut case, delivery, prepared)?;
    }
    note_reach(&mut case, new.phone.is_some(), new.language.is_some());
    state::tell_outlook(&mut case);
    let typed = case.typed.clone();
    let linked = by_link(&case);
    if let Some(action) = linked.filter(|action| case.may(*action)) {
        let line = case.line(action, &typed);
        case.note("then", line);
    } else if case.may(Action::TokenAdd) {
        let line = case.line(Action::TokenAdd, &format!("{typed} --type totp"));
        case.note("then", line);
    }
    case.undo(Action::UserDelete, &typed);
    let message = format!("{} added. {}", case.user, case.current());
    Ok(case.done(message))
}

/// What sends this person a link to the enrolment page; none: there is no page, or nothing to send it
/// to, or its auth code went there (E3).
fn by_link(case: &Case<'_>) -> Option<Action> {
    let (policy, profile) = (case.site.policy, &case.record.profile);
    policy.pages.as_ref()?;
    let code = profile.auth_code.as_ref();
    let coded = code.and_then(|code| code.delivery.via());
    let reached = |via: &Via| {
        let main = via.contacts(profile).first();
        let to = main.and_then(|main| via.recipient(&main.address));
        let link = *via == Via::Sms || policy.email_content == EmailContent::Link;
        policy.sends(*via) && link && to.is_some() && coded != Some(*via)
    };
    Some(match Via::ALL.into_iter().find(reached)? {
        Via::Email => Action::EnrollEmail,
        Via::Sms => Action::EnrollSms,
    })
}

/// `user edit`: every field that is stated.
pub(super) fn edit(
    mut case: Case<'_>,
    edit: &UserEdit,
    mut prepared: Prepared,
) -> Result<Applied, Refusal> {
    let profile = &case.record.profile;
    let reprotected = edit
        .protected
        .is_some_and(|wanted| wanted != profile.protected);
    if reprotected && case.role() < Role::Admin {
        let what = "you may not change `protected`; nothing changed";
        return Err(case.denied(Role::Admin, what));
    }
    plausible(edit, case.site)?;
    let before = fields(profile);
    let went = address::went(&case);
    let mains = address::mains(&case);
    change(case.record.profile_mut(), edit);
    let after = fields(&case.record.profile);
    // Free text is not repeated in the log; contacts only masked, so compared in the clear.
    let changed: Vec<&'static str> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old.value != new.value)
        .map(|(old, _)| old.name)
        .collect();
    let shown = |fields: &[Field]| {
        let listed = fields.iter().filter(|field| changed.contains(&field.name));
        listed
            .map(|field| (field.name.to_owned(), Value::from(field.shown.clone())))
            .collect::<Map<String, Value>>()
    };
    let event = case
        .event("user.edited")
        .change(shown(&before), shown(&after))
        .detail("fields", json!(changed));
    if changed.is_empty() {
        let message = format!("{} is already so; nothing changed.", case.user);
        return Ok(case.unchanged(event, message));
    }
    case.push(event);
    if changed.contains(&"email") {
        confirmation(&mut case, &mut prepared)?;
    }
    for (old, new) in before.iter().zip(&after) {
        if changed.contains(&old.name) {
            case.note(
                old.name,
                format!("{} -> {}", or_dash(&old.shown), or_dash(&new.shown)),
            );
        }
    }
    let is_new = |name: &str| changed.contains(&name);
    note_reach(&mut case, is_new("phone"), is_new("language"));
    address::rebind(&mut case, &went);
    address::void_auth_code(&mut case, &mains);
    let message = format!(
        "{}: {} changed. {}",
        case.user,
        changed.join(", "),
        case.current()
    );
    Ok(case.done(message))
}

/// `user delete`: tokens, hashes and counters go with the record (T9).
pub(super) fn delete(mut case: Case<'_>, prepared: &Prepared) -> Applied {
    let tombs: Vec<Value> = case
        .record
        .profile
        .tokens
        .iter()
        .filter_map(|token| tombstone(&case.record, token.id, case.wall()))
        .collect();
    let serials: Vec<String> = case
        .record
        .profile
        .tokens
        .iter()
        .filter(|token| !token.compromised())
        .filter_map(|token| token.serial.clone())
        .collect();
    let at = case.wall();
    let tokens = case.record.profile.tokens.iter();
    let known: Vec<HardwareToken> = tokens
        .filter_map(|token| HardwareToken::compromised(token, at))
        .collect();
    let compromised = known
        .iter()
        .map(|token| token.serial.clone())
        .collect::<Vec<_>>();
    for token in known {
        case.pool(Effect::PoolPut(token));
    }
    let counted = case.state() != UserState::Deactivated;
    let event = case
        .event("user.deleted")
        .detail("state", case.state().name())
        .detail("created", case.record.profile.created.to_string())
        .detail("tokens", tombs);
    case.push(event);
    if counted {
        let seats = state::seats_after_return(&case, prepared);
        case.note("seats", format!("one returned ({seats})"));
    }
    if !serials.is_empty() {
        let text = format!(
            "{}: the seed is gone, it must be imported anew",
            serials.join(", ")
        );
        case.note("hardware", text);
    }
    if !compromised.is_empty() {
        let text = format!(
            "{}: known as compromised, cannot be added again",
            compromised.join(", ")
        );
        case.note("hardware", text);
    }
    case.note("next", "Sign-ins are answered as those of an unknown name.");
    let message = format!("{} deleted; the audit log remembers.", case.user);
    case.removed(message)
}

fn contact_at(address: &str, verified: bool) -> Contact {
    Contact {
        address: address.to_owned(),
        verified,
    }
}

/// Asks a new address whether it is the person's, where there is a page to answer on.
fn confirmation(case: &mut Case<'_>, prepared: &mut Prepared) -> Result<(), Refusal> {
    let main = case.record.profile.emails.first();
    let Some(to) = main.filter(|main| !main.verified) else {
        return Ok(());
    };
    let address = to.address.clone();
    let is = |enclosure: &Enclosure| enclosure.enclosed.kind == EnclosedKind::ConfirmLink;
    let (Some(to), Some(enclosure)) = (
        Via::Email.recipient(&address),
        prepared.enclosure.take_if(|enclosure| is(enclosure)),
    ) else {
        case.note("proof", "the address is not proven: nothing is sent to it");
        return Ok(());
    };
    let profile = case.record.profile_mut();
    profile.void_links(|link| matches!(link.purpose, Purpose::Confirm { .. }));
    let purpose = Purpose::Confirm {
        address: address.clone(),
    };
    let until = mail::add(case, purpose, address, prepared)?;
    let message = mail::letter(case, enclosure, &to, until);
    case.send(message);
    let text = format!("a link to confirm it went to {}", to.masked());
    case.note("proof", text);
    Ok(())
}

/// What may be written down, and helps nobody who is to be told something.
fn note_reach(case: &mut Case<'_>, phone: bool, language: bool) {
    let profile = &case.record.profile;
    let (nowhere, unspoken) = (unreachable(profile), unspoken(profile));
    if phone && nowhere {
        let text = "without its country code no message reaches it: write it as +491701234567";
        case.note("phone", text);
    }
    if language && unspoken {
        let text = "there are texts in English and German (en, de): the site's language is used";
        case.note("language", text);
    }
}

/// Whether no message reaches the main number: it lacks its country code.
fn unreachable(profile: &Profile) -> bool {
    let main = profile.phones.first();
    main.is_some_and(|main| Phone::parse(&main.address).is_none())
}

/// Whether there are no texts in the language.
fn unspoken(profile: &Profile) -> bool {
    !profile.language.is_empty() && Language::of(&profile.language).is_none()
}

fn change(profile: &mut Profile, edit: &UserEdit) {
    let set = |field: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            field.clone_from(value);
        }
    };
    set(&mut profile.display_name, &edit.display_name);
    set(&mut profile.language, &edit.language);
    set(&mut profile.role_label, &edit.role_label);
    set(&mut profile.notes, &edit.notes);
    // What was seen is what is stated; where no address is, those that are there.
    let (email, phone) = (edit.email.as_deref(), edit.phone.as_deref());
    let seen = |stated: bool| edit.trusted && (stated || (email.is_none() && phone.is_none()));
    contact(&mut profile.emails, email, seen(email.is_some()));
    contact(&mut profile.phones, phone, seen(phone.is_some()));
    if let Some(set) = &edit.set {
        profile.set = Some(set.clone()).filter(|set| !set.is_empty());
    }
    if let Some(protected) = edit.protected {
        profile.protected = protected;
    }
}

/// The main address is replaced, and is not proven until the person has shown to get what is sent, or
/// an operator has seen it.
fn contact(contacts: &mut Vec<Contact>, address: Option<&str>, trusted: bool) {
    let Some(address) = address else {
        if let Some(main) = contacts.first_mut() {
            main.verified |= trusted;
        }
        return;
    };
    if let Some(main) = contacts.first_mut().filter(|main| main.address == address) {
        main.verified |= trusted;
        return;
    }
    if !contacts.is_empty() {
        contacts.remove(0);
    }
    if !address.is_empty() {
        contacts.insert(0, contact_at(address, trusted));
    }
}

/// A field of a profile that can be edited, as it is and as it may be shown.
struct Field {
    name: &'static str,
    value: String,
    shown: String,
}

fn fields(profile: &Profile) -> Vec<Field> {
    let main = |contacts: &[Contact]| {
        let main = contacts.first().map(|contact| contact.address.clone());
        main.unwrap_or_default()
    };
    let field = |name, value: String, mask: fn(&str) -> String| {
        let shown = if value.is_empty() {
            String::new()
        } else {
            mask(&value)
        };
        Field { name, value, shown }
    };
    let clear: fn(&str) -> String = str::to_owned;
    let on_off = if profile.protected { "on" } else { "off" };
    vec![
        field("name", profile.display_name.clone(), clear),
        field("email", main(&profile.emails), words::mask_email),
        field("phone", main(&profile.phones), words::mask_phone),
        field("set", profile.set.clone().unwrap_or_default(), clear),
        field("language", profile.language.clone(), clear),
        field("role_label", profile.role_label.clone(), clear),
        field("notes", profile.notes.clone(), |_| "(text)".to_owned()),
        field("protected", on_off.to_owned(), clear),
        field("proven", proven(profile), clear),
    ]
}

/// Which main addresses the person has proven.
fn proven(profile: &Profile) -> String {
    let main = [("email", &profile.emails), ("phone", &profile.phones)];
    let proven = main
        .iter()
        .filter(|(_, all)| all.first().is_some_and(|main| main.verified));
    proven.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn plausible(edit: &UserEdit, site: &Site<'_>) -> Result<(), Refusal> {
    for (flag, text, limit) in [
        ("--name", &edit.display_name, LABEL_CHARS_MAX),
        ("--language", &edit.language, LABEL_CHARS_MAX),
        ("--role-label", &edit.role_label, LABEL_CHARS_MAX),
        ("--notes", &edit.notes, NOTES_CHARS_MAX),
    ] {
        if let Some(text) = text {
            written(flag, text, limit)?;
        }
    }
    let given = |field: &'_ Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(email) = given(&edit.email) {
        plausible_address(Via::Email, &email)?;
    }
    if let Some(phone) = given(&edit.phone) {
        plausible_address(Via::Sms, &phone)?;
    }
    match given(&edit.set) {
        Some(set) => known_set(&set, site),
        None => Ok(()),
    }
}

/// Whether codes and messages could go there.
pub(super) fn plausible_address(via: Via, address: &str) -> Result<(), Refusal> {
    let shown = address.escape_default();
    match via {
        Via::Email if !plausible_email(address) => Err(Refusal::new(
            Code::Arg,
            format!("`{shown}` is not an e-mail address"),
        )),
        Via::Sms if !plausible_phone(address) => Err(Refusal::new(
            Code::Arg,
            format!("`{shown}` is not a phone number"),
        )
        .doing("write it with its country code, such as +491701234567")),
        _ => Ok(()),
    }
}

/// Free text of an operator: not endless, and nothing in it that a terminal would obey.
pub(super) fn written(flag: &str, text: &str, limit: usize) -> Result<(), Refusal> {
    let control = |c: char| c.is_control() && !(flag == "--notes" && c == '\n');
    if text.chars().count() > limit || text.chars().any(control) {
        let what = format!("{flag}: at most {limit} characters, no control characters");
        return Err(Refusal::new(Code::Arg, what));
    }
    Ok(())
}

fn known_set(set: &str, site: &Site<'_>) -> Result<(), Refusal> {
    let known = || site.policy.sets.iter().map(|(name, _)| name.as_str());
    if known().any(|name| name == set) {
        return Ok(());
    }
    let refusal = Refusal::new(Code::Arg, format!("there is no authentication set `{set}`"));
    Err(match words::close(set, known()).as_slice() {
        [] => refusal.why(format!("known: {}", known().collect::<Vec<_>>().join(", "))),
        close => refusal.why(format!("did you mean {}?", close.join(" or "))),
    })
}

/// Not RFC 5322, but enough to catch a phone number, two addresses or a missing domain.
fn plausible_email(email: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()".contains(c);
    let parts = email.rsplit_once('@');
    email.len() <= EMAIL_OCTETS_MAX
        && !email.contains(strange)
        && parts.is_some_and(|(local, domain)| {
            let labels = domain.split('.');
            !local.is_empty()
                && !local.contains('@')
                && labels.clone().all(|label| !label.is_empty())
        })
}

fn plausible_phone(phone: &str) -> bool {
    let (_, rest) = phone.split_at(usize::from(phone.starts_with('+')));
    let digits = rest.chars().filter(char::is_ascii_digit).count();
    PHONE_DIGITS.contains(&digits)
        && rest
            .chars()
            .all(|c| c.is_ascii_digit() || " -()/.".contains(c))
}
