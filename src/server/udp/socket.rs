//! A UDP socket that receives and sends in batches.
//!
//! A reply leaves from the address that its request came to (a gateway drops one that comes from
//! elsewhere), also on machines with several addresses. Each receive buffer is one octet longer
//! than the longest RADIUS packet, so that a longer datagram is seen as too long and not cut to
//! one that looks right. Buffers are wiped after use, because requests hold passwords under a
//! weak cipher.
//!
//! Sockets that we bind are IPv4 only or IPv6 only. One that the service manager bound may be
//! both; its IPv4 peers then appear as plain IPv4 addresses here, so that nothing above needs to
//! know.
//!
//! Datagrams of equal length that go the same way one after the other pass the network stack as one
//! (generic segmentation): each is still a datagram of its own when it leaves.
//!
//! One thread receives with a batch of its own; any number of threads send on the same socket.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockFlag, SockType,
    SockaddrStorage, bind, getsockopt, recvmmsg, setsockopt, socket, sockopt,
};
use zeroize::Zeroize;

use crate::sys::{Joining, Parcel, Source, dropped_by_kernel, send_many};

/// Datagrams that one call receives or sends at most.
pub const BATCH_DATAGRAMS: usize = 64;

/// Octets of a receive buffer: the longest RADIUS packet and one more.
// RFC 2865 s3: the maximum length is 4096.
pub const BUFFER_OCTETS: usize = 4_097;

/// Receive buffer asked of the kernel, in octets: some 10,000 requests.
pub const KERNEL_BUFFER_OCTETS: usize = 8 * 1024 * 1024;

/// How often one datagram is tried again while the send buffer is full.
const SEND_TRIES_MAX: u32 = 3;

/// How long one try waits for room in the send buffer.
const SEND_WAIT: Duration = Duration::from_millis(5);

/// One of our addresses and the interface it was reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address that the peer sent to.
    pub address: IpAddr,
    /// The kernel's number of the interface.
    pub interface: u32,
}

/// A datagram that was received.
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    /// Its content; [`BUFFER_OCTETS`] long if it was too long.
    pub octets: &'a [u8],
    /// Who sent it, if the source address can be believed.
    pub peer: SocketAddr,
    /// Where it came to.
    pub local: Option<Local>,
}

/// A datagram to be sent.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// Its content.
    pub octets: &'a [u8],
    /// Who gets it.
    pub peer: SocketAddr,
    /// Where it leaves from: the [`Datagram::local`] of the request.
    pub local: Option<Local>,
}

/// What has gone over a socket since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams given to the kernel.
    pub sent: u64,
    /// Datagrams that the kernel did not take.
    pub send_errors: u64,
    /// Datagrams that found the receive buffer full; counts modulo 2^32, 0 if it cannot be read.
    pub dropped_by_kernel: u32,
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct Socket {
    fd: UdpSocket,
    /// Addresses on the wire of this socket are IPv6, if only mapped ones.
    is_v6: bool,
    /// What the kernel can do.
    joining: Joining,
    kernel_buffer_octets: usize,
    received: AtomicU64,
    sent: AtomicU64,
    send_errors: AtomicU64,
}

