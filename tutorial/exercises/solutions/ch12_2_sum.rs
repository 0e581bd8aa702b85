//! Repair: a sum in which one may be missing.
//!
//! Some shops are asked for a price, all at once. A shop that says nothing counts as 0, and the
//! others count. Today one of three says nothing, and the whole sum is lost.

use roundelay::task_group;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch12;
use roundelay_exercises::props::Service;

async fn sum(shops: Vec<Service>) -> u32 {
    let total = task_group(async |group| {
        let ask = |shop: Service| {
            group.spawn(async move { Ok::<_, &'static str>(shop.call().await.unwrap_or(0)) })
        };
        let prices: Vec<_> = shops.into_iter().map(ask).collect();
        let mut total = 0;
        for price in prices {
            total += price.await.unwrap_or(0);
        }
        Ok(total)
    });
    total.await.expect("no child fails")
}

pub(crate) fn main() -> Verdict {
    ch12::sum(sum)
}
