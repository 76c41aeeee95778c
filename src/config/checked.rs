//! The configuration as the rest of mfad sees it: every value checked, every default filled in.
//!
//! A [`Config`] cannot be built wrong: the only way to one is [`super::parse`], which either
//! returns it or tells everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::mail::Mail;
use super::network::Network;
use super::secrets::SecretSource;
use super::sms::Sms;
use crate::domain::action::Role;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::secret::SecretBytes;

/// Name of the systemd credential that holds the master key if nothing else is stated.
pub const KEY_CREDENTIAL: &str = "mfad.key";

/// Everything that is configured.
pub struct Config {
    /// The site's rules.
    pub policy: Arc<Policy>,
    /// Gateways, in the order of the files.
    pub gateways: Vec<Gateway>,
    /// Who may do what on the control socket.
    pub roles: Roles,
    /// Addresses on which RADIUS is awaited over UDP.
    pub listen: Vec<SocketAddr>,
    /// The control socket.
    pub control_socket: PathBuf,
    /// The folder of the store.
    pub state_dir: PathBuf,
    /// The master key.
    pub key: KeySource,
    /// Where numbers are served; none: nowhere.
    pub metrics: Option<MetricsListen>,
    /// The mail server; none: nobody is told anything by mail.
    pub mail: Option<Mail>,
    /// The SMS gateway; none: nobody is told anything by text message.
    pub sms: Option<Sms>,
    /// Name of this server.
    pub node: Arc<str>,
    /// Language of messages.
    pub language: String,
    /// Bounds of queues, maps and caches.
    pub limits: Limits,
    /// More locks than this within a minute are a mass lock; 0: never.
    pub alert_locks_per_minute: u32,
    /// More Rejects than this within a minute through one gateway raise an alarm; 0: never.
    pub alert_failures_per_minute: u32,
    /// The files read, the main one first.
    pub files: Vec<FileRead>,
    /// Every key with its value as text, without secrets.
    pub(super) values: BTreeMap<String, String>,
    /// The keys that the files state.
    pub(super) stated: BTreeSet<String>,
}

/// One VPN gateway.
pub struct Gateway {
    /// Its block of rules.
    pub policy: Arc<GatewayPolicy>,
    /// Where its requests come from.
    pub addresses: Vec<Network>,
    /// The shared secret, without the line end of its file.
    pub secret: Arc<SecretBytes>,
    /// Where that came from.
    pub secret_source: SecretSource,
    /// Requests without Message-Authenticator are dropped.
    pub require_message_authenticator: bool,
    /// Name and text of attributes that an Accept carries, in order.
    pub accept_attributes: Vec<(String, String)>,
}

/// Names of users and groups for each role, as written: names or numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Everything.
    pub admin: Members,
    /// Tokens and states.
    pub operator: Members,
    /// The help desk.
    pub support: Members,
    /// Reading only.
    pub viewer: Members,
    /// The pages of links only.
    pub web: Members,
}

impl Roles {
    /// The members of one role.
    #[must_use]
    pub const fn of(&self, role: Role) -> &Members {
        match role {
            Role::Admin => &self.admin,
            Role::Operator => &self.operator,
            Role::Support => &self.support,
            Role::Viewer => &self.viewer,
            Role::Web => &self.web,
        }
    }
}

/// Users and groups of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Names or uids.
    pub users: Vec<String>,
    /// Names or gids.
    pub groups: Vec<String>,
}

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A systemd credential of this name.
    Credential(String),
    /// A file.
    File(PathBuf),
}

/// Where numbers are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
}

/// Bounds that a site may move; what each is for stands in the table of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests remembered for their answer, in all.
    pub duplicate_cache_entries: usize,
    /// The same for one gateway.
    pub duplicate_cache_per_gateway: usize,
    /// Rejects that wait to leave.
    pub reject_wheel: usize,
    /// Requests that wait for the store.
    pub verify_queue: usize,
    /// PINs that wait to be hashed.
    pub pin_queue: usize,
    /// Threads that hash them; none: by the number of cores.
    pub pin_threads: Option<usize>,
    /// Good PIN checks that are remembered; 0: none.
    pub pin_memory_entries: usize,
    /// For how long.
    pub pin_memory_ttl: Duration,
    /// Connections on the control socket.
    pub control_connections: usize,
    /// Users kept in memory.
    pub user_cache_entries: usize,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256 of what it said.
    pub sha256: [u8; 32],
}
