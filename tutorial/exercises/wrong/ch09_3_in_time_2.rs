//! Repair: a search that has to answer in time.
//!
//! Five places are asked, all at once. After 100 ms the search gives what it has: the answers that
//! have come by then, in the order of the places. Two are too slow today, and so the search finds
//! nothing at all.

use std::time::Duration;

use roundelay::{as_completed, now, spawn, timeout_at};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch09;
use roundelay_exercises::props::Place;

const LIMIT: Duration = Duration::from_millis(100);

async fn search(places: Vec<Place>) -> Vec<&'static str> {
    let until = now() + LIMIT;
    let mut tasks = as_completed(places.into_iter().map(|place| spawn(place.ask())));
    let mut answers = Vec::new();
    while let Ok(Some((_, answer))) = timeout_at(until, tasks.next()).await {
        answers.extend(answer);
    }
    answers
}

pub(crate) fn main() -> Verdict {
    ch09::in_time(search)
}
