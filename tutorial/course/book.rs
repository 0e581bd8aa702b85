//! The book: its pages, what is wrong with them, and making them anew.
//!
//! `tutorial/book/SUMMARY.md` lists the pages, as mdBook wants it. A page named `chNN_...md`
//! is chapter NN and has the ten parts of a chapter, in order.
//!
//! Tutorial: the course's tools. Before this: `edition.rs`. After this: `timetable.rs`.

use std::path::{Path, PathBuf};

use crate::directive::{remake, written};
use crate::exercises::{self, ExerciseCounts};
use crate::finding::Findings;
use crate::guide;
use crate::links;
use crate::maker::{Counts, Maker};
use crate::program::Programs;
use crate::words::Glossary;

/// The headings of a chapter, in order: a reader knows where to look.
pub const PARTS: [&str; 10] = [
    "The question",
    "Run it",
    "Guess",
    "The picture",
    "Read it",
    "In Python",
    "It goes wrong",
    "Exercises",
    "Quiz",
    "In one minute",
];

/// For each step of the build path, the chapter that a reader has read before.
const STEP_CHAPTERS: [u32; 8] = [2, 3, 4, 5, 6, 6, 7, 7];

/// One page of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the contents call it.
    pub title: String,
    /// From the root of the project.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl Page {
    /// Which chapter it is, if it is one.
    pub fn chapter(&self) -> Option<u32> {
        let name = self.path.file_name()?.to_str()?;
        name.strip_prefix("ch")?.get(..2)?.parse().ok()
    }

    /// The last chapter whose words it may use: its own, or the one that its step of the build path
    /// goes with. `None`: all of them.
    pub fn words_up_to(&self) -> Option<u32> {
        let name = self.path.file_stem()?.to_str()?;
        match name.strip_prefix("build_step_") {
            Some(step) => STEP_CHAPTERS.get(step.parse::<usize>().ok()?.checked_sub(1)?).copied(),
            None => self.chapter(),
        }
    }
}

/// Reads the pages that the contents list.
///
/// # Errors
/// A sentence: the contents or a page cannot be read.
pub fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let book = Path::new("tutorial/book");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(root.join(path));
        text.map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let contents = read(&book.join("SUMMARY.md"))?;
    let mut pages = Vec::new();
    for line in contents.lines() {
        let Some((title, rest)) = line.split_once("](") else { continue };
        let Some((file, _)) = rest.split_once(')') else { continue };
        let title = title.split_once('[').map_or(title, |(_, title)| title).to_owned();
        let path = book.join(file);
        let text = read(&path)?;
        pages.push(Page { title, path, text });
    }
    Ok(pages)
}

/// What a check has seen.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub findings: Findings,
    /// How much there is.
    pub counts: Counts,
    /// How many exercises there are.
    pub exercises: ExerciseCounts,
    /// How many pages were read.
    pub pages: usize,
    /// Pages and pictures that differ from what they should be, with their new content.
    pub changed: Vec<(PathBuf, Vec<u8>)>,
}

/// Reads every page, makes each part anew, and compares.
///
/// # Errors
/// There is no book to check.
pub fn check(root: &Path, programs: &Programs) -> Result<Report, String> {
    let pages = pages(root)?;
    let maker = Maker::new(root, programs);
    let mut report = Report { pages: pages.len(), ..Report::default() };
    let glossary = Path::new("tutorial/book/glossary.toml");
    let glossary = std::fs::read_to_string(root.join(glossary))
        .map_err(|error| format!("{} cannot be read: {error}", glossary.display()))
        .and_then(|text| Glossary::read(&text))?;
    for page in &pages {
        let findings = &mut report.findings;
        let made = remake(
            &page.text,
            |part| maker.make(part),
            |line, what| findings.add(&page.path, line, what),
        );
        if made != page.text {
            let line = first_difference(&page.text, &made);
            findings.add(
                &page.path,
                line,
                "is not what it should be any more; `cargo course accept` writes it anew",
            );
            report.changed.push((page.path.clone(), made.clone().into_bytes()));
        }
        for (line, what) in links::broken(root, &page.path, &made) {
            // Pages of the inspector are written with the edition.
            if !what.contains("`inspector/") && !what.contains("`pictures/") {
                findings.add(&page.path, line, what);
            }
        }
        for (line, what) in glossary.judge(&page.text, page.words_up_to()) {
            findings.add(&page.path, line, what);
        }
        if page.path == Path::new(guide::PAGE) {
            for (line, what) in guide::judge(root, &page.text) {
                findings.add(&page.path, line, what);
            }
        }
        if page.chapter().is_some() {
            for what in missing_parts(&page.text) {
                findings.add(&page.path, 0, what);
            }
        }
    }
    for (path, content) in maker.files.take() {
        if std::fs::read(root.join(&path)).ok().as_ref() != Some(&content) {
            report.findings.add(
                &path,
                0,
                "is not what the run draws any more; `cargo course accept` writes it anew",
            );
            report.changed.push((path, content));
        }
    }
    report.exercises = exercises::judge(&glossary, &mut report.findings)?;
    report.counts = maker.counts.take();
    report.findings.0.sort();
    Ok(report)
}

/// The first line, counted from 1, in which two texts differ.
fn first_difference(one: &str, other: &str) -> usize {
    let same = one.lines().zip(other.lines()).take_while(|(one, other)| one == other);
    same.count() + 1
}

/// The parts of a chapter that are not there, or not in their place.
fn missing_parts(text: &str) -> Vec<String> {
    let text = written(text);
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut missing = Vec::new();
    let mut at = 0;
    for part in PARTS {
        match headings[at..].iter().position(|heading| heading.starts_with(part)) {
            Some(place) => at += place + 1,
            None => missing.push(format!("has no part `## {part}` where a chapter has it")),
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_has_its_ten_parts_in_order() {
        let all: String = PARTS.iter().map(|part| format!("## {part}\n\n")).collect();
        assert_eq!(missing_parts(&all), Vec::<String>::new());
        let without = all.replace("## Guess\n", "");
        assert_eq!(missing_parts(&without), ["has no part `## Guess` where a chapter has it"]);
        assert_eq!(missing_parts(&all.replace("## Quiz", "Quiz")).len(), 1);
    }

    #[test]
    fn the_chapter_is_in_the_name() {
        let page =
            |path: &str| Page { title: String::new(), path: path.into(), text: String::new() };
        assert_eq!(page("tutorial/book/ch07_asking.md").chapter(), Some(7));
        assert_eq!(page("tutorial/book/glossary.md").chapter(), None);
        assert_eq!(page("tutorial/book/ch07_asking.md").words_up_to(), Some(7));
        assert_eq!(page("tutorial/book/build_step_1.md").words_up_to(), Some(2));
        assert_eq!(page("tutorial/book/build.md").words_up_to(), None);
    }
}
