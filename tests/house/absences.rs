//! What is absent: each thing is done in one place, and known to nobody else.

use std::fs;

use crate::CRATES;
use crate::reading::{Wrong, blank, lines_with, modules, paths, root, sources, words};

#[test]
fn the_runtime_does_not_know_futures() {
    let mut wrong = Wrong::default();
    for source in modules("runtime") {
        let in_reactor = source.path.ends_with("reactor.rs");
        for path in ["std::future", "std::task", "core::future", "core::task", "futures"] {
            for line in lines_with(&source.code, path) {
                wrong.at(&source, line, format!("names `{path}`"));
            }
        }
        for (line, word, _) in words(&source.code) {
            // mio has a `Poll` and a `Waker` of its own, and only the reactor knows mio.
            let is_mios = in_reactor && ["Poll", "Waker"].contains(&word);
            let std_task = ["Future", "Context", "Poll", "Waker", "Wake", "IntoFuture", "Pin"];
            if std_task.contains(&word) && !is_mios {
                wrong.at(&source, line, format!("names `{word}`"));
            }
            if ["async", "await"].contains(&word) {
                wrong.at(&source, line, format!("uses `{word}`"));
            }
        }
        if in_reactor {
            let named =
                source.code.contains("use mio::{Events, Interest, Poll, Registry, Token, Waker}");
            if !named {
                wrong.at(&source, 1, "`Poll` and `Waker` must be the ones imported from mio here");
            }
        }
    }
    wrong.check(
        "The runtime speaks callbacks and must not know futures. What awaits belongs into \
         `executor/`; hand a `Callback` or a `Key` down instead.",
    );
}

#[test]
fn mio_is_named_in_the_reactor_only() {
    let mut wrong = Wrong::default();
    for folder in CRATES {
        for source in modules(folder) {
            if source.path.ends_with("runtime/reactor.rs") {
                continue;
            }
            for (line, word, rest) in words(&source.code) {
                if word == "mio" && rest.starts_with("::") {
                    wrong.at(&source, line, "names `mio::`");
                }
            }
        }
    }
    wrong.check(
        "mio is an affair of `runtime/reactor.rs`: give that file a method for what you need.",
    );
}

#[test]
fn the_clock_is_read_in_one_file() {
    let mut wrong = Wrong::default();
    for folder in ["runtime", "executor"] {
        for source in modules(folder) {
            if source.path.ends_with("runtime/clock.rs") {
                continue;
            }
            for call in ["Instant::now", "SystemTime", ".elapsed()"] {
                for line in lines_with(&source.shipped, call) {
                    wrong.at(&source, line, format!("`{call}`"));
                }
            }
            for (line, path) in paths(&source.shipped, "std::time::") {
                if path == "Instant" {
                    wrong.at(&source, line, "names std's `Instant`");
                }
            }
        }
    }
    wrong.check(
        "Everything asks the loop's clock, or virtual time would not hold: use `LoopRef::now` or \
         `LoopRef::time`, and the `Instant` that `runtime/clock.rs` gives away.",
    );
}

#[test]
fn callbacks_are_called_in_one_place() {
    let mut wrong = Wrong::default();
    let mut calls = Vec::new();
    for folder in ["runtime", "executor"] {
        for source in modules(folder) {
            for (number, line) in source.shipped.lines().enumerate() {
                // A closure can only be called by whoever takes it out of its `Callback`.
                let pattern = match (line.split_once("=>"), line.contains("let ")) {
                    (Some((pattern, _)), _) => pattern,
                    (None, true) => line,
                    (None, false) => continue,
                };
                let binds = pattern.split("Callback::Once(").nth(1);
                // The ready queue lays it into its table, from where the turn takes it.
                let lays = source.path.ends_with("runtime/ready.rs");
                if !lays && binds.is_some_and(|inside| !inside.starts_with(['_', '.'])) {
                    calls.push((source.path.clone(), number + 1));
                    if !source.path.ends_with("runtime/turn.rs") {
                        wrong.at(&source, number + 1, "takes the closure out of a callback");
                    }
                }
            }
            for line in lines_with(&source.shipped, "target.run(") {
                calls.push((source.path.clone(), line));
                if !source.path.ends_with("runtime/turn.rs") {
                    wrong.at(&source, line, "gives a key its turn");
                }
            }
        }
    }
    if calls.len() != 2 {
        wrong.0.push(format!(
            "expected one place that calls closures and one that gives keys their turn, both in \
             step 5 of `turn.rs`, and found: {calls:?}"
        ));
    }
    wrong
        .check("Only step 5 of a turn calls. Queue it: `call_soon`, `run_soon`, `call_main_soon`.");
}

#[test]
fn futures_are_polled_in_one_place() {
    let mut wrong = Wrong::default();
    let mut places = Vec::new();
    for folder in ["executor"] {
        for source in modules(folder) {
            // Whoever polls from outside of a future must make a context. Inside one, the
            // context that was handed in is passed on.
            for maker in ["Context::from_waker", "ContextBuilder", "block_on(", "now_or_never"] {
                for line in lines_with(&source.shipped, maker) {
                    // A job of the pools is awaited with a waker that also lets the clock go, and
                    // in a list that is joined each future has one that tells its number.
                    let own_wakers = ["executor/awaited_job.rs", "combinators/join_list.rs"];
                    if own_wakers.iter().any(|file| source.path.ends_with(file)) {
                        continue;
                    }
                    places.push(format!("{}:{line}", source.path.display()));
                    if !source.path.ends_with("executor/step.rs") {
                        wrong.at(&source, line, format!("`{maker}`"));
                    }
                }
            }
        }
    }
    if places.len() != 1 {
        wrong.0.push(format!("expected one place that makes a context, and found {places:?}"));
    }
    wrong.check("Only `executor/step.rs` polls, in one function. Wake the task instead.");
}

#[test]
fn no_unsafe() {
    let mut wrong = Wrong::default();
    let mut roots = vec![
        "lib.rs".to_owned(),
        "pools/macros/lib.rs".to_owned(),
        "executor/macros/lib.rs".to_owned(),
    ];
    roots.extend(CRATES.map(|folder| format!("{folder}/lib.rs")));
    roots.push("tutorial/main.rs".to_owned());
    for path in roots {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        if !blank(&text).lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
            wrong.0.push(format!("{path}:1: a crate root without `#![forbid(unsafe_code)]`"));
        }
    }
    for folder in CRATES.iter().chain(&["pools/macros", "executor/macros", "tests"]) {
        for source in sources(folder) {
            for (line, word, _) in words(&source.code) {
                if word == "unsafe" {
                    wrong.at(&source, line, "`unsafe`");
                }
            }
        }
    }
    wrong.check("Every crate forbids unsafe code.");
}
