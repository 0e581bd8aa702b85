//! `benchmarks`: see `README.md`, or run it with `--help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    // The workers of roundelay's process pool are copies of this program.
    roundelay::worker_entry();
    // And so are procspawn's.
    procspawn::init();
    roundelay_benchmarks::command::main()
}
