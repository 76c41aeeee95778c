//! Whole configurations: what is wrong with the bad ones, word for word, and that the good ones are
//! taken. `MFAD_BLESS=1` rewrites the golden files; read the difference before committing it.
//!
//! Secrets are made up from the name of their file or credential, see [`TestSecrets`]; the tests of
//! `load` use real files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail them"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mfad::config::{
    self, Config, Diff, KeySource, Loaded, MetricsListen, Problems, SecretFault, SecretSource,
    Secrets, Source, Surroundings,
};
use mfad::domain::policy::{FirstFactorBy, PasscodeForm, Policy};
use mfad::secret::SecretBytes;

/// Must be in no message.
const CANARY: &str = "hunter2hunter2hunter2";

use mfad::control::numbers;

struct TestSecrets;

impl Secrets for TestSecrets {
    fn read(&self, source: &SecretSource) -> Result<SecretBytes, SecretFault> {
        let name = match source {
            SecretSource::File(path) => path.file_name().unwrap().to_str().unwrap().to_owned(),
            SecretSource::Credential(name) => name.clone(),
        };
        let text = match name.trim_end_matches(".secret") {
            "empty" => "\n".to_owned(),
            "short" => CANARY[..11].to_owned(),
            "guessable" => CANARY.to_owned(),
            "brief" => "9dJ2kQ8sV4mZ1xW7\n".to_owned(),
            "lines" => format!("9dJ2kQ8sV4mZ1xW7\n{CANARY}"),
            "public" => return Err(SecretFault::Public { mode: 0o644 }),
            "same" => "yq7X-3mPd-h2Kt-9fWs-Lb4c-Tz8v".to_owned(),
            "missing" | CANARY => return Err(SecretFault::Missing),
            other => format!("yq7X-3mPd-h2Kt-9fWs-Lb4c-{other}\r\n"),
        };
        Ok(SecretBytes::copy_of(text.as_bytes()))
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn blessing() -> bool {
    std::env::var_os("MFAD_BLESS").is_some()
}

/// Compares `text` with the file, or writes it.
fn golden(path: &Path, text: &str) {
    if blessing() {
        fs::write(path, text).unwrap();
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    assert!(
        wanted == text,
        "{} differs; wanted:\n{wanted}\ngot:\n{text}",
        path.display()
    );
}

/// `NAME.toml` and the files of `NAME.d`, under the paths of a real host.
fn sources(main: &Path) -> Vec<Source> {
    let read = |path: &Path, shown: String| Source {
        path: shown.into(),
        text: fs::read_to_string(path).unwrap(),
    };
    let mut sources = vec![read(main, "/etc/mfad/mfad.toml".to_owned())];
    for path in files(&main.with_extension("d")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        sources.push(read(&path, format!("/etc/mfad/gateways.d/{name}")));
    }
    sources
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    let source = Source {
        path: "/etc/mfad/mfad.toml".into(),
        text: text.to_owned(),
    };
    config::parse(&[source], "mfa1", &TestSecrets)
}

fn good(text: &str) -> Config {
    match parse(text) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}

fn bad(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("taken:\n{text}"),
        Err(problems) => problems.to_string(),
    }
}

/// A gateway with its further lines.
fn gateway(name: &str, address: &str, further: &str) -> String {
    format!(
        "[gateway.{name}]\naddresses = [\"{address}\"]\nfirst_factor = \"pin\"\n\
         passcode = \"pin+otp\"\nsecret_file = \"{name}.secret\"\n{further}\n"
    )
}

#[test]
fn bad_ones_tell_everything_at_once() {
    let bad = files(&folder("tests/config/bad"));
    assert!(bad.len() >= 10, "the bad ones are gone");
    for main in bad {
        let Err(problems) = config::parse(&sources(&main), "mfa1", &TestSecrets) else {
            panic!("{} is taken", main.display());
        };
        let text = format!("{problems}\n");
        assert!(!text.contains("hunter2"), "a secret is shown:\n{text}");
        let json = problems.json().to_string();
        assert!(
            !json.contains("hunter2"),
            "a secret is in the JSON:\n{json}"
        );
        for number in problems.list().iter().filter_map(|problem| problem.number) {
            assert!(numbers::by_code(number).is_some(), "{number} has no text");
        }
        golden(&main.with_extension("stderr"), &text);
    }
}

/// A file cut off anywhere is judged without a panic, and shows no secret either.
#[test]
fn cut_files_show_no_secret() {
    let all = [folder("tests/config/bad"), folder("tests/config/good")];
    for main in all.iter().flat_map(|folder| files(folder)) {
        let text = fs::read_to_string(&main).unwrap();
        for (end, _) in text.char_indices() {
            if let Err(problems) = parse(&text[..end]) {
                let told = problems.to_string();
                assert!(!told.contains("hunter2"), "{}:\n{told}", &text[..end]);
            }
        }
    }
}

#[test]
fn good_ones_are_taken() {
    let good = files(&folder("tests/config/good"));
    assert!(good.len() >= 3, "the good ones are gone");
    let examples = files(&folder("conf/examples"));
    assert!(examples.len() >= 6, "the examples are gone");
    for main in good.iter().chain(&examples) {
        let warnings = match config::parse(&sources(main), "mfa1", &TestSecrets) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => panic!("{}:\n{problems}", main.display()),
        };
        assert_eq!(warnings.errors(), 0);
        if good.contains(main) {
            golden(&main.with_extension("stderr"), &format!("{warnings}\n"));
        }
    }
}

#[test]
fn the_sample_file_is_the_table_of_keys() {
    golden(&folder("conf/mfad.toml"), &config::keys::sample_file());
}

#[test]
fn nothing_stated_is_the_manual() {
    let empty = good("");
    assert_eq!(
        *empty.policy,
        Policy {
            issuer: "mfa1".to_owned(),
            ..Policy::default()
        }
    );
    assert!(empty.gateways.is_empty());
    assert_eq!(empty.control_socket, Path::new("/run/mfad/control"));
    assert_eq!(empty.key, KeySource::Credential("mfad.key".to_owned()));
    assert_eq!(empty.metrics, None);
    assert_eq!(empty.listen.len(), 2);
    let limits = config::Limits {
        duplicate_cache_entries: 65_536,
        duplicate_cache_per_gateway: 8192,
        reject_wheel: 65_536,
        verify_queue: 1024,
        pin_queue: 64,
        pin_threads: None,
        pin_memory_entries: 10_000,
        pin_memory_ttl: std::time::Duration::from_secs(12 * 3600),
        control_connections: 32,
        user_cache_entries: 50_000,
    };
    assert_eq!(empty.limits, limits);
    assert_eq!(empty.alert_locks_per_minute, 10);
    assert_eq!(empty.state_dir, Path::new("/var/lib/mfad"));
}

/// The defaults shown behind a # are the ones in force: stated, they change nothing.
#[test]
fn the_sample_file_shows_real_defaults() {
    let sample = config::keys::sample_file();
    let (site, _) = sample.split_once("\n#[gateway.NAME]").unwrap();
    let stated: String = site
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' '))
                .unwrap_or(line)
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(stated.lines().filter(|line| line.contains(" = ")).count() > 50);
    for text in [sample.as_str(), stated.as_str()] {
        let diff = Diff::between(&good(""), &good(text));
        assert!(diff.is_empty(), "{diff}");
    }
}

