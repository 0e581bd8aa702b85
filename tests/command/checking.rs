//! Checking a manifest.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::odd_tree::{OddTree, sha256sum};
use crate::{manifest, roundelay, status, told};

#[test]
fn a_tree_that_has_not_changed_is_as_its_manifest_says() {
    let tree = OddTree::new(50, 100_000, 1);
    manifest(tree.path(), ["--output", "M"]);
    let checked = manifest(tree.path(), ["--check", "M"]);
    assert_eq!((status(&checked), told(&checked)), (0, vec![]));
    if let Some(real) = sha256sum(tree.path(), &["--check".as_ref(), "M".as_ref()], b"") {
        assert_eq!(checked.stdout, real.stdout);
    }
    let quiet = manifest(tree.path(), ["--check", "M", "--quiet"]);
    assert_eq!((status(&quiet), quiet.stdout.len()), (0, 0));
}

#[test]
fn changes_and_losses_are_reported_as_sha256sum_reports_them() {
    let tree = OddTree::new(10, 1000, 2);
    manifest(tree.path(), ["--output", "M", "plain", "names"]);
    fs::write(tree.path().join("plain/03/file-00003"), "changed").unwrap();
    fs::remove_file(tree.path().join("plain/04/file-00004")).unwrap();
    let checked = manifest(tree.path(), ["--check", "M"]);
    assert_eq!(status(&checked), 1);
    assert_eq!(
        told(&checked),
        [
            "roundelay: plain/04/file-00004: cannot open it: No such file or directory",
            "roundelay: WARNING: 1 listed file could not be read",
            "roundelay: WARNING: 1 computed checksum did NOT match",
        ]
    );
    if let Some(real) = sha256sum(tree.path(), &["--check".as_ref(), "M".as_ref()], b"") {
        assert_eq!(checked.stdout, real.stdout);
    }
}

#[test]
fn a_listed_fifo_or_device_fails_and_nobody_waits() {
    let tree = OddTree::new(1, 1, 3);
    let list = format!("{0}  special/fifo\n{0}  /dev/zero\n{0}  links\n", "0".repeat(64));
    fs::write(tree.path().join("M"), list).unwrap();
    let checked = manifest(tree.path(), ["--check", "M"]);
    assert_eq!(status(&checked), 1);
    let report = String::from_utf8(checked.stdout.clone()).unwrap();
    assert_eq!(report.matches(": FAILED open or read\n").count(), 3);
    assert!(
        told(&checked)[0].ends_with("special/fifo: it is a fifo, which has no content to hash")
    );
}

#[test]
fn a_manifest_can_come_from_standard_input_and_name_it_when_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    fs::write(dir.path().join("x"), "").unwrap();
    fs::write(dir.path().join("M"), format!("{empty}  -\n")).unwrap();
    let mut child = roundelay(dir.path())
        .args(["manifest", "--check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{empty}  x\n").as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"x: OK\n");
    // Standard input is /dev/null here: empty.
    assert_eq!(manifest(dir.path(), ["--check", "M"]).stdout, b"-: OK\n");
}

#[test]
fn a_manifest_that_is_none_fails() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("M"), "not a manifest\n").unwrap();
    let checked = manifest(dir.path(), ["--check", "M"]);
    assert_eq!(status(&checked), 1);
    assert_eq!(told(&checked), ["roundelay: M: no properly formatted checksum lines found"]);
    let missing = manifest(dir.path(), ["--check", "none"]);
    assert_eq!(status(&missing), 1);
    assert_eq!(told(&missing), ["roundelay: none: No such file or directory"]);
    assert_eq!(status(&manifest(dir.path(), ["--check", "."])), 1);
}
