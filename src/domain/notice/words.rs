//! The words of the messages, in each language.
//!
//! A letter to a person says what happened, when and from where, and what to do if it was not them.
//! Only [`Facts`] are put into it, each of which is one line.

mod enclosing;
mod grants;

pub(super) use self::enclosing::enclosing;
pub(super) use self::grants::reminder;
use super::{Facts, Language, Letter, Notice};
use crate::domain::lockout::LockReason;
use crate::domain::message::Line;
use crate::domain::recipient::Channel;
use crate::time::Timestamp;

/// The letter to the person; `first` gives the subject.
pub(super) fn to_user(
    language: Language,
    first: Notice,
    tidings: &[Notice],
    facts: &Facts,
) -> Letter {
    let words = words(language);
    let mut text = format!("{} {},\n\n", words.hello, facts.name);
    for notice in tidings {
        text.push_str(&format!("{}\n", (words.tell)(*notice).1));
    }
    text.push('\n');
    text.push_str(&told(words, facts));
    text.push('\n');
    if tidings.iter().any(|one| matches!(one, Notice::Locked(_))) {
        match facts.ends {
            Some(ends) => text.push_str(&format!("{} {}.\n", words.lock_ends, minute(ends))),
            None => text.push_str(&format!("{}\n", words.lock_stays)),
        }
    }
    let ending = tidings.contains(&Notice::PassthroughEnding);
    if let Some(ends) = facts.grant_ends.filter(|_| ending) {
        text.push_str(&format!("{} {}.\n", words.grant_ends, minute(ends)));
    }
    text.push_str(&format!("{}\n\n{}\n", words.not_you, words.never));
    Letter {
        subject: subject(&facts.issuer, (words.tell)(first).0),
        text,
    }
}

/// The same as a text message: what happened, and what to do if it was not them.
pub(super) fn to_phone(
    language: Language,
    first: Notice,
    tidings: &[Notice],
    facts: &Facts,
) -> Letter {
    let words = words(language);
    let sentences = tidings.iter().map(|notice| (words.tell)(*notice).1);
    let sentences: Vec<&str> = sentences.chain([words.not_you]).collect();
    Letter {
        subject: subject(&facts.issuer, (words.tell)(first).0),
        text: format!("{}: {}\n", facts.issuer, sentences.join(" ")),
    }
}

/// The letter to an administrator about a lock.
pub(super) fn to_admin(language: Language, reason: LockReason, facts: &Facts) -> Letter {
    let words = words(language);
    let what = format!("{} {}: {}", facts.user, words.is_locked, reason.name());
    let mut text = format!("{what}\n\n{}", told(words, facts));
    if let Some(ends) = facts.ends {
        text.push_str(&format!("\n{} {}.\n", words.lock_ends, minute(ends)));
    }
    text.push_str(&format!(
        "\n{} mfactl why {}\n",
        words.in_the_way, facts.user
    ));
    Letter {
        subject: subject(&facts.issuer, &what),
        text,
    }
}

/// The letter of a test.
pub(super) fn test(language: Language, channel: Channel, issuer: &Line, at: Timestamp) -> Letter {
    let words = words(language);
    let (title, sentence) = words.test;
    Letter {
        subject: subject(issuer, title),
        text: match channel {
            Channel::Mail => format!("{sentence}\n\n{} {}\n", words.time, minute(at)),
            Channel::Sms => format!("{issuer}: {sentence}\n"),
        },
    }
}

fn subject(issuer: &Line, text: &str) -> Line {
    Line::new(&format!("[{issuer}] {text}"))
}

/// When, where, by whom.
fn told(words: &Words, facts: &Facts) -> String {
    let at = minute(facts.at);
    let mut text = format!("{} {}\n{} {at}\n", words.user, facts.user, words.time);
    let lines = [
        (words.gateway, &facts.gateway),
        (words.station, &facts.station),
        (words.operator, &facts.operator),
    ];
    for (label, line) in lines {
        if let Some(line) = line {
            text.push_str(&format!("{label} {line}\n"));
        }
    }
    text
}

