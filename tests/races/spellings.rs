//! The same code, and the same person, in many spellings at the same time.

use std::collections::BTreeSet;

use crate::common::daemon::Site;
use crate::common::gateway::ACCEPT;
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::{NO_LOCK, at_once};

/// What people and programs put before, between and behind digits.
const SIGNS: [&str; 16] = [
    " ", "  ", "\t", "\n", "\r\n", "-", ".", ",", ":", "_", "'", "0", "\u{a0}", "\u{200b}",
    "\u{ad}", "\u{2007}",
];

/// The zero of digits that Unicode calls decimal, beside the ASCII ones.
const ZEROS: [u32; 14] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0e50, 0x1040, 0x17e0, 0xff10, 0x1_d7ce, 0x1_d7d8,
    0x1_d7e2, 0x1_d7ec, 0x1_d7f6,
];

/// Letters that another script has under the same shape, or that only look like those of `alice`.
const LOOKALIKES: [&str; 12] = [
    "\u{430}lice",
    "al\u{456}ce",
    "ali\u{441}e",
    "alic\u{435}",
    "\u{3b1}lice",
    "a\u{6c}\u{131}ce",
    "al\u{131}ce",
    "a1ice",
    "aIice",
    "\u{251}lice",
    "\u{e1}lice",
    "ali\u{e7}e",
];

// test of CVE-2025-55000
#[test]
fn a_code_in_two_hundred_spellings_at_once_is_accepted_once_and_as_it_is() {
    let mut alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), NO_LOCK).start();
    let gateway = daemon.gateway("gw-none");
    let code = alice.code();
    let mut spellings = spellings_of(&code);
    assert!(spellings.len() >= 200, "{}", spellings.len());
    spellings.insert(spellings.len() / 2, code.clone());
    let asked: Vec<_> = spellings
        .iter()
        .map(|spelling| ("alice".to_owned(), spelling.clone()))
        .collect();
    // While the code is fresh, and when it has been used.
    for accepts in [vec![&code], Vec::new()] {
        let replies = at_once(&gateway, &asked);
        let accepted: Vec<_> = spellings
            .iter()
            .zip(replies)
            .filter_map(|(spelling, reply)| (reply == ACCEPT).then_some(spelling))
            .collect();
        assert_eq!(accepted, accepts);
    }
    gateway.lets_in("alice", &alice.code());
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
}

// test of CVE-2020-12812
#[test]
fn five_hundred_spellings_of_a_name_share_one_counter() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    let names = names_of("alice");
    assert!(names.len() >= 500, "{}", names.len());
    let count = names.len();
    let code = alice.code();
    let wrong: Vec<_> = names.iter().cloned().zip(alice.wrong_codes()).collect();
    assert!(!at_once(&gateway, &wrong).contains(&ACCEPT));
    let right: Vec<_> = names.into_iter().map(|name| (name, code.clone())).collect();
    assert!(!at_once(&gateway, &right).contains(&ACCEPT), "too late");
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.rejects("alice", "bad_code"), 5, "judged");
    assert_eq!(ledger.rejects("alice", "locked"), 2 * count - 5);
}

// test of CVE-2020-12812
#[test]
fn five_hundred_spellings_of_a_name_share_one_token_and_none_gets_in_without_a_code() {
    let mut alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), NO_LOCK).start();
    let names = names_of("alice");
    let with = |passcode: &str| -> Vec<_> {
        let asked = |name: &String| (name.clone(), passcode.to_owned());
        names.iter().map(asked).collect()
    };
    for (gateway, passcode) in [("gw-gateway", ""), ("gw-pin", PIN), ("gw-none", "")] {
        let replies = at_once(&daemon.gateway(gateway), &with(passcode));
        assert!(!replies.contains(&ACCEPT), "{gateway}");
    }
    // Names that are not hers neither get in with her code nor use it up.
    let gateway = daemon.gateway("gw-none");
    let code = alice.code();
    let others: Vec<_> = others_than("alice")
        .into_iter()
        .map(|name| (name, code.clone()))
        .collect();
    assert!(!at_once(&gateway, &others).contains(&ACCEPT));
    let replies = at_once(&gateway, &with(&code));
    let accepts = replies.into_iter().filter(|reply| *reply == ACCEPT).count();
    assert_eq!(accepts, 1, "one token, one use");
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
    assert_eq!(ledger.count("auth.replay", "alice"), names.len() - 1);
}

/// What a person, a keyboard or an attacker could make of a code; none of it is the code.
fn spellings_of(code: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for sign in SIGNS {
        for at in 0..=code.len() {
            let (front, back) = code.split_at(at);
            found.insert(format!("{front}{sign}{back}"));
        }
    }
    for zero in ZEROS {
        let other = |digit: char| {
            let value = digit.to_digit(10).unwrap();
            char::from_u32(zero + value).unwrap()
        };
        found.insert(code.chars().map(other).collect());
        for at in 0..code.len() {
            let one = |(place, digit)| if place == at { other(digit) } else { digit };
            found.insert(code.chars().enumerate().map(one).collect());
        }
    }
    let around = [
        ("+", ""),
        ("-", ""),
        ("\"", "\""),
        ("'", "'"),
        ("(", ")"),
        ("0x", ""),
        ("\u{feff}", ""),
        ("\u{202d}", "\u{202c}"),
        ("", ".0"),
        ("", "e0"),
        ("", "\0\0\u{1}"),
        ("\0", ""),
        ("", "\u{20e3}"),
        ("000000", ""),
        (PIN, ""),
        ("", PIN),
    ];
    found.extend(
        around
            .iter()
            .map(|(before, behind)| format!("{before}{code}{behind}")),
    );
    found.insert(format!("{code}{code}"));
    found.into_iter().collect()
}

/// Every mixture of small, great, wide small and wide great letters.
fn names_of(name: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    for letter in name.chars() {
        let wide = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap();
        let great = letter.to_ascii_uppercase();
        let forms = [letter, great, wide(letter), wide(great)];
        names = names
            .iter()
            .flat_map(|name| forms.map(|form| format!("{name}{form}")))
            .collect();
    }
    names.into_iter().step_by(2).collect()
}

/// Names that a careless comparison could take for this one.
fn others_than(name: &str) -> Vec<String> {
    let mut names: Vec<String> = LOOKALIKES.map(str::to_owned).to_vec();
    for sign in SIGNS
        .iter()
        .chain(&["\0", "\u{7}", "\u{200d}", "%00", "\u{301}"])
    {
        names.push(format!("{sign}{name}"));
        names.push(format!("{name}{sign}"));
    }
    for domain in ["corp", "example.org", "alice", "."] {
        names.push(format!("{domain}\\{name}"));
        names.push(format!("{name}@{domain}"));
        names.push(format!("{domain}/{name}"));
    }
    names
}
