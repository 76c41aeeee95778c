//! What a verifier needs of a body, found without parsing the rest.
//!
//! Every version of the body begins with `v`, `seq`, `wall`, `boot` and `node`, spelled as
//! [`super::chain`] spells them. A body that does not begin so is no record.

use super::wall;
use crate::time::Timestamp;

/// The beginning of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// Number that the record gives itself.
    pub(super) seq: u64,
    /// When it was judged.
    pub(super) wall: Timestamp,
    /// The node, escaped as it is in the body.
    pub(super) node: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads the beginning of a body.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let rest = body.strip_prefix(b"{\"v\":")?;
        let (_, rest) = number(rest)?;
        let (seq, rest) = number(rest.strip_prefix(b",\"seq\":")?)?;
        let (wall, rest) = text(rest.strip_prefix(b",\"wall\":\"")?)?;
        let (_, rest) = text(rest.strip_prefix(b",\"boot\":\"")?)?;
        let (node, rest) = text(rest.strip_prefix(b",\"node\":\"")?)?;
        if !matches!(rest.first(), Some(b',' | b'}')) {
            return None;
        }
        Some(Self {
            seq,
            wall: wall::parse(wall)?,
            node,
        })
    }
}

fn number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let end = rest.iter().position(|octet| !octet.is_ascii_digit())?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, rest))
}

/// Reads up to the quote that ends a text, and passes over it.
fn text(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = rest.iter().position(|octet| {
        let ends = *octet == b'"' && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    })?;
    let (text, rest) = rest.split_at_checked(end)?;
    Some((text, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::chain::Chain;
    use crate::audit::json::Line;
    use crate::domain::event::{Event, Origin};
    use crate::time::Now;

    proptest! {
        #[test]
        fn reads_what_the_chain_writes(
            seq in 0..u64::MAX,
            ms in any::<i64>(),
            node in any::<String>(),
            boot in any::<String>(),
        ) {
            let mut chain = Chain::resume(Arc::from(&*node), Arc::from(boot), seq, [0; 32]);
            let now = Now { wall: Timestamp(ms), steady: Timestamp(0), mono_us: 0 };
            let stored = chain.append(&Event::new("x"), &Origin::system(), now);
            let mut line = Line::with_capacity(0);
            line.text(&node);
            let quoted = line.into_octets();
            let head = Head::parse(&stored.body).unwrap();
            prop_assert_eq!(head.seq, seq + 1);
            prop_assert_eq!(head.node, &quoted[1..quoted.len() - 1]);
        }
    }

    #[test]
    fn refuses_other_beginnings() {
        let good = br#"{"v":1,"seq":7,"wall":"2026-01-01T00:00:00.000Z","boot":"\\","node":"n"}"#;
        assert_eq!(Head::parse(good).unwrap().seq, 7);
        for end in 0..good.len() {
            assert_eq!(Head::parse(&good[..end]), None, "{end}");
        }
        assert_eq!(Head::parse(br#"{"seq":7,"v":1}"#), None);
    }
}
