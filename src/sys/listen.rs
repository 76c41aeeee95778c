//! Sockets that the service manager opened for us.
//!
//! With socket units a restart of the daemon loses no datagram: the socket stays open in between.
//! Each passed socket has a name (`FileDescriptorName=`) by which the configuration finds it. What
//! it is (datagrams or connections, which family, where bound) is asked of the kernel, not
//! believed from the name. Anything else than a bound datagram or a listening stream socket is
//! refused at start, with its name in the error.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::sys::socket::{
    AddressFamily, SockType, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt,
};

use crate::sys::raw;

/// Most sockets that may be passed.
pub const PASSED_MAX: usize = 64;

/// A socket of the kinds that the daemon can use, already the right type.
#[derive(Debug)]
pub enum Socket {
    /// Datagrams over IPv4 or IPv6.
    Udp(UdpSocket),
    /// Connections over IPv4 or IPv6.
    Tcp(TcpListener),
    /// Connections of local programs.
    Unix(UnixListener),
}

/// A socket with the name that its unit gave it.
#[derive(Debug)]
pub struct Passed {
    /// `FileDescriptorName=`, or the unit's name.
    pub name: String,
    /// The socket; whoever takes it owns it.
    pub socket: Socket,
}

/// Why the passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// `LISTEN_FDS` and its companions make no sense.
    #[error("the service manager passed sockets in a way that cannot be read")]
    Environment(#[source] io::Error),
    /// There are more than [`PASSED_MAX`].
    #[error("{0} sockets were passed, more than {PASSED_MAX}")]
    TooMany(usize),
    /// A descriptor is no socket, or the kernel does not answer about it.
    #[error("cannot use the passed descriptor {name:?}")]
    Unreadable {
        /// Its name.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket is of a kind that the daemon has no use for.
    #[error("the passed socket {name:?} is {what}")]
    Unsuitable {
        /// Its name.
        name: String,
        /// What it is instead of a bound datagram or listening stream socket.
        what: &'static str,
    },
}

/// Takes over the passed sockets; empty if there are none, and on every call after the first.
///
/// Belongs at the start of the program, before it opens files of its own: descriptors are passed
/// by their numbers alone.
pub fn passed() -> Result<Vec<Passed>, ListenError> {
    let descriptors = raw::passed_descriptors().map_err(ListenError::Environment)?;
    if descriptors.len() > PASSED_MAX {
        return Err(ListenError::TooMany(descriptors.len()));
    }
    descriptors
        .into_iter()
        .map(|(name, fd)| Passed::examined(name, fd))
        .collect()
}

impl Passed {
    fn examined(name: String, fd: OwnedFd) -> Result<Self, ListenError> {
        match kind(&fd) {
            Ok(Ok(Kind::Udp)) => Ok(Self {
                name,
                socket: Socket::Udp(fd.into()),
            }),
            Ok(Ok(Kind::Tcp)) => Ok(Self {
                name,
                socket: Socket::Tcp(fd.into()),
            }),
            Ok(Ok(Kind::Unix)) => Ok(Self {
                name,
                socket: Socket::Unix(fd.into()),
            }),
            Ok(Err(what)) => Err(ListenError::Unsuitable { name, what }),
            Err(source) => Err(ListenError::Unreadable { name, source }),
        }
    }
}

/// Where the socket is bound, for the line that says what the daemon listens on.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let internet: io::Result<SocketAddr> = match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(socket) => socket.local_addr(),
            Self::Unix(socket) => {
                return match socket.local_addr() {
                    Ok(address) => match address.as_pathname() {
                        Some(path) => write!(f, "{}", path.display()),
                        None => f.write_str("unnamed"),
                    },
                    Err(_) => f.write_str("unknown"),
                };
            }
        };
        match internet {
            Ok(address) => write!(f, "{address}"),
            Err(_) => f.write_str("unknown"),
        }
    }
}

enum Kind {
    Udp,
    Tcp,
    Unix,
}

