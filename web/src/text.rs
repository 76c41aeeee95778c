//! What the pages say, in each language.

use serde::Deserialize;

/// How many languages there are.
pub const LANGUAGES: usize = 2;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Language {
    /// As it stands in `lang`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::En => Self::De,
            Self::De => Self::En,
        }
    }

    /// The language of a tag such as `de-AT`.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        let known = [Self::En, Self::De].into_iter();
        known
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The one that a browser likes best, of those there are.
    #[must_use]
    pub fn preferred(accept_language: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for range in accept_language.split(',').take(16) {
            let mut parts = range.split(';').map(str::trim);
            let language = parts.next().and_then(Self::of);
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight = weight.map_or(1000, thousandths);
            if let Some(language) = language
                && weight > 0
                && best.is_none_or(|(most, _)| weight > most)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// What the pages say in it.
    #[must_use]
    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::En => &ENGLISH,
            Self::De => &GERMAN,
        }
    }
}

/// `0.8` as 800; what makes no sense is the least.
fn thousandths(weight: &str) -> u16 {
    match weight.strip_prefix("0.") {
        Some(digits) if digits.len() <= 3 => format!("{digits:0<3}").parse().unwrap_or(1),
        _ if weight.starts_with('1') => 1000,
        _ => 0,
    }
}

/// Everything that the pages say.
#[derive(Debug)]
pub struct Texts {
    pub(crate) language: &'static str,
    pub(crate) title: &'static str,
    pub(crate) help: &'static str,
    pub(crate) begin: &'static str,
    pub(crate) begin_lead: &'static str,
    pub(crate) user: &'static str,
    pub(crate) user_hint: &'static str,
    pub(crate) code: &'static str,
    pub(crate) code_hint: &'static str,
    pub(crate) next: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) failed_try: &'static str,
    pub(crate) scan: &'static str,
    pub(crate) scan_lead: &'static str,
    pub(crate) here: &'static str,
    pub(crate) here_link: &'static str,
    pub(crate) elsewhere: &'static str,
    pub(crate) picture: &'static str,
    pub(crate) type_it: &'static str,
    pub(crate) first_code: &'static str,
    pub(crate) first_code_hint: &'static str,
    pub(crate) finish: &'static str,
    pub(crate) wrong_code: &'static str,
    pub(crate) wrong_code_try: &'static str,
    pub(crate) tries_left: &'static str,
    pub(crate) clock_ahead: &'static str,
    pub(crate) clock_behind: &'static str,
    pub(crate) clock_set: &'static str,
    pub(crate) done: &'static str,
    pub(crate) done_lead: &'static str,
    pub(crate) clock_right: &'static str,
    pub(crate) recovery: &'static str,
    pub(crate) recovery_lead: &'static str,
    pub(crate) recovery_button: &'static str,
    pub(crate) codes_lead: &'static str,
    pub(crate) codes_print: &'static str,
    pub(crate) confirm: &'static str,
    pub(crate) confirm_lead: &'static str,
    pub(crate) confirm_button: &'static str,
    pub(crate) confirm_failed: &'static str,
    pub(crate) confirmed: &'static str,
    pub(crate) confirmed_lead: &'static str,
    pub(crate) close: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) nothing_lead: &'static str,
    pub(crate) too_fast: &'static str,
    pub(crate) too_fast_lead: &'static str,
    pub(crate) unavailable: &'static str,
    pub(crate) unavailable_lead: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) refused_lead: &'static str,
}

impl Texts {
    /// `1 min 30 s`, which both languages write alike.
    pub(crate) fn span(seconds: u64) -> String {
        match (seconds / 60, seconds % 60) {
            (0, s) => format!("{s} s"),
            (min, 0) => format!("{min} min"),
            (min, s) => format!("{min} min {s} s"),
        }
    }
}

static ENGLISH: Texts = Texts {
    language: "English",
    title: "Second factor",
    help: "Help:",
    begin: "Set up your second factor",
    begin_lead: "You need an authenticator app on your phone, and two minutes.",
    user: "User name",
    user_hint: "The one you log in to the VPN with.",
    code: "Auth code",
    code_hint: "You were given it apart from the link, like K7Q2M-4XW9P. If you were given none, or \
                have entered it to log in to the VPN, leave this empty.",
    next: "Next",
    failed: "That did not work",
    failed_try: "The link has been used or has expired, or the user name or the auth code is not \
                 right. Look at both and try again; if it does not work then, ask for a new link.",
    scan: "Add the account to your app",
    scan_lead: "This is shown once. Nobody else may see it.",
    here: "The app is on this device:",
    here_link: "Open the app",
    elsewhere: "The app is on another device: scan this with it.",
    picture: "QR code for the authenticator app",
    type_it: "Or type this into the app:",
    first_code: "Code that the app shows now",
    first_code_hint: "Digits only. The app shows another one every half minute.",
    finish: "Finish",
    wrong_code: "That was not the code",
    wrong_code_try: "Wait until the app shows a new code, and type that one.",
    tries_left: "Tries left:",
    clock_ahead: "The clock of your phone is ahead by about",
    clock_behind: "The clock of your phone is behind by about",
    clock_set: "Have it set automatically, in the phone's settings.",
    done: "Done",
    done_lead: "Next time you log in: your password, then the code that the app shows.",
    clock_right: "The clock of your phone is right.",
    recovery: "Recovery codes",
    recovery_lead: "If your phone is lost, a recovery code lets you in. Each works once.",
    recovery_button: "Show my recovery codes",
    codes_lead: "They are shown once. Print this page or write them down, and keep them apart from \
                 your phone.",
    codes_print: "Each code works once, in place of the code of the app.",
    confirm: "Confirm your address",
    confirm_lead: "Press the button if this message was meant for you.",
    confirm_button: "Confirm",
    confirm_failed: "The link has been used or has expired. If your address is not confirmed yet, \
                     ask for a new link.",
    confirmed: "Confirmed",
    confirmed_lead: "From now on messages go to this address:",
    close: "You can close this page.",
    nothing: "There is nothing here",
    nothing_lead: "Open the link in the message that you have got, all of it.",
    too_fast: "Too fast",
    too_fast_lead: "Too many requests came from your network. Wait a minute, then try again.",
    unavailable: "Not now",
    unavailable_lead: "This cannot be done at the moment. Try again in a few minutes; if your link \
                       does not work then, ask for a new one.",
    refused: "Refused",
    refused_lead: "This request did not come from one of these pages. Open your link again.",
};

