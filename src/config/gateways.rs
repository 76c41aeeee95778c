//! Checks of gateways, one by one and against each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::checked::Gateway;
use super::keys::Kind;
use super::network::Network;
use super::problems::{Collector, Found};
use super::raw::{Item, Raw, Value};
use super::secrets::Secrets;
use super::settings::Settings;
use super::source::Place;
use super::{keys, sets};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm};
use crate::domain::token_record::TokenKind;
use crate::secret::SecretBytes;

/// Most gateways.
pub const GATEWAYS_MAX: usize = 10_000;

/// Most attributes that a gateway's Accept can be given.
const ACCEPT_ATTRIBUTES_MAX: usize = 64;

/// Attributes that mfad sets itself, or that the RFCs keep out of an Accept.
const OWN_ATTRIBUTES: [&str; 8] = [
    "User-Name",
    "User-Password",
    "CHAP-Password",
    "Reply-Message",
    "State",
    "Proxy-State",
    "EAP-Message",
    "Message-Authenticator",
];

/// All gateways of the files.
pub(super) fn gateways(
    raw: &Raw,
    folder: &Path,
    secrets: &dyn Secrets,
    problems: &mut Collector<'_>,
) -> Vec<Gateway> {
    if let Some(over) = raw.gateways.get(GATEWAYS_MAX) {
        let text = format!("more than {GATEWAYS_MAX} gateways");
        problems.add(Found::error(over.place, text));
        return Vec::new();
    }
    let mut known = Known::default();
    let mut gateways = Vec::new();
    for header in &raw.gateways {
        let one = One {
            name: &header.text,
            header: header.place,
            settings: Settings::of_gateway(raw, header),
        };
        gateways.extend(one.check(folder, secrets, &mut known, problems));
    }
    gateways
}

/// What gateways may not have in common.
#[derive(Default)]
pub(super) struct Known {
    addresses: BTreeMap<Network, (String, Place)>,
    pub(super) secrets: Vec<(String, Arc<SecretBytes>)>,
}

/// One gateway on its way through the checks.
pub(super) struct One<'a> {
    pub(super) name: &'a str,
    /// Where a problem is told that has no line of its own.
    pub(super) header: Place,
    pub(super) settings: Settings<'a>,
}

