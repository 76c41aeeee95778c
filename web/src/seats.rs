//! Seats: a bounded number of connections, in all and of one source.
//!
//! A source is an address, and of IPv6 a network of 64 bits, which is what one household or one
//! server has to choose from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Who connects, as far as shares go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => {
                let network = six.to_bits() & (u128::MAX << 64);
                Self(Ipv6Addr::from_bits(network).into())
            }
            four => Self(four),
        }
    }
}

/// All seats.
#[derive(Debug)]
pub struct Seats {
    taken: Mutex<HashMap<Source, usize>>,
    all_max: usize,
    source_max: usize,
}

/// One seat; free again when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    source: Source,
}

impl Seats {
    /// So many seats, of which one source may have so many.
    #[must_use]
    pub fn new(all_max: usize, source_max: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            all_max,
            source_max,
        })
    }

    /// Takes a seat; none: all are taken, or all that this source may have.
    #[must_use]
    pub fn take(self: &Arc<Self>, source: Source) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.all_max {
            return None;
        }
        let own = taken.entry(source).or_default();
        if *own >= self.source_max {
            return None;
        }
        *own += 1;
        Some(Seat {
            seats: Arc::clone(self),
            source,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let seats = &self.seats.taken;
        let mut taken = seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn one_source_has_its_share_and_all_have_an_end() {
        let seats = Seats::new(3, 2);
        let one = seats.take(source("192.0.2.1")).unwrap();
        let _two = seats.take(source("192.0.2.1")).unwrap();
        assert!(seats.take(source("192.0.2.1")).is_none());
        let _three = seats.take(source("192.0.2.2")).unwrap();
        assert!(seats.take(source("192.0.2.3")).is_none());
        drop(one);
        let four = seats.take(source("192.0.2.3")).unwrap();
        drop(four);
        assert_eq!(seats.taken.lock().unwrap().len(), 2, "nobody is remembered");
    }

    #[test]
    fn a_network_is_one_source() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
