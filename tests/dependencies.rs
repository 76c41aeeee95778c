//! What we build upon: licences, bans, and that each crate has its paragraph.
//!
//! Read from `cargo metadata`, so no further tool is needed. Security advisories are not checked
//! here: that needs their database, and `.ci/run` calls cargo-deny for it where it is installed.
//! The lists of licences and bans stand in `deny.toml` alone; this test reads them there.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let host = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let host = String::from_utf8(host).unwrap();
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
    let args = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        host,
    ];
    let output = Command::new(env!("CARGO")).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn deny() -> toml::Table {
    fs::read_to_string("deny.toml").unwrap().parse().unwrap()
}

fn texts(list: &toml::Value, of: impl Fn(&toml::Value) -> &toml::Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|v| of(v).as_str().unwrap().to_owned())
        .collect()
}

/// Whether an expression like `(MIT OR Apache-2.0) AND Unicode-3.0` can be met from the list.
/// `AND` binds closer than `OR`; an exception (`WITH`) only ever adds a permission.
fn allowed(expression: &str, list: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any(&mut words, list)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, list: &[String]) -> bool {
    let mut met = all(words, list);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, list);
    }
    met
}

fn all(words: &mut Words<'_>, list: &[String]) -> bool {
    let mut met = one(words, list);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, list);
    }
    met
}

fn one(words: &mut Words<'_>, list: &[String]) -> bool {
    match words.next() {
        Some("(") => {
            let met = any(words, list);
            words.next_if_eq(&")").is_some() && met
        }
        Some(name) => {
            if words.next_if_eq(&"WITH").is_some() {
                words.next();
            }
            list.iter().any(|l| l == name)
        }
        None => false,
    }
}

#[test]
fn licences_are_on_the_list() {
    let list = texts(&deny()["licenses"]["allow"], |v| v);
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "the tree was not read");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none stated");
        assert!(allowed(licence, &list), "{}: {licence}", package["name"]);
    }
}

/// The names of all crates below, this machine's and others'.
fn tree(of: &[&str]) -> Vec<String> {
    let args = [
        "tree", "--locked", "--prefix", "none", "--edges", "all", "--format", "{p}",
    ];
    let output = Command::new(env!("CARGO"))
        .args(args)
        .args(of)
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(
        output.status.success() && names.len() > 50,
        "the tree was not read"
    );
    names
}

#[test]
fn banned_crates_are_not_in_the_tree() {
    let banned = texts(&deny()["bans"]["deny"], |v| &v["crate"]);
    // The metadata also has what only a feature that nobody wants would bring.
    for name in tree(&["--workspace"]) {
        assert!(!banned.contains(&name), "{name} is in the tree");
    }
}

#[test]
fn the_daemon_links_no_http_server() {
    let http = ["http", "hyper", "axum"].map(str::to_owned);
    let of = |package: &str| tree(&["--package", package]);
    assert!(http.iter().all(|name| of("mfad-web").contains(name)));
    let daemon = of("mfad");
    assert!(!http.iter().any(|name| daemon.contains(name)));
}

#[test]
fn every_dependency_has_its_paragraph() {
    let document = fs::read_to_string("docs/DEPENDENCIES.md").unwrap();
    let mut used = BTreeSet::new();
    for path in ["Cargo.toml", "web/Cargo.toml"] {
        let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        for table in ["dependencies", "dev-dependencies"] {
            used.extend(manifest[table].as_table().unwrap().keys().cloned());
        }
    }
    // The library of this very project.
    used.remove("mfad");
    for name in &used {
        let row = format!("| `{name}` |");
        assert!(document.contains(&row), "{name} is not explained");
    }
    let mut rows = document
        .lines()
        .filter_map(|l| l.strip_prefix("| `")?.split_once("` |"));
    let gone = rows.find(|(name, _)| !used.contains(*name));
    assert_eq!(gone, None, "explained, but not used");
}

#[test]
fn expressions_are_read_as_meant() {
    let list = ["MIT".to_owned(), "ISC".to_owned()];
    assert!(allowed("MIT OR GPL-3.0", &list));
    assert!(allowed("Unlicense/MIT", &list));
    assert!(allowed("ISC AND (GPL-3.0 OR MIT)", &list));
    assert!(allowed("MIT WITH LLVM-exception", &list));
    assert!(!allowed("MIT AND GPL-3.0", &list));
    assert!(!allowed("GPL-3.0 OR MIT AND GPL-2.0", &list));
    assert!(!allowed("GPL-3.0", &list));
    assert!(!allowed("", &list));
}
