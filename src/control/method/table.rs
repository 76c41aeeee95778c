//! The table: one row a method.

use super::Type::{Bool, Int, Prose, Secret, Text, Texts};
use super::{
    Arguments, Build, Method, Parameter, auth, daemon, may, must, passthrough, pins, tokens, users,
};
use crate::control::fault::Fault;
use crate::control::query::{Manner, Query};
use crate::domain::action::Action;
use crate::domain::command::Command;

/// All rows, interface by interface.
pub const INTERFACES: &[&[Method]] = &[
    USERS,
    TOKENS,
    PINS,
    PASSTHROUGH,
    AUTH,
    GATEWAYS,
    AUDIT,
    DAEMON,
];

/// `org.mfad.Users`.
const USERS: &[Method] = &[
    read(
        "org.mfad.Users.Show",
        Action::UserShow,
        &[must("user", Text)],
        users::show,
    ),
    list(
        "org.mfad.Users.Find",
        Action::UserFind,
        &[
            may("text", Text),
            may("exact", Bool),
            may("glob", Bool),
            may("locked", Bool),
            may("lock_reason", Text),
            may("pin_blocked", Bool),
            may("states", Texts),
            may("passthrough", Bool),
            may("no_token", Bool),
            may("token_type", Text),
            may("token_status", Text),
            may("expiring_s", Int),
            may("set", Text),
            may("role_label", Text),
            may("last_login_before", Text),
            may("last_login_after", Text),
            may("never_logged_in", Bool),
        ],
        users::find,
    ),
    change(
        "org.mfad.Users.Add",
        Action::UserAdd,
        &[
            must("user", Text),
            may("display_name", Text),
            may("email", Text),
            may("phone", Text),
            may("set", Text),
            may("language", Text),
            may("protected", Bool),
        ],
        users::add,
    ),
    change(
        "org.mfad.Users.Edit",
        Action::UserEdit,
        &[
            must("user", Text),
            may("display_name", Text),
            may("email", Text),
            may("phone", Text),
            may("set", Text),
            may("language", Text),
            may("role_label", Text),
            may("notes", Prose),
            may("protected", Bool),
        ],
        users::edit,
    ),
    change(
        "org.mfad.Users.Delete",
        Action::UserDelete,
        &[must("user", Text)],
        users::delete,
    ),
    change(
        "org.mfad.Users.Lock",
        Action::UserLock,
        &[must("user", Text), may("until", Text)],
        users::lock,
    ),
    change(
        "org.mfad.Users.Unlock",
        Action::UserUnlock,
        &[must("user", Text), may("with_pin", Bool)],
        users::unlock,
    ),
    change(
        "org.mfad.Users.SetState",
        Action::UserSetState,
        &[must("user", Text), must("state", Text), may("force", Bool)],
        users::set_state,
    ),
    change(
        "org.mfad.Users.Reactivate",
        Action::UserReactivate,
        &[must("user", Text)],
        users::reactivate,
    ),
    read(
        "org.mfad.Users.LockShow",
        Action::LockShow,
        &[must("user", Text)],
        users::lock_show,
    ),
    change(
        "org.mfad.Users.ClearCounters",
        Action::LockClearCounters,
        &[must("user", Text)],
        users::clear_counters,
    ),
];

