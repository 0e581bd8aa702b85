//! The mistakes: a promise that is kept and never resolved, and one that is dropped.

use std::collections::HashMap;

use roundelay::{Promise, Runner, promise, say, spawn};

/// Questions that wait for their answers, by number.
type Open = HashMap<u32, Promise<&'static str>>;

fn main() {
    let runner = Runner::builder().virtual_clock().build().expect("a loop can be made");

    let outcome = runner.run(async {
        let (promise, future) = promise();
        let mut open = Open::from([(1, promise)]);
        spawn(async move {
            // The wrong number: nobody has asked question 2, and question 1 goes on waiting.
            let answered = open.remove(&2).map(|promise| promise.resolve("forty-two"));
            say!("question 2 was answered: {}", answered.is_some());
            std::future::pending::<()>().await; // keeps `open`
        })
        .detach();
        future.await
    });
    say!("the run ends: {}", outcome.expect_err("nobody can go on"));

    let outcome = runner.run(async {
        let (promise, future) = promise::<&'static str>();
        spawn(async move { drop(promise) }).detach();
        future.await
    });
    say!("the wait ends: {}", outcome.expect("it ends").expect_err("without a value"));
}