impl Socket {
    /// Binds a new socket; `[::]` takes IPv6 only, so that `0.0.0.0` can be bound beside it.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv6() {
            AddressFamily::Inet6
        } else {
            AddressFamily::Inet
        };
        let fd: OwnedFd = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        if address.is_ipv6() {
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
        }
        // Before the bind, so that not even the first datagram comes without its local address.
        ask_for_local(&fd, address.is_ipv6())?;
        bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
        Self::adopt(fd.into())
    }

    /// Takes over a socket that is bound already, for example by the service manager.
    pub fn adopt(fd: UdpSocket) -> io::Result<Self> {
        fd.set_nonblocking(true)?;
        let is_v6 = fd.local_addr()?.is_ipv6();
        ask_for_local(&fd, is_v6)?;
        // A bigger buffer is a wish: without the right to force it, the system's limit holds.
        if setsockopt(&fd, sockopt::RcvBufForce, &KERNEL_BUFFER_OCTETS).is_err() {
            setsockopt(&fd, sockopt::RcvBuf, &KERNEL_BUFFER_OCTETS)?;
        }
        // The kernel doubles the figure for its own bookkeeping and reports the double.
        let kernel_buffer_octets = getsockopt(&fd, sockopt::RcvBuf)? / 2;
        // A kernel that does not know the option (before 4.18) would send one long datagram.
        let joining = match getsockopt(&fd, sockopt::UdpGsoSegment) {
            Ok(_) => Joining::Neighbours,
            Err(_) => Joining::Nothing,
        };
        Ok(Self {
            fd,
            is_v6,
            joining,
            kernel_buffer_octets,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            send_errors: AtomicU64::new(0),
        })
    }

    /// Where the socket is bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.local_addr()
    }

    /// The receive buffer that the kernel granted, in octets; may be less than
    /// [`KERNEL_BUFFER_OCTETS`].
    #[must_use]
    pub fn kernel_buffer_octets(&self) -> usize {
        self.kernel_buffer_octets
    }

    /// What has gone over the socket so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            send_errors: self.send_errors.load(Ordering::Relaxed),
            dropped_by_kernel: dropped_by_kernel(self.fd.as_fd()).unwrap_or(0),
        }
    }

    /// Replaces the content of `batch` by what has arrived, and says how many datagrams that are.
    ///
    /// Waits up to `timeout` (rounded up to milliseconds) for the first one; 0 means that none
    /// came or that a signal did.
    pub fn receive(&self, batch: &mut ReceiveBatch, timeout: Duration) -> io::Result<usize> {
        let mut count = batch.fill_from(&self.fd)?;
        if count == 0 && !timeout.is_zero() && self.wait(PollFlags::POLLIN, timeout)? {
            count = batch.fill_from(&self.fd)?;
        }
        self.received
            .fetch_add(count.try_into().unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }

    /// Sends all of `outgoing` that the kernel takes, in order, and says how many those are.
    ///
    /// One that cannot be sent (no route, no such address any more) is counted and skipped: the
    /// gateway will ask again.
    pub fn send(&self, outgoing: &[Outgoing<'_>]) -> usize {
        let sent: usize = outgoing
            .chunks(BATCH_DATAGRAMS)
            .map(|group| self.send_group(group))
            .sum();
        let failed = outgoing.len() - sent;
        self.sent
            .fetch_add(sent.try_into().unwrap_or(0), Ordering::Relaxed);
        self.send_errors
            .fetch_add(failed.try_into().unwrap_or(0), Ordering::Relaxed);
        sent
    }

    /// The kernel stops at the first datagram that it does not take: that one is tried again or
    /// skipped, and the rest follows. What it does not take joined, it is given one by one.
    fn send_group(&self, group: &[Outgoing<'_>]) -> usize {
        let parcels: Vec<_> = group.iter().map(|o| self.parcel(o)).collect();
        let (mut rest, mut sent, mut tries) = (parcels.as_slice(), 0, 0);
        let mut joining = self.joining;
        while !rest.is_empty() {
            let done = match send_many(self.fd.as_fd(), rest, joining) {
                Ok(count) => {
                    sent += count;
                    count
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN | Errno::ENOBUFS) if tries < SEND_TRIES_MAX => {
                    tries += 1;
                    // Whether there is room now, the next try will tell.
                    let _ = self.wait(PollFlags::POLLOUT, SEND_WAIT);
                    continue;
                }
                Err(_) if joining == Joining::Neighbours => {
                    joining = Joining::Nothing;
                    continue;
                }
                Err(_) => 1,
            };
            tries = 0;
            rest = rest.get(done.max(1)..).unwrap_or_default();
        }
        sent
    }

    fn parcel<'a>(&self, outgoing: &Outgoing<'a>) -> Parcel<'a> {
        let source = outgoing.local.and_then(|local| {
            if self.is_v6 {
                Some(source_v6(local))
            } else {
                source_v4(local)
            }
        });
        let peer = self.on_the_wire(outgoing.peer).into();
        Parcel {
            octets: outgoing.octets,
            peer,
            source,
        }
    }

    /// The form of a peer's address that this socket sends to.
    fn on_the_wire(&self, peer: SocketAddr) -> SocketAddr {
        match peer {
            SocketAddr::V4(v4) if self.is_v6 => {
                SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
            }
            other => other,
        }
    }

    fn wait(&self, event: PollFlags, timeout: Duration) -> io::Result<bool> {
        let whole_ms = timeout.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(whole_ms).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.fd.as_fd(), event)], timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Room for the datagrams of one call of [`Socket::receive`]; stays in the thread that made it.
