//! Reading source as text: what is code in it and what ships, its words and its paths; and telling
//! file and line of what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of Rust.
pub(crate) struct Source {
    /// As seen from the root of the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text with comments and the insides of strings blanked out: the same lines.
    pub(crate) code: String,
    /// `code` without what is compiled for tests only: the same lines.
    pub(crate) shipped: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of a crate. A folder that has a manifest of its own is another crate.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !path.join("Cargo.toml").exists() {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    assert!(!found.is_empty(), "no source in {folder}: has the folder moved?");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = blank(&text);
            let shipped = without_tests(&code);
            let path = path.strip_prefix(root()).unwrap().to_owned();
            Source { path, text, code, shipped }
        })
        .collect()
}

/// A crate's own modules: not its examples, and not its own folder of tests.
pub(crate) fn modules(folder: &str) -> Vec<Source> {
    let mut sources = sources(folder);
    sources.retain(|source| {
        let outside = source.path.strip_prefix(folder).unwrap();
        let outside = outside.components().next().unwrap().as_os_str();
        outside != "tests" && outside != "examples" && outside != "benches"
    });
    sources
}

/// Blanks out comments and the insides of strings and characters; keeps the line breaks.
pub(crate) fn blank(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |out: &mut String, c: char| out.push(if c == '\n' { '\n' } else { ' ' });
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map(|before| bytes[before]);
        if rest.starts_with(&['/', '/']) {
            while at < bytes.len() && bytes[at] != '\n' {
                out.push(' ');
                at += 1;
            }
        } else if rest.starts_with(&['/', '*']) {
            let mut depth = 0;
            loop {
                match &bytes[at..] {
                    ['/', '*', ..] => {
                        depth += 1;
                        at += 2;
                        out.push_str("  ");
                    }
                    ['*', '/', ..] => {
                        depth -= 1;
                        at += 2;
                        out.push_str("  ");
                        if depth == 0 {
                            break;
                        }
                    }
                    [c, ..] => {
                        keep(&mut out, *c);
                        at += 1;
                    }
                    [] => break,
                }
            }
        } else if let Some(hashes) = raw_string(rest, before) {
            let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
            while bytes[at] != '"' {
                out.push(bytes[at]);
                at += 1;
            }
            out.push('"');
            at += 1;
            while at < bytes.len() && !bytes[at..].starts_with(&end) {
                keep(&mut out, bytes[at]);
                at += 1;
            }
            out.extend(&end);
            at += end.len();
        } else if rest[0] == '"' {
            out.push('"');
            at += 1;
            while at < bytes.len() && bytes[at] != '"' {
                let step = if bytes[at] == '\\' { 2 } else { 1 };
                for &c in &bytes[at..at + step] {
                    keep(&mut out, c);
                }
                at += step;
            }
            out.push('"');
            at += 1;
        } else if rest[0] == '\'' && (rest.get(2) == Some(&'\'') || rest.get(1) == Some(&'\\')) {
            // The first character inside may itself be an escaped quote.
            let skip = if rest[1] == '\\' { 3 } else { 2 };
            let end = skip + rest[skip..].iter().position(|&c| c == '\'').unwrap();
            for _ in 0..=end {
                out.push(' ');
            }
            at += end + 1;
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out
}

/// The number of hashes, if a raw string begins here.
fn raw_string(rest: &[char], before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.strip_prefix(&['b']).unwrap_or(rest).strip_prefix(&['r'])?;
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

/// Blanks out every item marked `#[cfg(test)]`: a module, a function, a `use`.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let rest = &out[start..];
        let body = rest.find('{');
        let semicolon = rest.find(';');
        let end = match (body, semicolon) {
            (Some(body), semicolon) if semicolon.is_none_or(|semicolon| body < semicolon) => {
                let mut depth = 0_usize;
                let close = rest[body..].char_indices().find(|&(_, c)| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                start + body + close.expect("braces match").0 + 1
            }
            (_, Some(semicolon)) => start + semicolon + 1,
            _ => out.len(),
        };
        let blanked: String =
            out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

/// The words of a text, each with the number of its line and what follows it.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    code.lines().enumerate().flat_map(|(number, line)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut starts = Vec::new();
        let mut inside = false;
        for (index, c) in line.char_indices() {
            if is_word(c) && !inside {
                starts.push(index);
            }
            inside = is_word(c);
        }
        starts.into_iter().map(move |start| {
            let rest = &line[start..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (number + 1, &rest[..end], &rest[end..])
        })
    })
}

/// Lines that contain `pattern`, by number.
pub(crate) fn lines_with<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines()
        .enumerate()
        .filter(move |(_, line)| line.contains(pattern))
        .map(|(number, _)| number + 1)
}

/// Every path that follows `marker`, with its line; groups in braces are taken apart.
pub(crate) fn paths(code: &str, marker: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find(marker) {
        let start = from + at + marker.len();
        from = start;
        let line = code[..start].matches('\n').count() + 1;
        let before = code[..start - marker.len()].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let mut rest = code[start..].chars().peekable();
        let mut prefix = Vec::new();
        let mut path = String::new();
        let mut flush = |prefix: &[String], path: &mut String| {
            let whole = prefix.concat() + path;
            if !whole.is_empty() {
                found.push((line, whole.trim_end_matches("::").to_owned()));
            }
            path.clear();
        };
        while let Some(c) = rest.next() {
            match c {
                '{' if path.ends_with("::") || path.is_empty() => {
                    prefix.push(std::mem::take(&mut path));
                }
                '}' if !prefix.is_empty() => {
                    flush(&prefix, &mut path);
                    prefix.pop();
                    if prefix.is_empty() {
                        break;
                    }
                }
                ',' if !prefix.is_empty() => flush(&prefix, &mut path),
                c if c.is_alphanumeric() || c == '_' || c == ':' => path.push(c),
                c if c.is_whitespace() && !prefix.is_empty() => {
                    // `name as other` inside of a group: the second name is of no interest.
                    if path.ends_with(char::is_alphanumeric) {
                        while rest.peek().is_some_and(|&c| c != ',' && c != '}') {
                            rest.next();
                        }
                    }
                }
                _ => break,
            }
        }
        if prefix.is_empty() {
            flush(&[], &mut path);
        }
    }
    found
}

/// Collects what is wrong, and fails with all of it.
#[derive(Default)]
pub(crate) struct Wrong(pub(crate) Vec<String>);

impl Wrong {
    pub(crate) fn at(&mut self, source: &Source, line: usize, what: impl std::fmt::Display) {
        self.0.push(format!("{}:{line}: {what}", source.path.display()));
    }

    #[track_caller]
    pub(crate) fn check(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}\n  {}\n", self.0.join("\n  "));
    }
}
