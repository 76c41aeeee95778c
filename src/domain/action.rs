//! Every thing an operator can ask for, and who may: the one table of roles.
//!
//! An [`Action`] is a verb without its arguments. The control interface, the help of `mfactl`, the
//! man page, `whoami` and the role test are all generated from [`Action::spec`], so that a command
//! cannot exist without a least role, and no page can say another one than the daemon obeys.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What configuration maps a peer's uid and groups to; each may do all that the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The pages of mfad-web: the steps of a person who has a link, and nothing else.
    Web,
    /// Lists, finds, shows, exports and reads the audit log.
    Viewer,
    /// The help desk: unlocks, unblocks, tests, hands out what lets a person in for a while.
    Support,
    /// Adds, disables and deletes tokens, sets most states.
    Operator,
    /// Everything, including users, configuration and backup.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 5] = [
        Self::Web,
        Self::Viewer,
        Self::Support,
        Self::Operator,
        Self::Admin,
    ];

    /// The name in configuration and on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Viewer => "viewer",
            Self::Support => "support",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much an action can destroy; decides how `mfactl` asks before doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Changes nothing.
    Read,
    /// Can be undone by one command: done at once.
    Light,
    /// Cannot be undone, one target: the dry run is shown, then `Go on? [y/N]`.
    Heavy,
    /// Cannot be undone, a whole person or more than one: the name or number is typed.
    Severe,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `noun verb` as typed after `mfactl`.
    pub name: &'static str,
    /// The lowest role that may.
    pub least: Role,
    /// What asking wrongly would cost.
    pub weight: Weight,
    /// A reason text is compulsory ((r) in the manual).
    pub reason: bool,
    /// Weakens a person's sign-in: only an admin may do it to a `protected` user.
    pub weakens: bool,
    /// Nobody does it to himself, root excepted.
    pub not_oneself: bool,
}

macro_rules! actions {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, $least:ident, $weight:ident
        $(, $flag:ident)* ; )*) => {
        /// A verb of the control interface, without its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $( $(#[$doc])* $variant, )* }

        impl Action {
            /// All actions, in the order of the manual.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The row of the table.
            #[must_use]
            pub const fn spec(self) -> Spec {
                match self {
                    $( Self::$variant => {
                        #[allow(unused_mut, reason = "rows without flags change nothing")]
                        let mut spec = Spec {
                            name: $name,
                            least: Role::$least,
                            weight: Weight::$weight,
                            reason: false,
                            weakens: false,
                            not_oneself: false,
                        };
                        $( spec.$flag = true; )*
                        spec
                    } )*
                }
            }
        }
    };
}

