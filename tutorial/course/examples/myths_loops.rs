//! Myths about tasks and loops, measured: each function is a claim and shows what is true.

use std::cell::Cell;
use std::future::Future;
use std::panic::catch_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use roundelay::{
    RunError, Runner, all_tasks, current_loop, promise, run, say, sleep, spawn, yield_now,
};

fn runner() -> Result<Runner, RunError> {
    Runner::builder().virtual_clock().build()
}

fn calling_makes_a_task() -> Result<(), RunError> {
    async fn work() {}
    runner()?.run(async {
        let others = || all_tasks().len() - 1;
        let future = work();
        say!("called: {} tasks besides main", others());
        let task = spawn(future);
        say!("spawned: {} task besides main", others());
        task.await.expect("it ends");
    })
}

fn a_task_can_be_made_before_the_loop() {
    let outcome = catch_unwind(|| spawn(async {}).detach());
    let refused = outcome.expect_err("it is refused");
    let why = refused.downcast_ref::<String>().expect("it says why");
    say!("refused: {}", why.split(';').next().unwrap_or_default());
}

fn the_task_keeps_the_stack() {
    async fn inner() -> u32 {
        yield_once().await;
        7
    }
    async fn yield_once() {
        let mut waited = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
    let mut future = pin!(async { inner().await + 1 });
    let mut cx = Context::from_waker(Waker::noop());
    say!("no loop and no task; first push: {:?}", future.as_mut().poll(&mut cx));
    say!("second push: {:?}", future.as_mut().poll(&mut cx));
}

fn a_task_that_nobody_keeps_goes_on() -> Result<(), RunError> {
    runner()?.run(async {
        spawn(async {
            let (promise, future) = promise::<()>();
            let _never = future.await;
            drop(promise);
        })
        .detach();
        yield_now().await;
        say!("nobody has kept its handle, and it is there: {}", all_tasks().len() - 1 == 1);
    })
}

fn turning_a_loop_is_all_that_run_does() -> Result<(), RunError> {
    struct Cleaned(Rc<Cell<bool>>);
    impl Drop for Cleaned {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let cleaned = Rc::new(Cell::new(false));
    let guard = Cleaned(cleaned.clone());
    let runner = runner()?;
    runner.run(async {
        spawn(async move {
            let _guard = guard;
            sleep(Duration::from_secs(9)).await;
        })
        .detach();
        yield_now().await;
    })?;
    say!("turned only: the leftover is cleaned up: {}", cleaned.get());
    runner.close();
    say!("closed, as `run` does: the leftover is cleaned up: {}", cleaned.get());
    Ok(())
}

fn run_can_be_called_once() {
    let one_after_another: Vec<u32> = (0..3).map(|n| run(async move { n })).collect();
    say!("one after another: {one_after_another:?}");
    let threads: Vec<_> = (0..3).map(|n| thread::spawn(move || run(async move { n }))).collect();
    let together: Vec<u32> =
        threads.into_iter().map(|thread| thread.join().expect("it runs")).collect();
    say!("in three threads: {together:?}");
    let inside = run(async { Runner::new().and_then(|runner| runner.run(async {})) });
    say!("one inside another is refused: {}", inside.is_err());
}

fn there_is_always_a_current_loop() {
    say!("before a run: {}", current_loop().is_some());
    say!("inside: {}", run(async { current_loop().is_some() }));
    say!("after it: {}", current_loop().is_some());
}

fn joining_a_thread_in_a_task_is_harmless() -> Result<(), RunError> {
    runner()?.run(async {
        let door = current_loop().expect("one runs").proxy();
        let asker = thread::spawn(move || {
            let (answer, answered) = mpsc::channel();
            let ask = move || answer.send(42).unwrap_or_default();
            door.call_soon_threadsafe(ask).expect("the loop is open");
            answered.recv_timeout(Duration::from_millis(50))
        });
        let heard = asker.join().expect("it does not panic");
        say!("the thread asks the loop, the loop waits for the thread: {heard:?}");
    })
}

fn main() -> Result<(), RunError> {
    std::panic::set_hook(Box::new(|_| {})); // one claim panics, and prints why itself
    say!("== 1");
    calling_makes_a_task()?;
    say!("== 2");
    a_task_can_be_made_before_the_loop();
    say!("== 3");
    the_task_keeps_the_stack();
    say!("== 4");
    a_task_that_nobody_keeps_goes_on()?;
    say!("== 5");
    turning_a_loop_is_all_that_run_does()?;
    say!("== 6");
    run_can_be_called_once();
    say!("== 7");
    there_is_always_a_current_loop();
    say!("== 8");
    joining_a_thread_in_a_task_is_harmless()
}
