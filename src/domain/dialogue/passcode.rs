//! The passcode: asked of whoever has sent an empty one.
//!
//! 1. Nothing was typed, and nothing is proven.
//! 2. *Enter your one-time code:*, or *Enter your passcode:* where more than the code is typed.
//! 3. The answer is judged as if it had been typed at once; where the first packet carries the first
//!    factor alone, the code is asked for next.

use super::Script;
use crate::domain::policy::PasscodeForm;
use crate::domain::verdict::Message;

pub(super) fn script(form: PasscodeForm) -> Script {
    let code_alone = form == PasscodeForm::Otp;
    Script {
        message: if code_alone {
            Message::EnterCode
        } else {
            Message::EnterPasscode
        },
        echo: code_alone,
        form,
    }
}