/// `org.mfad.Tokens`.
const TOKENS: &[Method] = &[
    read(
        "org.mfad.Tokens.List",
        Action::TokenList,
        &[
            must("user", Text),
            may("all", Bool),
            may("authenticators", Bool),
        ],
        tokens::list,
    ),
    list(
        "org.mfad.Tokens.Find",
        Action::TokenFind,
        &[
            may("kind", Text),
            may("status", Text),
            may("serial", Text),
            may("expiring_s", Int),
        ],
        tokens::find,
    ),
    read(
        "org.mfad.Tokens.Show",
        Action::TokenShow,
        &[must("token", Text)],
        tokens::show,
    ),
    change(
        "org.mfad.Tokens.Add",
        Action::TokenAdd,
        &[
            must("user", Text),
            must("kind", Text),
            may("algorithm", Text),
            may("digits", Int),
            may("period_s", Int),
            may("serial", Text),
            may("seed", Secret),
            may("weak", Bool),
            may("counter", Int),
            may("expires", Text),
            may("description", Text),
            may("trusted", Bool),
            may("confirm", Text),
        ],
        tokens::add,
    ),
    change(
        "org.mfad.Tokens.Confirm",
        Action::TokenConfirm,
        &[must("token", Text), must("code", Text)],
        tokens::confirm,
    ),
    change(
        "org.mfad.Tokens.Test",
        Action::TokenTest,
        &[must("token", Text), must("code", Text), may("anyway", Bool)],
        tokens::test,
    ),
    change(
        "org.mfad.Tokens.Resync",
        Action::TokenResync,
        &[
            must("token", Text),
            must("first", Text),
            must("second", Text),
        ],
        tokens::resync,
    ),
    change(
        "org.mfad.Tokens.Unlock",
        Action::TokenUnlock,
        &[must("token", Text)],
        tokens::unlock,
    ),
    change(
        "org.mfad.Tokens.Disable",
        Action::TokenDisable,
        &[must("token", Text), may("until", Text), may("force", Bool)],
        tokens::disable,
    ),
    change(
        "org.mfad.Tokens.Enable",
        Action::TokenEnable,
        &[must("token", Text)],
        tokens::enable,
    ),
    change(
        "org.mfad.Tokens.Delete",
        Action::TokenDelete,
        &[must("token", Text), may("force", Bool)],
        tokens::delete,
    ),
    change(
        "org.mfad.Tokens.EnrollQr",
        Action::EnrollQr,
        &[must("user", Text), may("token", Text), may("channel", Text)],
        tokens::enroll_qr,
    ),
    change(
        "org.mfad.Tokens.RecoveryIssue",
        Action::RecoveryIssue,
        &[must("user", Text)],
        tokens::recovery_issue,
    ),
    change(
        "org.mfad.Tokens.RecoveryRevoke",
        Action::RecoveryRevoke,
        &[must("user", Text)],
        tokens::recovery_revoke,
    ),
    list(
        "org.mfad.Tokens.HwList",
        Action::HwList,
        &[may("serial", Text)],
        tokens::hw_list,
    ),
    change(
        "org.mfad.Tokens.HwUnassign",
        Action::HwUnassign,
        &[must("serial", Text), may("force", Bool)],
        tokens::hw_unassign,
    ),
];

/// `org.mfad.Pins`.
const PINS: &[Method] = &[
    change(
        "org.mfad.Pins.Unblock",
        Action::PinUnblock,
        &[must("user", Text)],
        pins::unblock,
    ),
    change(
        "org.mfad.Pins.Reset",
        Action::PinReset,
        &[must("user", Text), may("pin", Secret), may("keep", Bool)],
        pins::reset,
    ),
    change(
        "org.mfad.Pins.Clear",
        Action::PinClear,
        &[must("user", Text)],
        pins::clear,
    ),
    change(
        "org.mfad.Pins.PasswordSet",
        Action::PasswordSet,
        &[must("user", Text), may("password", Secret)],
        pins::password_set,
    ),
    change(
        "org.mfad.Pins.PasswordClear",
        Action::PasswordClear,
        &[must("user", Text)],
        pins::password_clear,
    ),
];

/// `org.mfad.Passthrough`.
const PASSTHROUGH: &[Method] = &[
    change(
        "org.mfad.Passthrough.Enable",
        Action::PassthroughEnable,
        &[
            must("user", Text),
            may("from", Text),
            may("for_s", Int),
            may("until", Text),
            may("gateways", Texts),
        ],
        passthrough::enable,
    ),
    change(
        "org.mfad.Passthrough.Renew",
        Action::PassthroughRenew,
        &[must("user", Text)],
        passthrough::renew,
    ),
    change(
        "org.mfad.Passthrough.Disable",
        Action::PassthroughDisable,
        &[must("user", Text)],
        passthrough::disable,
    ),
    list(
        "org.mfad.Passthrough.List",
        Action::PassthroughList,
        &[may("expiring_s", Int)],
        passthrough::list,
    ),
    list(
        "org.mfad.Passthrough.Uses",
        Action::PassthroughUses,
        &[must("user", Text)],
        passthrough::uses,
    ),
];

