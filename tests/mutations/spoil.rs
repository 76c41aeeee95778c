//! Ways to spoil a request.

use crate::common::chance::Chance;
use crate::common::gateway::signature;
use crate::reading::{attributes, packet};

const HEADER: usize = 20;
const PACKET_OCTETS_MAX: usize = 4096;
const MESSAGE_AUTHENTICATOR: u8 = 80;
/// Types that mean something to a server, to be put where they do not belong.
const TYPES: [u8; 14] = [0, 1, 2, 3, 4, 24, 25, 26, 31, 33, 60, 79, 80, 241];

/// Changes a request; half of the time it is signed again afterwards.
pub(crate) fn spoil(request: &[u8], secret: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut octets = request.to_vec();
    for _ in 0..=chance.below(3) {
        once(&mut octets, chance);
        octets.truncate(PACKET_OCTETS_MAX + 64);
    }
    if chance.coin() {
        sign(&mut octets, secret);
    }
    octets
}

fn once(octets: &mut Vec<u8>, chance: &mut Chance) {
    match chance.below(12) {
        0 | 1 => flip(octets, chance),
        2 => {
            octets.truncate(chance.below(octets.len() + 1));
            if chance.coin() {
                set_length(octets);
            }
        }
        3 => {
            let length = octets.len() + chance.below(64);
            octets.resize(length, chance.octet());
            if chance.coin() {
                set_length(octets);
            }
        }
        4 => {
            let length = chance.octets::<2>();
            if let Some(field) = octets.get_mut(2..4) {
                field.copy_from_slice(&length);
            }
        }
        5 => {
            if let Some(code) = octets.first_mut() {
                *code = chance.octet() % 16;
            }
        }
        6 => {
            let at = chance.below(octets.len());
            let piece = chance.octets::<9>();
            let end = (at + chance.below(9)).min(octets.len());
            octets.splice(at.min(end)..end, piece);
        }
        7 => crowd(octets, chance),
        _ => surgery(octets, chance),
    }
}

fn flip(octets: &mut [u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(octets.len());
        if let Some(octet) = octets.get_mut(at) {
            *octet ^= 1 << chance.below(8);
        }
    }
}

/// Many small attributes: up to more than a server takes.
fn crowd(octets: &mut Vec<u8>, chance: &mut Chance) {
    let kind = TYPES[chance.below(TYPES.len())];
    for _ in 0..chance.below(260) {
        octets.extend_from_slice(&[kind, 3, chance.octet()]);
    }
    set_length(octets);
}

/// Moves, doubles, removes, renames, resizes or adds whole attributes.
fn surgery(octets: &mut Vec<u8>, chance: &mut Chance) {
    let mut parts: Vec<Vec<u8>> = match packet(octets).and_then(attributes) {
        Some(found) if !found.is_empty() => found
            .iter()
            .map(|(_, at, value)| octets[at - 2..at + value.len()].to_vec())
            .collect(),
        _ => return flip(octets, chance),
    };
    let (one, other) = (chance.below(parts.len()), chance.below(parts.len()));
    match chance.below(7) {
        0 => parts.swap(one, other),
        1 => parts.push(parts[one].clone()),
        2 => {
            parts.remove(one);
        }
        3 => parts[one][0] = TYPES[chance.below(TYPES.len())],
        4 => parts[one][1] = chance.octet(),
        5 => {
            let length = u8::try_from(chance.below(40) + 2).unwrap();
            let mut added = vec![TYPES[chance.below(TYPES.len())], length];
            added.extend((2..length).map(|_| chance.octet()));
            parts.insert(one, added);
        }
        _ => {
            let piece = chance.octets::<5>();
            parts[one].extend_from_slice(&piece);
            if let Ok(length) = u8::try_from(parts[one].len()) {
                parts[one][1] = length;
            }
        }
    }
    octets.truncate(HEADER);
    octets.extend(parts.concat());
    set_length(octets);
}

fn set_length(octets: &mut [u8]) {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    if let Some(field) = octets.get_mut(2..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Signs at the first Message-Authenticator, if it still has its form.
fn sign(octets: &mut [u8], secret: &[u8]) {
    let Some(whole) = packet(octets) else { return };
    let length = whole.len();
    let place = attributes(whole)
        .into_iter()
        .flatten()
        .find_map(|(kind, at, value)| {
            (kind == MESSAGE_AUTHENTICATOR && value.len() == 16).then_some(at)
        });
    let Some(at) = place else { return };
    octets[at..at + 16].fill(0);
    let right = signature(&octets[..length], secret);
    octets[at..at + 16].copy_from_slice(&right);
}
