//! Requests of `org.mfad.Users`.

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::{Matching, Query, UserFilter};
use crate::control::words;
use crate::domain::auth_code::Delivery;
use crate::domain::command::{Command, NewUser, UserEdit};
use crate::domain::lockout::LockReason;
use crate::domain::update::Update;
use crate::domain::user::UserState;

pub(super) fn show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::UserShow { user: a.user()? })
}

pub(super) fn find(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::UserFind {
        filter: Box::new(filter(a)?),
        offset: a.int("offset").unwrap_or(0),
        page: a.page()?,
    })
}

pub(super) fn export(a: &mut Arguments) -> Result<Query, Fault> {
    let page = a.page()?;
    Ok(Query::UserExport {
        stated: a.stated(),
        filter: Box::new(filter(a)?),
        page,
    })
}

fn filter(a: &mut Arguments) -> Result<UserFilter, Fault> {
    let matching = match (a.flag("exact"), a.flag("glob")) {
        (false, false) => Matching::Part,
        (true, false) => Matching::Exact,
        (false, true) => Matching::Glob,
        (true, true) => return Err(Fault::argument("`exact` and `glob` exclude each other")),
    };
    let states = a
        .texts("states")
        .iter()
        .map(|name| state(name))
        .collect::<Result<_, _>>()?;
    Ok(UserFilter {
        text: a.maybe("text"),
        matching,
        locked: a.flag("locked"),
        lock_reason: a
            .maybe("lock_reason")
            .map(|name| lock_reason(&name))
            .transpose()?,
        waiting: a.flag("waiting"),
        pin_blocked: a.flag("pin_blocked"),
        states,
        passthrough: a.flag("passthrough"),
        partial: a.flag("partial"),
        rekey: a.flag("rekey"),
        no_token: a.flag("no_token"),
        token_kind: a
            .maybe("token_type")
            .map(|name| words::token_kind(&name))
            .transpose()?,
        token_status: a
            .maybe("token_status")
            .map(|name| words::token_status(&name))
            .transpose()?,
        expiring_s: a.int("expiring_s"),
        set: a.maybe("set"),
        role_label: a.maybe("role_label"),
        last_login_before: a.instant("last_login_before")?,
        last_login_after: a.instant("last_login_after")?,
        never_logged_in: a.flag("never_logged_in"),
    })
}

pub(super) fn add(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserAdd(NewUser {
        user: a.user()?,
        display_name: a.maybe("display_name").unwrap_or_default(),
        email: a.maybe("email"),
        phone: a.maybe("phone"),
        set: a.maybe("set"),
        language: a.maybe("language"),
        protected: a.flag("protected"),
        auth_code: auth_code(a)?,
        trusted: a.flag("trusted"),
    }))
}

pub(super) fn edit(a: &mut Arguments) -> Result<Command, Fault> {
    let user = a.user()?;
    let edit = UserEdit {
        display_name: a.maybe("display_name"),
        email: a.maybe("email"),
        phone: a.maybe("phone"),
        set: a.maybe("set"),
        language: a.maybe("language"),
        role_label: a.maybe("role_label"),
        notes: a.maybe("notes"),
        protected: a.maybe_flag("protected"),
        trusted: a.flag("trusted"),
    };
    if edit == UserEdit::default() {
        return Err(Fault::argument("nothing was named to change"));
    }
    Ok(Command::UserEdit {
        user,
        edit: Box::new(edit),
    })
}

pub(super) fn delete(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserDelete { user: a.user()? })
}

pub(super) fn lock(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserLock {
        user: a.user()?,
        until: a.instant("until")?,
    })
}

pub(super) fn unlock(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserUnlock {
        user: a.user()?,
        with_pin: a.flag("with_pin"),
        confirm: a.flag("confirm"),
    })
}

pub(super) fn set_state(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserSetState {
        user: a.user()?,
        state: state(&a.text("state")?)?,
        force: a.flag("force"),
        updates: match a.maybe("what") {
            None => Vec::new(),
            Some(what) => what.split(',').map(update).collect::<Result<_, _>>()?,
        },
        auth_code: auth_code(a)?,
    })
}

/// On which way an auth code is handed out, if one is.
fn auth_code(a: &mut Arguments) -> Result<Option<Delivery>, Fault> {
    match (a.maybe("send_code"), a.flag("auth_code")) {
        (Some(via), _) => words::delivery("send_code", &via).map(Some),
        (None, shown) => Ok(shown.then_some(Delivery::Shown)),
    }
}

pub(super) fn reactivate(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::UserReactivate { user: a.user()? })
}

pub(super) fn set_list(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::SetList)
}

pub(super) fn set_show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::SetShow {
        set: a.text("set")?,
    })
}

pub(super) fn lock_show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::LockShow { user: a.user()? })
}

pub(super) fn clear_counters(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::CountersClear { user: a.user()? })
}

fn state(name: &str) -> Result<UserState, Fault> {
    UserState::by_name(name).ok_or_else(|| {
        let states = UserState::ALL.map(UserState::name).join(", ");
        Fault::argument(format!("there is no state `{name}`")).doing(format!("use one of {states}"))
    })
}

fn update(name: &str) -> Result<Update, Fault> {
    Update::by_name(name).ok_or_else(|| {
        Fault::argument(format!("`{name}` cannot be changed in a sign-in"))
            .doing("use one or more of pin, password, token")
    })
}

fn lock_reason(name: &str) -> Result<LockReason, Fault> {
    let mut all = LockReason::ALL.into_iter();
    all.find(|reason| reason.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let known = LockReason::ALL.map(LockReason::name).join(", ");
            Fault::argument(format!("there is no lock reason `{name}`"))
                .doing(format!("use one of {known}"))
        })
}
