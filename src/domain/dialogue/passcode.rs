//! The passcode: asked of whoever has sent an empty one.
//!
//! 1. Nothing was typed, and nothing is proven.
//! 2. *Enter your one-time code:*, or *Enter your passcode:* where more than the code is typed.
//! 3. The answer is judged as if it had been typed at once; where the first packet carries the first
//!    factor alone, the code is asked for next.

use super::{Asking, Kind};
use crate::domain::policy::{GatewayPolicy, PasscodeForm};
use crate::domain::verdict::Message;

pub(super) fn asking(gateway: &GatewayPolicy) -> Asking {
    Asking {
        kind: Kind::Passcode,
        message: match gateway.passcode {
            PasscodeForm::Otp => Message::EnterCode,
            _ => Message::EnterPasscode,
        },
    }
}

/// A code alone may be seen, a PIN may not.
pub(super) fn echo(gateway: &GatewayPolicy) -> bool {
    gateway.passcode == PasscodeForm::Otp
}
