//! Where things are on this host, and who may touch them.
//!
//! The master key is a systemd credential, and so may be the secrets of gateways. The unit gets them
//! opened; whoever runs `mfad` by hand as root has them opened by `systemd-creds`, which can do so
//! on this host only. What reads or writes
//! the store does it as the owner of its folder, never as root: files that root leaves in there
//! would keep the daemon out, and whoever owns the folder could lead root astray.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use super::key::{self, KeyError};
use super::report::{Failure, status};
use crate::config::{
    self, Config, KeySource, Loaded, Problems, SecretFault, SecretSource, Secrets, Surroundings,
};
use crate::secret::{SecretBytes, SecretKey};

/// Where systemd looks for credentials that are sealed to this host.
pub const CREDENTIALS: &str = "/etc/credstore.encrypted";

/// The tool that seals and opens them.
const SYSTEMD_CREDS: &str = "systemd-creds";

/// Longest credential that is read, in octets.
const CREDENTIAL_OCTETS_MAX: usize = 1 << 20;

/// `path` below `root`; a path that lies there already is left alone, as is a relative one.
#[must_use]
pub fn below(root: &Path, path: &Path) -> PathBuf {
    if root == Path::new("/") || path.starts_with(root) {
        return path.to_owned();
    }
    path.strip_prefix("/")
        .map_or_else(|_| path.to_owned(), |inner| root.join(inner))
}

/// Loads the configuration of the system below `root`.
///
/// # Errors
/// Everything that is wrong.
pub fn load(root: &Path, path: &Path, around: &Surroundings) -> Result<Loaded, Problems> {
    let secrets = Opened { root, around };
    let mut loaded = config::load_with(&below(root, path), &around.hostname, &secrets)?;
    let config: &mut Config = &mut loaded.config;
    config.state_dir = below(root, &config.state_dir);
    config.control_socket = below(root, &config.control_socket);
    if let KeySource::File(path) = &mut config.key {
        *path = below(root, path);
    }
    Ok(loaded)
}

/// The secrets of gateways, as the daemon gets them from its unit or opened where there is none.
struct Opened<'a> {
    root: &'a Path,
    around: &'a Surroundings,
}

impl Secrets for Opened<'_> {
    fn read(&self, source: &SecretSource) -> Result<SecretBytes, SecretFault> {
        match source {
            SecretSource::Credential(name) if self.around.credentials_dir.is_none() => {
                let path = credential(self.root, name);
                if !path.exists() {
                    return Err(SecretFault::NoCredentials);
                }
                open(name, &path).map_err(|error| SecretFault::Io(error.to_string()))
            }
            _ => self.around.read(source),
        }
    }
}

/// Where the sealed credential of this name lies.
#[must_use]
pub fn credential(root: &Path, name: &str) -> PathBuf {
    below(root, Path::new(CREDENTIALS)).join(name)
}

/// Reads the master key as the daemon gets it, or has it opened where there is no unit.
///
/// # Errors
/// [`KeyError`].
pub fn master_key(
    source: &KeySource,
    root: &Path,
    around: &Surroundings,
) -> Result<SecretKey, KeyError> {
    let KeySource::Credential(name) = source else {
        return key::load(source, None);
    };
    if let Some(folder) = &around.credentials_dir {
        return key::load(source, Some(folder));
    }
    let path = credential(root, name);
    if !path.exists() {
        return Err(KeyError::Missing(path));
    }
    let text = open(name, &path).map_err(|source| KeyError::Unreadable {
        path: path.clone(),
        source,
    })?;
    key::parse(text.expose()).ok_or_else(|| KeyError::Malformed(path.display().to_string()))
}

/// Seals `text` to this host, and to its TPM if it has one.
///
/// # Errors
/// What the tool said, or that there is none.
pub fn seal(name: &str, text: &[u8]) -> io::Result<Vec<u8>> {
    let name = format!("--name={name}");
    let args = ["encrypt", "--with-key=auto", &name, "-", "-"];
    run(args, text)
}

/// Whether what is sealed is sealed to a TPM as well.
#[must_use]
pub fn has_tpm() -> bool {
    let asked = Command::new(SYSTEMD_CREDS)
        .args(["has-tpm2", "--quiet"])
        .output();
    asked.is_ok_and(|output| output.status.success())
}

/// Opens what [`seal`] has sealed.
fn open(name: &str, path: &Path) -> io::Result<SecretBytes> {
    let name = format!("--name={name}");
    let args = [
        OsStr::new("decrypt"),
        OsStr::new(&name),
        path.as_os_str(),
        OsStr::new("-"),
    ];
    run(args, b"").map(SecretBytes::new)
}

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &[u8]) -> io::Result<Vec<u8>> {
    let mut child = Command::new(SYSTEMD_CREDS)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut to) = child.stdin.take() {
        // A tool that does not read what it is given says why by its status.
        let _ = to.write_all(input);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it gave no reason");
        return Err(io::Error::other(format!("{SYSTEMD_CREDS}: {last}")));
    }
    if output.stdout.len() > CREDENTIAL_OCTETS_MAX {
        return Err(io::Error::other("the credential is too large"));
    }
    Ok(output.stdout)
}

/// Whether this process may do everything.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Gives up root for the owner of `folder`, for good; does nothing if that is root or we are not.
///
/// # Errors
/// The folder cannot be seen, or the system refuses: the store must then not be touched.
pub fn become_owner(folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let what = format!("cannot become the owner of {}", folder.display());
        Failure::new(status::NOT_ALLOWED, what).why(error.to_string())
    };
    let about = std::fs::metadata(folder).map_err(failed)?;
    if !is_root() || about.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(about.uid()), Gid::from_raw(about.gid()));
    setgroups(&[gid])
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .map_err(|errno| failed(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_put_before_a_path_once() {
        let root = Path::new("/tmp/r");
        assert_eq!(below(root, Path::new("/etc/x")), Path::new("/tmp/r/etc/x"));
        assert_eq!(
            below(root, Path::new("/tmp/r/etc/x")),
            Path::new("/tmp/r/etc/x")
        );
        assert_eq!(
            below(Path::new("/"), Path::new("/etc/x")),
            Path::new("/etc/x")
        );
        assert_eq!(below(root, Path::new("x.toml")), Path::new("x.toml"));
        assert_eq!(
            credential(root, "k"),
            Path::new("/tmp/r/etc/credstore.encrypted/k")
        );
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::Credential("mfad.key".to_owned());
        let missing = master_key(&source, folder.path(), &Surroundings::default());
        let path = folder.path().join("etc/credstore.encrypted/mfad.key");
        assert!(matches!(missing, Err(KeyError::Missing(at)) if at == path));
    }
}
