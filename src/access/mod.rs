//! The only glue between RADIUS and the rules: pure.
//!
//! ```text
//! datagram -> receive -> Drop | Resend | Reply | Attempt -> (engine) -> answer -> octets to send
//!             D1 gateway, signature     D2 duplicates      D3, D4 the attempt
//! ```
//!
//! [`Access`] owns the gateway table, the duplicate cache and the statistics. It sees bytes, an
//! address and the time, and says what to do; whoever calls it has the sockets. One thread owns it;
//! what it costs is a few hashes for each datagram, and nothing of a datagram is looked at or kept
//! before its sender has proven to know the secret (or the gateway is allowed not to).
//!
//! An Attempt comes with a [`Ticket`]; exactly one of [`Access::answer`] and [`Access::abandon`] has
//! to follow, else its place in the cache stays taken. A Reject leaves at the time its [`Answer`]
//! says; until then a retransmitted request is dropped like one in progress.

mod drop_reason;
mod duplicates;
#[cfg(test)]
mod fixture;
mod gateway;
mod key;
mod primed;
mod queue;
mod read;
mod reply;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use drop_reason::DropReason;
pub use duplicates::{ANSWER_KEPT, CacheUse, Limits, Ticket};
pub use gateway::{Gateway, GatewayTable, GatewayTableError};
pub use primed::{PRIMED_MAX, PrimedVerdict};
pub use read::TEXT_CHARS_MAX;
pub use reply::ReplyKind;
pub use stats::{
    ADDRESSES_MAX, Addresses, Counts, Drops, GatewayStatistics, Run, Signing, Statistics, Stranger,
    WINDOW_MINUTES, Window,
};

use duplicates::{Duplicates, Found, Full};
use key::{HashKeys, Key};
use primed::{Known, Primed};
use read::Reader;
use reply::{Asked, Pending, Saying};

use crate::domain::attempt::Attempt;
use crate::domain::verdict::Verdict;
use crate::radius::{AttributeType, Code, MessageAuthenticatorCheck, PACKET_OCTETS_MAX, Packet};
use crate::secret::{SecretBytes, SecretKey};
use crate::time::Now;

/// Random keys, drawn once for each run of the daemon.
pub struct Keys {
    /// Keeps senders from choosing where their requests fall in the cache.
    pub hash: [u8; 16],
    /// Makes pseudonyms of names that may be passwords; the same key gives the same pseudonyms.
    pub pseudonym: SecretKey,
}

/// What to do with a datagram.
#[expect(clippy::large_enum_variant, reason = "most are attempts")]
#[must_use]
pub enum Action {
    /// Nothing.
    Drop(DropReason),
    /// Send these octets, which answered the same request before.
    Resend {
        /// The reply as it was.
        octets: Arc<[u8]>,
    },
    /// Send the octets in the scratch buffer, at once.
    Reply,
    /// Judge this, then answer or abandon the ticket.
    Attempt {
        /// What to judge.
        attempt: Attempt,
        /// The right to answer it.
        ticket: Ticket,
    },
}

/// A reply to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// What to send.
    pub octets: Arc<[u8]>,
    /// Where to.
    pub peer: SocketAddr,
    /// From which socket.
    pub socket: u16,
    /// When, on the monotonic clock; never earlier.
    pub leave_us: u64,
}

/// The door between datagrams and attempts.
pub struct Access {
    table: GatewayTable,
    /// Beside the table's gateways.
    counts: Vec<GatewayStatistics>,
    strangers: Addresses<Stranger>,
    strangers_window: Window,
    duplicates: Duplicates<Pending>,
    primed: Primed,
    reader: Reader,
    buffer: Vec<u8>,
}

/// A packet that has passed D1.
struct Checked<'a> {
    packet: &'a Packet<'a>,
    gateway: Arc<Gateway>,
    index: usize,
    signed: bool,
    peer: SocketAddr,
    socket: u16,
    now: Now,
}

impl Access {
    /// Begins with empty cache and statistics.
    #[must_use]
    pub fn new(table: GatewayTable, limits: Limits, keys: Keys) -> Self {
        let hash = HashKeys::new(keys.hash);
        let gateways = table.gateways().len();
        Self {
            counts: vec![GatewayStatistics::default(); gateways],
            strangers: Addresses::default(),
            strangers_window: Window::default(),
            duplicates: Duplicates::new(limits, hash, gateways),
            primed: Primed::new(hash),
            reader: Reader::new(&keys.pseudonym),
            buffer: Vec::with_capacity(PACKET_OCTETS_MAX),
            table,
        }
    }

