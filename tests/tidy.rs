//! The rules of the code itself, read from the sources.
//!
//! A package has no walls between its modules; this test is the wall. It holds the imports to the
//! layers of `docs/ARCHITECTURE.md`, keeps clocks, randomness, files, sockets, threads and async
//! out of the pure modules, and checks the small things that a reviewer should not have to: a
//! sentence on top of every file, length, citations, files that no `mod` reaches, options that the
//! manual leaves out. What clippy can see is left to clippy.
//!
//! Each rule is a function from sources to complaints. The last two tests give every rule a source
//! that breaks it, so that a rule which has become blind fails too.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

use std::fs;
use std::path::Path;

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use rules::{
    FILE_LINES_MAX, LAYERS, LINE_COLUMNS_MAX, citations, foreign, form, layers, options, proofs,
    purity, reachable,
};
use source::Source;

fn walk(folder: &Path, keep: &dyn Fn(&str) -> bool, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.to_string_lossy().trim_start_matches("./").to_owned();
        if ["target", "fuzz/target", ".git"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, keep, found);
        } else if keep(&name)
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push(Source::new(&name, &text));
        }
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz", "web"] {
        walk(Path::new(folder), &|name| name.ends_with(".rs"), &mut found);
    }
    assert!(found.len() > 20, "the sources are not where this test runs");
    found
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_run_one_way() {
    assert_none(&layers(&sources()));
}

#[test]
fn the_table_of_layers_has_no_circle() {
    for (i, (module, allowed)) in LAYERS.iter().enumerate() {
        for below in allowed.split_whitespace() {
            let at = LAYERS.iter().position(|(m, _)| *m == below);
            assert!(
                at.is_some_and(|at| at < i),
                "{module} names {below}, which is not above it"
            );
        }
    }
}

#[test]
fn pure_modules_name_nothing_of_the_outside() {
    assert_none(&purity(&sources()));
}

#[test]
fn files_keep_the_form() {
    assert_none(&form(&sources()));
}

#[test]
fn every_file_is_compiled() {
    assert_none(&reachable(&sources()));
}

#[test]
fn cited_duties_have_tests() {
    assert_none(&citations(&sources()));
}

#[test]
fn every_option_is_in_the_manual() {
    let read = |path: &str| fs::read_to_string(path).ok();
    match (read("docs/man/mfad.toml.5"), read("conf/mfad.toml")) {
        (Some(manual), Some(default)) => assert_none(&options(&sources(), &manual, &default)),
        _ => println!("skipped: docs/man/mfad.toml.5 or conf/mfad.toml is not written yet"),
    }
}

#[test]
fn promises_name_tests_that_exist() {
    let sources = sources();
    let mut complaints = Vec::new();
    for path in ["docs/SPECIFICATION.md", "docs/known-attacks.md"] {
        let document = Source::new(path, &fs::read_to_string(path).expect("the document"));
        complaints.extend(proofs(&document, &sources));
    }
    assert_none(&complaints);
}

#[test]
fn nothing_names_a_machine() {
    let mut files = Vec::new();
    walk(
        Path::new("."),
        &|name| !name.ends_with("Cargo.lock"),
        &mut files,
    );
    assert_none(&foreign(&files));
}

