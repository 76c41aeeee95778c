//! Every question an operator can ask, parsed, and the acts that change nobody's record: reload,
//! backup and archive. The counterpart of [`crate::domain::command::Command`].

use serde_json::{Map, Value};

use crate::domain::action::{Action, Role};
use crate::domain::command::TokenRef;
use crate::domain::delivery::Via;
use crate::domain::lockout::LockReason;
use crate::domain::recipient::Recipient;
use crate::domain::token_record::{Status, TokenKind};
use crate::domain::user::UserState;
use crate::time::Timestamp;

/// How a change is to be made; the same four parameters for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The operator's words, for the audit record.
    pub reason: Option<String>,
    /// Judge only, commit nothing.
    pub dry_run: bool,
    /// Refuse if the user was changed since.
    pub if_revision: Option<u64>,
    /// Id made by the caller, by which the audit log can be asked.
    pub request: Option<String>,
}

/// How much of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One page.
    Page,
    /// All pages, one reply each.
    All,
    /// The present end, then what comes, oldest first, until the caller goes.
    Follow,
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows of a page: 1 to [`PAGE_ROWS_MAX`].
    pub limit: usize,
    /// Where it begins, in words of whoever answers; none: the beginning.
    pub cursor: Option<String>,
    /// One page or all.
    pub extent: Extent,
}

/// Most rows of a page.
pub const PAGE_ROWS_MAX: u64 = 500;
/// Rows of a page if the caller does not say.
pub const PAGE_ROWS: u64 = 100;
/// Most attempts that `why` tells.
pub const WHY_ATTEMPTS_MAX: u64 = 50;
/// Attempts that `why` tells if the caller does not say.
pub const WHY_ATTEMPTS: u64 = 10;

/// Filters of `user find`; all that are stated must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of login name, name, e-mail or phone, in any case.
    pub text: Option<String>,
    /// How the text is meant.
    pub matching: Matching,
    /// Locked, for whatever reason.
    pub locked: bool,
    /// Locked for this reason.
    pub lock_reason: Option<LockReason>,
    /// Made to wait for failures.
    pub waiting: bool,
    /// PIN blocked.
    pub pin_blocked: bool,
    /// One of these lifecycle states; empty: any.
    pub states: Vec<UserState>,
    /// With a passthrough in force.
    pub passthrough: bool,
    /// Begun to enrol: with a token to sign in with, none of them usable.
    pub partial: bool,
    /// Waits for a new secret after the old one was reset.
    pub rekey: bool,
    /// Without a token to sign in with.
    pub no_token: bool,
    /// With a token of this kind.
    pub token_kind: Option<TokenKind>,
    /// With a token of this status.
    pub token_status: Option<Status>,
    /// With a token that expires within so many seconds.
    pub expiring_s: Option<u64>,
    /// Of this authentication set.
    pub set: Option<String>,
    /// With this label.
    pub role_label: Option<String>,
    /// Last sign-in before then, or none.
    pub last_login_before: Option<Timestamp>,
    /// Last sign-in at or after then.
    pub last_login_after: Option<Timestamp>,
    /// Without a sign-in.
    pub never_logged_in: bool,
}

/// How the text of [`UserFilter`] is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// It is part of a field.
    #[default]
    Part,
    /// It is the whole of a field.
    Exact,
    /// It is a pattern with `*` and `?` for a whole field.
    Glob,
}

/// Filters of `token find`; all that are stated must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFilter {
    /// Of this kind.
    pub kind: Option<TokenKind>,
    /// Of this status.
    pub status: Option<Status>,
    /// Serial, or its beginning.
    pub serial: Option<String>,
    /// Expires within so many seconds.
    pub expiring_s: Option<u64>,
}

/// Filters of `auth log`; all that are stated must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthFilter {
    /// Of this person.
    pub user: Option<String>,
    /// Through this gateway.
    pub gateway: Option<String>,
    /// With this outcome.
    pub result: Option<Outcome>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// Which tokens are replaced by virtual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// By what their codes are sent.
    pub from: Via,
    /// Whose; none: everybody's.
    pub user: Option<String>,
    /// How many people it is meant to move; none: that is not looked at.
    pub expect: Option<u64>,
    /// Tell how far it is.
    pub progress: bool,
    /// How.
    pub manner: Manner,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access-Accept.
    Accept,
    /// Access-Reject.
    Reject,
    /// Access-Challenge.
    Challenge,
}

/// Filters of `audit log`; all that are stated must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this person.
    pub user: Option<String>,
    /// This event, or all of the family: `auth` for `auth.accept`.
    pub event: Option<String>,
    /// Caused by this operator.
    pub actor: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// In answer to this request id.
    pub request: Option<String>,
}

/// What stands at the cursor of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// Login names.
    User,
    /// Login names, locked people first.
    LockedUser,
    /// Tokens of a person.
    Token,
    /// Gateways.
    Gateway,
    /// Authentication sets.
    Set,
    /// People with a grant.
    Grant,
    /// Recent attempts.
    Attempt,
    /// States the person may go to.
    State,
    /// Serials in people's hands.
    Serial,
    /// Serials in the pool.
    HardwareSerial,
    /// Keys of the configuration.
    ConfigKey,
}

