//! The rules of the house, as far as a program can check them.
//!
//! ARCHITECTURE.md lists what is always true of this code; most of it is about what is *absent*:
//! the runtime knows no futures, one file knows mio, nobody calls a callback but the loop. Each
//! rule is one test, and whoever breaks it is told the file, the line, and what to do.
//!
//! The checks read the source as text: comments, strings and `#[cfg(test)]` parts are cut out
//! first. They are not a compiler. They need not be, as long as they err on the strict side.

mod reading;
mod absences;
mod arrows;
mod files;
mod examples;
mod checks;

/// The crates that have rules, with the folder of each.
const CRATES: [&str; 6] =
    ["runtime", "executor", "pools", "tutorial", "tutorial/course", "tutorial/exercises"];
