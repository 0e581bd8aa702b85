//! What the walk promises: order, each file once, bounded memory, and an answer to everything odd.
//!
//! The heart is one property: any small tree, any set of roots, against collecting all paths and
//! sorting.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::odd_tree;

/// Makes a directory with the given files (and directories, if a name ends in a slash).
fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
    dir
}

/// Walks roots given relative to `dir` and tells, entry by entry and relative to `dir`, what was
/// found.
fn story(dir: &TempDir, roots: &[&str], options: WalkOptions) -> Vec<String> {
    let roots = roots.iter().map(|root| dir.path().join(root));
    let tell = |entry: Entry| {
        let name = entry.path().strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
        match entry {
            Entry::File { .. } => name,
            Entry::Skipped { why: Skip::Kind(kind), .. } => format!("{name}: {kind}"),
            Entry::Skipped { why, .. } => format!("{name}: {why:?}"),
            Entry::Error { error, .. } => format!("{name}: {:?}", error.kind()),
        }
    };
    Walk::new(roots, options).map(tell).collect()
}

fn following() -> WalkOptions {
    WalkOptions { follow: true, ..WalkOptions::default() }
}

/// The plain model: all files below `path`, in no order.
fn collect(path: &Path, found: &mut BTreeSet<OsString>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), found));
    } else {
        found.insert(path.into());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Names around the slash ('.' and '-' sort before it, '0' and 'a' after) are where orders
    /// differ.
    #[test]
    fn walking_is_the_same_as_collecting_everything_and_sorting(
        paths in prop::collection::vec("[-.0a]{1,2}(/[-.0a]{1,2}){0,3}", 1..12),
        roots in prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, any::<bool>()), 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut made = Vec::new();
        for path in &paths {
            if path.split('/').any(|part| part == "." || part == "..") { continue; }
            let path = dir.path().join(path);
            // Where a file stands in the way of a directory, or the reverse, the first one stays.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                fs::write(&path, "").unwrap();
                made.push(path);
            }
        }
        prop_assume!(!made.is_empty());
        let roots: Vec<_> = roots.iter().map(|(index, up, slash)| {
            let made = index.get(&made);
            let root = made.ancestors().nth(*up).unwrap();
            let root = if root.starts_with(dir.path()) { root } else { dir.path() };
            if *slash && root.is_dir() { root.join(".") } else { root.to_owned() }
        }).collect();

        let mut sorted = BTreeSet::new();
        roots.iter().for_each(|root| collect(&root.components().collect::<PathBuf>(), &mut sorted));
        let sorted: Vec<_> = sorted.into_iter().collect();
        let walked: Vec<_> = Walk::new(&roots, WalkOptions::default())
            .map(|entry| entry.path().as_os_str().to_owned()).collect();
        prop_assert_eq!(&walked, &sorted);
        let followed: Vec<_> = Walk::new(&roots, following())
            .map(|entry| entry.path().as_os_str().to_owned()).collect();
        prop_assert_eq!(&followed, &sorted);
    }
}

#[test]
fn memory_is_bounded_by_the_directories_on_the_way_down() {
    let dir = tempfile::tempdir().unwrap();
    for directory in 0..20 {
        let directory = dir.path().join(format!("d{directory}"));
        fs::create_dir(&directory).unwrap();
        (0..30).for_each(|file| fs::write(directory.join(format!("f{file}")), "").unwrap());
    }
    let mut walk = Walk::new([dir.path()], WalkOptions::default());
    let (mut files, mut most) = (0, 0);
    while walk.next().is_some() {
        files += 1;
        most = most.max(walk.held());
    }
    assert_eq!((files, most), (600, 20 + 30));
}

#[test]
fn overlapping_roots_give_each_file_once_and_in_order() {
    let dir = tree(&["a/b/x", "a/c", "a-", "d"]);
    let expected = ["a-", "a/b/x", "a/c", "d"];
    assert_eq!(story(&dir, &["."], WalkOptions::default()), expected);
    assert_eq!(
        story(&dir, &["d", "a/b", "a", "./a/b/x", "a-", "d/"], WalkOptions::default()),
        expected
    );
}

#[test]
fn a_root_that_does_not_exist_is_an_error_in_its_place() {
    let dir = tree(&["a/x", "b"]);
    let expected = ["a/none: NotFound", "a/x", "b", "z: NotFound"];
    assert_eq!(story(&dir, &["z", ".", "a/none"], WalkOptions::default()), expected);
}

#[test]
fn links_met_on_the_way_are_skipped_unless_followed() {
    let dir = tree(&["real/x", "z"]);
    symlink("real", dir.path().join("link")).unwrap();
    symlink("z", dir.path().join("flink")).unwrap();
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    assert_eq!(
        story(&dir, &["."], WalkOptions::default()),
        [
            "dangling: a symbolic link",
            "flink: a symbolic link",
            "link: a symbolic link",
            "real/x",
            "z"
        ]
    );
    let expected = ["dangling: NotFound", "flink", "link/x", "real/x", "z"];
    assert_eq!(story(&dir, &["."], following()), expected);
}