actions! {
    /// Says what stands in a person's way, and what to do.
    Why = "why", Support, Read;
    /// What the next request would meet, rule by rule.
    AuthExplain = "auth explain", Viewer, Read;
    /// Sign-in attempts, one line each.
    AuthLog = "auth log", Viewer, Read;
    /// One attempt in full.
    AuthShow = "auth show", Viewer, Read;
    /// Questions at sign-ins that wait for their answers.
    DialogueList = "dialogue list", Viewer, Read;
    /// Ends one of them.
    DialogueEnd = "dialogue end", Support, Light;
    /// Failure counters against their limits.
    LockShow = "lock show", Viewer, Read;
    /// Sets the soft failure counters to zero.
    LockClearCounters = "lock clear-counters", Support, Light, reason, weakens, not_oneself;
    /// Gateways and their traffic.
    GatewayList = "gateway list", Viewer, Read;
    /// One gateway in full.
    GatewayShow = "gateway show", Viewer, Read;

    /// Everything known about a person but the secrets.
    UserShow = "user show", Viewer, Read;
    /// People by text and filters.
    UserFind = "user find", Viewer, Read;
    /// People as a file, on record.
    UserExport = "user export", Viewer, Read;
    /// Adds a person in state New Credential.
    UserAdd = "user add", Admin, Light;
    /// Adds the people of a file.
    UserImport = "user import", Admin, Heavy;
    /// Changes name, contacts, set, language, label, notes.
    UserEdit = "user edit", Operator, Light;
    /// Removes a person; only the audit log remembers.
    UserDelete = "user delete", Admin, Severe, reason;
    /// Refuses a person until unlocked.
    UserLock = "user lock", Operator, Light, reason;
    /// Ends a lock.
    UserUnlock = "user unlock", Support, Light, weakens, not_oneself;
    /// Sets the lifecycle state.
    UserSetState = "user set-state", Operator, Heavy, reason, weakens;
    /// Brings a deactivated person back.
    UserReactivate = "user reactivate", Admin, Light;
    /// The authentication sets.
    SetList = "set list", Viewer, Read;
    /// One set in full.
    SetShow = "set show", Viewer, Read;
    /// Counted users against the limit.
    Seats = "seats", Viewer, Read;

    /// Tokens of one person.
    TokenList = "token list", Viewer, Read;
    /// Tokens of everybody, by filter.
    TokenFind = "token find", Viewer, Read;
    /// One token in full.
    TokenShow = "token show", Viewer, Read;
    /// The types of token: what they are called, and which are on.
    TokenTypes = "token types", Viewer, Read;
    /// Makes a token for a person.
    TokenAdd = "token add", Operator, Light, weakens;
    /// Proves a pending token with its first code.
    TokenConfirm = "token confirm", Operator, Light, weakens;
    /// Tries a code without a login.
    TokenTest = "token test", Support, Light;
    /// Brings a token back in step with two codes in a row.
    TokenResync = "token resync", Support, Light, weakens;
    /// Ends the lock of one token.
    TokenUnlock = "token unlock", Support, Light, weakens, not_oneself;
    /// Changes description and expiry of a token.
    TokenEdit = "token edit", Operator, Light;
    /// Switches a token off.
    TokenDisable = "token disable", Operator, Heavy, reason;
    /// Switches a disabled token on again.
    TokenEnable = "token enable", Operator, Heavy, weakens;
    /// Voids a token for good.
    TokenObsolete = "token obsolete", Operator, Heavy, reason;
    /// Voids the secret of a token; a new token is awaited.
    TokenResetSecret = "token reset-secret", Operator, Heavy;
    /// Removes a token and its secret.
    TokenDelete = "token delete", Operator, Heavy, reason;
    /// Replaces tokens with an address of their own by virtual ones.
    TokenMigrate = "token migrate", Operator, Heavy, weakens;
    /// Shows the QR code of a token that is not yet proven.
    EnrollQr = "enroll qr", Support, Light, weakens;
    /// Sends a person what an enrolment needs.
    EnrollEmail = "enroll email", Support, Light, weakens;
    /// Sends a person a text message to enrol with.
    EnrollSms = "enroll sms", Support, Light, weakens, not_oneself;
    /// One-time links that were sent and are good.
    EnrollList = "enroll list", Viewer, Read;
    /// Voids the links of a person.
    EnrollRevoke = "enroll revoke", Support, Light;
    /// A person's own steps on the pages of a link; no command of `mfactl`.
    EnrollPage = "enroll page", Web, Light;
    /// Makes the code that an enrolment asks for.
    AuthCodeGenerate = "auth-code generate", Support, Light, weakens, not_oneself;
    /// Makes an auth code and sends it.
    AuthCodeSend = "auth-code send", Support, Light, weakens, not_oneself;
    /// Voids a person's auth code.
    AuthCodeRevoke = "auth-code revoke", Support, Light;
    /// How far the device authorization of a person is.
    DeviceAuthStatus = "device-auth status", Viewer, Read;
    /// Makes a set of recovery codes.
    RecoveryIssue = "recovery issue", Operator, Light, weakens, not_oneself;
    /// Voids a person's recovery codes.
    RecoveryRevoke = "recovery revoke", Support, Light;
    /// Hardware tokens without an owner.
    HwList = "hw list", Viewer, Read;
    /// Brings the hardware tokens of a file into the pool.
    HwImport = "hw import", Admin, Heavy;
    /// Takes a hardware token from its owner.
    HwUnassign = "hw unassign", Operator, Heavy;

    /// Lets a blocked PIN work again.
    PinUnblock = "pin unblock", Support, Light, weakens, not_oneself;
    /// Sets a new PIN.
    PinReset = "pin reset", Support, Heavy, weakens, not_oneself;
    /// Removes the PIN.
    PinClear = "pin clear", Support, Heavy, weakens, not_oneself;
    /// Sets a local password.
    PasswordSet = "password set", Support, Heavy, weakens, not_oneself;
    /// Removes the local password.
    PasswordClear = "password clear", Operator, Heavy;

    /// Sets the questions of a person, with their answers.
    EmergencySet = "emergency set", Operator, Light, weakens, not_oneself;
    /// Asks a person on the phone some of them.
    EmergencyVerify = "emergency verify", Support, Light, not_oneself;
    /// Removes them.
    EmergencyClear = "emergency clear", Operator, Heavy;

    /// Lets a person in without a code for a while.
    PassthroughEnable = "passthrough enable", Support, Light, reason, weakens, not_oneself;
    /// Prolongs a passthrough.
    PassthroughRenew = "passthrough renew", Operator, Light, reason, weakens, not_oneself;
    /// Ends a passthrough.
    PassthroughDisable = "passthrough disable", Support, Light;
    /// Who signs in without a code, and until when.
    PassthroughList = "passthrough list", Viewer, Read;
    /// The sign-ins under a person's passthrough.
    PassthroughUses = "passthrough uses", Viewer, Read;

    /// The messages to a person.
    NotifyList = "notify list", Viewer, Read;
    /// Sends a test message.
    NotifyTest = "notify test", Admin, Light;

    /// Who changed what, and every verdict.
    AuditLog = "audit log", Viewer, Read;
    /// Proves that no record was changed or removed.
    AuditVerify = "audit verify", Viewer, Read;
    /// Moves old records from the store into signed segments.
    AuditArchive = "audit archive", Admin, Severe;
    /// How the daemon is.
    Status = "status", Viewer, Read;
    /// The role of the caller, and what it may.
    Whoami = "whoami", Viewer, Read;
    /// Judges the configuration on disk.
    ConfigCheck = "config check", Admin, Read;
    /// What a reload would change.
    ConfigDiff = "config diff", Admin, Read;
    /// Puts the configuration on disk into force.
    ConfigReload = "config reload", Admin, Light;
    /// One value of the running configuration.
    ConfigGet = "config get", Viewer, Read;
    /// Writes a consistent copy of the store.
    Backup = "backup", Admin, Light;
}

impl Action {
    /// The action with this `noun verb` name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.spec().name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_finds_its_action_alone() {
        for action in Action::ALL {
            let name = action.spec().name;
            assert_eq!(Action::by_name(name), Some(*action), "{name}");
        }
        assert_eq!(Action::by_name("user"), None);
    }

    #[test]
    fn roles_grow() {
        assert!(Role::Web < Role::Viewer);
        assert!(Role::Viewer < Role::Support);
        assert!(Role::Support < Role::Operator);
        assert!(Role::Operator < Role::Admin);
    }
}
