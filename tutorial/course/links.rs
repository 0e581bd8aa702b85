//! Every link leads somewhere, and every file that the text names exists.
//!
//! Checked are: links to files of the project (relative to the page), links to a heading of
//! the same or another page, pictures, and source files named between backquotes, such as
//! `runtime/ready.rs`. Links to the outside are not followed: a check needs no network.
//!
//! Tutorial: the course's tools. Before this: `words.rs`. After this: `guide.rs`.

use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag};

/// The Markdown that the book is written in.
pub fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES
}

/// What is wrong with the links of the page at `path`, each with its line.
pub fn broken(root: &Path, path: &Path, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        let line = || text[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                if let Err(what) = follow(root, folder, text, &dest_url) {
                    found.push((line(), what));
                }
            }
            Event::Code(code) if is_source(&code) && !root.join(&*code).exists() => {
                found.push((line(), format!("names `{code}`, which is not there")));
            }
            _ => {}
        }
    }
    found
}

/// `runtime/ready.rs`, but not `ready.rs`, `*.rs` or `cargo run x.rs`.
fn is_source(code: &str) -> bool {
    code.ends_with(".rs")
        && code.contains('/')
        && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

fn follow(root: &Path, folder: &Path, page: &str, to: &str) -> Result<(), String> {
    if to.starts_with("https://") || to.starts_with("http://") || to.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = to.split_once('#').unwrap_or((to, ""));
    let text = if file.is_empty() {
        page.to_owned()
    } else {
        let target: PathBuf = root.join(folder).join(file);
        if !target.exists() {
            return Err(format!("links to `{to}`, which is not there"));
        }
        if anchor.is_empty() {
            return Ok(());
        }
        std::fs::read_to_string(&target).map_err(|error| format!("links to `{to}`: {error}"))?
    };
    if headings(&text).any(|heading| heading == anchor) {
        return Ok(());
    }
    Err(format!("links to the heading `#{anchor}`, which is not there"))
}

/// The anchors of a page's headings.
fn headings(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
}

/// A heading's anchor, as mdBook and most others make it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        broken(&root, Path::new("tutorial/book/x.md"), text).iter().map(|(line, _)| *line).collect()
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        assert_eq!(lines("[a](../README.md)\n\n[b](../nothing.md)\n"), [3]);
    }

    #[test]
    fn a_link_to_a_heading_must_find_it() {
        assert_eq!(lines("# One, two\n\n[a](#one-two) and\n[b](#three)\n"), [4]);
    }

    #[test]
    fn a_source_file_that_is_named_must_exist() {
        assert_eq!(lines("`runtime/ready.rs`, `ready.rs`,\n`runtime/unready.rs`\n"), [2]);
    }

    #[test]
    fn nobody_goes_outside() {
        assert!(lines("[a](https://example.org/nothing)\n").is_empty());
    }
}