/// `2026-11-23 13:09 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// Everything that a language says.
struct Words {
    hello: &'static str,
    user: &'static str,
    time: &'static str,
    gateway: &'static str,
    station: &'static str,
    operator: &'static str,
    lock_ends: &'static str,
    lock_stays: &'static str,
    not_you: &'static str,
    never: &'static str,
    is_locked: &'static str,
    in_the_way: &'static str,
    look: &'static str,
    grant_ends: &'static str,
    until: &'static str,
    by: &'static str,
    /// Subject and sentence of a reminder.
    grants_end: (&'static str, &'static str),
    grants: (&'static str, &'static str),
    good_until: &'static str,
    test: (&'static str, &'static str),
    /// Subject and sentence.
    tell: fn(Notice) -> (&'static str, &'static str),
}

const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

const ENGLISH: Words = Words {
    hello: "Hello",
    user: "Login name: ",
    time: "Time:       ",
    gateway: "VPN gateway:",
    station: "From:       ",
    operator: "By operator:",
    lock_ends: "The lock ends by itself at",
    lock_stays: "Your help desk can unlock you.",
    not_you: "If this was not you, or you did not ask for it, tell your help desk at once.",
    never: "Nobody will ever ask you for your PIN, your password or a code: not in a message, not \
            on the phone.",
    is_locked: "is locked",
    in_the_way: "What stands in the way:",
    look: "See:",
    grant_ends: "It ends at",
    until: "until",
    by: "by",
    grants_end: (
        "Sign-ins without a code end soon",
        "These people can soon no longer sign in without a code:",
    ),
    grants: (
        "Sign-ins without a code",
        "These people can sign in without a code:",
    ),
    good_until: "This is good once, until",
    test: (
        "Test message",
        "This is a test. Messages to people can be sent.",
    ),
    tell: english,
};

const GERMAN: Words = Words {
    hello: "Guten Tag",
    user: "Anmeldename:",
    time: "Zeit:       ",
    gateway: "VPN-Gateway:",
    station: "Von:        ",
    operator: "Durch:      ",
    lock_ends: "Die Sperre endet von selbst am",
    lock_stays: "Ihr Helpdesk kann Sie entsperren.",
    not_you: "Wenn Sie das nicht waren oder nicht darum gebeten haben, sagen Sie es sofort Ihrem \
              Helpdesk.",
    never: "Niemand wird Sie je nach Ihrer PIN, Ihrem Passwort oder einem Code fragen: nicht in \
            einer Nachricht, nicht am Telefon.",
    is_locked: "ist gesperrt",
    in_the_way: "Was im Wege steht:",
    look: "Siehe:",
    grant_ends: "Sie endet am",
    until: "bis",
    by: "durch",
    grants_end: (
        "Anmeldungen ohne Code enden bald",
        "Diese Personen können sich bald nicht mehr ohne Code anmelden:",
    ),
    grants: (
        "Anmeldungen ohne Code",
        "Diese Personen können sich ohne Code anmelden:",
    ),
    good_until: "Das gilt einmal, bis",
    test: (
        "Testnachricht",
        "Das ist ein Test. Nachrichten an Personen können versendet werden.",
    ),
    tell: german,
};

