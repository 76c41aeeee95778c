//! Certificate and key: TLS 1.2 and 1.3, no tickets, HTTP/1.1 alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mfad::sys::files;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;

use crate::config::Config;

/// Largest file, in octets.
const FILE_OCTETS_MAX: u64 = 1 << 20;

/// Why no connection can be protected.
#[derive(Debug)]
pub(crate) struct TlsError {
    path: PathBuf,
    why: String,
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

/// Reads both files; the certificate must be the key's, and for the name that links begin with.
pub(crate) fn load(config: &Config) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = (&*config.certificate, &*config.key);
    let about = |path: &Path, why: String| TlsError {
        path: path.to_owned(),
        why,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| about(certificate, error.to_string()))?;
    let first = chain.first();
    let first = first.ok_or_else(|| about(certificate, "no certificate in it".to_owned()))?;
    is_for(first, &config.site.host).map_err(|why| about(certificate, why))?;
    let exposure = files::exposure(key).map_err(|error| about(key, error.to_string()))?;
    if exposure.others {
        let why = "everybody on this host may read it: chmod o= on it";
        return Err(about(key, why.to_owned()));
    }
    // The reader keeps no copy: what it parsed is wiped by rustls, what was read is here.
    let pem = mfad::secret::SecretBytes::new(read(key)?);
    let private = PrivateKeyDer::from_pem_slice(pem.expose())
        .map_err(|error| about(key, error.to_string()))?;
    let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| about(key, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| about(key, error.to_string()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let about = |why: String| TlsError {
        path: path.to_owned(),
        why,
    };
    let file = fs::metadata(path).map_err(|error| about(error.to_string()))?;
    if !file.is_file() || file.len() > FILE_OCTETS_MAX {
        return Err(about(format!("no file of up to {FILE_OCTETS_MAX} octets")));
    }
    fs::read(path).map_err(|error| about(error.to_string()))
}

/// Whether the certificate is for this name (a port may stand behind it).
fn is_for(certificate: &CertificateDer<'_>, host: &str) -> Result<(), String> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|error| error.to_string())?;
    let name = match host.rsplit_once(':') {
        Some((name, _)) if !host.ends_with(']') => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    let parsed_name = ServerName::try_from(name).map_err(|error| error.to_string())?;
    verify_server_name(&parsed, &parsed_name).map_err(|_| format!("not for {name}"))
}
