//! Traces: `roundelay inspect` shows what the tour records, and any program records itself if it is
//! asked to. (That a recording is the same in every run is shown in `tests/golden/all.rs`.)

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::{roundelay, status, told};

#[test]
fn a_recorded_tour_can_be_inspected_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    assert_eq!(status(&run(&["tour", "--trace", "runs"])), 0);
    let (one, two) = ("runs/1-three-waits-in-a-row.json", "runs/2-three-waits-together.json");
    for (form, begins) in [
        ("html", "<!DOCTYPE html>"),
        ("text", "    0    0         0 s  run.begin     The run begins."),
        ("svg", "<svg "),
        ("csv", "n,t,turn,event,cause,details,sentence"),
        ("chrome", "{\"displayTimeUnit\""),
        ("json", "{\"format\":\"roundelay-trace\",\"version\":1,"),
    ] {
        let shown = run(&["inspect", one, "--to", form]);
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.starts_with(begins), "{form}: {}", &text[..100]);
        assert_eq!(shown.status.code(), Some(0));
    }
    assert!(folder.path().join("runs/7-a-job-in-another-process.html").exists());
    let checked = run(&["inspect", one, "--check"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("nothing in them that cannot be"));
    let same = run(&["inspect", one, "--compare", one]);
    assert_eq!((status(&same), same.stdout.as_slice()), (0, &b"The runs do the same.\n"[..]));
    let differ = run(&["inspect", one, "--compare", two]);
    assert_eq!(status(&differ), 1);
    assert!(String::from_utf8_lossy(&differ.stdout).starts_with("The runs part at step "));
    assert_eq!(status(&run(&["inspect", one, "--to", "svg", "--at", "9", "-o", "nine.svg"])), 0);
    assert!(folder.path().join("nine.svg").exists());
    let beyond = run(&["inspect", one, "--to", "svg", "--at", "9999"]);
    assert_eq!(status(&beyond), 1);
    assert!(told(&beyond)[0].starts_with("roundelay: there is no step 9999: the last one is "));
    assert_eq!(status(&run(&["inspect", one, "--at", "9"])), 1);
}

#[test]
fn a_trace_is_stepped_through_by_lines_of_input() {
    let folder = tempfile::tempdir().unwrap();
    let runs = roundelay(folder.path()).args(["tour", "--trace", "."]).output().unwrap();
    assert_eq!(status(&runs), 0);
    let mut stepper = roundelay(folder.path())
        .args(["inspect", "3-callbacks.json", "--step"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    stepper.stdin.take().unwrap().write_all(b"o\nw\nq\n").unwrap();
    let told = String::from_utf8(stepper.wait_with_output().unwrap().stdout).unwrap();
    assert!(told.contains("The program prints: "), "{told}");
    assert!(told.contains("because     0  The run begins."), "{told}");
}

#[test]
fn what_is_no_trace_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("no.json"), "{}").unwrap();
    let no_trace = roundelay(folder.path()).args(["inspect", "no.json"]).output().unwrap();
    assert_eq!(status(&no_trace), 1);
    assert!(told(&no_trace)[0].starts_with("roundelay: no.json: this is no trace of version 1"));
    let missing = roundelay(folder.path()).args(["inspect", "none.json"]).output().unwrap();
    assert!(told(&missing)[0].starts_with("roundelay: none.json: No such file"));
}

