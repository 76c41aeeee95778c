//! Changes on their way to the engine, and refusals on their way back.

use crate::config::Members;
use crate::control::query::Manner;
use crate::control::reply::Done;
use crate::domain::action::{Action, Role};
use crate::domain::command::Command;
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::hex;
use crate::engine::prepare;
use crate::server::control::{done, role_refusal};
use crate::sys::peer;

use super::Answerer;

/// Octets of a request id that mfad makes.
const REQUEST_OCTETS: usize = 8;

/// Names listed of those who have a role.
const WHO_MAX: usize = 8;

impl Answerer {
    pub(super) fn carry_out(
        &self,
        operator: &Operator,
        command: Command,
        manner: Manner,
    ) -> Result<Done, Refusal> {
        let engine = self.engine()?;
        let dry_run = manner.dry_run;
        let manner = prepare::Manner {
            request: request_id(manner.request)?,
            reason: manner.reason,
            dry_run,
            if_revision: manner.if_revision,
        };
        let carried = engine.change(operator, command, &manner);
        let carried = carried.map_err(|refusal| self.with_need(operator, refusal))?;
        Ok(done(carried.done, carried.audit, dry_run))
    }

    pub(super) fn refuse_role(&self, operator: &Operator, action: Action, least: Role) -> Refusal {
        if let Ok(engine) = &self.engine {
            engine.denied(operator, action);
        }
        let mut refusal = role_refusal(operator, action, least);
        refusal.need = Some(self.need(operator, least));
        refusal
    }

    /// Adds who has the role, where the rules could name the role only.
    fn with_need(&self, operator: &Operator, mut refusal: Refusal) -> Refusal {
        let named = refusal
            .need
            .as_deref()
            .map(|need| need.trim_start_matches("role "));
        let role = Role::ALL
            .into_iter()
            .find(|role| Some(role.name()) == named);
        if let (Code::Perm, Some(role)) = (refusal.code, role) {
            refusal.need = Some(self.need(operator, role));
        }
        refusal
    }

    /// The role that is missing, who has it here, and how to get it.
    pub(super) fn need(&self, operator: &Operator, least: Role) -> String {
        let config = self.config.load();
        let members = config.roles.of(least);
        let groups: Vec<(String, Vec<String>)> = members
            .groups
            .iter()
            .map(|group| (group.clone(), group_members(group)))
            .collect();
        need_text(&operator.name, least, members, &groups)
    }

    /// Users and groups that have a role here, one entry each.
    pub(super) fn who(&self, role: Role) -> Vec<String> {
        let config = self.config.load();
        let members = config.roles.of(role);
        let mut who: Vec<String> = Vec::new();
        if role == Role::Admin {
            who.push("root".to_owned());
        }
        who.extend(members.users.iter().cloned());
        who.extend(
            members
                .groups
                .iter()
                .map(|group| group_text(group, &group_members(group))),
        );
        who
    }
}

/// The id by which the audit log can be asked: the caller's, else a new one.
pub(super) fn request_id(given: Option<String>) -> Result<String, Refusal> {
    if let Some(id) = given.filter(|id| !id.is_empty()) {
        return Ok(id);
    }
    let octets: [u8; REQUEST_OCTETS] = crate::sys::random::array().map_err(|_| {
        Refusal::new(
            Code::Busy,
            "the system gives no random numbers; nothing changed",
        )
    })?;
    Ok(hex(&octets))
}

fn group_members(group: &str) -> Vec<String> {
    let gid = group.parse().ok().or_else(|| peer::group_id(group));
    gid.map(peer::group_members).unwrap_or_default()
}

fn group_text(group: &str, members: &[String]) -> String {
    let mut shown: Vec<&str> = members.iter().take(WHO_MAX).map(String::as_str).collect();
    if members.len() > WHO_MAX {
        shown.push("..");
    }
    if shown.is_empty() {
        format!("group {group}")
    } else {
        format!("group {group} ({})", shown.join(", "))
    }
}

// ux 3.15.
fn need_text(
    operator: &str,
    least: Role,
    members: &Members,
    groups: &[(String, Vec<String>)],
) -> String {
    let mut here: Vec<String> = Vec::new();
    if least == Role::Admin {
        here.push("root".to_owned());
    }
    here.extend(members.users.iter().take(WHO_MAX).cloned());
    here.extend(
        groups
            .iter()
            .map(|(group, members)| group_text(group, members)),
    );
    let mut text = match here.as_slice() {
        [] => format!("{least}. No user or group of this host has that role"),
        here => format!("{least}. Here: {}", here.join(" and ")),
    };
    text.push('\n');
    match groups.first() {
        Some((group, _)) => {
            text.push_str(&format!(
                "root can add you: usermod -aG {group} {operator}, then log in again"
            ));
        }
        None => text.push_str(&format!(
            "root can name a group for it: `roles.{least}.groups` in mfad.toml"
        )),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_has_the_role_and_how_to_get_it() {
        let members = Members {
            users: Vec::new(),
            groups: vec!["mfad-admin".to_owned()],
        };
        let groups = [(
            "mfad-admin".to_owned(),
            vec!["carol".to_owned(), "dan".to_owned()],
        )];
        assert_eq!(
            need_text("bob", Role::Admin, &members, &groups),
            "admin. Here: root and group mfad-admin (carol, dan)\n\
             root can add you: usermod -aG mfad-admin bob, then log in again"
        );
    }

    #[test]
    fn says_so_if_nobody_has_the_role() {
        assert_eq!(
            need_text("bob", Role::Support, &Members::default(), &[]),
            "support. No user or group of this host has that role\n\
             root can name a group for it: `roles.support.groups` in mfad.toml"
        );
    }

    #[test]
    fn keeps_the_id_of_the_caller() {
        assert_eq!(
            request_id(Some("7f3a-1a07".to_owned())).unwrap(),
            "7f3a-1a07"
        );
        assert_eq!(request_id(None).unwrap().len(), 2 * REQUEST_OCTETS);
        assert_ne!(
            request_id(None).unwrap(),
            request_id(Some(String::new())).unwrap()
        );
    }
}
