//! The tests were red: each step's tests fail against the step before, and against the mistake
//! that the step is about, and they say why.
//!
//! The crates are built as a learner's would be, so this also tests the check itself.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use roundelay_build::check::{Verdict, check, check_within, home, write_crate};

fn step(number: u32) -> String {
    fs::read_to_string(home().join(format!("steps/step_{number:02}.rs"))).unwrap()
}

/// What the tests of `number` say to a crate with this source.
fn verdict(number: u32, source: &str) -> Verdict {
    check(number, &a_crate(source)).unwrap()
}

/// A crate with this source.
fn a_crate(source: &str) -> PathBuf {
    // A name and a place that depend on the source only: the second time nothing is built anew.
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    let name = format!("mine-{:016x}", hasher.finish());
    let mine = Path::new(env!("CARGO_TARGET_TMPDIR")).join("red").join(&name);
    if !mine.exists() {
        write_crate(&mine, source).unwrap();
        let manifest = mine.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap().replace("my-loop", &name);
        fs::write(&manifest, text).unwrap();
    }
    mine
}

/// The step before `number` lacks what `number` adds.
#[track_caller]
fn lacks(number: u32, what: &str) {
    let Verdict::DoesNotBuild(said) = verdict(number, &step(number - 1)) else {
        panic!("step {} passes the tests of step {number}", number - 1);
    };
    assert!(said.contains(what), "it should lack {what}, but the compiler says:\n{said}");
}

/// Step `number` with one part replaced fails, with these promises, and says `why`.
#[track_caller]
fn fails(number: u32, part: &str, by: &str, promises: &[&str], why: &str) {
    let right = step(number);
    assert!(right.contains(part), "step {number} has no such part any more:\n{part}");
    let verdict = verdict(number, &right.replace(part, by));
    let Verdict::Fails(failures) = &verdict else { panic!("step {number}: {verdict}") };
    let mut failed: Vec<&str> = failures.iter().map(|failure| failure.promise.as_str()).collect();
    failed.sort_unstable();
    assert_eq!(failed, promises, "{verdict}");
    assert!(verdict.to_string().contains(why), "it should say `{why}`, but it says:\n{verdict}");
}

#[test]
fn the_first_lines_build_and_fail() {
    let template = fs::read_to_string(home().join("template.rs")).unwrap();
    let Verdict::Fails(failures) = verdict(1, &template) else { panic!("an empty loop passes") };
    assert_eq!(failures.len(), 4);
    assert!(failures[0].said.contains("step 1: put it into the queue"), "{failures:?}");
}

#[test]
fn each_step_lacks_what_the_next_one_adds() {
    lacks(2, "no method named `call_later` found for struct `Loop`");
    lacks(3, "no method named `promise` found for struct `Loop`");
    lacks(4, "no method named `block_on` found for struct `Loop`");
    lacks(5, "no method named `spawn` found for struct `Loop`");
    lacks(6, "no method named `sleep` found for struct `Loop`");
    lacks(7, "no function or associated item named `with_real_clock` found for struct `Loop`");
    lacks(8, "unresolved import `tiny::Watched`");
}

#[test]
fn step_1_finds_a_turn_that_does_not_count_first() {
    let (counted, drained) = (
        "        for _ in 0..count {\n",
        "        let _ = count;\n        while self.has_work() {\n",
    );
    let promises = ["a callback added during a turn waits for the next"];
    fails(1, counted, drained, &promises, "happened: [\"outer\", \"beside\", \"inner\"]");
}

#[test]
fn step_2_finds_a_heap_without_a_number() {
    // The number counts down, as good as none.
    let promises = ["equal deadlines keep the order of creation"];
    let number = "let number = next(&self.inner.next_timer);";
    let wrong = "let number = u64::MAX - next(&self.inner.next_timer);";
    fails(2, number, wrong, &promises, "Give each timer a number.");
}

#[test]
fn step_3_finds_a_box_that_takes_a_second_value() {
    let refused = "            Stage::Full(_) | Stage::Over => {\n                self.stage.replace(before);\n                return Err(value);\n            }\n";
    let taken = "            Stage::Full(_) | Stage::Over => {\n                self.stage.replace(Stage::Full(value));\n            }\n";
    let promises = [
        "resolving twice is refused and gives the value back",
        "resolving twice is refused while a callback waits to be called",
    ];
    fails(3, refused, taken, &promises, "The second time it is refused.");
}

