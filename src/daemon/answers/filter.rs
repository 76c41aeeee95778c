//! Filters of `user find` and `token find`: what the store can narrow down, and the rest.

use std::time::Duration;

use crate::control::query::{Matching, TokenFilter, UserFilter};
use crate::domain::passthrough;
use crate::domain::token_record::{Base, Token};
use crate::store::Find;
use crate::time::Timestamp;

use super::view::View;

/// What the store is asked for; lets through all that fits, and more.
pub(super) fn coarse(filter: &UserFilter) -> Find {
    let text = filter.text.as_ref().map(|text| match filter.matching {
        Matching::Part | Matching::Exact => text.clone(),
        Matching::Glob => longest_literal(text).to_owned(),
    });
    Find {
        text: text.filter(|text| !text.is_empty()),
        exact: false,
        locked: filter.locked || filter.lock_reason.is_some(),
        states: filter.states.clone(),
        passthrough: filter.passthrough,
    }
}

/// Whether a person fits.
pub(super) fn fits(filter: &UserFilter, view: &View<'_>) -> bool {
    let (record, auth) = (view.record, &view.record.auth);
    let last_login = auth.last_login.as_ref().map(|login| login.at);
    let set = record
        .profile
        .set
        .as_deref()
        .unwrap_or(&view.policy.default_set);
    let asked = |asked: bool, so: bool| !asked || so;
    let lock = auth.lock.as_ref();
    asked(filter.locked, lock.is_some())
        && filter
            .lock_reason
            .is_none_or(|reason| lock.is_some_and(|lock| lock.reason == reason))
        && asked(filter.waiting, !view.waits().is_empty())
        && asked(filter.pin_blocked, view.pin_blocked())
        && (filter.states.is_empty() || filter.states.contains(&record.profile.state))
        && asked(
            filter.passthrough,
            passthrough::current(record, None, view.now).is_some(),
        )
        && asked(filter.partial, view.enrolment() == "partial")
        && asked(filter.rekey, record.profile.rekey.is_some())
        && asked(filter.no_token, view.usable_primaries().next().is_none())
        && filter.set.as_ref().is_none_or(|wanted| wanted == set)
        && filter
            .role_label
            .as_ref()
            .is_none_or(|label| *label == record.profile.role_label)
        && filter
            .last_login_before
            .is_none_or(|end| last_login.is_none_or(|at| at < end))
        && filter
            .last_login_after
            .is_none_or(|from| last_login.is_some_and(|at| at >= from))
        && asked(filter.never_logged_in, last_login.is_none())
        && fits_tokens(filter, view)
        && filter
            .text
            .as_ref()
            .is_none_or(|text| fits_text(text, filter.matching, view))
}

/// One token has to fit all that is asked of tokens.
fn fits_tokens(filter: &UserFilter, view: &View<'_>) -> bool {
    let wanted = TokenFilter {
        kind: filter.token_kind,
        status: filter.token_status,
        serial: None,
        expiring_s: filter.expiring_s,
    };
    wanted == TokenFilter::default()
        || view
            .record
            .profile
            .tokens
            .iter()
            .any(|token| fits_token(&wanted, view, token))
}

/// Whether a token fits; obsolete ones only if they are asked for.
pub(super) fn fits_token(filter: &TokenFilter, view: &View<'_>, token: &Token) -> bool {
    let status = view.status(token);
    let now = view.now.wall;
    let soon = |within_s: u64| {
        let end = now + Duration::from_secs(within_s);
        token
            .expires
            .is_some_and(|expires| expires > now && expires <= end)
    };
    filter.kind.is_none_or(|kind| token.kind == kind)
        && filter
            .status
            .map_or(token.base != Base::Obsolete, |wanted| status == wanted)
        && filter.expiring_s.is_none_or(soon)
        && filter.serial.as_ref().is_none_or(|wanted| {
            token
                .serial
                .as_ref()
                .is_some_and(|serial| serial.starts_with(wanted.as_str()))
        })
}

fn fits_text(text: &str, matching: Matching, view: &View<'_>) -> bool {
    let profile = &view.record.profile;
    let addresses = profile
        .emails
        .iter()
        .chain(&profile.phones)
        .map(|c| c.address.as_str());
    let text = text.to_lowercase();
    [profile.name.as_str(), profile.display_name.as_str()]
        .into_iter()
        .chain(addresses)
        .any(|field| {
            let field = field.to_lowercase();
            match matching {
                Matching::Part => field.contains(&text),
                Matching::Exact => field == text,
                Matching::Glob => glob(&text, &field),
            }
        })
}

fn longest_literal(pattern: &str) -> &str {
    pattern
        .split(['*', '?'])
        .max_by_key(|part| part.len())
        .unwrap_or_default()
}

