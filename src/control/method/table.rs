//! The table: one row a method.
//!
//! ```text
//! how it is answered, name = action, what builds the request, [parameter: must or may, type]
//! ```

use super::Build::{Act, Change, Import, List, Log, Read, Step, Upload};
use super::Type::{Bool, Int, Piece, Prose, Secret, Text, Texts};
use super::{
    Method, auth, daemon, enrol, import, may, must, notify, passthrough, pins, tokens, users,
};
use crate::domain::action::Action;

macro_rules! interfaces {
    ($( $interface:literal { $(
        $build:ident $method:ident = $action:ident, $from:path,
            [$($name:ident: $need:ident $kind:ident),*];
    )* } )*) => {
        /// All rows, interface by interface.
        pub const INTERFACES: &[&[Method]] = &[ $( &[ $(
            Method {
                name: concat!($interface, ".", stringify!($method)),
                action: Action::$action,
                parameters: &[ $( $need(stringify!($name), $kind), )* ],
                build: $build($from),
            },
        )* ], )* ];
    };
}

interfaces! {
    "org.mfad.Users" {
        Read Show = UserShow, users::show, [user: must Text];
        List Find = UserFind, users::find, [
            text: may Text, exact: may Bool, glob: may Bool, locked: may Bool,
            lock_reason: may Text, waiting: may Bool, pin_blocked: may Bool, states: may Texts,
            passthrough: may Bool, partial: may Bool, rekey: may Bool, no_token: may Bool,
            token_type: may Text, token_status: may Text, expiring_s: may Int,
            set: may Text, role_label: may Text, last_login_before: may Text,
            last_login_after: may Text, never_logged_in: may Bool, offset: may Int
        ];
        List Export = UserExport, users::export, [
            text: may Text, exact: may Bool, glob: may Bool, locked: may Bool,
            lock_reason: may Text, waiting: may Bool, pin_blocked: may Bool, states: may Texts,
            passthrough: may Bool, partial: may Bool, rekey: may Bool, no_token: may Bool,
            token_type: may Text, token_status: may Text, expiring_s: may Int,
            set: may Text, role_label: may Text, last_login_before: may Text,
            last_login_after: may Text, never_logged_in: may Bool
        ];
        Change Add = UserAdd, users::add, [
            user: must Text, display_name: may Text, email: may Text, phone: may Text,
            set: may Text, language: may Text, protected: may Bool, auth_code: may Bool,
            send_code: may Text, trusted: may Bool
        ];
        Import Import = UserImport, import::people, [
            source: may Text, header: may Bool, strip_domain: may Bool, trusted: may Bool,
            weak: may Bool, skip_bad: may Bool, key: may Secret,
            expect: may Int
        ];
        Change Edit = UserEdit, users::edit, [
            user: must Text, display_name: may Text, email: may Text, phone: may Text,
            set: may Text, language: may Text, role_label: may Text, notes: may Prose,
            protected: may Bool, trusted: may Bool
        ];
        Change Delete = UserDelete, users::delete, [user: must Text];
        Change Lock = UserLock, users::lock, [user: must Text, until: may Text];
        Change Unlock = UserUnlock, users::unlock, [
            user: must Text, with_pin: may Bool, confirm: may Bool
        ];
        Change SetState = UserSetState, users::set_state, [
            user: must Text, state: must Text, force: may Bool, auth_code: may Bool,
            send_code: may Text, what: may Text
        ];
        Change Reactivate = UserReactivate, users::reactivate, [user: must Text];
        Read SetList = SetList, users::set_list, [];
        Read SetShow = SetShow, users::set_show, [set: must Text];
        Read LockShow = LockShow, users::lock_show, [user: must Text];
        Change ClearCounters = LockClearCounters, users::clear_counters, [user: must Text];
    }

    "org.mfad.Tokens" {
        Read List = TokenList, tokens::list, [
            user: must Text, all: may Bool, authenticators: may Bool, view: may Text
        ];
        List Find = TokenFind, tokens::find, [
            kind: may Text, status: may Text, serial: may Text, expiring_s: may Int
        ];
        Read Show = TokenShow, tokens::show, [token: must Text];
        Read Types = TokenTypes, tokens::types, [];
        Change Add = TokenAdd, tokens::add, [
            user: must Text, kind: must Text, algorithm: may Text, digits: may Int,
            period_s: may Int, serial: may Text, seed: may Secret, weak: may Bool,
            counter: may Int, expires: may Text, description: may Text,
            trusted: may Bool, confirm: may Text, phone: may Text, email: may Text,
            via: may Text
        ];
        Change Confirm = TokenConfirm, tokens::confirm, [token: must Text, code: may Text];
        Change Test = TokenTest, tokens::test, [
            token: must Text, code: may Text, anyway: may Bool
        ];
        Change Resync = TokenResync, tokens::resync, [
            token: must Text, first: must Text, second: must Text
        ];
        Change Unlock = TokenUnlock, tokens::unlock, [token: must Text];
        Change Edit = TokenEdit, tokens::edit, [
            token: must Text, description: may Text, expires: may Text, phone: may Text,
            email: may Text, trusted: may Bool
        ];
        Change Disable = TokenDisable, tokens::disable, [
            token: must Text, until: may Text, force: may Bool
        ];
        Change Enable = TokenEnable, tokens::enable, [token: must Text];
        Change Obsolete = TokenObsolete, tokens::obsolete, [token: must Text];
        Change ResetSecret = TokenResetSecret, tokens::reset_secret, [
            user: must Text, token: may Text, why: must Text
        ];
        Change Delete = TokenDelete, tokens::delete, [token: must Text, force: may Bool];
        Act Migrate = TokenMigrate, tokens::migrate, [
            from: must Text, to: must Text, user: may Text, expect: may Int
        ];
        Change EnrollQr = EnrollQr, tokens::enroll_qr, [
            user: must Text, token: may Text, channel: may Text
        ];
        Change EnrollEmail = EnrollEmail, tokens::enroll_email, [
            user: must Text, token: may Text
        ];
        Change EnrollSms = EnrollSms, tokens::enroll_sms, [user: must Text];
        List EnrollList = EnrollList, tokens::enroll_list, [user: may Text];
        Change EnrollRevoke = EnrollRevoke, tokens::enroll_revoke, [user: must Text];
        Change AuthCodeGenerate = AuthCodeGenerate, tokens::auth_code_generate, [
            user: must Text, send: may Text, ttl_s: may Int, force: may Bool
        ];
        Change AuthCodeSend = AuthCodeSend, tokens::auth_code_send, [
            user: must Text, via: must Text, ttl_s: may Int, force: may Bool
        ];
        Change AuthCodeRevoke = AuthCodeRevoke, tokens::auth_code_revoke, [user: must Text];
        Read DeviceAuthStatus = DeviceAuthStatus, tokens::device_auth_status, [user: must Text];
        Change RecoveryIssue = RecoveryIssue, tokens::recovery_issue, [user: must Text];
        Change RecoveryRevoke = RecoveryRevoke, tokens::recovery_revoke, [user: must Text];
        List HwList = HwList, tokens::hw_list, [serial: may Text];
        Import HwImport = HwImport, import::hardware, [
            format: must Text, kind: may Text, algorithm: may Text, digits: may Int,
            period_s: may Int, weak: may Bool, skip_bad: may Bool, key: may Secret,
            expect: may Int
        ];
        Change HwUnassign = HwUnassign, tokens::hw_unassign, [serial: must Text, force: may Bool];
    }

    "org.mfad.Pins" {
        Change Unblock = PinUnblock, pins::unblock, [user: must Text];
        Change Reset = PinReset, pins::reset, [user: must Text, pin: may Secret, keep: may Bool];
        Change Clear = PinClear, pins::clear, [user: must Text];
        Change PasswordSet = PasswordSet, pins::password_set, [
            user: must Text, password: may Secret
        ];
        Change PasswordClear = PasswordClear, pins::password_clear, [user: must Text];
        Change EmergencySet = EmergencySet, pins::emergency_set, [
            user: must Text, questions: must Texts, answers: must Secret
        ];
        Change EmergencyVerify = EmergencyVerify, pins::emergency_verify, [
            user: must Text, answers: may Secret
        ];
        Change EmergencyClear = EmergencyClear, pins::emergency_clear, [user: must Text];
    }

    "org.mfad.Passthrough" {
        Change Enable = PassthroughEnable, passthrough::enable, [
            user: must Text, from: may Text, for_s: may Int, until: may Text,
            gateways: may Texts
        ];
        Change Renew = PassthroughRenew, passthrough::renew, [user: must Text];
        Change Disable = PassthroughDisable, passthrough::disable, [user: must Text];
        List List = PassthroughList, passthrough::list, [expiring_s: may Int];
        List Uses = PassthroughUses, passthrough::uses, [user: must Text];
    }

    "org.mfad.Notify" {
        List List = NotifyList, notify::list, [user: must Text];
        Act Test = NotifyTest, notify::test, [to: may Text];
    }

    "org.mfad.Enrol" {
        Step Begin = EnrollPage, enrol::begin, [
            link: must Secret, user: must Text, code: may Secret, from: must Text
        ];
        Step Prove = EnrollPage, enrol::prove, [
            ticket: must Secret, otp: must Secret, from: must Text
        ];
        Step Recovery = EnrollPage, enrol::recovery, [ticket: must Secret, from: must Text];
        Step Confirm = EnrollPage, enrol::confirm, [link: must Secret, from: must Text];
    }

    "org.mfad.Auth" {
        Read Why = Why, auth::why, [user: must Text, gateway: may Text, attempts: may Int];
        Read Explain = AuthExplain, auth::explain, [
            user: must Text, gateway: must Text, token: may Text
        ];
        Log Log = AuthLog, auth::log, [
            user: may Text, gateway: may Text, result: may Text, since: may Text,
            until: may Text, stages: may Bool
        ];
        Read Show = AuthShow, auth::show, [attempt: must Text];
        List DialogueList = DialogueList, auth::dialogue_list, [user: may Text];
        Change DialogueEnd = DialogueEnd, auth::dialogue_end, [dialogue: must Text];
    }

    "org.mfad.Gateways" {
        Read List = GatewayList, auth::gateway_list, [];
        Read Show = GatewayShow, auth::gateway_show, [gateway: must Text];
    }

    "org.mfad.Audit" {
        Log Log = AuditLog, auth::audit_log, [
            user: may Text, event: may Text, actor: may Text, since: may Text,
            until: may Text, request: may Text
        ];
        Read Verify = AuditVerify, auth::audit_verify, [from: may Int];
        Act Archive = AuditArchive, auth::audit_archive, [before: must Text];
    }

    "org.mfad.Daemon" {
        Read Status = Status, daemon::status, [];
        Read Whoami = Whoami, daemon::whoami, [can: may Text];
        Read Seats = Seats, daemon::seats, [];
        Read ConfigCheck = ConfigCheck, daemon::config_check, [];
        Read ConfigDiff = ConfigDiff, daemon::config_diff, [];
        Act ConfigReload = ConfigReload, daemon::config_reload, [];
        Read ConfigGet = ConfigGet, daemon::config_get, [key: must Text];
        Act Backup = Backup, daemon::backup, [name: may Text];
        Upload Upload = HwImport, import::piece, [text: must Piece];
        Read Complete = Whoami, daemon::complete, [
            kind: must Text, prefix: may Text, user: may Text
        ];
    }
}
