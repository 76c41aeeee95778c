//! The bounds of the cache, and that nothing is lost or kept by mistake when they are reached.

use std::net::SocketAddr;

use super::*;

const LIMITS: Limits = Limits {
    entries_max: 8,
    octets_max: 1_000,
    gateway_entries_max: 6,
    gateway_in_progress_max: 6,
    gateway_octets_max: 800,
};

type Cache = Duplicates<u32>;

fn cache() -> Cache {
    Duplicates::new(LIMITS, HashKeys::new([7; 16]), 2)
}

fn key(identifier: u8) -> Key {
    Key::new(0, SocketAddr::from(([192, 0, 2, 1], 1645)), 1, identifier)
}

fn open(cache: &mut Cache, identifier: u8, share: usize, now_us: u64) -> Result<Ticket, Full> {
    let digest = [identifier; 32];
    cache.open(key(identifier), digest, share, 20, 0, now_us)
}

fn answer(cache: &mut Cache, ticket: Ticket, octets: usize, leave_us: u64, now_us: u64) {
    cache.close(ticket, &Arc::from(vec![0; octets]), leave_us, now_us);
}

/// Takes a request in and answers it at once.
fn answered(cache: &mut Cache, identifier: u8, share: usize, now_us: u64) {
    let ticket = open(cache, identifier, share, now_us).unwrap();
    answer(cache, ticket, 50, now_us, now_us);
}

fn look(cache: &mut Cache, identifier: u8, now_us: u64) -> &'static str {
    match cache.look(&key(identifier), &[identifier; 32], now_us) {
        Found::New => "new",
        Found::InProgress => "in progress",
        Found::Answered(_) => "answered",
        Found::NotKept => "not kept",
    }
}

#[test]
fn the_oldest_answered_goes_first() {
    let mut cache = cache();
    let held = open(&mut cache, 0, 0, 0).unwrap();
    for identifier in 1..6 {
        answered(&mut cache, identifier, 0, u64::from(identifier));
    }
    answered(&mut cache, 6, 0, 6);
    assert_eq!(look(&mut cache, 1, 7), "new");
    assert_eq!(look(&mut cache, 2, 7), "answered");
    assert_eq!(look(&mut cache, 0, 7), "in progress");
    // The other share has room of its own, then the whole cache is full.
    answered(&mut cache, 11, 1, 7);
    answered(&mut cache, 12, 1, 8);
    answered(&mut cache, 13, 1, 9);
    assert_eq!(look(&mut cache, 2, 9), "new");
    assert_eq!(cache.used().entries, 8);
    assert!(cache.pending(held).is_some());
}

#[test]
fn what_is_in_progress_is_never_evicted() {
    let mut cache = cache();
    let tickets: Vec<_> = (0..6).map(|i| open(&mut cache, i, 0, 0).unwrap()).collect();
    assert_eq!(open(&mut cache, 6, 0, 0), Err(Full::Share));
    for identifier in 10..12 {
        let _ = open(&mut cache, identifier, 1, 0).unwrap();
    }
    assert_eq!(open(&mut cache, 12, 1, 0), Err(Full::Cache));
    assert!(tickets.iter().all(|it| cache.pending(*it).is_some()));
    // A Reject that has not left counts as in progress; one that has does not.
    answer(&mut cache, tickets[0], 50, 1_000, 10);
    assert_eq!(open(&mut cache, 6, 0, 999), Err(Full::Share));
    assert_eq!(look(&mut cache, 0, 999), "in progress");
    assert_eq!(look(&mut cache, 0, 1_000), "answered");
    assert!(open(&mut cache, 6, 0, 1_000).is_ok());
    assert_eq!(look(&mut cache, 0, 1_000), "new");
}

