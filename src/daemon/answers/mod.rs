//! Answers of the control socket.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Config, Surroundings};
use crate::daemon::alarm::Alarms;
use crate::daemon::front::Front;
use crate::engine::Engine;
use crate::store::sqlite::SqliteReader;
use crate::sys::clock::Clock;
use crate::time::Now;

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
    /// What hardening achieved.
    pub hardening: Vec<String>,
    /// When the daemon was started.
    pub started: Now,
    /// What needs a person.
    pub alarms: Arc<Alarms>,
}
impl crate::server::control::Backend for Answerer {
    fn change(
        &self,
        _: &crate::domain::event::Operator,
        _: crate::domain::command::Command,
        _: crate::control::query::Manner,
    ) -> Result<crate::control::reply::Done, crate::domain::refusal::Refusal> {
        Err(crate::domain::refusal::Refusal::new(
            crate::domain::refusal::Code::Busy,
            "",
        ))
    }
    fn query(
        &self,
        _: &crate::domain::event::Operator,
        _: crate::control::query::Query,
        _: &mut dyn crate::server::control::Sink,
    ) -> Result<crate::control::reply::Reply, crate::domain::refusal::Refusal> {
        Err(crate::domain::refusal::Refusal::new(
            crate::domain::refusal::Code::Busy,
            "",
        ))
    }
    fn denied(
        &self,
        _: &crate::domain::event::Operator,
        _: crate::domain::action::Action,
        _: crate::domain::action::Role,
    ) -> crate::domain::refusal::Refusal {
        crate::domain::refusal::Refusal::new(crate::domain::refusal::Code::Busy, "")
    }
}
impl Answerer {
    pub fn reload(
        &self,
        _: crate::domain::event::Origin,
    ) -> Result<(), crate::domain::refusal::Refusal> {
        Ok(())
    }
}