pub struct ReceiveBatch {
    buffers: Vec<Buffer>,
    /// What is known of the first datagrams; the others' buffers are blank.
    arrived: Vec<Arrival>,
    headers: MultiHeaders<SockaddrStorage>,
}

type Buffer = Box<[u8; BUFFER_OCTETS]>;

#[derive(Clone, Copy)]
struct Arrival {
    length: usize,
    /// `None` for a sender without an IP address, which no kernel reports.
    peer: Option<SocketAddr>,
    local: Option<Local>,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    /// Makes room for [`BATCH_DATAGRAMS`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffers: (0..BATCH_DATAGRAMS)
                .map(|_| Box::new([0; BUFFER_OCTETS]))
                .collect(),
            arrived: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: blank_headers(),
        }
    }

    /// The datagrams, in the order in which they arrived.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.buffers
            .iter()
            .zip(&self.arrived)
            .filter_map(|(buffer, arrival)| {
                let octets = buffer.get(..arrival.length)?;
                Some(Datagram {
                    octets,
                    peer: arrival.peer?,
                    local: arrival.local,
                })
            })
    }

    /// Overwrites what was received; [`Socket::receive`] and the drop do it as well.
    pub fn wipe(&mut self) {
        for (buffer, arrival) in self.buffers.iter_mut().zip(&self.arrived) {
            if let Some(used) = buffer.get_mut(..arrival.length) {
                used.zeroize();
            }
        }
        self.arrived.clear();
    }

    fn fill_from(&mut self, fd: &UdpSocket) -> io::Result<usize> {
        self.wipe();
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|b| [IoSliceMut::new(b.as_mut_slice())])
            .collect();
        let (headers, flags) = (&mut self.headers, MsgFlags::MSG_DONTWAIT);
        match recvmmsg(fd.as_raw_fd(), headers, slices.iter_mut(), flags, None) {
            Ok(messages) => self.arrived.extend(messages.map(|m| arrival(&m))),
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(errno) => return Err(errno.into()),
        }
        // The kernel shrinks the room for control messages to what it used: after a message
        // without one the headers would have no room left.
        if self.arrived.iter().any(|a| a.local.is_none()) {
            self.headers = blank_headers();
        }
        Ok(self.arrived.len())
    }
}

impl Drop for ReceiveBatch {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn blank_headers() -> MultiHeaders<SockaddrStorage> {
    let room = nix::cmsg_space!(libc::in6_pktinfo);
    MultiHeaders::preallocate(BATCH_DATAGRAMS, Some(room))
}

/// Asks that every datagram tells which of our addresses it came to.
fn ask_for_local(fd: &impl AsFd, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        setsockopt(fd, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(fd, sockopt::Ipv4PacketInfo, &true)?;
    }
    Ok(())
}

fn arrival(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Arrival {
    let peer = message.address.as_ref().and_then(peer_of);
    let local = message
        .cmsgs()
        .ok()
        .and_then(|mut all| all.find_map(|one| local_of(&one)));
    Arrival {
        length: message.bytes.min(BUFFER_OCTETS),
        peer,
        local,
    }
}

fn peer_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    let v6 = SocketAddrV6::from(*address.as_sockaddr_in6()?);
    Some(match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), v6.port()),
        None => v6.into(),
    })
}

fn local_of(message: &ControlMessageOwned) -> Option<Local> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // The address that the kernel would answer from: another than the destination only
            // if that was a broadcast.
            let (answer, destination) = (info.ipi_spec_dst.s_addr, info.ipi_addr.s_addr);
            let chosen = if answer == 0 { destination } else { answer };
            let address = Ipv4Addr::from(chosen.to_ne_bytes()).into();
            Some(Local {
                address,
                interface: info.ipi_ifindex.try_into().unwrap_or(0),
            })
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical();
            Some(Local {
                address,
                interface: info.ipi6_ifindex,
            })
        }
        _ => None,
    }
}

/// The source address alone: which interface a reply takes is for the routes to say.
const fn source_v4(local: Local) -> Option<Source> {
    match local.address {
        IpAddr::V4(address) => Some(Source::V4(address)),
        IpAddr::V6(_) => None,
    }
}

/// The source address, and the interface if the address means nothing without it.
fn source_v6(local: Local) -> Source {
    match local.address {
        IpAddr::V4(v4) => Source::V6(v4.to_ipv6_mapped(), 0),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Source::V6(v6, local.interface),
        IpAddr::V6(v6) => Source::V6(v6, 0),
    }
}

#[cfg(test)]
mod tests;
