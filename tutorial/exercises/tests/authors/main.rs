//! What the authors of the exercises promise.
//!
//! Every exercise fails as it is given out, with a sentence; every solution passes; every common
//! wrong answer is recognised and gets a hint of its own. All of them are compiled into this one
//! binary. (Whether a learner's own file passes is the learner's affair.)
#![allow(unreachable_pub, dead_code, unused_imports, missing_docs)]
#![allow(clippy::all, reason = "wrong answers are wrong")]

mod answers;
mod command;

use std::collections::BTreeSet;
use std::future::pending;
use std::path::Path;
use std::sync::{Once, mpsc};

use roundelay::{TaskBuilder, sleep, spawn, yield_now};
use roundelay_exercises::about::{About, folder};
use roundelay_exercises::lab::{check, keep_traces_in, traces};
use roundelay_exercises::{Verdict, say};

use answers::{ANSWERS, Answer, Kind};

/// The learner's own traces are not to be overwritten.
fn traces_elsewhere() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exercises");
        std::fs::create_dir_all(&folder).unwrap();
        keep_traces_in(&folder);
    });
}

fn run(answer: &Answer) -> Verdict {
    traces_elsewhere();
    let verdict = (answer.main)();
    // With `--nocapture` an author reads what a learner would.
    println!("{}\n{verdict}\n", answer.path);
    verdict
}

fn of(kind: Kind) -> impl Iterator<Item = &'static Answer> {
    ANSWERS.iter().filter(move |answer| answer.kind == kind)
}

/// `ch01_0_it_works_2` of a path.
fn stem(path: &str) -> &str {
    Path::new(path).file_stem().unwrap().to_str().unwrap()
}

#[test]
fn every_exercise_fails_as_it_is_given_out_with_a_sentence_and_a_way_on() {
    for answer in of(Kind::Shipped) {
        let verdict = run(answer);
        let text = verdict.to_string();
        if answer.path.contains("ch01_0") {
            assert!(verdict.is_passed(), "exercise 0 passes as it is: {text}");
            continue;
        }
        let wrong = verdict.wrong().unwrap_or_else(|| panic!("{} passes unsolved", answer.path));
        assert!(!wrong.expected.is_empty() && !wrong.happened.is_empty(), "{text}");
        let name = stem(answer.path);
        assert_eq!(verdict.name(), name);
        assert!(text.contains(&format!("cargo learn hint {name}")), "{text}");
        let show = format!("cargo learn show {name}");
        assert_eq!(text.contains(&show), wrong.step.is_some(), "{text}");
    }
}

#[test]
fn every_solution_passes() {
    for answer in of(Kind::Solution) {
        let verdict = run(answer);
        assert!(verdict.is_passed(), "{}: {verdict}", answer.path);
    }
}

#[test]
fn every_common_wrong_answer_fails_and_gets_its_own_hint() {
    for answer in of(Kind::Wrong) {
        let verdict = run(answer);
        let (name, number) = stem(answer.path).rsplit_once('_').unwrap();
        let known = &About::read(name).unwrap().wrong[number.parse::<usize>().unwrap() - 1];
        let wrong = verdict.wrong().unwrap_or_else(|| panic!("{} passes", answer.path));
        assert_eq!(wrong.symptom, Some(known.symptom.as_str()), "{}: {verdict}", answer.path);
        assert!(verdict.to_string().contains(known.hint.trim()), "{}: {verdict}", answer.path);
    }
}

#[test]
fn a_failure_that_a_step_shows_names_it_and_the_trace_has_it() {
    let shipped = of(Kind::Shipped).find(|answer| answer.path.contains("two_seconds")).unwrap();
    let verdict = run(shipped);
    let step = verdict.wrong().unwrap().step.unwrap();
    let text = verdict.to_string();
    assert!(text.contains(&format!("cargo learn show ch01_2_two_seconds {step}")), "{text}");
    for extension in ["json", "html"] {
        assert!(traces().join(format!("ch01_2_two_seconds.{extension}")).is_file());
    }
}

#[test]
fn every_exercise_has_three_hints_reasons_and_a_common_wrong_answer() {
    for about in About::all(&folder()).unwrap() {
        let texts = about.hints.iter().chain([&about.reasons, &about.title]);
        assert!(texts.into_iter().all(|text| text.trim().len() > 3), "{}", about.name);
        let all: BTreeSet<&String> = about.hints.iter().collect();
        assert_eq!(all.len(), 3, "{}: each hint says more", about.name);
        assert!(!about.wrong.is_empty(), "{}", about.name);
        assert!((5..=20).contains(&about.minutes), "{}", about.name);
        assert!(about.name.starts_with(&format!("ch{:02}_", about.chapter)), "{}", about.name);
    }
}

