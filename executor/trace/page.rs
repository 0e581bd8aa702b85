//! The inspector page: one HTML file that holds a run and steps it forward and back.
//!
//! The page is a template with marks, and this file fills them in, once each:
//!
//! ```text
//!   template.html   <title>{{title}}</title>
//!                   <style>{{page.css}}</style>
//!                   {{fallback}}                       what readers without script see
//!                   <script type="application/json">{{trace}}</script>
//!                   <script>{{run.js}}{{words.js}} ... </script>
//! ```
//!
//! Its code goes in without indentation and comments; who wants to read it reads it here.
//!
//! Everything the page needs is inside it: it opens from a stick or an e-mail, asks nothing of
//! any host and keeps nothing. Its code is in `page/`, one idea per file; the template lists
//! them in reading order.
//!
//! # Invariants
//! - A mark is replaced by its text and that text is not looked at again: a program that
//!   prints `{{trace}}` does no harm.
//! - Inside a script element no `<` is left as it is, so nothing in a trace can end the element.
//! - The sentences are the table the text rendering uses: the page tells the same story.
//!
//! Tutorial: chapter 19. Before this: `compare.rs`. After this: `html.rs`.

/// The files of `page/` that the template's marks name.
const FILES: &[(&str, &str)] = &[
    ("page.css", include_str!("page/page.css")),
    ("run.js", include_str!("page/run.js")),
    ("words.js", include_str!("page/words.js")),
    ("dom.js", include_str!("page/dom.js")),
    ("panels.js", include_str!("page/panels.js")),
    ("timeline.js", include_str!("page/timeline.js")),
    ("log.js", include_str!("page/log.js")),
    ("predict.js", include_str!("page/predict.js")),
    ("export.js", include_str!("page/export.js")),
    ("selftest.js", include_str!("page/selftest.js")),
    ("page.js", include_str!("page/page.js")),
];

/// All sentences: the text rendering reads the same file.
const SENTENCES: &str = include_str!("page/sentences.json");

const TEMPLATE: &str = include_str!("page/template.html");

/// The finished page: `trace` and `other` (a second run to compare with) are JSON texts;
/// `fallback` is HTML for readers without script, its texts already escaped.
pub(crate) fn page(title: &str, trace: &str, other: Option<&str>, fallback: &str) -> String {
    let mut page = String::with_capacity(TEMPLATE.len() + trace.len() + fallback.len() + 100_000);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (mark, after) = after.split_once("}}").expect("each mark of the template is closed");
        page.push_str(before);
        match mark {
            "title" => page.push_str(&as_text(title)),
            "fallback" => page.push_str(fallback),
            "trace" => page.push_str(&as_data(trace)),
            "other" => page.push_str(&as_data(other.unwrap_or("null"))),
            "sentences" => page.push_str(&as_data(SENTENCES)),
            file => page.push_str(&carried(file, code(file))),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

/// The text of one file of `page/`.
fn code(name: &str) -> &'static str {
    let found = FILES.iter().find(|(file, _)| *file == name);
    found.unwrap_or_else(|| panic!("the template names `{name}`, which page.rs does not list")).1
}

/// Code without its indentation, and scripts without the lines that only comment: the page is
/// mailed and kept, the source is read here.
fn carried(file: &str, code: &str) -> String {
    let comments: &[&str] = if file.ends_with(".js") { &["//", "/**", "* ", "*/"] } else { &[] };
    let lines = code.lines().map(str::trim_start);
    let lines = lines.filter(|line| !comments.iter().any(|mark| line.starts_with(mark)));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// JSON stays the same JSON when `<` is written as an escape: it occurs inside strings only.
fn as_data(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn as_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_cannot_end_the_element_it_is_in() {
        let page = page("t", r#"{"text":"</script><b>{{title}}"}"#, None, "");
        assert!(page.contains(r#"{"text":"\u003c/script>\u003cb>{{title}}"}"#));
    }

    #[test]
    fn a_title_is_text() {
        assert!(page("<b> & co", "{}", None, "").contains("<title>&lt;b&gt; &amp; co"));
    }

    #[test]
    fn every_file_is_in_the_template_and_every_mark_is_known() {
        for (name, text) in FILES {
            assert!(TEMPLATE.contains(&format!("{{{{{name}}}}}")), "{name} is not used");
            assert!(!text.contains("</script"), "{name} would end its element");
            let several = carried(name, text).contains('`');
            assert!(!several, "{name} may have a text of several lines, whose lines are not code");
        }
        page("t", "{}", None, "");
    }
}
