//! Threads and processes, few and many: always the same bytes.

use std::fs;

use crate::odd_tree::{OddTree, sha256sum};
use crate::{manifest, status, told};

#[test]
fn threads_and_processes_and_any_number_of_jobs_give_the_same_bytes() {
    let tree = OddTree::new(400, 10 << 20, 7);
    for json in [&[][..], &["--json"]] {
        let make = |args: &[&str]| manifest(tree.path(), [json, args].concat());
        let first = make(&["--jobs", "1"]);
        for args in [
            &["--jobs", "2"][..],
            &["--jobs", "7"],
            &["--jobs", "3", "--timeout", "100"],
            &["--pool", "processes", "--jobs", "1"],
            &["--pool", "processes", "--jobs", "3"],
            &["--pool", "processes", "--jobs", "2", "--timeout", "100"],
        ] {
            let made = make(args);
            assert_eq!(status(&made), status(&first), "{args:?}: {:?}", told(&made));
            assert_eq!(told(&made), told(&first), "{args:?}");
            assert!(made.stdout == first.stdout, "{args:?}");
        }
        if json.is_empty()
            && let Some(checked) = sha256sum(tree.path(), &["--check".as_ref()], &first.stdout)
        {
            assert!(checked.status.success());
        }
    }
}

#[test]
fn a_tree_larger_than_the_window_is_complete_and_sorted() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..5000 {
        let sub = dir.path().join((number % 7).to_string());
        fs::create_dir_all(&sub).unwrap();
        fs::write(sub.join(number.to_string()), number.to_string()).unwrap();
    }
    for pool in ["threads", "processes"] {
        let made = manifest(dir.path(), ["--pool", pool]);
        let names = String::from_utf8(made.stdout).unwrap();
        let names: Vec<_> = names.lines().map(|line| &line[66..]).collect();
        assert_eq!(names.len(), 5000);
        assert!(names.is_sorted());
    }
}

#[test]
fn a_check_in_processes_reports_what_one_in_threads_does() {
    let tree = OddTree::new(50, 100_000, 8);
    manifest(tree.path(), ["--output", "M"]);
    fs::write(tree.path().join("plain/03/file-00003"), "changed").unwrap();
    fs::remove_file(tree.path().join("plain/04/file-00004")).unwrap();
    // Standard input is empty here, and only the command itself has it.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let list = fs::read(tree.path().join("M")).unwrap();
    let list = [&list[..], format!("{empty}  -\nbad line\n").as_bytes()].concat();
    fs::write(tree.path().join("M"), list).unwrap();
    let threads = manifest(tree.path(), ["--check", "M"]);
    let processes = manifest(tree.path(), ["--check", "M", "--pool", "processes"]);
    assert_eq!((status(&threads), status(&processes)), (1, 1));
    assert_eq!(told(&threads), told(&processes));
    assert_eq!(
        threads.stdout.escape_ascii().to_string(),
        processes.stdout.escape_ascii().to_string()
    );
    assert!(threads.stdout.ends_with(b"-: OK\n"));
}
