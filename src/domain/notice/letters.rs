//! Messages that bring a person something secret: a link, a seed, an auth code, a code.
//!
//! The secret itself is not in the text. It is sealed beside it, and the sign [`ENCLOSED`] stands where
//! it is put in when the message is sent.

use super::words;
use super::{Language, Letter};
use crate::domain::message::{About, ENCLOSED, Enclosed, EnclosedKind, Line, Message, MessageId};
use crate::domain::policy::Policy;
use crate::domain::recipient::{Channel, Recipient};
use crate::domain::user::{Profile, UserRecord};
use crate::time::Timestamp;

/// What is enclosed in a message, sealed before the message is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosure {
    /// The id of the message that it is sealed for.
    pub id: MessageId,
    /// What it is.
    pub enclosed: Enclosed,
}

/// The message that brings `enclosure` to `to`; it is good until `until`.
#[must_use]
pub fn enclosing(
    enclosure: Enclosure,
    to: Recipient,
    record: &UserRecord,
    policy: &Policy,
    (at, until): (Timestamp, Timestamp),
) -> Message {
    let profile = &record.profile;
    let language = policy.language_of(profile);
    let coded = !policy.auth_code.always_suppress;
    let kind = enclosure.enclosed.kind;
    let (subject, body) = match language {
        Language::English => english(kind, profile, coded),
        Language::German => german(kind, profile, coded),
    };
    let body = match to.channel() {
        Channel::Mail => body,
        Channel::Sms => in_short(language, kind, coded),
    };
    let Letter { subject, text } = words::enclosing(
        language,
        to.channel(),
        &Line::new(&policy.issuer),
        profile,
        (subject, &body),
        (kind != EnclosedKind::Seed).then_some(until),
    );
    Message {
        id: enclosure.id,
        to,
        what: kind.name().to_owned(),
        about: Some(About {
            id: record.id,
            user: record.name().to_owned(),
        }),
        subject,
        text,
        enclosed: Some(enclosure.enclosed),
        at,
        until: Some(until),
        extra: serde_json::Map::new(),
    }
}

/// The same for a telephone, in the letters that such messages are written in (GSM 03.38): one of them
/// holds a code, two a link.
fn in_short(language: Language, kind: EnclosedKind, coded: bool) -> String {
    match (kind, language) {
        (EnclosedKind::EnrolLink, Language::English) => {
            let code = if coded {
                " and the auth code that you get in another way"
            } else {
                ""
            };
            format!("Set up your codes: {ENCLOSED} You are asked for your login name{code}.")
        }
        (EnclosedKind::EnrolLink, Language::German) => {
            let code = if coded {
                " und dem Auth-Code, den Sie auf anderem Wege erhalten"
            } else {
                ""
            };
            format!(
                "Richten Sie Ihre Codes ein: {ENCLOSED} Gefragt wird nach Ihrem Anmeldenamen{code}."
            )
        }
        (EnclosedKind::AuthCode, Language::English) => {
            format!("Your auth code for setting up your codes: {ENCLOSED}. Tell it to nobody.")
        }
        (EnclosedKind::AuthCode, Language::German) => {
            format!(
                "Ihr Auth-Code zum Einrichten Ihrer Codes: {ENCLOSED}. Sagen Sie ihn niemandem."
            )
        }
        (EnclosedKind::Code, Language::English) => format!("Your code: {ENCLOSED}."),
        (EnclosedKind::Code, Language::German) => format!("Ihr Code: {ENCLOSED}."),
        (EnclosedKind::SignInCode, Language::English) => {
            format!("Your code for the sign-in: {ENCLOSED}. Tell it to nobody.")
        }
        (EnclosedKind::SignInCode, Language::German) => {
            format!("Ihr Code zur Anmeldung: {ENCLOSED}. Sagen Sie ihn niemandem.")
        }
        // These go by mail alone.
        (EnclosedKind::ConfirmLink | EnclosedKind::Seed | EnclosedKind::DeviceCode, _) => {
            String::new()
        }
    }
}

