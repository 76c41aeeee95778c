//! Where a passthrough works, and why it does not elsewhere (domain rules 9.2, 9.3, 9.7).

use super::case::Case;
use super::words;
use crate::domain::action::Action;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::refusal::{Code, Refusal};

/// Where it will work and where not, and why; refused if that is nowhere.
pub(super) fn scope(
    case: &Case<'_>,
    named: &[String],
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let known = case.site.gateways;
    for name in named {
        if !known.iter().any(|gateway| *gateway.name == **name) {
            return Err(no_gateway(case, name));
        }
    }
    let wanted = |gateway: &&GatewayPolicy| {
        named.is_empty() || named.iter().any(|name| **name == *gateway.name)
    };
    let mut lines = Vec::new();
    let mut refused = Vec::new();
    for gateway in known.iter().map(|gateway| &**gateway).filter(wanted) {
        let name = &gateway.name;
        match works(case, gateway) {
            Ok(how) => lines.push(("at", format!("{name}: {how}"))),
            Err(why) => refused.push(format!("{name}: {why}")),
        }
    }
    if lines.is_empty() {
        let why = if refused.is_empty() {
            "no gateway is configured".to_owned()
        } else {
            refused.join("; ")
        };
        let what = format!("{} gets no passthrough: it would work nowhere", case.user);
        return Err(Refusal::new(Code::Policy, what)
            .why(why)
            .try_next("mfactl gateway list"));
    }
    lines.extend(refused.into_iter().map(|line| ("not", line)));
    Ok(lines)
}

/// How the first factor is checked at a gateway that allows passthrough.
fn works(case: &Case<'_>, gateway: &GatewayPolicy) -> Result<&'static str, &'static str> {
    if !gateway.allow_passthrough {
        return Err("allow_passthrough = false");
    }
    let profile = &case.record.profile;
    match gateway.first_factor {
        FirstFactorBy::None => Err("first_factor = none: the code is the only check (9.2)"),
        FirstFactorBy::Gateway => Ok("password still checked by the gateway"),
        FirstFactorBy::Pin if profile.pin.is_none() => {
            Ok("first factor is the PIN, and none is set: no sign-in there")
        }
        FirstFactorBy::Pin => Ok("first factor is the PIN"),
        FirstFactorBy::Local if profile.password.is_none() => {
            Ok("first factor is the local password, and none is set: no sign-in there")
        }
        FirstFactorBy::Local => Ok("first factor is the local password"),
    }
}

fn no_gateway(case: &Case<'_>, name: &str) -> Refusal {
    let known = || case.site.gateways.iter().map(|gateway| &*gateway.name);
    let what = format!("there is no gateway `{}`", name.escape_default());
    let mut refusal = Refusal::new(Code::NoGateway, what);
    let close = words::close(name, known());
    if !close.is_empty() {
        refusal = refusal.why(format!("did you mean {}?", close.join(" or ")));
    }
    for name in close {
        let arguments = format!("{} --gateway {}", case.typed, words::shell(name));
        refusal = case.suggest(refusal, Action::PassthroughEnable, &arguments);
    }
    if refusal.tries.is_empty() {
        refusal = refusal.try_next("mfactl gateway list");
    }
    refusal
}