#[test]
fn a_gateway_has_what_is_stated() {
    let text = gateway(
        "vpn1",
        "192.0.2.10",
        "same_code_grace = \"20s\"\nstrip_domain = [\"EXAMPLE\"]\non_internal_error = \"reject\"\n\
         accept_attributes = { Class = \"OU=staff;\", Filter-Id = [\"b\", \"a\"] }",
    );
    let config = good(&text);
    let one = &config.gateways[0];
    assert_eq!(one.policy.first_factor, FirstFactorBy::Pin);
    assert_eq!(one.policy.passcode, PasscodeForm::PinOtp);
    assert_eq!(one.policy.same_code_grace.as_secs(), 20);
    assert_eq!(one.policy.reject_delay.as_secs(), 1);
    assert!(one.policy.reject_on_internal_error && one.policy.allow_passthrough);
    assert!(one.require_message_authenticator);
    assert!(one.secret.equals(b"yq7X-3mPd-h2Kt-9fWs-Lb4c-vpn1"));
    let pairs: Vec<_> = one
        .accept_attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("Class", "OU=staff;"),
            ("Filter-Id", "b"),
            ("Filter-Id", "a")
        ]
    );
}

#[test]
fn each_first_factor_has_its_passcodes() {
    let fitting = [
        ("gateway", "otp"),
        ("none", "otp"),
        ("pin", "pin+otp"),
        ("local", "password+otp"),
        ("local", "password,otp"),
        ("gateway", "challenge"),
        ("none", "challenge"),
        ("pin", "challenge"),
        ("local", "challenge"),
    ];
    for by in ["gateway", "none", "pin", "local"] {
        for form in [
            "otp",
            "pin+otp",
            "password+otp",
            "password,otp",
            "challenge",
        ] {
            let text = gateway("vpn1", "192.0.2.10", "")
                .replace("\"pin\"", &format!("\"{by}\""))
                .replace("\"pin+otp\"", &format!("\"{form}\""));
            let taken = parse(&text).is_ok();
            assert_eq!(taken, fitting.contains(&(by, form)), "{by} {form}");
        }
    }
    let mute = gateway("vpn1", "192.0.2.10", "challenge = false\n")
        .replace("\"pin+otp\"", "\"challenge\"");
    assert!(bad(&mute).contains("without challenges"));
}

