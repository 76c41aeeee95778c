//! Exports of privacyIDEA's token janitor, in each form that names owners: `pi` (encrypted), YAML and
//! CSV; which one it is, is seen at the first sign.
//!
//! ```text
//! pi      Fernet over JSON   [{"serial": .., "type": "totp", "otpkey": .., "user": {"login": ..}}]
//! yaml    - active: true                one entry a token, owner: login@realm
//! csv     login@realm, serial, seed, type, digits [, time step]
//! ```
//! CSV has neither counter nor hash, so what would have to be guessed is a bad record there.

use serde::de::{Deserialize, Deserializer, Visitor};
use zeroize::Zeroizing;

use super::super::table::{self, Line};
use super::super::{Bad, RECORDS_MAX, Reason, counter, digits, period, seed};
use super::yaml::{self, Entry, Found};
use super::{Owned, Row, description, fernet};
use crate::secret::SecretBytes;
use crate::token::{Algorithm, Factor, Otp};

/// Longest seed of a token whose hash is not stated: privacyIDEA makes longer ones for other hashes.
const SHA1_OCTETS: usize = 20;

pub(super) fn read(text: &str, key: Option<&SecretBytes>) -> Result<Vec<Row>, Bad> {
    let begin = text.trim_start();
    if begin.starts_with(fernet::BEGIN) {
        return encrypted(text.trim(), key).map_err(|reason| Bad { line: 1, reason });
    }
    let listed = begin
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    if listed.is_some_and(|line| line.starts_with("- ") || line == "---") {
        let entries = yaml::entries(text)?;
        let token = |(line, entry): Found| {
            let read = entry.and_then(|entry| of_yaml(&entry)?.token(line));
            read.map_err(|reason| Bad { line, reason })
        };
        return Ok(entries.into_iter().map(token).collect());
    }
    let mut rows = Vec::new();
    for line in table::lines(text) {
        let row = line.and_then(|line| {
            let read = of_csv(&line).and_then(|record| record.token(line.number));
            read.map_err(|reason| Bad {
                line: line.number,
                reason,
            })
        });
        rows.push(row);
        if rows.len() > RECORDS_MAX {
            let reason = Reason::ManyRecords;
            return Err(Bad { line: 1, reason });
        }
    }
    Ok(rows)
}

/// One token, whatever form it came in; texts as they are there.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Record {
    serial: Text,
    r#type: Text,
    otpkey: Text,
    otplen: Text,
    counter: Text,
    active: Text,
    revoked: Text,
    locked: Text,
    rollout_state: Text,
    description: Text,
    info_list: Info,
    user: Option<Owner>,
    /// `login@realm`, where the form has it so.
    #[serde(skip)]
    owner: Text,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Info {
    hashlib: Text,
    #[serde(rename = "timeStep")]
    time_step: Text,
    tokenkind: Text,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Owner {
    login: Text,
    realm: Text,
}

impl Record {
    fn token(&self, line: u64) -> Result<Owned, Reason> {
        let user = match &self.user {
            Some(owner) if !owner.realm.is_empty() => {
                format!("{}@{}", &*owner.login, &*owner.realm)
            }
            Some(owner) => owner.login.to_string(),
            None => self.owner.to_string(),
        };
        if user.is_empty() || user.starts_with('@') || user == "n/a" {
            return Err(Reason::NoOwner);
        }
        let time = match self.r#type.to_ascii_lowercase().as_str() {
            "totp" => true,
            "hotp" => false,
            _ => return Err(Reason::Kind),
        };
        let true_of = |text: &Text| text.eq_ignore_ascii_case("true");
        if true_of(&self.revoked) || true_of(&self.locked) {
            return Err(Reason::Revoked);
        }
        // Both of the states of a finished enrolment that there are.
        if !matches!(&*self.rollout_state, "" | "enrolled") {
            return Err(Reason::NotEnrolled);
        }
        let mut otp = if time { Otp::TOTP } else { Otp::HOTP };
        if !self.otplen.is_empty() {
            otp.digits = digits(&self.otplen)?;
        }
        if !self.info_list.hashlib.is_empty() {
            otp.algorithm = Algorithm::by_name(&self.info_list.hashlib).ok_or(Reason::Algorithm)?;
        }
        if time && !self.info_list.time_step.is_empty() {
            let period_s = period(&self.info_list.time_step)?;
            otp.factor = Factor::Time { period_s };
        }
        let next_factor = match (&*self.counter, time) {
            ("", true) => 0,
            ("", false) => return Err(Reason::NoCounter),
            (next, false) => counter(next)?,
            // Of a time-based token it is the last step that was used.
            (last, true) => match counter(last)? {
                0 => 0,
                last => last.saturating_add(1),
            },
        };
        let hardware = self.info_list.tokenkind.eq_ignore_ascii_case("hardware");
        let serial = Some(self.serial.to_string()).filter(|serial| hardware && !serial.is_empty());
        let words = match self.description.trim() {
            "" if serial.is_none() => &*self.serial,
            words => words,
        };
        Ok(Owned {
            description: description(words),
            serial,
            disabled: self.active.eq_ignore_ascii_case("false"),
            ..Owned::bare(line, &user, otp, seed(&self.otpkey)?, next_factor)
        })
    }
}

