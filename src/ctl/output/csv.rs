//! CSV after RFC 4180 that a spreadsheet does not take for formulas.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes rows with a head line; a column is a name of the wire, nested ones joined by dots.
pub(in crate::ctl) fn document(columns: &[&str], rows: &[Value], head: bool) -> String {
    let mut out = String::new();
    if head {
        line(&mut out, columns.iter().map(|name| (*name).to_owned()));
    }
    for row in rows {
        line(&mut out, columns.iter().map(|name| field(row, name)));
    }
    out
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{}", quoted(&field));
    }
    out.push_str("\r\n");
}

/// What a row has under a name of the wire.
pub(in crate::ctl) fn at<'a>(row: &'a Value, name: &str) -> &'a Value {
    let found = name.split('.').try_fold(row, |value, part| value.get(part));
    found.unwrap_or(&Value::Null)
}

fn field(row: &Value, name: &str) -> String {
    match at(row, name) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let texts = values.iter().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Quotes what needs it, and what a spreadsheet or [`crate::domain::people_file`] may take for several
/// columns; what a spreadsheet would calculate gets an apostrophe in front.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let number = field.parse::<f64>().is_ok();
    let field = if formula && !number {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    // RFC 4180 s2: fields with line breaks, double quotes and commas are enclosed in double quotes.
    if field.contains(['"', ',', ';', '\r', '\n']) || field.starts_with('\'') {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_begins_as_a_formula_does() {
        for sign in ["=", "+", "-", "@", "\t", "\r"] {
            let rows = [json!({"name": format!("{sign}SUM(A1)")})];
            let text = document(&["name"], &rows, false);
            assert_eq!(text, format!("\"'{sign}SUM(A1)\"\r\n"));
        }
        // Numbers stay numbers: no phone number becomes a text with a sign in front.
        let rows = [json!({"name": "+491701234567"})];
        assert_eq!(document(&["name"], &rows, false), "+491701234567\r\n");
    }

    // test of RFC 4180 s2
    #[test]
    fn quotes_and_defuses() {
        let rows = [json!({
            "user": "=cmd|'/c calc'!A0",
            "name": "a \"b\", c",
            "lock": {"count": -5},
            "kinds": ["totp", "hotp"],
            "gone": null,
        })];
        let text = document(
            &["user", "name", "lock.count", "kinds", "gone"],
            &rows,
            true,
        );
        assert_eq!(
            text,
            "user,name,lock.count,kinds,gone\r\n\
             \"'=cmd|'/c calc'!A0\",\"a \"\"b\"\", c\",-5,totp hotp,\r\n"
        );
    }
}