#[test]
fn nobody_passes_without_a_first_factor() {
    let none = gateway("vpn1", "192.0.2.10", "")
        .replace("\"pin\"", "\"none\"")
        .replace("\"pin+otp\"", "\"otp\"");
    assert!(!good(&none).gateways[0].policy.allow_passthrough);
    for line in [
        "allow_passthrough = true",
        "unknown_user = \"passthrough\"",
        "unenrolled = \"passthrough\"",
        "reply_detail = \"helpful\"",
    ] {
        let told = bad(&format!("{none}{line}\n"));
        assert!(told.contains("does not go with first_factor"), "{told}");
    }
}

#[test]
fn overlapping_networks_are_fine_and_twins_are_not() {
    let wide = gateway("wide", "192.0.2.0/24", "");
    good(&format!("{wide}{}", gateway("vpn1", "192.0.2.7", "")));
    let told = bad(&format!("{wide}{}", gateway("vpn1", "192.0.2.0/24", "")));
    assert!(told.contains("192.0.2.0/24 stands twice"), "{told}");
    assert!(
        told.contains("gateway wide has it: /etc/mfad/mfad.toml:2"),
        "{told}"
    );
}

#[test]
fn reports_warnings_by_number() {
    let numbers = |text: &str| -> Vec<&'static str> {
        let Ok(loaded) = parse(text) else {
            panic!("{}", bad(text));
        };
        let list = loaded.warnings.list().iter();
        list.filter_map(|problem| problem.number).collect()
    };
    let plain = gateway("vpn1", "192.0.2.10", "");
    assert!(numbers(&plain).is_empty());
    let open = format!("{plain}require_message_authenticator = false\n");
    assert_eq!(numbers(&open), ["W031"]);
    assert_eq!(
        numbers(&plain.replace("vpn1.secret", "brief.secret")),
        ["W032"]
    );
    let forced = format!("{plain}allow_weak_secret = true\n");
    assert_eq!(
        numbers(&forced.replace("vpn1.secret", "short.secret")),
        ["W032"]
    );
    let gateway_checks = plain
        .replace("\"pin\"", "\"gateway\"")
        .replace("pin+otp", "otp");
    assert_eq!(numbers(&gateway_checks), ["W033"]);
    assert!(numbers(&format!("{gateway_checks}allow_passthrough = false\n")).is_empty());
    // 5 x 24 h / 72 min = 100: just reaches the hard cap.
    assert_eq!(numbers("[lockout.user]\nduration = \"72m\"\n"), ["W034"]);
    assert!(numbers("[lockout.user]\nduration = \"73m\"\n").is_empty());
    let wait = "[lockout]\nmode = \"wait\"\n";
    assert!(numbers(wait).is_empty());
    assert_eq!(numbers(&format!("{wait}user.max_failures = 8\n")), ["W042"]);
    assert_eq!(
        numbers(&format!("{wait}token.duration = \"1h\"\n")),
        ["W042"]
    );
    // 12 guesses take 1022 s of waiting; with as much rest as makes 12 % of a day, 100 a day.
    assert_eq!(
        numbers(&format!("{wait}user.window = \"9346s\"\n")),
        ["W034"]
    );
    assert!(numbers(&format!("{wait}user.window = \"9347s\"\n")).is_empty());
    assert!(numbers("[lockout.user]\nwindow = \"1h\"\n").is_empty());
    let same = format!("{plain}{}", gateway("vpn2", "192.0.2.11", ""));
    let same = same
        .replace("vpn1.secret", "same")
        .replace("vpn2.secret", "same");
    assert_eq!(numbers(&same), ["W035"]);
    let asked = |set: &str, gateway: &str| {
        let sends = "[token_types.email]\nenabled = true\n";
        numbers(&format!("{sends}[sets]\ndefault = {set}\n{gateway}"))
    };
    let (both, mailed) = ("[[\"totp\"], [\"hotp\"]]", "[[\"email\"]]");
    let mute = format!("{plain}challenge = false\n");
    let stepped = plain.replace("pin+otp", "challenge");
    assert!(asked(both, &plain).is_empty() && asked(mailed, &stepped).is_empty());
    assert_eq!(asked(both, &mute), ["W036"]);
    assert_eq!(asked(mailed, &plain), ["W036"]);
}

