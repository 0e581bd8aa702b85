//! A waker may poll its future from inside the wake-up, whatever wakes it: nothing is lost, and
//! nothing of ours is held meanwhile.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use roundelay::{
    Queue, Semaphore, TaskGroup, gather_all, promise, sleep, spawn, task_group, timeout, yield_now,
};

use crate::support::{ms, must_end, run_virtual};
use crate::world::Leaf;

thread_local! {
    static POLLED: RefCell<Option<Leaf>> = const { RefCell::new(None) };
    static AGAIN: Cell<bool> = const { Cell::new(false) };
    static DONE: Cell<bool> = const { Cell::new(false) };
}

/// Polls the future from inside the wake-up, as the smallest executors do.
struct PollsAtOnce;

impl Wake for PollsAtOnce {
    fn wake(self: Arc<Self>) {
        let Some(mut future) = POLLED.take() else { return AGAIN.set(true) };
        loop {
            AGAIN.set(false);
            let waker = Waker::from(Arc::clone(&self));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return DONE.set(true);
            }
            if !AGAIN.get() {
                break;
            }
        }
        POLLED.set(Some(future));
    }
}

/// Gives the future to a waker that polls at once, lets `happen` happen, and expects the end.
async fn polled_at_once(
    what: &str,
    future: impl Future<Output = ()> + 'static,
    happen: impl FnOnce(),
) {
    DONE.set(false);
    POLLED.set(Some(Box::pin(future)));
    Arc::new(PollsAtOnce).wake();
    for _ in 0..5 {
        yield_now().await;
    }
    happen();
    for _ in 0..20 {
        sleep(ms(1)).await;
    }
    let future = POLLED.take();
    drop(future);
    assert!(DONE.get(), "{what}: nobody woke it any more");
}

#[test]
fn a_waker_may_poll_at_once_whatever_it_waits_for() {
    must_end(|| {
        run_virtual(async {
            let (resolve, future) = promise();
            polled_at_once("a promise", async { future.await.unwrap() }, || {
                resolve.resolve(()).unwrap();
            })
            .await;
            let semaphore = Semaphore::new(0);
            let acquire = semaphore.acquire();
            let waits = async { acquire.await.forget() };
            polled_at_once("a semaphore", waits, || semaphore.add_permits(1)).await;
            let queue = Queue::bounded(1);
            let get = queue.get();
            let waits = async { get.await.unwrap() };
            polled_at_once("a getter", waits, || queue.try_put(()).unwrap()).await;
            queue.try_put(()).unwrap();
            let put = queue.put(());
            let waits = async { put.await.unwrap() };
            polled_at_once("a putter", waits, || queue.try_get().unwrap()).await;
            let put = queue.put(());
            let waits = async { assert!(put.await.is_err()) };
            polled_at_once("a putter of a queue that closes", waits, || queue.close()).await;
            polled_at_once("a sleep", sleep(ms(5)), || ()).await;
            polled_at_once("giving way", yield_now(), || ()).await;
            let limited = async { assert!(timeout(ms(5), pending::<()>()).await.is_err()) };
            polled_at_once("a timeout", limited, || ()).await;
        });
    });
}

#[test]
fn a_waker_may_poll_at_once_when_a_task_ends() {
    must_end(|| {
        run_virtual(async {
            let (end, ending) = promise::<()>();
            let task = spawn(async { ending.await.unwrap() });
            polled_at_once("a task", async { task.await.unwrap() }, || end.resolve(()).unwrap())
                .await;
            let task = spawn(async {
                sleep(ms(1)).await;
                std::panic::resume_unwind(Box::new("no message"));
            });
            let waits = async {
                let _: roundelay::TaskError = task.await.unwrap_err();
            };
            polled_at_once("a task that panics", waits, || ()).await;
            let tasks = (0..3).map(|n| async move { sleep(ms(n)).await });
            let gathered = gather_all(tasks);
            polled_at_once("gather", async { drop(gathered.await) }, || ()).await;
        });
    });
}

#[test]
fn a_waker_may_poll_a_group_at_once_when_its_last_child_leaves() {
    must_end(|| {
        run_virtual(async {
            for how in ["it ends", "it fails", "it panics"] {
                let (end, ending) = promise::<()>();
                let group = task_group(async move |group: TaskGroup<&str>| {
                    group.spawn(async move {
                        ending.await.unwrap();
                        match how {
                            "it ends" => Ok(()),
                            "it fails" => Err("failed"),
                            _ => std::panic::resume_unwind(Box::new("no message")),
                        }
                    });
                    Ok(())
                });
                polled_at_once(how, async { drop(group.await) }, || end.resolve(()).unwrap()).await;
            }
        });
    });
}
