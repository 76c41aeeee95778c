//! One-time links in the user record, and the tickets of the steps that follow (domain rules 10).
//!
//! A link is a right to do one thing, once: open the enrolment, or confirm an address. Who opens an
//! enrolment gets a ticket for the proof, and with the proof one for recovery codes; a ticket is a
//! link that was never in a mail. The record keeps a hash ([`crate::token::link`]); what is used,
//! void or too old is gone from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::Via;
use super::message::Address;
use super::policy::Policy;
use super::user::Profile;
use crate::secret::equal;
use crate::time::{Now, Timestamp};
use crate::token::TokenId;
use crate::token::link::LinkSecret;

/// Links of one person; the oldest makes room.
pub const LINKS_MAX: usize = 8;

/// Wrong uses that void a link.
pub const TRIES: u32 = 5;

/// How long a ticket is good: as long as a person may take for the next step.
// Domain rules 10, E5.
pub const TICKET_TTL: Duration = Duration::from_secs(600);

/// How long a link is good where a token waits for its proof without end.
pub(super) const TTL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "lowercase")]
pub enum Purpose {
    /// Opens the enrolment page.
    Enrol,
    /// Shows that mail to this address is read.
    Confirm {
        /// The address.
        address: String,
    },
    /// Takes the first code of a token that a page has shown.
    Prove {
        /// The token.
        token: TokenId,
    },
    /// Shows recovery codes.
    Recovery,
}

/// A link that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Number, the person's own; names it in the audit log.
    pub id: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// [`LinkSecret::fingerprint`].
    #[serde(with = "super::sealed::hex_32")]
    pub hash: [u8; 32],
    /// When it was made.
    pub created: Timestamp,
    /// Login name of the operator, or of the person for a ticket.
    pub created_by: String,
    /// First instant at which it is no longer good.
    pub expires: Timestamp,
    /// Address or number it was sent to, as its owner has it; none for a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
    /// Wrong uses that are left before it is void.
    pub tries: u32,
    /// It stood in a question to somebody who has shown already what an auth code would.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_prompt: bool,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Link {
    /// Whether its time is over.
    #[must_use]
    pub fn over(&self, now: Now) -> bool {
        now.latest() >= self.expires
    }

    /// By what it was sent; none: it is a ticket.
    #[must_use]
    pub fn via(&self) -> Option<Via> {
        let to = self.sent_to.as_deref()?;
        Some(match Address::parse(to) {
            Some(_) => Via::Email,
            None => Via::Sms,
        })
    }
}

impl Profile {
    /// The live link that a secret belongs to.
    #[must_use]
    pub fn link(&self, secret: &LinkSecret, now: Now) -> Option<&Link> {
        let hash = secret.fingerprint();
        let live = |link: &&Link| !link.over(now);
        let found = self.links.iter().rfind(|link| equal(&link.hash, &hash));
        found.filter(live)
    }

    /// Keeps a new link, and gives its number; those that are over go.
    pub fn add_link(&mut self, mut link: Link, now: Now) -> u32 {
        let last = self.links.iter().map(|link| link.id).max();
        link.id = last.map_or(1, |last| last.wrapping_add(1));
        self.links.retain(|link| !link.over(now));
        while self.links.len() >= LINKS_MAX {
            self.links.remove(0);
        }
        let id = link.id;
        self.links.push(link);
        id
    }

    /// Voids the links that `which` names; how many that were.
    pub fn void_links(&mut self, which: impl Fn(&Link) -> bool) -> usize {
        let before = self.links.len();
        self.links.retain(|link| !which(link));
        before - self.links.len()
    }
}

/// How long a link that is sent is good: as long as a token would wait for its proof.
#[must_use]
pub fn ttl(policy: &Policy) -> Duration {
    match policy.pending_ttl {
        Duration::ZERO => TTL_MAX,
        ttl => ttl.min(TTL_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(octet: u8, expires: i64) -> Link {
        Link {
            id: 0,
            purpose: Purpose::Enrol,
            hash: LinkSecret::new([1; 16], &[octet; 32]).fingerprint(),
            created: Timestamp(0),
            created_by: "bob".to_owned(),
            expires: Timestamp(expires),
            sent_to: None,
            tries: TRIES,
            at_prompt: false,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_oldest_link_makes_room() {
        let now = Now::at(Timestamp(10));
        let mut profile = Profile::default();
        profile.add_link(link(0, 10), now);
        for octet in 1..=10 {
            let id = profile.add_link(link(octet, 11), now);
            assert_eq!(id, u32::from(octet) + 1);
        }
        assert_eq!(profile.links.len(), LINKS_MAX);
        let found = |octet: u8, at| {
            let secret = LinkSecret::new([1; 16], &[octet; 32]);
            profile.link(&secret, Now::at(Timestamp(at))).is_some()
        };
        assert!(!found(0, 9) && !found(2, 10) && found(3, 10) && found(10, 10));
        assert!(!found(10, 11), "it is over");
    }

    #[test]
    fn is_stored_with_what_it_is_for() {
        let mut made = link(1, 5);
        made.purpose = Purpose::Confirm {
            address: "a@example.org".to_owned(),
        };
        let stored = serde_json::to_value(&made).unwrap();
        assert_eq!(
            stored["purpose"],
            serde_json::json!({"for": "confirm", "address": "a@example.org"})
        );
        assert_eq!(serde_json::from_value::<Link>(stored).unwrap(), made);
    }
}
