//! A text with places to be filled in: `{to}`, `{digits}`, `{text}`, `{id}`, `{secret}`.
//!
//! A brace that does not begin a word in braces stands for itself, so JSON can be written as it is.
//! What is filled in is escaped for the place where the template stands; that is up to whoever fills
//! it in, see `outbound/sms.rs`.

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The number, `+` and digits.
    To,
    /// The digits of the number alone.
    Digits,
    /// The text of the message.
    Text,
    /// The name of the message, the same at each try.
    Id,
    /// The secret.
    Secret,
}

impl Slot {
    const ALL: [(&'static str, Self); 5] = [
        ("to", Self::To),
        ("digits", Self::Digits),
        ("text", Self::Text),
        ("id", Self::Id),
        ("secret", Self::Secret),
    ];
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Plain(String),
    /// To be filled in.
    Slot(Slot),
}

/// A text with places to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The word in braces that is none of ours.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            plain.push_str(before);
            let word = behind.split_once('}').filter(|(word, _)| is_word(word));
            let Some((word, behind)) = word else {
                plain.push('{');
                rest = behind;
                continue;
            };
            let known = Slot::ALL.iter().find(|(name, _)| *name == word);
            let (_, slot) = known.ok_or_else(|| format!("{{{word}}}"))?;
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Slot(*slot));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Self(pieces))
    }

    /// Its parts, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Piece::Slot(slot))
    }

    /// What stands in it as it is.
    pub(super) fn plain(&self) -> impl Iterator<Item = char> {
        self.0.iter().flat_map(|piece| match piece {
            Piece::Plain(text) => text.chars(),
            Piece::Slot(_) => "".chars(),
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_braces_are_filled_in() {
        let template = Template::parse(r#"{"to":"{to}","t":{"a":"{text}!"}}"#).unwrap();
        let plain = |text: &str| Piece::Plain(text.to_owned());
        assert_eq!(
            template.pieces(),
            [
                plain(r#"{"to":""#),
                Piece::Slot(Slot::To),
                plain(r#"","t":{"a":""#),
                Piece::Slot(Slot::Text),
                plain(r#"!"}}"#),
            ]
        );
        assert_eq!(
            Template::parse("a{b{}c").unwrap().pieces(),
            [plain("a{b{}c")]
        );
        assert_eq!(Template::parse("{to}{nuber}"), Err("{nuber}".to_owned()));
    }
}