/// `org.mfad.Auth`.
const AUTH: &[Method] = &[
    read(
        "org.mfad.Auth.Why",
        Action::Why,
        &[
            must("user", Text),
            may("gateway", Text),
            may("attempts", Int),
        ],
        auth::why,
    ),
    read(
        "org.mfad.Auth.Explain",
        Action::AuthExplain,
        &[
            must("user", Text),
            must("gateway", Text),
            may("token", Text),
        ],
        auth::explain,
    ),
    log(
        "org.mfad.Auth.Log",
        Action::AuthLog,
        &[
            may("user", Text),
            may("gateway", Text),
            may("result", Text),
            may("since", Text),
            may("until", Text),
            may("stages", Bool),
        ],
        auth::log,
    ),
    read(
        "org.mfad.Auth.Show",
        Action::AuthShow,
        &[must("attempt", Text)],
        auth::show,
    ),
];

/// `org.mfad.Gateways`.
const GATEWAYS: &[Method] = &[
    read(
        "org.mfad.Gateways.List",
        Action::GatewayList,
        &[],
        auth::gateway_list,
    ),
    read(
        "org.mfad.Gateways.Show",
        Action::GatewayShow,
        &[must("gateway", Text)],
        auth::gateway_show,
    ),
];

/// `org.mfad.Audit`.
const AUDIT: &[Method] = &[
    log(
        "org.mfad.Audit.Log",
        Action::AuditLog,
        &[
            may("user", Text),
            may("event", Text),
            may("actor", Text),
            may("since", Text),
            may("until", Text),
            may("request", Text),
        ],
        auth::audit_log,
    ),
    read(
        "org.mfad.Audit.Verify",
        Action::AuditVerify,
        &[may("from", Int)],
        auth::audit_verify,
    ),
];

/// `org.mfad.Daemon`.
const DAEMON: &[Method] = &[
    read(
        "org.mfad.Daemon.Status",
        Action::Status,
        &[],
        daemon::status,
    ),
    read(
        "org.mfad.Daemon.Whoami",
        Action::Whoami,
        &[may("can", Text)],
        daemon::whoami,
    ),
    read("org.mfad.Daemon.Seats", Action::Seats, &[], daemon::seats),
    read(
        "org.mfad.Daemon.ConfigCheck",
        Action::ConfigCheck,
        &[],
        daemon::config_check,
    ),
    read(
        "org.mfad.Daemon.ConfigDiff",
        Action::ConfigDiff,
        &[],
        daemon::config_diff,
    ),
    act(
        "org.mfad.Daemon.ConfigReload",
        Action::ConfigReload,
        &[],
        daemon::config_reload,
    ),
    read(
        "org.mfad.Daemon.ConfigGet",
        Action::ConfigGet,
        &[must("key", Text)],
        daemon::config_get,
    ),
    act(
        "org.mfad.Daemon.Backup",
        Action::Backup,
        &[may("name", Text)],
        daemon::backup,
    ),
    read(
        "org.mfad.Daemon.Complete",
        Action::Whoami,
        &[must("kind", Text), may("prefix", Text), may("user", Text)],
        daemon::complete,
    ),
];

const fn change(
    name: &'static str,
    action: Action,
    parameters: &'static [Parameter],
    build: fn(&mut Arguments) -> Result<Command, Fault>,
) -> Method {
    Method {
        name,
        action,
        parameters,
        build: Build::Change(build),
    }
}

const fn act(
    name: &'static str,
    action: Action,
    parameters: &'static [Parameter],
    build: fn(&mut Arguments, Manner) -> Result<Query, Fault>,
) -> Method {
    Method {
        name,
        action,
        parameters,
        build: Build::Act(build),
    }
}

const fn read(
    name: &'static str,
    action: Action,
    parameters: &'static [Parameter],
    build: fn(&mut Arguments) -> Result<Query, Fault>,
) -> Method {
    Method {
        name,
        action,
        parameters,
        build: Build::Read(build),
    }
}

const fn list(
    name: &'static str,
    action: Action,
    parameters: &'static [Parameter],
    build: fn(&mut Arguments) -> Result<Query, Fault>,
) -> Method {
    Method {
        name,
        action,
        parameters,
        build: Build::List(build),
    }
}

const fn log(
    name: &'static str,
    action: Action,
    parameters: &'static [Parameter],
    build: fn(&mut Arguments) -> Result<Query, Fault>,
) -> Method {
    Method {
        name,
        action,
        parameters,
        build: Build::Log(build),
    }
}
