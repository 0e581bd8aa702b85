//! A value that comes later: two who wait, and the moment between "resolved" and "told".

use roundelay::{RunError, Runner, promise, say, spawn, yield_now};

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let (promise, future) = promise::<u32>();
        let future = future.shared(); // several may wait for it

        future.on_settled(|value| say!("a done-callback hears {value:?}"));
        let early = future.clone();
        let early = spawn(async move { say!("a task has waited, and gets {:?}", early.await) });
        yield_now().await; // let it begin to wait

        say!("before: settled is {}", future.try_get().is_some());
        promise.resolve(7).expect("somebody waits");
        say!("after: settled is {}, and nobody has been told", future.try_get().is_some());

        early.await.expect("the task prints and ends");
        say!("who comes late gets it at once: {:?}", future.await);
    })
}
