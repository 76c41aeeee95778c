//! Seats: a bounded number of connections, shared out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;
use crate::domain::action::Role;
use crate::domain::event::Operator;

/// All seats of the socket.
pub(super) struct Seats {
    taken: Mutex<HashMap<u32, usize>>,
    limits: Limits,
}

/// One seat; free again when it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    uid: u32,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The uid has its share.
    Share,
    /// All that this role may take are taken.
    All,
}

impl Seats {
    /// Seats of which none is taken.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            limits,
        })
    }

    /// Takes a seat for an operator.
    pub(super) fn take(self: &Arc<Self>, operator: &Operator) -> Result<Seat, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let kept = match operator.role {
            Role::Admin => 0,
            Role::Web | Role::Viewer | Role::Support | Role::Operator => self.limits.seats_kept,
        };
        if all >= self.limits.seats.saturating_sub(kept) {
            return Err(Full::All);
        }
        let own = taken.entry(operator.uid).or_default();
        if *own >= self.limits.seats_uid {
            return Err(Full::Share);
        }
        *own += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            uid: operator.uid,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.uid) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(uid: u32, role: Role) -> Operator {
        Operator {
            uid,
            name: Arc::from("somebody"),
            role,
        }
    }

    #[test]
    fn shares_and_keeps() {
        let seats = Seats::new(Limits {
            seats: 6,
            seats_kept: 2,
            seats_uid: 3,
            ..Limits::default()
        });
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(seats.take(&operator(1, Role::Viewer)).ok().unwrap());
        }
        let refused = |uid, role| seats.take(&operator(uid, role)).err();
        assert_eq!(refused(1, Role::Viewer), Some(Full::Share));
        held.push(seats.take(&operator(2, Role::Operator)).ok().unwrap());
        assert_eq!(refused(2, Role::Operator), Some(Full::All));
        held.push(seats.take(&operator(0, Role::Admin)).ok().unwrap());
        held.push(seats.take(&operator(3, Role::Admin)).ok().unwrap());
        assert_eq!(refused(3, Role::Admin), Some(Full::All));
        held.clear();
        assert_eq!(refused(1, Role::Viewer), None);
    }
}
