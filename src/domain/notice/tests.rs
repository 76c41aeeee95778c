//! What is told, to whom, in which words.

use std::sync::Arc;

use super::*;
use crate::domain::action::Role;
use crate::domain::delivery::TypeRule;
use crate::domain::event::{Operator, RequestRef};
use crate::domain::explain::tests::alice;
use crate::domain::lockout::Lock;
use crate::domain::message::{ENCLOSED, Enclosed, EnclosedKind};
use crate::domain::sealed::Sealed;
use crate::domain::token_record::Token;
use crate::token::TokenId;

const AT: Timestamp = Timestamp(1_795_327_200_000);

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn policy() -> Policy {
    Policy {
        issuer: "example.org".to_owned(),
        notices: Some(Notices {
            mail: true,
            sms: true,
            admins: vec![address("root@example.org")],
        }),
        ..Policy::default()
    }
}

/// alice with one address that she has proven to read, and one that she has not.
fn reachable() -> UserRecord {
    let mut record = alice();
    let contact = |address: &str, verified| Contact {
        address: address.to_owned(),
        verified,
    };
    record.profile_mut().emails = vec![
        contact("alice@example.org", true),
        contact("unproven@example.org", false),
    ];
    record
}

fn origin() -> Origin {
    let address = "192.0.2.1:49152".parse().unwrap();
    Origin {
        actor: Actor::User,
        source: Some(Source {
            gateway: Arc::from("vpn1"),
            address,
            station: "203.0.113.9\r\nSubject: eve".into(),
            nas: "".into(),
        }),
        request: RequestRef::None,
    }
}

fn made(events: &[Event], record: &UserRecord, policy: &Policy) -> Vec<Message> {
    let told = Told {
        events,
        origin: &origin(),
        before: Some(record),
        after: record,
        at: AT,
    };
    messages(told, policy)
}

fn locked() -> UserRecord {
    let mut record = reachable();
    record.auth.lock = Some(Lock {
        since: AT,
        reason: LockReason::PinBlocked,
        by: None,
        auto_until: None,
        note: Arc::from("vpn1"),
        count: 5,
    });
    record
}

#[test]
fn the_use_of_questions_is_told() {
    let begun = [Event::new("emergency.ok"), Event::new("auth.challenge")];
    let told = made(&begun, &locked(), &policy());
    let what: Vec<&str> = told.iter().map(|message| message.what.as_str()).collect();
    assert_eq!(what, ["emergency-access"]);
    let subject = "[example.org] Emergency Access was used";
    assert_eq!(told[0].subject.as_str(), subject);
    let set = [Event::new("qa.cleared"), Event::new("qa.set")];
    let told = made(&set, &reachable(), &policy());
    assert_eq!(told[0].what, "questions-cleared,questions-set");
}

#[test]
fn a_lock_is_told_to_the_person_and_to_the_administrators() {
    let events = [
        Event::new("auth.reject").refused(),
        Event::new("pin.blocked"),
        Event::new("user.locked"),
    ];
    let made = made(&events, &locked(), &policy());
    let to: Vec<&str> = made.iter().map(|message| message.to.as_str()).collect();
    assert_eq!(to, ["alice@example.org", "root@example.org"]);
    assert_eq!(
        made[0].what, "locked",
        "the blocked PIN is told by the lock"
    );
    assert_eq!(
        made[0].subject.as_str(),
        "[example.org] Your sign-in is locked"
    );
    assert_eq!(
        made[0].text,
        "Hello alice,\n\
         \n\
         Your sign-in has been locked because the PIN was wrong too often.\n\
         \n\
         Login name:  alice\n\
         Time:        2026-11-22 06:00 UTC\n\
         VPN gateway: vpn1\n\
         From:        203.0.113.9  Subject: eve\n\
         \n\
         Your help desk can unlock you.\n\
         If this was not you, or you did not ask for it, tell your help desk at once.\n\
         \n\
         Nobody will ever ask you for your PIN, your password or a code: not in a message, not on \
         the phone.\n"
    );
    assert_eq!(
        made[1].subject.as_str(),
        "[example.org] alice is locked: PinBlocked"
    );
    assert!(
        made[1].text.contains("mfactl why alice"),
        "{}",
        made[1].text
    );
    assert_ne!(made[0].id, made[1].id);
}

