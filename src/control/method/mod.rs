//! The methods: one row each, and the way from parameters to a [`Request`].
//!
//! A row names the method, the action whose least role it needs, its parameters with their types,
//! and the function that builds the request from them. What the rows have in common is stated
//! once: changes take [`MANNER`], lists take [`PAGE`], logs also [`FOLLOW`]. Parameters that no
//! row names are refused by name, so that a misspelt `until` never means "for ever".

mod arguments;
mod auth;
mod daemon;
mod enrol;
mod import;
mod notify;
mod passthrough;
mod pins;
mod table;
mod tokens;
mod users;

use crate::domain::action::Action;
use crate::domain::command::{Command, PageStep};

use super::fault::Fault;
use super::import::Import;
use super::message::Parameters;
use super::query::{Manner, Query};
use crate::secret::SecretBytes;
use arguments::Arguments;

pub use table::INTERFACES;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One line of text.
    Text,
    /// Text that may have several lines.
    Prose,
    /// Text that is a secret: kept in memory that is wiped.
    Secret,
    /// A piece of a file: as a secret, and longer.
    Piece,
    /// Several texts.
    Texts,
    /// A whole number from 0.
    Int,
    /// Yes or no.
    Bool,
}

impl Type {
    /// The word for it in the IDL.
    #[must_use]
    pub const fn idl(self) -> &'static str {
        match self {
            Self::Text | Self::Prose | Self::Secret | Self::Piece => "string",
            Self::Texts => "[]string",
            Self::Int => "int",
            Self::Bool => "bool",
        }
    }
}

/// One parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// It must be stated.
    pub required: bool,
}

/// A parameter that must be stated.
const fn must(name: &'static str, kind: Type) -> Parameter {
    Parameter {
        name,
        kind,
        required: true,
    }
}

/// A parameter that may be left out.
const fn may(name: &'static str, kind: Type) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
    }
}

/// What every change takes beside its own parameters.
pub const MANNER: &[Parameter] = &[
    may("reason", Type::Text),
    may("dry_run", Type::Bool),
    may("if_revision", Type::Int),
    may("request", Type::Text),
];

/// What every list takes beside its own parameters.
pub const PAGE: &[Parameter] = &[may("limit", Type::Int), may("cursor", Type::Text)];

/// What a log takes beside those.
pub const FOLLOW: &[Parameter] = &[may("follow", Type::Bool)];

/// What every step on a page takes beside its own parameters.
pub const REQUEST: &[Parameter] = &[may("request", Type::Text)];

/// How a request is built from the parameters of a method, and how it is answered.
#[derive(Clone, Copy)]
enum Build {
    /// A change of a record: answered once, with `Done`.
    Change(fn(&mut Arguments) -> Result<Command, Fault>),
    /// An act on the daemon itself: answered once, with `Done`.
    Act(fn(&mut Arguments, Manner) -> Result<Query, Fault>),
    /// A file that was handed over comes in: answered with `Done`; with `more` also on the way.
    Import(fn(&mut Arguments, Manner) -> Result<Import, Fault>),
    /// A piece of such a file.
    Upload(fn(&mut Arguments) -> Result<SecretBytes, Fault>),
    /// A step of a person on a page: answered once.
    Step(fn(&mut Arguments) -> Result<PageStep, Fault>),
    /// A question: answered once.
    Read(fn(&mut Arguments) -> Result<Query, Fault>),
    /// A list: a page, or with `more` all pages.
    List(fn(&mut Arguments) -> Result<Query, Fault>),
    /// A log: as a list, and with `follow` endless.
    Log(fn(&mut Arguments) -> Result<Query, Fault>),
}

/// One row of the table.
pub struct Method {
    /// Full name, such as `org.mfad.Users.Show`.
    pub name: &'static str,
    /// What it is in the table of roles.
    pub action: Action,
    /// Its own parameters.
    pub parameters: &'static [Parameter],
    build: Build,
}

impl Method {
    /// The method with this full name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::all().find(|method| method.name == name)
    }

    /// All methods, in the order of the manual.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        INTERFACES.iter().copied().flatten()
    }

    /// What it takes beside its own parameters.
    #[must_use]
    pub const fn common(&self) -> [&'static [Parameter]; 2] {
        match self.build {
            Build::Change(_) | Build::Act(_) | Build::Import(_) => [MANNER, &[]],
            Build::Step(_) => [REQUEST, &[]],
            Build::Read(_) | Build::Upload(_) => [&[], &[]],
            Build::List(_) => [PAGE, &[]],
            Build::Log(_) => [PAGE, FOLLOW],
        }
    }

    /// All parameters, its own first.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        let [one, two] = self.common();
        self.parameters.iter().chain(one).chain(two)
    }

    /// Whether a call of it with `more` is answered with several replies.
    #[must_use]
    pub const fn streams(&self) -> bool {
        matches!(self.build, Build::List(_) | Build::Log(_))
    }

    /// Whether it is an operator's change, with a manner and a `Done`.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(
            self.build,
            Build::Change(_) | Build::Act(_) | Build::Import(_)
        )
    }
}

/// A call that was understood.
pub enum Request {
    /// A change of a record.
    Change(Command, Manner),
    /// A step of a person on a page, and the id of the call.
    Step(PageStep, Option<String>),
    /// A piece of a file that is handed over.
    Upload(SecretBytes),
    /// What is in such a file comes in.
    Import(Box<Import>),
    /// A question, or an act on the daemon itself.
    Query(Query),
}

/// Turns the parameters of a call into a request; `more` is what the caller said.
pub fn parse(method: &Method, parameters: Parameters, more: bool) -> Result<Request, Fault> {
    let mut arguments = Arguments::check(method, parameters, more)?;
    match method.build {
        Build::Change(build) => {
            let manner = manner(method, &mut arguments)?;
            Ok(Request::Change(build(&mut arguments)?, manner))
        }
        Build::Act(build) => {
            let manner = manner(method, &mut arguments)?;
            build(&mut arguments, manner).map(Request::Query)
        }
        Build::Import(build) => {
            let manner = manner(method, &mut arguments)?;
            let import = build(&mut arguments, manner)?;
            Ok(Request::Import(Box::new(import)))
        }
        Build::Step(build) => {
            let step = build(&mut arguments)?;
            Ok(Request::Step(step, arguments.maybe("request")))
        }
        Build::Upload(build) => build(&mut arguments).map(Request::Upload),
        Build::Read(build) | Build::List(build) | Build::Log(build) => {
            build(&mut arguments).map(Request::Query)
        }
    }
}

fn manner(method: &Method, arguments: &mut Arguments) -> Result<Manner, Fault> {
    let manner = Manner {
        reason: arguments
            .maybe("reason")
            .filter(|reason| !reason.is_empty()),
        dry_run: arguments.flag("dry_run"),
        if_revision: arguments.int("if_revision"),
        request: arguments.maybe("request"),
    };
    let spec = method.action.spec();
    if spec.reason && manner.reason.is_none() {
        return Err(Fault::argument(format!("`{}` needs a reason", spec.name))
            .why("the audit record of it says why it was done"));
    }
    Ok(manner)
}
