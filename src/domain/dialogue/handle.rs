//! The handle of a dialogue: what the gateway holds, what the record holds of it, and the link that
//! leads from the question to a page.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::domain::sealed::{hex, unhex};
use crate::domain::user::UserId;
use crate::secret::{Secret, SecretKey, equal};
use crate::time::Timestamp;
use crate::token::DialogueId;
use crate::token::link::LinkSecret;

/// Sets the secret of a link apart from the digest of its handle.
const LINK_LABEL: &[u8] = b"mfad dialogue link v1\0";

/// Octets of a State: the handle in hexadecimal digits, because there are gateways that take a State
/// for text.
pub const STATE_OCTETS: usize = 32;

/// 128 bits that nobody can guess; in a question they are its State.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Handle([u8; 16]);

/// SHA-256 of a handle: names a dialogue, and does not answer it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandleDigest(pub [u8; 32]);

impl Handle {
    /// The handle of the question that answers the datagram with this digest, decided `at`.
    ///
    /// Random to everybody without the key, and made anew by whoever has it: a question that was
    /// committed and did not leave can be asked again after a crash.
    #[must_use]
    pub fn fresh(key: &SecretKey, datagram: &[u8; 32], at: Timestamp) -> Self {
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()) else {
            return Self([0; 16]);
        };
        mac.update(datagram);
        mac.update(&at.0.to_be_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let (half, _) = full.split_at(16);
        Self(half.try_into().unwrap_or_default())
    }

    /// Reads a State; none if it is none of ours.
    #[must_use]
    pub fn parse(state: &[u8]) -> Option<Self> {
        let ours = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        let text = std::str::from_utf8(state).ok()?;
        if state.len() != STATE_OCTETS || !state.iter().all(ours) {
            return None;
        }
        unhex(text)?.try_into().ok().map(Self)
    }

    /// The State.
    #[must_use]
    pub fn state(&self) -> String {
        hex(&self.0)
    }

    /// The secret of the link that stands in this question to `user`. It says as little of the handle
    /// as the digest does, and whoever has the handle has read the question.
    #[must_use]
    pub fn link(&self, user: UserId) -> LinkSecret {
        let random = Sha256::new()
            .chain_update(LINK_LABEL)
            .chain_update(self.0)
            .finalize();
        LinkSecret::new(user.0, &random.into())
    }

    /// What the record keeps of it.
    #[must_use]
    pub fn digest(&self) -> HandleDigest {
        HandleDigest(Sha256::digest(self.0).into())
    }
}

impl HandleDigest {
    /// Whether it is the digest of `handle`.
    pub(super) fn is_of(&self, handle: &Handle) -> bool {
        equal(&self.0, &handle.digest().0)
    }

    /// The id people see.
    pub(super) fn id(&self) -> DialogueId {
        let [a, b, c, d, e, ..] = self.0;
        DialogueId::from_random([a, b, c, d, e])
    }
}

/// Where the page is that a question leads to: a one-time link, or the place of one.
#[derive(Clone, Default)]
pub struct PageLink(Option<Arc<Secret<String>>>);

impl PageLink {
    /// What stands for it in the audit log.
    pub const PLACE: &str = "{link}";

    /// The link below `pages` with this secret.
    #[must_use]
    pub fn new(pages: &str, secret: &LinkSecret) -> Self {
        let text = secret.text();
        let text = text.expose();
        let mut link = String::with_capacity(pages.len() + 3 + text.len());
        for part in [pages, "/e/", text] {
            link.push_str(part);
        }
        Self(Some(Arc::new(Secret::new(link))))
    }
}

impl fmt::Display for PageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref().map(|link| link.expose().as_str());
        f.write_str(text.unwrap_or(Self::PLACE))
    }
}

impl fmt::Debug for PageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageLink(..)")
    }
}

impl PartialEq for PageLink {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => equal(one.expose().as_bytes(), other.expose().as_bytes()),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for PageLink {}

/// Whoever reads it can answer the question, so it is not shown.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

impl fmt::Debug for HandleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleDigest({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(key: u8, datagram: u8, at: i64) -> Handle {
        Handle::fresh(&SecretKey::new([key; 32]), &[datagram; 32], Timestamp(at))
    }

    #[test]
    fn a_handle_hangs_on_key_datagram_and_time() {
        let one = fresh(1, 1, 1);
        assert_eq!(one, fresh(1, 1, 1));
        for other in [fresh(2, 1, 1), fresh(1, 2, 1), fresh(1, 1, 2)] {
            assert_ne!(one, other);
            assert!(!one.digest().is_of(&other));
        }
    }

    #[test]
    fn the_link_of_a_question_hangs_on_its_handle_and_person_and_is_not_shown() {
        let (handle, user) = (fresh(1, 1, 1), UserId([7; 16]));
        let text =
            |handle: Handle, user| PageLink::new("https://x", &handle.link(user)).to_string();
        let link = text(handle, user);
        assert_eq!(link, text(handle, user));
        assert_ne!(link, text(fresh(1, 1, 2), user));
        assert_ne!(link, text(handle, UserId([8; 16])));
        let secret = link.strip_prefix("https://x/e/").unwrap();
        let read = LinkSecret::parse(secret.as_bytes()).unwrap();
        assert_eq!(read.user(), user.0);
        assert_ne!(read.fingerprint(), handle.digest().0);
        let shown = format!("{:?}", PageLink::new("https://x", &handle.link(user)));
        assert_eq!(shown, "PageLink(..)");
    }

    #[test]
    fn a_handle_is_known_as_it_was_given_out_and_no_other_way() {
        let handle = fresh(1, 1, 1);
        let state = handle.state();
        assert_eq!(state.len(), STATE_OCTETS);
        assert_eq!(Handle::parse(state.as_bytes()), Some(handle));
        let upper = state.to_uppercase();
        let others = [
            "",
            &state[1..],
            &upper,
            &format!("{state}0"),
            &format!(" {}", &state[1..]),
        ];
        for other in others {
            assert_ne!(Handle::parse(other.as_bytes()), Some(handle), "{other}");
        }
        for bit in 0..8 * STATE_OCTETS {
            let mut altered = state.clone().into_bytes();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Handle::parse(&altered), Some(handle), "bit {bit}");
        }
        assert_eq!(format!("{handle:?}"), "Handle(..)");
    }
}
