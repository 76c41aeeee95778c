//! Every state, at every kind of gateway, with everything that can be typed: one line for each in
//! `tables/cells.txt`, so that nothing is left undecided and a change of any cell is seen.
//! `MFAD_BLESS=1` writes the file anew; read the difference before you commit it.

use std::fmt::Write as _;

use mfad::domain::user::UserState;

use super::run;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables/cells.txt");

const HEAD: &str = "\
# Every state x every kind of gateway x everything that can be typed, made by domain_table/cells.rs.
# The words are those of domain.txt. `dialogues`: the gateway asks, and leads to a new token on a page;
# there are questions of one's own, and a word for a new PIN.
# `as empty`: each answer to the question comes to the same as where the passcode was empty;
# `as pin`: everything that can be typed comes to the same as at the gateway `pin`.
";

/// Who it is: each state with a token and recovery codes, and without, and what lies over a state.
fn people() -> Vec<String> {
    let mut people = Vec::new();
    for state in UserState::ALL {
        let name = state.name();
        people.push(format!("state={name} active recovery auth-code"));
        people.push(format!("state={name} no-token auth-code"));
    }
    for over in [
        "lock=Failures active",
        "lock=PinBlocked pin-blocked active",
        "lock=Operator grant=-1h..+1h active",
        "grant=-1h..+1h active",
        "must-change active",
        "no-pin no-password active",
        "confirm-unlock active",
        "obsolete rekey auth-code",
        "pending state=new auth-code",
        "only=sms set=sms sends active",
        "second=virtual set=totp,virtual sends active",
        "second=virtual set=totp/virtual sends active",
        "no-token state=new mail sends suppress set=virtual",
    ] {
        people.push(over.to_owned());
    }
    people
}

/// A kind of gateway: its name in the table, and what is typed there for a first factor, right and
/// wrong, with what stands behind it.
const GATEWAYS: [(&str, [&str; 3]); 9] = [
    ("gateway", ["", "", ""]),
    ("gateway?", ["", "", ""]),
    ("none", ["", "", ""]),
    ("none?", ["", "", ""]),
    ("pin", ["pin", "bad-pin", "."]),
    ("pin?", ["pin", "bad-pin", "."]),
    ("local", ["pw", "bad-pw", "."]),
    ("local,", ["pw", "bad-pw", ".comma."]),
    ("local?", ["pw", "bad-pw", "."]),
];

/// The blocks of a kind of gateway: what they are called, and what is given in them besides.
fn blocks(at: &str) -> Vec<(&'static str, &'static str)> {
    let mut blocks = vec![(" dialogues", " enroll pages questions keyword")];
    if !at.ends_with('?') {
        blocks.insert(0, ("", ""));
    }
    if ["gateway", "none", "pin"].contains(&at) {
        blocks.push((" unenrolled=passthrough", " unenrolled"));
    }
    if ["gateway", "pin?"].contains(&at) {
        blocks.push((" allowed_types=hotp", " allowed=hotp"));
    }
    blocks
}

/// What is typed at once.
fn typed([right, wrong, join]: [&str; 3]) -> Vec<String> {
    let mut typed: Vec<String> = ["chap", "answer:text:x", "empty", "text:x"]
        .map(str::to_owned)
        .into();
    for code in ["code", "wrong", "rec:0", "code; same"] {
        typed.push(format!(
            "{right}{}{code}",
            if right.is_empty() { "" } else { join }
        ));
    }
    if !right.is_empty() {
        typed.extend([right.to_owned(), wrong.to_owned(), "code".to_owned()]);
        typed.push(format!("{wrong}{join}code"));
    }
    typed
}

/// What is typed besides where there are questions of one's own and a word for a new PIN.
fn by_words([right, _, join]: [&str; 3]) -> Vec<String> {
    let mut words = vec!["text:newpin".to_owned()];
    match right {
        "pin" => words.push("text:help".to_owned()),
        right => {
            let help = match right {
                "" => "text:help".to_owned(),
                right => format!("{right}{join}text:help"),
            };
            let answers = ["pet", "street", "teacher"].map(|it| format!("; answer:text:{it}"));
            words.extend([help.clone(), help + &answers.concat()]);
        }
    }
    words
}

/// What is answered to a question.
const ANSWERS: [&str; 9] = [
    "empty",
    "code",
    "code>1",
    "wrong",
    "rec:0",
    "auth",
    "text:778240",
    "pin",
    "text:help",
];