#[test]
fn a_person_is_told_in_the_own_language() {
    let mut record = locked();
    record.profile_mut().language = "de-AT".to_owned();
    let made = made(&[Event::new("user.locked")], &record, &policy());
    assert_eq!(
        made[0].subject.as_str(),
        "[example.org] Ihre Anmeldung ist gesperrt"
    );
    assert!(made[1].subject.as_str().contains("is locked"), "the site's");
}

#[test]
fn a_sign_in_tells_nobody_anything() {
    for name in [
        "auth.accept",
        "auth.reject",
        "auth.replay",
        "token.activated",
        "workflow.deferred",
        "passthrough.used",
        "user.waiting",
        "token.tested",
    ] {
        assert_eq!(made(&[Event::new(name)], &reachable(), &policy()), []);
    }
}

#[test]
fn what_did_not_happen_is_not_told() {
    let unchanged = Event::new("pin.reset").unchanged();
    assert_eq!(made(&[unchanged], &reachable(), &policy()), []);
    let refused = Event::new("pin.reset").refused();
    assert_eq!(made(&[refused], &reachable(), &policy()), []);
    let steady = Event::new("user.state").change("new", "steady");
    assert_eq!(made(&[steady], &reachable(), &policy()), []);
}

#[test]
fn without_a_mail_server_no_message_is_made() {
    let made = made(&[Event::new("user.locked")], &locked(), &Policy::default());
    assert_eq!(made, []);
}

#[test]
fn a_new_address_is_told_at_the_old_one() {
    let before = reachable();
    let mut after = reachable();
    after.profile_mut().emails[0].address = "eve@example.org".to_owned();
    after.profile_mut().emails[0].verified = false;
    let told = Told {
        events: &[Event::new("user.edited")],
        origin: &origin(),
        before: Some(&before),
        after: &after,
        at: AT,
    };
    let made = messages(told, &policy());
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].to.as_str(), "alice@example.org");
    assert_eq!(made[0].what, "contacts-changed");
}

/// The same with a telephone, proven.
fn telephoned() -> UserRecord {
    let mut record = reachable();
    record.profile_mut().phones = vec![Contact {
        address: "+49 170 1234567".to_owned(),
        verified: true,
    }];
    record
}

fn readers(made: &[Message]) -> Vec<&str> {
    made.iter().map(|message| message.to.as_str()).collect()
}

#[test]
fn a_telephone_is_told_where_no_address_can_be_reached() {
    let told = |record: &UserRecord, policy: &Policy| {
        let made = made(&[Event::new("pin.reset")], record, policy);
        readers(&made).join(" ")
    };
    let mut record = telephoned();
    assert_eq!(told(&record, &policy()), "alice@example.org");
    let mut without_mail = policy();
    without_mail.notices.as_mut().unwrap().mail = false;
    assert_eq!(told(&record, &without_mail), "+491701234567");
    record.profile_mut().emails.remove(0);
    assert_eq!(told(&record, &policy()), "+491701234567");
    let mut without_sms = policy();
    without_sms.notices.as_mut().unwrap().sms = false;
    assert_eq!(told(&record, &without_sms), "");
    record.profile_mut().phones[0].verified = false;
    assert_eq!(told(&record, &policy()), "");
    let made = made(&[Event::new("pin.reset")], &telephoned(), &without_mail);
    assert_eq!(
        made[0].text,
        "example.org: An operator has set a new PIN for you. If this was not you, or you did not ask \
         for it, tell your help desk at once.\n"
    );
}

#[test]
fn an_enrolment_is_told_everywhere() {
    // E12: whoever enrols with one address of somebody else is told of at all the others.
    let mut record = telephoned();
    record.profile_mut().emails[1].verified = true;
    for name in ["token.enrolled", "token.registered"] {
        let made = made(&[Event::new(name)], &record, &policy());
        let all = ["alice@example.org", "unproven@example.org", "+491701234567"];
        assert_eq!(readers(&made), all, "{name}");
    }
}

#[test]
fn a_telephone_that_is_taken_away_is_told() {
    let before = telephoned();
    let mut after = telephoned();
    after.profile_mut().phones.clear();
    let told = Told {
        events: &[Event::new("user.edited")],
        origin: &origin(),
        before: Some(&before),
        after: &after,
        at: AT,
    };
    let made = messages(told, &policy());
    assert_eq!(readers(&made), ["alice@example.org", "+491701234567"]);
}

