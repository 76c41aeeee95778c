//! The rules, each a function from sources to complaints, and the tables they go by.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, holds_word};

/// Lines of code before the tests of a file; comments and blank lines are free.
pub(crate) const FILE_LINES_MAX: usize = 450;

/// Most lines of code in a file of tests: a table of cases is read from top to bottom.
const TEST_LINES_MAX: usize = 700;
/// Characters of a line. rustfmt keeps code to 100; the prose of a comment may hang over a little.
pub(crate) const LINE_COLUMNS_MAX: usize = 104;
/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Every module, and the modules it may name. Read from the bottom of the house to the roof: a row
/// names only rows above it, so there are no circles.
pub(crate) const LAYERS: &[(&str, &str)] = &[
    ("secret", ""),
    ("time", ""),
    ("qr", ""),
    ("radius", "secret time"),
    ("token", "secret time"),
    ("sys", "secret time"),
    ("log", "time sys"),
    ("domain", "secret time token"),
    ("control", "secret time token domain"),
    ("config", "secret time token domain radius"),
    ("access", "secret time radius domain config"),
    ("audit", "secret time domain sys log"),
    ("store", "secret time token domain audit sys log"),
    (
        "engine",
        "secret time token domain config audit store sys log",
    ),
    ("outbound", "secret time qr domain config sys"),
    (
        "server",
        "secret time radius domain access control config audit engine sys log",
    ),
    ("ctl", "secret time qr token domain control config sys"),
    (
        "daemon",
        "secret time radius token domain access control config audit store engine server outbound sys \
         log ctl",
    ),
    ("web", "secret control config sys log"),
    ("bin/mfad", "daemon"),
    ("bin/mfactl", "ctl"),
];

/// Files that may name a module above them, each with its reason. A row that is no longer needed is
/// a complaint too.
pub(crate) const UPWARD: &[(&str, &str, &str)] = &[(
    "src/sys/clock.rs",
    "log",
    "tells the log the time, so that its limits need no clock",
)];

/// Modules that are functions of their arguments and nothing else.
const PURE: &str = "radius token domain access control secret time";

/// What pure modules must not name: paths, by their beginning.
const IMPURE_PATHS: &str = "std::env std::fs std::os std::process std::thread \
    std::net::TcpListener std::net::TcpStream std::net::UdpSocket std::net::ToSocketAddrs \
    std::time::Instant Instant::now jiff::Timestamp::now jiff::Zoned::now";

/// What pure modules must not name: words, wherever they stand.
const IMPURE_WORDS: &str =
    "SystemTime async await getrandom landlock libc nix rand rusqlite sd_notify tokio tracing";

pub(crate) fn layers(sources: &[Source]) -> Vec<String> {
    let table: BTreeMap<&str, &str> = LAYERS.iter().copied().collect();
    let mut complaints = Vec::new();
    let known = |path: &&str| sources.iter().any(|s| s.path == *path);
    let mut unused: BTreeSet<&str> = UPWARD.iter().map(|u| u.0).filter(known).collect();
    let is_product = |s: &Source| s.path.starts_with("src/") || s.is_of_web();
    let modules = |s: &&Source| is_product(s) && s.path != "src/lib.rs";
    for source in sources.iter().filter(modules) {
        let (top, module) = (source.top(), source.module());
        let Some(allowed) = table.get(top.as_str()) else {
            complaints.push(format!(
                "{}: module {top} has no row in LAYERS",
                source.path
            ));
            continue;
        };
        let own = |p: &&(usize, Vec<String>)| p.1[0] == "crate" && p.1.len() > 1;
        for (line, path) in source.paths().iter().filter(own) {
            // The macros of log.rs are exported, so they live at the root: `crate::log_warn!`.
            let to = match path[1].as_str() {
                name if name.starts_with("log_") => "log",
                name => name,
            };
            let place = format!("{}:{line}", source.path);
            if table.contains_key(to) && to != top && !holds_word(allowed, to) {
                match UPWARD.iter().find(|u| (u.0, u.1) == (&source.path, to)) {
                    Some(row) => drop(unused.remove(row.0)),
                    None => complaints.push(format!("{place}: {top} may not import {to}")),
                }
            }
            let other = (path.get(2), module.get(1));
            if let ("server", "server", (Some(theirs), Some(ours))) = (top.as_str(), to, other)
                && theirs != ours
                && sources
                    .iter()
                    .any(|s| s.module().get(1) == Some(theirs) && s.top() == "server")
            {
                complaints.push(format!("{place}: front end {ours} may not import {theirs}"));
            }
        }
    }
    complaints.extend(
        unused
            .iter()
            .map(|path| format!("{path}: needs no row in UPWARD")),
    );
    complaints
}

