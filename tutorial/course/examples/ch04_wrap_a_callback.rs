//! From callbacks to values: a wait of one's own, made of `call_later` and a promise.

use std::time::Duration;

use roundelay::{RunError, Runner, current_loop, now, promise, say};

/// Waits for `delay`, and says when it was over.
async fn after(delay: Duration) -> String {
    let event_loop = current_loop().expect("inside a run there is a loop");
    let (promise, future) = promise();
    let start = now();
    let ring = move || {
        // Refused only if nobody waits any more.
        let _ = promise.resolve(format!("over after {:?}", now() - start));
    };
    event_loop.call_later(delay, ring).expect("the loop is open");
    future.await.expect("the timer always rings")
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("{}", after(Duration::from_secs(5)).await);
        say!("{}", after(Duration::from_millis(20)).await);
    })
}