static GERMAN: Texts = Texts {
    language: "Deutsch",
    title: "Zweiter Faktor",
    help: "Hilfe:",
    begin: "Zweiten Faktor einrichten",
    begin_lead: "Sie brauchen eine Authenticator-App auf Ihrem Telefon und zwei Minuten.",
    user: "Benutzername",
    user_hint: "Der, mit dem Sie sich am VPN anmelden.",
    code: "Auth-Code",
    code_hint: "Sie haben ihn getrennt vom Link erhalten, etwa K7Q2M-4XW9P. Wenn Sie keinen \
                erhalten oder ihn schon am VPN eingegeben haben, lassen Sie das Feld leer.",
    next: "Weiter",
    failed: "Das hat nicht geklappt",
    failed_try: "Der Link ist benutzt oder abgelaufen, oder Benutzername oder Auth-Code stimmen \
                 nicht. Sehen Sie beides nach und versuchen Sie es noch einmal; hilft das nicht, \
                 lassen Sie sich einen neuen Link geben.",
    scan: "Konto in die App aufnehmen",
    scan_lead: "Dies wird nur einmal gezeigt. Niemand sonst darf es sehen.",
    here: "Die App ist auf diesem Gerät:",
    here_link: "App öffnen",
    elsewhere: "Die App ist auf einem anderen Gerät: dort diesen Code scannen.",
    picture: "QR-Code für die Authenticator-App",
    type_it: "Oder dies in die App tippen:",
    first_code: "Code, den die App jetzt zeigt",
    first_code_hint: "Nur Ziffern. Die App zeigt jede halbe Minute einen neuen.",
    finish: "Fertig",
    wrong_code: "Das war nicht der Code",
    wrong_code_try: "Warten Sie, bis die App einen neuen Code zeigt, und tippen Sie diesen.",
    tries_left: "Verbleibende Versuche:",
    clock_ahead: "Die Uhr Ihres Telefons geht vor, um etwa",
    clock_behind: "Die Uhr Ihres Telefons geht nach, um etwa",
    clock_set: "Lassen Sie sie in den Einstellungen des Telefons automatisch stellen.",
    done: "Fertig",
    done_lead: "Ab der nächsten Anmeldung: Ihr Passwort, dann der Code, den die App zeigt.",
    clock_right: "Die Uhr Ihres Telefons geht richtig.",
    recovery: "Wiederherstellungscodes",
    recovery_lead: "Wenn Ihr Telefon verloren geht, lässt Sie ein Wiederherstellungscode hinein. \
                    Jeder gilt einmal.",
    recovery_button: "Meine Codes zeigen",
    codes_lead: "Sie werden nur einmal gezeigt. Drucken Sie diese Seite oder schreiben Sie die \
                 Codes ab, und bewahren Sie sie getrennt vom Telefon auf.",
    codes_print: "Jeder Code gilt einmal, anstelle des Codes der App.",
    confirm: "Adresse bestätigen",
    confirm_lead: "Drücken Sie auf den Knopf, wenn diese Nachricht für Sie war.",
    confirm_button: "Bestätigen",
    confirm_failed: "Der Link ist benutzt oder abgelaufen. Wenn Ihre Adresse noch nicht bestätigt \
                     ist, lassen Sie sich einen neuen Link geben.",
    confirmed: "Bestätigt",
    confirmed_lead: "Ab jetzt gehen Nachrichten an diese Adresse:",
    close: "Sie können diese Seite schließen.",
    nothing: "Hier ist nichts",
    nothing_lead: "Öffnen Sie den Link aus der Nachricht, die Sie erhalten haben, und zwar ganz.",
    too_fast: "Zu schnell",
    too_fast_lead: "Aus Ihrem Netz kamen zu viele Anfragen. Warten Sie eine Minute und versuchen \
                    Sie es dann noch einmal.",
    unavailable: "Jetzt nicht",
    unavailable_lead: "Das geht im Augenblick nicht. Versuchen Sie es in ein paar Minuten noch \
                       einmal; geht Ihr Link dann nicht, lassen Sie sich einen neuen geben.",
    refused: "Abgelehnt",
    refused_lead: "Diese Anfrage kam nicht von einer dieser Seiten. Öffnen Sie Ihren Link noch \
                   einmal.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_what_it_likes_best() {
        for (accepted, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::De)),
            ("fr,en;q=0.5,de;q=0.7", Some(Language::De)),
            ("en-GB", Some(Language::En)),
            ("fr, it;q=0.3", None),
            ("de;q=0, en;q=0.001", Some(Language::En)),
            ("de;q=x, EN", Some(Language::En)),
            ("", None),
        ] {
            assert_eq!(Language::preferred(accepted), language, "{accepted}");
        }
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let said = [12, 60, 90].map(Texts::span);
        assert_eq!(said, ["12 s", "1 min", "1 min 30 s"]);
    }
}
