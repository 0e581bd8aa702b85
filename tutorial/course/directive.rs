//! The parts of a page that are made, not written.
//!
//! A page of the book is plain Markdown. What comes from the source, from a run or from a
//! quiz stands between two comments, so that the page reads well wherever it is read, and
//! the check can make that part anew and compare:
//!
//! ```text
//!   <!-- made: listing runtime/ready.rs ReadyQueue::push -->
//!   ... the listing ...
//!   <!-- end -->
//! ```
//!
//! | made from | what it puts there |
//! |---|---|
//! | `listing FILE ITEM [ITEM...]` | items of a source file, by name |
//! | `program NAME` | the whole program of a chapter, and how to run it |
//! | `output NAME [errors]` | what it writes (`errors`: standard error, too), and which lines are promised |
//! | `output NAME part PART` | of that the lines between `== PART` and the next `==` |
//! | `picture NAME` | the timeline of that run, drawn from its own trace |
//! | `inspect NAME EVENT [FIELD=VALUE...]` | a link to the one step that fits, and its sentence; see `pointer.rs` |
//! | `python NAME` | a program in Python beside ours, with its recorded output |
//! | `quiz NAME` | the questions of `tutorial/quiz/NAME.toml` |
//! | `exercises CHAPTER` | the exercises of a chapter |
//! | `speed WHAT...` | figures of the benchmarks; see `speed.rs` |
//! | `step N` | step N of the build path: what it adds, what its tests ask |
//!
//! # Invariants
//! - Making a page twice changes nothing: `make(make(page)) == make(page)`.
//! - What is written by hand is never touched.
//!
//! Tutorial: the course's tools. Before this: `quiz.rs`. After this: `exercises.rs`.

/// A part that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The first word after `made:`.
    pub kind: String,
    /// The other words.
    pub words: Vec<String>,
    /// The line of the opening comment, counted from 1.
    pub line: usize,
}

const OPENS: &str = "<!-- made: ";
const CLOSES: &str = "<!-- end -->";

/// Makes each part of `page` anew with `make`, and returns the page. Where `make` fails, the part
/// stays as it is and `failed` is told.
pub fn remake(
    page: &str,
    mut make: impl FnMut(&Directive) -> Result<String, String>,
    mut failed: impl FnMut(usize, String),
) -> String {
    let mut out = String::with_capacity(page.len());
    let lines: Vec<&str> = page.lines().collect();
    let mut at = 0;
    let mut fenced = false;
    while let Some(&line) = lines.get(at) {
        at += 1;
        out.push_str(line);
        out.push('\n');
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let opening = line.strip_prefix(OPENS).filter(|_| !fenced);
        let Some(words) = opening.and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let mut words = words.split_whitespace().map(str::to_owned);
        let kind = words.next().unwrap_or_default();
        let directive = Directive { kind, words: words.collect(), line: at };
        // Where the next part opens, this one should have been closed: what lies between is prose.
        let ends = |line: &&str| *line == CLOSES || line.starts_with(OPENS);
        let length = lines[at..].iter().position(ends);
        let Some(length) = length.filter(|length| lines[at + length] == CLOSES) else {
            failed(at, format!("the part opened here is never closed by `{CLOSES}`"));
            continue;
        };
        let before: String =
            lines[at..at + length].iter().map(|line| format!("{line}\n")).collect();
        at += length + 1;
        match make(&directive) {
            // A blank line on both sides: Markdown would else take the part for HTML.
            Ok(made) => {
                out.push('\n');
                out.push_str(made.trim_matches('\n'));
                out.push_str("\n\n");
            }
            Err(what) => {
                failed(directive.line, what);
                out.push_str(&before);
            }
        }
        out.push_str(CLOSES);
        out.push('\n');
    }
    out
}

/// The page without what is made and without code: only what somebody wrote, with the same lines.
pub fn written(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let (mut made, mut fenced) = (false, false);
    for line in page.lines() {
        if !fenced && line.starts_with(OPENS) {
            made = true;
        }
        let fence = line.trim_start().starts_with("```");
        if !made && !fence && !fenced {
            out.push_str(line);
        }
        if !made && fence {
            fenced = !fenced;
        }
        if line == CLOSES {
            made = false;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n<!-- made: listing a.rs f g -->\nold\n<!-- end -->\n\nProse.\n";

    fn make(page: &str) -> String {
        remake(
            page,
            |part| Ok(format!("{} of {:?}", part.kind, part.words)),
            |_, what| panic!("{what}"),
        )
    }

    #[test]
    fn what_is_made_is_replaced_and_what_is_written_stays() {
        let page = make(PAGE);
        assert_eq!(
            page,
            "# Title\n\n<!-- made: listing a.rs f g -->\n\nlisting of [\"f\", \"g\"]\n\n<!-- end -->\n\nProse.\n"
                .replace("[\"f\", \"g\"]", "[\"a.rs\", \"f\", \"g\"]")
        );
        assert_eq!(make(&page), page);
    }

    #[test]
    fn a_part_that_cannot_be_made_stays_and_is_told_with_its_line() {
        let mut told = Vec::new();
        let page =
            remake(PAGE, |_| Err("no such file".into()), |line, what| told.push((line, what)));
        assert_eq!((page.as_str(), told), (PAGE, vec![(3, "no such file".to_owned())]));
    }

    #[test]
    fn a_part_that_is_never_closed_is_told_and_nothing_is_lost() {
        let mut told = Vec::new();
        let page = "<!-- made: quiz x -->\nrest\n";
        assert_eq!(remake(page, |_| Ok(String::new()), |line, _| told.push(line)), page);
        assert_eq!(told, [1]);
    }

    #[test]
    fn a_part_that_is_not_closed_before_the_next_one_opens_takes_no_prose() {
        let mut told = Vec::new();
        let page =
            "<!-- made: quiz x -->\nold\n\nProse.\n\n<!-- made: quiz y -->\nold\n<!-- end -->\n";
        let made = remake(page, |_| Ok("new".into()), |line, _| told.push(line));
        assert_eq!(made, page.replace("quiz y -->\nold\n", "quiz y -->\n\nnew\n\n"));
        assert_eq!(told, [1]);
    }

    #[test]
    fn an_example_of_a_part_inside_code_is_no_part() {
        let page = "```text\n<!-- made: quiz x -->\n```\nend\n";
        assert_eq!(remake(page, |_| panic!("made"), |_, what| panic!("{what}")), page);
    }

    #[test]
    fn only_prose_is_taken_for_prose() {
        let text = written("a\n<!-- made: quiz x -->\nb\n<!-- end -->\nc\n```rust\nd\n```\ne\n");
        assert_eq!(text, "a\n\n\n\nc\n\n\n\ne\n");
    }
}