#[test]
fn a_waiting_reject_does_not_shield_what_has_left() {
    let mut cache = cache();
    for identifier in 0..3 {
        let ticket = open(&mut cache, identifier, 0, 0).unwrap();
        answer(&mut cache, ticket, 50, 5_000, 0);
    }
    for identifier in 3..6 {
        answered(&mut cache, identifier, 0, 1);
    }
    for (identifier, gone) in [(6, 3), (7, 4), (8, 5)] {
        let _ = open(&mut cache, identifier, 0, 2).unwrap();
        assert_eq!(look(&mut cache, gone, 2), "new");
    }
    assert_eq!(open(&mut cache, 9, 0, 2), Err(Full::Share));
    assert_eq!(look(&mut cache, 0, 6_000), "answered");
}

#[test]
fn octets_are_bounded() {
    let mut cache = cache();
    let first = open(&mut cache, 0, 0, 0).unwrap();
    answer(&mut cache, first, 600, 9_000, 0);
    let second = open(&mut cache, 1, 0, 0).unwrap();
    answer(&mut cache, second, 500, 0, 0);
    let octets = |cache: &Cache| cache.used().octets;
    assert_eq!((look(&mut cache, 1, 1), octets(&cache)), ("not kept", 600));
    // The other gateway has a share of its own, and then all octets are taken.
    let third = open(&mut cache, 2, 1, 0).unwrap();
    answer(&mut cache, third, 380, 9_000, 0);
    let fourth = open(&mut cache, 3, 1, 0).unwrap();
    answer(&mut cache, fourth, 390, 0, 0);
    assert_eq!((look(&mut cache, 3, 1), octets(&cache)), ("not kept", 980));
    assert_eq!(look(&mut cache, 0, 9_000), "answered");
    let refused = |cache: &mut Cache, octets| cache.open(key(4), [4; 32], 1, octets, 0, 9_000);
    assert_eq!(refused(&mut cache, 801), Err(Full::Share));
    assert!(refused(&mut cache, 800).is_ok());
    assert_eq!(look(&mut cache, 0, 9_000), "new");
    assert_eq!(octets(&cache), 800);
}

#[test]
fn another_request_under_the_same_key_voids_the_ticket() {
    let mut cache = cache();
    let old = open(&mut cache, 1, 0, 0).unwrap();
    assert!(matches!(cache.look(&key(1), &[9; 32], 1), Found::New));
    assert!(cache.pending(old).is_none() && cache.origin(old).is_none());
    let new = cache.open(key(1), [9; 32], 0, 20, 5, 1).unwrap();
    assert_eq!((old.slot, cache.pending(new)), (new.slot, Some(&5)));
    assert!(cache.pending(old).is_none() && cache.origin(old).is_none());
    answer(&mut cache, old, 50, 1, 1);
    assert!(!cache.abandon(old));
    assert!(matches!(
        cache.look(&key(1), &[9; 32], 1),
        Found::InProgress
    ));
    assert!(cache.abandon(new));
    assert_eq!(cache.used(), CacheUse::default());
}

// test of RFC 5080 s2.2.2
#[test]
fn an_answer_is_kept_for_30_seconds_after_it_left() {
    let mut cache = cache();
    let ticket = open(&mut cache, 1, 0, 0).unwrap();
    answer(&mut cache, ticket, 50, 1_000_000, 500);
    assert_eq!(look(&mut cache, 1, 30_999_999), "answered");
    assert_eq!(look(&mut cache, 1, 31_000_000), "new");
    assert_eq!(cache.used(), CacheUse::default());
}

#[test]
fn shares_follow_their_gateways() {
    let mut cache = cache();
    let gone = open(&mut cache, 0, 0, 0).unwrap();
    answered(&mut cache, 1, 0, 0);
    let kept = open(&mut cache, 2, 1, 0).unwrap();
    answered(&mut cache, 3, 1, 0);
    cache.renumber(&[None, Some(0)], 1);
    assert!(cache.pending(gone).is_none());
    assert_eq!(cache.origin(kept), Some((0, 0)));
    assert_eq!(
        (look(&mut cache, 1, 1), look(&mut cache, 3, 1)),
        ("new", "answered")
    );
    assert_eq!(cache.used().entries, 2);
    for identifier in 10..15 {
        let _ = open(&mut cache, identifier, 0, 1).unwrap();
    }
    assert_eq!(look(&mut cache, 3, 1), "new");
    assert_eq!(open(&mut cache, 15, 0, 1), Err(Full::Share));
}

