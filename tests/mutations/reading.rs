//! What a request says, read by hand: nothing of the decoder under test is used here.

use md5::{Digest, Md5};

use crate::common::gateway::signature;

const HEADER: usize = 20;
const ACCESS_REQUEST: u8 = 1;
const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// What may become of a datagram.
pub(crate) struct Reading {
    /// It has one Message-Authenticator, and that is right. If not, there must be no answer.
    pub(crate) authentic: bool,
    /// Name and passcode of an authentic Access-Request.
    pub(crate) login: Option<(Vec<u8>, Vec<u8>)>,
}

const NOTHING: Reading = Reading {
    authentic: false,
    login: None,
};

/// Reads a datagram as a gateway with this secret would have meant it.
pub(crate) fn read(datagram: &[u8], secret: &[u8]) -> Reading {
    let Some(packet) = packet(datagram) else {
        return NOTHING;
    };
    let Some(attributes) = attributes(packet) else {
        return NOTHING;
    };
    let mut signatures = attributes
        .iter()
        .filter(|(kind, ..)| *kind == MESSAGE_AUTHENTICATOR);
    let (Some((_, at, value)), None) = (signatures.next(), signatures.next()) else {
        return NOTHING;
    };
    let mut unsigned = packet.to_vec();
    unsigned.get_mut(*at..at + value.len()).unwrap().fill(0);
    if value.len() != 16 || signature(&unsigned, secret)[..] != **value {
        return NOTHING;
    }
    let first = |wanted| {
        attributes
            .iter()
            .find(|(kind, ..)| *kind == wanted)
            .map(|(_, _, value)| value.to_vec())
    };
    let login = || {
        let hidden = first(USER_PASSWORD)?;
        Some((
            first(USER_NAME)?,
            reveal(&hidden, secret, &packet[4..HEADER]),
        ))
    };
    let login = if packet[0] == ACCESS_REQUEST {
        login()
    } else {
        None
    };
    Reading {
        authentic: true,
        login,
    }
}

/// The octets that the Length field counts.
pub(crate) fn packet(datagram: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
    datagram
        .get(..length)
        .filter(|_| (HEADER..=4096).contains(&length))
}

/// Type, place of the value, and value; none if they do not fill the packet.
pub(crate) fn attributes(packet: &[u8]) -> Option<Vec<(u8, usize, &[u8])>> {
    let mut found = Vec::new();
    let mut at = HEADER;
    while at < packet.len() {
        let length = usize::from(*packet.get(at + 1)?);
        let value = packet.get(at + 2..at + length)?;
        found.push((packet[at], at + 2, value));
        at += length;
    }
    Some(found)
}

// RFC 2865 s5.2: each block is hidden under MD5 of the secret and the block before it. What is no row
// of whole blocks holds no passcode, although the first octets of one may be made out in it.
fn reveal(hidden: &[u8], secret: &[u8], authenticator: &[u8]) -> Vec<u8> {
    let mut clear = Vec::new();
    if !hidden.len().is_multiple_of(16) {
        return clear;
    }
    let mut before = authenticator.to_vec();
    for block in hidden.chunks(16) {
        let mask = Md5::new()
            .chain_update(secret)
            .chain_update(&before)
            .finalize();
        clear.extend(block.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
        before = block.to_vec();
    }
    while clear.last() == Some(&0) {
        clear.pop();
    }
    clear
}
