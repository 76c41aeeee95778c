//! Answers of the control socket: what an operator asks and what he changes.
//!
//! ```text
//! change --> engine --> Done          query --> Desk (record, rules, role) --> reply --> caller
//! ```
//! Nothing is decided here. Changes go to the engine, which judges them on the newest record in the
//! writer; questions are answered from a snapshot of the store, never through the writer, so that
//! nothing an operator asks makes a sign-in wait. Lists are read in pages of a bounded size.
//!
//! What a role may see is cut out in [`mask`] and [`redact`] and nowhere else. Without a key that
//! opens the store all but `status`, `whoami` and `config check` is refused.

mod actions;
mod archive;
mod attempts;
mod audit;
mod auth;
mod backup;
mod census;
mod change;
mod complete;
mod config;
mod desk;
mod device_auth;
mod dialogue;
mod enrol;
mod explain;
mod export;
mod facts;
mod filter;
mod gateways;
mod import;
mod mask;
mod migrate;
mod near;
mod notify;
mod pages;
mod passthrough;
mod redact;
mod status;
mod tokens;
mod users;
mod verify;
mod view;
mod warnings;
mod whoami;
mod why;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Config, Surroundings};
use crate::control::import::Import;
use crate::control::query::{Manner, Query};
use crate::control::reply::{Done, Reply};
use crate::daemon::alarm::Alarms;
use crate::daemon::archive::Archive;
use crate::daemon::front::Front;
use crate::daemon::post::Deliveries;
use crate::domain::action::{Action, Role};
use crate::domain::command::{Command, PageStep};
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::engine::Engine;
use crate::secret::SecretBytes;
use crate::server::control::{Backend, Sink};
use crate::store::sqlite::SqliteReader;
use crate::sys::clock::Clock;
use crate::time::Now;

pub use self::config::{ReloadError, Reloaded};
pub use self::facts::Facts;

use self::desk::Desk;

/// Answers calls.
pub struct Answerer {
    /// The engine, or why there is none.
    pub engine: Result<Arc<Engine>, String>,
    /// The RADIUS front end.
    pub front: Arc<Front>,
    /// The store.
    pub store: Option<Arc<SqliteReader>>,
    /// The configuration in force.
    pub config: ArcSwap<Config>,
    /// Where it is.
    pub config_path: PathBuf,
    /// What it is read against.
    pub surroundings: Surroundings,
    /// The clock.
    pub clock: Arc<Clock>,
    /// What the process could not give up.
    pub unhardened: Vec<String>,
    /// When the daemon was started.
    pub started: Now,
    /// What needs a person.
    pub alarms: Arc<Alarms>,
    /// Where old audit records go.
    pub archive: Arc<Archive>,
    /// What became of messages.
    pub deliveries: Deliveries,
    /// What only the answers themselves know.
    pub facts: Facts,
}

impl Backend for Answerer {
    fn change(
        &self,
        operator: &Operator,
        command: Command,
        manner: Manner,
    ) -> Result<Done, Refusal> {
        self.carry_out(operator, command, manner)
    }

    fn page(
        &self,
        operator: &Operator,
        step: PageStep,
        request: Option<String>,
    ) -> Result<Reply, Refusal> {
        Self::page(self, operator, step, request)
    }

    fn query(
        &self,
        operator: &Operator,
        query: Query,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        match query {
            Query::Status => Ok(Reply::Status(Box::new(self.status()))),
            Query::Whoami { can } => Ok(Reply::Whoami(Box::new(self.whoami(operator, can)))),
            Query::ConfigCheck => Ok(Reply::ConfigCheck(self.config_check())),
            query => {
                let desk = Desk::new(self.engine()?, operator);
                self.look_up(&desk, query, sink)
            }
        }
    }

    fn import(
        &self,
        operator: &Operator,
        import: Import,
        file: SecretBytes,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        Desk::new(self.engine()?, operator).import(&import, &file, sink)
    }

