//! Repair: a search that has to answer in time.
//!
//! Five places are asked, all at once. After 100 ms the search gives what it has: the answers that
//! have come by then, in the order of the places. Two are too slow today, and so the search finds
//! nothing at all.

use std::time::Duration;

use roundelay::{gather_all, timeout};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch09;
use roundelay_exercises::props::Place;

const LIMIT: Duration = Duration::from_millis(100);

async fn search(places: Vec<Place>) -> Vec<&'static str> {
    // TODO: what becomes of the answers that have come, if one is late?
    let all = gather_all(places.into_iter().map(|place| place.ask()));
    match timeout(LIMIT, all).await {
        Ok(answers) => answers.into_iter().flatten().collect(),
        Err(_) => Vec::new(),
    }
}

pub(crate) fn main() -> Verdict {
    ch09::in_time(search)
}
