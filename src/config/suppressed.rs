//! What `auth_code.always_suppress` leaves open (E8): where a password alone leads to a token, and who
//! has no way left. And what a mailbox holds with `device_auth.no_web`.

use super::checked::Gateway;
use super::problems::{Collector, Found};
use super::settings::Settings;
use crate::domain::delivery::Via;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, Policy};

/// Warns of all of it.
pub(super) fn opened(
    policy: &Policy,
    gateways: &[Gateway],
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) {
    if policy.device_auth.mails_seed && policy.pages.is_none() {
        let place = settings.line(&["device_auth.no_web"]);
        let text = "secrets of tokens are mailed where the code for them is mailed";
        let label = "a password and the mailbox are enough for a token";
        problems.add(Found::warning("W038", place, text).label(label));
    }
    let asks = |it: &&GatewayPolicy| it.challenge && it.first_factor != FirstFactorBy::None;
    let asking = gateways.iter().map(|gateway| &*gateway.policy).filter(asks);
    let enrolling = asking
        .clone()
        .filter(|it| it.unenrolled == Otherwise::Enroll);
    let names: Vec<&str> = enrolling.map(|it| &*it.name).collect();
    let unreached = asking.count() > 0 && !policy.sends(Via::Email);
    let mut warn = |text: String, label: &str| {
        let place = settings.line(&["auth_code.always_suppress"]);
        problems.add(Found::warning("W037", place, text).label(label));
    };
    if !policy.auth_code.always_suppress {
        return;
    }
    if !names.is_empty() {
        let text = format!(
            "who is new enrols by a password alone at {}",
            names.join(", ")
        );
        warn(text, "no auth code is asked for");
    }
    if unreached {
        let text = "nobody replaces a token, or is reset, at a sign-in";
        let label = "without auth codes that takes a code by mail, and there is no `smtp.server`";
        warn(text.to_owned(), label);
    }
}