#[test]
fn suppressed_auth_codes_are_warned_of_where_something_is_open_or_shut() {
    let plain = gateway("vpn1", "192.0.2.10", "");
    let told = |text: &str| -> Vec<String> {
        let Ok(loaded) = parse(text) else {
            panic!("{}", bad(text));
        };
        let list = loaded.warnings.list().iter();
        let numbered = list.filter(|it| it.number == Some("W037"));
        numbered.map(|it| it.text.clone()).collect()
    };
    let suppress = "[auth_code]\nalways_suppress = true\n";
    let mail = "[smtp]\nserver = \"mail.example.org\"\nfrom = \"mfad@example.org\"\n";
    assert!(told(&plain).is_empty());
    let both = told(&format!("{suppress}{plain}"));
    assert_eq!(
        both,
        [
            "who is new enrols by a password alone at vpn1",
            "nobody replaces a token, or is reset, at a sign-in"
        ]
    );
    assert_eq!(told(&format!("{suppress}{mail}{plain}")).len(), 1);
    let closed = format!("{suppress}{mail}{plain}unenrolled = \"reject\"\n");
    assert!(told(&closed).is_empty());
    let mute = format!("{suppress}{plain}challenge = false\n");
    assert!(told(&mute).is_empty());
}

#[test]
fn what_a_mailbox_holds_is_warned_of() {
    let plain = gateway("vpn1", "192.0.2.10", "");
    let warned = |text: &str| {
        let Ok(loaded) = parse(text) else {
            panic!("{}", bad(text));
        };
        let mut list = loaded.warnings.list().iter();
        list.any(|it| it.number == Some("W038"))
    };
    let mailed = "[device_auth]\nno_web = \"mail_seed\"\n";
    let pages = "[web]\nbase_url = \"https://mfa.example.org\"\n";
    assert!(warned(&format!("{mailed}{plain}")));
    assert!(!warned(&format!("{mailed}{pages}{plain}")));
    assert!(!warned(&format!(
        "{}{plain}",
        mailed.replace("mail_seed", "reject")
    )));
    assert!(!warned(&plain));
}

#[test]
fn refuses_an_empty_secret_even_if_weak_ones_are_allowed() {
    for secret in ["empty", "lines", "public", "missing"] {
        let text = gateway("vpn1", "192.0.2.10", "allow_weak_secret = true");
        bad(&text.replace("vpn1.secret", secret));
    }
}

#[test]
fn differences_name_keys_gateways_and_restarts() {
    let old = good(&gateway("vpn1", "192.0.2.10", ""));
    let new = format!(
        "[lockout.user]\nmax_failures = 8\n[radius]\nlisten = [\"127.0.0.1:1812\"]\n{}{}",
        gateway("vpn1", "192.0.2.10", "").replace("vpn1.secret", "other.secret"),
        gateway("vpn3", "192.0.2.30", "")
    );
    let diff = Diff::between(&old, &good(&new));
    assert!(diff.needs_restart());
    assert_eq!(
        diff.line(),
        "changes=5 gateway.vpn1.secret:(hidden)->(hidden) \
         gateway.vpn1.secret_file:vpn1.secret->other.secret +gateway.vpn3 \
         lockout.user.max_failures:5->8 \
         !radius.listen:0.0.0.0:1812,[::]:1812->127.0.0.1:1812"
    );
    let shown = diff.to_string();
    assert!(shown.contains("  + gateway vpn3"), "{shown}");
    assert!(shown.contains("192.0.2.30, first_factor pin"), "{shown}");
    assert!(shown.contains("! radius.listen"), "{shown}");
    let back = Diff::between(&good(&new), &old);
    assert!(back.line().contains(" -gateway.vpn3"), "{}", back.line());
    assert!(Diff::between(&old, &good(&gateway("vpn1", "192.0.2.10", ""))).is_empty());
}

