//! What the model expects of a token that expires, and of its successor (domain rules 4.2, R24).

use mfad::domain::user::UserState;
use mfad::time::Now;
use mfad::token::TokenId;

use super::judging::Trial;
use super::model::*;

impl Token {
    /// Whether it expires before whoever renews tokens in time would have renewed it.
    fn is_expiring(&self, rules: &Rules, now: Now) -> bool {
        self.expires
            .is_some_and(|end| end <= late(now) + rules.renew_ms)
    }
}

impl Person {
    /// Whoever is in Steady State is to renew a token that is about to expire.
    pub(crate) fn begin_renewal(&mut self, rules: &Rules, now: Now) {
        let soon = |token: &Token| {
            token.computes()
                && token.is_expiring(rules, now)
                && token.awake(Base::Registered, rules, now)
        };
        let asked = rules.renew_ms > 0 && self.state == UserState::Steady;
        if asked && self.tokens.iter().any(soon) {
            self.enter(UserState::Renew, now);
        }
    }

    /// Whether the old token has expired before the new one came, and no other is left.
    pub(crate) fn renews_too_late(&self, rules: &Rules, now: Now) -> bool {
        let mut primary = self.tokens.iter().filter(|token| token.primary());
        let expired = |token: &Token| token.in_force(rules, now) && token.is_expired(now);
        let usable = |token: &Token| token.awake(Base::Registered, rules, now);
        self.state == UserState::Renew && primary.clone().any(expired) && !primary.any(usable)
    }

    /// Whether it was proven since a token was to be renewed.
    fn succeeds(&self, token: &Token) -> bool {
        let since = token.proven.is_some_and(|proven| proven >= self.since);
        self.state == UserState::Renew && token.computes() && since
    }
}

impl Trial<'_> {
    /// Whether the sign-in was by a token that is to be renewed, and not by its successor.
    pub(crate) fn goes_on_to_renew(&self) -> bool {
        let shown = self.ways.iter().filter_map(|way| way.token());
        let shown = shown.filter_map(|id| self.person.token(id));
        let mut shown = shown.filter(|token| token.primary()).peekable();
        shown.peek().is_some() && !shown.any(|token| self.person.succeeds(token))
    }

    /// This token was used: if it is the successor, the old one is void.
    pub(crate) fn renewed_by(&mut self, id: TokenId) {
        let (rules, now) = (self.rules, self.now);
        let person = &mut *self.person;
        if !person.token(id).is_some_and(|it| person.succeeds(it)) {
            return;
        }
        let live = |it: &&Token| it.computes() && it.base != Base::Obsolete;
        let tokens = person.tokens.iter().filter(live);
        let old: Vec<&Token> = tokens.filter(|it| !person.succeeds(it)).collect();
        let expiring: Vec<TokenId> = (old.iter())
            .filter(|it| it.is_expiring(rules, now))
            .map(|it| it.id)
            .collect();
        let shown: Vec<TokenId> = (old.iter())
            .filter(|it| it.used_at == Some(now.wall.0))
            .map(|it| it.id)
            .collect();
        let void = match (expiring.is_empty(), shown.is_empty(), old.as_slice()) {
            (false, ..) => expiring,
            (_, false, _) => shown,
            (_, _, [only]) => vec![only.id],
            _ => Vec::new(),
        };
        for id in void {
            person.token_mut(id).void();
        }
        person.enter(UserState::Steady, now);
    }
}