#[test]
fn each_chapter_up_to_8_has_two_exercises_or_more() {
    let all = About::all(&folder()).unwrap();
    for chapter in 1..=8 {
        assert!(all.iter().filter(|it| it.chapter == chapter).count() >= 2, "chapter {chapter}");
    }
}

#[test]
fn no_answer_is_forgotten_and_no_file_is_astray() {
    let names: BTreeSet<String> =
        About::all(&folder()).unwrap().into_iter().map(|it| it.name).collect();
    let mut listed: BTreeSet<String> = BTreeSet::new();
    for answer in ANSWERS {
        assert!(listed.insert(answer.path.trim_start_matches("../../").to_owned()));
    }
    let mut found = BTreeSet::new();
    for part in ["shipped", "solutions", "wrong"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            found.insert(format!("{part}/{name}"));
        }
    }
    assert_eq!(listed, found);
    for name in &names {
        for part in ["shipped", "solutions"] {
            assert!(found.contains(&format!("{part}/{name}.rs")), "{part}/{name}.rs");
        }
        assert!(folder().join(format!("examples/{name}.rs")).is_file(), "examples/{name}.rs");
        let wrong = About::read(name).unwrap().wrong.len();
        for number in 1..=wrong + 1 {
            let kept = found.contains(&format!("wrong/{name}_{number}.rs"));
            assert_eq!(kept, number <= wrong, "wrong/{name}_{number}.rs");
        }
    }
    let examples = std::fs::read_dir(folder().join("examples")).unwrap().count();
    assert_eq!((examples, listed.len()), (names.len(), names.len() * 2 + of(Kind::Wrong).count()));
}

#[test]
fn a_task_that_really_blocks_is_named() {
    traces_elsewhere();
    let verdict = check("blocks", |lab| {
        let (_kept, never) = mpsc::channel::<()>();
        lab.run(async move {
            let blocks = TaskBuilder::new().name("stubborn").spawn(async move { never.recv() });
            blocks.await.unwrap().unwrap();
        })?;
        Ok(())
    });
    let wrong = verdict.wrong().expect("it blocks");
    assert!(wrong.happened.contains("task stubborn has had it"), "{wrong}");
}

#[test]
fn a_run_that_never_ends_is_stopped() {
    traces_elsewhere();
    let verdict = check("endless", |lab| {
        lab.run(async {
            loop {
                yield_now().await;
            }
        })?;
        Ok(())
    });
    assert_eq!(verdict.wrong().unwrap().symptom, Some("endless"));
}

#[test]
fn a_task_that_makes_news_without_end_is_stopped_in_that_very_turn() {
    traces_elsewhere();
    let verdict = check("news", |lab| {
        lab.run(async {
            // Each line is an event: this one is never silent, and never lets go.
            loop {
                roundelay_exercises::say("again");
            }
        })
        .map(drop)
    });
    let said = verdict.to_string();
    assert!(said.contains("task main still does not let go"), "{said}");
    assert_eq!(verdict.wrong().unwrap().symptom, Some("endless"));
}

#[test]
fn who_waits_for_nobody_is_named_whether_or_not_a_waker_is_kept() {
    traces_elsewhere();
    let verdict = check("stuck", |lab| {
        lab.run(async {
            TaskBuilder::new().name("forgotten").spawn(pending::<()>()).await.unwrap();
        })?;
        Ok(())
    });
    let wrong = verdict.wrong().unwrap();
    assert_eq!(wrong.symptom, Some("stuck"));
    assert!(wrong.happened.contains("`forgotten`"), "{wrong}");
    let verdict = check("stuck_with_waker", |lab| {
        let kept = std::cell::RefCell::new(None);
        lab.run(std::future::poll_fn(|cx| {
            *kept.borrow_mut() = Some(cx.waker().clone());
            std::task::Poll::<()>::Pending
        }))?;
        Ok(())
    });
    let wrong = verdict.wrong().unwrap();
    assert_eq!(wrong.symptom, Some("stuck"));
    assert!(wrong.happened.contains("`main`"), "{wrong}");
}

#[test]
fn a_panic_is_a_sentence_with_its_place() {
    traces_elsewhere();
    let verdict = check("panics", |lab| {
        lab.run(async {
            say("before");
            let task = spawn(async { panic!("there is no seven") });
            let _: Result<(), _> = task.await;
        })?;
        Ok(())
    });
    let wrong = verdict.wrong().unwrap();
    assert!(wrong.happened.contains("there is no seven"), "{wrong}");
    assert!(wrong.happened.contains("main.rs:"), "{wrong}");
    assert!(wrong.step.is_some());
}

#[test]
fn a_panic_inside_the_standard_library_is_told_with_the_learners_line() {
    let late = of(Kind::Wrong).find(|answer| answer.path.contains("ch07_2_how_long_2")).unwrap();
    let verdict = run(late);
    let happened = &verdict.wrong().unwrap().happened;
    assert!(happened.contains("wrong/ch07_2_how_long_2.rs:"), "{happened}");
}
