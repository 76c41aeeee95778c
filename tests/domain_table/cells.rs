//! Every state, at every kind of gateway, with everything that can be typed: one line for each in
//! `tables/cells.txt`, so that nothing is left undecided and a change of any cell is seen.
//! `MFAD_BLESS=1` writes the file anew; read the difference before you commit it.

use std::fmt::Write as _;

use mfad::domain::user::UserState;

use super::run;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables/cells.txt");

const HEAD: &str = "\
# Every state x every kind of gateway x everything that can be typed, made by domain_table/cells.rs.
# The words are those of domain.txt. `dialogues`: the gateway asks, and leads to a new token on a page.
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

/// What is answered to a question.
const ANSWERS: [&str; 8] = [
    "empty",
    "code",
    "code>1",
    "wrong",
    "rec:0",
    "auth",
    "text:778240",
    "pin",
];

/// One cell: what is answered, and what has changed. Who has no token types six digits.
fn cell(given: &str, at: &str, typed: &str) -> (String, String) {
    let tokenless = given.contains("no-token");
    let typed = if tokenless {
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
        for (at, first) in GATEWAYS {
            for dialogues in ["", " dialogues"] {
                let asks = at.ends_with('?');
                if asks && dialogues.is_empty() {
                    continue;
                }
                let words = if dialogues.is_empty() {
                    ""
                } else {
                    " enroll pages"
                };
                let given = format!("{person}{words}");
                writeln!(table, "\n{person} | {at}{dialogues}").unwrap();
                for typed in typed(first) {
                    cells += line(&mut table, &given, at, &typed);
                }
            }
        }
    }
    assert!(cells > 3_000, "{cells} cells");
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

/// Writes the lines of what was typed, and of the answers to it if it led to a question.
fn line(table: &mut String, given: &str, at: &str, typed: &str) -> usize {
    let (answers, facts) = cell(given, at, typed);
    check(given, typed, &answers);
    write(table, typed, &answers, &facts);
    if !answers.starts_with("ASK") || typed.contains(';') {
        return 1;
    }
    for answer in ANSWERS {
        let whole = format!("{typed}; answer:{answer}");
        let (answers, facts) = cell(given, at, &whole);
        check(given, &whole, &answers);
        write(table, &whole, &answers, &facts);
    }
    1 + ANSWERS.len()
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