pub(crate) fn purity(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|s| holds_word(PURE, &s.top())) {
        for (line, path) in source.paths() {
            let path = path.join("::");
            let named = |b: &&str| path.starts_with(b);
            for banned in IMPURE_PATHS.split_whitespace().filter(named) {
                complaints.push(format!("{}:{line}: pure, but names {banned}", source.path));
            }
        }
        for (number, line) in source.product() {
            let named = |b: &&str| holds_word(line, b);
            for banned in IMPURE_WORDS.split_whitespace().filter(named) {
                complaints.push(format!(
                    "{}:{number}: pure, but names {banned}",
                    source.path
                ));
            }
        }
    }
    complaints
}

pub(crate) fn form(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = &source.path;
        // A file of one line is a place that is kept for what comes.
        if !source.text.starts_with("//! ") && source.text.lines().count() > 1 {
            complaints.push(format!("{path}: begins without a `//!` sentence"));
        }
        let (lines, excused) = (
            source.code_lines_before_tests(),
            LONG_FILES.iter().any(|f| f.0 == path),
        );
        let lines_max = if path.starts_with("tests/") || path.starts_with("web/tests/") {
            TEST_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > lines_max && !excused {
            complaints.push(format!(
                "{path}: {lines} lines of code before the tests, at most {lines_max}"
            ));
        }
        for (i, line) in source.text.lines().enumerate() {
            // A row of a table cannot be broken.
            let row = ["//! |", "/// |"]
                .iter()
                .any(|row| line.trim().starts_with(row));
            if line.chars().count() > LINE_COLUMNS_MAX && !row {
                complaints.push(format!("{path}:{}: over {LINE_COLUMNS_MAX} columns", i + 1));
            }
        }
        for (number, line) in source.product() {
            for banned in [".unwrap()", "todo!", "unimplemented!", "dbg!"] {
                if line.contains(banned) {
                    complaints.push(format!("{path}:{number}: {banned} outside tests"));
                }
            }
        }
    }
    complaints
}

/// Files that no `mod` line leads to are not compiled: their tests pass by never running.
pub(crate) fn reachable(sources: &[Source]) -> Vec<String> {
    let known: BTreeSet<&str> = sources.iter().map(|s| s.path.as_str()).collect();
    let is_root = |p: &str| {
        ["src/lib.rs", "web/src/lib.rs", "web/src/main.rs"].contains(&p)
            || p.starts_with("src/bin/")
    };
    let mut reached: BTreeSet<String> = known
        .iter()
        .filter(|p| is_root(p))
        .map(|p| (*p).to_owned())
        .collect();
    let mut open: Vec<String> = reached.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let Some(source) = sources.iter().find(|s| s.path == path) else {
            continue;
        };
        let stem = path.trim_end_matches(".rs");
        let folder = stem.trim_end_matches("/mod").trim_end_matches("/lib");
        let inner = |name: &str| {
            [
                format!("{folder}/{name}.rs"),
                format!("{folder}/{name}/mod.rs"),
            ]
        };
        let here = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (bare, line) in source.code.lines().zip(source.text.lines()) {
            let children = match (bare.trim().trim_end_matches(';').rsplit_once("mod "), line) {
                (Some((_, name)), _) => inner(name).to_vec(),
                (None, line) => match line.split('"').nth(1) {
                    Some(name) if bare.contains("#[path") => vec![format!("{here}/{name}")],
                    _ => continue,
                },
            };
            for child in children {
                if known.contains(child.as_str()) && reached.insert(child.clone()) {
                    open.push(child);
                }
            }
        }
    }
    let lost = known
        .iter()
        .filter(|p| p.starts_with("src/") || p.starts_with("web/src/"))
        .filter(|p| !reached.contains(**p));
    lost.map(|p| format!("{p}: no mod line leads here"))
        .collect()
}

/// `RFC 2865 s5.2` at the beginning of `text`.
fn citation(text: &str) -> Option<String> {
    let (number, rest) = text.strip_prefix("RFC ")?.split_once(" s")?;
    let section: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let section = section.trim_end_matches('.');
    let numbers = !section.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    numbers.then(|| format!("RFC {number} s{section}"))
}

