//! A file of people, one a line (R11).
//!
//! ```text
//! Username, Domain, Email, Language, AuthSet, Role, carrier, phone
//! ```
//! What stands at the end may be left out. Lines and columns are those of every CSV file
//! ([`crate::token::import::lines`]).

use std::collections::HashMap;

use super::command::{NewUser, UserEdit};
use super::name;
use super::pool::Intake;
use super::refusal::{Code, Refusal};
use super::user::{Contact, UserRecord};
use crate::token::import::{Bad, Line, RECORDS_MAX, lines};

/// Most columns of a line.
const COLUMNS_MAX: usize = 8;

/// What the operator has said of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Its first line holds the names of the columns.
    pub header: bool,
    /// The login name stands without the domain that a line names.
    pub strip_domain: bool,
    /// The operator has seen that the addresses are these people's.
    pub trusted: bool,
}

/// One line.
pub struct Person {
    /// Its number, from 1.
    pub line: u64,
    /// Who comes.
    pub new: NewUser,
    /// Label for lists.
    pub role_label: String,
}

/// One line, or its number and why it is nobody.
pub type Row = Result<Person, (u64, Refusal)>;

/// Reads every line of a file.
///
/// # Errors
/// It has too many.
pub fn read(text: &str, layout: Layout) -> Result<Vec<Row>, Refusal> {
    let mut rows = Vec::new();
    // What Excel begins a file of UTF-8 with.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in lines(text).skip(usize::from(layout.header)) {
        if rows.len() == RECORDS_MAX {
            let what = format!("the file has more than {RECORDS_MAX} lines; nothing changed");
            return Err(Refusal::new(Code::Arg, what).doing("import it in several parts"));
        }
        rows.push(match line {
            Ok(line) => person(&line, layout).map_err(|refusal| (line.number, refusal)),
            Err(Bad { line, reason }) => Err((line, Refusal::new(Code::Arg, reason.to_string()))),
        });
    }
    Ok(rows)
}

fn person(line: &Line<'_>, layout: Layout) -> Result<Person, Refusal> {
    let no = |what: String| Err(Refusal::new(Code::Arg, what));
    let found = line.columns.len();
    if found > COLUMNS_MAX {
        return no(format!(
            "{found} columns, and there are to be at most {COLUMNS_MAX}"
        ));
    }
    if !line.column(1).is_empty() && !layout.strip_domain {
        return no("it names a domain: --strip-domain leaves it out of the login name".to_owned());
    }
    let typed = line.column(0);
    if typed.is_empty() {
        return no("user name empty".to_owned());
    }
    // A spreadsheet's, of a country whose decimals have a comma. A login name may hold a semicolon,
    // which an export puts in marks.
    if found == 1 && !line.text.starts_with('"') && typed.contains([';', '\t']) {
        return no("columns between semicolons or tabs: there are to be commas".to_owned());
    }
    let user = match name::canonical(typed.as_bytes()) {
        Ok(user) => user.into_owned(),
        Err(error) => return no(format!("a login name {error}")),
    };
    let stated = |index: usize| Some(line.column(index).to_owned()).filter(|text| !text.is_empty());
    Ok(Person {
        line: line.number,
        new: NewUser {
            user,
            email: stated(2),
            language: stated(3),
            set: stated(4),
            phone: stated(7),
            trusted: layout.trusted,
            ..NewUser::default()
        },
        role_label: line.column(5).to_owned(),
    })
}

impl Person {
    /// The change that gives the label, which no new person has; none if there is none to give.
    #[must_use]
    pub fn label(&self) -> Option<UserEdit> {
        (!self.role_label.is_empty()).then(|| UserEdit {
            role_label: Some(self.role_label.clone()),
            ..UserEdit::default()
        })
    }

    /// Compares with somebody of this name who is there already: all that the line says must be so.
    ///
    /// # Errors
    /// What is not.
    pub fn compare(&self, record: &UserRecord) -> Result<Intake, Refusal> {
        let profile = &record.profile;
        let main = |contacts: &[Contact]| contacts.first().map(|one| one.address.clone());
        let label = Some(self.role_label.clone()).filter(|label| !label.is_empty());
        let language = Some(profile.language.clone());
        for (field, said, known) in [
            ("e-mail address", &self.new.email, main(&profile.emails)),
            ("phone number", &self.new.phone, main(&profile.phones)),
            ("authentication set", &self.new.set, profile.set.clone()),
            ("language", &self.new.language, language),
            ("label", &label, Some(profile.role_label.clone())),
        ] {
            if said.is_some() && *said != known {
                let what = format!("there already, with another {field}: `user edit` changes it");
                return Err(Refusal::new(Code::Exists, what));
            }
        }
        Ok(Intake::Same)
    }
}

