//! Where rejects wait until their time has come.
//!
//! A [`Wheel`] is a ring of slots, one per millisecond. Putting something in costs the same
//! however full the wheel is, and its memory is bounded by the capacity: entries live in one
//! table and the slots are chains through it. An entry whose time is more than one turn ahead
//! stays in its slot until its own turn.
//!
//! It promises that nothing leaves early (a reject that leaves early tells which path it took),
//! and that what leaves together leaves in the order of its times. It may leave up to
//! [`GRANULARITY_US`] late. It reads no clock: the time comes in.

/// Width of a slot, in microseconds.
pub const GRANULARITY_US: u64 = 1_000;

/// Slots of the ring: one turn is 8.2 s, longer than the longest delay of a reject (5 s).
const SLOTS: u64 = 8_192;

/// Rejects that may wait at once, unless the caller knows better.
pub const WAITING_MAX: usize = 65_536;

/// Things that wait for a time of their own.
#[derive(Debug)]
pub struct Wheel<T> {
    entries: Vec<Entry<T>>,
    /// Head of the chain of unused entries.
    free: Option<u32>,
    slots: Vec<Slot>,
    /// Everything due at an earlier tick has left.
    cursor: u64,
    waiting: usize,
    capacity: usize,
    /// No entry is due at an earlier tick than this.
    earliest: u64,
}

#[derive(Debug)]
struct Entry<T> {
    leave_us: u64,
    tick: u64,
    value: Option<T>,
    next: Option<u32>,
}

/// The ends of a chain, in order of arrival.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    first: Option<u32>,
    last: Option<u32>,
}

impl<T> Wheel<T> {
    /// An empty wheel that holds at most `capacity` things.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let slots = (0..SLOTS).map(|_| Slot::default()).collect();
        let capacity = capacity.min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
        Self {
            entries: Vec::new(),
            free: None,
            slots,
            cursor: 0,
            waiting: 0,
            capacity,
            earliest: u64::MAX,
        }
    }

    /// Lets `value` wait until `leave_us`; gives it back if the wheel is full.
    pub fn insert(&mut self, leave_us: u64, value: T) -> Result<(), T> {
        if self.waiting >= self.capacity {
            return Err(value);
        }
        let tick = leave_us.div_ceil(GRANULARITY_US).max(self.cursor);
        let entry = Entry {
            leave_us,
            tick,
            value: Some(value),
            next: None,
        };
        let index = self.place(entry);
        if let Some(slot) = slot_of(&mut self.slots, tick) {
            append(&mut self.entries, slot, index);
        }
        self.waiting += 1;
        self.earliest = self.earliest.min(tick);
        Ok(())
    }

    /// Moves everything whose time has come to `out`, the longest due first.
    pub fn due(&mut self, now_us: u64, out: &mut Vec<T>) {
        let now = now_us / GRANULARITY_US;
        if now < self.earliest {
            self.cursor = self.cursor.max(now);
            return;
        }
        let from = self.earliest;
        let mut leaving = Vec::new();
        for tick in from..=now.min(from.saturating_add(SLOTS - 1)) {
            self.empty_slot(tick, now, &mut leaving);
        }
        leaving.sort_by_key(|(leave_us, _)| *leave_us);
        out.extend(leaving.into_iter().map(|(_, value)| value));
        self.cursor = self.cursor.max(now);
        self.earliest = self.find_earliest();
    }

    /// When [`Self::due`] has something to do again; `None` while nothing waits.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        (self.waiting > 0).then(|| self.earliest.saturating_mul(GRANULARITY_US))
    }

    /// How many things wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Puts an entry in an unused place of the table, or a new one.
    fn place(&mut self, entry: Entry<T>) -> u32 {
        if let Some(index) = self.free
            && let Some(unused) = entry_at(&mut self.entries, index)
        {
            self.free = unused.next;
            *unused = entry;
            return index;
        }
        self.entries.push(entry);
        // The capacity fits in 32 bits, so the last index does.
        u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes what is due out of one slot and leaves what waits for a later turn.
    fn empty_slot(&mut self, tick: u64, now: u64, leaving: &mut Vec<(u64, T)>) {
        let Some(slot) = slot_of(&mut self.slots, tick) else {
            return;
        };
        let mut next = std::mem::take(slot).first;
        while let Some(index) = next {
            let Some(entry) = entry_at(&mut self.entries, index) else {
                return;
            };
            next = entry.next.take();
            if entry.tick > now {
                append(&mut self.entries, slot, index);
            } else {
                leaving.extend(entry.value.take().map(|value| (entry.leave_us, value)));
                entry.next = self.free.replace(index);
                self.waiting -= 1;
            }
        }
    }

    /// Looks for the next slot in use, at most one turn ahead.
    fn find_earliest(&self) -> u64 {
        if self.waiting == 0 {
            return u64::MAX;
        }
        let mut found = u64::MAX;
        for tick in self.cursor..self.cursor.saturating_add(SLOTS) {
            let Some(first) = slot_at(&self.slots, tick).and_then(|slot| slot.first) else {
                continue;
            };
            found = found.min(self.earliest_of(first));
            if found <= tick {
                break;
            }
        }
        found
    }

    fn earliest_of(&self, first: u32) -> u64 {
        let at = |index: u32| {
            usize::try_from(index)
                .ok()
                .and_then(|i| self.entries.get(i))
        };
        std::iter::successors(at(first), |entry| entry.next.and_then(at))
            .map(|entry| entry.tick)
            .min()
            .unwrap_or(u64::MAX)
    }
}

