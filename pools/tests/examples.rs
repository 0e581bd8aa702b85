//! The examples, run as the programs that they are.

use std::path::PathBuf;
use std::process::Command;

/// Built by `cargo test` beside the tests.
fn example(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    Command::new(path)
}

fn output(command: &mut Command) -> String {
    let output = command.env("RUST_BACKTRACE", "0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn hash_directory_prints_each_file_once_and_the_same_sum_each_time() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("inner")).unwrap();
    for n in 0..20 {
        std::fs::write(directory.path().join(format!("inner/{n}")), "x".repeat(n * 1000)).unwrap();
    }
    let run = || output(example("hash_directory").arg(directory.path()));
    let (first, second) = (run(), run());
    assert_eq!(first.lines().count(), 21);
    assert!(first.contains("[20/20]"));
    assert!(first.lines().any(|line| line.contains("cbf29ce484222325") && line.ends_with("/0")));
    assert_eq!(first.lines().last(), second.lines().last());
    assert!(first.lines().last().unwrap().starts_with("20 files, together "));
}

#[test]
fn downloads_finds_each_page_by_its_place() {
    let said = output(&mut example("downloads"));
    let expected = [
        "/a: 2000 bytes",
        "/bb: 3000 bytes",
        "/dddd: 5000 bytes",
        "/missing: HTTP/1.0 404 Not Found",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn io_then_cpu_keeps_the_order() {
    let said = output(&mut example("io_then_cpu"));
    let expected = [
        "file 0: 168 primes",
        "file 1: 135 primes",
        "file 2: 127 primes",
        "file 3: invalid digit found in string",
        "file 4: 119 primes",
        "file 5: 114 primes",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn factorials_are_in_order_and_the_largest_say_that_they_do_not_fit() {
    let said = output(&mut example("factorials"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[5], lines[20]), (23, "5! = 120", "20! = 2432902008176640000"));
    assert_eq!(lines[21], "21! the product does not fit into 64 bits");
}

#[test]
fn shared_pool_serves_all_clients_with_two_threads() {
    let said = output(&mut example("shared_pool"));
    assert_eq!(said.lines().count(), 8 * 3 + 1);
    assert!(said.contains("client 3, word 2: 20 bytes, sum "));
    assert!(said.ends_with("24 jobs on at most 2 threads\n"));
}

#[test]
fn soak_finds_nothing_left_behind() {
    let said = output(example("soak").args(["20000", "2000"]));
    assert!(said.contains("after    20000 jobs") && said.contains("20 workers died"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("at the end: "));
}
