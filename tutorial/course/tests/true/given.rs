//! What is given out: the course for a class, the pages of a run.

use roundelay_course::{pack, show};

use crate::{programs, root};

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
    // Four bytes of this name end in the middle of a letter.
    let unknown = show("ch0é", 0).unwrap_err();
    assert!(unknown.contains("there is no program `ch0é`; there are ch01_"), "{unknown}");
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
