//! Configurations: every problem has a place, none tells a secret, and what is taken is taken again.

use mfad::config::{
    self, Config, Diff, PROBLEMS_MAX, Problems, SecretFault, SecretSource, Secrets, Source, keys,
};
use mfad::secret::SecretBytes;

/// What every file and credential holds; must be in no message and no value.
const CANARY: &str = "yq7X-3mPd-h2Kt-9fWs-Lb4c-canary";

struct Canary;

impl Secrets for Canary {
    fn read(&self, _: &SecretSource) -> Result<SecretBytes, SecretFault> {
        Ok(SecretBytes::copy_of(CANARY.as_bytes()))
    }
}

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        text: text.to_owned(),
    }
}

/// A `mfad.toml`.
pub fn site(octets: &[u8]) {
    if let Ok(text) = std::str::from_utf8(octets) {
        check(&[source("/etc/mfad/mfad.toml", text)]);
    }
}

/// A file of `gateways.d` beside an empty `mfad.toml`.
pub fn gateways(octets: &[u8]) {
    if let Ok(text) = std::str::from_utf8(octets) {
        let main = source("/etc/mfad/mfad.toml", "");
        check(&[main, source("/etc/mfad/gateways.d/vpn.toml", text)]);
    }
}

fn check(sources: &[Source]) {
    let parse = || config::parse(sources, "vpn.example.org", &Canary);
    match parse() {
        Ok(loaded) => {
            assert_eq!(loaded.warnings.errors(), 0);
            told(&loaded.warnings, sources);
            taken(&loaded.config, sources);
            let again = parse().ok().unwrap();
            assert!(Diff::between(&loaded.config, &again.config).is_empty());
        }
        Err(problems) => {
            assert!(problems.errors() > 0, "refused without an error");
            told(&problems, sources);
        }
    }
}

/// Every problem stands in a line that there is, and is fit for a terminal.
fn told(problems: &Problems, sources: &[Source]) {
    assert!(problems.list().len() <= PROBLEMS_MAX);
    for problem in problems.list() {
        let file = |it: &&Source| it.path.display().to_string() == problem.file;
        let lines = sources.iter().find(file).map(|it| it.text.lines().count());
        if let (Some(spot), Some(lines)) = (&problem.spot, lines) {
            assert!((1..=lines + 1).contains(&spot.line), "line {}", spot.line);
            assert!(spot.column >= 1);
        }
    }
    let text = problems.to_string();
    assert!(!text.contains(CANARY) && !problems.json().to_string().contains(CANARY));
    let obeyed = |sign: char| sign.is_control() && sign != '\n';
    assert!(!text.contains(obeyed), "a control character is shown");
}

fn taken(config: &Config, sources: &[Source]) {
    for (key, value) in config.below("") {
        assert!(!value.contains(CANARY), "{key}");
        assert_eq!(config.get(key), Some(value));
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        assert!(keys::find(&path).is_some() || key.contains('"'), "{key}");
    }
    for gateway in &config.gateways {
        assert!(
            !gateway.addresses.is_empty(),
            "a gateway without an address"
        );
    }
    assert_eq!(config.files.len(), sources.len());
    assert!(!config.listen.is_empty() && !config.node.is_empty());
}
