//! The offline edition: the book as plain HTML files that open from a disk.
//!
//! One file for each page, one for each source file that a page names, one inspector page for
//! each program whose run is looked into, and a page of contents that also searches. Nothing
//! is fetched: no font, no script, no picture from elsewhere. Light or dark follows the
//! system, and a button changes it; a browser that keeps things for files remembers that.
//!
//! Tutorial: the course's tools. Before this: `guide.rs`. After this: `book.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html};

use crate::book::Page;
use crate::links::{anchor, options};
use crate::program::Programs;

const STYLE: &str = include_str!("edition.css");
const SCRIPT: &str = include_str!("edition.js");

/// Writes the edition of `pages` into `folder`, and returns how many files it has.
///
/// # Errors
/// A sentence: what could not be written, or which program would not run.
pub fn write(
    root: &Path,
    pages: &[Page],
    programs: &Programs,
    folder: &Path,
) -> Result<usize, String> {
    let mut written = 0;
    let mut save = |name: &str, content: &[u8]| -> Result<(), String> {
        let path = folder.join(name);
        let parent = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        written += 1;
        Ok(())
    };
    let mut sources = BTreeSet::new();
    let mut inspected = BTreeSet::new();
    let mut index = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        let mut turned = turn(root, page, &mut sources, &mut inspected);
        if name(&page.path) == INDEX {
            let contents = contents(root)?;
            turned.html += &turn(root, &contents, &mut sources, &mut inspected).html;
        }
        let before = number.checked_sub(1).map(|before| &pages[before]);
        let html = frame(&page.title, &turned.html, before, pages.get(number + 1), "");
        save(&name(&page.path), html.as_bytes())?;
        index.extend(turned.sections);
    }
    for source in &sources {
        let text = std::fs::read_to_string(root.join(source))
            .map_err(|error| format!("{} cannot be read: {error}", source.display()))?;
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(n, line)| {
                format!("<span id=\"L{0}\"><i>{0:>4}</i> {1}</span>\n", n + 1, escape(line))
            })
            .collect();
        let title = source.display().to_string();
        let body =
            format!("<h1>{}</h1><pre class=\"source\">{}</pre>", escape(&title), lines.concat());
        save(&source_name(source), frame(&title, &body, None, None, "../").as_bytes())?;
    }
    for program in &inspected {
        let path = folder.join(format!("inspector/{program}.html"));
        std::fs::create_dir_all(path.parent().expect("a file in a folder"))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        // A program runs elsewhere, so it must be told the whole path.
        let path = std::path::absolute(&path).map_err(|error| format!("where am I? {error}"))?;
        programs.run(program, None, Some(&path))?;
        if !path.exists() {
            return Err(format!("`{program}` left no page of the inspector"));
        }
    }
    let pictures = root.join("tutorial/book/pictures");
    if let Ok(entries) = std::fs::read_dir(&pictures) {
        for entry in entries.flatten() {
            let content = std::fs::read(entry.path()).map_err(|error| error.to_string())?;
            save(&format!("pictures/{}", entry.file_name().to_string_lossy()), &content)?;
        }
    }
    save("search.html", search(&index).as_bytes())?;
    Ok(written + inspected.len())
}

/// The page that all others call "Contents".
const INDEX: &str = "index.html";

/// The list of the pages, one heading level down: it stands at the end of the first page.
fn contents(root: &Path) -> Result<Page, String> {
    let path = PathBuf::from("tutorial/book/SUMMARY.md");
    let text = std::fs::read_to_string(root.join(&path))
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let text = text.replacen("# Contents", "## Contents", 1).replace("\n# ", "\n### ");
    Ok(Page { title: "Contents".into(), path, text })
}

struct Turned {
    html: String,
    /// Page, anchor, heading, text.
    sections: Vec<[String; 4]>,
}

/// A page's Markdown as HTML, with its links turned to the edition's files.
fn turn(
    root: &Path,
    page: &Page,
    sources: &mut BTreeSet<PathBuf>,
    inspected: &mut BTreeSet<String>,
) -> Turned {
    let folder = page.path.parent().unwrap_or(Path::new(""));
    let mut sections = vec![[name(&page.path), String::new(), page.title.clone(), String::new()]];
    let mut events = Vec::new();
    let mut heading: Option<(usize, String)> = None;
    for event in Parser::new_ext(&page.text, options()) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                heading = Some((events.len(), String::new()));
                events.push(event);
            }
            Event::End(TagEnd::Heading(level)) => {
                let (at, text) = heading.take().expect("it began");
                let id = anchor(&text);
                sections.push([name(&page.path), id.clone(), text, String::new()]);
                events[at] = Event::Html(format!("<{level} id=\"{id}\">").into());
                events.push(Event::Html(format!("</{level}>\n").into()));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = redirect(root, folder, &dest_url, sources, inspected);
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::Table(_)) => {
                events.push(Event::Html("<div class=\"wide\">".into()));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html("</div>".into()));
            }
            Event::Code(code) if code.ends_with(".rs") && root.join(&*code).is_file() => {
                let link = redirect(root, Path::new(""), &code, sources, inspected);
                let html = format!("<a href=\"{link}\"><code>{}</code></a>", escape(&code));
                events.push(Event::Html(html.into()));
            }
            _ => {
                if let Event::Text(text) | Event::Code(text) = &event {
                    if let Some((_, heading)) = &mut heading {
                        heading.push_str(text);
                    }
                    let last = sections.last_mut().expect("there is one for the page");
                    last[3].push_str(text);
                    last[3].push(' ');
                }
                events.push(event);
            }
        }
    }
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    Turned { html: out, sections }
}