impl One<'_> {
    fn check(
        &self,
        folder: &Path,
        secrets: &dyn Secrets,
        known: &mut Known,
        problems: &mut Collector<'_>,
    ) -> Option<Gateway> {
        let policy = self.policy(problems);
        let addresses = self.addresses(known, problems);
        let accept_attributes = self.accept_attributes(problems);
        let source = self.secret_source(folder, problems);
        let secret = source
            .as_ref()
            .and_then(|source| self.secret(source, secrets, known, problems));
        let require = self.settings.flag("require_message_authenticator");
        if !require {
            let place = self.settings.line(&["require_message_authenticator"]);
            let text = format!("{} may omit Message-Authenticator", self.name);
            let found = Found::warning("W031", place, text);
            problems.add(found.label("CVE-2024-3596 applies.").note(format!(
                "`mfactl gateway show {}` counts the packets that had it",
                self.name
            )));
        }
        Some(Gateway {
            policy: Arc::new(policy?),
            addresses,
            secret: secret?,
            secret_source: source?,
            require_message_authenticator: require,
            accept_attributes,
        })
    }

    fn policy(&self, problems: &mut Collector<'_>) -> Option<GatewayPolicy> {
        let settings = &self.settings;
        let first_factor = self.first_factor(problems);
        let passcode = self.passcode(first_factor, problems);
        let policy = GatewayPolicy {
            name: self.name.into(),
            first_factor: first_factor?,
            passcode: passcode?,
            challenge: settings.flag("challenge"),
            unknown_user: self.otherwise("unknown_user"),
            unenrolled: self.unenrolled(first_factor?),
            allow_passthrough: match settings.value("allow_passthrough") {
                Some(Value::Flag(stated)) => *stated,
                _ => first_factor? != FirstFactorBy::None,
            },
            allowed_kinds: self.allowed_kinds(problems),
            helpful: settings.text("reply_detail") == Some("helpful"),
            show_accept_message: settings.flag("show_accept_message"),
            strip_domain: settings.texts("strip_domain"),
            same_code_grace: settings.span("same_code_grace"),
            reject_delay: settings.span("reject_delay"),
            reject_on_internal_error: settings.text("on_internal_error") == Some("reject"),
        };
        self.fits(&policy, problems);
        Some(policy)
    }

    fn first_factor(&self, problems: &mut Collector<'_>) -> Option<FirstFactorBy> {
        let word = self.required("first_factor", problems)?;
        [
            FirstFactorBy::Gateway,
            FirstFactorBy::Local,
            FirstFactorBy::Pin,
            FirstFactorBy::None,
        ]
        .into_iter()
        .find(|known| known.name() == word)
    }

    fn passcode(
        &self,
        first_factor: Option<FirstFactorBy>,
        problems: &mut Collector<'_>,
    ) -> Option<PasscodeForm> {
        let word = self.required("passcode", problems)?;
        let form = [
            PasscodeForm::Otp,
            PasscodeForm::PinOtp,
            PasscodeForm::PasswordOtp,
            PasscodeForm::PasswordCommaOtp,
            PasscodeForm::Challenge,
        ]
        .into_iter()
        .find(|known| known.name() == word)?;
        let first_factor = first_factor?;
        let fitting = match first_factor {
            FirstFactorBy::Gateway | FirstFactorBy::None => "\"otp\" or \"challenge\"",
            FirstFactorBy::Pin => "\"pin+otp\" or \"challenge\"",
            FirstFactorBy::Local => "\"password+otp\", \"password,otp\" or \"challenge\"",
        };
        if !fitting.contains(&format!("\"{word}\"")) {
            let text = format!("gateway {}: `passcode` does not fit", self.name);
            let found = Found::error(self.settings.place(&["passcode"]), text).number("E105");
            problems.add(
                found
                    .label(format!(
                        "with first_factor = \"{}\" write {fitting}",
                        first_factor.name()
                    ))
                    .note("who checks what: mfactl explain E105"),
            );
        }
        Some(form)
    }

    /// A word that must be stated.
    fn required(&self, name: &str, problems: &mut Collector<'_>) -> Option<&str> {
        if !self.settings.stated(name) {
            let text = format!("gateway {} does not state `{name}`", self.name);
            let mut found = Found::error(self.header, text).number("E104");
            let key = keys::of_gateway()
                .iter()
                .find(|key| key.path.ends_with(name));
            if let Some(Kind::Word(words)) = key.map(|key| key.kind) {
                found = found.label(format!("one of {}", words.join(", ")));
            }
            if name == "first_factor" {
                found =
                    found.note("mfad never guesses who checks the password: mfactl explain E104");
            }
            problems.add(found);
        }
        self.settings.text(name)
    }

    fn otherwise(&self, name: &str) -> Otherwise {
        match self.settings.text(name) {
            Some("passthrough") => Otherwise::Passthrough,
            _ => Otherwise::Reject,
        }
    }

    fn unenrolled(&self, first_factor: FirstFactorBy) -> Otherwise {
        let leads = self.settings.flag("challenge") && first_factor != FirstFactorBy::None;
        match self.settings.text("unenrolled") {
            Some("passthrough") => Otherwise::Passthrough,
            Some("enroll") => Otherwise::Enroll,
            None if leads => Otherwise::Enroll,
            _ => Otherwise::Reject,
        }
    }

    fn allowed_kinds(&self, problems: &mut Collector<'_>) -> Option<Vec<TokenKind>> {
        let Some(Value::List(items)) = self.settings.value("allowed_types") else {
            return None;
        };
        if items.is_empty() {
            let text = format!("gateway {} allows no type of token", self.name);
            let found = Found::error(self.settings.place(&["allowed_types"]), text);
            problems.add(found.label("leave it out to allow all"));
        }
        let kinds = items.iter().filter_map(|item| sets::kind(item, problems));
        Some(kinds.collect())
    }

    /// Values that each are right and together are not.
    fn fits(&self, policy: &GatewayPolicy, problems: &mut Collector<'_>) {
        if policy.passcode == PasscodeForm::Challenge && !policy.challenge {
            let place = self.settings.line(&["challenge"]);
            let text = format!("gateway {}: `passcode` does not fit", self.name);
            let found = Found::error(place, text).number("E105");
            problems.add(found.label("the code cannot be asked for without challenges"));
        }
        let by = policy.first_factor;
        let mut clash = |key: &str, label: &str| {
            let text = format!(
                "gateway {}: `{key}` does not go with first_factor = \"{}\"",
                self.name,
                by.name()
            );
            problems.add(Found::error(self.settings.line(&[key]), text).label(label));
        };
        if policy.helpful && by != FirstFactorBy::Gateway {
            clash(
                "reply_detail",
                "helpful would tell a stranger what is wrong",
            );
        }
        if policy.allow_passthrough && by == FirstFactorBy::None {
            clash("allow_passthrough", "it would let in without any check");
        }
        if policy.unknown_user == Otherwise::Passthrough && by != FirstFactorBy::Gateway {
            clash("unknown_user", "nobody would have checked the password");
        }
        if policy.unenrolled == Otherwise::Passthrough && by == FirstFactorBy::None {
            clash("unenrolled", "it would let in without any check");
        }
        if policy.unenrolled == Otherwise::Enroll && by == FirstFactorBy::None {
            clash("unenrolled", "a stranger could take the token of another");
        }
        if policy.unenrolled == Otherwise::Enroll && !policy.challenge {
            let place = self.settings.line(&["unenrolled"]);
            let text = format!("gateway {}: `unenrolled` does not fit", self.name);
            let found = Found::error(place, text);
            problems.add(found.label("nobody can be led to a token without challenges"));
        }
        if policy.allow_passthrough && by == FirstFactorBy::Gateway {
            let place = self.settings.line(&["allow_passthrough", "first_factor"]);
            let text = format!("{}: a passthrough accepts any code", self.name);
            problems.add(
                Found::warning("W033", place, text)
                    .label("right only if the gateway checks the password first")
                    .note("and waits for its check: mfactl explain W033"),
            );
        }
    }

    fn addresses(&self, known: &mut Known, problems: &mut Collector<'_>) -> Vec<Network> {
        let items = self.settings.items("addresses");
        if items.is_empty() {
            let none = if self.settings.stated("addresses") {
                "has no"
            } else {
                "does not state"
            };
            let bad = self
                .settings
                .entry("addresses")
                .is_some_and(|entry| entry.value.is_none());
            if !bad {
                let text = format!("gateway {} {none} `addresses`", self.name);
                let place = self.settings.line(&["addresses"]);
                let found = Found::error(place, text).number("E104");
                problems.add(found.label("like addresses = [\"192.0.2.10\"]"));
            }
        }
        let mut networks = Vec::new();
        for item in items {
            match Network::parse(&item.text) {
                Ok(network) => {
                    self.address(network, item, known, problems);
                    networks.push(network);
                }
                Err(error) => {
                    let text = format!("\"{}\" is no address of a gateway", item.text);
                    problems.add(Found::error(item.place, text).label(error.to_string()));
                }
            }
        }
        networks
    }

    fn address(
        &self,
        network: Network,
        item: &Item,
        known: &mut Known,
        problems: &mut Collector<'_>,
    ) {
        match known.addresses.get(&network) {
            Some((other, place)) => {
                let text = format!("{network} stands twice");
                let label = format!("gateway {other} has it: {}", problems.whereabouts(*place));
                problems.add(Found::error(item.place, text).label(label));
            }
            None => {
                let holder = (self.name.to_owned(), item.place);
                known.addresses.insert(network, holder);
            }
        }
    }

    fn accept_attributes(&self, problems: &mut Collector<'_>) -> Vec<(String, String)> {
        let Some(Value::Pairs(pairs)) = self.settings.value("accept_attributes") else {
            return Vec::new();
        };
        if pairs.len() > ACCEPT_ATTRIBUTES_MAX {
            let text = format!("more than {ACCEPT_ATTRIBUTES_MAX} attributes");
            let place = self.settings.place(&["accept_attributes"]);
            problems.add(Found::error(place, text));
        }
        let belongs = |sign: char| sign.is_ascii_alphanumeric() || "-_.:".contains(sign);
        for (name, _) in pairs {
            let own = OWN_ATTRIBUTES
                .iter()
                .any(|own| own.eq_ignore_ascii_case(&name.text));
            if own {
                let text = format!("an Accept cannot be given {}", name.text);
                problems.add(Found::error(name.place, text).label("mfad sets it, or nobody may"));
            } else if !name.text.chars().all(belongs) {
                let text = format!("\"{}\" is no name of an attribute", name.text);
                problems.add(Found::error(name.place, text));
            }
        }
        pairs
            .iter()
            .map(|(name, value)| (name.text.clone(), value.text.clone()))
            .collect()
    }
}
