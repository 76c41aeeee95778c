//! A desk: the built `mfactl` before the socket of the built `mfad`, and what every answer has to
//! fulfil.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use mfad::control::method::Method;
use mfad::domain::action::{Action, Weight};

use crate::common::daemon::Daemon;
use crate::common::tools::run;

/// Columns that no line may pass.
const COLUMNS: usize = 80;

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) line: String,
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// For whom a command speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    People,
    Json,
}

pub(crate) struct Desk<'a> {
    pub(crate) daemon: &'a Daemon,
    pub(crate) form: Form,
    pub(crate) met: HashSet<Action>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(daemon: &'a Daemon, form: Form) -> Self {
        Self {
            daemon,
            form,
            met: HashSet::new(),
        }
    }

    /// Runs `mfactl` with these words and nothing else, as somebody without a terminal.
    pub(crate) fn mfactl(&self, words: &[&str], input: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mfactl"))
            .args(words)
            .env_clear()
            .envs([("COLUMNS", "80"), ("LANG", "C.UTF-8"), ("TZ", "UTC")])
            .env("MFAD_SOCKET", self.daemon.site.path("control"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read what it is given is no error.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = Said {
            line: format!("mfactl {}", words.join(" ")),
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        if std::env::var_os("MFAD_SHOW").is_some() {
            println!(
                "$ {}   -> {}\n{}{}",
                said.line, said.status, said.out, said.err
            );
        }
        said
    }

    /// Runs the command of an action that must be carried out; a change is tried dry before.
    #[track_caller]
    pub(crate) fn go(&mut self, action: Action, words: &[&str]) -> Said {
        self.go_with(action, words, "")
    }

    #[track_caller]
    pub(crate) fn go_with(&mut self, action: Action, words: &[&str], input: &str) -> Said {
        self.met.insert(action);
        let spec = action.spec();
        let mut line: Vec<&str> = spec.name.split(' ').collect();
        line.extend(words);
        if spec.reason {
            line.extend(["-r", "a test"]);
        }
        if changes(action) {
            self.dry(&line, input);
        }
        if matches!(spec.weight, Weight::Heavy | Weight::Severe) {
            line.push("--yes");
        }
        if spec.weight == Weight::Severe {
            line.extend(["--expect", words.last().unwrap()]);
        }
        if self.form == Form::Json {
            line.push("--json");
        }
        let said = self.mfactl(&line, input);
        let warns = matches!(action, Action::Status | Action::AuthExplain);
        assert!(said.status == 0 || (warns && said.status == 1), "{said:#?}");
        self.check(action, &said, words.contains(&"--to-stdout"));
        said
    }

    /// A dry run says what would be and changes nothing.
    #[track_caller]
    fn dry(&self, line: &[&str], input: &str) {
        let before = self.store();
        let mut line = line.to_vec();
        line.push("--dry-run");
        if self.form == Form::Json {
            line.push("--json");
        }
        let said = self.mfactl(&line, input);
        assert_eq!(said.status, 0, "{said:#?}");
        match self.form {
            Form::People => {
                assert!(said.out.starts_with("would: "), "{said:#?}");
                assert!(said.out.contains("this was a dry run"), "{said:#?}");
                assert!(!said.out.contains("  audit "), "{said:#?}");
                fits(&said);
            }
            Form::Json => {
                let done = &said.json()["done"];
                assert_eq!(done["dry_run"], true, "{said:#?}");
                assert!(done["audit"].is_null(), "{said:#?}");
                assert!(done["reveal"].is_null(), "{said:#?}");
            }
        }
        assert!(
            self.store() == before,
            "changed by a dry run: {}",
            said.line
        );
    }

    #[track_caller]
    fn check(&self, action: Action, said: &Said, secret: bool) {
        assert!(!said.out.trim().is_empty(), "{said:#?}");
        assert_eq!(said.err, "", "{said:#?}");
        if self.form == Form::People {
            fits(said);
            if changes(action) {
                assert!(said.out.contains("  audit "), "{said:#?}");
            }
            return;
        }
        self.suggests(said);
        let lines = said.lines();
        if changes(action) {
            let done = &lines[0]["done"];
            assert!(done["audit"].is_u64(), "{said:#?}");
            assert!(done["message"].is_string(), "{said:#?}");
            assert_eq!(done["reveal"].is_object(), secret, "{said:#?}");
        }
        let whole = Method::all()
            .find(|method| method.action == action)
            .unwrap();
        if !whole.streams() {
            assert_eq!(lines.len(), 1, "{said:#?}");
            for field in fields(whole) {
                assert!(lines[0].get(&field).is_some(), "{field}: {said:#?}");
            }
        }
    }

    /// Every command that an answer suggests is one that would be carried out now, or asks.
    #[track_caller]
    fn suggests(&self, said: &Said) {
        let mut lines = Vec::new();
        for document in said.lines() {
            suggestions(&document, &mut lines);
        }
        for line in lines {
            self.accepts(&line, &said.line);
        }
    }

    #[track_caller]
    fn accepts(&self, line: &str, by: &str) {
        let command = line.split("   ").next().unwrap().trim();
        let words = shell_words(command).into_iter();
        let mut words: Vec<String> = words
            .skip(1)
            .map(|word| match word.as_str() {
                "TEXT" => "a text".to_owned(),
                "ADDRESS" => "another@example.org".to_owned(),
                "NUMBER" => "+491707654321".to_owned(),
                _ => word,
            })
            .collect();
        let all = Action::ALL.iter().copied();
        let name = |action: &Action| action.spec().name == words[..2.min(words.len())].join(" ");
        if all.clone().find(name).is_some_and(changes) {
            words.push("--dry-run".to_owned());
        }
        // Which state is the operator's choice; a log that is followed does not end.
        if words
            .iter()
            .any(|word| word == "--follow" || word == "STATE")
        {
            return;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = self.mfactl(&words, "");
        let secret = said.err.contains(" have to be asked for");
        let asks = said.status == 64 && (secret || said.err.contains(" needs OTP"));
        let verdict = said.status <= 2 && said.err.is_empty();
        assert!(asks || verdict, "suggested by `{by}`, but: {said:#?}");
    }

    /// All that is stored, as far as it can be asked for; not who was refused.
    pub(crate) fn store(&self) -> Value {
        let operator = self.daemon.operator();
        let people = operator.call("Users.Find", &json!({}));
        let tokens = operator.call("Tokens.Find", &json!({}));
        let log = operator.call("Audit.Log", &json!({"actor": "root"}));
        let log = log["entries"].as_array().unwrap().iter();
        let log: Vec<&Value> = log
            .filter(|entry| entry["record"]["result"] != "refused")
            .collect();
        let names = people["rows"].as_array().unwrap().iter();
        let names: Vec<&str> = names.map(|one| one["user"].as_str().unwrap()).collect();
        let whole: Vec<Value> = names
            .iter()
            .map(|name| {
                let mut shown = operator.show(name);
                shown["now"] = Value::Null;
                for grant in shown["grants"].as_array_mut().into_iter().flatten() {
                    grant["left_s"] = Value::Null;
                }
                shown
            })
            .collect();
        json!([people, tokens, whole, log])
    }

    /// The id of the newest token of somebody.
    pub(crate) fn token(&self, user: &str, kind: &str) -> String {
        let list = self
            .daemon
            .operator()
            .call("Tokens.List", &json!({"user": user}));
        let mut tokens = list["tokens"].as_array().unwrap().iter();
        let token = tokens.find(|token| token["kind"] == kind);
        let token = token.unwrap_or_else(|| panic!("{list}"));
        token["id"].as_str().unwrap().to_owned()
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The documents of an answer: one, or one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let documents = serde_json::Deserializer::from_str(&self.out).into_iter();
        documents
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The lines of an answer fit the screen; a secret may be longer.
#[track_caller]
pub(crate) fn fits(said: &Said) {
    for line in said.out.lines().chain(said.err.lines()) {
        let uri = line.starts_with("otpauth://");
        assert!(uri || line.chars().count() <= COLUMNS, "{line}\n{said:#?}");
        assert_eq!(line.trim_end(), line, "{said:#?}");
    }
}

/// The words of a line, as a shell reads them.
pub(crate) fn shell_words(line: &str) -> Vec<String> {
    let script = format!("for word in {line}; do printf '%s\\n' \"$word\"; done");
    let said = run("sh", &["-c", &script], Path::new("/"), "");
    assert!(said.success, "{line}");
    said.text.lines().map(str::to_owned).collect()
}

/// Everything in a document that is a command to type; not what is shown as impossible.
fn suggestions(document: &Value, lines: &mut Vec<String>) {
    match document {
        Value::Object(fields) if fields.get("allowed") == Some(&Value::Bool(false)) => {}
        Value::Object(fields) => {
            for value in fields.values() {
                suggestions(value, lines);
            }
        }
        Value::Array(values) => {
            for value in values {
                suggestions(value, lines);
            }
        }
        Value::String(text) if text.starts_with("mfactl ") => lines.push(text.clone()),
        _ => {}
    }
}

pub(crate) fn changes(action: Action) -> bool {
    Method::all().any(|method| method.action == action && method.changes())
}

/// The fields of an answer, by the frozen wire.
fn fields(method: &Method) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control_v1");
    let path = format!("{folder}/{}.response.json", method.name);
    let frozen: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    frozen.as_object().unwrap().keys().cloned().collect()
}
