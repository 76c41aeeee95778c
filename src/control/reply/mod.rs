//! What methods answer: one struct a screen, used by the daemon and by `mfactl`.
//!
//! The field names are the wire, the JSON output and the IDL in one, and frozen: fields are added,
//! never renamed or removed. Readers take what is missing as its default, so a newer `mfactl` reads
//! an older daemon. Instants are RFC 3339 in UTC with milliseconds, also inside texts; `mfactl`
//! turns them into the operator's zone. Addresses arrive masked as the operator's role asks.

mod audit;
mod auth;
mod common;
mod daemon;
mod done;
mod enrol;
mod gateways;
mod notify;
mod passthrough;
mod tokens;
mod users;

use serde::Serialize;

pub use audit::{Archived, AuditEntry, AuditPage, AuditVerify, Damage, VerifyCheck};
pub use auth::{
    Attempt, AuditRef, AuthPage, AuthShow, Diagnosis, DialoguePage, Explain, OpenDialogue, Stages,
    Step, Todo, Why, WhyAttempt,
};
pub use common::{ActionState, FailedLogin, Instant, Lock, Login, Unlocked, Wait};
pub use daemon::{
    AuditStatus, Candidate, Candidates, ClockStatus, ConfigChange, ConfigCheck, ConfigDiff,
    ConfigProblem, ConfigStatus, ConfigValue, KeyStatus, QueueStatus, RoleMay, Seats, SetCount,
    StateCount, Status, StoreStatus, Uploaded, UserCounts, Warning, Whoami,
};
pub use done::{Done, DoneReply, Note, Reveal, RevealKind, RevealText};
pub use enrol::{Begun, Confirmed, Link, LinkPage, PageCodes, Proved};
pub use gateways::{GatewayList, GatewayRow, GatewayShow, NamedCount, Strangers};
pub use notify::{Notification, NotificationPage};
pub use passthrough::{Grant, GrantPage, GrantUse, GrantUses};
pub use tokens::{
    Authenticator, DeviceAuth, DeviceCode, Hardware, HardwarePage, Token, TokenList, TokenPage,
    TokenShow, TokenType, TokenTypes, TokenUse,
};
pub use users::{
    AuthCode, Contact, Counter, ExportPage, LockShow, Password, Pin, Rekey, SetLack, SetList,
    SetRow, SetShow, UserPage, UserRow, UserShow,
};

/// The parameters of one reply.
#[derive(Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each variant is named as the type it carries")]
pub enum Reply {
    Done(Box<DoneReply>),
    Why(Box<Why>),
    Explain(Box<Explain>),
    AuthPage(AuthPage),
    AuthShow(Box<AuthShow>),
    LockShow(Box<LockShow>),
    GatewayList(GatewayList),
    GatewayShow(Box<GatewayShow>),
    UserShow(Box<UserShow>),
    UserPage(UserPage),
    ExportPage(ExportPage),
    TokenList(TokenList),
    TokenPage(TokenPage),
    TokenShow(Box<TokenShow>),
    TokenTypes(TokenTypes),
    HardwarePage(HardwarePage),
    GrantPage(GrantPage),
    GrantUses(GrantUses),
    NotificationPage(NotificationPage),
    LinkPage(LinkPage),
    DeviceAuth(Box<DeviceAuth>),
    DialoguePage(DialoguePage),
    AuditPage(AuditPage),
    AuditVerify(Box<AuditVerify>),
    Status(Box<Status>),
    Whoami(Box<Whoami>),
    Seats(Seats),
    SetList(SetList),
    SetShow(SetShow),
    ConfigCheck(ConfigCheck),
    ConfigDiff(ConfigDiff),
    ConfigValue(ConfigValue),
    Uploaded(Uploaded),
    Candidates(Candidates),
    Begun(Box<Begun>),
    Proved(Proved),
    PageCodes(PageCodes),
    Confirmed(Confirmed),
}

impl From<Done> for Reply {
    fn from(done: Done) -> Self {
        Self::Done(Box::new(DoneReply { done }))
    }
}
