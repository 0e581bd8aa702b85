//! Making a manifest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::odd_tree::{OddTree, sha256sum};
use crate::{manifest, roundelay, status, told};

const NOTHING: [&str; 0] = [];

/// The status that a tree should give: its closed files fail where permissions bind.
fn expected_status(tree: &OddTree) -> i32 {
    i32::from(!tree.closed.is_empty())
}

#[test]
fn sha256sum_accepts_the_manifest_of_two_thousand_files_with_odd_names() {
    let tree = OddTree::new(2000, 2 << 20, 1);
    let made = manifest(tree.path(), NOTHING);
    assert_eq!(status(&made), expected_status(&tree), "{:?}", told(&made));
    let Some(checked) =
        sha256sum(tree.path(), &["--check".as_ref(), "--strict".as_ref()], &made.stdout)
    else {
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // A line break in a name is escaped in the report too, so lines can be counted.
    assert_eq!(checked.stdout.iter().filter(|&&byte| byte == b'\n').count(), tree.readable.len());
}

#[test]
fn the_lines_are_those_of_sha256sum_for_the_sorted_names() {
    let tree = OddTree::new(50, 100_000, 2);
    let made = manifest(tree.path(), NOTHING);
    let mut args = vec!["--".as_ref()];
    args.extend(tree.readable.iter().map(|name| name.as_os_str()));
    if let Some(real) = sha256sum(tree.path(), &args, b"") {
        assert_eq!(made.stdout.escape_ascii().to_string(), real.stdout.escape_ascii().to_string());
    }
}

#[test]
fn a_file_given_in_many_ways_is_listed_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a/x"), "").unwrap();
    let made = manifest(dir.path(), ["a", "./a", "a/x", "a//x", ".", "a/."]);
    let text = String::from_utf8(made.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.ends_with("  a/x\n"));
}

#[test]
fn what_fails_is_named_and_the_rest_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x"), "").unwrap();
    let made = manifest(dir.path(), ["x", "vanished", "also\ngone"]);
    assert_eq!(status(&made), 1);
    assert_eq!(String::from_utf8_lossy(&made.stdout).lines().count(), 1);
    assert_eq!(
        told(&made),
        [
            r#"roundelay: "also\ngone": No such file or directory"#,
            "roundelay: vanished: No such file or directory",
            "roundelay: 1 done, 2 failed, 0 left out",
        ]
    );
    let quiet = manifest(dir.path(), ["--quiet", "x", "vanished"]);
    assert_eq!(told(&quiet), ["roundelay: vanished: No such file or directory"]);
}

#[test]
fn what_is_left_out_is_named_on_request_and_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("x", dir.path().join("link")).unwrap();
    crate::odd_tree::make_fifo(&dir.path().join("fifo"));
    let made = manifest(dir.path(), NOTHING);
    assert_eq!((status(&made), told(&made)), (0, vec![]));
    let verbose = told(&manifest(dir.path(), ["--verbose"]));
    assert_eq!(verbose[0], "roundelay: fifo: left out: it is a fifo");
    assert!(verbose[1].starts_with("roundelay: link: left out: it is a symbolic link"));
}

#[test]
fn a_followed_loop_is_named_and_ends() {
    let tree = OddTree::new(3, 30, 3);
    let made = manifest(tree.path(), ["--follow", "links"]);
    // The parent is followed once, and is not entered again from inside.
    assert!(
        told(&made).iter().any(|line| line.contains("leads back to a directory that contains it"))
    );
    assert!(told(&made).iter().any(|line| line.contains("links/to-nothing: No such file")));
    assert_eq!(status(&made), 1);
}

#[test]
fn the_output_file_does_not_list_itself_and_replaces_an_older_one() {
    let tree = OddTree::new(10, 1000, 4);
    let printed = manifest(tree.path(), NOTHING).stdout;
    for _ in 0..2 {
        let made = manifest(tree.path(), ["--output", "MANIFEST"]);
        assert_eq!((status(&made), made.stdout.len()), (expected_status(&tree), 0));
        assert_eq!(fs::read(tree.path().join("MANIFEST")).unwrap(), printed);
    }
    let names = fs::read_dir(tree.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.as_bytes().starts_with(b".roundelay")));
}

#[test]
fn an_output_that_is_a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let made = manifest(dir.path(), ["--output", "."]);
    assert_eq!(status(&made), 1);
    assert!(told(&made)[0].contains("it is a directory; name a file in it"));
}

#[test]
fn json_tells_everything_line_by_line_and_ends_with_a_summary() {
    let tree = OddTree::new(10, 1000, 5);
    let made = manifest(tree.path(), ["--json"]);
    let lines: Vec<serde_json::Value> =
        made.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let of_type = |kind| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!(of_type("file"), tree.readable.len());
    assert_eq!(of_type("failed"), tree.closed.len());
    let summary = lines.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["files"], tree.readable.len());
    assert_eq!(summary["skipped"], of_type("skipped"));
    assert_eq!(summary["complete"], true);
}

#[test]
fn a_reader_who_has_enough_ends_the_command_quietly() {
    let tree = OddTree::new(2000, 2000, 6);
    let mut child = roundelay(tree.path())
        .arg("manifest")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).unwrap();
    drop(reader);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(status(&ended), 141);
    assert!(!told(&ended).iter().any(|line| line.contains("writing") || line.contains("panicked")));
}
