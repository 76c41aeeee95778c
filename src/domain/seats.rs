//! Seats: who takes one, and when it is said that they run out.

use super::event::Event;
use super::user::UserState;

/// Whether somebody in this state takes a seat.
#[must_use]
pub const fn takes(state: UserState) -> bool {
    !matches!(state, UserState::Deactivated)
}

/// Nine of ten seats are taken; never without a limit.
#[must_use]
pub const fn scarce(limit: u64, taken: u64) -> bool {
    limit > 0 && taken.saturating_mul(10) >= limit.saturating_mul(9)
}

/// What is told when the seats become scarce: once, and again after they were not.
#[must_use]
pub fn warning(limit: u64, was_scarce: bool, taken: u64) -> Option<Event> {
    let event = || {
        Event::new("seats.warning")
            .detail("used", taken)
            .detail("limit", limit)
    };
    (scarce(limit, taken) && !was_scarce).then(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_scarce_from_nine_of_ten_on_and_said_to_be_once() {
        assert!(!scarce(0, 1_000_000) && !scarce(10, 8) && scarce(10, 9) && scarce(10, 11));
        let told = |before, after| warning(10, scarce(10, before), after).is_some();
        assert!(told(8, 9) && told(3, 10), "{:?}", warning(10, false, 9));
        assert!(!told(9, 10) && !told(7, 8));
    }
}
