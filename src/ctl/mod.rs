//! `mfactl`: arguments, client, output.
//!
//! The program knows the control interface and nothing else of mfad; it never opens the store. What
//! may be asked, who may and how much it can destroy comes from the daemon's own table, through
//! [`crate::control::method`]. One command is one [`verb::Verb`]: grammar, help, completion and call
//! are made from it.
//!
//! ```text
//! args -> Given -> payload -> client -> reply -> screen -> exit status
//!                     |                              ^
//!                     +-- change: ask, dry run, id --+
//! ```
//! Result on standard output, everything else on standard error or the terminal; an error changes
//! nothing and names itself.

mod args;
mod change;
mod client;
pub(crate) mod cmd;
mod complete;
mod delivery;
mod env;
mod errors;
mod help;
mod interrupt;
mod lengthy;
mod manual;
mod many;
mod output;
mod progress;
mod qr;
mod reach;
mod remote;
mod secret;
mod terminal;
mod time;
mod verb;

use serde::de::DeserializeOwned;
use serde_json::Value;

use args::{Asked, Look};
use client::{CallError, Client, Payload};
use env::Env;
use errors::Trouble;
use output::Screen;
use verb::{Common, Format, Given, Run};

pub use cmd::pictures::read as codes_of_picture;
pub use manual::manual;

/// The day on the manual pages: that of their last change, so that they are made the same each time.
pub const MANUAL_DATE: &str = "2026-11-21";

/// Runs `mfactl` with the arguments of the process; returns the exit status.
#[must_use]
pub fn main() -> u8 {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let env = Env::read();
    let look = Look::find(&args);
    let screen = Screen::new(&env, &look);
    let mut session = Session {
        env,
        screen,
        client: None,
    };
    match session.run(&args) {
        Ok(status) => status,
        Err(trouble) => session.report(&trouble, &look),
    }
}

/// One run of the program.
struct Session {
    env: Env,
    screen: Screen,
    client: Option<Client>,
}

impl Session {
    fn run(&mut self, args: &[String]) -> Result<u8, Trouble> {
        secret::warn_of_seeds(args);
        if let Some(status) = help::asked(self, args) {
            return Ok(status);
        }
        if let Some(host) = remote::host(args) {
            return remote::run(&host, args);
        }
        if args.first().is_some_and(|arg| arg == "__complete") {
            return Ok(complete::candidates(args, &self.env));
        }
        match args::read(args, &self.env)? {
            Asked::Verb(given) => self.carry_out(&given),
            Asked::Offline(name, what) => self.offline(&name, what.as_deref()),
            Asked::Nothing(common) => Ok(help::tasks(self, &common)),
            Asked::Noun(noun) => Ok(help::noun(self, &noun)),
        }
    }

    fn carry_out(&mut self, given: &Given) -> Result<u8, Trouble> {
        if given.common.format == Format::Csv
            && !matches!(given.verb.run, Run::List(_) | Run::File(_))
        {
            return Err(Trouble::usage("--format csv is for lists"));
        }
        let status = match given.verb.run {
            Run::Change => change::run(self, given),
            Run::Special(run) => run(self, given),
            Run::List(shape) | Run::File(shape) => output::list::run(self, given, shape),
            Run::Show(show) => self.show(given, show),
        };
        if let (Err(trouble), true) = (&status, given.has("nagios")) {
            let what = output::text::clean(&trouble.what);
            output::print(&format!("MFAD CRITICAL - {what}\n"), &self.env, false);
            return Ok(2);
        }
        match (status, &given.common.graceful) {
            (Err(trouble), Some(name)) if trouble.is_named(name) => {
                if !given.common.quiet {
                    self.screen
                        .say(&format!("{}; taken as success", trouble.what));
                    let text = self.screen.take();
                    self.print(&text, given);
                }
                Ok(0)
            }
            (status, _) => status,
        }
    }