#[test]
fn a_lock_says_that_there_were_wrong_codes() {
    let events = [Event::new("auth.suspicious"), Event::new("user.locked")];
    let made = made(&events, &locked(), &policy());
    assert_eq!(made[0].what, "locked");
}

#[test]
fn every_notice_has_its_words_in_both_languages() {
    let told = [
        Event::new("user.locked"),
        Event::new("user.unlocked"),
        Event::new("user.state").change("steady", "replace"),
        Event::new("user.state").change("steady", "revoke"),
        Event::new("pin.reset"),
        Event::new("pin.cleared"),
        Event::new("password.set"),
        Event::new("password.cleared"),
        Event::new("pin.blocked"),
        Event::new("token.enrolled"),
        Event::new("token.registered"),
        Event::new("token.edited"),
        Event::new("token.disabled"),
        Event::new("token.deleted"),
        Event::new("token.obsolete"),
        Event::new("token.secret_reset"),
        Event::new("authcode.created"),
        Event::new("authcode.used"),
        Event::new("auth.suspicious"),
        Event::new("recovery.issued"),
        Event::new("recovery.used"),
        Event::new("passthrough.enabled"),
        Event::new("passthrough.renewed"),
        Event::new("passthrough.warned"),
        Event::new("passthrough.ended"),
        Event::new("deviceauth.failed").refused().reason(NO_ADDRESS),
    ];
    let (mut english, mut german) = (locked(), locked());
    english.profile_mut().language = "en".to_owned();
    german.profile_mut().language = "de".to_owned();
    let mut texts = Vec::new();
    for event in told {
        for record in [&english, &german] {
            let made = made(std::slice::from_ref(&event), record, &policy());
            let text = made[0].text.clone();
            assert!(!texts.contains(&text), "{}: the same words", event.name);
            texts.push(text);
        }
    }
}

#[test]
fn administrators_are_told_of_whom_no_code_can_be_mailed_to_and_not_of_a_wrong_code() {
    let wrong = Event::new("deviceauth.failed").refused();
    let told = |event: Event| made(&[event], &alice(), &policy());
    assert!(told(wrong.clone()).is_empty());
    let made = told(wrong.reason(NO_ADDRESS));
    assert_eq!(readers(&made), ["root@example.org"]);
    let text = &made[0].text;
    assert!(text.starts_with("alice waits for a new token and has no proven e-mail address\n"));
    assert!(text.contains("mfactl why alice"), "{text}");
}

#[test]
fn other_ways_to_lose_a_token_are_told_as_such() {
    for name in ["token.deleted", "hw.unassigned", "recovery.revoked"] {
        let made = made(&[Event::new(name)], &reachable(), &policy());
        assert_eq!(made[0].what, "token-deleted", "{name}");
    }
}

#[test]
fn a_warning_says_when_the_passthrough_ends() {
    let mut record = telephoned();
    let grant = serde_json::json!({
        "id": 7, "from": 0, "until": AT.0 + 86_400_000, "by": "bob", "reason": "", "first_from": 0,
        "warned": AT.0,
    });
    let grants = &mut record.profile_mut().grants;
    grants.push(serde_json::from_value(grant).unwrap());
    let made = made(&[Event::new("passthrough.warned")], &record, &policy());
    assert_eq!(readers(&made), ["alice@example.org"]);
    let text = &made[0].text;
    assert!(
        text.contains("It ends at 2026-11-23 06:00 UTC.\n"),
        "{text}"
    );
}

#[test]
fn an_operator_is_reminded_as_a_person_else_the_administrators_are() {
    use reminder::{Reminder, Standing, operators};
    let policy = policy();
    let notices = policy.notices.as_ref().unwrap();
    assert_eq!(operators(None, notices), notices.admins);
    let unproven = operators(Some(&alice()), notices);
    assert_eq!(unproven, notices.admins);
    let proven = operators(Some(&reachable()), notices);
    assert_eq!(proven, [address("alice@example.org")]);
    let standing = |id| Standing {
        user: Line::new("carol\r\nBcc: eve"),
        id,
        until: AT,
        by: Line::new("bob"),
    };
    let all: Vec<Standing> = (1..=120).map(standing).collect();
    let mail = Reminder::Ending.mail(&address("bob@example.org"), &all, &policy, AT);
    assert!(
        mail.text
            .contains("carol  Bcc: eve: P-1 until 2026-11-22 06:00 UTC by bob\n")
    );
    assert_eq!(mail.text.matches("carol").count(), 100);
    assert!(mail.text.contains("... +20\n"), "{}", mail.text);
    let other = Reminder::Summary.mail(&address("bob@example.org"), &all, &policy, AT);
    assert_ne!((mail.id, &mail.subject), (other.id, &other.subject));
}