#[expect(clippy::too_many_lines, reason = "one row for each notice")]
const fn english(notice: Notice) -> (&'static str, &'static str) {
    match notice {
        Notice::Locked(LockReason::Failures) => (
            "Your sign-in is locked",
            "Your sign-in has been locked after too many failed attempts.",
        ),
        Notice::Locked(LockReason::PinBlocked) => (
            "Your sign-in is locked",
            "Your sign-in has been locked because the PIN was wrong too often.",
        ),
        Notice::Locked(LockReason::Operator) => (
            "Your sign-in is locked",
            "Your sign-in has been locked by an operator.",
        ),
        Notice::Locked(LockReason::Inactivity) => (
            "Your sign-in is locked",
            "Your sign-in has been locked because you have not used it for a long time.",
        ),
        Notice::Unlocked => (
            "Your sign-in is unlocked",
            "Your sign-in has been unlocked.",
        ),
        Notice::PinBlocked => (
            "Your PIN is blocked",
            "Your PIN has been blocked because it was wrong too often.",
        ),
        Notice::PinReset => (
            "Your PIN was reset",
            "An operator has set a new PIN for you.",
        ),
        Notice::PinChanged => ("Your PIN was changed", "A new PIN was set in a sign-in."),
        Notice::PinCleared => ("Your PIN was removed", "Your PIN has been removed."),
        Notice::PasswordSet => (
            "Your password was set",
            "An operator has set a new VPN password for you.",
        ),
        Notice::PasswordChanged => (
            "Your password was changed",
            "A new VPN password was set in a sign-in.",
        ),
        Notice::PasswordCleared => (
            "Your password was removed",
            "Your VPN password has been removed.",
        ),
        Notice::Replaced => (
            "Your token is being replaced",
            "Your old token no longer works. You need a new one.",
        ),
        Notice::Revoked => (
            "Your access was revoked",
            "All your tokens have been revoked.",
        ),
        Notice::TokenAdded => (
            "A token was added",
            "A new token has been added to your account.",
        ),
        Notice::TokenReady => (
            "A token is ready",
            "A token of your account has been proven: from now on its codes let in.",
        ),
        Notice::TokenEdited => (
            "A token was changed",
            "What is kept of a token of your account has been changed.",
        ),
        Notice::TokenDisabled => (
            "A token was disabled",
            "A token of your account has been disabled.",
        ),
        Notice::TokenDeleted => (
            "A token was removed",
            "A token has been removed from your account.",
        ),
        Notice::TokenVoid => (
            "A token is void",
            "A token of your account has become void.",
        ),
        Notice::SecretReset => (
            "Your secret key was reset",
            "An operator has reset the secret key of your token. It no longer works; you need a new \
             one.",
        ),
        Notice::AuthCodeMade => (
            "An enrolment code was made",
            "A code has been made with which a new token can be added to your account.",
        ),
        Notice::AuthCodeUsed => (
            "An enrolment code was used",
            "Somebody has used the code with which a new token can be added to your account.",
        ),
        Notice::Suspicious => (
            "Wrong codes after the right password",
            "Somebody knows your password and has given wrong codes three times in a row.",
        ),
        Notice::RecoveryIssued => (
            "New recovery codes",
            "New recovery codes have been made for you. Older ones are void.",
        ),
        Notice::RecoveryUsed => (
            "A recovery code was used",
            "Somebody has signed in with one of your recovery codes.",
        ),
        Notice::PassthroughEnabled => (
            "Sign-in without a code",
            "For a while your account can be signed in to without a code.",
        ),
        Notice::PassthroughRenewed => (
            "Sign-in without a code, longer",
            "The time in which your account can be signed in to without a code is longer now.",
        ),
        Notice::PassthroughEnding => (
            "Sign-in without a code ends soon",
            "The time in which your account can be signed in to without a code ends soon. By then you \
             need a token.",
        ),
        Notice::PassthroughEnded => (
            "A code is asked for again",
            "The time in which your account could be signed in to without a code is over.",
        ),
        Notice::ContactsChanged => (
            "Your address was changed",
            "An e-mail address or phone number of your account has been changed.",
        ),
    }
}