/// Comment blocks that begin with a citation keep its form, and a MUST that is cited has a test.
pub(crate) fn citations(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let (mut musts, mut tested) = (BTreeMap::new(), BTreeSet::new());
    for source in sources {
        let comments: Vec<&str> = source
            .text
            .lines()
            .map(|l| l.trim().strip_prefix("// ").unwrap_or_default())
            .collect();
        for (i, first) in comments.iter().enumerate() {
            let place = format!("{}:{}", source.path, i + 1);
            if let Some(rest) = first.strip_prefix("test of ") {
                tested.extend(rest.split(", ").filter_map(citation));
            } else if first.starts_with("RFC ")
                && i.checked_sub(1).is_none_or(|j| comments[j].is_empty())
            {
                let block: Vec<&str> = comments[i..]
                    .iter()
                    .copied()
                    .take_while(|l| !l.is_empty())
                    .collect();
                let Some(cited) = citation(first).filter(|_| first.contains(": ")) else {
                    complaints.push(format!("{place}: cite as `// RFC 2865 s5.2: what it says`"));
                    continue;
                };
                if block.iter().any(|l| holds_word(l, "MUST")) {
                    musts.entry(cited).or_insert(place);
                }
            }
        }
    }
    musts.retain(|cited, _| !tested.contains(cited));
    complaints.extend(
        musts
            .iter()
            .map(|(c, place)| format!("{place}: no `// test of {c}`")),
    );
    complaints
}

/// Every key of the configuration, a row in `src/config/keys/`, is in the manual and in the
/// commented default file.
pub(crate) fn options(sources: &[Source], manual: &str, default: &str) -> Vec<String> {
    let manual = manual
        .replace("\\-", "-")
        .replace("\\_", "_")
        .replace("\\.", ".");
    let mut complaints = Vec::new();
    for source in sources
        .iter()
        .filter(|s| s.path.starts_with("src/config/keys/"))
    {
        for row in source.text.split("Key::").skip(1) {
            let mut parts = row.splitn(3, '"');
            // The name is the first argument; a helper that builds rows has none there.
            let is_row = parts
                .next()
                .is_some_and(|p| p.trim_end().ends_with('(') && p.matches('(').count() == 1);
            let Some(name) = parts.next().filter(|_| is_row) else {
                continue;
            };
            let last = name.rsplit('.').next().unwrap_or_default();
            if !manual.contains(name) {
                complaints.push(format!("{}: {name} is not in the manual", source.path));
            }
            if !holds_word(default, last) {
                complaints.push(format!(
                    "{}: {name} is not in the default file",
                    source.path
                ));
            }
        }
    }
    complaints
}

/// Tests that the last column of a table names exist; those marked `(planned)` do not yet.
pub(crate) fn proofs(document: &Source, sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, line) in document.text.lines().enumerate() {
        let Some(cell) = line
            .strip_prefix("| ")
            .and_then(|row| row.rsplit(" | ").next())
        else {
            continue;
        };
        let parts: Vec<&str> = cell.split('`').collect();
        for named in parts.windows(2).skip(1).step_by(2) {
            // `races::name`, `store::seal::name`: the file, below src or tests, then the function;
            // `web::rate::name` likewise below web/src or web/tests.
            let (file, name) = named[0].rsplit_once("::").unwrap_or(("", named[0]));
            let (file, test) = (file.replace("::", "/"), format!("fn {name}("));
            let is_of = |path: &str| {
                let path = path.replacen("web/src/", "src/web/", 1);
                let path = path.replacen("web/tests/", "tests/web/", 1);
                let path = path.split_once('/').map_or(&*path, |(_, below)| below);
                !file.is_empty() && path.starts_with(&file)
            };
            let exists = sources
                .iter()
                .any(|s| is_of(&s.path) && s.code.contains(&test));
            let complaint = match (exists, named[1].starts_with(" (planned)")) {
                (false, false) => "no such test",
                (true, true) => "is not planned any more, it is there",
                _ => continue,
            };
            complaints.push(format!("{}:{}: {name}: {complaint}", document.path, i + 1));
        }
    }
    complaints
}

/// What belongs to somebody's machine and not into the project.
pub(crate) fn foreign(files: &[Source]) -> Vec<String> {
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/home", "/"),
        concat!("/Us", "ers/"),
        concat!("replace", "-with"),
        concat!("[regis", "tries"),
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
    ];
    let mut complaints = Vec::new();
    for file in files {
        for (i, line) in file.text.lines().enumerate() {
            for word in banned.iter().filter(|w| line.contains(**w)) {
                complaints.push(format!("{}:{}: {word} names a machine", file.path, i + 1));
            }
        }
    }
    complaints
}
