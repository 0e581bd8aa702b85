//! Repair: a sum in which one may be missing.
//!
//! Some shops are asked for a price, all at once. A shop that says nothing counts as 0, and the
//! others count. Today one of three says nothing, and the whole sum is lost.

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch12;
use roundelay_exercises::props::Service;

async fn sum(shops: Vec<Service>) -> u32 {
    let mut total = 0;
    for shop in shops {
        total += shop.call().await.unwrap_or(0);
    }
    total
}

pub(crate) fn main() -> Verdict {
    ch12::sum(sum)
}
