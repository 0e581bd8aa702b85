//! The reading guide, compared with the source.
//!
//! `tutorial/book/reading_guide.md` is a table: file, what always holds there, who calls it, and
//! the chapter that speaks of it. The sentences are an author's. That the files are there, that
//! none of the loop's is missing, and that each names the same chapter, is checked.
//!
//! Tutorial: the course's tools. Before this: `links.rs`. After this: `edition.rs`.

use std::collections::BTreeSet;
use std::path::Path;

/// The page with the table.
pub const PAGE: &str = "tutorial/book/reading_guide.md";

/// What is wrong with the guide, each with its line (0: the whole page).
pub fn judge(root: &Path, page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut named = BTreeSet::new();
    for (number, line) in page.lines().enumerate() {
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<&str> = row.trim_end_matches([' ', '|']).split(" | ").collect();
        let [file, holds, caller, chapter] = cells.as_slice() else {
            found.push((
                number + 1,
                "is no row of four: file, what holds, who calls it, chapter".into(),
            ));
            continue;
        };
        let file = file.trim_end_matches('`');
        if holds.trim().is_empty() || caller.trim().is_empty() {
            found.push((number + 1, format!("says too little of `{file}`")));
        }
        if !named.insert(file.to_owned()) {
            found.push((number + 1, format!("names `{file}` a second time")));
        }
        match std::fs::read_to_string(root.join(file)) {
            Err(_) => found.push((number + 1, format!("names `{file}`, which is not there"))),
            Ok(source) => {
                let chapters = chapters(&source);
                if !chapter.trim().parse().is_ok_and(|chapter: u32| chapters.contains(&chapter)) {
                    found.push((
                        number + 1,
                        format!(
                            "puts `{file}` into chapter {chapter}, and the file says {chapters:?}"
                        ),
                    ));
                }
            }
        }
    }
    for file in files_of_the_loop(root) {
        if !named.contains(&file) {
            found.push((0, format!("does not name `{file}`")));
        }
    }
    found
}

/// The chapters that a file names for itself: `Tutorial: chapters 1, 2 and 8. Before this ...`.
fn chapters(source: &str) -> Vec<u32> {
    let line = source.lines().find_map(|line| line.strip_prefix("//! Tutorial: chapter"));
    let list = line.and_then(|line| line.split('.').next()).unwrap_or_default();
    list.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// All files of the loop but the one that lists the others.
fn files_of_the_loop(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("runtime")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(".rs") && name != "lib.rs")
        .map(|name| format!("runtime/{name}"))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(page: &str) -> Vec<(usize, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        judge(&root, page).into_iter().filter(|(line, _)| *line > 0).collect()
    }

    #[test]
    fn a_file_must_be_there_and_name_the_same_chapter() {
        let row = "| `runtime/ready.rs` | First in. | the turn | 2 |\n";
        assert_eq!(judged(row), []);
        assert!(judged(&row.replace("ready", "unready"))[0].1.contains("which is not there"));
        let found = judged(&row.replace("2 |", "7 |"));
        assert_eq!(found[0].1, "puts `runtime/ready.rs` into chapter 7, and the file says [2]");
        assert_eq!(judged(&format!("{row}{row}"))[0].0, 2);
        assert!(judged("| `runtime/ready.rs` | First in. |\n")[0].1.contains("no row of four"));
    }

    #[test]
    fn a_file_of_the_loop_that_is_not_named_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let missing = judge(&root, "");
        assert!(missing.contains(&(0, "does not name `runtime/turn.rs`".into())), "{missing:?}");
    }

    #[test]
    fn a_file_may_name_several_chapters() {
        assert_eq!(
            chapters("//! A.\n//! Tutorial: chapters 1, 2 and 8. Before this: `x7.rs`.\n"),
            [1, 2, 8]
        );
    }
}
