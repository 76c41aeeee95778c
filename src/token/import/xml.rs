//! XML, as little of it as PSKC needs: no document type, no entity but the five of XML itself, no
//! letters but UTF-8, and bounds on depth and breadth.
//!
//! A [`Document`] gives the children of its root one after the other, each with all that it holds,
//! so that a file of a hundred thousand keys is never in memory as a tree. Names are compared
//! without their prefix and whatever their case: one producer writes them in small letters.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zeroize::Zeroizing;

use super::{Bad, Reason};

/// Deepest nesting, the root being 1; a key's cipher value lies at 8.
const DEPTH_MAX: usize = 16;
/// Most elements or attributes in one, and longest text, in octets.
const MUCH_MAX: usize = 4096;

/// An element with all that it holds.
pub(super) struct Element {
    /// The line it begins at.
    pub(super) line: u64,
    name: String,
    attributes: Vec<(String, String)>,
    text: Zeroizing<String>,
    children: Vec<Self>,
}

impl Element {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The child of this name, of which there may be one.
    pub(super) fn child(&self, name: &str) -> Result<Option<&Self>, Reason> {
        let mut found = self.children.iter().filter(|child| child.is(name));
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => Err(Reason::Twice),
        }
    }

    /// The element at the end of a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Result<Option<&Self>, Reason> {
        let mut element = self;
        for name in path {
            match element.child(name)? {
                Some(child) => element = child,
                None => return Ok(None),
            }
        }
        Ok(Some(element))
    }

    pub(super) fn children(&self) -> &[Self] {
        &self.children
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What stands between its tags, without the space around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }
}

/// A document on its way through the reader.
pub(super) struct Document<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Up to where lines are counted, and how many.
    counted: (usize, u64),
    ended: bool,
}

impl<'a> Document<'a> {
    /// Reads up to the root, which comes without its children.
    pub(super) fn open(text: &'a str) -> Result<(Self, Element), Bad> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut document = Self {
            text,
            reader,
            counted: (0, 1),
            ended: false,
        };
        loop {
            let (line, event) = document.next()?;
            match event {
                Event::Start(tag) => {
                    let root = element(line, &tag).map_err(|reason| bad_at(line, reason))?;
                    return Ok((document, root));
                }
                Event::Text(text) if text.trim().is_empty() => {}
                _ => return Err(bad_at(line, Reason::Xml)),
            }
        }
    }

    /// The next child of the root; none at its end, behind which nothing may follow.
    pub(super) fn next_child(&mut self) -> Result<Option<Element>, Bad> {
        let mut open: Vec<Element> = Vec::new();
        loop {
            let (line, event) = self.next()?;
            let bad = |reason| bad_at(line, reason);
            match event {
                Event::Start(tag) if !self.ended => {
                    if open.len() + 1 == DEPTH_MAX {
                        return Err(bad(Reason::Depth(DEPTH_MAX)));
                    }
                    open.push(element(line, &tag).map_err(bad)?);
                }
                Event::End(_) => match (open.pop(), open.last_mut()) {
                    (Some(done), None) => return Ok(Some(done)),
                    (Some(done), Some(parent)) if parent.children.len() < MUCH_MAX => {
                        parent.children.push(done);
                    }
                    (Some(_), Some(_)) => return Err(bad(Reason::Much(MUCH_MAX))),
                    (None, _) => self.ended = true,
                },
                Event::Text(text) => say(&mut open, &text).map_err(bad)?,
                Event::CData(text) => say(&mut open, &text).map_err(bad)?,
                Event::GeneralRef(name) => {
                    let named = match &*name {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => name.resolve_char_ref().ok().flatten(),
                    };
                    let sign = named.ok_or_else(|| bad(Reason::Entity))?;
                    say(&mut open, sign.encode_utf8(&mut [0; 4])).map_err(bad)?;
                }
                Event::Eof if self.ended => return Ok(None),
                _ => return Err(bad(Reason::Xml)),
            }
        }
    }

    /// The next event that is of any meaning, and the line it begins at.
    fn next(&mut self) -> Result<(u64, Event<'a>), Bad> {
        loop {
            let line = self.line();
            let event = self.reader.read_event();
            match event.map_err(|_| bad_at(self.line(), Reason::Xml))? {
                Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(bad_at(line, Reason::Entity)),
                Event::Decl(words) => {
                    let utf8 = words.encoding().is_none_or(|name| {
                        name.is_ok_and(|name| name.eq_ignore_ascii_case("utf-8"))
                    });
                    if !utf8 {
                        return Err(bad_at(line, Reason::Encoding));
                    }
                }
                event => return Ok((line, event)),
            }
        }
    }

    /// The line that the reader has come to.
    fn line(&mut self) -> u64 {
        let (from, line) = self.counted;
        let to = usize::try_from(self.reader.buffer_position()).unwrap_or(from);
        let passed = self.text.as_bytes().get(from..to).unwrap_or_default();
        let ends = passed.iter().filter(|octet| **octet == b'\n').count();
        self.counted = (from + passed.len(), line + ends as u64);
        self.counted.1
    }
}

/// Takes text into the innermost open element; between the children of the root stands space alone.
fn say(open: &mut [Element], text: &str) -> Result<(), Reason> {
    let Some(element) = open.last_mut() else {
        return if text.trim().is_empty() {
            Ok(())
        } else {
            Err(Reason::Xml)
        };
    };
    let text = if element.text.is_empty() {
        text.trim_start()
    } else {
        text
    };
    let needed = element.text.len() + text.len();
    if needed > MUCH_MAX {
        // What only keeps two tags apart is not held against it.
        return if text.trim().is_empty() {
            Ok(())
        } else {
            Err(Reason::Much(MUCH_MAX))
        };
    }
    if needed > element.text.capacity() {
        // A text that moves while it grows leaves copies of itself behind.
        let mut larger = Zeroizing::new(String::with_capacity(2 * needed));
        larger.push_str(&element.text);
        element.text = larger;
    }
    element.text.push_str(text);
    Ok(())
}

fn element(line: u64, tag: &BytesStart<'_>) -> Result<Element, Reason> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| Reason::Xml)?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0);
        let value = value.map_err(|_| Reason::Entity)?;
        if attributes.len() == MUCH_MAX || value.len() > MUCH_MAX {
            return Err(Reason::Much(MUCH_MAX));
        }
        let name = attribute.key.local_name().into_inner().to_owned();
        attributes.push((name, value.into_owned()));
    }
    Ok(Element {
        line,
        name: tag.local_name().into_inner().to_owned(),
        attributes,
        text: Zeroizing::default(),
        children: Vec::new(),
    })
}

fn bad_at(line: u64, reason: Reason) -> Bad {
    Bad { line, reason }
}
