//! What goes when a join is dropped, when a future panics, and when a destructor does.

use std::any::Any;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use roundelay::{Semaphore, join, sleep, timeout, try_join, yield_now};

use crate::actors::napper;
use crate::support::{Census, Log, ms, poll_now, poll_once, run_virtual};

#[test]
fn a_dropped_join_drops_its_futures_in_order_before_the_drop_returns() {
    let log = Log::new();
    run_virtual(async {
        let naps = || [("a", 30), ("b", 1), ("c", 20)];
        let list = join(naps().map(|(name, nap)| napper(&log, name, nap)));
        assert!(timeout(ms(5), list).await.is_err());
        log.add("out of time");
        let [a, b, c] = naps().map(|(name, nap)| napper(&log, name, nap));
        assert!(timeout(ms(5), join((a, b, c))).await.is_err());
        log.add("again");
    });
    let gone = ["b is gone", "a is gone", "c is gone"];
    assert_eq!(log.take(), [&gone[..], &["out of time"], &gone, &["again"]].concat());
}

#[test]
fn values_that_have_come_are_dropped_with_the_join_and_with_an_error() {
    let census = Census::new();
    run_virtual(async {
        let gives = || {
            let value = census.born();
            async move { Ok::<_, &str>(value) }
        };
        let fails = async {
            sleep(ms(1)).await;
            Err::<(), _>("no")
        };
        assert_eq!(try_join((gives(), fails)).await.err(), Some("no"));
        assert_eq!(census.alive(), 0);
        let waits = async {
            sleep(ms(9)).await;
            gives().await
        };
        let mut both = Box::pin(join((gives(), waits)));
        assert!(poll_now(&mut both).await.is_pending());
        assert_eq!(census.alive(), 1);
        drop(both);
        assert_eq!(census.alive(), 0);
    });
}

fn message(panic: Box<dyn Any + Send>) -> String {
    panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).unwrap_or_default()
}

#[test]
fn a_panic_comes_through_and_the_others_are_dropped_with_the_join() {
    let census = Census::new();
    let child = |panics: bool| {
        let guard = census.born();
        async move {
            let _guard = guard;
            yield_now().await;
            assert!(!panics, "on purpose");
            pending::<()>().await;
        }
    };
    for is_list in [true, false] {
        let (child, census) = (&child, &census);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run_virtual(async move {
                match is_list {
                    true => drop(join([false, true, false].map(child)).await),
                    false => drop(join((child(false), child(true), child(false))).await),
                }
            });
        }));
        assert_eq!(message(outcome.unwrap_err()), "on purpose");
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_join_that_is_over_panics_when_it_is_polled_again() {
    let says = |poll: &mut dyn FnMut()| {
        let panic = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
        assert!(message(panic).contains("do not poll it again"));
    };
    let mut ended = join([ready(1)]);
    assert_eq!(poll_once(&mut ended, Waker::noop()), Poll::Ready(vec![1]));
    says(&mut || assert!(poll_once(&mut ended, Waker::noop()).is_pending()));
    let mut failed = try_join((ready(Err::<(), _>(1)), ready(Ok(2))));
    assert_eq!(poll_once(&mut failed, Waker::noop()), Poll::Ready(Err(1)));
    says(&mut || assert!(poll_once(&mut failed, Waker::noop()).is_pending()));
    let mut unwound = join([poll_fn(|_| -> Poll<()> { panic!("on purpose") })]);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(poll_once(&mut unwound, Waker::noop()))));
    assert_eq!(message(panic.unwrap_err()), "on purpose");
    says(&mut || assert!(poll_once(&mut unwound, Waker::noop()).is_pending()));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

#[test]
fn a_panic_in_a_destructor_comes_through_and_the_others_are_dropped_all_the_same() {
    let census = Census::new();
    let child = |has_bomb: bool| {
        let (guard, bomb) = (census.born(), has_bomb.then(|| Bomb));
        async move {
            let _kept = (guard, bomb);
            pending::<()>().await;
        }
    };
    let mut list = join([false, true, false].map(child));
    let mut tuple = Box::pin(join((child(false), child(true), child(false))));
    assert!(poll_once(&mut list, Waker::noop()).is_pending());
    assert!(poll_once(&mut tuple, Waker::noop()).is_pending());
    for panic in [
        catch_unwind(AssertUnwindSafe(|| drop(list))),
        catch_unwind(AssertUnwindSafe(|| drop(tuple))),
    ] {
        assert_eq!(message(panic.unwrap_err()), "a destructor");
    }
    assert_eq!(census.alive(), 0);
    // The same in a destructor that runs because its future has ended.
    let ends = |bomb: Option<Bomb>| {
        let guard = census.born();
        poll_fn(move |_| {
            let _kept = (&guard, &bomb);
            Poll::Ready(())
        })
    };
    let mut list = join([None, Some(Bomb), None].map(ends));
    let panic = catch_unwind(AssertUnwindSafe(|| drop(poll_once(&mut list, Waker::noop()))));
    assert_eq!(message(panic.unwrap_err()), "a destructor");
    drop(list);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_permit_that_was_just_granted_goes_back_with_the_join() {
    run_virtual(async {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire().await;
        let mut waits = join([semaphore.acquire(), semaphore.acquire()]);
        assert!(poll_now(&mut waits).await.is_pending());
        drop(held); // granted to the first
        assert_eq!(semaphore.available_permits(), 0);
        drop(waits);
        assert_eq!(semaphore.available_permits(), 1);
    });
}