/// Where a link leads in the edition.
fn redirect<'a>(
    root: &Path,
    folder: &Path,
    to: &str,
    sources: &mut BTreeSet<PathBuf>,
    inspected: &mut BTreeSet<String>,
) -> CowStr<'a> {
    let (file, rest) = match to.find('#') {
        Some(at) => to.split_at(at),
        None => (to, ""),
    };
    if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
        return to.to_owned().into();
    }
    if let Some(program) =
        file.strip_prefix("inspector/").and_then(|file| file.strip_suffix(".html"))
    {
        inspected.insert(program.to_owned());
        return to.to_owned().into();
    }
    let path = tidy(&folder.join(file));
    if path.parent() == Some(Path::new("tutorial/book"))
        && path.extension().is_some_and(|end| end == "md")
    {
        return format!("{}{rest}", name(&path)).into();
    }
    if root.join(&path).is_file() {
        let link = source_name(&path);
        sources.insert(path);
        return link.into();
    }
    to.to_owned().into()
}

/// `a/b/../c` is `a/c`.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => _ = out.pop(),
            std::path::Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

fn name(page: &Path) -> String {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    match &*stem {
        "README" => INDEX.to_owned(),
        stem => format!("{stem}.html"),
    }
}

fn source_name(source: &Path) -> String {
    format!("source/{}.html", source.display().to_string().replace('/', "-"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A whole page around `body`. `up` leads to the edition's first folder.
fn frame(title: &str, body: &str, before: Option<&Page>, after: Option<&Page>, up: &str) -> String {
    let link = |page: Option<&Page>, word: &str, key: &str| match page {
        Some(page) => format!(
            "<a rel=\"{key}\" href=\"{up}{}\" title=\"{}\">{word}</a>",
            name(&page.path),
            escape(&page.title)
        ),
        None => String::new(),
    };
    let bar = format!(
        "<nav aria-label=\"Pages\"><a href=\"{up}index.html#contents\">Contents</a> <a href=\"{up}search.html\">Search</a> \
         <button type=\"button\" id=\"theme\" hidden>Light or dark</button> {} {}</nav>",
        link(before, "Before", "prev"),
        link(after, "Next", "next"),
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' data: file:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{} · roundelay {}</title>\n<style>\n{STYLE}</style>\n<body>\n{bar}\n<main>\n{body}\n</main>\n{}\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(title),
        env!("CARGO_PKG_VERSION"),
        bar.replace(" id=\"theme\"", "")
            .replace("<button type=\"button\" hidden>Light or dark</button>", ""),
    )
}

/// The page that searches: every section's text, and a few lines of script.
fn search(sections: &[[String; 4]]) -> String {
    let data = serde_json::to_string(sections).expect("strings are JSON");
    let body = format!(
        "<h1>Search</h1>\n<label for=\"search-words\">Words, all of which must occur</label>\n\
         <input id=\"search-words\" type=\"search\" autocomplete=\"off\">\n<p id=\"count\" role=\"status\"></p>\n\
         <ol id=\"found\"></ol>\n<noscript>Searching needs scripts; your browser's own search works on each \
         page.</noscript>\n<script type=\"application/json\" id=\"sections\">{}</script>",
        data.replace('<', "\\u003c")
    );
    frame("Search", &body, None, None, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(text: &str) -> (String, BTreeSet<PathBuf>, BTreeSet<String>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let page = Page { title: "T".into(), path: "tutorial/book/t.md".into(), text: text.into() };
        let (mut sources, mut inspected) = Default::default();
        let html = turn(&root, &page, &mut sources, &mut inspected).html;
        (html, sources, inspected)
    }

    #[test]
    fn headings_can_be_linked_to() {
        assert_eq!(turned("## One, `two`\n").0, "<h2 id=\"one-two\">One, <code>two</code></h2>\n");
    }

    #[test]
    fn pages_and_sources_are_linked_inside_the_edition() {
        let (html, sources, inspected) = turned(
            "[a](ch01_x.md#y) [b](../../runtime/turn.rs) [c](inspector/p.html#s=3) `runtime/ready.rs`\n",
        );
        assert!(html.contains("href=\"ch01_x.html#y\""), "{html}");
        assert!(html.contains("href=\"source/runtime-turn.rs.html\""), "{html}");
        assert!(
            html.contains("<a href=\"source/runtime-ready.rs.html\"><code>runtime/ready.rs"),
            "{html}"
        );
        assert_eq!(sources.len(), 2);
        assert_eq!(inspected.into_iter().collect::<Vec<_>>(), ["p"]);
    }

    #[test]
    fn the_first_page_lists_them_all() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let contents = contents(&root).unwrap();
        let (mut sources, mut inspected) = Default::default();
        let html = turn(&root, &contents, &mut sources, &mut inspected).html;
        assert!(html.contains("<h2 id=\"contents\">"), "{html}");
        assert!(html.contains("href=\"ch03_time.html\"") && html.contains("href=\"myths.html\""));
    }

    #[test]
    fn what_the_script_looks_for_is_there_once_whatever_headings_are_called() {
        let page = search(&[]);
        for id in ["search-words", "sections", "found", "count"] {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        // The script asks for the box by its kind, too: a heading is no box.
        assert!(page.contains("querySelector(\"input#search-words\")"));
    }

    #[test]
    fn nothing_in_a_page_is_fetched() {
        let html = frame("T", "", None, None, "");
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("import"));
    }
}
