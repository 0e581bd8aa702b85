//! Wrong arguments, and asking for help.

use std::path::Path;

use crate::{manifest, roundelay, status};

#[test]
fn wrong_arguments_get_the_usage_on_standard_error_and_status_2() {
    for wrong in [&["--jobs", "0"][..], &["--timeout", "nan"], &["--deadline", "-1"], &["--what"]] {
        let output = manifest(Path::new("/"), wrong);
        assert_eq!(status(&output), 2, "{wrong:?}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: roundelay manifest"));
    }
}

#[test]
fn help_goes_to_standard_output_and_is_no_failure() {
    let output = manifest(Path::new("/"), ["--help"]);
    assert_eq!((status(&output), output.stderr.len()), (0, 0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Exit status:"));
    let version = roundelay(Path::new("/")).arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"roundelay 0."));
}