#[test]
fn a_manifest_is_recorded_and_a_trace_that_cannot_be_written_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    assert_eq!(status(&run(&["manifest", "a", "--trace", "run.json"])), 0);
    assert_eq!(status(&run(&["inspect", "run.json", "--check"])), 0);
    let unwritten = run(&["manifest", "a", "--trace", "none/run.html"]);
    assert_eq!((status(&unwritten), unwritten.stdout.as_slice()), (1, &b""[..]));
    assert!(told(&unwritten)[0].contains("the trace cannot be written to none/run.html"));
    assert!(told(&unwritten)[0].contains("nothing was read yet"), "{:?}", told(&unwritten));
    let unknown = run(&["manifest", "a", "--trace", "run.film"]);
    assert_eq!((status(&unknown), unknown.stdout.as_slice()), (2, &b""[..]));
    assert!(told(&unknown)[0].contains(".html, .json, .txt"), "{:?}", told(&unknown));
    // What fails only at the end is a failure, too.
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    std::os::unix::fs::symlink("/dev/full", folder.path().join("full.html")).unwrap();
    let full = run(&["manifest", "a", "--trace", "full.html"]);
    assert_eq!(status(&full), 1);
    assert!(full.stdout.ends_with(b"  a\n"));
}

#[test]
fn the_file_of_a_trace_is_left_out_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    for _ in 0..2 {
        let made = run(&["manifest", ".", "--trace", "run.json"]);
        let names = String::from_utf8(made.stdout).unwrap();
        assert_eq!(names.lines().map(|line| &line[66..]).collect::<Vec<_>>(), ["a"]);
    }
}

#[test]
fn nobody_writes_over_what_is_being_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    let made = run(&["manifest", "a", "-o", "./a"]);
    assert_eq!(status(&made), 2);
    assert!(told(&made)[0].contains("is also the FILE of --output"), "{:?}", told(&made));
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"a");
    assert_eq!(status(&run(&["manifest", "a", "--trace", "run.json"])), 0);
    let before = fs::read(folder.path().join("run.json")).unwrap();
    let shown = run(&["inspect", "run.json", "--to", "html", "-o", "./run.json"]);
    assert_eq!(status(&shown), 1);
    assert!(told(&shown)[0].contains("is the trace that is read"), "{:?}", told(&shown));
    assert_eq!(fs::read(folder.path().join("run.json")).unwrap(), before);
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    assert_eq!(status(&run(&["manifest", "a", "--trace", "run.json"])), 0);
    for (args, expected) in [
        (&["--check", "--to", "html"][..], 2),
        (&["--check", "--at", "3"], 2),
        (&["--compare", "run.json", "--at", "3"], 2),
        (&["--step", "--to", "svg"], 2),
        (&["--time", "steps"], 1),
        (&["--to", "svg", "--time", "steps"], 1),
        (&["--to", "chrome", "--time", "steps"], 0),
    ] {
        let ran = run(&[&["inspect", "run.json"], args].concat());
        assert_eq!(status(&ran), expected, "{args:?}: {:?}", told(&ran));
    }
}

#[test]
fn a_tour_names_the_folder_that_takes_no_traces_and_the_page_to_open() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    let refused = run(&["tour", "--trace", "file"]);
    assert!(
        told(&refused)[0].contains("no trace can be written to file: "),
        "{:?}",
        told(&refused)
    );
    let toured = String::from_utf8(run(&["tour", "--trace", "runs"]).stdout).unwrap();
    assert!(toured.ends_with(
        "Recorded. Open runs/1-three-waits-in-a-row.html and the others in a browser.\n"
    ));
    // The tour and its traces count timers alike.
    assert!(toured.contains("timer 1 is set for 10 ms") || toured.contains("timer 1 is set for"));
    assert!(!toured.contains("timer 0"), "{toured}");
}

#[test]
fn any_program_is_recorded_if_its_environment_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = |path: &str| {
        let mut command = roundelay(folder.path());
        command.env("ROUNDELAY_TRACE", path).arg("tour").output().unwrap()
    };
    let toured = run("run.json");
    assert_eq!((status(&toured), told(&toured).len()), (0, 0));
    for name in ["run.json", "run-2.json", "run-7.json"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    let unknown = told(&run("run.film"));
    assert_eq!(unknown.len(), 1);
    assert!(
        unknown[0].contains("no trace will be written to run.film: a trace is written as .html")
    );
    let nowhere = run("none/run.html");
    assert_eq!(status(&nowhere), 0);
    assert!(told(&nowhere)[0].contains("the trace could not be written to none/run.html"));
}