#[test]
fn step_3_finds_a_callback_that_is_called_inside_resolve() {
    let queued = "Stage::Awaited(callback) => self.on.call_soon(move || callback(value)),";
    let called = "Stage::Awaited(callback) => callback(value),";
    let promises = ["the callback is queued and not called inside resolve"];
    fails(3, queued, called, &promises, "It calls nobody.");
}

#[test]
fn step_4_finds_a_loop_that_polls_in_every_turn() {
    let exact = "if main.woken.swap(false, Ordering::AcqRel) {";
    let eager = "let woken = main.woken.swap(false, Ordering::AcqRel);\n            if !woken && self.has_work() {\n                self.turn();\n            }\n            if woken || self.has_work() {";
    let promises = ["the number of polls is exact"];
    fails(4, exact, eager, &promises, "Poll only after a wake.");
}

#[test]
fn a_test_that_hangs_is_stopped_and_named() {
    // Never polled for the first time, so it sleeps for ever.
    let never = step(4).replace("AtomicBool::new(true)", "AtomicBool::new(false)");
    let verdict = check_within(4, &a_crate(&never), Duration::from_secs(5)).unwrap();
    let Verdict::Fails(failures) = &verdict else { panic!("{verdict}") };
    let failure = failures.last().unwrap();
    assert_eq!(
        (failure.step, failure.promise.as_str()),
        (4, "a future that wakes itself is polled again")
    );
    assert_eq!(failure.said, "it has not ended: it was stopped");
}

#[test]
fn a_crate_of_any_name_in_any_folder_will_do() {
    let mine = Path::new(env!("CARGO_TARGET_TMPDIR")).join("red/some folder");
    if !mine.exists() {
        write_crate(&mine, &step(1)).unwrap();
        let manifest = "[package]\nname = \"ringelreihen\"\nversion = \"7.0.0\"\nedition = \"2021\"\n\n\
                        [lib]\nname = \"reihen\"\npath = \"src/lib.rs\"\n\n[workspace]\n";
        fs::write(mine.join("Cargo.toml"), manifest).unwrap();
    }
    assert_eq!(check(1, &mine), Ok(Verdict::Passes(4)));
    assert!(check(9, &mine).unwrap_err().contains("there is no step 9; the steps are 1 to 8"));
    let nowhere = check(1, &mine.join("nowhere")).unwrap_err();
    assert!(nowhere.starts_with("there is no crate in "), "{nowhere}");
    assert!(write_crate(&mine, "").unwrap_err().contains("is there already; nothing was changed"));
}

#[test]
fn step_5_finds_tasks_without_a_mark() {
    let marked = "if !self.scheduled.swap(true, Ordering::AcqRel) {";
    let promises = ["a double wake means one poll"];
    fails(5, marked, "{", &promises, "Mark the task as scheduled.");
}

#[test]
fn step_6_finds_a_sleeper_without_a_destructor() {
    let cancels = "        if let Some(timer) = self.timer {\n            self.on.cancel_timer(timer);\n        }\n";
    let promises = ["a dropped sleeper leaves no live timer"];
    fails(6, cancels, "", &promises, "implement `Drop` for it");
}

#[test]
fn step_7_finds_a_loop_that_asks_the_clock_all_the_time() {
    let sleeps = "thread::park_timeout(deadline.saturating_sub(self.now()));";
    let promises = ["an idle wait of 50 ms takes few turns"];
    fails(7, sleeps, "let _ = deadline;", &promises, "expected: fewer than 20 turns");
}

#[test]
fn step_8_finds_a_loop_that_never_sleeps() {
    let sleeps = "reactor.poll(&mut events, timeout)";
    let spins =
        "reactor.poll(&mut events, timeout.and(Some(Duration::ZERO)).or(Some(Duration::ZERO)))";
    let promises = ["the loop sleeps while nobody writes"];
    fails(8, sleeps, spins, &promises, "expected: fewer than 100 turns");
}
