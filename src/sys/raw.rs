//! Every unsafe line of the crate, for what no safe library offers: taking over passed
//! descriptors, two socket options, asking for the state of the kernel's clock, `sendmmsg`.
//!
//! Each function is safe to call: it checks what it hands to the kernel and what comes back, and
//! returns owned values. Keep it small; one more needs a reason in the commit that brings it.
//! (A library wraps `sendmmsg`, but with one source address for all datagrams of a call and with
//! results that read addresses nobody has written.)
#![expect(unsafe_code, reason = "no safe library offers these few system calls")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

/// Most groups that a peer may be in; Linux allows no more (`NGROUPS_MAX`).
const PEER_GROUPS_MAX: usize = 65_536;

/// Words of `SO_MEMINFO` up to the one that counts drops, the last (`SK_MEMINFO_DROPS`).
const MEMINFO_WORDS: usize = 9;

/// Takes over the descriptors that the service manager passed, with their names.
///
/// Works once per process: a second call finds nothing, so that no descriptor gets two owners.
pub(super) fn passed_descriptors() -> io::Result<Vec<(String, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    let passed = sd_notify::listen_fds_with_names()?;
    // SAFETY: LISTEN_PID named this very process, so the descriptors from 3 on were opened for it
    // before it started and nothing else here owns them; sd_notify has just set a flag on each, so
    // each is open; TAKEN makes sure that this line runs once.
    Ok(passed
        .map(|(fd, name)| (name, unsafe { OwnedFd::from_raw_fd(fd) }))
        .collect())
}

/// Reads the supplementary groups that the peer had when it connected (`SO_PEERGROUPS`).
pub(super) fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut room = 64;
    loop {
        let mut groups = vec![0; room];
        match read_words(socket, libc::SO_PEERGROUPS, &mut groups) {
            Ok(count) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(Errno::ERANGE) if room < PEER_GROUPS_MAX => room *= 4,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Datagrams that the kernel dropped because nobody fetched them in time (`SO_MEMINFO`); counts
/// modulo 2^32.
pub(crate) fn dropped_by_kernel(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut figures = [0; MEMINFO_WORDS];
    read_words(socket, libc::SO_MEMINFO, &mut figures)?;
    let [.., drops] = figures;
    Ok(drops)
}

/// Reads a socket option that is a list of 32 bit words, and says how many it wrote.
///
/// Only for options of which the kernel writes no more than the given octets, as the two above.
fn read_words(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    words: &mut [u32],
) -> nix::Result<usize> {
    let mut octets = libc::socklen_t::try_from(size_of_val(words)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the pointer and `octets` describe the live slice, any bit pattern is a valid u32,
    // and the kernel writes no more than `octets` for these options.
    let result = unsafe {
        let room = words.as_mut_ptr().cast();
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            room,
            &raw mut octets,
        )
    };
    Errno::result(result)?;
    Ok(usize::try_from(octets).map_err(|_| Errno::EINVAL)? / size_of::<u32>())
}

/// Asks the kernel whether its clock is disciplined (`adjtimex` that changes nothing).
pub(super) fn clock_is_disciplined() -> io::Result<bool> {
    let mut answer = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: all-zero is a valid timex, `modes` 0 asks without setting, and the kernel writes one
    // timex at the pointer.
    let (state, answer) = unsafe {
        (
            libc::adjtimex(answer.as_mut_ptr()),
            answer.assume_init_ref(),
        )
    };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(state != libc::TIME_ERROR && answer.status & libc::STA_UNSYNC == 0)
}

/// A datagram on its way out.
#[derive(Clone, Copy)]
pub(crate) struct Parcel<'a> {
    /// Its content.
    pub(crate) octets: &'a [u8],
    /// Where it goes, in the family of the socket.
    pub(crate) peer: SockaddrStorage,
    /// Where it leaves from, in the family of the socket.
    pub(crate) source: Option<Source>,
}

/// The source address of a datagram.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    V4(Ipv4Addr),
    /// With the number of the interface that it leaves by; 0: the routes say.
    V6(Ipv6Addr, u32),
}

/// Room for a control message of either family and one for the length of segments; aligned as
/// their headers must be.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_OCTETS]);

const CONTROL_OCTETS: usize = 64;

/// Most datagrams that the kernel takes as the segments of one message (`UDP_MAX_SEGMENTS`).
const SEGMENTS_MAX: usize = 64;

/// Longest datagram that may be a segment: a longer one could exceed what a path takes in one piece
/// (1,280 octets on every IPv6 path, less the headers), which segments must not.
const SEGMENT_OCTETS_MAX: usize = 1_232;

/// Most octets of one message: what IPv4 can carry.
const MESSAGE_OCTETS_MAX: usize = 65_507;

/// How the parcels of one call leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Neighbours of equal length on the same way go through the network stack as one message,
    /// which the kernel cuts into datagrams at its very end (`UDP_SEGMENT`).
    Neighbours,
    /// Each by itself.
    Nothing,
}

