//! What would make the book untrue is seen.

use roundelay_course::book;
use roundelay_course::program::Programs;

use crate::{programs, root, told};

/// A copy of all that chapter 2 is made from, with that chapter as the whole book.
struct Copy {
    folder: tempfile::TempDir,
    programs: Programs,
}

/// The chapter whose copies are broken.
const PAGE: &str = "tutorial/book/ch02_the_loop_is_a_queue.md";

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in [
            "tutorial/book",
            "tutorial/book/pictures",
            "tutorial/quiz",
            "tutorial/python",
            "tutorial/course/examples",
            "runtime",
        ] {
            let into = folder.path().join(part);
            std::fs::create_dir_all(&into).unwrap();
            for entry in std::fs::read_dir(root().join(part)).unwrap().flatten() {
                if entry.path().is_file() {
                    std::fs::copy(entry.path(), into.join(entry.file_name())).unwrap();
                }
            }
        }
        let contents = "# Contents\n\n- [2](ch02_the_loop_is_a_queue.md)\n";
        std::fs::write(folder.path().join("tutorial/book/SUMMARY.md"), contents).unwrap();
        Copy { folder, programs: programs() }
    }

    fn check(&self) -> Vec<String> {
        told(&book::check(self.folder.path(), &self.programs).unwrap())
    }

    /// Replaces the first `old` in `file` by `new`, checks, puts it back, and returns what was
    /// found.
    fn broken(&self, file: &str, old: &str, new: &str) -> Vec<String> {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file} has no `{old}` to break");
        std::fs::write(&path, text.replacen(old, new, 1)).unwrap();
        let found = self.check();
        std::fs::write(&path, text).unwrap();
        found
    }
}

#[test]
fn each_kind_of_break_is_seen() {
    let copy = Copy::new();
    assert_eq!(copy.check(), [] as [String; 0], "the copy is whole");

    // What, in which file, old, new, and what the check must say of which file.
    let breaks = [
        (
            "an item is renamed",
            "runtime/ready.rs",
            "fn push(",
            "fn push_at_the_back(",
            PAGE,
            "has no item",
        ),
        (
            "an item is changed",
            "runtime/turn.rs",
            "core.ready.borrow_mut().pop();",
            "core.ready.borrow_mut().pop().take();",
            PAGE,
            "is not what it should be",
        ),
        (
            "an output is touched",
            PAGE,
            "turn 1: third",
            "turn 2: third",
            PAGE,
            "is not what it should be",
        ),
        (
            "a label is touched",
            PAGE,
            "under each of 25",
            "under each of 26",
            PAGE,
            "is not what it should be",
        ),
        (
            "a picture is changed",
            "tutorial/book/pictures/ch02_call_soon.svg",
            "<svg",
            "<svg ",
            "ch02_call_soon.svg",
            "is not what the run draws",
        ),
        (
            "a step is not there",
            PAGE,
            "ch02_call_soon ready.push place=6",
            "ch02_call_soon ready.push place=600",
            PAGE,
            "no step is",
        ),
        (
            "a step is another one's",
            PAGE,
            "ready.push place=6 during=callback:1",
            "ready.push place=6 during=callback:2",
            PAGE,
            "no step is",
        ),
        (
            "several steps may be meant",
            PAGE,
            "ready.push place=6 during=callback:1",
            "ready.push",
            PAGE,
            "say more, or `first`",
        ),
        (
            "an answer is set as no other is",
            "tutorial/quiz/ch02.toml",
            "\"Nothing would change\"",
            "\"`nothing`\"",
            PAGE,
            "set as code, and the others are not",
        ),
        (
            "a link is dead",
            PAGE,
            "(ch03_time.md)",
            "(ch03_space.md)",
            PAGE,
            "`ch03_space.md`, which is not there",
        ),
        (
            "a heading is gone",
            PAGE,
            "(ch03_time.md)",
            "(ch03_time.md#no-such-part)",
            PAGE,
            "#no-such-part",
        ),
        (
            "a file is named that is not there",
            PAGE,
            "The answer is one word",
            "See `runtime/unready.rs`. The answer is one word",
            PAGE,
            "`runtime/unready.rs`, which is not there",
        ),
        (
            "a quiz's key is beyond the output",
            "tutorial/quiz/ch02.toml",
            "line = 7",
            "line = 70",
            PAGE,
            "writes no line 70",
        ),
        (
            "a quiz's key is another line",
            "tutorial/quiz/ch02.toml",
            "line = 7",
            "line = 5",
            PAGE,
            "is right, and stands among the wrong",
        ),
        (
            "a quiz asks neither why nor what",
            "tutorial/quiz/ch02.toml",
            "about = \"why\"",
            "about = \"whim\"is no quiz",
            PAGE,
            "",
        ),
        (
            "a word has a forbidden twin",
            PAGE,
            "The answer is one word",
            "One tick. The answer is one word",
            PAGE,
            "says `tick`",
        ),
        (
            "a word comes too early",
            PAGE,
            "The answer is one word",
            "It has a waker. The answer is one word",
            PAGE,
            "`waker`, which chapter 6 explains",
        ),
        ("a part is missing", PAGE, "## Guess\n", "## Thoughts\n", PAGE, "has no part `## Guess`"),
        ("a sentence is too long", PAGE, "The answer is one word", LONG, PAGE, "a sentence of 4"),
        (
            "an output of Python is another",
            "tutorial/python/ch02_call_soon.out",
            "third",
            "3",
            PAGE,
            "is not what it should be",
        ),
        (
            "exercises are missing",
            PAGE,
            "exercises ch02",
            "exercises ch77",
            PAGE,
            "there is no exercise `ch77_",
        ),
        (
            "a part is never closed",
            PAGE,
            "<!-- end -->",
            "<!-- ende -->",
            PAGE,
            "is never closed by",
        ),
        (
            "a part of no known kind",
            PAGE,
            "made: quiz ch02",
            "made: riddle ch02",
            PAGE,
            "nothing that can be made",
        ),
    ];
    for (what, file, old, new, at, says) in breaks {
        let found = copy.broken(file, old, new);
        let seen = found.iter().any(|finding| finding.contains(at) && finding.contains(says));
        assert!(seen, "{what}: nothing of `{says}` was told, but {found:#?}");
    }
}

const LONG: &str = "The answer is one word that somebody has written down in a sentence which goes on and on \
    and on until nobody who reads it in the evening and alone can still say with what it began and why, namely a word";

#[test]
fn a_program_that_writes_something_else_is_seen() {
    let mut copy = Copy::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["ch02_call_soon", "ch02_wrong_drain", "ch02_greedy"] {
        // One program under the name of another.
        let stands_for = if name == "ch02_call_soon" { "ch02_greedy" } else { name };
        let program = copy.programs.folder().join(stands_for);
        std::fs::copy(program, folder.path().join(name)).unwrap();
    }
    copy.programs = Programs::at(folder.path());
    let found = copy.check();
    let says = |what: &str| found.iter().any(|finding| finding.contains(what));
    assert!(
        says("ch02_the_loop_is_a_queue.md:") && says("is not what it should be any more"),
        "{found:#?}"
    );
    assert!(says("ch02_call_soon.svg: is not what the run draws any more"), "{found:#?}");

    std::fs::remove_file(folder.path().join("ch02_greedy")).unwrap();
    let found = copy.check();
    assert!(
        found.iter().any(|finding| finding.contains("`ch02_greedy` could not be started")),
        "{found:#?}"
    );
}