#[test]
fn values_are_had_by_key() {
    let config = good(&format!(
        "node = \"mfa9\"\n{}",
        gateway("vpn1", "192.0.2.10", "")
    ));
    assert_eq!(config.get("node"), Some("mfa9"));
    assert_eq!(config.get("lockout.user.max_failures"), Some("5"));
    assert_eq!(config.get("passthrough.warn_before"), Some("1d"));
    assert_eq!(config.get("enroll.issuer"), Some("mfa1"));
    assert_eq!(config.get("key.credential"), Some("mfad.key"));
    assert_eq!(config.get("sets.default"), Some("totp|hotp|virtual"));
    assert_eq!(config.get("gateway.vpn1.reject_delay"), Some("1s"));
    assert_eq!(config.get("gateway.vpn1.allow_passthrough"), Some("true"));
    assert_eq!(config.get("gateway.vpn1.allowed_types"), Some("all"));
    assert_eq!(config.get("gateway.vpn1.secret"), None);
    assert_eq!(config.get("gateway.vpn2.reject_delay"), None);
    assert_eq!(config.below("lockout.user").count(), 3);
    assert_eq!(config.below("lockout.use").count(), 0);
    assert_eq!(
        config.nearest_key("lockout.user.max_failure"),
        Some("lockout.user.max_failures")
    );
    assert!(!config.below("").any(|(_, value)| value.contains("yq7X")));
}

#[test]
fn metrics_and_key_have_their_forms() {
    let config = good("[metrics]\nlisten = \"127.0.0.1:9812\"\n[key]\nfile = \"mfad.key\"\n");
    assert_eq!(
        config.metrics,
        Some(MetricsListen::Tcp("127.0.0.1:9812".parse().unwrap()))
    );
    assert_eq!(config.key, KeySource::File("/etc/mfad/mfad.key".into()));
    let config = good("[metrics]\nlisten = \"/run/mfad/metrics\"\n");
    assert_eq!(
        config.metrics,
        Some(MetricsListen::Unix("/run/mfad/metrics".into()))
    );
}

#[test]
fn reads_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("mfad.toml");
    let drop_ins = dir.path().join("gateways.d");
    let secret = drop_ins.join("vpn1.secret");
    let around = Surroundings {
        credentials_dir: Some(dir.path().join("credentials")),
        hostname: "mfa1".to_owned(),
    };
    let load = || config::load(&main, &around);
    let told = load().err().unwrap().to_string();
    assert!(
        told.contains("mfad.toml: error: the configuration cannot be read"),
        "{told}"
    );
    fs::write(&main, "").unwrap();
    assert!(
        load()
            .unwrap_or_else(|told| panic!("{told}"))
            .config
            .gateways
            .is_empty()
    );

    fs::create_dir(&drop_ins).unwrap();
    let text = gateway("vpn1", "192.0.2.10", "").replace("vpn1.secret", "gateways.d/vpn1.secret");
    fs::write(drop_ins.join("vpn1.toml"), &text).unwrap();
    fs::write(drop_ins.join(".vpn1.toml.swp.toml"), "not toml").unwrap();
    fs::write(drop_ins.join("README"), "not toml").unwrap();
    assert!(
        load()
            .err()
            .unwrap()
            .to_string()
            .contains("secret file is not there")
    );

    fs::write(&secret, "9dJ2kQ8sV4mZ1xW7-h2Kt-9fWs\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let told = load().err().unwrap().to_string();
    assert!(
        told.contains("can be reached by everybody (mode 0644)"),
        "{told}"
    );
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
    let loaded = load().unwrap_or_else(|told| panic!("{told}"));
    assert!(
        loaded.config.gateways[0]
            .secret
            .equals(b"9dJ2kQ8sV4mZ1xW7-h2Kt-9fWs")
    );
    assert_eq!(loaded.config.files.len(), 2);

    let by_credential = text.replace(
        "secret_file = \"gateways.d/vpn1.secret\"",
        "secret_credential = \"vpn1\"",
    );
    fs::write(drop_ins.join("vpn1.toml"), &by_credential).unwrap();
    fs::create_dir(dir.path().join("credentials")).unwrap();
    fs::copy(&secret, dir.path().join("credentials/vpn1")).unwrap();
    load().unwrap_or_else(|told| panic!("{told}"));
    fs::write(&main, [0xff, 0xfe]).unwrap();
    assert!(load().err().unwrap().to_string().contains("not UTF-8"));
}
