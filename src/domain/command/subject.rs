//! What a command is about: its row of the role table, its user, its token.

use super::{Command, Proof, TokenRef};
use crate::domain::action::Action;

impl Command {
    /// The row of the role table it stands in.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::UserAdd(_) => Action::UserAdd,
            Self::UserEdit { .. } => Action::UserEdit,
            Self::UserDelete { .. } => Action::UserDelete,
            Self::UserLock { .. } => Action::UserLock,
            Self::UserUnlock { .. } => Action::UserUnlock,
            Self::UserSetState { .. } => Action::UserSetState,
            Self::UserReactivate { .. } => Action::UserReactivate,
            Self::CountersClear { .. } => Action::LockClearCounters,
            Self::TokenAdd(_) => Action::TokenAdd,
            Self::TokenAddSent(_) => Action::TokenAdd,
            Self::TokenConfirm { .. } => Action::TokenConfirm,
            Self::TokenTest { .. } => Action::TokenTest,
            Self::TokenSend { proof, .. } => match proof {
                Proof::Confirm => Action::TokenConfirm,
                Proof::Test { .. } => Action::TokenTest,
            },
            Self::TokenResync { .. } => Action::TokenResync,
            Self::TokenUnlock { .. } => Action::TokenUnlock,
            Self::TokenEdit { .. } => Action::TokenEdit,
            Self::TokenDisable { .. } => Action::TokenDisable,
            Self::TokenEnable { .. } => Action::TokenEnable,
            Self::TokenObsolete { .. } => Action::TokenObsolete,
            Self::TokenResetSecret { .. } => Action::TokenResetSecret,
            Self::TokenDelete { .. } => Action::TokenDelete,
            Self::TokenMigrate { .. } => Action::TokenMigrate,
            Self::HwUnassign { .. } => Action::HwUnassign,
            Self::EnrollQr { .. } => Action::EnrollQr,
            Self::EnrollEmail { .. } => Action::EnrollEmail,
            Self::EnrollSms { .. } => Action::EnrollSms,
            Self::EnrollRevoke { .. } => Action::EnrollRevoke,
            Self::DialogueEnd { .. } => Action::DialogueEnd,
            Self::Page(_) => Action::EnrollPage,
            Self::AuthCodeGenerate { .. } => Action::AuthCodeGenerate,
            Self::AuthCodeRevoke { .. } => Action::AuthCodeRevoke,
            Self::RecoveryIssue { .. } => Action::RecoveryIssue,
            Self::RecoveryRevoke { .. } => Action::RecoveryRevoke,
            Self::PinUnblock { .. } => Action::PinUnblock,
            Self::PinReset { .. } => Action::PinReset,
            Self::PinClear { .. } => Action::PinClear,
            Self::PasswordSet { .. } => Action::PasswordSet,
            Self::PasswordClear { .. } => Action::PasswordClear,
            Self::EmergencySet { .. } => Action::EmergencySet,
            Self::EmergencyVerify { .. } => Action::EmergencyVerify,
            Self::EmergencyClear { .. } => Action::EmergencyClear,
            Self::PassthroughEnable { .. } => Action::PassthroughEnable,
            Self::PassthroughRenew { .. } => Action::PassthroughRenew,
            Self::PassthroughDisable { .. } => Action::PassthroughDisable,
        }
    }

    /// The login name it is about; none if it names its token otherwise.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::UserAdd(new) => Some(&new.user),
            Self::TokenAdd(new) => Some(&new.user),
            Self::TokenAddSent(new) => Some(&new.user),
            Self::UserEdit { user, .. }
            | Self::UserDelete { user }
            | Self::UserLock { user, .. }
            | Self::UserUnlock { user, .. }
            | Self::UserSetState { user, .. }
            | Self::UserReactivate { user }
            | Self::CountersClear { user }
            | Self::TokenResetSecret { user, .. }
            | Self::TokenMigrate { user, .. }
            | Self::EnrollQr { user, .. }
            | Self::EnrollEmail { user, .. }
            | Self::EnrollSms { user }
            | Self::EnrollRevoke { user }
            | Self::AuthCodeGenerate { user, .. }
            | Self::AuthCodeRevoke { user }
            | Self::RecoveryIssue { user }
            | Self::RecoveryRevoke { user }
            | Self::PinUnblock { user }
            | Self::PinReset { user, .. }
            | Self::PinClear { user }
            | Self::PasswordSet { user, .. }
            | Self::PasswordClear { user }
            | Self::EmergencySet { user, .. }
            | Self::EmergencyVerify { user, .. }
            | Self::EmergencyClear { user }
            | Self::PassthroughEnable { user, .. }
            | Self::PassthroughRenew { user }
            | Self::PassthroughDisable { user } => Some(user),
            Self::TokenConfirm { token, .. }
            | Self::TokenSend { token, .. }
            | Self::TokenTest { token, .. }
            | Self::TokenResync { token, .. }
            | Self::TokenUnlock { token }
            | Self::TokenEdit { token, .. }
            | Self::TokenDisable { token, .. }
            | Self::TokenEnable { token }
            | Self::TokenObsolete { token }
            | Self::TokenDelete { token, .. } => token.user(),
            Self::HwUnassign { .. } | Self::DialogueEnd { .. } | Self::Page(_) => None,
        }
    }

    /// The token it is about, as it was named.
    #[must_use]
    pub const fn token(&self) -> Option<&TokenRef> {
        match self {
            Self::TokenConfirm { token, .. }
            | Self::TokenSend { token, .. }
            | Self::TokenTest { token, .. }
            | Self::TokenResync { token, .. }
            | Self::TokenUnlock { token }
            | Self::TokenEdit { token, .. }
            | Self::TokenDisable { token, .. }
            | Self::TokenEnable { token }
            | Self::TokenObsolete { token }
            | Self::TokenDelete { token, .. } => Some(token),
            Self::EnrollQr { token, .. }
            | Self::EnrollEmail { token, .. }
            | Self::TokenResetSecret { token, .. } => token.as_ref(),
            _ => None,
        }
    }
}

impl TokenRef {
    /// The login name in it.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::OfUser(user, _) => Some(user),
            Self::Id(_) | Self::Serial(_) => None,
        }
    }
}