    /// Looks at a datagram from `peer` at the socket with number `socket`. The scratch buffer is
    /// overwritten; [`Action::Reply`] leaves its octets there.
    pub fn receive(
        &mut self,
        octets: &[u8],
        peer: SocketAddr,
        socket: u16,
        now: Now,
        scratch: &mut Vec<u8>,
    ) -> Action {
        let Some(index) = self.table.index(peer.ip()) else {
            self.strangers.knocked(peer.ip(), now);
            self.strangers_window.count(now, |counts| {
                counts.packets += 1;
                counts.drops += 1;
            });
            return Action::Drop(DropReason::UnknownGateway);
        };
        self.count(index, |counts| counts.received(now));
        match self.admit(octets, index, peer, socket, now, scratch) {
            Ok(action) => action,
            Err(reason) => {
                self.count(index, |counts| counts.dropped(reason, now));
                Action::Drop(reason)
            }
        }
    }

    /// Builds the reply to an attempt and keeps it for duplicates. None if the ticket is void or
    /// the reply would not fit a packet; then nothing is to be sent.
    pub fn answer(&mut self, ticket: Ticket, verdict: &Verdict, now: Now) -> Option<Answer> {
        let (socket, index) = self.duplicates.origin(ticket)?;
        let pending = self.duplicates.pending(ticket)?;
        let leave_us = if !verdict.held() {
            now.mono_us
        } else {
            let delay = pending.gateway.policy.reject_delay.as_micros();
            let delay_us = u64::try_from(delay).unwrap_or(u64::MAX);
            now.mono_us
                .max(pending.received_us.saturating_add(delay_us))
        };
        let peer = pending.peer;
        let saying = Saying {
            kind: ReplyKind::of(verdict),
            message: reply::message(verdict),
        };
        let octets =
            reply::write(&pending.asked, &pending.gateway, saying, &mut self.buffer).map(Arc::from);
        let Ok(octets) = octets else {
            self.duplicates.abandon(ticket);
            self.count(index, |counts| {
                counts.dropped(DropReason::ReplyTooLong, now);
            });
            return None;
        };
        self.duplicates
            .close(ticket, &octets, leave_us, now.mono_us);
        self.count(index, |counts| counts.answered(verdict, now));
        Some(Answer {
            octets,
            peer,
            socket,
            leave_us,
        })
    }

    /// Gives an attempt up without an answer; its next datagram is judged afresh. False if the
    /// ticket is void.
    pub fn abandon(&mut self, ticket: Ticket) -> bool {
        let origin = self.duplicates.origin(ticket);
        let known = self.duplicates.abandon(ticket);
        if let (true, Some((_, index))) = (known, origin) {
            self.count(index, |counts| counts.abandoned += 1);
        }
        known
    }

    /// Takes passcodes that are not needed any more, for their room.
    pub fn reuse(&mut self, spent: &mut Vec<SecretBytes>) {
        self.reader.reuse(spent);
    }

    /// Takes over the verdicts of the last seconds before the start, the newest first.
    pub fn prime(&mut self, verdicts: impl IntoIterator<Item = PrimedVerdict>, now: Now) {
        self.primed.fill(verdicts, now);
    }

    /// Replaces the gateways. Cache and statistics stay with the gateways of the same name; requests
    /// of a gateway that is gone are forgotten and their tickets void.
    pub fn replace_gateways(&mut self, table: GatewayTable) {
        let place = |name: &str| table.gateways().iter().position(|it| **it.name() == *name);
        let old = self.table.gateways();
        let numbers: Vec<Option<usize>> = old.iter().map(|it| place(it.name())).collect();
        let gateways = table.gateways().len();
        self.duplicates.renumber(&numbers, gateways);
        let counts = vec![GatewayStatistics::default(); gateways];
        let before = std::mem::replace(&mut self.counts, counts);
        for (counts, number) in before.into_iter().zip(numbers) {
            if let Some(place) = number.and_then(|number| self.counts.get_mut(number)) {
                *place = counts;
            }
        }
        self.table = table;
    }

    /// The gateways as they are.
    #[must_use]
    pub fn gateways(&self) -> &GatewayTable {
        &self.table
    }

    /// The counts of one gateway.
    #[must_use]
    pub fn gateway_statistics(&self, name: &str) -> Option<&GatewayStatistics> {
        let mut gateways = self.table.gateways().iter();
        let index = gateways.position(|it| **it.name() == *name)?;
        self.counts.get(index)
    }

    /// How full the duplicate cache is.
    #[must_use]
    pub fn cache_use(&self) -> CacheUse {
        self.duplicates.used()
    }