fn encrypted(text: &str, key: Option<&SecretBytes>) -> Result<Vec<Row>, Reason> {
    let clear = fernet::open(text, key.ok_or(Reason::NoKey)?)?;
    let records: Vec<Record> =
        serde_json::from_slice(clear.expose()).map_err(|_| Reason::NotPrivacyIdea)?;
    if records.len() > RECORDS_MAX {
        return Err(Reason::ManyRecords);
    }
    // Nobody sees the lines of what is encrypted: the first token is 1, and so on.
    let rows = records.iter().zip(1..).map(|(record, line)| {
        let token = record.token(line);
        token.map_err(|reason| Bad { line, reason })
    });
    Ok(rows.collect())
}

fn of_yaml(entry: &Entry) -> Result<Record, Reason> {
    let text = |section: &str, name: &str| entry.text(section, name).map(Text);
    Ok(Record {
        serial: text("", "serial")?,
        r#type: text("", "type")?,
        otpkey: text("", "otpkey")?,
        otplen: text("", "otplen")?,
        counter: text("", "counter")?,
        active: text("", "active")?,
        revoked: text("", "revoked")?,
        locked: text("", "locked")?,
        rollout_state: text("", "rollout_state")?,
        description: text("", "description")?,
        info_list: Info {
            hashlib: text("info_list", "hashlib")?,
            time_step: text("info_list", "timeStep")?,
            tokenkind: text("info_list", "tokenkind")?,
        },
        user: None,
        owner: text("", "owner")?,
    })
}

fn of_csv(line: &Line<'_>) -> Result<Record, Reason> {
    let found = line.columns.len();
    if !(5..=6).contains(&found) {
        let wanted = "5 or 6";
        return Err(Reason::Columns { found, wanted });
    }
    let text = |index| Text(Zeroizing::new(line.column(index).to_owned()));
    let record = Record {
        owner: text(0),
        serial: text(1),
        otpkey: text(2),
        r#type: text(3),
        otplen: text(4),
        info_list: Info {
            time_step: text(5),
            ..Info::default()
        },
        ..Record::default()
    };
    if record.otpkey.len() > 2 * SHA1_OCTETS {
        return Err(Reason::HashUnknown);
    }
    if record.r#type.eq_ignore_ascii_case("totp") && record.info_list.time_step.is_empty() {
        return Err(Reason::Period);
    }
    Ok(record)
}

/// A value, whatever it is written as: one version has a number where another has a text.
#[derive(Default)]
struct Text(Zeroizing<String>);

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl Visitor<'_> for AsText {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, a number or a yes or no")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Zeroizing::new(text.to_owned())))
            }

            fn visit_bool<E: serde::de::Error>(self, yes: bool) -> Result<Text, E> {
                self.visit_str(if yes { "true" } else { "false" })
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Text, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Text, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Text, E> {
                Err(E::custom("no number of ours has a fraction"))
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(AsText)
    }
}
