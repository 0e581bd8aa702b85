//! Channels and combinators of others, woken from another thread.
//!
//! The thread has no loop. All that it does is to wake a waker of ours, which is a call through
//! the loop's door.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use futures_concurrency::future::{FutureGroup, Join, Race};
use futures_lite::{StreamExt, future};
use roundelay::{gather_all, now, sleep, spawn, yield_now};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::support::{on_a_loop, seconds};

/// Far more than any of the channels holds, so both sides have to wait.
const MANY: u64 = 10_000;

#[test]
fn async_channel_goes_both_ways_with_a_thread() {
    let sum = on_a_loop(async || {
        let (ask, asked) = async_channel::bounded(2);
        let (answer, answers) = async_channel::bounded(2);
        let doubles = thread::spawn(move || {
            while let Ok(number) = asked.recv_blocking() {
                answer.send_blocking(2_u64 * number).unwrap();
            }
        });
        let asking = spawn(async move {
            for number in 0..MANY {
                ask.send(number).await.unwrap();
            }
        });
        let mut answers = std::pin::pin!(answers);
        let mut sum = 0;
        while let Some(answer) = answers.next().await {
            sum += answer;
        }
        asking.await.unwrap();
        doubles.join().unwrap();
        sum
    });
    assert_eq!(sum, MANY * (MANY - 1));
}

#[test]
fn flume_goes_both_ways_with_a_thread() {
    let sum = on_a_loop(async || {
        let (ask, asked) = flume::bounded(2);
        let (answer, answers) = flume::bounded(2);
        let doubles = thread::spawn(move || {
            asked.into_iter().for_each(|number: u64| answer.send(2 * number).unwrap());
        });
        let asking = spawn(async move {
            for number in 0..MANY {
                ask.send_async(number).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Ok(answer) = answers.recv_async().await {
            sum += answer;
        }
        asking.await.unwrap();
        doubles.join().unwrap();
        sum
    });
    assert_eq!(sum, MANY * (MANY - 1));
}

#[test]
fn tokios_channels_go_both_ways_with_a_thread() {
    let sum = on_a_loop(async || {
        let (ask, mut asked) = mpsc::channel(2);
        let (answer, mut answers) = mpsc::channel(2);
        let doubles = thread::spawn(move || {
            while let Some(number) = asked.blocking_recv() {
                answer.blocking_send(2_u64 * number).unwrap();
            }
        });
        let asking = spawn(async move {
            for number in 0..MANY {
                ask.send(number).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(answer) = answers.recv().await {
            sum += answer;
        }
        asking.await.unwrap();
        doubles.join().unwrap();
        sum
    });
    assert_eq!(sum, MANY * (MANY - 1));
}

#[test]
fn tokios_oneshot_watch_and_notify_are_woken_by_a_thread() {
    let seen = on_a_loop(async || {
        let (say, heard) = oneshot::channel();
        let (show, mut shown) = watch::channel(0);
        let bell = std::sync::Arc::new(Notify::new());
        let ringer = std::sync::Arc::clone(&bell);
        let (go, mut may_go) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || {
            // Only when the loop waits for it: a word from a task that goes on to wait.
            may_go.blocking_recv();
            say.send("said").unwrap();
            may_go.blocking_recv();
            show.send(7).unwrap();
            may_go.blocking_recv();
            ringer.notify_one();
        });
        go.send(()).unwrap();
        let said = heard.await.unwrap();
        go.send(()).unwrap();
        let number = *shown.wait_for(|number| *number != 0).await.unwrap();
        go.send(()).unwrap();
        bell.notified().await;
        thread.join().unwrap();
        (said, number)
    });
    assert_eq!(seen, ("said", 7));
}

#[test]
fn tokios_semaphore_and_lock_serve_our_tasks() {
    let most = on_a_loop(async || {
        let places = Rc::new(tokio::sync::Semaphore::new(3));
        let total = Rc::new(tokio::sync::Mutex::new(0));
        let (inside, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let tasks = (0..20).map(|_| {
            let (places, total) = (Rc::clone(&places), Rc::clone(&total));
            let (inside, most) = (Rc::clone(&inside), Rc::clone(&most));
            async move {
                let _place = places.acquire().await.unwrap();
                inside.set(inside.get() + 1);
                most.set(inside.get().max(most.get()));
                sleep(seconds(1)).await;
                let mut total = total.lock().await;
                yield_now().await;
                *total += 1;
                inside.set(inside.get() - 1);
            }
        });
        gather_all(tasks).await.into_iter().for_each(Result::unwrap);
        assert_eq!(*total.lock().await, 20);
        most.get()
    });
    assert_eq!(most, 3);
}

#[test]
fn futures_concurrency_joins_and_races_what_sleeps_here() {
    on_a_loop(async || {
        let begin = now();
        let after = |delay, value| async move {
            sleep(seconds(delay)).await;
            // Not `Send`.
            Rc::new(value)
        };
        let (one, two) = (after(2, 'a'), after(3, 'b')).join().await;
        assert_eq!((*one, *two, now() - begin), ('a', 'b', seconds(3)));
        let first = [after(9, 'a'), after(4, 'b'), after(5, 'c')].race().await;
        assert_eq!((*first, now() - begin), ('b', seconds(7)));
        let mut group: FutureGroup<_> = [after(2, 'b'), after(1, 'a')].into_iter().collect();
        let mut order = String::new();
        while let Some(letter) = group.next().await {
            order.push(*letter);
        }
        assert_eq!((order.as_str(), now() - begin), ("ab", seconds(9)));
    });
}

#[test]
fn futures_lite_zips_and_chooses_what_sleeps_here() {
    on_a_loop(async || {
        let begin = now();
        future::zip(sleep(seconds(1)), sleep(seconds(2))).await;
        future::or(sleep(seconds(5)), sleep(seconds(3))).await;
        assert_eq!(now() - begin, seconds(5));
    });
}
