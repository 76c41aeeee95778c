//! Subject and sentence of each thing that a person is told.

use super::Notice;
use crate::domain::lockout::LockReason;

#[expect(clippy::too_many_lines, reason = "one row for each notice")]
pub(super) const fn english(notice: Notice) -> (&'static str, &'static str) {
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
        Notice::TokenResynced => (
            "A token was reset",
            "A token of your account has been brought back in step by two of its codes.",
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
        Notice::QuestionsSet => (
            "Your questions were set",
            "New questions have been set that lead to a new PIN. Older ones are void.",
        ),
        Notice::QuestionsCleared => (
            "Your questions were removed",
            "The questions that lead to a new PIN have been removed.",
        ),
        Notice::EmergencyUsed => (
            "Emergency Access was used",
            "Somebody was asked the questions that lead to a new PIN for your account.",
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
        Notice::NoAddress => (
            "No code could be mailed to you",
            "Somebody has signed in with your password to set up a new token, and no proven e-mail \
             address of yours is known. Your help desk can give you the token.",
        ),
    }
}

#[expect(clippy::too_many_lines, reason = "one row for each notice")]
pub(super) const fn german(notice: Notice) -> (&'static str, &'static str) {
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
        Notice::TokenResynced => (
            "Ein Token wurde abgeglichen",
            "Ein Token Ihres Kontos wurde mit zweien seiner Codes neu abgeglichen.",
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
        Notice::QuestionsSet => (
            "Ihre Fragen wurden gesetzt",
            "Neue Fragen wurden gesetzt, die zu einer neuen PIN führen. Ältere gelten nicht mehr.",
        ),
        Notice::QuestionsCleared => (
            "Ihre Fragen wurden entfernt",
            "Die Fragen, die zu einer neuen PIN führen, wurden entfernt.",
        ),
        Notice::EmergencyUsed => (
            "Der Notfallzugang wurde benutzt",
            "Jemandem wurden die Fragen gestellt, die zu einer neuen PIN für Ihr Konto führen.",
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
        Notice::NoAddress => (
            "Ihnen konnte kein Code gemailt werden",
            "Jemand hat sich mit Ihrem Passwort angemeldet, um ein neues Token einzurichten, und von \
             Ihnen ist keine bestätigte E-Mail-Adresse bekannt. Ihr Helpdesk kann Ihnen das Token \
             geben.",
        ),
    }
}