#[test]
fn an_operator_is_named() {
    let mut origin = origin();
    origin.actor = Actor::Operator(Operator {
        uid: 1000,
        name: Arc::from("bob"),
        role: Role::Support,
    });
    origin.source = None;
    let record = reachable();
    let told = Told {
        events: &[Event::new("pin.reset").reason("she said so")],
        origin: &origin,
        before: Some(&record),
        after: &record,
        at: AT,
    };
    let made = messages(told, &policy());
    assert!(
        made[0].text.contains("By operator: bob\n"),
        "{}",
        made[0].text
    );
    assert!(
        !made[0].text.contains("she said so"),
        "the reason is internal"
    );
}

/// The letters of GSM 03.38 that take one place each.
const GSM: &str = "@\u{a3}$\u{a5}èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                   ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

#[test]
fn what_is_enclosed_fits_one_text_message_and_a_link_two() {
    let url = format!("https://enrolment.vpn.example.org/e/{}", "A".repeat(64));
    let codes = [
        (EnclosedKind::AuthCode, "0123Z-010ZA", 160),
        (EnclosedKind::Code, "01234567", 160),
        (EnclosedKind::EnrolLink, url.as_str(), 306),
    ];
    for (language, suppressed) in [("en", false), ("de", false), ("en", true), ("de", true)] {
        let mut record = reachable();
        language.clone_into(&mut record.profile_mut().language);
        let mut policy = policy();
        policy.auth_code.always_suppress = suppressed;
        for (kind, clear, most) in codes {
            let sealed = Sealed {
                v: 1,
                data: Vec::new(),
            };
            let enclosure = Enclosure {
                id: MessageId([1; 16]),
                enclosed: Enclosed { kind, sealed },
            };
            let to = Recipient::Phone(Phone::parse("+491701234567").unwrap());
            let message = enclosing(enclosure, to, &record, &policy, (AT, AT));
            let text = message.text.trim_end().replace(ENCLOSED, clear);
            assert!(text.contains(clear), "{text}");
            assert!(text.chars().all(|letter| GSM.contains(letter)), "{text}");
            let length = text.chars().count();
            assert!(length <= most, "{length} of {most}: {text}");
        }
    }
}

#[test]
fn a_token_is_named_by_its_label_and_description() {
    let mut record = reachable();
    let first = record.profile.tokens[0].id;
    let second = TokenId::from_random([2; 5]);
    let profile = record.profile_mut();
    profile.tokens[0].description = "iPhone 15\r\nBcc: eve".to_owned();
    profile.tokens.push(Token {
        id: second,
        description: String::new(),
        ..profile.tokens[0].clone()
    });
    profile.language = "de".to_owned();
    let rule = TypeRule {
        kind: record.profile.tokens[0].kind,
        withdrawn: false,
        operator_enrol: true,
        labels: vec![(Some(Language::German), "Firmen-App".to_owned())],
    };
    let policy = Policy {
        types: vec![rule],
        ..policy()
    };
    let both = [first, second].map(|id| Event::new("token.disabled").token(id));
    let text = made(&both, &record, &policy)[0].text.clone();
    let line = format!("Token:       Firmen-App, iPhone 15  Bcc: eve ({first})\n");
    assert!(text.contains(&line), "{text}");
    let line = format!("Token:       Firmen-App ({second})\n");
    assert!(text.contains(&line), "{text}");
    // A deleted one is known from before.
    let mut after = record.clone();
    after.profile_mut().tokens.clear();
    let told = Told {
        events: &[Event::new("token.deleted").token(first)],
        origin: &origin(),
        before: Some(&record),
        after: &after,
        at: AT,
    };
    let text = messages(told, &policy)[0].text.clone();
    assert!(text.contains("Firmen-App, iPhone 15"), "{text}");
    // What is not about tokens names none.
    let unlocked = [Event::new("user.unlocked").token(first)];
    assert!(!made(&unlocked, &record, &policy)[0].text.contains("Token:"));
}
