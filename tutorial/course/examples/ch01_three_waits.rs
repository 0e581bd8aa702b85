//! Three waits of one second: one after another, then together, then beside a call that blocks.

use std::time::Duration;

use roundelay::{Instant, RunError, Runner, block_for, now, say, sleep, spawn};

const SECOND: Duration = Duration::from_secs(1);

async fn wait(name: &str, start: Instant) {
    sleep(SECOND).await;
    say!("{name} ends after {} s", (now() - start).as_secs());
}

async fn block(name: &str, start: Instant) {
    block_for(2 * SECOND); // no await: nobody else can run
    say!("{name} ends after {} s", (now() - start).as_secs());
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("one after another:");
        let start = now();
        wait("a", start).await;
        wait("b", start).await;
        wait("c", start).await;

        say!("together:");
        let start = now();
        let (d, e, f) = (spawn(wait("d", start)), spawn(wait("e", start)), spawn(wait("f", start)));
        for task in [d, e, f] {
            task.await.expect("a wait does not fail");
        }

        say!("beside a call that blocks:");
        let start = now();
        let (g, h, i) =
            (spawn(wait("g", start)), spawn(block("h", start)), spawn(wait("i", start)));
        for task in [g, h, i] {
            task.await.expect("nor does a call that blocks");
        }
    })
}
