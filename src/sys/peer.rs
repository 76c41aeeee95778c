//! Who is at the other end of a Unix socket.
//!
//! The kernel wrote down the caller's identity when it connected: numbers, not names, and not
//! something the caller could send. They are read once, at accept, and everything later refers to
//! them. The process itself is never looked up (it may be gone, and its number may belong to
//! someone else by now). Groups come from `SO_PEERGROUPS`, because `SO_PEERCRED` only knows the
//! one effective group.
//!
//! Uid 65534 is refused: it is what the kernel shows for every user that it cannot map into our
//! user namespace, so it stands for nobody in particular and could be anybody.
//!
//! Names from the user database are for display and for hints. No decision may rest on them.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Group, Uid, User};

use crate::sys::raw;

/// The uid that the kernel shows for users it cannot map: anybody's, so nobody's.
pub const UID_OVERFLOW: u32 = 65_534;

/// The identity of a caller at the moment it connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups, and [`Self::gid`], in ascending order.
    pub groups: Vec<u32>,
    /// For the log only: it may be another process by now.
    pub pid: i32,
}

/// Why a connection has no usable identity; it must be closed.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The kernel could not map the user (`PrivateUsers=`, another container).
    #[error("the caller's uid is {UID_OVERFLOW}, which may be anyone")]
    Unmapped,
    /// The kernel did not answer the question.
    #[error("cannot read the caller's {what}")]
    Unreadable {
        /// What was asked for.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Peer {
    /// Reads the identity of whoever connected `socket`.
    pub fn of(socket: &impl AsFd) -> Result<Self, PeerError> {
        let credentials =
            getsockopt(socket, sockopt::PeerCredentials).map_err(|e| PeerError::Unreadable {
                what: "identity",
                source: e.into(),
            })?;
        let groups = raw::peer_groups(socket.as_fd()).map_err(|source| PeerError::Unreadable {
            what: "groups",
            source,
        })?;
        Self::checked(
            credentials.uid(),
            credentials.gid(),
            groups,
            credentials.pid(),
        )
    }

    fn checked(uid: u32, gid: u32, mut groups: Vec<u32>, pid: i32) -> Result<Self, PeerError> {
        if uid == UID_OVERFLOW {
            return Err(PeerError::Unmapped);
        }
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        Ok(Self {
            uid,
            gid,
            groups,
            pid,
        })
    }

    /// Whether the caller was in this group.
    #[must_use]
    pub fn is_in(&self, gid: u32) -> bool {
        self.groups.binary_search(&gid).is_ok()
    }
}

/// The name of a user, for display only; `None` if the database has none or cannot be read.
#[must_use]
pub fn user_name(uid: u32) -> Option<String> {
    Some(User::from_uid(Uid::from_raw(uid)).ok()??.name)
}

/// The name of a group, for display only; `None` if the database has none or cannot be read.
#[must_use]
pub fn group_name(gid: u32) -> Option<String> {
    Some(Group::from_gid(Gid::from_raw(gid)).ok()??.name)
}

/// The number of a named user, for resolving configuration once at load.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    Some(User::from_name(name).ok()??.uid.as_raw())
}

/// The number of a named group, for resolving configuration once at load.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    Some(Group::from_name(name).ok()??.gid.as_raw())
}

/// The names listed as members of a group, for the hint whom to ask; display only.
///
/// Users who have it as their primary group are not listed by the database.
#[must_use]
pub fn group_members(gid: u32) -> Vec<String> {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.mem,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn reads_our_own_identity_from_the_kernel() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(peer.gid, nix::unistd::getegid().as_raw());
        assert_eq!(peer.pid, nix::unistd::getpid().as_raw());
        for group in nix::unistd::getgroups().unwrap() {
            assert!(peer.is_in(group.as_raw()));
        }
        assert!(peer.is_in(peer.gid));
        assert!(!peer.is_in(4_000_000_000));
    }

    #[test]
    fn refuses_the_uid_that_may_be_anyone() {
        assert!(matches!(
            Peer::checked(65_534, 0, vec![], 1),
            Err(PeerError::Unmapped)
        ));
        assert!(Peer::checked(65_533, 65_534, vec![], 1).is_ok());
    }

    #[test]
    fn groups_are_sorted_once_each_and_hold_the_effective_one() {
        let peer = Peer::checked(7, 5, vec![9, 5, 2, 9], 1).unwrap();
        assert_eq!(peer.groups, [2, 5, 9]);
    }

    #[test]
    fn a_socket_that_is_none_has_no_peer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(matches!(Peer::of(&file), Err(PeerError::Unreadable { .. })));
    }

    #[test]
    fn finds_root_by_name_and_number() {
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(user_id("root"), Some(0));
        assert_eq!(group_id(&group_name(0).unwrap()), Some(0));
        assert_eq!(user_name(3_999_999_999), None);
    }
}