/// Asks the kernel what the descriptor is; the inner error names what it is instead.
fn kind(fd: &OwnedFd) -> io::Result<Result<Kind, &'static str>> {
    let socket_type = getsockopt(fd, sockopt::SockType)?;
    let bound: SockaddrStorage = getsockname(fd.as_raw_fd())?;
    let internet = match bound.family() {
        Some(AddressFamily::Inet | AddressFamily::Inet6) => true,
        Some(AddressFamily::Unix) => false,
        _ => return Ok(Err("of an unknown family")),
    };
    Ok(match (socket_type, internet) {
        (SockType::Datagram, true) => Ok(Kind::Udp),
        (SockType::Stream, _) if !getsockopt(fd, sockopt::AcceptConn)? => {
            Err("not listening (Accept=yes?)")
        }
        (SockType::Stream, true) => Ok(Kind::Tcp),
        (SockType::Stream, false) => Ok(Kind::Unix),
        _ => Err("neither UDP nor a stream socket"),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::process::Command;

    use super::*;

    fn examine(fd: impl Into<OwnedFd>) -> Result<Passed, ListenError> {
        Passed::examined("it".into(), fd.into())
    }

    #[test]
    fn knows_the_three_kinds() {
        let udp = UdpSocket::bind("[::1]:0").unwrap();
        let address = udp.local_addr().unwrap().to_string();
        let passed = examine(udp).unwrap();
        assert!(matches!(passed.socket, Socket::Udp(_)));
        assert_eq!(passed.socket.to_string(), address);
        let tcp = examine(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        assert!(matches!(tcp.socket, Socket::Tcp(_)));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let unix = examine(UnixListener::bind(&path).unwrap()).unwrap();
        assert!(matches!(unix.socket, Socket::Unix(_)));
        assert_eq!(unix.socket.to_string(), path.display().to_string());
    }

    #[test]
    fn refuses_what_it_cannot_use() {
        let connected = examine(UnixStream::pair().unwrap().0);
        assert!(matches!(connected, Err(ListenError::Unsuitable { .. })));
        let datagram = examine(UnixDatagram::unbound().unwrap());
        assert!(matches!(datagram, Err(ListenError::Unsuitable { .. })));
        let file = examine(std::fs::File::open("/dev/null").unwrap());
        assert!(matches!(file, Err(ListenError::Unreadable { .. })));
    }

    const CHILD: &str = "MFAD_TEST_LISTEN_CHILD";

    /// Does nothing unless the test below started it with sockets at 3 and 4.
    #[test]
    fn child_takes_what_was_passed() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let taken = passed().unwrap();
        let names: Vec<_> = taken.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["radius", "radius6"]);
        for p in &taken {
            let Socket::Udp(socket) = &p.socket else {
                panic!("not UDP: {p:?}")
            };
            let me = socket.local_addr().unwrap();
            assert_eq!(socket.send_to(b"here", me).unwrap(), 4);
        }
        assert!(passed().unwrap().is_empty(), "a descriptor has one owner");
    }

    #[test]
    fn takes_sockets_by_name_from_the_environment() {
        let four = UdpSocket::bind("127.0.0.1:0").unwrap();
        let six = UdpSocket::bind("[::1]:0").unwrap();
        let (a, b) = (
            four.try_clone().unwrap().into(),
            six.try_clone().unwrap().into(),
        );
        let fds: [OwnedFd; 2] = [a, b];
        for fd in &fds {
            let flags = nix::fcntl::FdFlag::empty();
            nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(flags)).unwrap();
        }
        let script = format!(
            "exec 210<&{} 211<&{}; exec 3<&210 4<&211 210<&- 211<&-; \
             LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=radius:radius6 exec \"$0\" --exact {}",
            fds[0].as_raw_fd(),
            fds[1].as_raw_fd(),
            "sys::listen::tests::child_takes_what_was_passed",
        );
        let me = std::env::current_exe().unwrap();
        let mut shell = Command::new("bash");
        let output = shell
            .arg("-c")
            .arg(script)
            .arg(me)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{output:?}"
        );
    }
}