#[expect(clippy::too_many_lines, reason = "one row for each notice")]
const fn german(notice: Notice) -> (&'static str, &'static str) {
    match notice {
        Notice::Locked(LockReason::Failures) => (
            "Ihre Anmeldung ist gesperrt",
            "Ihre Anmeldung wurde nach zu vielen Fehlversuchen gesperrt.",
        ),
        Notice::Locked(LockReason::PinBlocked) => (
            "Ihre Anmeldung ist gesperrt",
            "Ihre Anmeldung wurde gesperrt, weil die PIN zu oft falsch war.",
        ),
        Notice::Locked(LockReason::Operator) => (
            "Ihre Anmeldung ist gesperrt",
            "Ihre Anmeldung wurde von der Administration gesperrt.",
        ),
        Notice::Locked(LockReason::Inactivity) => (
            "Ihre Anmeldung ist gesperrt",
            "Ihre Anmeldung wurde gesperrt, weil Sie sich lange nicht angemeldet haben.",
        ),
        Notice::Unlocked => (
            "Ihre Anmeldung ist entsperrt",
            "Ihre Anmeldung wurde entsperrt.",
        ),
        Notice::PinBlocked => (
            "Ihre PIN ist blockiert",
            "Ihre PIN wurde blockiert, weil sie zu oft falsch war.",
        ),
        Notice::PinReset => (
            "Ihre PIN wurde neu gesetzt",
            "Die Administration hat eine neue PIN für Sie gesetzt.",
        ),
        Notice::PinChanged => ("Ihre PIN wurde geändert", "Eine neue PIN wurde gesetzt."),
        Notice::PinCleared => ("Ihre PIN wurde entfernt", "Ihre PIN wurde entfernt."),
        Notice::PasswordSet => (
            "Ihr Passwort wurde gesetzt",
            "Die Administration hat ein neues VPN-Passwort für Sie gesetzt.",
        ),
        Notice::PasswordChanged => (
            "Ihr Passwort wurde geändert",
            "Bei einer Anmeldung wurde ein neues VPN-Passwort gesetzt.",
        ),
        Notice::PasswordCleared => (
            "Ihr Passwort wurde entfernt",
            "Ihr VPN-Passwort wurde entfernt.",
        ),
        Notice::Replaced => (
            "Ihr Token wird ersetzt",
            "Ihr altes Token gilt nicht mehr. Sie brauchen ein neues.",
        ),
        Notice::Revoked => (
            "Ihr Zugang wurde widerrufen",
            "Alle Ihre Token wurden widerrufen.",
        ),
        Notice::TokenAdded => (
            "Ein Token kam hinzu",
            "Zu Ihrem Konto kam ein neues Token hinzu.",
        ),
        Notice::TokenReady => (
            "Ein Token gilt",
            "Ein Token Ihres Kontos wurde bestätigt: Von jetzt an gelten seine Codes.",
        ),
        Notice::TokenEdited => (
            "Ein Token wurde geändert",
            "Angaben zu einem Token Ihres Kontos wurden geändert.",
        ),
        Notice::TokenDisabled => (
            "Ein Token wurde abgeschaltet",
            "Ein Token Ihres Kontos wurde abgeschaltet.",
        ),
        Notice::TokenDeleted => (
            "Ein Token wurde entfernt",
            "Ein Token wurde aus Ihrem Konto entfernt.",
        ),
        Notice::TokenVoid => (
            "Ein Token gilt nicht mehr",
            "Ein Token Ihres Kontos gilt nicht mehr.",
        ),
        Notice::SecretReset => (
            "Ihr geheimer Schlüssel wurde zurückgesetzt",
            "Die Administration hat den geheimen Schlüssel Ihres Tokens zurückgesetzt. Es gilt nicht \
             mehr; Sie brauchen ein neues.",
        ),
        Notice::AuthCodeMade => (
            "Ein Code zum Einrichten wurde gemacht",
            "Ein Code wurde gemacht, mit dem Ihrem Konto ein neues Token hinzugefügt werden kann.",
        ),
        Notice::AuthCodeUsed => (
            "Ein Code zum Einrichten wurde benutzt",
            "Jemand hat den Code benutzt, mit dem Ihrem Konto ein neues Token hinzugefügt werden kann.",
        ),
        Notice::Suspicious => (
            "Falsche Codes nach richtigem Passwort",
            "Jemand kennt Ihr Passwort und hat dreimal nacheinander einen falschen Code eingegeben.",
        ),
        Notice::RecoveryIssued => (
            "Neue Wiederherstellungscodes",
            "Für Sie wurden neue Wiederherstellungscodes gemacht. Ältere gelten nicht mehr.",
        ),
        Notice::RecoveryUsed => (
            "Ein Wiederherstellungscode wurde benutzt",
            "Jemand hat sich mit einem Ihrer Wiederherstellungscodes angemeldet.",
        ),
        Notice::PassthroughEnabled => (
            "Anmeldung ohne Code",
            "Für eine Weile ist die Anmeldung an Ihrem Konto ohne Code möglich.",
        ),
        Notice::PassthroughRenewed => (
            "Anmeldung ohne Code, länger",
            "Die Zeit, in der die Anmeldung an Ihrem Konto ohne Code möglich ist, wurde \
             verlängert.",
        ),
        Notice::PassthroughEnding => (
            "Anmeldung ohne Code endet bald",
            "Die Zeit, in der die Anmeldung an Ihrem Konto ohne Code möglich ist, endet bald. Bis \
             dahin brauchen Sie ein Token.",
        ),
        Notice::PassthroughEnded => (
            "Wieder mit Code",
            "Die Zeit, in der die Anmeldung an Ihrem Konto ohne Code möglich war, ist vorbei.",
        ),
        Notice::ContactsChanged => (
            "Ihre Adresse wurde geändert",
            "Eine E-Mail-Adresse oder Telefonnummer Ihres Kontos wurde geändert.",
        ),
    }
}
