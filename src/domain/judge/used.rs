//! What an Accept brings about in the record: for the first factor, for tokens, for grants.

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::Case;
use crate::domain::dialogue::Dialogue;
use crate::domain::event::Event;
use crate::domain::passthrough;
use crate::domain::policy::FirstFactorBy;
use crate::domain::renew;
use crate::domain::token_record::{Token, Used};
use crate::domain::update::Update;
use crate::domain::user::UserState;
use crate::domain::verdict::How;
use crate::token::TokenId;

impl Case<'_> {
    /// What the use of tokens brings about in the record: which were used, and whether never before.
    pub(super) fn use_tokens(
        &mut self,
        shown: &[How],
        how: How,
        station: &SmolStr,
    ) -> SmallVec<[(How, TokenId, bool); 2]> {
        let at = self.now.wall;
        // Since the round in which it was right, another attempt may have used up a later one.
        let form = |answered: &Dialogue| answered.kind.form(&self.attempt.gateway);
        let spent_now = self.answered.as_ref().is_none_or(|it| form(it).is_some());
        let mut used = SmallVec::new();
        for (by, id) in shown.iter().filter_map(|by| Some((*by, by.token()?))) {
            // A passthrough proves no token, so it clears no count towards the hard cap (I10).
            self.record.auth.total = 0;
            let gateway = self.gateway();
            let state = self.record.auth.token_mut(id);
            state.soft = 0;
            state.total = 0;
            if let (How::Token(_), Some(accepted)) = (by, state.accepted.as_mut())
                && spent_now
                && by == how
            {
                accepted.grace_used = false;
            }
            let first_use = state.activated_at.is_none();
            state.activated_at.get_or_insert(at);
            state.last_used = Some(Used {
                at,
                gateway,
                station: station.clone(),
            });
            used.push((by, id, first_use));
        }
        if self.record.profile.sms_unanswered > 0 && !used.is_empty() {
            self.record.profile_mut().sms_unanswered = 0;
        }
        used
    }

    /// What the use of the first factor that mfad has checked brings about.
    pub(super) fn used_first_factor(&mut self) {
        let at = self.now.wall;
        let proven = self.proven.first;
        if proven == Some(FirstFactorBy::Pin) {
            self.record.auth.pin.failures = 0;
        }
        if proven == Some(FirstFactorBy::Local) {
            let password = &mut self.record.auth.password;
            password.activated_at.get_or_insert(at);
            password.last_used = Some(at);
        }
    }

    /// What the use of a token brings about besides the sign-in.
    pub(super) fn used_token(&mut self, id: TokenId, first_use: bool) {
        if first_use {
            let event = self.about(Event::new("token.activated")).token(id);
            self.events.push(event);
        }
        // E9: without dialogues, the first sign-in with a proven token completes the enrolment.
        let primary = self.record.token(id).is_some_and(Token::primary);
        let state = self.record.profile.state;
        let waiting = matches!(state, UserState::New | UserState::Replace);
        if primary && waiting {
            self.end_workflow();
        }
        if renew::succeeds(&self.record, id) {
            renew::renewed(self);
        }
        let rules = &self.policy.passthrough;
        if rules.end_on_token_use || (rules.end_on_enrol && first_use && primary) {
            self.end_grants();
        }
    }

    /// This was changed, which the state may have waited for, and for nothing else any more.
    pub(in crate::domain) fn updated(&mut self, update: Update) {
        if self.record.profile.awaits(update) {
            self.record.profile_mut().updated(update);
            if self.record.profile.is_updated() {
                self.end_workflow();
            }
        }
    }

    /// What the state waited for is done (T2, T5).
    pub(in crate::domain) fn end_workflow(&mut self) {
        let before = self.record.profile.state.name();
        let profile = self.record.profile_mut();
        let voided = profile.enter(UserState::Steady, self.now.wall, "auto");
        let event = Event::new("user.state").change(before, "steady");
        self.tell(event.detail("by", "auto"));
        if voided {
            self.tell(Event::new("authcode.revoked").detail("why", "state"));
        }
    }

    fn end_grants(&mut self) {
        let now = self.now;
        let record = &self.record;
        let valid =
            |grant: &&passthrough::Grant| grant.valid(record.auth.grant(grant.id), None, now);
        let ended: Vec<u32> = record
            .profile
            .grants
            .iter()
            .filter(valid)
            .map(|g| g.id)
            .collect();
        for id in ended {
            self.record.auth.grant_mut(id).ended = true;
            let event = self
                .about(Event::new("passthrough.ended"))
                .detail("grant", id);
            self.events.push(event.detail("by", "token"));
        }
    }
}
