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
fn a_manifest_is_recorded_and_one_that_cannot_be_is_a_line_and_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let run = |args: &[&str]| roundelay(folder.path()).args(args).output().unwrap();
    assert_eq!(status(&run(&["manifest", "a", "--trace", "run.json"])), 0);
    assert_eq!(status(&run(&["inspect", "run.json", "--check"])), 0);
    let unwritten = run(&["manifest", "a", "--trace", "none/run.html"]);
    assert_eq!(status(&unwritten), 0);
    assert!(told(&unwritten)[0].contains("the trace cannot be written to none/run.html"));
    let unknown = run(&["manifest", "a", "--trace", "run.film"]);
    assert!(told(&unknown)[0].contains(".html, .json, .txt"), "{:?}", told(&unknown));
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
