//! The same small programs, played here and by CPython's asyncio: the traces must agree.
//!
//! `README.md` in this folder says what is compared, and what is made equal first and why. A few
//! hundred programs with asyncio's traces are kept in `traces.txt`, so that plain `cargo test`
//! needs no Python. Fresh programs are played live with
//!
//! ```text
//! cargo test --test differential -- --ignored
//! ```

mod asyncio;
mod children;
mod interpreter;
mod made_up;
mod program;
mod text;
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};

use asyncio::Asyncio;
use made_up::any_program;
use program::Program;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/traces.txt")
}

/// The lines of a trace. What happens when everything that is left is cancelled is compared
/// without its order if some task has owned others: `README.md` says why.
fn lines(trace: &str) -> Vec<&str> {
    let mut lines: Vec<_> = trace.split(';').collect();
    let end = format!("@{}", interpreter::LONG.as_micros());
    if let Some(end) = lines.iter().position(|line| *line == end)
        && lines.iter().any(|line| line.ends_with(" owns"))
    {
        lines[end..].sort_unstable();
    }
    lines
}

/// Compares two traces line by line, and shows the first line that differs.
fn compare(program: &str, asyncio: &str, roundelay: &str) -> Result<(), String> {
    let (theirs, ours) = (lines(asyncio), lines(roundelay));
    if theirs == ours {
        return Ok(());
    }
    let same = theirs.iter().zip(&ours).take_while(|(theirs, ours)| theirs == ours).count();
    let mut text = format!("{program}\nthe traces part at line {}:\n", same + 1);
    for at in same.saturating_sub(6)..theirs.len().max(ours.len()).min(same + 8) {
        let theirs = theirs.get(at).unwrap_or(&"");
        let ours = ours.get(at).unwrap_or(&"");
        writeln!(text, "{:>3}  asyncio {theirs:30} roundelay {ours}", at + 1).unwrap();
    }
    Err(text)
}

#[test]
fn every_kept_trace_of_asyncio_is_reproduced() {
    let text = fs::read_to_string(kept()).unwrap();
    let (mut count, at_least) = (0, if cfg!(miri) { 10 } else { 300 });
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    while let (Some(program), Some(trace)) = (lines.next(), lines.next()) {
        if cfg!(miri) && count == at_least {
            break;
        }
        let parsed: Program = program.parse().unwrap();
        assert_eq!(parsed.to_string(), program, "a program is written as it is read");
        compare(program, trace, &interpreter::play(&parsed))
            .unwrap_or_else(|text| panic!("{text}"));
        count += 1;
    }
    assert!(count >= at_least, "only {count} traces are kept");
}

#[test]
fn the_same_program_gives_the_same_trace_twice() {
    let mut runner = TestRunner::new(Config::with_cases(if cfg!(miri) { 3 } else { 50 }));
    runner
        .run(&any_program(13), |program| {
            prop_assert_eq!(interpreter::play(&program), interpreter::play(&program));
            Ok(())
        })
        .unwrap();
}

#[test]
#[ignore = "needs Python 3.11 or later"]
fn fresh_programs_agree_with_a_live_asyncio() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let asyncio = Asyncio::start();
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(2000),
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&any_program(asyncio.minor()), |program| {
        let theirs = asyncio.play(&program);
        let ours = interpreter::play(&program);
        compare(&program.to_string(), &theirs, &ours).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Writes `traces.txt` anew, always the same programs. Done by hand after the language of the
/// programs has changed.
#[test]
#[ignore = "writes the file of traces; needs Python 3.13"]
fn record_the_traces_anew() {
    if std::env::var_os("ROUNDELAY_RECORD").is_none() {
        return;
    }
    let asyncio = Asyncio::start();
    assert!(asyncio.minor() >= 13, "an earlier Python does not know all operations");
    let rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut text = format!(
        "# Programs and what CPython {} made of them: one line each, in turn. Written by the \
         test `record_the_traces_anew`.\n",
        asyncio.version()
    );
    let mut count = 0;
    while count < KEPT {
        let program = any_program(asyncio.minor()).new_tree(&mut runner).unwrap().current();
        let trace = asyncio.play(&program);
        // Neither those in which nothing happens nor those that fill pages.
        if (150..1000).contains(&trace.len()) {
            writeln!(text, "{program}\n{trace}").unwrap();
            count += 1;
        }
    }
    fs::write(kept(), text).unwrap();
}

const KEPT: usize = 300;
