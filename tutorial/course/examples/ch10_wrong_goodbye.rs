//! The mistake: what must be said at the end stands behind the last await.

use std::time::Duration;

use roundelay::{RunError, Runner, Task, say, sleep, spawn, with_cleanup};

async fn talk() {
    say!("  hello");
    sleep(Duration::from_secs(10)).await;
}

async fn say_goodbye() {
    sleep(Duration::from_secs(1)).await; // it has to be sent
    say!("  goodbye");
}

async fn stop_soon(task: Task<()>) {
    sleep(Duration::from_secs(3)).await;
    task.cancel();
    say!("  {}", task.await.unwrap_err());
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("behind the last await:");
        let talks = async {
            talk().await;
            say_goodbye().await;
        };
        stop_soon(spawn(talks)).await;

        say!("as a cleanup:");
        let limit = Duration::from_secs(5);
        stop_soon(spawn(with_cleanup(talk(), say_goodbye(), limit))).await;
    })
}
