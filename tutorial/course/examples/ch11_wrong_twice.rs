//! The mistake: to give up waiting, and to think that the work is given up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, spawn, timeout};

const LIMIT: Duration = Duration::from_secs(5);

/// Takes 8 seconds the first time, and 1 the second.
async fn order(ordered: Rc<Cell<u32>>, attempt: u64) {
    sleep(Duration::from_secs(15 - 7 * attempt)).await;
    ordered.set(ordered.get() + 1);
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let ordered = Rc::new(Cell::new(0));
        for attempt in 1..=2 {
            let task = spawn(order(Rc::clone(&ordered), attempt));
            if timeout(LIMIT, task).await.is_ok() {
                break;
            }
        }
        sleep(Duration::from_secs(60)).await;
        say!("a limit around a task's handle, orders placed: {}", ordered.get());

        let ordered = Rc::new(Cell::new(0));
        for attempt in 1..=2 {
            if timeout(LIMIT, order(Rc::clone(&ordered), attempt)).await.is_ok() {
                break;
            }
        }
        sleep(Duration::from_secs(60)).await;
        say!("a limit around the future itself, orders placed: {}", ordered.get());
    })
}
