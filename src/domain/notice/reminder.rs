//! Messages to those who answer for passthroughs: some end soon, and which there are.

use sha2::{Digest as _, Sha256};

use super::{Letter, Notices, words};
use crate::domain::message::{Address, Line, Message, MessageId};
use crate::domain::passthrough::Grant;
use crate::domain::policy::Policy;
use crate::domain::recipient::Recipient;
use crate::domain::user::UserRecord;
use crate::time::Timestamp;

/// Grants that one message names; how many there are more, it says.
const LINES_MAX: usize = 100;

/// A grant, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose it is.
    pub user: Line,
    /// Its number.
    pub id: u32,
    /// Its end.
    pub until: Timestamp,
    /// The operator who gave it.
    pub by: Line,
}

impl Standing {
    /// A grant of `record`.
    #[must_use]
    pub fn of(record: &UserRecord, grant: &Grant) -> Self {
        Self {
            user: Line::new(record.name()),
            id: grant.id,
            until: grant.until,
            by: Line::new(&grant.by),
        }
    }
}

/// What is told of several grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reminder {
    /// They end soon.
    Ending,
    /// They are all there are: the summary of a day.
    Summary,
}

impl Reminder {
    /// The word for it in lists and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ending => "passthrough-ending",
            Self::Summary => "passthrough-summary",
        }
    }

    /// The mail that tells it.
    #[must_use]
    pub fn mail(
        self,
        to: &Address,
        grants: &[Standing],
        policy: &Policy,
        at: Timestamp,
    ) -> Message {
        let language = policy.language;
        let shown = grants.get(..LINES_MAX).unwrap_or(grants);
        let issuer = Line::new(&policy.issuer);
        let Letter { subject, text } =
            words::reminder(language, self, &issuer, shown, grants.len());
        Message {
            id: self.id(to, grants, at),
            to: Recipient::from(to.clone()),
            what: self.name().to_owned(),
            about: None,
            subject,
            text,
            enclosed: None,
            at,
            until: None,
            extra: serde_json::Map::new(),
        }
    }

    fn id(self, to: &Address, grants: &[Standing], at: Timestamp) -> MessageId {
        let mut digest = Sha256::new()
            .chain_update(self.name())
            .chain_update(at.0.to_be_bytes())
            .chain_update(to.as_str());
        for grant in grants {
            digest.update(grant.id.to_be_bytes());
        }
        MessageId::from_digest(&digest.finalize())
    }
}

/// Where an operator is told of a grant: as a person of that name, if there is one who has proven to
/// read an address; else the administrators.
#[must_use]
pub fn operators(operator: Option<&UserRecord>, notices: &Notices) -> Vec<Address> {
    let contacts = operator.into_iter().flat_map(|it| &it.profile.emails);
    let proven = contacts.filter(|contact| contact.verified);
    let own: Vec<Address> = proven
        .filter_map(|contact| Address::parse(&contact.address))
        .collect();
    match (notices.mail, own.is_empty()) {
        (false, _) => Vec::new(),
        (true, true) => notices.admins.clone(),
        (true, false) => own,
    }
}
