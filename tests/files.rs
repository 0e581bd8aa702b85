//! Promises about files: std's functions, in threads, while the loop turns.

mod support;

use std::io::ErrorKind;
use std::path::PathBuf;

use roundelay::{fs, gather_all, run};

/// A folder of the test's own, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("roundelay-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_written_is_read_again_under_every_name_it_is_given() {
    let folder = Folder::new("names");
    run(async {
        let (inner, path) = (folder.0.join("a/b"), |name: &str| folder.0.join("a/b").join(name));
        fs::create_dir_all(&inner).await.unwrap();
        fs::write(path("one"), "text").await.unwrap();
        assert_eq!(fs::copy(path("one"), path("two")).await.unwrap(), 4);
        fs::rename(path("one"), path("three")).await.unwrap();
        assert_eq!(fs::read_dir(&inner).await.unwrap(), [path("three"), path("two")]);
        assert_eq!(fs::read_to_string(path("two")).await.unwrap(), "text");
        assert_eq!(fs::read(path("three")).await.unwrap(), b"text");
        assert_eq!(fs::metadata(path("two")).await.unwrap().len(), 4);
        let detour = fs::canonicalize(inner.join("../b/two")).await.unwrap();
        assert_eq!(detour, fs::canonicalize(path("two")).await.unwrap());
        fs::remove_file(path("two")).await.unwrap();
        assert_eq!(fs::read_dir(&inner).await.unwrap(), [path("three")]);
        fs::remove_dir_all(folder.0.join("a")).await.unwrap();
        assert_eq!(fs::metadata(&inner).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn an_error_of_the_system_keeps_its_kind() {
    run(async {
        let error = fs::read("/no/such/file").await.unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::NotFound, Some(2)));
        let not_text = Folder::new("not-text");
        fs::write(not_text.0.join("x"), [0xff]).await.unwrap();
        let error = fs::read_to_string(not_text.0.join("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn many_files_at_once_are_each_their_own() {
    let folder = Folder::new("many");
    run(async {
        let folder = &folder.0;
        for n in 0..50 {
            fs::write(folder.join(n.to_string()), n.to_string()).await.unwrap();
        }
        let paths: Vec<PathBuf> = (0..50).map(|n| folder.join(n.to_string())).collect();
        let texts = gather_all(paths.into_iter().map(fs::read_to_string)).await;
        let expected = (0..50).map(|n| n.to_string());
        assert!(texts.into_iter().map(|text| text.unwrap().unwrap()).eq(expected));
    });
}
