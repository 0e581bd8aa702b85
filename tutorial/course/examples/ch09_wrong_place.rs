//! The mistake: whoever comes first is taken for whoever was asked first.

use std::time::Duration;

use roundelay::{RunError, Runner, as_completed, say, sleep, spawn};

async fn price(shop: &'static str, seconds: u64) -> &'static str {
    sleep(Duration::from_secs(seconds)).await;
    shop
}

fn main() -> Result<(), RunError> {
    let shops = [("north", 3), ("east", 1), ("south", 2)];
    let ask = || as_completed(shops.map(|(shop, seconds)| spawn(price(shop, seconds))));
    Runner::builder().virtual_clock().build()?.run(async {
        say!("in the order of asking, it is hoped:");
        let mut prices = ask();
        for (shop, _) in shops {
            let (_, price) = prices.next().await.expect("one for each");
            say!("  {shop} sends the price of {}", price.unwrap());
        }
        say!("by the place that comes with each:");
        let mut prices = ask();
        while let Some((place, price)) = prices.next().await {
            say!("  {} sends the price of {}", shops[place].0, price.unwrap());
        }
    })
}
