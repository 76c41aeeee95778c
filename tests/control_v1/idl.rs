//! Reads the IDL text, so that rows and replies can be held against it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A type as the IDL states it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Word(String),
    Maybe(Box<Self>),
    Many(Box<Self>),
    Struct(Vec<(String, Self)>),
    Enum(Vec<String>),
}

/// One interface.
#[derive(Default)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) types: BTreeMap<String, Type>,
    pub(crate) methods: BTreeMap<String, (Type, Type)>,
    pub(crate) errors: BTreeMap<String, Type>,
}

struct Tokens(std::iter::Peekable<std::vec::IntoIter<String>>);

/// Reads one file; panics where it is not an interface.
pub(crate) fn read(text: &str) -> Interface {
    let mut words = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap();
        let mut word = String::new();
        for sign in line.chars().chain([' ']) {
            if sign.is_alphanumeric() || matches!(sign, '_' | '.') {
                word.push(sign);
                continue;
            }
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if !sign.is_whitespace() {
                words.push(sign.to_string());
            }
        }
    }
    let mut tokens = Tokens(words.into_iter().peekable());
    let mut out = Interface::default();
    while let Some(word) = tokens.0.next() {
        let name = tokens.0.next().unwrap();
        match word.as_str() {
            "interface" => out.name = name,
            "type" => drop(out.types.insert(name, tokens.kind())),
            "error" => drop(out.errors.insert(name, tokens.kind())),
            "method" => {
                let taken = tokens.kind();
                tokens.expect("-");
                tokens.expect(">");
                let given = tokens.kind();
                out.methods.insert(name, (taken, given));
            }
            other => panic!("`{other}` begins no member"),
        }
    }
    out
}

impl Tokens {
    fn expect(&mut self, word: &str) {
        assert_eq!(self.0.next().as_deref(), Some(word));
    }

    fn kind(&mut self) -> Type {
        let word = self.0.next().unwrap();
        match word.as_str() {
            "?" => Type::Maybe(Box::new(self.kind())),
            "[" => {
                self.expect("]");
                Type::Many(Box::new(self.kind()))
            }
            "(" => self.members(),
            _ => Type::Word(word),
        }
    }

    fn members(&mut self) -> Type {
        let (mut fields, mut words) = (Vec::new(), Vec::new());
        while let Some(word) = self.0.next() {
            match (word.as_str(), self.0.peek().map(String::as_str)) {
                (")", _) => break,
                (",", _) => {}
                (_, Some(":")) => {
                    self.expect(":");
                    let kind = self.kind();
                    fields.push((word, kind));
                }
                _ => words.push(word),
            }
        }
        if words.is_empty() {
            Type::Struct(fields)
        } else {
            Type::Enum(words)
        }
    }
}

impl Type {
    /// How the IDL writes it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Maybe(inner) => format!("?{}", inner.text()),
            Self::Many(inner) => format!("[]{}", inner.text()),
            Self::Struct(_) | Self::Enum(_) => "()".to_owned(),
        }
    }

    /// The fields of a struct.
    pub(crate) fn fields(&self) -> &[(String, Self)] {
        match self {
            Self::Struct(fields) => fields,
            _ => panic!("not a struct"),
        }
    }
}

impl Interface {
    /// A value in which everything is present and every list has one entry.
    pub(crate) fn sample(&self, kind: &Type) -> Value {
        match kind {
            Type::Maybe(inner) => self.sample(inner),
            Type::Many(inner) => json!([self.sample(inner)]),
            Type::Enum(words) => json!(words[0]),
            Type::Struct(fields) => {
                let field = |(name, kind): &(String, Type)| (name.clone(), self.sample(kind));
                Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
            }
            Type::Word(word) => match word.as_str() {
                // A text that is an instant as well.
                "string" => json!("2026-11-21T13:08:22.000Z"),
                "int" => json!(7),
                "bool" => json!(true),
                "object" => json!({"name": "value"}),
                named => self.sample(&self.types[named]),
            },
        }
    }
}