    /// A question that is answered once.
    fn show(
        &mut self,
        given: &Given,
        show: fn(&mut Screen, &Given, &Value) -> Result<u8, Trouble>,
    ) -> Result<u8, Trouble> {
        let payload = given.payload(&self.screen.times)?;
        if self.shown_call(given, &payload, false) {
            return Ok(0);
        }
        let answer: Value = self.call(given, &payload)?;
        let status = show(&mut self.screen, given, &answer)?;
        let screen = self.screen.take();
        let text = match given.common.format {
            Format::Table => screen,
            Format::JsonLines => format!("{answer}\n"),
            Format::Json | Format::Csv => format!("{answer:#}\n"),
        };
        self.print(&text, given);
        Ok(status)
    }

    fn offline(&mut self, name: &str, what: Option<&str>) -> Result<u8, Trouble> {
        match (name, what) {
            ("explain", Some(code)) => help::explain(self, code),
            ("completion", Some(shell)) => complete::loader(self, shell),
            ("help", Some(task)) => help::task(self, task),
            ("help", None) => Ok(help::tasks(self, &Common::default())),
            (name, _) => {
                Err(Trouble::usage(format!("`mfactl {name}` needs a word more")).try_next("mfactl"))
            }
        }
    }

    /// The connection; made at the first use.
    fn client(&mut self, common: &Common) -> Result<&mut Client, Trouble> {
        if self.client.is_none() {
            self.client = Some(reach::connect(&common.socket)?);
        }
        self.client
            .as_mut()
            .ok_or_else(|| Trouble::new(errors::SOFTWARE, "no connection"))
    }

    /// Makes a call that changes nothing.
    fn call<P: DeserializeOwned>(
        &mut self,
        given: &Given,
        payload: &Payload,
    ) -> Result<P, Trouble> {
        self.call_of(given.verb.method, given, payload)
    }

    /// The same with another method than that of the command.
    fn call_of<P: DeserializeOwned>(
        &mut self,
        method: &str,
        given: &Given,
        payload: &Payload,
    ) -> Result<P, Trouble> {
        let answer = self.client(&given.common)?.call(method, payload);
        answer.map_err(|error| self.trouble(error, given))
    }

    /// Turns a failed call that changes nothing into trouble.
    fn trouble(&self, error: CallError, given: &Given) -> Trouble {
        match error {
            CallError::Fault(fault) => reach::refused(*fault, given),
            CallError::Unsent(source) | CallError::Lost(source) => {
                let trouble = Trouble::new(errors::UNAVAILABLE, "mfad did not answer");
                let again = format!("mfactl {}", given.verb.name);
                trouble.why(source.to_string()).try_next(again)
            }
            CallError::Garbled(source) => Trouble::new(
                errors::PROTOCOL,
                "mfactl does not understand what mfad answers",
            )
            .why(source.to_string())
            .doing("upgrade the older of the two"),
        }
    }

    /// Prints the call instead of making it, if that was asked for.
    fn shown_call(&self, given: &Given, payload: &Payload, more: bool) -> bool {
        if given.common.show_call {
            let more = if more { " --more" } else { "" };
            let parameters = Value::Object(payload.0.clone()).to_string();
            let line = format!(
                "varlinkctl call{more} {} {} {}\n",
                remote::quoted(&given.common.socket.to_string_lossy()),
                given.verb.method,
                remote::quoted(&parameters),
            );
            output::print(&line, &self.env, false);
        }
        given.common.show_call
    }

    fn print(&self, text: &str, given: &Given) {
        let pager = !given.common.no_pager && given.common.format == Format::Table;
        output::print(text, &self.env, pager);
    }

    /// Says what went wrong.
    fn report(&mut self, trouble: &Trouble, look: &Look) -> u8 {
        if look.json {
            output::print(&format!("{}\n", trouble.json()), &self.env, false);
        }
        output::print_error(&trouble.lines(&self.screen));
        trouble.exit
    }
}

/// Reads an answer, or a row of one, into its type.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Trouble> {
    T::deserialize(value).map_err(|error| {
        Trouble::new(
            errors::PROTOCOL,
            "mfactl does not understand what mfad answers",
        )
        .why(error.to_string())
        .doing("upgrade the older of the two")
    })
}
