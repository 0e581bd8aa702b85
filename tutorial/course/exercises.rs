//! The exercises, as the book sees them: a table for each chapter, and whether their words fit.
//!
//! An exercise may only use words that its chapter has explained, in its task and in its hints.
//! And what lies in `examples` is what was given out: the authors' own copy is in `shipped`.
//!
//! Tutorial: the course's tools. Before this: `directive.rs`. After this: `build_step.rs`.

use std::path::Path;

use roundelay_exercises::about::{About, folder};

use crate::finding::Findings;
use crate::words::Glossary;

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExerciseCounts {
    /// Exercises.
    pub exercises: usize,
    /// Common wrong answers that are recognised.
    pub wrong: usize,
    /// Hints.
    pub hints: usize,
}

/// The exercises of a chapter (`ch01`), as a table.
///
/// # Errors
/// A sentence: there are none, or one of them cannot be read.
pub fn table(chapter: &str) -> Result<String, String> {
    let all = About::all(&folder())?;
    let mut out = String::from("| exercise | you | minutes | command |\n|---|---|---|---|\n");
    let mut count = 0;
    for about in all.iter().filter(|about| about.name.starts_with(&format!("{chapter}_"))) {
        count += 1;
        let (title, kind, minutes) = (&about.title, about.kind.words(), about.minutes);
        let name = &about.name;
        out.push_str(&format!("| {title} | {kind} | {minutes} | `cargo learn check {name}` |\n"));
    }
    if count == 0 {
        return Err(format!("there is no exercise `{chapter}_...` in tutorial/exercises/about"));
    }
    out.push_str(
        "\n`cargo learn next` shows the next exercise and its file, `cargo learn hint` gives a hint. A check \
         says what it expected, what happened instead, and at which step.\n",
    );
    Ok(out)
}

/// Judges all exercises: their words, and whether they are as they were given out.
///
/// # Errors
/// A sentence: one of them cannot be read.
pub fn judge(glossary: &Glossary, findings: &mut Findings) -> Result<ExerciseCounts, String> {
    let mut counts = ExerciseCounts::default();
    for about in About::all(&folder())? {
        counts.exercises += 1;
        counts.wrong += about.wrong.len();
        counts.hints += about.hints.len();
        let name = &about.name;
        if read(&about.file())? != read(&about.shipped())? {
            let file = format!("tutorial/exercises/examples/{name}.rs");
            let what = format!(
                "is not as it is given out; `cargo learn reset {name}` brings it back, or an \
                 author changes tutorial/exercises/shipped/{name}.rs with it"
            );
            findings.add(file, 0, what);
        }
        for what in words_that_do_not_fit(&about, glossary)? {
            let file = Path::new("tutorial/exercises/about").join(format!("{name}.toml"));
            findings.add(file, 0, what);
        }
    }
    Ok(counts)
}

/// Words of an exercise that its chapter has not explained, and others that the course does not
/// use.
fn words_that_do_not_fit(about: &About, glossary: &Glossary) -> Result<Vec<String>, String> {
    let shipped = read(&about.shipped())?;
    let task = shipped.lines().map_while(|line| line.strip_prefix("//!"));
    let task: Vec<&str> = task.map(str::trim).collect();
    let mut texts = vec![task.join("\n"), about.title.clone(), about.reasons.clone()];
    texts.extend(about.hints.clone());
    texts.extend(about.wrong.iter().map(|known| known.hint.clone()));
    let found = glossary.judge(&texts.join("\n\n"), Some(about.chapter));
    Ok(found.into_iter().map(|(_, what)| what).collect())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exercises_use_only_words_that_their_chapter_has_explained() {
        let glossary = folder().join("../book/glossary.toml");
        let glossary = Glossary::read(&read(&glossary).unwrap()).unwrap();
        for about in About::all(&folder()).unwrap() {
            let none = Vec::<String>::new();
            assert_eq!(words_that_do_not_fit(&about, &glossary), Ok(none), "{}", about.name);
        }
    }

    #[test]
    fn a_chapter_has_a_table_of_its_exercises() {
        let table = table("ch01").unwrap();
        assert!(
            table
                .contains("| Two seconds | repair | 10 | `cargo learn check ch01_2_two_seconds` |")
        );
        assert_eq!(table.matches("cargo learn check ch").count(), 3);
        assert!(super::table("ch99").unwrap_err().contains("no exercise"));
    }
}
