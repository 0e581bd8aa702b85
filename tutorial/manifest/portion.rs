//! A portion: some files that are hashed in one job, and what is done when that goes wrong.
//!
//! Handing a job to another thread and its answer back costs as much as hashing some ten kilobytes;
//! to a process, several times that. So small neighbours share a job. What goes wrong concerns one
//! file, though, and a portion falls apart into its files where it must:
//!
//! ```text
//!   [a b c d] --> job --> a, c, d done
//!                         b: too many open files -->  pause  --> [b] --> job --> done, or failed for good
//!
//!   [a b c d] --> job --> its worker process died --> [a] [b] [c] [d] --> four jobs
//!                                                      the one that kills its worker again and again fails
//! ```
//!
//! # Invariants
//! - Each file of a portion is reported once, unless the portion is dropped or the pool breaks.
//! - No worker is held during a pause.
//!
//! Tutorial: chapter 20, the capstone. Before this: `workers.rs`. After this: `window.rs`.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use roundelay::sleep;

use super::hash::Hashed;
use super::name::shown;
use super::progress::Verbosity;
use super::retry::Backoff;
use super::workers::{Failure, Target, Workers};

/// What came of a file.
pub(crate) type Found = Result<Hashed, Failure>;

/// A file and its place in line.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) number: u64,
    pub(crate) target: Target,
    deaths: u32,
}

impl Piece {
    pub(crate) fn new(number: u64, target: Target) -> Piece {
        Piece { number, target, deaths: 0 }
    }
}

/// What is to be told of a portion while it is worked on.
#[derive(Debug)]
pub(crate) enum Report {
    /// A worker has begun with this file.
    Begun(u64),
    /// This file is finished.
    Found(u64, Found),
    /// Something for a user who wants to hear this much.
    Note(Verbosity, String),
}

/// The pool cannot go on, for this reason.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

/// A file whose worker has died this often is left alone.
const MOST_DEATHS: u32 = 3;

/// Hashes all pieces, whatever it takes, and reports each.
pub(crate) async fn attend(
    pieces: Vec<Piece>,
    workers: &Workers,
    mut pauses: Backoff,
    report: impl Fn(Report),
) -> Result<(), Broken> {
    let mut line = VecDeque::from([pieces]);
    while !line.is_empty() {
        let pause = pauses.next();
        let mut again = Vec::new();
        while let Some(pieces) = line.pop_front() {
            let files: Arc<[Target]> = pieces.iter().map(|piece| piece.target.clone()).collect();
            let begun = || pieces.iter().for_each(|piece| report(Report::Begun(piece.number)));
            match workers.hash(&files, begun).await {
                Ok(digests) => {
                    for (piece, digest) in pieces.into_iter().zip(digests) {
                        match (digest, pause) {
                            (Err(error), Some(pause)) if error.may_pass() => {
                                let name = shown(&piece.target.name);
                                let text = format!("{name}: {error}; trying again in {pause:.0?}");
                                report(Report::Note(Verbosity::Verbose, text));
                                again.push(piece);
                            }
                            (digest, _) => {
                                let found = digest.map_err(Failure::Hash);
                                report(Report::Found(piece.number, found));
                            }
                        }
                    }
                }
                Err(Failure::Died { worker }) => {
                    line.extend(mourn(pieces, &worker, &report));
                }
                Err(Failure::Broken(why)) => return Err(Broken(why)),
                Err(failure) => {
                    for piece in pieces {
                        report(Report::Found(piece.number, Err(failure.clone())));
                    }
                }
            }
        }
        if let (false, Some(pause)) = (again.is_empty(), pause) {
            sleep(pause).await;
            line.push_back(mem::take(&mut again));
        }
    }
    Ok(())
}

/// A worker died with these pieces: those that are tried again, each by itself.
fn mourn(
    pieces: Vec<Piece>,
    worker: &str,
    report: &impl Fn(Report),
) -> impl Iterator<Item = Vec<Piece>> {
    let mut again = Vec::new();
    for mut piece in pieces {
        piece.deaths += 1;
        if piece.deaths < MOST_DEATHS {
            again.push(piece);
        } else {
            let worker = format!("{worker}, as {} others with this file did", MOST_DEATHS - 1);
            report(Report::Found(piece.number, Err(Failure::Died { worker })));
        }
    }
    if let Some(first) = again.first() {
        let name = shown(&first.target.name);
        let text = match again.len() - 1 {
            0 => format!("{worker}; {name} is done again"),
            more => format!("{worker}; {name} and {more} more are done again"),
        };
        report(Report::Note(Verbosity::Normal, text));
    }
    again.into_iter().map(|piece| vec![piece])
}

#[cfg(test)]
#[path = "portion_tests.rs"]
mod tests;
