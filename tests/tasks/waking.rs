//! A wake is one poll: never lost, never doubled, and it reaches the task that it was meant for.
//!
//! Bug classes B5 and B6.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use roundelay::{spawn, yield_now};

use crate::support::{rounds, run_virtual};
use crate::turn;

#[test]
fn many_wakes_before_a_step_are_one_poll() {
    run_virtual(async {
        let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
        let (count, store) = (Rc::clone(&polls), Rc::clone(&waker));
        let task = spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *store.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        yield_now().await;
        for round in 2..5 {
            let waker = waker.borrow().clone().unwrap();
            for _ in 0..10 {
                waker.wake_by_ref();
                let clone = waker.clone();
                clone.wake();
            }
            yield_now().await;
            assert_eq!(polls.get(), round);
            yield_now().await;
            assert_eq!(polls.get(), round, "a wake too many was kept");
        }
        task.cancel();
        assert!(task.await.is_err());
    });
}

#[test]
fn a_task_that_wakes_itself_is_polled_again_in_the_next_turn_and_not_sooner() {
    run_virtual(async {
        let start = turn();
        let mut polls = Vec::new();
        let task = spawn(poll_fn(move |cx| {
            polls.push(turn() - start);
            cx.waker().wake_by_ref();
            if polls.len() < 4 { Poll::Pending } else { Poll::Ready(std::mem::take(&mut polls)) }
        }));
        assert_eq!(task.await.unwrap(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_wake_during_the_poll_is_not_lost_even_if_the_waker_is_dropped_then() {
    // B6: the wake is posted, the waker is gone, the task says Pending.
    run_virtual(async {
        let mut polls = 0;
        let task = spawn(poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            waker.wake();
            if polls < 5 { Poll::Pending } else { Poll::Ready(polls) }
        }));
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn a_waker_that_outlives_its_task_wakes_nobody_who_came_after() {
    // B5: the slot is used again, the key is not.
    run_virtual(async {
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..rounds(100) {
            let store = Rc::clone(&wakers);
            spawn(poll_fn(move |cx| {
                store.borrow_mut().push(cx.waker().clone());
                Poll::Ready(())
            }))
            .await
            .unwrap();
        }
        let polls = Rc::new(Cell::new(0));
        let count = Rc::clone(&polls);
        let task = spawn(poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }));
        yield_now().await;
        for waker in wakers.take() {
            waker.wake();
        }
        yield_now().await;
        assert_eq!(polls.get(), 1);
        drop(task);
    });
}

#[test]
fn a_task_whose_waker_was_kept_once_is_lent_that_one_ever_after() {
    /// Four steps; in the first the task's waker is cloned, in the second the clone is dropped.
    async fn steps(keeps: bool) -> Vec<*const ()> {
        let (mut lent, mut kept) = (Vec::new(), Some(None::<Waker>));
        poll_fn(move |cx| {
            // Keeping it drops what was kept before.
            kept.replace((keeps && lent.is_empty()).then(|| cx.waker().clone()));
            lent.push(cx.waker().data());
            cx.waker().wake_by_ref();
            if lent.len() < 4 { Poll::Pending } else { Poll::Ready(std::mem::take(&mut lent)) }
        })
        .await
    }
    roundelay::run(async {
        let (keeper, other) = (spawn(steps(true)), spawn(steps(false)));
        let (keeper, other) = (keeper.await.unwrap(), other.await.unwrap());
        assert_eq!(keeper, [keeper[0]; 4]);
        assert!(!other.contains(&keeper[0]), "a waker that is somebody's is lent to nobody else");
    });
}