#[test]
fn a_breach_of_the_walls_is_seen() {
    let one = |path: &str, text: &str| vec![Source::new(path, text)];
    let up = one(
        "src/domain/user.rs",
        "//! D.\nuse crate::{time, store::Key};\n",
    );
    assert_eq!(
        layers(&up),
        ["src/domain/user.rs:2: domain may not import store"]
    );
    assert_eq!(
        layers(&one(
            "src/token/x.rs",
            "//! T.\nuse super::super::radius::P;\n"
        ))
        .len(),
        1
    );
    assert_eq!(layers(&one("src/odd.rs", "//! O.\nfn f() {}\n")).len(), 1);
    let stale = one("src/sys/clock.rs", "//! C.\nuse crate::time::Now;\n");
    assert_eq!(layers(&stale), ["src/sys/clock.rs: needs no row in UPWARD"]);
    let mut fronts = one(
        "src/server/udp/a.rs",
        "//! U.\nfn f() { super::super::control::g() }\n",
    );
    assert_eq!(layers(&fronts).len(), 0);
    fronts.extend(one("src/server/control/mod.rs", "//! C.\n"));
    assert_eq!(layers(&fronts).len(), 1);
    assert_eq!(
        layers(&one(
            "src/domain/a.rs",
            "//! D: crate::store\n// crate::store::x\n"
        ))
        .len(),
        0
    );

    let inside = "//! P.\nuse mfad::secret;\nuse crate::store::x;\nuse mfad::log_warn;\n";
    assert_eq!(layers(&one("web/src/pages.rs", inside)).len(), 0);
    let beyond = "//! P.\nuse mfad::store::Key;\n";
    assert_eq!(
        layers(&one("web/src/pages.rs", beyond)),
        ["web/src/pages.rs:2: web may not import store"]
    );

    let fields = "//! T.\nuse std::{fmt, time::{Duration, Instant}};\n";
    assert_eq!(purity(&one("src/token/a.rs", fields)).len(), 1);
    assert_eq!(
        purity(&one(
            "src/access/a.rs",
            "//! A.\nasync fn f() { g(\"tokio\") }\n"
        ))
        .len(),
        1
    );
    let tested = "//! T.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert_eq!(purity(&one("src/token/a.rs", tested)).len(), 0);
}

#[test]
fn a_breach_of_form_is_seen() {
    let one = |path: &str, text: &str| vec![Source::new(path, text)];
    let long = format!("//! L.\n{}", "fn f() {}\n".repeat(FILE_LINES_MAX + 1));
    assert_eq!(form(&one("src/engine/a.rs", &long)).len(), 1);
    assert_eq!(
        form(&one("src/engine/a.rs", "fn f() {}\nfn g() {}\n")).len(),
        1
    );
    assert_eq!(
        form(&one(
            "src/a.rs",
            &format!("//! {}\n", "x".repeat(LINE_COLUMNS_MAX))
        ))
        .len(),
        1
    );
    assert_eq!(
        form(&one("src/a.rs", "//! A.\nfn f() { g().unwrap() }\n")).len(),
        1
    );

    let mut tree = one("src/lib.rs", "//! L.\npub mod a;\n");
    tree.extend(one("src/a/mod.rs", "//! A.\nmod b;\n"));
    tree.extend(one("src/a/b.rs", "//! B.\n"));
    assert_eq!(reachable(&tree).len(), 0);
    tree.extend(one("src/a/c.rs", "//! C.\n"));
    assert_eq!(reachable(&tree), ["src/a/c.rs: no mod line leads here"]);

    let table = "| P1 | a | `a::is_there`; `x::is_there`, `a::gone`, `e::later` (planned), \
        `a::is_there` (planned) |";
    let found = proofs(
        &Source::new("d.md", table),
        &one("src/a.rs", "fn is_there() {}"),
    );
    assert_eq!(found.len(), 3, "{found:?}");

    let duty = "//! R.\n// RFC 2865 s5: of length zero\n// MUST NOT be sent.\nfn f() {}\n";
    assert_eq!(
        citations(&one("src/radius/a.rs", duty)),
        ["src/radius/a.rs:2: no `// test of RFC 2865 s5`"]
    );
    let kept = format!("{duty}// test of RFC 2865 s5\n");
    assert_eq!(citations(&one("src/radius/a.rs", &kept)).len(), 0);
    assert_eq!(
        citations(&one("src/radius/a.rs", "//! R.\n// RFC 2865, section 5\n")).len(),
        1
    );

    let row = one(
        "src/config/keys/site.rs",
        "//! R.\nlet a = Key::new(\n    \"a.b\", 1);\n",
    );
    assert_eq!(options(&row, "no such", "b = 1").len(), 1);
    assert_eq!(options(&row, "the key a.b", "# c = 1").len(), 1);
    assert_eq!(options(&row, "the key a.b", "# b = 1").len(), 0);
    assert_eq!(
        foreign(&one("README.md", concat!("cd /ro", "ot/mfad"))).len(),
        1
    );
}