/// A question, or an act on the daemon itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// `why`: answered with [`super::reply::Why`].
    Why {
        /// Canonical login name.
        user: String,
        /// Only through this gateway.
        gateway: Option<String>,
        /// How many of the last attempts.
        attempts: usize,
    },
    /// `auth explain`: [`super::reply::Explain`].
    Explain {
        /// Canonical login name.
        user: String,
        /// At this gateway.
        gateway: String,
        /// If a certain token would be used.
        token: Option<TokenRef>,
    },
    /// `auth log`: [`super::reply::AuthPage`].
    AuthLog {
        /// Which attempts.
        filter: AuthFilter,
        /// With microseconds by stage.
        stages: bool,
        /// Which part.
        page: Page,
    },
    /// `auth show`: [`super::reply::AuthShow`].
    AuthShow {
        /// Id of the attempt.
        attempt: String,
    },
    /// `lock show`: [`super::reply::LockShow`].
    LockShow {
        /// Canonical login name.
        user: String,
    },
    /// `gateway list`: [`super::reply::GatewayList`].
    GatewayList,
    /// `gateway show`: [`super::reply::GatewayShow`].
    GatewayShow {
        /// Name in the configuration.
        gateway: String,
    },
    /// `user show`: [`super::reply::UserShow`].
    UserShow {
        /// Canonical login name.
        user: String,
    },
    /// `user find`: [`super::reply::UserPage`].
    UserFind {
        /// Which people.
        filter: Box<UserFilter>,
        /// How many of them are passed over first.
        offset: u64,
        /// Which part.
        page: Page,
    },
    /// `user export`: [`super::reply::ExportPage`].
    UserExport {
        /// Which people.
        filter: Box<UserFilter>,
        /// The filter as it was stated, for the audit log.
        stated: Map<String, Value>,
        /// Which part.
        page: Page,
    },
    /// `seats`: [`super::reply::Seats`].
    Seats,
    /// `set list`: [`super::reply::SetList`].
    SetList,
    /// `set show`: [`super::reply::SetShow`].
    SetShow {
        /// Its name.
        set: String,
    },
    /// `token list`: [`super::reply::TokenList`].
    TokenList {
        /// Canonical login name.
        user: String,
        /// Obsolete ones as well.
        all: bool,
        /// The view of all authenticators as well.
        authenticators: bool,
    },
    /// `token find`: [`super::reply::TokenPage`].
    TokenFind {
        /// Which tokens.
        filter: TokenFilter,
        /// Which part.
        page: Page,
    },
    /// `token types`: [`super::reply::TokenTypes`].
    TokenTypes,
    /// `token show`: [`super::reply::TokenShow`].
    TokenShow {
        /// Which.
        token: TokenRef,
    },
    /// `token migrate`: [`super::reply::Done`].
    TokenMigrate(Migration),
    /// `hw list`: [`super::reply::HardwarePage`].
    HwList {
        /// Serial, or its beginning.
        serial: Option<String>,
        /// Which part.
        page: Page,
    },
    /// `passthrough list`: [`super::reply::GrantPage`].
    PassthroughList {
        /// Ends within so many seconds.
        expiring_s: Option<u64>,
        /// Which part.
        page: Page,
    },
    /// `passthrough uses`: [`super::reply::GrantUses`].
    PassthroughUses {
        /// Canonical login name.
        user: String,
        /// Which part.
        page: Page,
    },
    /// `dialogue list`: [`super::reply::DialoguePage`].
    DialogueList {
        /// Whose; none: everybody's.
        user: Option<String>,
        /// Which part.
        page: Page,
    },
    /// `device-auth status`: [`super::reply::DeviceAuth`].
    DeviceAuthStatus {
        /// Canonical login name.
        user: String,
    },
    /// `enroll list`: [`super::reply::LinkPage`].
    EnrollList {
        /// Whose; none: everybody's.
        user: Option<String>,
        /// Which part.
        page: Page,
    },
    /// `notify list`: [`super::reply::NotificationPage`].
    NotifyList {
        /// Canonical login name.
        user: String,
        /// Which part.
        page: Page,
    },
    /// `notify test`: [`super::reply::Done`].
    NotifyTest {
        /// To whom; none: all of `notify.admins`.
        to: Option<Recipient>,
        /// How.
        manner: Manner,
    },
    /// `audit log`: [`super::reply::AuditPage`].
    AuditLog {
        /// Which records.
        filter: AuditFilter,
        /// Which part.
        page: Page,
    },
    /// `audit verify`: [`super::reply::AuditVerify`].
    AuditVerify {
        /// Only from this record on.
        from: Option<u64>,
    },
    /// `audit archive`: [`super::reply::Done`].
    AuditArchive {
        /// Records before then.
        before: Timestamp,
        /// How.
        manner: Manner,
    },
    /// `status`: [`super::reply::Status`].
    Status,
    /// `whoami`: [`super::reply::Whoami`].
    Whoami {
        /// Whether the caller may do this.
        can: Option<Action>,
    },
    /// `config check`: [`super::reply::ConfigCheck`].
    ConfigCheck,
    /// `config diff`: [`super::reply::ConfigDiff`].
    ConfigDiff,
    /// `config reload`: [`super::reply::Done`].
    ConfigReload {
        /// How.
        manner: Manner,
    },
    /// `config get`: [`super::reply::ConfigValue`].
    ConfigGet {
        /// Key as in TOML.
        key: String,
    },
    /// `backup`: [`super::reply::Done`].
    Backup {
        /// Name of the file without its ending; none: the time.
        name: Option<String>,
        /// How.
        manner: Manner,
    },
    /// Completion: [`super::reply::Candidates`].
    Complete {
        /// What stands at the cursor.
        kind: CandidateKind,
        /// What is typed already.
        prefix: String,
        /// The person typed before.
        user: Option<String>,
    },
}

impl Query {
    /// What the question asks for above the role of its action.
    // domain 2.7: the view of all authenticators is for support and above.
    #[must_use]
    pub const fn least(&self) -> Role {
        match self {
            Self::TokenList {
                authenticators: true,
                ..
            } => Role::Support,
            _ => Role::Viewer,
        }
    }
}
