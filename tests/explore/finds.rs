//! Four mistakes that the order of the line hides. Each is found within so many seeds, and the
//! same program without the mistake passes all of them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use roundelay::testing::{Explore, FailingSchedule, Schedule, ScheduleFailure};
use roundelay::{Lock, TaskBuilder, sleep, spawn, to_thread, yield_now};

use crate::support::ms;

/// The mistake must be found within so many seeds.
const SEEDS: u64 = 20;

/// Found within [`SEEDS`] seeds, not in the order of the line, and again with the same seed.
fn found(test: impl AsyncFn()) -> FailingSchedule {
    assert!(Explore::new().once(&Schedule::choosing([]), &test).is_ok(), "the line hides it");
    let failing = Explore::new().check(0..SEEDS, &test).unwrap_err();
    let again = Explore::new().once(failing.schedule(), &test).unwrap_err();
    assert_eq!((again.hash(), again.failure()), (failing.hash(), failing.failure()));
    let replayed = Explore::new().again(failing.schedule(), failing.hash(), &test).unwrap_err();
    assert_eq!(replayed.failure(), failing.failure());
    failing
}

fn passes(test: impl AsyncFn()) {
    let seeds = if cfg!(miri) { 8 } else { SEEDS * 10 };
    let explored = Explore::new().check(0..seeds, test).unwrap_or_else(|e| panic!("{e}"));
    assert!(explored.different() > 1, "there was nothing to explore");
}

/// Reads, awaits, writes. Repaired: nothing awaits in between.
async fn two_writers(repaired: bool) {
    let count = Rc::new(Cell::new(0));
    let (one, other) = (count.clone(), count.clone());
    let first = spawn(async move {
        sleep(ms(1)).await;
        if repaired {
            yield_now().await;
            return one.set(one.get() + 1);
        }
        let seen = one.get();
        yield_now().await;
        one.set(seen + 1);
    });
    let second = spawn(async move {
        sleep(ms(1)).await;
        yield_now().await;
        other.set(other.get() + 1);
    });
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(count.get(), 2, "an update was lost");
}

#[test]
fn a_lost_update_is_found() {
    let failing = found(async || two_writers(false).await);
    let ScheduleFailure::Panicked(message) = failing.failure() else { panic!("{failing}") };
    assert!(message.contains("an update was lost"));
    passes(async || two_writers(true).await);
}

/// One takes the locks in one order, the other in the other. Repaired: both in the same.
async fn two_locks(repaired: bool) {
    let (left, right) = (Rc::new(Lock::new(0)), Rc::new(Lock::new(0)));
    let (first, second) = match repaired {
        true => (left.clone(), right.clone()),
        false => (right.clone(), left.clone()),
    };
    let one = TaskBuilder::new().name("left then right").spawn(async move {
        sleep(ms(1)).await;
        let _left = left.lock().await;
        yield_now().await;
        let _right = right.lock().await;
    });
    let other = TaskBuilder::new().name("the other").spawn(async move {
        sleep(ms(1)).await;
        yield_now().await;
        let _first = first.lock().await;
        let _second = second.lock().await;
    });
    one.await.unwrap();
    other.await.unwrap();
}

#[test]
fn a_deadlock_of_two_locks_is_found_and_says_who_waits() {
    let failing = found(async || two_locks(false).await);
    assert_eq!(failing.failure(), &ScheduleFailure::Stuck);
    let waiting: Vec<_> = failing.waiting().iter().map(|task| task.name.as_str()).collect();
    assert_eq!(waiting, ["main", "left then right", "the other"]);
    passes(async || two_locks(true).await);
}

/// A hand-made condition: wakes who waits now, and remembers nothing.
#[derive(Clone, Default)]
struct Pulse {
    waiting: Rc<RefCell<Vec<Waker>>>,
}

impl Pulse {
    async fn wait(&self) {
        let mut came = false;
        poll_fn(|cx| {
            if came {
                return Poll::Ready(());
            }
            came = true;
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn fire(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// Looks, does something else, then waits for what it has not seen. Repaired: looks again, with
/// nothing between the look and the wait.
async fn look_then_wait(repaired: bool) {
    let (flag, pulse) = (Rc::new(Cell::new(false)), Pulse::default());
    let (set, fired) = (flag.clone(), pulse.clone());
    let waiter = TaskBuilder::new().name("waiter").spawn(async move {
        let mut seen = flag.get();
        to_thread(|| "writes a log").await.unwrap();
        if repaired {
            seen = flag.get();
        }
        if !seen {
            pulse.wait().await;
        }
    });
    let setter = spawn(async move {
        to_thread(|| "works").await.unwrap();
        set.set(true);
        fired.fire();
    });
    setter.await.unwrap();
    waiter.await.unwrap();
}

#[test]
fn a_lost_wake_up_is_found() {
    let failing = found(async || look_then_wait(false).await);
    assert_eq!(failing.failure(), &ScheduleFailure::Stuck);
    assert!(failing.to_string().contains("not ended: task 2 (waiter), Waiting"), "{failing}");
    passes(async || look_then_wait(true).await);
}

/// Cancels what may have ended this very moment. Repaired: believes what `cancel` says.
async fn cancel_at_the_end(repaired: bool) {
    let (stock, sold) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let delivered = sold.clone();
    let order = spawn(async move {
        sleep(ms(1)).await;
        delivered.set(delivered.get() + 1);
    });
    sleep(ms(1)).await;
    let cancelled = order.cancel();
    if cancelled || !repaired {
        stock.set(stock.get() + 1);
    }
    let _ = order.await;
    assert_eq!(stock.get() + sold.get(), 1, "there was one thing");
}

#[test]
fn a_race_of_cancel_and_completion_is_found() {
    let failing = found(async || cancel_at_the_end(false).await);
    assert!(failing.to_string().contains("there was one thing"), "{failing}");
    passes(async || cancel_at_the_end(true).await);
}