impl Joining {
    /// How many of `parcels`, from the first, are one message.
    fn first(self, parcels: &[Parcel<'_>]) -> usize {
        let Some(first) = parcels.first() else {
            return 0;
        };
        if self == Self::Nothing || !(1..=SEGMENT_OCTETS_MAX).contains(&first.octets.len()) {
            return 1;
        }
        let alike = |it: &&Parcel<'_>| {
            it.octets.len() == first.octets.len()
                && it.peer == first.peer
                && it.source == first.source
        };
        let most = SEGMENTS_MAX.min(MESSAGE_OCTETS_MAX / first.octets.len());
        parcels.iter().take(most).take_while(alike).count()
    }
}

/// Sends what the kernel takes at once (`sendmmsg`), in order, and says how many parcels those
/// are; an error is about the first message.
pub(crate) fn send_many(
    socket: BorrowedFd<'_>,
    parcels: &[Parcel<'_>],
    joining: Joining,
) -> nix::Result<usize> {
    let mut pieces: Vec<libc::iovec> = parcels
        .iter()
        .map(|p| libc::iovec {
            iov_base: p.octets.as_ptr().cast_mut().cast(),
            iov_len: p.octets.len(),
        })
        .collect();
    let mut controls = vec![Control([0; CONTROL_OCTETS]); parcels.len()];
    let mut headers = Vec::with_capacity(parcels.len());
    let (mut rest, mut free) = (parcels, pieces.as_mut_slice());
    for control in &mut controls {
        let count = joining.first(rest);
        let (Some(parcel), Some((group, later))) = (rest.first(), free.split_at_mut_checked(count))
        else {
            break;
        };
        // SAFETY: all-zero is a valid mmsghdr: null pointers with zero lengths.
        let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
        header.msg_hdr.msg_name = parcel.peer.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = parcel.peer.len();
        header.msg_hdr.msg_iov = group.as_mut_ptr();
        header.msg_hdr.msg_iovlen = count as _;
        let to = &mut header.msg_hdr;
        match parcel.source {
            Some(Source::V4(address)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                attach(to, control, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            Some(Source::V6(address, interface)) => {
                let ipi6_addr = libc::in6_addr {
                    s6_addr: address.octets(),
                };
                let info = libc::in6_pktinfo {
                    ipi6_addr,
                    ipi6_ifindex: interface,
                };
                attach(to, control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
            None => {}
        }
        if count > 1 {
            let octets = u16::try_from(parcel.octets.len()).map_err(|_| Errno::EMSGSIZE)?;
            attach(to, control, libc::SOL_UDP, libc::UDP_SEGMENT, octets);
        }
        headers.push(header);
        rest = rest.get(count..).unwrap_or_default();
        free = later;
    }
    let count = libc::c_uint::try_from(headers.len()).map_err(|_| Errno::EMSGSIZE)?;
    // SAFETY: `count` headers; their pointers go to `parcels`, `pieces` and `controls`, which live
    // and stay where they are until the call returns, and each header names as many pieces as its
    // part of `pieces` has. The kernel only reads what they point to and writes `msg_len` of the
    // headers.
    let sent = unsafe {
        let flags = libc::MSG_DONTWAIT;
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags)
    };
    let sent = usize::try_from(Errno::result(sent)?).map_err(|_| Errno::EIO)?;
    let pieces = |header: &libc::mmsghdr| -> usize { header.msg_hdr.msg_iovlen as _ };
    Ok(headers.iter().take(sent).map(pieces).sum())
}

/// Appends one control message that holds `info` to those that the header points to.
fn attach<T: Copy>(
    header: &mut libc::msghdr,
    control: &mut Control,
    level: libc::c_int,
    kind: libc::c_int,
    info: T,
) {
    let octets = const { size_32(size_of::<T>()) };
    // SAFETY: computes a number.
    let (space, length) = unsafe { (libc::CMSG_SPACE(octets), libc::CMSG_LEN(octets)) };
    let used: usize = header.msg_controllen as _;
    let Some(place) = control.0.get_mut(used..used + space as usize) else {
        return;
    };
    let place: *mut libc::cmsghdr = place.as_mut_ptr().cast();
    // SAFETY: `place` begins where the messages before it end, whose lengths keep the alignment of
    // `Control`, and has room for the header and the data; the data is written without assuming
    // alignment.
    unsafe {
        (*place).cmsg_level = level;
        (*place).cmsg_type = kind;
        (*place).cmsg_len = length as _;
        libc::CMSG_DATA(place).cast::<T>().write_unaligned(info);
    }
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = (used + space as usize) as _;
}

/// The size of a type that fits in a [`Control`] beside its header, in the width that the control
/// message macros want.
const fn size_32(size: usize) -> u32 {
    assert!(size <= 32);
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    {
        size as u32
    }
}
