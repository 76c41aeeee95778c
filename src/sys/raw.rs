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
#[derive(Clone, Copy)]
pub(crate) enum Source {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

/// Room for one control message of either family; aligned as its header must be.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

/// Sends what the kernel takes at once (`sendmmsg`), in order, and says how many those are; an
/// error is about the first.
pub(crate) fn send_many(socket: BorrowedFd<'_>, parcels: &[Parcel<'_>]) -> nix::Result<usize> {
    let mut pieces: Vec<libc::iovec> = parcels
        .iter()
        .map(|p| libc::iovec {
            iov_base: p.octets.as_ptr().cast_mut().cast(),
            iov_len: p.octets.len(),
        })
        .collect();
    let mut controls = vec![Control([0; 64]); parcels.len()];
    let mut headers = Vec::with_capacity(parcels.len());
    for ((parcel, piece), control) in parcels.iter().zip(&mut pieces).zip(&mut controls) {
        // SAFETY: all-zero is a valid mmsghdr: null pointers with zero lengths.
        let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
        header.msg_hdr.msg_name = parcel.peer.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = parcel.peer.len();
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
        match parcel.source {
            Some(Source::V4(info)) => {
                attach(
                    &mut header.msg_hdr,
                    control,
                    libc::IPPROTO_IP,
                    libc::IP_PKTINFO,
                    info,
                );
            }
            Some(Source::V6(info)) => {
                attach(
                    &mut header.msg_hdr,
                    control,
                    libc::IPPROTO_IPV6,
                    libc::IPV6_PKTINFO,
                    info,
                );
            }
            None => {}
        }
        headers.push(header);
    }
    let count = libc::c_uint::try_from(headers.len()).map_err(|_| Errno::EMSGSIZE)?;
    // SAFETY: `count` headers; their pointers go to `parcels`, `pieces` and `controls`, which live
    // and stay where they are until the call returns. The kernel only reads what they point to and
    // writes `msg_len` of the headers.
    let sent = unsafe {
        let flags = libc::MSG_DONTWAIT;
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags)
    };
    usize::try_from(Errno::result(sent)?).map_err(|_| Errno::EIO)
}

/// Writes one control message that holds `info` and points the header to it.
fn attach<T: Copy>(
    header: &mut libc::msghdr,
    control: &mut Control,
    level: libc::c_int,
    kind: libc::c_int,
    info: T,
) {
    let octets = const { size_32(size_of::<T>()) };
    // SAFETY: `control` is aligned for a header and has room for one and 32 octets of data, which
    // T does not exceed, so the first header and its data lie within it; the data is written
    // without assuming alignment.
    unsafe {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_SPACE(octets) as _;
        let first = libc::CMSG_FIRSTHDR(header);
        (*first).cmsg_level = level;
        (*first).cmsg_type = kind;
        (*first).cmsg_len = libc::CMSG_LEN(octets) as _;
        libc::CMSG_DATA(first).cast::<T>().write_unaligned(info);
    }
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
