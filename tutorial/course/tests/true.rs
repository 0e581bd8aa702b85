//! The book is true, and what would make it untrue is seen.
//!
//! The second half breaks a copy of a chapter in every way that the check is there for, one at a
//! time, and expects to be told.

use std::path::{Path, PathBuf};

use roundelay_course::book::{self, Report};
use roundelay_course::finding::Findings;
use roundelay_course::listing;
use roundelay_course::pack;
use roundelay_course::program::Programs;
use roundelay_course::python;
use roundelay_course::show;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there")
}

fn programs() -> Programs {
    Programs::beside_this_one().expect("cargo builds them for the tests")
}

fn told(report: &Report) -> Vec<String> {
    report.findings.0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_book_is_true() {
    let report = book::check(&root(), &programs()).unwrap();
    let nothing: [String; 0] = [];
    assert_eq!(told(&report), nothing);
    assert!(report.counts.outputs > 0 && report.counts.questions > 0);
}

#[test]
fn what_was_recorded_of_python_is_what_it_writes_today() {
    if let Err(why) = python::version() {
        eprintln!("skipped: {why}");
        return;
    }
    let mut findings = Findings::default();
    let run = python::replay(&root(), false, &mut findings).unwrap();
    assert_eq!(findings.0, []);
    assert!(run > 0);
}

#[test]
fn an_output_of_python_that_has_gone_stale_is_seen() {
    if let Err(why) = python::version() {
        eprintln!("skipped: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("tutorial/python");
    std::fs::create_dir_all(&python).unwrap();
    std::fs::write(python.join("two.py"), "print('one')\nprint('two')\n").unwrap();
    std::fs::write(python.join("two.out"), "one\nzwei\n").unwrap();
    let mut findings = Findings::default();
    python::replay(folder.path(), false, &mut findings).unwrap();
    let said: Vec<String> = findings.0.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("tutorial/python/two.out:2: is not what the program writes now"));

    let mut findings = Findings::default();
    python::replay(folder.path(), true, &mut findings).unwrap();
    python::replay(folder.path(), false, &mut findings).unwrap();
    assert_eq!(findings.0, []);
}

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

/// Names of the public API: as items that exist, or this does not compile, and as words.
macro_rules! public {
    ($($name:ident)*) => {
        #[allow(unused_imports)]
        mod exist {
            pub(super) use roundelay::{$($name),*};
        }
        const PUBLIC: &[&str] = &[$(stringify!($name)),*];
    };
}

public! {
    all_tasks
    as_completed
    Barrier
    BoundedSemaphore
    CallHandle
    CancelScope
    Condition
    ContextVar
    current_loop
    current_task
    Event
    EventLoop
    fail_after
    fail_at
    FailurePolicy
    gather
    gather_all
    Job
    LineReader
    Lock
    LoopProxy
    LoopRef
    OnWorkerDeath
    Pool
    ProcessMap
    ProcessPool
    ProcessPoolBuilder
    Promise
    promise
    Queue
    run
    run_on
    run_remote
    Runner
    RunnerBuilder
    Semaphore
    serve
    Shared
    shield
    sleep
    spawn
    Spawner
    Task
    task_group
    TaskBuilder
    TcpStream
    ThreadMap
    ThreadPool
    ThreadPoolBuilder
    timeout
    to_thread
    wait
    Watched
    worker_entry
    yield_now
}

/// Names that are taken from their module, for the plain ones are others.
#[allow(unused_imports)]
mod in_modules {
    pub(super) use roundelay::pools::{AsCompleted, as_completed, wait};
    pub(super) use roundelay::process::{Child, Command};
}

const IN_MODULES: [&str; 5] = [
    "pools::AsCompleted",
    "pools::as_completed",
    "pools::wait",
    "process::Child",
    "process::Command",
];

/// A name of the table in two parts: whose method it is, and the method (or nothing).
fn parts(ours: &str) -> (&str, &str) {
    let of_module = IN_MODULES.iter().find(|name| {
        let rest = ours.strip_prefix(**name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    let plain = match of_module {
        Some(_) => ours.split_once("::").expect("a module").1,
        None => ours,
    };
    let (owner, method) = plain.split_once("::").unwrap_or((plain, ""));
    assert!(
        of_module.is_some() || PUBLIC.contains(&owner),
        "`{owner}` is to be added to the list above: is it public?"
    );
    (owner, method)
}

#[test]
fn whoever_comes_from_asyncio_finds_names_that_exist() {
    let page =
        std::fs::read_to_string(root().join("tutorial/book/coming_from_asyncio.md")).unwrap();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split(" | ").nth(1).unwrap().trim_matches('`');
        let (owner, method) = parts(ours);
        assert!(
            method.is_empty() || is_public_method(owner, method),
            "there is no `pub fn` `{ours}`"
        );
        rows += 1;
    }
    assert!(rows > 90);
}

/// Whether some file of the library has it.
fn is_public_method(owner: &str, method: &str) -> bool {
    let mut folders: Vec<_> = ["runtime", "executor", "pools"].map(|part| root().join(part)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            // Reading a file as Rust does takes its time: only where it may be.
            let is_public = |text: &str| {
                let signatures = [format!("pub fn {method}"), format!("pub async fn {method}")];
                signatures.iter().any(|signature| text.contains(signature))
            };
            if !is_public(&text) || !text.contains(owner) {
                continue;
            }
            let cut = listing::cut_from(&text, &format!("{owner}::{method}"));
            if cut.is_ok_and(|cut| is_public(&cut.text)) {
                return true;
            }
        }
    }
    false
}

#[test]
fn a_class_gets_the_book_and_the_exercises_without_their_solutions() {
    let folder = tempfile::tempdir().unwrap();
    pack::write(&root(), &programs(), folder.path(), false).unwrap();
    let has = |file: &str| folder.path().join(file).exists();
    assert!(
        has("START.md") && has("book/index.html") && has("book/inspector/ch01_three_waits.html")
    );
    assert!(has("Cargo.lock") && has("tutorial/exercises/examples/ch01_0_it_works.rs"));
    for at_home in [
        "tutorial/exercises/solutions",
        "tutorial/exercises/wrong",
        "tutorial/exercises/tests",
        "tutorial/notes",
        ".git",
        "target",
    ] {
        assert!(!has(at_home), "{at_home} is packed");
    }
    let again = pack::write(&root(), &programs(), folder.path(), false).unwrap_err();
    assert!(again.ends_with("is not empty; name a new folder"), "{again}");
}

#[test]
fn a_run_is_shown_with_all_its_pages_and_one_without_a_loop_with_none() {
    let folder = tempfile::tempdir().unwrap();
    let show = |program: &str, step| show::show(&programs(), program, step, folder.path());
    let page = |name: &str| format!("open file://{}", folder.path().join(name).display());
    let two = show("ch08_two_loops", 3).unwrap();
    assert!(two.contains(&(page("ch08_two_loops.html") + "#s=3\n")), "{two}");
    assert!(two.contains(&page("ch08_two_loops-2.html")), "{two}");
    // A page of an earlier run does not speak for this one.
    std::fs::write(folder.path().join("ch05_poll_by_hand.html"), "old").unwrap();
    let none = show("ch05_poll_by_hand", 0).unwrap();
    assert!(none.ends_with("has no event loop: there is nothing to step through\n"), "{none}");
    assert!(!none.contains("open file://"), "{none}");
    let beyond = show("ch01_three_waits", 99_999).unwrap_err();
    assert!(beyond.contains("has the steps 0 to 237; there is no step 99999"), "{beyond}");
    let unknown = show("ch01_four_waits", 0).unwrap_err();
    assert!(
        unknown.contains("there is no program `ch01_four_waits`; there are ch01_"),
        "{unknown}"
    );
}

#[test]
fn a_program_whose_reader_has_gone_away_ends_without_a_word() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let mut program = Command::new(programs().folder().join("ch01_three_waits"));
    program.env_remove("ROUNDELAY_TRACE").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    // Nobody has read a line of it.
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((told.as_str(), child.wait().unwrap().success()), ("", true));
}

/// `cargo test -p roundelay-course --test true -- --ignored`
#[test]
#[ignore = "it compiles the project anew: minutes"]
fn what_a_class_gets_builds_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    pack::write(&root(), &programs(), folder.path(), true).unwrap();
    for what in [
        &["run", "--quiet", "--example", "ch01_three_waits"][..],
        &["learn", "check", "ch01_0_it_works"],
    ] {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(what).current_dir(folder.path());
        // What this test was started with must not reach the learner's cargo.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
                cargo.env_remove(name);
            }
        }
        cargo
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", folder.path().join("target"));
        let ran = cargo.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "cargo {what:?}: {said}");
    }
}
