//! The watchdog: which task blocks the loop, told while it does.

mod support;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use roundelay::{Failure, FailureKind, Runner, TaskBuilder, sleep, yield_now};

/// A runner whose watchdog sends what it has to say.
fn watched(limit: Duration) -> (Runner, mpsc::Receiver<Failure>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let handler = move |failure: &Failure| drop(tell.lock().unwrap().send(failure.clone()));
    (Runner::builder().watchdog_with(limit, handler).build().unwrap(), told)
}

const LIMIT: Duration = Duration::from_millis(4);

#[test]
fn a_task_that_blocks_the_loop_is_named_while_it_still_blocks_it() {
    let (runner, told) = watched(LIMIT);
    let line = line!() + 4;
    let failure = runner.run(async move {
        // It blocks until the watchdog has spoken: without one it would block for ever.
        let blocks = async move { told.recv().unwrap() };
        TaskBuilder::new().name("blocks").spawn(blocks).await.unwrap()
    });
    let failure = failure.unwrap();
    assert_eq!((failure.kind, failure.who.as_str()), (FailureKind::TooSlow, "task 2 (blocks)"));
    let origin = failure.origin.unwrap();
    assert_eq!((origin.file(), origin.line()), (file!(), line));
    assert!(failure.message.starts_with("it has kept the loop for 4ms"), "{failure}");
}

#[test]
fn the_main_task_an_eager_one_and_a_callback_are_named_too() {
    let (runner, told) = watched(LIMIT);
    let told = Arc::new(Mutex::new(told));
    let hears = move || told.lock().unwrap().recv().unwrap().who;
    let (send, heard) = mpsc::channel();
    let (in_callback, send_too) = (hears.clone(), send.clone());
    runner.loop_ref().call_soon(move || send_too.send(in_callback()).unwrap()).unwrap();
    let eager = hears.clone();
    runner
        .run(async move {
            yield_now().await;
            send.send(hears()).unwrap();
            yield_now().await;
            let eager = TaskBuilder::new().name("eager").eager().spawn(async move { eager() });
            send.send(eager.await.unwrap()).unwrap();
        })
        .unwrap();
    let heard: Vec<String> = heard.iter().take(3).collect();
    assert_eq!(heard, ["a callback", "task 1 (main)", "task 2 (eager)"]);
}

#[test]
fn a_loop_that_waits_is_not_barked_at_and_its_thread_is_joined_at_the_end() {
    let (runner, told) = watched(LIMIT);
    runner.run(async { sleep(10 * LIMIT).await }).unwrap();
    drop(runner);
    // The handler is gone, so the thread is: nothing was sent, and nothing can be.
    assert_eq!(told.recv().unwrap_err(), mpsc::RecvError);
}

#[test]
fn a_handler_that_panics_is_survived() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let handler = move |_: &Failure| {
        tell.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).send(()).unwrap();
        panic!("an example");
    };
    let runner = Runner::builder().watchdog_with(LIMIT, handler).build().unwrap();
    let told = Arc::new(Mutex::new(told));
    for _ in 0..2 {
        let told = Arc::clone(&told);
        runner.run(async move { told.lock().unwrap().recv().unwrap() }).unwrap();
    }
}
