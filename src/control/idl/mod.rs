//! The interfaces as text, compiled in: the contract that people read and introspection serves.

/// One interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its name, such as `org.mfad.Users`.
    pub name: &'static str,
    /// Its text.
    pub description: &'static str,
}

macro_rules! interfaces {
    ($($name:literal),* $(,)?) => {
        /// All interfaces, in the order of `GetInfo`.
        pub const INTERFACES: &[Interface] = &[ $(
            Interface { name: $name, description: include_str!(concat!($name, ".varlink")) },
        )* ];
    };
}

interfaces![
    "org.varlink.service",
    "org.mfad",
    "org.mfad.Users",
    "org.mfad.Tokens",
    "org.mfad.Pins",
    "org.mfad.Passthrough",
    "org.mfad.Notify",
    "org.mfad.Enrol",
    "org.mfad.Auth",
    "org.mfad.Gateways",
    "org.mfad.Audit",
    "org.mfad.Daemon",
];

/// The interface with this name.
#[must_use]
pub fn interface(name: &str) -> Option<&'static Interface> {
    INTERFACES.iter().find(|interface| interface.name == name)
}

/// Whether a method is one of `org.varlink.service`.
#[must_use]
pub fn is_service(method: &str) -> bool {
    method
        .rsplit_once('.')
        .is_some_and(|(interface, _)| interface == "org.varlink.service")
}
