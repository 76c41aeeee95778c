//! At most so many tries of a token a minute, for the commands that look at a code.

use std::collections::HashMap;

use crate::time::Now;

/// Tries of one user's tokens within [`WINDOW_US`] (R36, R37).
pub const TRIES_MAX: u32 = 10;
/// The minute.
pub const WINDOW_US: u64 = 60_000_000;
/// Most users remembered.
pub const USERS_MAX: usize = 4_096;

/// Tries of the present minute by user.
#[derive(Default)]
pub struct Pace {
    tries: HashMap<String, (u64, u32)>,
}

impl Pace {
    /// Counts a try; false if it is one too many.
    pub fn try_one(&mut self, user: &str, now: Now) -> bool {
        if self.tries.len() >= USERS_MAX && !self.tries.contains_key(user) {
            self.tries
                .retain(|_, (since, _)| now.mono_us.saturating_sub(*since) < WINDOW_US);
            if self.tries.len() >= USERS_MAX {
                return false;
            }
        }
        let (since, count) = self
            .tries
            .entry(user.to_owned())
            .or_insert((now.mono_us, 0));
        if now.mono_us.saturating_sub(*since) >= WINDOW_US {
            (*since, *count) = (now.mono_us, 0);
        }
        *count += 1;
        *count <= TRIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn ten_a_minute() {
        let mut pace = Pace::default();
        let start = Now::at(Timestamp(1_000_000));
        assert!((0..10).all(|_| pace.try_one("alice", start)));
        assert!(!pace.try_one("alice", start));
        assert!(pace.try_one("bob", start));
        let later = start.after(std::time::Duration::from_secs(60));
        assert!(pace.try_one("alice", later));
    }
}
