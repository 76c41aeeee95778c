//! A gateway for unit tests.

use std::sync::Arc;
use std::time::Duration;

use super::Gateway;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm};
use crate::radius::KeyedSecret;

/// A gateway that has no network yet.
pub(super) fn gateway(name: &str) -> Gateway {
    Gateway {
        policy: Arc::new(GatewayPolicy {
            name: Arc::from(name),
            first_factor: FirstFactorBy::Gateway,
            passcode: PasscodeForm::Otp,
            challenge: false,
            unknown_user: Otherwise::Reject,
            unenrolled: Otherwise::Reject,
            allow_passthrough: false,
            allowed_kinds: None,
            helpful: false,
            show_accept_message: true,
            strip_domain: Vec::new(),
            same_code_grace: Duration::ZERO,
            reject_delay: Duration::from_secs(1),
            reject_on_internal_error: false,
        }),
        networks: Vec::new(),
        secret: KeyedSecret::new(b"xyzzy5461"),
        require_message_authenticator: true,
        attributes: Vec::new(),
    }
}