    fn denied(&self, operator: &Operator, action: Action, least: Role) -> Refusal {
        self.refuse_role(operator, action, least)
    }
}

impl Answerer {
    /// The engine, or the refusal of everything that needs one.
    fn engine(&self) -> Result<&Arc<Engine>, Refusal> {
        self.engine.as_ref().map_err(|why| {
            Refusal::new(Code::Sealed, "mfad is sealed: no login is answered (E020)")
                .why(why.clone())
                .try_next("mfactl status")
                .doing("restore the master key and restart mfad; never start with a new key")
        })
    }

    fn look_up(
        &self,
        desk: &Desk<'_>,
        query: Query,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        match query {
            Query::Why {
                user,
                gateway,
                attempts,
            } => desk.why(&user, gateway.as_deref(), attempts),
            Query::Explain {
                user,
                gateway,
                token,
            } => desk.explain(&user, &gateway, token.as_ref()),
            Query::AuthLog {
                filter,
                stages,
                page,
            } => desk.auth_log(&filter, stages, &page, sink),
            Query::AuthShow { attempt } => desk.auth_show(&attempt),
            Query::LockShow { user } => desk.lock_show(&user),
            Query::GatewayList => Ok(Reply::GatewayList(self.gateway_list())),
            Query::GatewayShow { gateway } => self.gateway_show(&gateway),
            Query::UserShow { user } => desk.user_show(&user),
            Query::UserFind {
                filter,
                offset,
                page,
            } => desk.user_find(&filter, offset, &page, sink),
            Query::UserExport {
                filter,
                stated,
                page,
            } => desk.user_export(&filter, stated, &page, sink),
            Query::Seats => desk.seats(sink),
            Query::SetList => desk.set_list(sink),
            Query::SetShow { set } => desk.set_show(&set, sink),
            Query::TokenList {
                user,
                all,
                authenticators,
            } => desk.token_list(&user, all, authenticators),
            Query::TokenFind { filter, page } => desk.token_find(&filter, &page, sink),
            Query::TokenShow { token } => desk.token_show(&token),
            Query::TokenTypes => Ok(desk.token_types()),
            Query::TokenMigrate(which) => self.token_migrate(desk, which, sink),
            Query::HwList { serial, page } => desk.hw_list(serial.as_deref(), &page, sink),
            Query::PassthroughList { expiring_s, page } => {
                desk.passthrough_list(expiring_s, &page, sink)
            }
            Query::PassthroughUses { user, page } => desk.passthrough_uses(&user, &page, sink),
            Query::DialogueList { user, page } => desk.dialogue_list(user.as_deref(), &page, sink),
            Query::DeviceAuthStatus { user } => desk.device_auth_status(&user),
            Query::EnrollList { user, page } => desk.enroll_list(user.as_deref(), &page, sink),
            Query::NotifyList { user, page } => self.notify_list(desk, &user, &page, sink),
            Query::NotifyTest { to, manner } => self.notify_test(desk, to, &manner),
            Query::AuditLog { filter, page } => desk.audit_log(&filter, &page, sink),
            Query::AuditVerify { from } => self.audit_verify(desk, from),
            Query::AuditArchive { before, manner } => self.audit_archive(desk, before, &manner),
            Query::ConfigDiff => self.config_diff(desk, sink),
            Query::ConfigReload { manner } => self.config_reload(desk, &manner),
            Query::ConfigGet { key } => self.config_get(&key),
            Query::Backup { name, manner } => self.backup(desk, name.as_deref(), &manner),
            Query::Complete { kind, prefix, user } => {
                self.complete(desk, kind, &prefix, user.as_deref())
            }
            Query::Status | Query::Whoami { .. } | Query::ConfigCheck => Err(Refusal::new(
                Code::Arg,
                "this question is answered elsewhere",
            )),
        }
    }
}
