//! The mistake: two steps that belong together, and a place to stop between them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{RunError, Runner, Task, say, shield, sleep, spawn};

/// What two people have.
#[derive(Default)]
struct Purses {
    ann: Cell<u32>,
    ben: Cell<u32>,
}

async fn give(purses: Rc<Purses>) {
    purses.ann.set(purses.ann.get() - 30);
    sleep(Duration::from_secs(2)).await; // it is on its way
    purses.ben.set(purses.ben.get() + 30);
}

/// Asks `task` to end on its way, and says who has what a little later.
async fn stop_half_way(purses: &Purses, task: Task<()>) {
    sleep(Duration::from_secs(1)).await;
    task.cancel();
    say!("  the giver: {:?}", task.await);
    sleep(Duration::from_secs(5)).await;
    say!("  ann has {}, ben has {}", purses.ann.get(), purses.ben.get());
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        say!("given");
        let purses = Rc::new(Purses { ann: Cell::new(100), ben: Cell::new(0) });
        stop_half_way(&purses, spawn(give(Rc::clone(&purses)))).await;

        say!("given behind a shield");
        let purses = Rc::new(Purses { ann: Cell::new(100), ben: Cell::new(0) });
        let gives = give(Rc::clone(&purses));
        let task = spawn(async { shield(gives).await.expect("nobody cancels this one") });
        stop_half_way(&purses, task).await;
    })
}