/// What waits for its judgement is a share as well: who is answered makes room, the other has its own.
#[test]
fn one_gateway_does_not_take_all_places_where_requests_wait() {
    let limits = Limits {
        gateway_in_progress_max: 2,
        ..LIMITS
    };
    let mut cache = Duplicates::new(limits, HashKeys::new([7; 16]), 2);
    let first = open(&mut cache, 0, 0, 0).unwrap();
    let second = open(&mut cache, 1, 0, 0).unwrap();
    assert_eq!(open(&mut cache, 2, 0, 0), Err(Full::Share));
    assert!(open(&mut cache, 3, 1, 0).is_ok());
    answer(&mut cache, first, 50, 9_000, 0);
    assert!(open(&mut cache, 2, 0, 0).is_ok());
    assert_eq!(open(&mut cache, 4, 0, 0), Err(Full::Share));
    assert!(cache.abandon(second));
    assert!(open(&mut cache, 4, 0, 0).is_ok());
}

/// Any order of calls leaves the counts right and the bounds kept.
#[test]
fn counts_stay_right_whatever_happens() {
    let mut cache = cache();
    let (mut random, mut tickets) = (1_u64, Vec::new());
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for step in 0..20_000_u64 {
        let now_us = step * 20_000;
        let identifier = u8::try_from(next(16)).unwrap();
        match next(5) {
            0 | 1 => {
                let digest = [u8::try_from(next(2)).unwrap(); 32];
                if matches!(cache.look(&key(identifier), &digest, now_us), Found::New) {
                    let share = usize::from(identifier % 2);
                    tickets.extend(cache.open(key(identifier), digest, share, 20, 0, now_us));
                }
            }
            2 | 3 if !tickets.is_empty() => {
                let ticket =
                    tickets.swap_remove(usize::try_from(next(tickets.len() as u64)).unwrap());
                answer(&mut cache, ticket, 250, now_us + next(2_000_000), now_us);
            }
            4 if !tickets.is_empty() => {
                cache.abandon(tickets.swap_remove(0));
            }
            _ => {}
        }
        let entries: Vec<_> = cache.slots.iter().flatten().collect();
        let used = cache.used();
        assert_eq!(used.entries, entries.len());
        assert_eq!(used.entries, cache.by_key.len());
        assert_eq!(
            used.octets,
            entries.iter().map(|it| it.octets).sum::<usize>()
        );
        let in_progress = entries
            .iter()
            .filter(|it| matches!(it.state, State::InProgress(_)));
        assert_eq!(used.in_progress, in_progress.count());
        let each: Vec<_> = cache.shares.iter().map(|it| it.in_progress).collect();
        assert_eq!(each.iter().sum::<usize>(), used.in_progress);
        for (number, share) in cache.shares.iter().enumerate() {
            let of_share = entries.iter().filter(|it| it.share == number).count();
            assert_eq!(share.entries, of_share);
            let of_share_octets = entries.iter().filter(|it| it.share == number);
            let octets: usize = of_share_octets.map(|it| it.octets).sum();
            assert_eq!(share.octets, octets);
            assert!(share.octets <= LIMITS.gateway_octets_max);
            assert!(of_share <= LIMITS.gateway_entries_max);
        }
        assert!(used.entries <= LIMITS.entries_max && used.octets <= LIMITS.octets_max);
        assert_eq!(cache.slots.len(), used.entries + cache.free.len());
    }
}
