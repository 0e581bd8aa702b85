//! Repair: something that is paid and never sent.
//!
//! `shop.pay()` takes the money at once, and then waits for the receipt. `shop.send()` sends the
//! parcel. The task that buys may be cancelled at any time. Then it has to end at once, but whatever
//! is paid must be sent.

use roundelay::shield;
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch10;
use roundelay_exercises::props::Shop;

async fn buy(shop: Shop) {
    shop.pay().await;
    let parcel = shield(async move { shop.send().await });
    parcel.await.expect("nobody cancels the parcel");
}

pub(crate) fn main() -> Verdict {
    ch10::paid(buy)
}
