//! What mfad proves itself with to a server that it sends through: in a file or a credential.

use std::path::Path;
use std::sync::Arc;

use super::gateway_secret::without_line_end;
use super::problems::{Collector, Found};
use super::secrets::{SecretSource, Secrets};
use super::settings::Settings;
use super::site;
use crate::secret::SecretBytes;

/// Which secret it is, for its keys and for words about it.
pub(super) struct ServerSecret {
    /// For a file, and for a credential.
    pub(super) keys: [&'static str; 2],
    /// The table of the keys.
    pub(super) table: &'static str,
    /// `password` or `secret`.
    pub(super) word: &'static str,
    /// Whose it is.
    pub(super) server: &'static str,
    /// Longest one.
    pub(super) octets_max: usize,
}

/// It was said what is wrong.
pub(super) struct Told;

impl ServerSecret {
    /// Where it is; none: there is none.
    pub(super) fn source(
        &self,
        settings: &Settings<'_>,
        folder: &Path,
        problems: &mut Collector<'_>,
    ) -> Result<Option<SecretSource>, Told> {
        match self.keys.map(|key| settings.text(key)) {
            [Some(_), Some(_)] => {
                let text = format!("{} has two {}s", self.server, self.word);
                let label = format!("either `{0}_file` or `{0}_credential`", self.word);
                problems.add(Found::error(settings.line(&self.keys), text).label(label));
                Err(Told)
            }
            [Some(file), None] => Ok(Some(SecretSource::File(folder.join(file)))),
            [None, Some(name)] => {
                site::credential_name(name, settings, self.keys[1], problems);
                Ok(Some(SecretSource::Credential(name.to_owned())))
            }
            [None, None] => Ok(None),
        }
    }

    /// One line of text, without its end.
    pub(super) fn read(
        &self,
        source: &SecretSource,
        settings: &Settings<'_>,
        secrets: &dyn Secrets,
        problems: &mut Collector<'_>,
    ) -> Option<Arc<SecretBytes>> {
        let mut wrong = |text: String| {
            problems.add(Found::error(settings.line(&self.keys), text).number("E102"));
        };
        match secrets.read(source) {
            Ok(secret) => {
                let secret = Arc::new(without_line_end(&secret));
                let octets = secret.expose();
                let plain = octets.iter().all(|octet| *octet >= b' ');
                if octets.is_empty() || octets.len() > self.octets_max || !plain {
                    let (word, server) = (self.word, self.server);
                    wrong(format!(
                        "the {word} for {server} is empty or no line of text"
                    ));
                }
                Some(secret)
            }
            Err(fault) => {
                wrong(format!("{}: {source} {fault}", self.table));
                None
            }
        }
    }
}
