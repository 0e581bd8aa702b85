//! The check against the real `sha256sum`, where it is installed, and against what it is known to
//! say.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::odd_tree;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Checks `manifest` against the files of `dir`: the report, the warnings, the success.
fn check(dir: &Path, manifest: &[u8]) -> (Vec<u8>, Vec<String>, bool) {
    let (mut report, mut tally) = (Vec::new(), Tally::default());
    for listed in Checklist::new(manifest, true) {
        match listed.unwrap() {
            Listed::Bad(_) => tally.bad_lines += 1,
            Listed::File { name, digest } => {
                let found = std::fs::read(dir.join(&name))
                    .map(|bytes| Digest(Sha256::digest(bytes).into()));
                let verdict = Verdict::of(&digest, &found);
                tally.count(verdict);
                report.extend(verdict.report(&name, false).unwrap());
            }
        }
    }
    (report, tally.warnings("standard input".as_ref()), tally.succeeded())
}

/// Compares with coreutils: the report byte for byte, the warnings word for word, the exit status.
fn agrees_with_coreutils(dir: &Path, manifest: &[u8]) {
    let (report, warnings, succeeded) = check(dir, manifest);
    let Some(real) = odd_tree::sha256sum(dir, &["--check".as_ref()], manifest) else { return };
    let shown = String::from_utf8_lossy(manifest);
    assert_eq!(
        report.escape_ascii().to_string(),
        real.stdout.escape_ascii().to_string(),
        "{shown}"
    );
    assert_eq!(succeeded, real.status.success(), "{shown}");
    let told = String::from_utf8_lossy(&real.stderr);
    for warning in &warnings {
        let warning = warning.replace("standard input", "input").replace('\'', "");
        assert!(
            told.replace("'standard input'", "input").contains(&warning),
            "{warning} in {told}"
        );
    }
    assert_eq!(
        warnings.len(),
        told.matches("WARNING").count().max(usize::from(told.contains("no properly")))
    );
}

#[test]
fn every_kind_of_line_is_judged_as_coreutils_does() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["a", "b c", "-dash", "*star", "back\\slash", "two\nlines", "cr\r", "p(q)", "nl\n\\\r"]
    {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    std::fs::create_dir(dir.path().join("directory")).unwrap();
    for manifest in [
        "@  a\n@ *a\n@  b c\n",
        "@  a",
        "@  a\r\n",
        "@  -dash\n@  *star\n@ **star\n",
        "\\@  two\\nlines\n\\@  back\\\\slash\n@  back\\slash\n\\@  cr\\r\n\\@  nl\\n\\\\\\r\n",
        "SHA256 (a) = @\nSHA256(a)=@\nSHA256 (p(q)) = @\n\\SHA256 (two\\nlines) = @\nSHA256 (a) = @ \n",
        "@ a\n@  a\n@ b c\n",
        "@  a\n@ a\n",
        "@  none\n@  directory\n@  a\n",
        "0@  a\n",
        "junk\n\n# comment\n@  a\n",
        "junk\nmore junk\n",
        "",
        "#\n\n\r\n",
        "@  -\n@  a\n",
        "@\n@ \n@  \n",
        " \t@  a\n\t\\@  two\\nlines\n",
        "\\@  bad\\escape\n\\@  trailing\\\n@  a\n",
        "SHA256 () = @\n",
        "SHA256\nSHA256 (\nSHA256 )\n@  a\n",
    ] {
        agrees_with_coreutils(dir.path(), manifest.replace('@', EMPTY).as_bytes());
        let wrong = EMPTY.replace('e', "f");
        agrees_with_coreutils(
            dir.path(),
            manifest.replacen('@', &wrong, 1).replace('@', EMPTY).as_bytes(),
        );
        let uppercase = EMPTY.to_uppercase();
        agrees_with_coreutils(dir.path(), manifest.replace('@', &uppercase).as_bytes());
    }
}

#[test]
fn a_manifest_of_all_odd_names_is_written_as_coreutils_writes_it_and_checked_as_it_checks() {
    let tree = odd_tree::OddTree::new(20, 10_000, 1);
    let mut manifest = Vec::new();
    for name in &tree.readable {
        let digest = Digest(Sha256::digest(std::fs::read(tree.path().join(name)).unwrap()).into());
        line::write(&mut manifest, &digest, name.as_os_str()).unwrap();
    }
    let mut args = vec![OsStr::new("--")];
    args.extend(tree.readable.iter().map(|name| name.as_os_str()));
    if let Some(real) = odd_tree::sha256sum(tree.path(), &args, b"") {
        assert_eq!(manifest.escape_ascii().to_string(), real.stdout.escape_ascii().to_string());
    }
    args.insert(0, OsStr::new("--tag"));
    if let Some(tagged) = odd_tree::sha256sum(tree.path(), &args, b"") {
        agrees_with_coreutils(tree.path(), &tagged.stdout);
    }
    agrees_with_coreutils(tree.path(), &manifest);
    let (_, warnings, succeeded) = check(tree.path(), &manifest);
    assert!(succeeded && warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_quiet_report_has_failures_only() {
    assert_eq!(Verdict::Ok.report("a".as_ref(), true), None);
    assert_eq!(Verdict::Differs.report("a".as_ref(), true).unwrap(), b"a: FAILED\n");
    assert_eq!(
        Verdict::Unreadable.report("a".as_ref(), true).unwrap(),
        b"a: FAILED open or read\n"
    );
}

#[test]
fn a_bad_line_is_known_by_its_number_and_fails_nothing() {
    let manifest = format!("# one\njunk\n{EMPTY}  a\n");
    let listed: Vec<_> = Checklist::new(manifest.as_bytes(), false).map(Result::unwrap).collect();
    assert_eq!(listed[0], Listed::Bad(2));
    let tally = Tally { ok: 1, bad_lines: 1, ..Tally::default() };
    assert!(tally.succeeded());
    assert_eq!(tally.warnings("m".as_ref()), ["WARNING: 1 line is improperly formatted"]);
}

#[test]
fn an_endless_line_is_one_bad_line_and_what_follows_is_read() {
    let endless = vec![b'x'; 3 * LONGEST_LINE];
    let manifest = [&endless[..], b"\n", EMPTY.as_bytes(), b"  a\n"].concat();
    let listed: Vec<_> = Checklist::new(&manifest[..], false).map(Result::unwrap).collect();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], Listed::Bad(1));
    assert!(matches!(&listed[1], Listed::File { name, .. } if name == "a"));
}

#[test]
fn standard_input_may_be_listed_unless_the_manifest_comes_from_there() {
    let manifest = format!("{EMPTY}  -\n");
    let first = |is_stdin| Checklist::new(manifest.as_bytes(), is_stdin).next().unwrap().unwrap();
    assert_eq!(first(true), Listed::Bad(1));
    assert!(matches!(first(false), Listed::File { name, .. } if name == "-"));
}