fn append<T>(entries: &mut [Entry<T>], slot: &mut Slot, index: u32) {
    match slot
        .last
        .replace(index)
        .and_then(|last| entry_at(entries, last))
    {
        Some(last) => last.next = Some(index),
        None => slot.first = Some(index),
    }
}

fn entry_at<T>(entries: &mut [Entry<T>], index: u32) -> Option<&mut Entry<T>> {
    entries.get_mut(usize::try_from(index).ok()?)
}

fn slot_of(slots: &mut [Slot], tick: u64) -> Option<&mut Slot> {
    slots.get_mut(usize::try_from(tick % SLOTS).ok()?)
}

fn slot_at(slots: &[Slot], tick: u64) -> Option<&Slot> {
    slots.get(usize::try_from(tick % SLOTS).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: u64 = 1_000_000_000_123;
    const TURN_US: u64 = SLOTS * GRANULARITY_US;

    fn take(wheel: &mut Wheel<u64>, now_us: u64) -> Vec<u64> {
        let mut out = Vec::new();
        wheel.due(now_us, &mut out);
        out
    }

    #[test]
    fn nothing_leaves_early_or_a_slot_late_and_all_leaves_in_order() {
        let mut wheel = Wheel::new(WAITING_MAX);
        assert!(take(&mut wheel, START_US).is_empty());
        let mut seed: u64 = 7;
        let mut random = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963);
            seed >> 33
        };
        let (mut now, mut put, mut got) = (START_US, 0, 0);
        while now < START_US + 20_000_000 {
            for _ in 0..random() % 4 {
                let leave = now + random() % 12_000_000;
                assert!(wheel.insert(leave, leave).is_ok());
                put += 1;
            }
            let before = now;
            now += random() % if put % 1000 == 0 { 3_000_000 } else { 3_000 };
            let next = wheel.next_us();
            let out = take(&mut wheel, now);
            assert!(out.is_sorted());
            for leave in &out {
                assert!(*leave <= now, "early by {}", leave - now);
                assert!(*leave + GRANULARITY_US > before, "stayed behind");
                assert!(next.unwrap() <= now, "would have slept");
            }
            got += out.len();
        }
        got += take(&mut wheel, now + 2 * TURN_US).len();
        assert_eq!((got, wheel.len(), wheel.next_us()), (put, 0, None));
    }

    #[test]
    fn next_us_is_when_something_leaves() {
        let mut wheel = Wheel::new(10);
        take(&mut wheel, START_US);
        for delay in [5_000_000, 100_001, TURN_US + 50_000] {
            wheel.insert(START_US + delay, delay).unwrap();
        }
        for delay in [100_001, 5_000_000, TURN_US + 50_000] {
            let next = wheel.next_us().unwrap();
            assert!((START_US + delay..START_US + delay + GRANULARITY_US).contains(&next));
            assert!(take(&mut wheel, next - 1).is_empty());
            assert_eq!(take(&mut wheel, next), [delay]);
        }
        assert_eq!(wheel.next_us(), None);
    }

    #[test]
    fn what_comes_too_late_leaves_at_once() {
        let mut wheel = Wheel::new(10);
        take(&mut wheel, START_US);
        wheel.insert(START_US - 5_000_000, 1).unwrap();
        assert!(wheel.next_us().unwrap() <= START_US);
        assert_eq!(take(&mut wheel, START_US), [1]);
    }

    #[test]
    fn a_full_wheel_gives_back_and_holds_no_more_memory() {
        let mut wheel = Wheel::new(3);
        for round in 0..1_000 {
            let now = START_US + round * 1_000_000;
            for n in 0..3 {
                wheel.insert(now + n * 10_000, n).unwrap();
            }
            assert_eq!(wheel.insert(now, 9), Err(9));
            assert_eq!(take(&mut wheel, now + 999_000), [0, 1, 2]);
        }
        assert_eq!(wheel.entries.len(), 3);
    }
}
