//! Whoever copies a chapter's program into a crate of their own gets it to build, with what the
//! book says and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there")
}

/// The dependencies that the book asks for.
fn dependencies() -> String {
    let page = fs::read_to_string(root().join("tutorial/book/README.md")).unwrap();
    let (_, after) = page.split_once("```toml\n").expect("the page shows a manifest");
    after.split_once("```").expect("it ends").0.to_owned()
}

fn programs() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("tutorial/course/examples")).unwrap().flatten();
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|it| (name(&it), fs::read_to_string(it.path()).unwrap())).collect()
}

#[test]
fn the_book_names_each_crate_that_a_chapters_program_uses() {
    let dependencies = dependencies();
    let named: BTreeSet<String> = dependencies
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    let mut used = BTreeSet::new();
    for (name, text) in programs() {
        for line in text.lines().filter_map(|line| line.strip_prefix("use ")) {
            let foreign = line.split("::").next().unwrap().to_owned();
            if foreign != "std" {
                assert!(named.contains(&foreign), "{name} uses `{foreign}`, and the book says not");
                used.insert(foreign);
            }
        }
    }
    assert_eq!(used, named);
}

/// `cargo test -p roundelay-course --test own_crate -- --ignored`
#[test]
#[ignore = "it compiles the project anew: minutes"]
fn every_chapters_program_builds_in_a_crate_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let dependencies = dependencies().replace("../roundelay", root().to_str().unwrap());
    let manifest = format!(
        "[package]\nname = \"own\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n"
    );
    fs::create_dir_all(folder.path().join("src/bin")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    // The versions that are here already, so that no network is needed.
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    for (name, text) in programs() {
        fs::write(folder.path().join("src/bin").join(name), text).unwrap();
    }
    let target = folder.path().join("target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--bins"]).current_dir(folder.path());
    // What this test was started with must not reach that cargo.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
            cargo.env_remove(name);
        }
    }
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_PROFILE_DEV_DEBUG", "0");
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let run = |trace: &str| -> Output {
        let mut program = Command::new(target.join("debug/ch01_three_waits"));
        program.current_dir(folder.path()).env("ROUNDELAY_TRACE", trace).output().unwrap()
    };
    let plain = run("");
    assert!(plain.stdout.starts_with(b"one after another:\na ends after 1 s\n"));
    assert_eq!(String::from_utf8_lossy(&plain.stderr), "");
    // Built without the feature, it says that it records nothing.
    let told = String::from_utf8(run("run.html").stderr).unwrap();
    assert!(told.contains("built without the feature `trace`"), "{told}");
    assert!(!folder.path().join("run.html").exists());
}
