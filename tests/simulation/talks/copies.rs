//! Commands once more: a command holds secrets and cannot be cloned, the model keeps the one it has
//! made, and the engine takes one over.

use mfad::domain::command::{Command, NewToken};
use mfad::domain::questions::{answers, normalised};
use mfad::secret::SecretBytes;
use mfad::token::OtpCode;

fn secret(of: &SecretBytes) -> SecretBytes {
    SecretBytes::copy_of(of.expose())
}

fn code(of: &OtpCode) -> OtpCode {
    OtpCode::parse(of.text().expose().as_bytes()).unwrap()
}

/// PINs, passwords and answers that it sets, as they are kept.
pub(crate) fn secrets(command: &Command) -> Vec<Vec<u8>> {
    let set = match command {
        Command::EmergencySet { answers: given, .. } => {
            let kept = answers(given).map(|answer| normalised(answer).expose().clone());
            return kept.collect();
        }
        Command::PinReset { pin, .. } => pin.as_ref(),
        Command::PasswordSet { password, .. } => password.as_ref(),
        _ => None,
    };
    set.map(|it| it.expose().clone()).into_iter().collect()
}

/// The same command.
pub(crate) fn copy(command: &Command) -> Command {
    about_token(command)
        .or_else(|| about_secrets(command))
        .unwrap_or_else(|| about_person(command))
}

fn about_token(command: &Command) -> Option<Command> {
    Some(match command {
        Command::TokenAdd(new) => Command::TokenAdd(Box::new(NewToken {
            user: new.user.clone(),
            kind: new.kind,
            otp: new.otp,
            serial: new.serial.clone(),
            seed: new.seed.as_ref().map(secret),
            weak: new.weak,
            counter: new.counter,
            expires: new.expires,
            description: new.description.clone(),
            trusted: new.trusted,
            confirm: new.confirm.as_ref().map(code),
        })),
        Command::TokenAddSent(new) => Command::TokenAddSent(new.clone()),
        Command::TokenConfirm { token, code: typed } => Command::TokenConfirm {
            token: token.clone(),
            code: code(typed),
        },
        Command::TokenTest {
            token,
            code: typed,
            anyway,
        } => Command::TokenTest {
            token: token.clone(),
            code: code(typed),
            anyway: *anyway,
        },
        Command::TokenResync {
            token,
            first,
            second,
        } => Command::TokenResync {
            token: token.clone(),
            first: code(first),
            second: code(second),
        },
        Command::TokenUnlock { token } => Command::TokenUnlock {
            token: token.clone(),
        },
        Command::TokenEdit { token, edit } => Command::TokenEdit {
            token: token.clone(),
            edit: edit.clone(),
        },
        Command::TokenDisable {
            token,
            until,
            force,
        } => Command::TokenDisable {
            token: token.clone(),
            until: *until,
            force: *force,
        },
        Command::TokenEnable { token } => Command::TokenEnable {
            token: token.clone(),
        },
        Command::TokenObsolete { token } => Command::TokenObsolete {
            token: token.clone(),
        },
        Command::TokenResetSecret { user, token, why } => Command::TokenResetSecret {
            user: user.clone(),
            token: token.clone(),
            why: *why,
        },
        Command::TokenDelete { token, force } => Command::TokenDelete {
            token: token.clone(),
            force: *force,
        },
        _ => return None,
    })
}

fn about_secrets(command: &Command) -> Option<Command> {
    Some(match command {
        Command::AuthCodeGenerate {
            user,
            ttl,
            force,
            delivery,
        } => Command::AuthCodeGenerate {
            user: user.clone(),
            ttl: *ttl,
            force: *force,
            delivery: *delivery,
        },
        Command::AuthCodeRevoke { user } => Command::AuthCodeRevoke { user: user.clone() },
        Command::RecoveryIssue { user } => Command::RecoveryIssue { user: user.clone() },
        Command::RecoveryRevoke { user } => Command::RecoveryRevoke { user: user.clone() },
        Command::PinUnblock { user } => Command::PinUnblock { user: user.clone() },
        Command::PinReset { user, pin, keep } => Command::PinReset {
            user: user.clone(),
            pin: pin.as_ref().map(secret),
            keep: *keep,
        },
        Command::PinClear { user } => Command::PinClear { user: user.clone() },
        Command::PasswordSet { user, password } => Command::PasswordSet {
            user: user.clone(),
            password: password.as_ref().map(secret),
        },
        Command::PasswordClear { user } => Command::PasswordClear { user: user.clone() },
        Command::EmergencySet {
            user,
            questions,
            answers,
        } => Command::EmergencySet {
            user: user.clone(),
            questions: questions.clone(),
            answers: secret(answers),
        },
        Command::EmergencyVerify { user, answers } => Command::EmergencyVerify {
            user: user.clone(),
            answers: answers.as_ref().map(secret),
        },
        Command::EmergencyClear { user } => Command::EmergencyClear { user: user.clone() },
        _ => return None,
    })
}

fn about_person(command: &Command) -> Command {
    match command {
        Command::UserAdd(new) => Command::UserAdd(new.clone()),
        Command::UserEdit { user, edit } => Command::UserEdit {
            user: user.clone(),
            edit: edit.clone(),
        },
        Command::UserDelete { user } => Command::UserDelete { user: user.clone() },
        Command::UserLock { user, until } => Command::UserLock {
            user: user.clone(),
            until: *until,
        },
        Command::UserUnlock {
            user,
            with_pin,
            confirm,
        } => Command::UserUnlock {
            user: user.clone(),
            with_pin: *with_pin,
            confirm: *confirm,
        },
        Command::UserSetState {
            user,
            state,
            force,
            updates,
            auth_code,
        } => Command::UserSetState {
            user: user.clone(),
            state: *state,
            force: *force,
            updates: updates.clone(),
            auth_code: *auth_code,
        },
        Command::DialogueEnd { dialogue } => Command::DialogueEnd {
            dialogue: *dialogue,
        },
        Command::UserReactivate { user } => Command::UserReactivate { user: user.clone() },
        Command::CountersClear { user } => Command::CountersClear { user: user.clone() },
        Command::PassthroughEnable {
            user,
            from,
            end,
            gateways,
        } => Command::PassthroughEnable {
            user: user.clone(),
            from: *from,
            end: *end,
            gateways: gateways.clone(),
        },
        Command::PassthroughRenew { user } => Command::PassthroughRenew { user: user.clone() },
        Command::PassthroughDisable { user } => Command::PassthroughDisable { user: user.clone() },
        _ => panic!("the model has learnt a command that is not copied here"),
    }
}
