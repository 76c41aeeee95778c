//! Update Credential: what somebody is to change in a sign-in, once all else is right (4.2, R20).

use serde::{Deserialize, Deserializer, Serialize};

use super::pin::Memorized;
use super::user::{Profile, UserState};

/// One thing to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    /// The PIN.
    Pin,
    /// The local password.
    Password,
    /// A further token.
    Token,
}

impl Update {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Self; 3] = [Self::Pin, Self::Password, Self::Token];

    /// The word for it in commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Password => "password",
            Self::Token => "token",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|update| update.name() == name)
    }

    /// What is changed if nothing is named: the PIN, else the password, else the token.
    #[must_use]
    pub const fn usual(profile: &Profile) -> Self {
        match (&profile.pin, &profile.password) {
            (Some(_), _) => Self::Pin,
            (None, Some(_)) => Self::Password,
            (None, None) => Self::Token,
        }
    }
}

impl From<Memorized> for Update {
    fn from(secret: Memorized) -> Self {
        match secret {
            Memorized::Pin => Self::Pin,
            Memorized::Password => Self::Password,
        }
    }
}

impl Profile {
    /// Whether the person is in Update Credential for this.
    #[must_use]
    pub fn awaits(&self, update: Update) -> bool {
        self.state == UserState::Update && self.updates.contains(&update)
    }

    /// Whether the person is in Update Credential, and nothing is left to be changed.
    #[must_use]
    pub fn is_updated(&self) -> bool {
        self.state == UserState::Update && self.updates.is_empty()
    }

    /// This was changed.
    pub fn updated(&mut self, update: Update) {
        self.updates.retain(|awaited| *awaited != update);
    }
}

/// A list, or the one thing that an earlier version named.
pub(super) fn one_or_all<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Update>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrAll {
        One(Update),
        All(Vec<Update>),
    }
    Ok(match OneOrAll::deserialize(input)? {
        OneOrAll::One(update) => vec![update],
        OneOrAll::All(all) => all,
    })
}

#[cfg(test)]
mod tests {
    use super::Update;
    use crate::domain::user::Profile;

    #[test]
    fn an_earlier_version_named_one_thing() {
        let mut stored = serde_json::to_value(Profile::default()).unwrap();
        stored["update"] = "password".into();
        let profile: Profile = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(profile.updates, [Update::Password]);
        stored.as_object_mut().unwrap().remove("update");
        stored["updates"] = serde_json::json!(["pin", "token"]);
        let profile: Profile = serde_json::from_value(stored).unwrap();
        assert_eq!(profile.updates, [Update::Pin, Update::Token]);
        let stored = serde_json::to_value(&profile).unwrap();
        assert_eq!(stored["updates"], serde_json::json!(["pin", "token"]));
    }
}
