//! The same function in an event loop: the loop does the pushing, and only when it is worth it.

use std::time::Duration;

use roundelay::{PromiseFuture, RunError, Runner, promise, say, sleep, spawn};

async fn sum(first: PromiseFuture<u32>, second: PromiseFuture<u32>) -> u32 {
    say!("  it begins");
    let a = first.await.expect("a value comes");
    say!("  it has {a}");
    let b = second.await.expect("a value comes");
    say!("  it has {a} and {b}");
    a + b
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let (one, first) = promise();
        let (two, second) = promise();
        let task = spawn(sum(first, second));
        say!("spawned, and nothing has run");
        sleep(Duration::from_millis(10)).await;
        say!("one");
        one.resolve(1).expect("it waits");
        sleep(Duration::from_millis(10)).await;
        say!("two");
        two.resolve(2).expect("it waits");
        say!("the sum is {}", task.await.expect("a sum does not fail"));
    })
}
