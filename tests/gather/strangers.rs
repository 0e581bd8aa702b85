//! Wakers and combinators that are not ours, many gathers, and a loop that is closed.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use roundelay::{
    GatherCause, TaskError, gather, gather_all, promise, sleep, spawn, try_gather, yield_now,
};

use crate::support::{
    Census, Counter, Log, OnDrop, ms, on_drop, panicking_waker, poll_now, poll_once,
    reporting_runner, rounds, run_virtual,
};

#[test]
fn a_child_may_drop_the_gather_that_owns_it() {
    let log = Log::new();
    run_virtual(async {
        let owner = Rc::new(RefCell::new(None));
        let inside = Rc::clone(&owner);
        let guard = log.on_drop("the child is gone");
        let seen = log.clone();
        let child = async move {
            let _guard = guard;
            yield_now().await;
            drop(inside.take());
            seen.add("goes on to its next wait");
            pending::<()>().await;
        };
        *owner.borrow_mut() = Some(gather_all([child]));
        for _ in 0..4 {
            yield_now().await;
        }
        log.add("end");
    });
    assert_eq!(log.take(), ["goes on to its next wait", "the child is gone", "end"]);
}

#[test]
fn a_thousand_gathers_one_inside_the_other_are_dropped_without_overflowing_the_stack() {
    fn nested(census: Census, depth: usize) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        let guard = census.born();
        Box::pin(async move {
            let _guard = guard;
            match depth {
                0 => pending().await,
                _ => drop(gather_all([nested(census, depth - 1)]).await),
            }
        })
    }
    let (census, depth) = (Census::new(), rounds(1000));
    run_virtual(async {
        let outermost = gather_all([nested(census.clone(), depth)]);
        for _ in 0..=depth {
            yield_now().await;
        }
        assert_eq!(census.alive(), depth + 1);
        drop(outermost);
        assert_eq!(census.alive(), 0, "the deepest too");
    });
}

#[test]
fn a_gather_polled_with_ever_new_foreign_wakers_wakes_the_last_of_them() {
    run_virtual(async {
        let (promise, value) = promise::<()>();
        let mut gathered = gather_all([value]);
        let (counter, _first) = Counter::new();
        let mut last = counter;
        for _ in 0..3 {
            let (counter, waker) = Counter::new();
            assert!(poll_once(&mut gathered, &waker).is_pending());
            last = counter;
        }
        yield_now().await;
        promise.resolve(()).unwrap();
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(last.wakes(), 1);
        assert!(gathered.await[0].as_ref().unwrap().is_ok());
    });
}

#[test]
fn a_foreign_waker_that_panics_hurts_neither_the_children_nor_the_loop() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let mut gathered = gather_all([yield_now(), yield_now()]);
            let waker = panicking_waker();
            assert!(poll_once(&mut gathered, &waker).is_pending());
            sleep(ms(5)).await;
            assert_eq!(gathered.await.len(), 2);
        })
        .unwrap();
    assert_eq!(reports.take(), ["CallbackPanicked: a waker that panics"]);
}

#[test]
#[cfg_attr(miri, ignore = "buries a million tasks")]
fn what_is_gathered_on_a_loop_that_is_closed_counts_as_cancelled() {
    /// Its destructor gathers; as long as the loop still takes tasks, it leaves an heir there.
    fn heir(log: Log) -> OnDrop {
        on_drop(move || {
            let mut all = gather_all([std::future::ready(7)]);
            let mut first_error = gather([std::future::ready(Ok::<_, ()>(7))]);
            let waker = std::task::Waker::noop();
            let polled = (poll_once(&mut all, waker), poll_once(&mut first_error, waker));
            let (Poll::Ready(all), Poll::Ready(first_error)) = polled else {
                let heir = heir(log);
                return spawn(async move {
                    let _heir = heir;
                    pending::<()>().await;
                })
                .detach();
            };
            assert!(matches!(all[..], [Err(TaskError::Cancelled)]));
            let cause = first_error.unwrap_err().cause;
            assert!(matches!(cause, GatherCause::Task(TaskError::Cancelled)));
            log.add("cancelled");
        })
    }
    let log = Log::new();
    let (runner, reports) = reporting_runner();
    let first = heir(log.clone());
    runner.run(async { drop(first) }).unwrap();
    drop(runner);
    assert_eq!((log.take(), reports.take()), (vec!["cancelled".to_owned()], vec![]));
}

/// Awaits something and counts how often it was polled.
async fn count_polls<F: Future>(future: F) -> (usize, F::Output) {
    let (mut polls, mut future) = (0, std::pin::pin!(future));
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    let output = output.await;
    (polls, output)
}

#[test]
fn whoever_gathers_many_is_woken_by_the_last_or_by_the_first_failure_and_by_nobody_else() {
    run_virtual(async {
        let many = if cfg!(miri) { 10 } else { 100 };
        let sleeps = || (1..=many).map(|n| sleep(ms(n as u64)));
        let (polls, all) = count_polls(gather_all(sleeps())).await;
        assert_eq!((polls, all.len()), (2, many));
        let fails_at = |place: usize| {
            sleeps().enumerate().map(move |(at, sleep)| async move {
                sleep.await;
                if at == place { Err(at) } else { Ok(at) }
            })
        };
        let (polls, values) = count_polls(gather(fails_at(1000))).await;
        assert_eq!((polls, values.unwrap().len()), (2, many));
        let (polls, values) = count_polls(gather(fails_at(many / 2))).await;
        assert_eq!((polls, values.unwrap_err().index), (2, many / 2));
        // Once for the failure, and once for the end of the last of those that it cancels: each
        // of them failed, too.
        let (polls, values) = count_polls(try_gather(fails_at(many - 2))).await;
        assert_eq!((polls, values.unwrap_err().index), (3, many - 2));
    });
}

#[test]
fn whoever_drops_a_gather_is_not_woken_by_the_children_that_go() {
    let log = Log::new();
    let seen = log.clone();
    run_virtual(async move {
        let mut waits = gather_all([pending::<()>(), pending()]);
        assert!(poll_now(&mut waits).await.is_pending());
        drop(waits);
        let other = seen.clone();
        spawn(async move { other.add("another") }).detach();
        yield_now().await;
        seen.add("whoever dropped it");
    });
    assert_eq!(log.take(), ["another", "whoever dropped it"]);
}
