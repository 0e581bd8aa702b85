//! Repair: a search that has to answer in time.
//!
//! Five places are asked, all at once. After 100 ms the search gives what it has: the answers that
//! have come by then, in the order of the places. Two are too slow today, and so the search finds
//! nothing at all.

use std::time::Duration;

use roundelay::{When, spawn, wait};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch09;
use roundelay_exercises::props::Place;

const LIMIT: Duration = Duration::from_millis(100);

async fn search(places: Vec<Place>) -> Vec<&'static str> {
    let mut tasks = places.into_iter().map(|place| spawn(place.ask())).collect();
    let mut answers = Vec::new();
    for done in wait(&mut tasks, When::All, LIMIT).await {
        answers.extend(done.await);
    }
    answers
}

pub(crate) fn main() -> Verdict {
    ch09::in_time(search)
}