#[test]
fn a_link_that_is_named_is_followed_wherever_it_lies() {
    let dir = tree(&["real/x", "real/sub/y"]);
    symlink("real", dir.path().join("link")).unwrap();
    symlink("real/x", dir.path().join("flink")).unwrap();
    let expected = ["flink", "link/sub/y", "link/x", "real/sub/y", "real/x"];
    assert_eq!(story(&dir, &["link", "flink", "."], WalkOptions::default()), expected);
    let behind_a_link = ["flink: a symbolic link", "link: a symbolic link", "link/sub/y"];
    let walked = story(&dir, &["link/sub", "."], WalkOptions::default());
    assert_eq!(walked[..3], behind_a_link);
}

#[test]
fn loops_of_links_end_and_are_named() {
    let dir = tree(&["a/b/x"]);
    symlink("..", dir.path().join("a/b/up")).unwrap();
    symlink("self", dir.path().join("a/self")).unwrap();
    symlink("a", dir.path().join("again")).unwrap();
    let walked = story(&dir, &["."], following());
    assert_eq!(walked[..3], ["a/b/up: Loop", "a/b/x", "a/self: FilesystemLoop"]);
    assert_eq!(walked[3..], ["again/b/up: Loop", "again/b/x", "again/self: FilesystemLoop"]);
}

#[test]
fn a_directory_that_is_walked_by_two_spellings_is_no_loop() {
    let dir = tree(&["a/x"]);
    let walked = story(&dir, &["a", "b/../a"], following());
    assert_eq!(walked, ["a/x", "b/../a: NotFound"]);
    fs::create_dir(dir.path().join("a/b")).unwrap();
    assert_eq!(story(&dir, &["a", "a/b/../../a"], following()), ["a/b/../../a/x", "a/x"]);
}

#[test]
fn special_files_are_named_and_never_opened() {
    let dir = tree(&["x"]);
    odd_tree::make_fifo(&dir.path().join("fifo"));
    let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    symlink("fifo", dir.path().join("link")).unwrap();
    // With --follow as well: opening the fifo would hang this test.
    let expected = ["fifo: a fifo", "link: a fifo", "socket: a socket", "x"];
    assert_eq!(story(&dir, &["."], following()), expected);
    assert_eq!(story(&dir, &["fifo"], WalkOptions::default()), ["fifo: a fifo"]);
}

#[test]
fn an_unreadable_directory_is_an_error_and_the_rest_goes_on() {
    if !odd_tree::permissions_bind() {
        return;
    }
    let dir = tree(&["a/x", "b"]);
    odd_tree::chmod(&dir.path().join("a"), 0o000);
    assert_eq!(story(&dir, &["."], WalkOptions::default()), ["a: PermissionDenied", "b"]);
    odd_tree::chmod(&dir.path().join("a"), 0o700);
}

#[test]
fn a_directory_or_a_file_that_vanishes_is_an_error_and_the_rest_goes_on() {
    let dir = tree(&["a", "b", "c/x", "d"]);
    let mut walk = Walk::new([dir.path()], WalkOptions::default());
    walk.next().unwrap();
    fs::remove_file(dir.path().join("b")).unwrap();
    fs::remove_dir_all(dir.path().join("c")).unwrap();
    let rest: Vec<_> = walk.map(|entry| matches!(entry, Entry::Error { .. })).collect();
    assert_eq!(rest, [true, true, false]);
}

#[test]
fn empty_directories_and_hidden_names_need_no_special_word() {
    let dir = tree(&["empty/", "nested/empty/", ".hidden", ".git/HEAD"]);
    assert_eq!(story(&dir, &["."], WalkOptions::default()), [".git/HEAD", ".hidden"]);
}

#[test]
fn the_manifest_being_written_is_skipped_under_any_name_but_not_a_hard_link_to_it() {
    let dir = tree(&["out", "x"]);
    fs::hard_link(dir.path().join("out"), dir.path().join("hard")).unwrap();
    symlink("out", dir.path().join("soft")).unwrap();
    let own = ["x/../out", "out", "new"].map(|name| (dir.path().join(name), Skip::OwnOutput));
    let own = own.to_vec();
    let options = WalkOptions { own, follow: true };
    assert_eq!(story(&dir, &["."], options), ["hard", "out: OwnOutput", "soft: OwnOutput", "x"]);
}

#[test]
fn names_that_are_not_text_survive() {
    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"\xff\n\\");
    fs::write(dir.path().join(name), "").unwrap();
    let walked: Vec<_> = Walk::new([dir.path()], WalkOptions::default()).collect();
    assert_eq!(walked[0].path(), dir.path().join(name));
}
