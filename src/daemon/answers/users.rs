//! People: `user show`, `user find`, `lock show`, `seats`.

use std::cell::Cell;

use crate::control::query::{Page, UserFilter};
use crate::control::reply::{
    AuthCode, Candidate, LockShow, Password, Pin, Rekey, Reply, UserPage, UserRow, UserShow,
};
use crate::domain::dialogue::asks_new;
use crate::domain::lockout::LockReason;
use crate::domain::outlook;
use crate::domain::passthrough;
use crate::domain::pin::Memorized;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::refusal::Refusal;
use crate::domain::token_record::Base;
use crate::domain::user::UserRecord;
use crate::domain::wait;
use crate::server::control::Sink;

use super::census::groups;
use super::desk::{Desk, store};
use super::view::{self, View};
use super::{actions, filter, mask, near, pages};

/// Sentences beside a list.
const NOTES_MAX: usize = 5;

impl Desk<'_> {
    pub(super) fn user_show(&self, user: &str) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl user show")?;
        self.note_read(&record, "user show");
        Ok(Reply::UserShow(Box::new(self.show_of(&record))))
    }

    fn show_of(&self, record: &UserRecord) -> UserShow {
        let view = View::of(self, record);
        let (profile, auth) = (&record.profile, &record.auth);
        let set = profile.set.as_deref().unwrap_or(&self.policy().default_set);
        let shown = profile
            .tokens
            .iter()
            .filter(|token| token.base != Base::Obsolete);
        let clear = self.sees_contacts();
        UserShow {
            now: self.now.wall.into(),
            id: record.id.to_string(),
            user: record.name().to_owned(),
            display_name: profile.display_name.clone(),
            state: record.current_state().to_owned(),
            locked: auth.lock.is_some(),
            lock: view.lock(),
            waits: view.waits(),
            unlocked: view.unlocked(),
            base: profile.state.name().to_owned(),
            base_title: profile.state.title().to_owned(),
            base_since: profile.state_since.into(),
            base_by: profile.state_by.clone(),
            enrolment: view.enrolment().to_owned(),
            emails: view::contacts(&profile.emails, clear, mask::email),
            phones: view::contacts(&profile.phones, clear, mask::phone),
            language: profile.language.clone(),
            set: set.to_owned(),
            set_stated: profile.set.is_some(),
            set_kinds: groups(self.policy().groups(Some(set))).concat(),
            set_groups: groups(self.policy().groups(Some(set))),
            role_label: profile.role_label.clone(),
            notes: profile.notes.clone(),
            protected: profile.protected,
            pin: self.pin_of(&view),
            password: self.password_of(record),
            auth_code: profile.auth_code.as_ref().map(|code| AuthCode {
                purpose: code.purpose.clone(),
                created: code.created.into(),
                by: code.created_by.clone(),
                until: code.expires.into(),
            }),
            rekey: profile.rekey.as_ref().map(|rekey| Rekey {
                token: rekey.token.to_string(),
                at: rekey.at.into(),
                by: rekey.by.clone(),
                why: rekey.why.clone(),
            }),
            next_sign_in: self.next_sign_in(record),
            grants: view.live_grants().map(|grant| view.grant(grant)).collect(),
            last_login: view.last_login(),
            last_failed: view.last_failed(),
            last_access: profile.last_access.map(Into::into),
            counters: view
                .counters()
                .into_iter()
                .filter(|counter| counter.count > 0)
                .collect(),
            tokens: shown.map(|token| view.token(token)).collect(),
            actions: actions::of_user(self, &view),
            created: profile.created.into(),
            updated: profile.updated.into(),
            revision: auth.revision,
        }
    }

    /// What a sign-in leads to while no token counts, else what it goes on with.
    fn next_sign_in(&self, record: &UserRecord) -> Option<String> {
        let open =
            record.auth.lock.is_none() && passthrough::current(record, None, self.now).is_none();
        let led = || outlook::led(record, &self.rules.gateways, self.policy(), self.now);
        let gateways: Vec<&GatewayPolicy> = self.rules.gateways.iter().map(AsRef::as_ref).collect();
        let due = || {
            let lines = outlook::due(record, &gateways, self.policy(), self.now);
            (!lines.is_empty()).then(|| lines.join(" "))
        };
        open.then(|| led().or_else(due)).flatten()
    }

    fn asked_for(&self, by: FirstFactorBy) -> bool {
        self.rules
            .gateways
            .iter()
            .any(|gateway| gateway.first_factor == by)
    }

    /// The gateways that will ask the person for a new one.
    fn asking(&self, record: &UserRecord, secret: Memorized) -> Vec<String> {
        let gateways = self.rules.gateways.iter();
        let asking = gateways.filter(|gateway| asks_new(record, gateway) == Some(secret));
        asking.map(|gateway| gateway.name.to_string()).collect()
    }

    fn pin_of(&self, view: &View<'_>) -> Pin {
        let (pin, state) = (view.record.profile.pin.as_ref(), view.record.auth.pin);
        let rules = &self.policy().pin;
        let since = state.blocked_since.filter(|_| view.pin_blocked());
        let ends = !rules.block_duration.is_zero();
        Pin {
            set: pin.is_some(),
            used: self.asked_for(FirstFactorBy::Pin),
            set_at: pin.map(|pin| pin.set_at.into()),
            set_by: pin.map(|pin| pin.set_by.clone()),
            must_change: pin.is_some_and(|pin| pin.must_change),
            asked_at: self.asking(view.record, Memorized::Pin),
            failures: state.failures,
            limit: rules.max_failures,
            blocked_since: since.map(Into::into),
            blocked_until: since
                .filter(|_| ends)
                .map(|at| (at + rules.block_duration).into()),
        }
    }

    fn password_of(&self, record: &UserRecord) -> Password {
        let (password, state) = (record.profile.password.as_ref(), record.auth.password);
        Password {
            set: password.is_some(),
            used: self.asked_for(FirstFactorBy::Local),
            set_at: password.map(|password| password.set_at.into()),
            set_by: password.map(|password| password.set_by.clone()),
            asked_at: self.asking(record, Memorized::Password),
            registered_at: password.map(|password| password.registered_at.into()),
            activated_at: state.activated_at.map(Into::into),
            last_used: state.last_used.map(Into::into),
        }
    }

    pub(super) fn lock_show(&self, user: &str) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl lock show")?;
        self.note_read(&record, "lock show");
        let view = View::of(self, &record);
        Ok(Reply::LockShow(Box::new(LockShow {
            user: record.name().to_owned(),
            now: self.now.wall.into(),
            state: record.current_state().to_owned(),
            lock: view.lock(),
            waits: view.waits(),
            unlocked: view.unlocked(),
            last_failed: view.last_failed(),
            counters: view.counters(),
            revision: record.auth.revision,
        })))
    }

    pub(super) fn user_find(
        &self,
        wanted: &UserFilter,
        offset: u64,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let of = self.reader().counts().map_err(|error| store(&error))?.users;
        let coarse = filter::coarse(wanted);
        let whole = page.cursor.is_none();
        let shown = Cell::new(0_u64);
        let mut passed_over = 0;
        pages::answer(
            page,
            sink,
            |cursor, sink| {
                pages::people(self, &coarse, cursor, page.limit, sink, |record| {
                    let view = View::of(self, record);
                    let fits = filter::fits(wanted, &view);
                    if fits && passed_over < offset {
                        passed_over += 1;
                        shown.set(shown.get() + 1);
                        return Vec::new();
                    }
                    fits.then(|| self.row(&view)).into_iter().collect()
                })
            },
            |rows, cursor| {
                shown.set(shown.get() + u64::try_from(rows.len()).unwrap_or(0));
                let matched = (whole && cursor.is_none()).then(|| shown.get());
                let nothing = matched == Some(0);
                Reply::UserPage(UserPage {
                    matched,
                    of,
                    close: wanted.text.as_deref().filter(|_| nothing).map_or_else(
                        Vec::new,
                        |text| {
                            near::users(self.reader(), &text.to_lowercase())
                                .into_iter()
                                .map(|close| Candidate {
                                    value: close.name,
                                    text: close.display_name,
                                })
                                .collect()
                        },
                    ),
                    notes: if wanted.locked {
                        notes(&rows)
                    } else {
                        Vec::new()
                    },
                    rows,
                    cursor,
                })
            },
        )
    }

    /// The person as a line of a list.
    pub(super) fn row(&self, view: &View<'_>) -> UserRow {
        let record = view.record;
        let profile = &record.profile;
        let (email, phone) = view::main_contacts(record, self.sees_contacts());
        let mut kinds: Vec<String> = Vec::new();
        for token in view.usable_primaries() {
            let kind = token.kind.name();
            if !kinds.iter().any(|known| known == kind) {
                kinds.push(kind.to_owned());
            }
        }
        let usable = profile.tokens.iter().filter(|token| view.usable(token));
        let more = usable.filter(|token| !token.primary()).count();
        let shut = record.auth.lock.is_some() || !wait::all(record, self.now).is_empty();
        let failed = record.auth.last_failed.as_ref().filter(|_| shut);
        UserRow {
            user: record.name().to_owned(),
            display_name: profile.display_name.clone(),
            state: record.current_state().to_owned(),
            base: profile.state.name().to_owned(),
            base_since: profile.state_since.into(),
            lock: view.lock(),
            waits: view.waits(),
            via: failed.map(|failed| failed.gateway.to_string()),
            unlocked: view.unlocked(),
            pin: view.pin_word().to_owned(),
            tokens: kinds,
            tokens_more: u32::try_from(more).unwrap_or(u32::MAX),
            passthrough_until: passthrough::current(record, None, self.now)
                .map(|grant| grant.until.into()),
            last_login: record.auth.last_login.as_ref().map(|login| login.at.into()),
            email,
            phone,
            set: profile
                .set
                .clone()
                .unwrap_or_else(|| self.policy().default_set.clone()),
            role_label: profile.role_label.clone(),
            protected: profile.protected,
            revision: record.auth.revision,
        }
    }
}

/// What a list of locked people leaves to be said.
fn notes(rows: &[UserRow]) -> Vec<String> {
    let note = |row: &UserRow| {
        let (user, lock) = (&row.user, row.lock.as_ref()?);
        if lock.reason == LockReason::PinBlocked.name() {
            return Some(format!("{user} needs `mfactl pin unblock {user}`."));
        }
        let by = lock.by.as_ref()?;
        Some(match lock.note.as_str() {
            "" => format!("{user} was locked by {by}."),
            note => format!("{user} was locked by {by}: \"{note}\"."),
        })
    };
    rows.iter().filter_map(note).take(NOTES_MAX).collect()
}
