//! `org.varlink.service`: what mfad says about itself.

use serde::Serialize;
use serde_json::Value;

use super::fault::Fault;
use super::idl;
use super::message::Call;

/// A reply of `org.varlink.service`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Info {
    /// Who answers.
    Service {
        /// Who made it.
        vendor: &'static str,
        /// What it is.
        product: &'static str,
        /// Its version.
        version: &'static str,
        /// Where to read more.
        url: &'static str,
        /// The interfaces.
        interfaces: Vec<&'static str>,
    },
    /// One interface.
    Interface {
        /// Its text.
        description: &'static str,
    },
}

/// Answers a call to `org.varlink.service`.
pub fn answer(mut call: Call) -> Result<Info, Fault> {
    let known: &[&str] = match call.method.as_str() {
        "org.varlink.service.GetInfo" => &[],
        "org.varlink.service.GetInterfaceDescription" => &["interface"],
        other => return Err(Fault::method_not_found(other)),
    };
    if let Some(name) = call.parameters.names().find(|name| !known.contains(name)) {
        let what = format!("{} has no parameter `{name}`", call.method);
        return Err(Fault::invalid_parameter(name, what));
    }
    if known.is_empty() {
        return Ok(Info::Service {
            vendor: "mfad",
            product: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            url: env!("CARGO_PKG_REPOSITORY"),
            interfaces: idl::INTERFACES.iter().map(|one| one.name).collect(),
        });
    }
    let Some(Value::String(name)) = call.parameters.take("interface") else {
        let what = "`interface` is to be a string";
        return Err(Fault::invalid_parameter("interface", what));
    };
    let interface = idl::interface(&name).ok_or_else(|| Fault::interface_not_found(&name))?;
    Ok(Info::Interface {
        description: interface.description,
    })
}
