//! The sign-ins of a batch as octets: what one commit writes of the people in it.
//!
//! ```text
//! version (1) | number | revision | length | auth row | number ... | checksum (4)
//! ```
//! The numbers are those of the store for people; the auth rows are made by [`super::auth_row`] and
//! end in sums of their own. The checksum is bound to the number of the batch, so that a row under
//! another one is found out. A higher version is refused.
//!
//! Reading never panics and allocates nothing.

use std::ops::Range;

use super::auth_row;
use super::octets::{Damage, Put as _, SUM_OCTETS, Taker, checksum};

/// Version of the layout.
pub const VERSION: u8 = 1;

/// The auth state of a person after a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// The person's number in the store.
    pub rowid: i64,
    /// The revision of the state.
    pub revision: u64,
    /// Its row, as [`auth_row`] makes it.
    pub body: &'a [u8],
}

/// A row in the making.
#[derive(Clone, Debug, Default)]
pub struct RedoRow {
    octets: Vec<u8>,
    /// Number, revision and place of each state.
    index: Vec<(i64, u64, Range<usize>)>,
}

impl RedoRow {
    /// Empties it and keeps its room.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.index.clear();
    }

    /// Adds a state.
    pub fn push(&mut self, state: State<'_>) {
        if self.octets.is_empty() {
            self.octets.push(VERSION);
        }
        self.octets.put_number(state.rowid.cast_unsigned());
        self.octets.put_number(state.revision);
        let length = u64::try_from(state.body.len()).unwrap_or(u64::MAX);
        self.octets.put_number(length);
        let start = self.octets.len();
        self.octets.extend_from_slice(state.body);
        let place = start..self.octets.len();
        self.index.push((state.rowid, state.revision, place));
    }

    /// The states in it, in the order in which they came.
    pub fn states(&self) -> impl DoubleEndedIterator<Item = State<'_>> {
        self.index.iter().map(|(rowid, revision, place)| State {
            rowid: *rowid,
            revision: *revision,
            body: self.octets.get(place.clone()).unwrap_or_default(),
        })
    }

    /// Ends the row of this batch; none if there is nothing in it.
    pub fn seal(&mut self, batch: i64) -> Option<&[u8]> {
        if self.octets.is_empty() {
            return None;
        }
        let sum = checksum(&batch.to_be_bytes(), &self.octets);
        self.octets.extend_from_slice(&sum.to_le_bytes());
        Some(&self.octets)
    }
}

/// Reads the row of a batch, and gives each state to `each`.
///
/// # Errors
/// [`Damage`]: it was not made by [`RedoRow::seal`] for this batch in this version, or has changed
/// since. Some states may have been given by then.
pub fn read(batch: i64, row: &[u8], mut each: impl FnMut(State<'_>)) -> Result<(), Damage> {
    let (content, sum) = row.split_last_chunk::<SUM_OCTETS>().ok_or(Damage::Length)?;
    if checksum(&batch.to_be_bytes(), content) != u32::from_le_bytes(*sum) {
        return Err(Damage::Checksum);
    }
    let mut taker = Taker(content);
    let version = taker.octet()?;
    if version != VERSION {
        return Err(Damage::Newer {
            found: u64::from(version),
            known: u64::from(VERSION),
        });
    }
    while !taker.is_empty() {
        let rowid = taker.number()?.cast_signed();
        let revision = taker.number()?;
        let length = taker.number()?;
        let body = taker.octets(length)?;
        if body.len() > auth_row::ROW_OCTETS_MAX {
            return Err(Damage::Length);
        }
        each(State {
            rowid,
            revision,
            body,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State<'_>; 3] = [
        State {
            rowid: 1,
            revision: 300,
            body: b"one",
        },
        State {
            rowid: i64::MAX,
            revision: u64::MAX,
            body: &[0; 200],
        },
        State {
            rowid: 1,
            revision: 301,
            body: b"",
        },
    ];

    fn row(batch: i64) -> Vec<u8> {
        let mut row = RedoRow::default();
        for state in STATES {
            row.push(state);
        }
        assert_eq!(row.states().collect::<Vec<_>>(), STATES);
        let sealed = row.seal(batch).unwrap().to_vec();
        row.clear();
        assert_eq!((row.states().count(), row.seal(batch)), (0, None));
        sealed
    }

    #[test]
    fn reads_what_was_written_of_this_batch_only() {
        let row = row(7);
        let mut read_back = STATES.iter();
        read(7, &row, |state| assert_eq!(Some(&state), read_back.next())).unwrap();
        assert_eq!(read_back.next(), None);
        assert_eq!(read(8, &row, |_| ()), Err(Damage::Checksum));
    }

    #[test]
    fn finds_every_changed_bit_and_every_cut() {
        let row = row(7);
        for bit in 0..row.len() * 8 {
            let mut changed = row.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(7, &changed, |_| ()).is_err(), "bit {bit}");
        }
        for length in 0..row.len() {
            assert!(read(7, &row[..length], |_| ()).is_err(), "length {length}");
        }
    }

    #[test]
    fn refuses_a_higher_version() {
        let mut row = vec![VERSION + 1];
        row.extend(checksum(&7_i64.to_be_bytes(), &row).to_le_bytes());
        let newer = Damage::Newer { found: 2, known: 1 };
        assert_eq!(read(7, &row, |_| ()), Err(newer));
    }
}
