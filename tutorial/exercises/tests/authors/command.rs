//! What `cargo learn` promises. The learner's own files are not touched: these are copies.

use std::fs;
use std::path::PathBuf;

use roundelay_exercises::about::{About, folder};
use roundelay_exercises::learn::choice::{choose, next};
use roundelay_exercises::learn::progress::Progress;
use roundelay_exercises::learn::work::{self, Outcome};
use roundelay_exercises::verdict::Note;

/// Copies of three exercises, in a folder of this test.
fn home(test: &str) -> PathBuf {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("learn").join(test);
    let _ = fs::remove_dir_all(&home);
    for name in ["ch01_0_it_works", "ch01_1_end_times", "ch02_1_order"] {
        for (part, from, extension) in [
            ("about", "about", "toml"),
            ("shipped", "shipped", "rs"),
            ("examples", "shipped", "rs"),
            ("solutions", "solutions", "rs"),
        ] {
            fs::create_dir_all(home.join(part)).unwrap();
            let file = format!("{name}.{extension}");
            fs::copy(folder().join(from).join(&file), home.join(part).join(&file)).unwrap();
        }
    }
    home
}

fn at(home: &PathBuf) -> (Vec<About>, Progress) {
    (About::all(home).unwrap(), Progress::read(&home.join("progress")).unwrap())
}

#[test]
fn the_next_exercise_is_the_first_that_has_not_passed() {
    let home = home("next");
    let (all, mut progress) = at(&home);
    assert_eq!(next(&all, &progress).unwrap().name, "ch01_0_it_works");
    let (said, passed) = work::checked(&all, &all[0], &mut progress, Outcome::Passed).unwrap();
    assert!(passed && said.contains("next: ch01_1_end_times"), "{said}");
    let (_, passed) = work::checked(&all, &all[1], &mut progress, Outcome::NotYet).unwrap();
    assert!(!passed);
    // Another process knows it, too.
    let (all, progress) = at(&home);
    assert_eq!(next(&all, &progress).unwrap().name, "ch01_1_end_times");
    assert!(work::where_am_i(&all, &progress).starts_with("1 of 3 exercises have passed"));
}

#[test]
fn what_has_passed_once_stays_passed() {
    let (all, mut progress) = at(&home("stays"));
    work::checked(&all, &all[0], &mut progress, Outcome::Passed).unwrap();
    work::checked(&all, &all[0], &mut progress, Outcome::NotYet).unwrap();
    assert!(progress.of(&all[0].name).passed);
}

#[test]
fn what_two_commands_do_at_the_same_time_is_both_remembered() {
    let home = home("both");
    let (all, mut one) = at(&home);
    let (_, mut other) = at(&home);
    work::checked(&all, &all[0], &mut one, Outcome::Passed).unwrap();
    work::hint(&all[1], &mut other).unwrap();
    work::checked(&all, &all[2], &mut one, Outcome::Passed).unwrap();
    for progress in [one, at(&home).1] {
        let passed = all.iter().map(|about| progress.of(&about.name).passed).collect::<Vec<_>>();
        assert_eq!((passed, progress.of(&all[1].name).hints), (vec![true, false, true], 1));
    }
}

#[test]
fn an_exercise_that_does_not_compile_is_told_so() {
    let (all, mut progress) = at(&home("compile"));
    let (said, passed) = work::checked(&all, &all[1], &mut progress, Outcome::NotRun).unwrap();
    assert!(!passed && said.contains("If the compiler complains"), "{said}");
}

#[test]
fn a_part_of_a_name_is_enough_and_an_unclear_one_is_told() {
    let (all, progress) = at(&home("names"));
    let name = |part| choose(&all, &progress, Some(part)).map(|about| about.name.clone());
    assert_eq!(name("order").unwrap(), "ch02_1_order");
    assert_eq!(name("ch01_1_end_times.rs").unwrap(), "ch01_1_end_times");
    assert!(name("ch01").unwrap_err().contains("ch01_0_it_works, ch01_1_end_times"));
    assert!(name("ch99").unwrap_err().contains("cargo learn list"));
}

#[test]
fn each_call_gives_one_more_hint_until_there_are_no_more() {
    let home = home("hints");
    let (all, mut progress) = at(&home);
    for given in [1, 2, 3, 3] {
        let said = work::hint(&all[1], &mut progress).unwrap();
        let lines = all[1].hints.iter().filter(|hint| said.contains(hint.as_str())).count();
        assert_eq!(lines, given, "{said}");
    }
    assert_eq!(at(&home).1.of(&all[1].name).hints, 3);
}

