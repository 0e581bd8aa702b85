//! The examples about sockets, run as the programs that they are.

use std::path::PathBuf;
use std::process::Command;

/// What the example prints. Built by `cargo test` beside the tests.
fn output(name: &str) -> String {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    let output = Command::new(path).env("RUST_BACKTRACE", "0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn udp_echo_asks_again_for_what_was_lost() {
    let said = output("udp_echo");
    let answers: Vec<&str> = said.lines().filter(|line| line.contains("->")).collect();
    assert_eq!(answers, ["one -> one", "two -> two", "three -> three"]);
    assert!(said.contains("three ... lost, once more"), "{said}");
}

#[test]
fn unix_pair_says_the_same_over_sockets_and_in_memory() {
    let said = output("unix_pair");
    let over = |what: &str| -> Vec<String> {
        let start = format!("over {what}: ");
        said.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
    };
    assert_eq!(over("sockets"), over("memory"));
    let [hello, too_long, night] = &over("memory")[..] else { panic!("{said}") };
    assert_eq!((hello.as_str(), night.as_str()), ("HELLO", "GOOD NIGHT"));
    assert!(too_long.starts_with("no: a line is longer than 24 bytes"), "{too_long}");
}

#[test]
fn many_loops_share_one_port_and_lose_no_connection() {
    let said = output("many_loops");
    assert!(said.starts_with("90 connections, served by "), "{said}");
}
