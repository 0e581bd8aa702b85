//! Repair: three parts that have to be there within 100 ms.
//!
//! The parts are asked one after the other. Whoever calls this was promised an answer within 100 ms:
//! all the parts, or `None`. Each part has a limit. The whole has none.

use std::time::Duration;

use roundelay::timeout;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch11;
use roundelay_exercises::props::Place;

const LIMIT: Duration = Duration::from_millis(100);

async fn whole(parts: Vec<Place>) -> Option<Vec<&'static str>> {
    let mut answers = Vec::new();
    for part in parts {
        // TODO: whose limit is this?
        answers.push(timeout(LIMIT, part.ask()).await.ok()?);
    }
    Some(answers)
}

pub(crate) fn main() -> Verdict {
    ch11::whole(whole)
}
