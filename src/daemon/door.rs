//! Who is at the other end of the control socket: the kernel's word, mapped to a role by
//! configuration.
//!
//! The numbers come from the kernel at accept and nothing else is ever looked up about the process.
//! Names are turned into numbers when the configuration is read against the system, so that a
//! reload is obeyed by the next connection.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::config::Members;
use crate::control::fault::Fault;
use crate::daemon::answers::Answerer;
use crate::domain::action::Role;
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::server::control::{Identify, Identity};
use crate::sys::peer::{self, Peer};

/// Maps peers to roles by the configuration in force.
pub struct Door {
    answerer: Arc<Answerer>,
}

impl Door {
    /// A door that obeys the configuration of `answerer`.
    #[must_use]
    pub const fn new(answerer: Arc<Answerer>) -> Self {
        Self { answerer }
    }
}

impl Identify for Door {
    fn identify(&self, socket: BorrowedFd<'_>) -> Result<Identity, Fault> {
        let refused = |why: String| {
            Fault::from(Refusal::new(Code::Perm, "you may not talk to mfad").why(why))
        };
        let peer = Peer::of(&socket).map_err(|error| refused(error.to_string()))?;
        let name = peer::user_name(peer.uid).unwrap_or_else(|| format!("uid-{}", peer.uid));
        let config = self.answerer.config.load();
        let found = own(&peer).or_else(|| {
            let roles = Role::ALL.into_iter().rev();
            roles.into_iter().find_map(|role| {
                through(config.roles.of(role), &peer).map(|through| (role, through))
            })
        });
        let Some((role, through)) = found else {
            return Err(Fault::from(
                Refusal::new(Code::Perm, "you may not talk to mfad")
                    .why(format!(
                        "you are {name} (uid {}), and no role is yours",
                        peer.uid
                    ))
                    .need(
                        "a group that carries a role: root can add you, see `roles` in mfad.toml",
                    ),
            ));
        };
        let operator = Operator {
            uid: peer.uid,
            name: Arc::from(name),
            role,
        };
        Ok(Identity {
            operator,
            through: Arc::from(through),
        })
    }
}

/// root, and the daemon's own user, are admin.
fn own(peer: &Peer) -> Option<(Role, String)> {
    let own = nix::unistd::geteuid().as_raw();
    (peer.uid == 0 || peer.uid == own).then(|| (Role::Admin, format!("uid {}", peer.uid)))
}

/// By what `members` names the peer.
fn through(members: &Members, peer: &Peer) -> Option<String> {
    let number =
        |name: &str, look_up: fn(&str) -> Option<u32>| name.parse().ok().or_else(|| look_up(name));
    let user = members
        .users
        .iter()
        .find(|name| number(name, peer::user_id) == Some(peer.uid))
        .map(|name| format!("user {name}"));
    user.or_else(|| {
        let group = members
            .groups
            .iter()
            .find(|name| number(name, peer::group_id).is_some_and(|gid| peer.is_in(gid)));
        group.map(|name| format!("group {name}"))
    })
}
