//! A timetable: how long each chapter takes in class, and the course in days.
//!
//! Each chapter has notes for whoever teaches it, in `tutorial/notes/chNN.md`. They begin with
//! the minutes of the chapter's parts, one to a line; the rest is prose:
//!
//! ```text
//! ---
//! question: 5
//! run, guess, picture: 15
//! ---
//! ```
//!
//! # Invariants
//! - No sitting is longer than [`SITTING`] minutes without a break, unless one chapter is.
//! - A chapter is never split between two days.
//!
//! Tutorial: the course's tools. Before this: `book.rs`. After this: `pack.rs`.

use std::fmt::Write as _;
use std::path::Path;

/// The longest time without a break, in minutes.
pub const SITTING: u32 = 75;

/// How long a break is, in minutes, and how long the one in the middle of a day.
pub const BREAK: (u32, u32) = (15, 60);

/// When a day begins, in minutes after midnight.
const MORNING: u32 = 9 * 60;

const NOON: u32 = 12 * 60;

/// A chapter in class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Its number.
    pub chapter: u32,
    /// Its title, as the notes have it.
    pub title: String,
    /// What is done, and for how many minutes.
    pub parts: Vec<(String, u32)>,
}

impl Lesson {
    /// Reads the notes of chapter `chapter`.
    ///
    /// # Errors
    /// A sentence for whoever wrote them.
    pub fn read(chapter: u32, notes: &str) -> Result<Lesson, String> {
        let front = notes.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (front, rest) =
            front.ok_or("do not begin with their minutes, between two lines `---`")?;
        let mut parts = Vec::new();
        for line in front.lines() {
            let (what, minutes) =
                line.rsplit_once(':').ok_or_else(|| format!("`{line}` has no minutes"))?;
            let minutes =
                minutes.trim().parse().map_err(|_| format!("`{line}` has no number of minutes"))?;
            parts.push((what.trim().to_owned(), minutes));
        }
        let title = rest.lines().find_map(|line| line.strip_prefix("# "));
        let title = title.ok_or("have no title")?.to_owned();
        Ok(Lesson { chapter, title, parts })
    }

    /// All its minutes.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        self.parts.iter().map(|(_, minutes)| minutes).sum()
    }
}

/// The lessons, by chapter: one for each file of notes.
///
/// # Errors
/// A sentence: notes that cannot be read.
pub fn lessons(root: &Path) -> Result<Vec<Lesson>, String> {
    let folder = root.join("tutorial/notes");
    let mut lessons = Vec::new();
    for chapter in 1..=99 {
        let file = format!("ch{chapter:02}.md");
        let Ok(notes) = std::fs::read_to_string(folder.join(&file)) else { continue };
        lessons.push(
            Lesson::read(chapter, &notes).map_err(|what| format!("the notes {file} {what}"))?,
        );
    }
    Ok(lessons)
}

/// The lessons in `days` days of about the same length, with breaks, as Markdown.
#[must_use]
pub fn plan(lessons: &[Lesson], days: u32) -> String {
    let all: u32 = lessons.iter().map(Lesson::minutes).sum();
    let mut out = String::new();
    let mut taught = 0;
    let mut left = lessons;
    for day in 1..=days {
        let mut today = 0;
        // The day ends where all days so far have had their share, to the nearest chapter.
        while let Some(lesson) = left.get(today) {
            let middle = taught + lesson.minutes() / 2;
            if day < days && middle * days > all * day && today > 0 {
                break;
            }
            taught += lesson.minutes();
            today += 1;
        }
        let (now, later) = left.split_at(today);
        left = later;
        if !now.is_empty() {
            out.push_str(&a_day(day, now));
        }
    }
    writeln!(
        out,
        "In all {} chapters and {} h {} min, without the breaks.",
        lessons.len(),
        all / 60,
        all % 60
    )
    .expect("a string takes it");
    out
}

fn a_day(day: u32, lessons: &[Lesson]) -> String {
    let whole: u32 = lessons.iter().map(Lesson::minutes).sum();
    let mut out = format!("## Day {day}\n\n| from | to | what |\n|---|---|---|\n");
    let (mut now, mut sitting, mut eaten) = (MORNING, 0, false);
    let mut row = |from: u32, minutes: u32, what: &str| {
        let clock = |at: u32| format!("{:02}:{:02}", at / 60, at % 60);
        writeln!(out, "| {} | {} | {what} |", clock(from), clock(from + minutes))
            .expect("a string takes it");
    };
    for lesson in lessons {
        for (what, minutes) in &lesson.parts {
            if sitting > 0 && sitting + minutes > SITTING {
                // A long day has a long break: the first one around noon.
                let long = !eaten && whole > 3 * SITTING && now >= NOON - BREAK.0;
                let (minutes, name) = if long { (BREAK.1, "a meal") } else { (BREAK.0, "a break") };
                row(now, minutes, name);
                eaten |= long;
                now += minutes;
                sitting = 0;
            }
            row(now, *minutes, &format!("{}. {}: {what}", lesson.chapter, lesson.title));
            now += minutes;
            sitting += minutes;
        }
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(chapter: u32, minutes: u32) -> Lesson {
        Lesson { chapter, title: "T".into(), parts: vec![("all".into(), minutes)] }
    }

    #[test]
    fn notes_begin_with_their_minutes() {
        let notes = "---\nquestion: 5\nrun, guess: 15\n---\n\n# One thread\n\nProse.\n";
        let read = Lesson::read(1, notes).unwrap();
        assert_eq!(read.parts, [("question".to_owned(), 5), ("run, guess".to_owned(), 15)]);
        assert_eq!((read.minutes(), read.title.as_str()), (20, "One thread"));
        assert!(Lesson::read(1, "# One\n").unwrap_err().contains("do not begin"));
        let told = Lesson::read(1, &notes.replace("15", "long")).unwrap_err();
        assert_eq!(told, "`run, guess: long` has no number of minutes");
    }

    #[test]
    fn days_are_of_about_the_same_length_and_chapters_stay_whole() {
        let lessons: Vec<Lesson> = (1..=4).map(|chapter| lesson(chapter, 60)).collect();
        let plan = plan(&lessons, 2);
        let (first, second) = plan.split_once("## Day 2").unwrap();
        assert!(first.contains("2. T: all") && !first.contains("3. T: all"), "{plan}");
        assert!(second.contains("4. T: all"), "{plan}");
        assert!(plan.ends_with("In all 4 chapters and 4 h 0 min, without the breaks.\n"), "{plan}");
    }

    #[test]
    fn a_break_comes_before_a_sitting_is_too_long() {
        let plan = plan(&[lesson(1, 50), lesson(2, 30)], 1);
        assert!(
            plan.contains("| 09:00 | 09:50 | 1. T: all |\n| 09:50 | 10:05 | a break |\n"),
            "{plan}"
        );
    }

    #[test]
    fn more_days_than_chapters_do_no_harm() {
        let plan = plan(&[lesson(1, 50)], 3);
        assert_eq!(plan.matches("## Day").count(), 1, "{plan}");
    }
}
