//! From a job back into the loop that awaits it.

use std::sync::mpsc;
use std::thread::{self};

use roundelay::pools::ThreadPool;
use roundelay::{
    FromThreadError, RemoteError, TaskBuilder, from_thread, is_host_gone, run, spawn, spawner,
    to_thread, yield_now,
};

use crate::support::{Log, must_end};

#[test]
fn a_job_calls_back_into_the_loop_that_awaits_it() {
    let log = Log::new();
    let seen = log.clone();
    let answer = run(async move {
        let ticks = spawn(async move {
            loop {
                yield_now().await;
            }
        });
        let answer = to_thread(|| {
            let first = from_thread(|| async { 20 }).unwrap();
            let second = from_thread(move || async move {
                yield_now().await;
                first + 1
            });
            second.map(|half| half * 2)
        });
        let answer = answer.await;
        ticks.cancel();
        seen.add("the loop turned meanwhile");
        answer
    });
    assert_eq!(answer.unwrap().unwrap(), 42);
    assert_eq!(log.take(), ["the loop turned meanwhile"]);
}

#[test]
fn outside_of_a_job_there_is_nothing_to_call_back_into() {
    let outside = from_thread(|| async {});
    assert!(matches!(outside, Err(FromThreadError::OutsideJob)));
    let on_the_loop = run(async { from_thread(|| async {}) });
    assert!(matches!(on_the_loop, Err(FromThreadError::OutsideJob)));
    let inner_thread =
        run(to_thread(|| thread::spawn(|| from_thread(|| async {})).join().unwrap()));
    assert!(matches!(inner_thread.unwrap(), Err(FromThreadError::OutsideJob)));
    let a_plain_pool = ThreadPool::new(1).submit(|| from_thread(|| async {})).unwrap();
    assert!(matches!(a_plain_pool.wait().unwrap(), Err(FromThreadError::OutsideJob)));
}

#[test]
fn a_panic_in_the_call_comes_to_the_job_and_not_to_the_host() {
    let outcome = run(to_thread(|| from_thread(|| async { panic!("in the call") })));
    let Err(FromThreadError::Call(RemoteError::Panicked(panic))) = outcome.unwrap() else {
        panic!("it panicked")
    };
    assert_eq!(panic.message(), "in the call");
}

#[test]
fn a_host_that_gives_up_ends_the_call_and_refuses_the_next() {
    must_end(|| {
        run(async {
            let (tell, told) = mpsc::channel();
            let (entered, inside) = mpsc::channel();
            let job = spawn(to_thread(move || {
                let first = from_thread(move || async move {
                    entered.send(()).unwrap();
                    std::future::pending::<()>().await;
                });
                let second = from_thread(|| async {});
                tell.send((first, second, is_host_gone())).unwrap();
            }));
            while inside.try_recv().is_err() {
                yield_now().await;
            }
            job.cancel();
            assert!(job.await.unwrap_err().is_cancelled());
            let told = to_thread(move || told.recv().unwrap()).await.unwrap();
            assert!(matches!(told.0, Err(FromThreadError::HostGone)));
            assert!(matches!(told.1, Err(FromThreadError::HostGone)));
            assert!(told.2);
        });
    });
}

#[test]
fn a_closing_loop_lets_a_job_that_calls_back_go() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        run(async move {
            let (in_call, is_in_call) = mpsc::channel();
            let _left_behind = spawn(to_thread(move || {
                let during = from_thread(move || async move {
                    in_call.send(()).unwrap();
                    std::future::pending::<()>().await;
                });
                gone.recv().unwrap_err();
                let after = from_thread(|| async {});
                tell.send((during, after)).unwrap();
            }));
            while is_in_call.try_recv().is_err() {
                yield_now().await;
            }
            drop(go);
        });
        let (during, after) = told.recv().unwrap();
        assert!(matches!(during, Err(FromThreadError::HostGone)));
        assert!(matches!(after, Err(FromThreadError::HostGone)));
    });
}

#[test]
fn a_job_that_uses_a_spawner_while_its_loop_closes_gets_an_answer() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (closing, is_closing) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        run(async move {
            let home = spawner();
            let task = spawn(to_thread(move || {
                begun.send(()).unwrap();
                is_closing.recv().unwrap_err();
                // The loop is waiting for this very job by now, or will be.
                tell.send(home.spawn(std::future::pending::<()>).wait()).unwrap();
            }));
            while has_begun.try_recv().is_err() {
                yield_now().await;
            }
            // Dropped when the loop unwinds its tasks.
            TaskBuilder::new()
                .spawn(async move {
                    let _closing = closing;
                    std::future::pending::<()>().await;
                })
                .detach();
            yield_now().await;
            task.detach();
        });
        let outcome = told.recv().unwrap();
        assert!(matches!(outcome, Err(RemoteError::Cancelled | RemoteError::LoopClosed)));
    });
}
