//! The mistake: to save a child that has failed, where its group has heard of it already.

use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, task_group};

async fn price(shop: &'static str) -> Result<u32, String> {
    sleep(Duration::from_secs(1)).await;
    if shop == "closed" { Err(format!("{shop} says nothing")) } else { Ok(7) }
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let total = task_group(async |group| {
            let prices = ["open", "closed"].map(|shop| group.spawn(price(shop)));
            let mut total = 0;
            for price in prices {
                total += price.await.unwrap_or(0);
            }
            Ok(total)
        });
        say!("saved in the body: {:?}", total.await.map_err(|error| error.to_string()));

        let total = task_group(async |group| {
            let prices = ["open", "closed"].map(|shop| {
                group.spawn(async move { Ok::<_, String>(price(shop).await.unwrap_or(0)) })
            });
            let mut total = 0;
            for price in prices {
                total += price.await.unwrap_or(0);
            }
            Ok(total)
        });
        say!("saved in the child: {:?}", total.await.map_err(|error| error.to_string()));
    })
}
