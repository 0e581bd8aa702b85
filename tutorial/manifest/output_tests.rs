//! What an output promises: the old file or the whole new one, nothing left behind, and the right
//! refusals.

use std::os::unix::fs::{FileTypeExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::manifest::walk::{Entry, Walk, WalkOptions};
use crate::odd_tree;

fn names_in(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn write_to(path: &Path, text: &str) -> Result<(), OutputError> {
    let mut output = Output::file(path, Format::Text, &Leftovers::default())?;
    output.write_bytes(text.as_bytes())?;
    output.finish()
}

#[test]
fn the_file_is_the_old_one_until_the_new_one_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    fs::write(&path, "old").unwrap();
    let mut output = Output::file(&path, Format::Text, &Leftovers::default()).unwrap();
    output.write_bytes(b"new").unwrap();
    output.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    output.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names_in(&dir), ["out"]);
}

#[test]
fn an_output_that_is_dropped_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut output =
        Output::file(&dir.path().join("out"), Format::Text, &Leftovers::default()).unwrap();
    output.write_bytes(&[b'x'; 3 * BUFFER]).unwrap();
    assert_eq!(names_in(&dir).len(), 1);
    drop(output);
    assert!(names_in(&dir).is_empty());
}

#[test]
fn an_output_that_cannot_be_put_into_place_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let output = Output::file(&path, Format::Text, &Leftovers::default()).unwrap();
    // Somebody made a directory there in the meantime.
    fs::create_dir(&path).unwrap();
    assert!(matches!(output.finish(), Err(OutputError::Publish { .. })));
    assert_eq!(names_in(&dir), ["out"]);
}

#[test]
fn a_directory_is_refused_with_a_word_on_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let error = Output::file(dir.path(), Format::Text, &Leftovers::default()).unwrap_err();
    assert!(error.to_string().ends_with("it is a directory; name a file in it"), "{error}");
}

#[test]
fn a_file_in_a_directory_that_does_not_exist_is_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        Output::file(&dir.path().join("no/out"), Format::Text, &Leftovers::default()).unwrap_err();
    assert!(
        error.to_string().contains("No such file or directory; nothing was read yet"),
        "{error}"
    );
}

#[test]
fn an_existing_file_keeps_its_permissions_and_a_new_one_gets_those_of_any_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new, any) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("any"));
    fs::write(&old, "").unwrap();
    odd_tree::chmod(&old, 0o642);
    write_to(&old, "x").unwrap();
    write_to(&new, "x").unwrap();
    fs::write(&any, "").unwrap();
    assert_eq!((mode_of(&old), mode_of(&new)), (0o642, mode_of(&any)));
}

#[test]
fn a_symbolic_link_stays_and_what_it_leads_to_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::write(&real, "old").unwrap();
    symlink("real", &link).unwrap();
    write_to(&link, "new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"new");
}

#[test]
fn a_link_that_leads_to_nothing_yet_stays_and_its_file_is_made() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("below")).unwrap();
    let (link, next) = (dir.path().join("link"), dir.path().join("below/next"));
    symlink("below/next", &link).unwrap();
    symlink("real", &next).unwrap();
    write_to(&link, "new").unwrap();
    assert!(link.is_symlink() && next.is_symlink());
    assert_eq!(fs::read(dir.path().join("below/real")).unwrap(), b"new");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    write_to(Path::new("/dev/null"), "x").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(
        Output::file(Path::new("/dev/null"), Format::Text, &Leftovers::default())
            .unwrap()
            .own_files()
            .is_empty()
    );
}

#[test]
fn a_full_disk_is_told_as_what_it_is() {
    let error = write_to(Path::new("/dev/full"), "x").unwrap_err();
    let text = "writing the manifest to /dev/full failed: No space left on device; \
                what was written before is incomplete";
    assert_eq!(error.to_string(), text);
}

#[test]
fn its_own_files_are_known_so_that_the_walk_can_pass_them_by() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let output = Output::file(&path, Format::Text, &Leftovers::default()).unwrap();
    let own = output.own_files();
    let (temporary, target) = (&own[0].0, &own[1].0);
    assert_eq!(*target, path);
    assert!(temporary.exists() && temporary.parent() == Some(dir.path()));
    let options = WalkOptions { own, follow: false };
    let mut walk = Walk::new([dir.path()], options);
    let why = Skip::OwnTemporary;
    assert!(matches!(walk.next(), Some(Entry::Skipped { why: found, .. }) if found == why));
    assert!(walk.next().is_none());
    assert!(Skip::OwnOutput.is_unusual() && !why.is_unusual());
}

#[test]
fn a_reader_that_went_away_is_told_from_a_failure() {
    #[derive(Debug)]
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl TestSink for Broken {}
    let mut output = Output::new(Sink::Test(Box::new(Broken)), Format::Text, true);
    assert!(matches!(output.write_bytes(b"x"), Err(OutputError::ReaderGone)));
}
