//! `emergency ..`: the questions that lead to a new PIN.

use std::io::Read;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::ctl::client::Payload;
use crate::ctl::errors::{self, Trouble};
use crate::ctl::output::text;
use crate::ctl::terminal::Terminal;
use crate::ctl::verb::{Given, Kind, Run, Take, USER, Verb, flag};
use crate::ctl::{Session, change};
use crate::domain::questions::{QUESTIONS_MAX, QUESTIONS_MIN};

/// Most that is read from standard input, in octets.
const INPUT_OCTETS_MAX: u64 = 16 * 1024;

const LINES: Take = flag(
    "stdin",
    "",
    Kind::LocalSwitch,
    "",
    "read question and answer from standard input, a line each",
);

const ANSWERS: Take = flag(
    "stdin",
    "",
    Kind::LocalSwitch,
    "",
    "read the answers from standard input, one a line",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "emergency set",
        method: "org.mfad.Pins.EmergencySet",
        about: "Set the questions that lead a person to a new PIN",
        takes: &[USER, LINES],
        examples: &["mfactl emergency set alice"],
        more: "Asks for questions in words of your own, at least three, and for each answer twice; an \
               empty question ends it. Case and spaces of an answer do not matter. Questions before \
               these are void. Those that are asked stay the same until they were answered right.",
        run: Run::Special(set),
    },
    Verb {
        name: "emergency verify",
        method: "org.mfad.Pins.EmergencyVerify",
        about: "Ask a person on the phone the questions, before a new PIN is set",
        takes: &[USER, ANSWERS],
        examples: &["mfactl emergency verify alice"],
        more: "All answers have to be right, and it is not said which one is not. Each try counts; \
               emergency.max_failures in a row lock the questions until `mfactl token unlock`. The \
               person is told. What to do next: `mfactl pin reset`.",
        run: Run::Special(verify),
    },
    Verb {
        name: "emergency clear",
        method: "org.mfad.Pins.EmergencyClear",
        about: "Remove the questions of a person",
        takes: &[USER],
        examples: &["mfactl emergency clear alice"],
        more: "",
        run: Run::Change,
    },
];

fn set(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let (questions, answers) = if given.common.show_call {
        (vec!["..".to_owned()], Zeroizing::new("..".to_owned()))
    } else if given.has("stdin") {
        pairs(&input()?)?
    } else {
        asked_for(&mut terminal(session, given, "the questions")?)?
    };
    payload.set("questions", json!(questions));
    payload.set("answers", answers.as_str());
    change::run_with(session, given, payload, None)
}

fn verify(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    if given.common.show_call {
        payload.set("answers", "..");
    } else if given.has("stdin") {
        payload.set("answers", input()?.as_str());
    } else {
        // Before anything is asked: without a terminal nobody is to be told that somebody tries.
        let mut terminal = terminal(session, given, "the answers")?;
        let mut which = Payload::default();
        which.set_some("user", given.text("USER"));
        let done = change::send(session, given, given.verb.method, &mut which)?;
        let mut answers = Zeroizing::new(String::with_capacity(1024));
        let questions = done.data.get("questions").and_then(Value::as_array);
        for question in questions.into_iter().flatten().filter_map(Value::as_str) {
            let answer = terminal.ask_hidden(&format!("{} ", text::clean(question)))?;
            answers.push_str(&answer);
            answers.push('\n');
        }
        payload.set("answers", answers.as_str());
    }
    change::run_with(session, given, payload, None)
}

fn terminal(session: &Session, given: &Given, what: &str) -> Result<Terminal, Trouble> {
    if given.common.no_input || !session.env.askable {
        let what =
            format!("{what} have to be asked for, and there is no terminal; nothing changed");
        return Err(Trouble::usage(what).doing("use --stdin"));
    }
    Terminal::open()
}

/// Questions and answers as they are typed.
fn asked_for(terminal: &mut Terminal) -> Result<(Vec<String>, Zeroizing<String>), Trouble> {
    let (mut questions, mut answers) = (Vec::new(), Zeroizing::new(String::with_capacity(2048)));
    while questions.len() < QUESTIONS_MAX {
        let number = questions.len() + 1;
        let end = match number > QUESTIONS_MIN {
            true => " (Enter if that is all)",
            false => "",
        };
        let question = terminal.ask(&format!("Question {number}{end}: "))?;
        if question.is_empty() && number > QUESTIONS_MIN {
            break;
        }
        let first = terminal.ask_hidden("Its answer: ")?;
        let second = terminal.ask_hidden("The same answer again: ")?;
        if *first != *second {
            return Err(Trouble::new(1, "the two are not the same; nothing changed"));
        }
        questions.push(question);
        answers.push_str(&first);
        answers.push('\n');
    }
    Ok((questions, answers))
}

/// Question and answer, a line each.
fn pairs(text: &str) -> Result<(Vec<String>, Zeroizing<String>), Trouble> {
    let (mut questions, mut answers) = (
        Vec::new(),
        Zeroizing::new(String::with_capacity(text.len())),
    );
    let mut lines = text.lines();
    while let Some(question) = lines.next() {
        let Some(answer) = lines.next() else {
            let what = "standard input ends with a question that has no answer; nothing changed";
            return Err(Trouble::usage(what));
        };
        questions.push(question.to_owned());
        answers.push_str(answer);
        answers.push('\n');
    }
    Ok((questions, answers))
}

fn input() -> Result<Zeroizing<String>, Trouble> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    let read = std::io::stdin()
        .lock()
        .take(INPUT_OCTETS_MAX)
        .read_to_string(&mut text);
    read.map_err(|error| {
        Trouble::new(
            errors::NO_INPUT,
            "standard input cannot be read; nothing changed",
        )
        .why(error.to_string())
    })?;
    Ok(text)
}