/// What else is answered to the question that was asked last: numbers to a menu, and what was sent.
fn further(asked: &str) -> &'static [&'static str] {
    match asked.rsplit(' ').find(|word| *word != "held") {
        Some("method" | "menu") => &["text:1", "text:2", "text:3"],
        Some("sms" | "email" | "device") => &["sent", "text:send"],
        Some("auth") => &["text:send"],
        Some("passcode") => &["text:newpin"],
        _ => &[],
    }
}

/// One cell: what is answered, and what has changed. Who has no app types six digits.
fn cell(given: &str, at: &str, typed: &str) -> (String, String) {
    let appless = given.contains("no-token") || given.contains("only=sms");
    let typed = if appless {
        typed
            .replace("code>1", "text:654321")
            .replace("code", "text:123456")
    } else {
        typed.to_owned()
    };
    let [answers, facts, _] = run(&format!("- | {given} | {at} | {typed} | - | - | *"));
    (answers, facts)
}

#[test]
fn every_cell_of_state_gateway_and_input_is_decided() {
    let mut table = HEAD.to_owned();
    let mut cells = 0;
    for person in people() {
        let mut before: Vec<(String, String)> = Vec::new();
        for (at, first) in GATEWAYS {
            for (block, words) in blocks(at) {
                let mut inputs = typed(first);
                if words.contains("keyword") {
                    inputs.extend(by_words(first));
                }
                let (mut lines, mut known) = (String::new(), Known::new());
                let given = format!("{person}{words}");
                for typed in inputs {
                    cells += line(&mut lines, &mut known, [&given, at, &typed]);
                }
                let place = format!("{at}{block}");
                let same = before.iter().find(|(_, known)| *known == lines);
                let written = match same {
                    Some((same, _)) => format!("  as {same}\n"),
                    None => lines.clone(),
                };
                write!(table, "\n{person} | {place}\n{written}").unwrap();
                before.push((place, lines));
            }
        }
    }
    assert!(cells > 12_000, "{cells} cells");
    if std::env::var_os("MFAD_BLESS").is_some() {
        std::fs::write(PATH, &table).unwrap();
    }
    let known = std::fs::read_to_string(PATH).unwrap();
    let mut lines = known.lines().zip(table.lines());
    if let Some((known, found)) = lines.find(|(known, found)| known != found) {
        panic!("the table says\n  {known}\nfound\n  {found}\nMFAD_BLESS=1 writes it anew");
    }
    assert_eq!(known.len(), table.len());
}

/// `typed -> answers | what has changed`.
fn write(table: &mut String, typed: &str, answers: &str, facts: &str) {
    let facts = match facts {
        "" => String::new(),
        facts => format!(" | {facts}"),
    };
    writeln!(table, "  {typed} -> {answers}{facts}").unwrap();
}

/// What was typed, and what all answers to its question come to.
type Known = Vec<(String, Vec<[String; 3]>)>;

/// Writes the lines of what was typed, and of the answers to it if it led to a question.
fn line(table: &mut String, known: &mut Known, [given, at, typed]: [&str; 3]) -> usize {
    let (answers, facts) = cell(given, at, typed);
    check(given, typed, &answers);
    let asked = answers.rsplit("; ").next().unwrap_or_default();
    if !asked.starts_with("ASK") || typed.ends_with("same") {
        write(table, typed, &answers, &facts);
        return 1;
    }
    let further = ANSWERS.iter().chain(further(asked));
    let after: Vec<[String; 3]> = further
        .map(|answer| {
            let whole = format!("{typed}; answer:{answer}");
            let (answers, facts) = cell(given, at, &whole);
            check(given, &whole, &answers);
            [(*answer).to_owned(), answers, facts]
        })
        .collect();
    let cells = 1 + after.len();
    if let Some((first, _)) = known.iter().find(|(_, known)| *known == after) {
        let facts = [facts, format!("as {first}")];
        let facts = facts.iter().filter(|it| !it.is_empty());
        let facts: Vec<&str> = facts.map(String::as_str).collect();
        write(table, typed, &answers, &facts.join(" | "));
        return cells;
    }
    write(table, typed, &answers, &facts);
    for [answer, answers, facts] in &after {
        write(table, &format!("{typed}; answer:{answer}"), answers, facts);
    }
    known.push((typed.to_owned(), after));
    cells
}

/// What no cell may say, whatever the file does.
fn check(given: &str, typed: &str, answers: &str) {
    let closed = ["state=deactivated", "state=revoke", "lock="];
    let closed = closed.iter().any(|word| given.contains(word));
    let let_in = answers.contains("ACCEPT");
    assert!(!(closed && let_in), "I2: {given}: {typed} -> {answers}");
    assert!(
        !answers.contains("internal"),
        "{given}: {typed} -> {answers}"
    );
}
