//! Checks of the shared secret of a gateway: where it is, and whether it is good enough.

use std::path::Path;
use std::sync::Arc;

use super::gateways::{Known, One};
use super::problems::{Collector, Found};
use super::secrets::{
    SECRET_CHARS_ADVISED, SECRET_CHARS_MIN, SecretSource, Secrets, Strength, strength,
};
use super::site;
use super::source::Place;
use crate::secret::{SecretBytes, equal};

impl One<'_> {
    pub(super) fn secret_source(
        &self,
        folder: &Path,
        problems: &mut Collector<'_>,
    ) -> Option<SecretSource> {
        let settings = &self.settings;
        if settings.stated("secret_file") && settings.stated("secret_credential") {
            let text = format!("gateway {} has two secrets", self.name);
            let found = Found::error(settings.line(&["secret_credential"]), text);
            problems.add(found.label("either `secret_file` or `secret_credential`"));
        }
        if let Some(file) = settings.text("secret_file") {
            return Some(SecretSource::File(folder.join(file)));
        }
        if let Some(name) = settings.text("secret_credential") {
            site::credential_name(name, settings, "secret_credential", problems);
            return Some(SecretSource::Credential(name.to_owned()));
        }
        let told = ["secret", "secret_file", "secret_credential"];
        if !told.iter().any(|name| settings.stated(name)) {
            let text = format!("gateway {} does not state `secret_file`", self.name);
            let found = Found::error(self.header, text).number("E104");
            problems.add(found.label(format!(
                "like secret_file = \"gateways.d/{}.secret\"",
                self.name
            )));
        }
        None
    }

    pub(super) fn secret(
        &self,
        source: &SecretSource,
        secrets: &dyn Secrets,
        known: &mut Known,
        problems: &mut Collector<'_>,
    ) -> Option<Arc<SecretBytes>> {
        let place = self.settings.line(&["secret_file", "secret_credential"]);
        let secret = match secrets.read(source) {
            Ok(secret) => Arc::new(without_line_end(&secret)),
            Err(fault) => {
                self.hide_mistaken(problems);
                let what = match source {
                    SecretSource::File(_) => "the secret file",
                    SecretSource::Credential(_) => "the credential",
                };
                let text = format!("gateway {}: {what} {fault}", self.name);
                problems.add(Found::error(place, text).number("E102"));
                return None;
            }
        };
        let right = self.judge(strength(secret.expose()), place, problems);
        let same = known
            .secrets
            .iter()
            .find(|(_, other)| equal(other.expose(), secret.expose()));
        if let Some((other, _)) = same.filter(|_| right) {
            let text = format!("{} and {other} share a secret", self.name);
            let label = "whoever breaks into one speaks for both";
            problems.add(Found::warning("W035", place, text).label(label));
        }
        known
            .secrets
            .push((self.name.to_owned(), Arc::clone(&secret)));
        right.then_some(secret)
    }

    /// A text without folder and ending, of which there is no file, may be the secret itself.
    fn hide_mistaken(&self, problems: &mut Collector<'_>) {
        for name in ["secret_file", "secret_credential"] {
            if let (Some(text), Some(entry)) = (self.settings.text(name), self.settings.entry(name))
                && !text.contains(['/', '.'])
            {
                problems.hide(entry.value_place);
            }
        }
    }

    /// Whether a secret of this strength is taken.
    fn judge(&self, strength: Strength, place: Place, problems: &mut Collector<'_>) -> bool {
        let forced = self.settings.flag("allow_weak_secret");
        let brief = |chars: usize| {
            let text = format!("the secret of {} has {chars} characters", self.name);
            Found::warning("W032", place, text)
                .label(format!("{SECRET_CHARS_ADVISED} or more are advised"))
        };
        let refused = |what: String| {
            Found::error(place, format!("the secret of gateway {} {what}", self.name))
                .number("E102")
        };
        let curable = |found: Found| {
            found
                .label("make one: openssl rand -base64 24")
                .note("one captured packet is enough to try it offline: mfactl explain E102")
        };
        match strength {
            Strength::Good => return true,
            Strength::Brief(chars) => problems.add(brief(chars)),
            Strength::Short(chars) if forced => problems.add(brief(chars)),
            Strength::Guessable if forced => problems.add(
                Found::warning(
                    "W032",
                    place,
                    format!("the secret of {} is easy to guess", self.name),
                )
                .label("allowed by `allow_weak_secret`"),
            ),
            Strength::Empty => problems.add(refused("is empty".to_owned())),
            Strength::Unprintable => {
                problems.add(refused("has control characters".to_owned()).label("one line only"));
            }
            Strength::Short(chars) => problems.add(curable(refused(format!(
                "has {chars} characters, {SECRET_CHARS_MIN} are the least"
            )))),
            Strength::Guessable => problems.add(curable(refused("is easy to guess".to_owned()))),
        }
        matches!(strength, Strength::Brief(_))
            || forced && matches!(strength, Strength::Short(_) | Strength::Guessable)
    }
}

/// The secret without the line end that editors put behind it.
pub(super) fn without_line_end(secret: &SecretBytes) -> SecretBytes {
    let all = secret.expose().as_slice();
    let cut = all
        .strip_suffix(b"\r\n")
        .or_else(|| all.strip_suffix(b"\n"))
        .unwrap_or(all);
    SecretBytes::copy_of(cut)
}