/// `*` is any run of signs, `?` any one sign. Never slower than the product of the two lengths.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut pos) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(sign) = text.get(pos) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, pos));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == sign => {
                at += 1;
                pos += 1;
            }
            _ => {
                let Some((star_at, star_pos)) = star else {
                    return false;
                };
                star = Some((star_at, star_pos + 1));
                at = star_at + 1;
                pos = star_pos + 1;
            }
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|sign| *sign == '*')
}

/// Whether an instant lies within so many seconds from now.
pub(super) fn within(now: Timestamp, at: Timestamp, seconds: u64) -> bool {
    at > now && at <= now + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::lockout::{Lock, LockReason};
    use crate::domain::policy::Policy;
    use crate::domain::rekey::Rekey;
    use crate::domain::user::{AuthState, Contact, Profile, UserId, UserRecord, UserState};
    use crate::time::Now;

    fn alice() -> UserRecord {
        let profile = Profile {
            name: "alice".to_owned(),
            display_name: "Alice Example".to_owned(),
            phones: vec![Contact {
                address: "+491701234567".to_owned(),
                verified: true,
            }],
            state: UserState::Steady,
            ..Profile::default()
        };
        UserRecord {
            id: UserId([1; 16]),
            profile: Arc::new(profile),
            auth: AuthState::default(),
        }
    }

    fn fit(record: &UserRecord, filter: UserFilter) -> bool {
        let policy = Policy::default();
        fits(
            &filter,
            &View {
                record,
                policy: &policy,
                now: Now::at(Timestamp(1_000)),
                clear: true,
            },
        )
    }

    fn text(text: &str, matching: Matching) -> UserFilter {
        UserFilter {
            text: Some(text.to_owned()),
            matching,
            ..UserFilter::default()
        }
    }

    #[test]
    fn stars_and_question_marks() {
        assert!(glob("a*e", "alice") && glob("*", "") && glob("al?ce", "alice"));
        assert!(glob("*example", "alice example") && glob("a**e", "ae"));
        assert!(!glob("a?", "a") && !glob("a*x", "alice") && !glob("", "a"));
        assert_eq!(longest_literal("*exam?le.org"), "le.org");
    }

    #[test]
    fn text_is_looked_for_in_every_field() {
        let alice = alice();
        assert!(fit(&alice, text("EXAMPLE", Matching::Part)));
        assert!(fit(&alice, text("0123", Matching::Part)));
        assert!(!fit(&alice, text("exampl", Matching::Exact)));
        assert!(fit(&alice, text("alice example", Matching::Exact)));
        assert!(fit(&alice, text("+49*67", Matching::Glob)));
        assert!(!fit(&alice, text("bob", Matching::Part)));
    }

    #[test]
    fn every_stated_filter_must_fit() {
        let mut alice = alice();
        assert!(fit(
            &alice,
            UserFilter {
                never_logged_in: true,
                ..UserFilter::default()
            }
        ));
        let locked = UserFilter {
            locked: true,
            ..UserFilter::default()
        };
        assert!(!fit(&alice, locked.clone()));
        alice.auth.lock = Some(Lock {
            since: Timestamp(1),
            reason: LockReason::Operator,
            by: None,
            auto_until: None,
            note: Arc::from(""),
            count: 0,
        });
        assert!(fit(&alice, locked.clone()));
        let reason = Some(LockReason::Failures);
        assert!(!fit(
            &alice,
            UserFilter {
                lock_reason: reason,
                ..locked
            }
        ));
        assert!(fit(
            &alice,
            UserFilter {
                no_token: true,
                ..UserFilter::default()
            }
        ));
        let other = Some("other".to_owned());
        assert!(!fit(
            &alice,
            UserFilter {
                set: other,
                ..UserFilter::default()
            }
        ));
    }

    #[test]
    fn whoever_waits_for_a_new_secret_is_found() {
        let mut alice = alice();
        let wanted = || UserFilter {
            rekey: true,
            ..UserFilter::default()
        };
        assert!(!fit(&alice, wanted()));
        alice.profile_mut().rekey = Some(Rekey {
            token: "T-8F3K2".parse().unwrap(),
            at: Timestamp(1),
            by: "bob".to_owned(),
            why: "lost_phone".to_owned(),
            extra: serde_json::Map::new(),
        });
        assert!(fit(&alice, wanted()));
    }

    #[test]
    fn an_end_lies_ahead_and_near() {
        assert!(within(Timestamp(0), Timestamp(1_000), 1));
        assert!(!within(Timestamp(0), Timestamp(1_001), 1));
        assert!(!within(Timestamp(5), Timestamp(5), 1));
    }
}
