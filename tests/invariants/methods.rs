//! Which tokens count, as the model sees it: the set, its groups, and what was passed of them.

use mfad::domain::token_record::TokenKind;
use mfad::domain::user::UserState;
use mfad::time::Now;
use mfad::token::TokenId;

use super::model::*;

const FIRST: [TokenKind; 2] = [TokenKind::Totp, TokenKind::Hotp];
/// Devices of one type may pass either group, but one device not both.
const SECOND: [TokenKind; 4] = [
    TokenKind::Email,
    TokenKind::Sms,
    TokenKind::Virtual,
    TokenKind::Hotp,
];

impl Person {
    /// What the set asks for, one after another.
    pub(crate) fn groups(&self) -> Vec<Vec<TokenKind>> {
        if self.two {
            vec![FIRST.to_vec(), SECOND.to_vec()]
        } else {
            vec![[&FIRST[..], &SECOND].concat()]
        }
    }

    fn of_group(
        &self,
        group: &[TokenKind],
        ways: &[Way],
        sends: bool,
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        let used = |id| ways.iter().any(|way| way.token() == Some(id));
        let open = self.state != UserState::Deactivated;
        let counts = |token: &&Token| {
            open && group.contains(&token.kind)
                && (token.computes() || sends)
                && token.awake(Base::Registered, rules, now)
                && !used(token.id)
        };
        self.tokens.iter().filter(counts).map(|t| t.id).collect()
    }

    /// The tokens of all groups that could be asked for here.
    pub(crate) fn of_set(&self, door: &Door, rules: &Rules, now: Now) -> Vec<TokenId> {
        self.of_group(&self.groups().concat(), &[], door.asks, rules, now)
    }

    fn spare(&self, ways: &[Way], rules: &Rules, now: Now) -> Vec<TokenId> {
        self.of_group(&[TokenKind::Recovery], ways, true, rules, now)
    }

    /// The group that is to be passed next; none if the rest cannot be passed.
    fn open_group(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Option<Vec<TokenKind>> {
        let groups = self.groups();
        let (open, later) = groups.get(ways.len()..)?.split_first()?;
        let passable = |group: &Vec<TokenKind>| {
            let tokens = self.of_group(group, ways, true, rules, now);
            !tokens.is_empty() || !self.spare(ways, rules, now).is_empty()
        };
        let all = groups.len() < 2 || door.asks && later.iter().all(passable);
        all.then(|| open.clone())
    }

    /// The tokens that may pass the open group, codes on paper not among them.
    pub(crate) fn candidates(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        let group = self.open_group(door, ways, rules, now).unwrap_or_default();
        let sends = door.sends() || door.asks && !ways.is_empty();
        self.of_group(&group, ways, sends, rules, now)
    }

    /// The codes on paper that may stand in.
    pub(crate) fn papers(
        &self,
        door: &Door,
        ways: &[Way],
        rules: &Rules,
        now: Now,
    ) -> Vec<TokenId> {
        match self.open_group(door, ways, rules, now) {
            Some(_) => self.spare(ways, rules, now),
            None => Vec::new(),
        }
    }

    /// Tokens that wait for their first code.
    pub(crate) fn waiting(&self, rules: &Rules, now: Now) -> Vec<TokenId> {
        let waits = |token: &&Token| token.computes() && token.awake(Base::Pending, rules, now);
        self.tokens.iter().filter(waits).map(|t| t.id).collect()
    }

    /// Whether there is a token to sign in with, `but` not counted.
    pub(crate) fn has_token(&self, but: Option<TokenId>, rules: &Rules, now: Now) -> bool {
        let kinds = self.groups().concat();
        let tokens = self.of_group(&kinds, &[], true, rules, now);
        tokens.iter().any(|id| Some(*id) != but)
    }
}
