//! TLS to a server: TLS 1.2 or 1.3, a certificate for its name, vouched for by an authority of a file
//! that the configuration names.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::wire::Wire;

/// A connection, protected or not.
pub(super) enum Stream {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

impl Stream {
    pub(super) fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(into),
            Self::Tls(tls) => tls.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(octets),
            Self::Tls(tls) => tls.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// Largest file of authorities, in octets.
const CA_OCTETS_MAX: u64 = 4 << 20;

/// Shakes hands over `wire`.
pub(super) fn client(mut wire: Wire, server: &str, ca: &Path) -> io::Result<Stream> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(authorities(ca)?)
        .with_no_client_auth();
    let name = ServerName::try_from(server.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut wire)?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(connection, wire))))
}

/// The authorities of a file. Read for each connection: the file is replaced while the daemon runs, and
/// messages are rare.
///
/// # Errors
/// It cannot be read, or there is none in it.
pub fn authorities(path: &Path) -> io::Result<RootCertStore> {
    let about = |why: &dyn std::fmt::Display| {
        io::Error::other(format!("authorities {}: {why}", path.display()))
    };
    let octets = std::fs::metadata(path)
        .map_err(|error| about(&error))?
        .len();
    if octets > CA_OCTETS_MAX {
        return Err(about(&format_args!("longer than {CA_OCTETS_MAX} octets")));
    }
    let pem = std::fs::read(path).map_err(|error| about(&error))?;
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let (taken, _) = roots.add_parsable_certificates(read);
    if taken == 0 {
        return Err(about(&"no certificate in it"));
    }
    Ok(roots)
}