fn english(kind: EnclosedKind, profile: &Profile, coded: bool) -> (&'static str, String) {
    let user = Line::new(&profile.name);
    match kind {
        EnclosedKind::EnrolLink => {
            let code = if coded {
                ", and the auth code that your help desk gives you in another way"
            } else {
                ""
            };
            let text = format!(
                "The codes for your sign-in can be set up now.\n\n\
                 1. Open this link, or scan the attached picture with your phone:\n\n\
                 {ENCLOSED}\n\n\
                 2. Enter your login name, {user}{code}.\n\
                 3. Scan the QR code of that page with your authenticator app, and enter the first \
                 code that it shows.\n"
            );
            ("Set up your codes", text)
        }
        EnclosedKind::Seed => {
            let text = format!(
                "The codes for your sign-in, login name {user}, can be set up now. Scan the attached \
                 picture with your authenticator app, and sign in with the first code that it shows. \
                 If it is refused, call your help desk.\n\nWhoever has the picture can make your \
                 codes: delete this message afterwards.\n"
            );
            ("Set up your codes", text)
        }
        EnclosedKind::ConfirmLink => {
            let text = format!(
                "This address was entered for the account {user}. Open this link to confirm that it \
                 is yours:\n\n{ENCLOSED}\n"
            );
            ("Confirm your address", text)
        }
        EnclosedKind::AuthCode => {
            let text = format!(
                "Your auth code, which is asked for when you set up your codes:\n\n{ENCLOSED}\n"
            );
            ("Your auth code", text)
        }
        EnclosedKind::Code => {
            let text = format!(
                "Your code: {ENCLOSED}\n\nRead it out to your help desk if you are speaking with it \
                 now, and to nobody else.\n"
            );
            ("Your code", text)
        }
        EnclosedKind::SignInCode => {
            let text = format!(
                "Your code for the sign-in: {ENCLOSED}\n\nEnter it where you are asked for it, and \
                 tell it to nobody. If you are not signing in now, somebody else knows your password: \
                 call your help desk.\n"
            );
            ("Your code for the sign-in", text)
        }
        EnclosedKind::DeviceCode => {
            let text = format!(
                "Your device authorization code: {ENCLOSED}\n\nEnter it where you are asked for it \
                 when you sign in: it leads to a new token in the place of the one you have lost, or \
                 through the reset that your help desk has begun. Tell it to nobody. If you are not \
                 signing in now, somebody else knows your password: call your help desk.\n"
            );
            ("Your device authorization code", text)
        }
    }
}

fn german(kind: EnclosedKind, profile: &Profile, coded: bool) -> (&'static str, String) {
    let user = Line::new(&profile.name);
    match kind {
        EnclosedKind::EnrolLink => {
            let code = if coded {
                " und den Auth-Code ein, den Ihnen Ihr Helpdesk auf anderem Wege gibt"
            } else {
                " ein"
            };
            let text = format!(
                "Die Codes für Ihre Anmeldung können jetzt eingerichtet werden.\n\n\
                 1. Öffnen Sie diesen Link, oder scannen Sie das Bild im Anhang mit Ihrem \
                 Telefon:\n\n\
                 {ENCLOSED}\n\n\
                 2. Geben Sie Ihren Anmeldenamen {user}{code}.\n\
                 3. Scannen Sie den QR-Code dieser Seite mit Ihrer Authenticator-App, und geben Sie \
                 den ersten Code ein, den sie zeigt.\n"
            );
            ("Richten Sie Ihre Codes ein", text)
        }
        EnclosedKind::Seed => {
            let text = format!(
                "Die Codes für Ihre Anmeldung, Anmeldename {user}, können jetzt eingerichtet werden. \
                 Scannen Sie das Bild im Anhang mit Ihrer Authenticator-App, und melden Sie sich mit \
                 dem ersten Code an, den sie zeigt. Wird er abgelehnt, rufen Sie Ihren Helpdesk \
                 an.\n\nWer das Bild hat, kann Ihre Codes \
                 machen: Löschen Sie diese Nachricht danach.\n"
            );
            ("Richten Sie Ihre Codes ein", text)
        }
        EnclosedKind::ConfirmLink => {
            let text = format!(
                "Diese Adresse wurde für das Konto {user} eingetragen. Öffnen Sie diesen Link, um zu \
                 bestätigen, dass sie Ihnen gehört:\n\n{ENCLOSED}\n"
            );
            ("Bestätigen Sie Ihre Adresse", text)
        }
        EnclosedKind::AuthCode => {
            let text = format!(
                "Ihr Auth-Code, nach dem beim Einrichten Ihrer Codes gefragt wird:\n\n{ENCLOSED}\n"
            );
            ("Ihr Auth-Code", text)
        }
        EnclosedKind::Code => {
            let text = format!(
                "Ihr Code: {ENCLOSED}\n\nWenn Sie gerade mit Ihrem Helpdesk sprechen, lesen Sie ihn \
                 vor. Sagen Sie ihn sonst niemandem, und niemandem, der Sie deshalb anruft.\n"
            );
            ("Ihr Code", text)
        }
        EnclosedKind::SignInCode => {
            let text = format!(
                "Ihr Code zur Anmeldung: {ENCLOSED}\n\nGeben Sie ihn dort ein, wo Sie danach gefragt \
                 werden, und sagen Sie ihn niemandem. Wenn Sie sich gerade nicht anmelden, kennt \
                 jemand anderes Ihr Passwort: Rufen Sie Ihren Helpdesk an.\n"
            );
            ("Ihr Code zur Anmeldung", text)
        }
        EnclosedKind::DeviceCode => {
            let text = format!(
                "Ihr Code zur Gerätefreigabe: {ENCLOSED}\n\nGeben Sie ihn dort ein, wo Sie bei der \
                 Anmeldung danach gefragt werden: Er führt zu einem neuen Token anstelle des \
                 verlorenen oder durch die Zurücksetzung, die Ihr Helpdesk begonnen hat. Sagen Sie ihn \
                 niemandem. Wenn Sie sich gerade nicht anmelden, kennt jemand anderes Ihr Passwort: \
                 Rufen Sie Ihren Helpdesk an.\n"
            );
            ("Ihr Code zur Gerätefreigabe", text)
        }
    }
}
