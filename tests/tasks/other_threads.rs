//! Wakes from other threads: all are heard, the loop sleeps in between, and a waker may outlive the
//! loop and its own thread.
//!
//! Bug classes B1, B4, B7 and B8.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};

use roundelay::runtime::Event;
use roundelay::{Moment, RunError, Runner, promise, sleep, spawn, yield_now};

use crate::support::{
    self, in_a_process, ms, must_end, on_drop, poll_now, races, rounds, virtual_runner,
};
use crate::turn;

#[test]
fn wakes_from_many_threads_are_all_seen() {
    // B1: eight threads each raise their flag and wake; the task sleeps until all are up.
    must_end(|| {
        for _ in 0..races(50) {
            let flags: Arc<[AtomicBool; 8]> = Arc::default();
            let runner = Runner::new().unwrap();
            runner
                .run(async {
                    let (mut started, all) = (false, Arc::clone(&flags));
                    poll_fn(move |cx| {
                        if !std::mem::replace(&mut started, true) {
                            let barrier = Arc::new(Barrier::new(8));
                            for n in 0..8 {
                                let (all, waker) = (Arc::clone(&all), cx.waker().clone());
                                let barrier = Arc::clone(&barrier);
                                std::thread::spawn(move || {
                                    barrier.wait();
                                    all[n].store(true, Ordering::Release);
                                    waker.wake();
                                });
                            }
                        }
                        let up = all.iter().all(|flag| flag.load(Ordering::Acquire));
                        if up { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                })
                .unwrap();
        }
    });
}

#[test]
fn a_thread_that_wakes_and_lets_go_of_the_last_waker_is_not_a_deadlock() {
    // B8: between "the inbox is empty" and "nobody has a door" the thread does both. Several at a
    // time, so that the system interrupts them everywhere.
    fn many_rounds() {
        let runner = Runner::new().unwrap();
        let (sender, receiver) = mpsc::channel::<(Arc<AtomicBool>, Waker)>();
        let thread = std::thread::spawn(move || {
            for (flag, waker) in receiver {
                flag.store(true, Ordering::Release);
                waker.wake();
            }
        });
        for round in 0..races(4000) {
            let flag = Arc::new(AtomicBool::new(false));
            let mut sent = false;
            let outcome = runner.run(poll_fn(|cx| {
                if flag.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !std::mem::replace(&mut sent, true) {
                    sender.send((Arc::clone(&flag), cx.waker().clone())).unwrap();
                }
                Poll::Pending
            }));
            assert!(outcome.is_ok(), "round {round}: {}", outcome.unwrap_err());
        }
        drop(sender);
        thread.join().unwrap();
    }
    must_end(|| {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(many_rounds)).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn wakers_may_be_used_and_dropped_by_threads_while_and_after_the_loop_goes() {
    // B4: with safe code it must be a no-op.
    must_end(|| {
        for _ in 0..races(50) {
            let (sender, receiver) = mpsc::channel::<Waker>();
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = Arc::clone(&stop);
            let thread = std::thread::spawn(move || {
                let wakers: Vec<Waker> = receiver.iter().take(4).collect();
                let mut wakes = 0;
                // Miri's loop takes longer for a wake than the wake: it would never be done.
                let goes_on = || !cfg!(miri) && !stopped.load(Ordering::Acquire);
                while goes_on() || wakes < rounds(100) {
                    for waker in &wakers {
                        waker.wake_by_ref();
                        drop(waker.clone());
                    }
                    wakes += 1;
                }
                for waker in wakers {
                    waker.wake();
                }
            });
            let runner = Runner::new().unwrap();
            runner
                .run(async {
                    for _ in 0..4 {
                        let sender = sender.clone();
                        spawn(poll_fn(move |cx| {
                            let _ = sender.send(cx.waker().clone());
                            Poll::<()>::Pending
                        }))
                        .detach();
                    }
                    for _ in 0..10 {
                        yield_now().await;
                    }
                })
                .unwrap();
            drop(runner);
            stop.store(true, Ordering::Release);
            thread.join().unwrap();
        }
    });
}

#[test]
fn wakers_tasks_and_sleeps_may_be_dropped_by_a_dying_thread() {
    // B4: destructors of thread-locals, in whatever order the system calls them.
    thread_local! {
        static LEFT: RefCell<Vec<support::OnDrop>> = const { RefCell::new(Vec::new()) };
    }
    let name = "other_threads::wakers_tasks_and_sleeps_may_be_dropped_by_a_dying_thread";
    in_a_process(name, || {
        std::thread::spawn(|| {
            // Touched first, so that it is among the last to be taken down.
            LEFT.with_borrow_mut(|left| left.push(on_drop(|| ())));
            let runner = virtual_runner();
            let (task, waker, nap) = runner
                .run(async {
                    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                    let mut nap = sleep(ms(1000));
                    assert!(poll_now(&mut nap).await.is_pending());
                    (spawn(pending::<()>()), waker, nap)
                })
                .unwrap();
            LEFT.with_borrow_mut(|left| {
                left.push(on_drop(move || {
                    waker.wake_by_ref();
                    drop(waker);
                    assert!(!task.is_finished() || !task.cancel());
                    drop(task);
                    drop(nap);
                }));
            });
            drop(runner);
        })
        .join()
        .unwrap();
    })
    .well();
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_runner_with_live_tasks_may_be_dropped_by_a_dying_thread() {
    thread_local! {
        static RUNNER: RefCell<Option<Runner>> = const { RefCell::new(None) };
    }
    let name = "other_threads::a_runner_with_live_tasks_may_be_dropped_by_a_dying_thread";
    let ended = in_a_process(name, || {
        std::thread::spawn(|| {
            RUNNER.set(Some(virtual_runner()));
            RUNNER.with_borrow(|runner| {
                let guard = on_drop(|| println!("the future was dropped"));
                runner
                    .as_ref()
                    .unwrap()
                    .run(async move {
                        spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        })
                        .detach();
                        yield_now().await;
                    })
                    .unwrap();
            });
        })
        .join()
        .unwrap();
    })
    .well();
    assert!(ended.stdout.contains("the future was dropped"), "{ended:?}");
}

#[test]
fn an_idle_loop_rests() {
    // B7: after a remote wake the loop sleeps again.
    must_end(|| {
        let runner = Runner::new().unwrap();
        runner
            .run(async {
                let (sender, receiver) = mpsc::channel::<Waker>();
                let woken = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&woken);
                let thread = std::thread::spawn(move || {
                    let waker = receiver.recv().unwrap();
                    for _ in 0..20 {
                        count.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                        std::thread::sleep(ms(2));
                    }
                });
                let start = turn();
                poll_fn(|cx| {
                    let _ = sender.send(cx.waker().clone());
                    if woken.load(Ordering::SeqCst) == 20 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                let turns = turn() - start;
                assert!(turns <= 3 * 20 + 5, "{turns} turns for 20 wakes");
                thread.join().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_task_nobody_can_wake_is_a_deadlock_and_one_that_a_stranger_can_wake_is_not() {
    must_end(|| {
        for runner in [Runner::new().unwrap(), virtual_runner()] {
            let outcome = runner.run(async {
                let (_set, value) = promise::<()>();
                let _idle = spawn(pending::<()>());
                value.await
            });
            assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
            let (sender, receiver) = mpsc::channel::<Waker>();
            let thread = std::thread::spawn(move || {
                let waker = receiver.recv().unwrap();
                std::thread::sleep(ms(5));
                waker.wake();
            });
            let mut polls = 0;
            runner
                .run(poll_fn(|cx| {
                    polls += 1;
                    let _ = sender.send(cx.waker().clone());
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                }))
                .unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn however_often_a_thread_wakes_a_task_that_has_not_looked_it_leaves_one_message() {
    let messages = Rc::new(RefCell::new(Vec::new()));
    let count = Rc::clone(&messages);
    let observer = move |_: Moment, event: &Event| {
        if let Event::InboxCollected { messages } = event {
            count.borrow_mut().push(*messages);
        }
    };
    let runner = Runner::builder().observer(observer).build().unwrap();
    let steps = runner.run(async {
        let (steps, kept) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
        let (counts, keeps) = (Rc::clone(&steps), Rc::clone(&kept));
        let sleeper = poll_fn(move |cx| {
            counts.set(counts.get() + 1);
            keeps.borrow_mut().get_or_insert_with(|| cx.waker().clone());
            Poll::<()>::Pending
        });
        spawn(sleeper).detach();
        yield_now().await;
        for _ in 0..3 {
            // The loop stands still while a thread wakes its task a thousand times.
            let waker = kept.borrow().clone().unwrap();
            let thread = std::thread::spawn(move || (0..1000).for_each(|_| waker.wake_by_ref()));
            thread.join().unwrap();
            for _ in 0..3 {
                yield_now().await;
            }
        }
        steps.get()
    });
    assert_eq!(steps.unwrap(), 4);
    assert_eq!(*messages.borrow(), [1, 1, 1]);
}

#[test]
fn what_a_thread_has_done_before_it_wakes_a_task_is_seen_by_a_step_after_it() {
    // A thread counts up and wakes each time; the task must see the last number, whatever it has
    // seen in between.
    must_end(|| {
        for last in [1, 2, 3, races(200_000)] {
            let number = Arc::new(AtomicUsize::new(0));
            let mut thread = None;
            let seen = roundelay::run(poll_fn(|cx| {
                thread.get_or_insert_with(|| {
                    let (number, waker) = (Arc::clone(&number), cx.waker().clone());
                    std::thread::spawn(move || {
                        for n in 1..=last {
                            number.store(n, Ordering::Relaxed);
                            waker.wake_by_ref();
                        }
                    })
                });
                match number.load(Ordering::Relaxed) {
                    n if n == last => Poll::Ready(n),
                    _ => Poll::Pending,
                }
            }));
            assert_eq!(seen, last);
            thread.unwrap().join().unwrap();
        }
    });
}
