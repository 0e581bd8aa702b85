//! Who is polled when, and who is woken by whom.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use roundelay::{join, promise, spawn, to_thread, yield_now};

use crate::actors::Stage;
use crate::support::{Counter, Log, must_end, poll_now, poll_once, rounds, run_virtual};

#[test]
fn the_first_poll_is_of_all_in_order_and_a_later_one_of_whom_was_woken() {
    let stage = Stage::with(4);
    let mut list = join(stage.actors());
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!(stage.polls.take(), [0, 1, 2, 3]);
    // Somebody else in the same task was woken.
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!((stage.polls.take(), counter.wakes()), (vec![], 0));
    [3, 1, 3].into_iter().for_each(|number| stage.wake(number));
    assert_eq!(counter.wakes(), 1, "once for all of them");
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!(stage.polls.take(), [3, 1]);
}

#[test]
fn a_tuple_polls_all_that_have_not_ended() {
    let stage = Stage::with(4);
    let mut tuple = join(stage.four());
    stage.end(1, Ok(1));
    assert!(poll_once(&mut tuple, Waker::noop()).is_pending());
    assert!(poll_once(&mut tuple, Waker::noop()).is_pending());
    assert_eq!((stage.polls.take(), stage.drops.take()), (vec![0, 1, 2, 3, 0, 2, 3], vec![1]));
}

#[test]
fn ten_thousand_futures_that_end_one_by_one_are_polled_twice_each() {
    let many = rounds(10_000);
    let polls = Rc::new(Cell::new(0));
    run_virtual(async {
        let (promises, futures): (Vec<_>, Vec<_>) = (0..many).map(|_| promise()).unzip();
        let counted = futures.into_iter().map(|mut future| {
            let polls = Rc::clone(&polls);
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                Pin::new(&mut future).poll(cx)
            })
        });
        let joined = spawn(join(counted));
        // One in each turn, the last one first.
        for (number, promise) in promises.into_iter().enumerate().rev() {
            yield_now().await;
            promise.resolve(number).unwrap();
        }
        let outputs = joined.await.unwrap().into_iter().map(Result::unwrap);
        assert!(outputs.eq(0..many));
    });
    assert_eq!(polls.get(), 2 * many);
}

#[test]
fn who_wakes_itself_has_its_turn_after_the_other_tasks() {
    let log = Log::new();
    run_virtual(async {
        let (ours, theirs) = (log.clone(), log.clone());
        let task = spawn(join((0..2).map(move |number| {
            let log = ours.clone();
            async move {
                for step in 0..2 {
                    log.add(format!("{number}: {step}"));
                    yield_now().await;
                }
            }
        })));
        let other = spawn(async move {
            for step in 0..2 {
                theirs.add(format!("other: {step}"));
                yield_now().await;
            }
        });
        task.await.unwrap();
        other.await.unwrap();
    });
    assert_eq!(log.take(), ["0: 0", "1: 0", "other: 0", "0: 1", "1: 1", "other: 1"]);
}

#[test]
fn one_that_wakes_a_sibling_wakes_it_for_the_next_poll() {
    let stage = Stage::with(3);
    let mut list = join(stage.actors());
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut list, &waker).is_pending());
    // An earlier one, itself, and a later one that has been woken already.
    stage.cues.borrow_mut()[1].wakes = vec![0, 1, 2];
    stage.wake(1);
    stage.wake(2);
    stage.polls.take();
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!((stage.polls.take(), counter.wakes()), (vec![1, 2], 2));
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!((stage.polls.take(), counter.wakes()), (vec![0, 1], 2));
}

#[test]
fn a_future_is_dropped_when_it_ends_and_a_wake_up_after_that_is_for_nobody() {
    let stage = Stage::with(2);
    let mut list = join(stage.actors());
    stage.end(0, Ok(7));
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!(stage.drops.take(), [0]);
    stage.wake(0);
    stage.polls.take();
    assert!(poll_once(&mut list, &waker).is_pending());
    assert_eq!((stage.polls.take(), counter.wakes()), (vec![], 0));
    stage.end(1, Err(8));
    stage.wake(1);
    assert_eq!(poll_once(&mut list, &waker), Poll::Ready(vec![Ok(7), Err(8)]));
    // Wakers outlive the join, and keep nobody who polled it.
    drop((list, waker));
    stage.wake(1);
    assert_eq!((counter.wakes(), Arc::strong_count(&counter)), (1, 1));
}

#[test]
fn whoever_polls_last_is_woken_also_after_a_move_to_another_task() {
    for is_list in [true, false] {
        run_virtual(async move {
            let (promise, future) = promise();
            let mut joined: Pin<Box<dyn Future<Output = u8>>> = match is_list {
                true => Box::pin(async move { join([future]).await.remove(0).unwrap() }),
                false => Box::pin(async move { join((future, ready(()))).await.0.unwrap() }),
            };
            assert!(poll_now(&mut joined).await.is_pending());
            let task = spawn(joined);
            yield_now().await;
            promise.resolve(7).unwrap();
            assert_eq!(task.await.unwrap(), 7);
        });
    }
}

#[test]
fn wake_ups_from_other_threads_are_not_lost() {
    let joined = must_end(|| {
        roundelay::run(async {
            let hops = |number| async move {
                for _ in 0..rounds(200) {
                    to_thread(|| ()).await.unwrap();
                }
                number
            };
            join((0..4).map(hops)).await
        })
    });
    assert_eq!(joined, [0, 1, 2, 3]);
}