    /// A copy of all counts.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let names = self.table.gateways().iter().map(|it| Arc::clone(it.name()));
        Statistics {
            gateways: names.zip(self.counts.iter().cloned()).collect(),
            strangers: self.strangers.clone(),
            strangers_window: self.strangers_window.clone(),
            duplicates: self.duplicates.used(),
            primed: self.primed.len(),
        }
    }

    /// D1: the packet is well formed and its sender has proven what the gateway demands.
    fn admit(
        &mut self,
        octets: &[u8],
        index: usize,
        peer: SocketAddr,
        socket: u16,
        now: Now,
        scratch: &mut Vec<u8>,
    ) -> Result<Action, DropReason> {
        let Some(gateway) = self.table.gateways().get(index).cloned() else {
            return Err(DropReason::UnknownGateway);
        };
        let packet = Packet::decode(octets).map_err(DropReason::Malformed)?;
        if !matches!(packet.code(), Code::AccessRequest | Code::StatusServer) {
            return Err(DropReason::WrongCode);
        }
        let signed = self.check_signature(&packet, &gateway, index, peer, now)?;
        if packet.code() == Code::StatusServer {
            reply::write_status(&packet, &gateway, scratch)
                .map_err(|_| DropReason::ReplyTooLong)?;
            self.count(index, |counts| counts.status_server += 1);
            return Ok(Action::Reply);
        }
        self.judge_or_repeat(
            Checked {
                packet: &packet,
                gateway,
                index,
                signed,
                peer,
                socket,
                now,
            },
            scratch,
        )
    }

    /// Says whether the packet is signed, or why it is dropped.
    fn check_signature(
        &mut self,
        packet: &Packet<'_>,
        gateway: &Gateway,
        index: usize,
        peer: SocketAddr,
        now: Now,
    ) -> Result<bool, DropReason> {
        let address = peer.ip();
        match packet.check_message_authenticator(&gateway.secret) {
            MessageAuthenticatorCheck::Right => {
                self.count(index, |counts| counts.signed(address, now));
                Ok(true)
            }
            MessageAuthenticatorCheck::Wrong => {
                self.count(index, |counts| counts.wrongly_signed(address, now));
                Err(DropReason::BadMessageAuthenticator)
            }
            MessageAuthenticatorCheck::Absent => {
                self.count(index, |counts| counts.unsigned(address));
                if gateway.require_message_authenticator {
                    return Err(DropReason::NoMessageAuthenticator);
                }
                // CVE-2024-3596: a Proxy-State is where a forger of replies puts his octets.
                if packet.first(AttributeType::PROXY_STATE).is_some() {
                    return Err(DropReason::ProxyStateWithoutMessageAuthenticator);
                }
                Ok(false)
            }
        }
    }

    /// D2, then D3 and D4: a request that is known is not judged again.
    fn judge_or_repeat(
        &mut self,
        checked: Checked<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<Action, DropReason> {
        let Checked {
            packet,
            gateway,
            index,
            signed,
            peer,
            socket,
            now,
        } = checked;
        let digest: [u8; 32] = Sha256::digest(packet.octets()).into();
        let key = Key::new(socket, peer, packet.code().octet(), packet.identifier());
        match self.duplicates.look(&key, &digest, now.mono_us) {
            Found::InProgress => return Err(DropReason::DuplicateInProgress),
            Found::NotKept => return Err(DropReason::AnswerNotKept),
            Found::Answered(octets) => {
                self.count(index, |counts| counts.resent += 1);
                return Ok(Action::Resend { octets });
            }
            Found::New => {}
        }
        match self.primed.look(&digest, &gateway, now) {
            Known::NotYet => return Err(DropReason::DuplicateInProgress),
            Known::Said(saying) => {
                reply::write(&Asked::of(packet), &gateway, saying, scratch)
                    .map_err(|_| DropReason::ReplyTooLong)?;
                self.count(index, |counts| counts.resent += 1);
                return Ok(Action::Reply);
            }
            Known::Nothing => {}
        }
        let asked = Asked::of(packet);
        let octets = asked.octets();
        let pending = Pending {
            gateway: Arc::clone(&gateway),
            peer,
            received_us: now.mono_us,
            asked,
        };
        let ticket = self
            .duplicates
            .open(key, digest, index, octets, pending, now.mono_us)
            .map_err(|full| match full {
                Full::Cache => DropReason::CacheFull,
                Full::Share => DropReason::GatewayShareFull,
            })?;
        let reading = self.reader.read(packet, &gateway, peer, digest, now);
        self.count(index, |counts| {
            counts.judged(reading.method, reading.readable, signed, now);
        });
        let attempt = reading.attempt;
        Ok(Action::Attempt { attempt, ticket })
    }

    fn count(&mut self, index: usize, change: impl FnOnce(&mut GatewayStatistics)) {
        if let Some(counts) = self.counts.get_mut(index) {
            change(counts);
        }
    }
}