/// How often each name stands in a file.
#[must_use]
pub fn times<'a>(people: impl Iterator<Item = &'a Person>) -> HashMap<&'a str, usize> {
    let mut times = HashMap::new();
    for person in people {
        *times.entry(person.new.user.as_str()).or_default() += 1;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str, layout: Layout) -> Result<Person, String> {
        let row = read(line, layout).unwrap().pop().unwrap();
        row.map_err(|(_, refusal)| refusal.what)
    }

    #[test]
    fn every_column_has_its_meaning() {
        let line = "Alice,,a@example.org,de,vpn,staff,O2,+49 170 1";
        let person = one(line, Layout::default()).ok().unwrap();
        let new = NewUser {
            user: "alice".to_owned(),
            email: Some("a@example.org".to_owned()),
            language: Some("de".to_owned()),
            set: Some("vpn".to_owned()),
            phone: Some("+49 170 1".to_owned()),
            ..NewUser::default()
        };
        assert_eq!((person.new, person.role_label.as_str()), (new, "staff"));
        let person = one("bob", Layout::default()).ok().unwrap();
        assert_eq!((person.new.email, person.role_label.as_str()), (None, ""));
    }

    #[test]
    fn a_domain_is_left_out_only_if_that_is_said() {
        assert!(
            one("bob,EXAMPLE", Layout::default())
                .err()
                .unwrap()
                .contains("--strip-domain")
        );
        let layout = Layout {
            strip_domain: true,
            ..Layout::default()
        };
        assert_eq!(one("bob,EXAMPLE", layout).ok().unwrap().new.user, "bob");
    }

    #[test]
    fn what_excel_writes_is_read_or_told() {
        let person = one("\u{feff}bob,,b@example.org", Layout::default());
        assert_eq!(person.ok().unwrap().new.user, "bob");
        for line in ["bob;;b@example.org;de", "bob\t\tb@example.org"] {
            let told = one(line, Layout::default()).err().unwrap();
            assert!(told.contains("commas"), "{line}: {told}");
        }
    }

    #[test]
    fn a_name_may_hold_a_semicolon() {
        for line in ["\"a;b\"", "a;b,,a@example.org", "\"a;b\",,a@example.org"] {
            let person = one(line, Layout::default());
            assert_eq!(person.ok().unwrap().new.user, "a;b", "{line}");
        }
        let told = one("\"a\tb\"", Layout::default()).err().unwrap();
        assert!(told.contains("login name"), "{told}");
    }

    #[test]
    fn every_bad_line_is_told_and_hides_no_other() {
        let text = "Username,Domain\n,x\na,,,,,,,,\nb\u{7}\n\"c\nd\n";
        let rows = read(
            text,
            Layout {
                header: true,
                ..Layout::default()
            },
        )
        .unwrap();
        let lines: Vec<u64> = rows
            .iter()
            .map(|row| match row {
                Ok(person) => person.line * 100,
                Err((line, _)) => *line,
            })
            .collect();
        assert_eq!(lines, [2, 3, 4, 5, 600]);
    }

    #[test]
    fn what_a_line_says_must_be_so() {
        let mut record = UserRecord {
            id: crate::domain::user::UserId([7; 16]),
            profile: std::sync::Arc::default(),
            auth: crate::domain::user::AuthState::default(),
        };
        record.profile_mut().language = "de".to_owned();
        let compared = |line: &str| {
            let person = one(line, Layout::default()).ok().unwrap();
            person.compare(&record).map_err(|refusal| refusal.code)
        };
        assert_eq!(compared("alice"), Ok(Intake::Same));
        assert_eq!(compared("alice,,,de"), Ok(Intake::Same));
        assert_eq!(compared("alice,,,en"), Err(Code::Exists));
        assert_eq!(compared("alice,,,,,staff"), Err(Code::Exists));
    }
}
