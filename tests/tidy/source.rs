//! One source file as the rules read it: bare of comments and of what stands in quotes, cut before
//! its tests, with every path that it spells.
//!
//! This is a reader of shapes, not a parser of Rust. It knows comments, strings, character literals,
//! `use` groups, `crate`, `super` and the tests at the bottom of a file, and no macro.

/// One file, and what the rules need of it.
pub(crate) struct Source {
    /// From the root of the package, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// `text` without comments and without what stands in quotes; the same lines.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: bare(text),
        }
    }

    /// `server::udp` of `src/server/udp/mod.rs`; `bin/mfad` of a program; `web::pages` of the
    /// package in `web/`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inner = self.path.replacen("web/src/", "web/", 1);
        let inner = inner.trim_start_matches("src/").trim_end_matches(".rs");
        if inner.starts_with("bin/") {
            return vec![inner.to_owned()];
        }
        let inner = inner.trim_end_matches("/mod");
        inner
            .split('/')
            .filter(|s| *s != "lib")
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn top(&self) -> String {
        self.module().first().cloned().unwrap_or_default()
    }

    /// Whether it is product code of the package in `web/`.
    pub(crate) fn is_of_web(&self) -> bool {
        self.path.starts_with("web/src/")
    }

    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.ends_with("tests.rs")
            || self.path.contains("/tests/")
            || !(self.path.starts_with("src/") || self.is_of_web())
    }

    /// How many lines stand before the tests at the bottom.
    fn lines_before_tests(&self) -> usize {
        let lines: Vec<&str> = self.code.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0].trim_end() == "#[cfg(test)]"
                && pair[1].starts_with("mod ")
                && pair[1].contains('{')
        });
        tests.unwrap_or(lines.len())
    }

    /// How many of them hold code.
    pub(crate) fn code_lines_before_tests(&self) -> usize {
        let lines = self.code.lines().take(self.lines_before_tests());
        lines.filter(|line| !line.trim().is_empty()).count()
    }

    /// Numbered lines of the bare code before the tests; none of a test file.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let count = match self.is_test() {
            true => 0,
            false => self.lines_before_tests(),
        };
        (1..).zip(self.code.lines().take(count))
    }

    /// Every path that the product code spells, `crate` and `super` resolved, with its line.
    pub(crate) fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let lines: Vec<&str> = self.product().map(|(_, line)| line).collect();
        let product = lines.join("\n");
        let mut found = Vec::new();
        for (at, _) in product.match_indices("::") {
            let head = product[..at]
                .rsplit(|c: char| !is_word(c))
                .next()
                .unwrap_or_default();
            let begin = at - head.len();
            if head.is_empty() || product[..begin].ends_with("::") {
                continue;
            }
            let line = product[..begin].matches('\n').count() + 1;
            let mut spelled = Vec::new();
            expand(&mut product[begin..].chars().peekable(), &[], &mut spelled);
            found.extend(spelled.into_iter().map(|path| (line, self.resolve(path))));
        }
        found
    }

    fn resolve(&self, path: Vec<String>) -> Vec<String> {
        let climbs = path.iter().take_while(|s| *s == "super").count();
        let mut resolved = vec!["crate".to_owned()];
        match path.first().map(String::as_str) {
            Some("super") => {
                let from = self.module();
                resolved.extend_from_slice(&from[..from.len().saturating_sub(climbs)]);
                resolved.extend_from_slice(&path[climbs..]);
            }
            Some("mfad") => resolved.extend_from_slice(&path[1..]),
            Some("crate") if self.is_of_web() => {
                resolved.push("web".to_owned());
                resolved.extend_from_slice(&path[1..]);
            }
            _ => return path,
        }
        resolved
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads `a::{b, c::d}` into `a::b` and `a::c::d`.
fn expand(
    text: &mut std::iter::Peekable<std::str::Chars<'_>>,
    before: &[String],
    found: &mut Vec<Vec<String>>,
) {
    let mut path = before.to_vec();
    loop {
        while text.next_if(|c| c.is_whitespace()).is_some() {}
        if text.next_if_eq(&'{').is_some() {
            loop {
                expand(text, &path, found);
                while text.next_if(|c| c.is_whitespace()).is_some() {}
                match text.next() {
                    Some(',') => {}
                    _ => return,
                }
            }
        }
        let mut name = String::new();
        while let Some(c) = text.next_if(|c| is_word(*c) || *c == '*') {
            name.push(c);
        }
        if name.is_empty() {
            break;
        }
        path.push(name);
        let mut ahead = text.clone();
        if (ahead.next(), ahead.next()) != (Some(':'), Some(':')) {
            break;
        }
        *text = ahead;
    }
    while text.next_if(|c| c.is_whitespace()).is_some() {}
    if text.clone().take(3).eq("as ".chars()) {
        while text.next_if(|c| !matches!(c, ',' | '}' | ';')).is_some() {}
    }
    found.push(path);
}

/// Blanks comments, strings and character literals, keeps every line break.
pub(crate) fn bare(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut out, mut i) = (String::new(), 0);
    while i < chars.len() {
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..chars.len())
                .find(|j| at(*j) == '\n')
                .unwrap_or(chars.len()),
            ('/', '*') => (i + 2..chars.len())
                .find(|j| at(*j) == '*' && at(*j + 1) == '/')
                .map_or(chars.len(), |j| j + 2),
            ('r', '"' | '#') if i == 0 || !is_word(at(i - 1)) || at(i - 1) == 'b' => {
                let hashes = (i + 1..).take_while(|j| at(*j) == '#').count();
                let closes = |j: usize| at(j) == '"' && (1..=hashes).all(|h| at(j + h) == '#');
                if at(i + 1 + hashes) == '"' {
                    let begin = i + 2 + hashes;
                    (begin..chars.len())
                        .find(|j| closes(*j))
                        .map_or(chars.len(), |j| j + 1 + hashes)
                } else {
                    i
                }
            }
            ('"', _) => quoted(&chars, i, '"'),
            ('\'', '\\') => quoted(&chars, i, '\''),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
        } else {
            out.extend((i..end).filter(|j| at(*j) == '\n').map(|_| '\n'));
            i = end;
        }
    }
    out
}

fn quoted(chars: &[char], begin: usize, quote: char) -> usize {
    let mut i = begin + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

pub(crate) fn holds_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !is_word(c)).any(|w| w == word)
}
