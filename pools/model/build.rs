//! Copies the thread pool's own sources, with shuttle's locks and threads in place of the system's.

use std::path::Path;
use std::{env, fs};

/// In reading order, as in the real `lib.rs`. `panics.rs`, `linger.rs`, `leash.rs`, `shelf.rs`
/// and `out_of_turn.rs` have stand-ins here: see `stubs.rs`.
const MODULES: [&str; 24] = [
    "panic_report",
    "worker_exit",
    "error",
    "slot",
    "job",
    "bell",
    "as_completed",
    "wait",
    "ending",
    "metrics",
    "headcount",
    "hall",
    "thread_job",
    "roll",
    "crew",
    "thread_pool",
    "thread_pool_builder",
    "thread_map",
    "lost",
    "remote_job",
    "job_queue",
    "staffing",
    "team",
    "team_end",
];

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let mut list = String::new();
    for module in MODULES {
        let source = format!("../{module}.rs");
        println!("cargo::rerun-if-changed={source}");
        let mut text = fs::read_to_string(&source).unwrap();
        // Unit tests use real threads, and the examples in the docs name the real crate.
        if let Some(tests) = text.find("#[cfg(test)]") {
            text.truncate(tests);
        }
        let mut changes = vec![
            ("use std::thread", "use crate::shim::thread"),
            ("parking_lot::", "crate::shim::lock::"),
            ("thread_local! {", "shuttle::thread_local! {"),
            ("const { Cell::new(0) }", "Cell::new(0)"),
            ("const { Cell::new(None) }", "Cell::new(None)"),
            ("EMPLOYER.set(self.id)", "EMPLOYER.with(|own| own.set(self.id))"),
            ("EMPLOYER.get()", "EMPLOYER.with(Cell::get)"),
        ];
        // The static counter of pools is no part of the model, and lives longer than one run.
        if module != "ending" {
            changes.push(("std::sync::atomic", "shuttle::sync::atomic"));
        }
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        let path = Path::new(&out).join(format!("{module}.rs"));
        fs::write(&path, text).unwrap();
        list += &format!("#[path = {path:?}]\nmod {module};\n");
    }
    fs::write(Path::new(&out).join("modules.rs"), list).unwrap();
}