#[test]
fn reset_brings_the_file_back_and_keeps_what_was_written() {
    let (all, progress) = at(&home("reset"));
    let about = &all[1];
    assert!(work::reset(about, &progress).unwrap().contains("nothing was changed"));
    for round in 1..=2 {
        fs::write(about.file(), format!("my work {round}")).unwrap();
        let said = work::reset(about, &progress).unwrap();
        assert!(said.contains("what you wrote is kept in"), "{said}");
        let shipped = fs::read_to_string(about.shipped()).unwrap();
        assert_eq!(fs::read_to_string(about.file()).unwrap(), shipped);
        let copy = progress.folder().join(format!("copies/ch01_1_end_times_{round}.rs"));
        assert_eq!(fs::read_to_string(copy).unwrap(), format!("my work {round}"));
    }
    fs::remove_file(about.file()).unwrap();
    assert!(work::reset(about, &progress).unwrap().contains("was missing"));
    assert!(about.file().is_file());
}

#[test]
fn the_solution_is_shown_after_a_pass_and_not_before() {
    let (all, mut progress) = at(&home("solution"));
    assert!(work::solution(&all[1], &progress).unwrap_err().contains("has not passed yet"));
    work::checked(&all, &all[1], &mut progress, Outcome::Passed).unwrap();
    let said = work::solution(&all[1], &progress).unwrap();
    let solution = fs::read_to_string(all[1].solution()).unwrap();
    assert!(said.starts_with(&solution) && said.contains("In part 2"), "{said}");
}

#[test]
fn the_report_is_json_with_what_passed_and_how_many_hints_it_took() {
    let (all, mut progress) = at(&home("report"));
    work::hint(&all[0], &mut progress).unwrap();
    work::checked(&all, &all[0], &mut progress, Outcome::Passed).unwrap();
    let report: serde_json::Value = serde_json::from_str(&progress.report(&all)).unwrap();
    assert_eq!((&report["passed"], &report["all"]), (&1.into(), &3.into()));
    let first = &report["exercises"][0];
    assert_eq!((&first["passed"], &first["hints"]), (&true.into(), &1.into()));
}

#[test]
fn progress_that_cannot_be_understood_is_a_sentence_and_not_lost() {
    let home = home("damaged");
    fs::create_dir_all(home.join("progress")).unwrap();
    fs::write(home.join("progress/progress.json"), "{").unwrap();
    let error = Progress::read(&home.join("progress")).unwrap_err();
    assert!(error.contains("delete it to begin anew"), "{error}");
}

#[test]
fn an_exit_status_is_no_verdict_and_what_the_check_noted_is() {
    let file = home("note").join("verdict");
    let note = || Note::read("ch01_0_it_works", &file);
    assert_eq!(Outcome::of(Some(0), note()), Outcome::NoCheck);
    assert_eq!(Outcome::of(Some(101), note()), Outcome::NotRun);
    Note::Begun.write("ch01_0_it_works", &file);
    assert_eq!(Outcome::of(Some(0), note()), Outcome::BrokenOff);
    assert_eq!(Outcome::of(None, note()), Outcome::BrokenOff);
    Note::NotYet.write("ch01_0_it_works", &file);
    assert_eq!(Outcome::of(Some(1), note()), Outcome::NotYet);
    Note::Passed.write("ch01_0_it_works", &file);
    assert_eq!(Outcome::of(Some(0), note()), Outcome::Passed);
    // Of another exercise.
    assert_eq!(Note::read("ch02_1_order", &file), None);
}

#[test]
fn a_program_that_ends_without_its_check_is_told_and_has_not_passed() {
    let (all, mut progress) = at(&home("exit"));
    for (outcome, says) in
        [(Outcome::BrokenOff, "Something ended"), (Outcome::NoCheck, "before its check began")]
    {
        let (said, passed) = work::checked(&all, &all[0], &mut progress, outcome).unwrap();
        assert!(!passed && said.contains(says), "{said}");
        assert!(!said.contains("If the compiler complains"), "{said}");
    }
    assert!(!progress.of(&all[0].name).passed);
}

#[test]
fn an_exercise_whose_file_is_missing_is_told_how_it_comes_back() {
    let (all, progress) = at(&home("missing"));
    fs::remove_file(all[0].file()).unwrap();
    let told = work::run(&all[0], &progress).unwrap_err();
    assert!(told.contains("is missing; `cargo learn reset ch01_0_it_works`"), "{told}");
}

#[test]
fn there_are_as_many_steps_of_the_build_path_as_the_command_takes() {
    let steps = folder().join("../build/steps");
    assert_eq!(fs::read_dir(steps).unwrap().count() as i64, work::LAST_STEP);
}
