//! The testing aids, and with them the library's own async functions: each is given up at every
//! await, and must leave the world as its cancel safety says.

mod support;

use std::cell::Cell;
use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay::testing::{
    Cut, Sequencer, SequencerBroken, cancel_at_every_await, wait_all_tasks_blocked,
};
use roundelay::{
    Queue, RateLimiter, ResourcePool, RetryPolicy, Semaphore, current_loop, gather_all, now,
    promise, retry, sleep, spawn, task_group, timeout, yield_now,
};

use support::{Census, Log, ms, run_virtual, virtual_runner};

// ---- cancel_at_every_await -----------------------------------------------------------------------

#[test]
fn every_suspension_is_cut_once_and_then_the_future_finishes() {
    let log = Log::new();
    let suspensions = cancel_at_every_await(
        || {
            let guard = log.on_drop("dropped");
            let log = log.clone();
            let future = async move {
                let _guard = guard;
                yield_now().await;
                sleep(Duration::from_secs(60)).await;
                log.add("the end");
            };
            ((), future)
        },
        async |(), cut| log.add(format!("{cut:?}")),
    );
    assert_eq!(suspensions, 2);
    let dropped_first = ["dropped", "At(1)", "dropped", "At(2)", "the end", "dropped"];
    assert_eq!(log.take(), [&dropped_first[..], &["Finished(2)"]].concat());
}

#[test]
fn a_future_that_never_suspends_is_run_once() {
    let cuts = Cell::new(0);
    let suspensions = cancel_at_every_await(
        || ((), async {}),
        async |(), cut| {
            assert_eq!(cut, Cut::Finished(0));
            cuts.set(cuts.get() + 1);
        },
    );
    assert_eq!((suspensions, cuts.get()), (0, 1));
}

#[test]
fn a_check_that_fails_fails_the_test() {
    let outcome = catch_unwind(|| {
        cancel_at_every_await(
            || ((), yield_now()),
            async |(), cut| assert_eq!(cut, Cut::Finished(1), "cut too early"),
        )
    });
    let text = outcome.unwrap_err();
    assert!(text.downcast_ref::<String>().unwrap().contains("cut too early"));
}

#[test]
fn a_future_that_waits_for_nobody_is_told_from_one_that_is_slow() {
    let outcome = catch_unwind(|| {
        let make = || ((), std::future::pending::<()>());
        cancel_at_every_await(make, async |(), _| {})
    });
    let text = outcome.unwrap_err();
    let text = text.downcast_ref::<String>().unwrap();
    assert!(text.contains("after 1 suspensions the future waits for something"), "{text}");
}

/// The state that a check looks at, and the future that is cut.
type Case = (Box<dyn Fn() -> bool>, Pin<Box<dyn Future<Output = ()>>>);

fn case(is_well: impl Fn() -> bool + 'static, future: impl Future<Output = ()> + 'static) -> Case {
    (Box::new(is_well), Box::pin(future))
}

/// Its name, and what makes it anew for every run.
type Entry = (&'static str, fn() -> Case);

/// Each public async function with what must hold once it is gone, however far it came.
fn table() -> Vec<Entry> {
    vec![
        ("sleep", || case(|| true, sleep(ms(5)))),
        ("timeout", || {
            let census = Census::new();
            let inside = census.born();
            let limited = timeout(ms(5), async move {
                let _inside = inside;
                sleep(ms(9)).await;
            });
            case(move || census.alive() == 0, async { assert!(limited.await.is_err()) })
        }),
        ("promise", || {
            let (promise, future) = promise();
            let setter = async move {
                sleep(ms(1)).await;
                let _ = promise.resolve(7);
            };
            spawn(setter).detach();
            case(|| true, async { assert_eq!(future.await, Ok(7)) })
        }),
        ("Semaphore::acquire", || {
            let doors = Semaphore::new(1);
            let held = doors.try_acquire();
            let holder = async move {
                sleep(ms(1)).await;
                drop(held);
            };
            spawn(holder).detach();
            let seen = doors.clone();
            let is_well = move || seen.available_permits() == 1 && seen.waiting() == 0;
            case(is_well, async move { drop(doors.acquire().await) })
        }),
        ("Queue::get", || {
            let queue = Queue::bounded(1);
            let (putter, seen) = (queue.clone(), queue.clone());
            let got = Rc::new(Cell::new(0));
            let gets = got.clone();
            spawn(async move { putter.put(7).await.unwrap() }).detach();
            // The item was taken, or is still there.
            let is_well = move || seen.len() + got.get() == 1;
            case(is_well, async move {
                queue.get().await.unwrap();
                gets.set(1);
            })
        }),
        ("Queue::put", || {
            let queue = Queue::bounded(1);
            queue.try_put(1).unwrap();
            let (getter, seen) = (queue.clone(), queue.clone());
            let put = Rc::new(Cell::new(0));
            let puts = put.clone();
            spawn(async move { assert_eq!(getter.get().await, Ok(1)) }).detach();
            let is_well = move || seen.len() == put.get();
            case(is_well, async move {
                queue.put(2).await.unwrap();
                puts.set(1);
            })
        }),
        ("gather_all", || {
            let census = Census::new();
            let children = (0..3).map(|n| {
                let here = census.born();
                async move {
                    let _here = here;
                    sleep(ms(n)).await;
                }
            });
            let all = gather_all(children.collect::<Vec<_>>());
            case(move || census.alive() == 0, async { drop(all.await) })
        }),
        ("task_group", || {
            let census = Census::new();
            let inside = census.clone();
            let group = task_group(async move |group| {
                for n in 0..3 {
                    let here = inside.born();
                    drop(group.spawn(async move {
                        let _here = here;
                        sleep(ms(n)).await;
                        Ok::<_, ()>(())
                    }));
                }
                sleep(ms(1)).await;
                Ok(())
            });
            case(move || census.alive() == 0, async { drop(group.await) })
        }),
        ("retry", || {
            let census = Census::new();
            let inside = census.clone();
            case(move || census.alive() == 0, async move {
                let policy = RetryPolicy::new(NonZeroU32::new(4).unwrap());
                let outcome = retry(&policy, async |_| {
                    let _here = inside.born();
                    sleep(ms(1)).await;
                    Err::<(), _>(())
                });
                drop(outcome.await);
            })
        }),
        ("RateLimiter::acquire", || {
            let limiter = RateLimiter::new(NonZeroU32::MIN, ms(10));
            let seen = limiter.clone();
            let acquire = async move {
                limiter.acquire().await;
                limiter.acquire().await;
            };
            case(move || seen.waiting() == 0, acquire)
        }),
        ("ResourcePool::get", || {
            let pool = ResourcePool::new(NonZeroUsize::MIN, || async {
                sleep(ms(1)).await;
                Ok::<_, ()>(())
            });
            let (seen, other) = (pool.clone(), pool.clone());
            let holder = async move {
                let _lent = other.get().await;
                sleep(ms(1)).await;
            };
            spawn(holder).detach();
            let is_well = move || seen.available() == 1 && seen.waiting() == 0;
            case(is_well, async move {
                yield_now().await;
                drop(pool.get().await);
            })
        }),
    ]
}

#[test]
fn whatever_is_given_up_at_any_await_leaves_the_world_in_order() {
    let mut suspensions = Vec::new();
    for (name, make) in table() {
        let count = cancel_at_every_await(make, async |is_well, cut| {
            // Whoever was to give it something comes to its end first.
            sleep(Duration::from_secs(1)).await;
            assert!(is_well(), "{name}, {cut:?}");
        });
        suspensions.push((name, count));
    }
    // Each case waits: a table of futures that are ready at once would show nothing.
    assert!(suspensions.iter().all(|&(_, count)| count > 0), "{suspensions:?}");
}

// ---- wait_all_tasks_blocked ----------------------------------------------------------------------

#[test]
fn it_waits_until_every_other_task_waits() {
    let log = Log::new();
    run_virtual(async {
        let (seen, start) = (log.clone(), now());
        let busy = spawn(async move {
            for n in 0..300 {
                yield_now().await;
                if n % 100 == 0 {
                    seen.add(format!("step {n}"));
                }
            }
            seen.add("now it waits");
            sleep(Duration::from_secs(60)).await;
            seen.add("after a minute");
        });
        wait_all_tasks_blocked().await;
        log.add("all blocked");
        assert_eq!(now(), start); // the clock did not move by it
        busy.await.unwrap();
    });
    let steps = ["step 0", "step 100", "step 200", "now it waits", "all blocked"];
    assert_eq!(log.take(), [&steps[..], &["after a minute"]].concat());
}

#[test]
fn callbacks_that_are_ready_count_as_well() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let (again, seen) = (home.clone(), log.clone());
        home.call_soon(move || drop(again.call_soon(seen.adds("a callback of a callback"))))
            .unwrap();
        wait_all_tasks_blocked().await;
        log.add("all blocked");
    });
    assert_eq!(log.take(), ["a callback of a callback", "all blocked"]);
}

#[test]
fn several_may_wait_for_it_and_one_may_give_up() {
    let log = Log::new();
    run_virtual(async {
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let log = log.clone();
                spawn(async move {
                    wait_all_tasks_blocked().await;
                    log.add(format!("task {n}"));
                })
            })
            .collect();
        yield_now().await;
        tasks[1].cancel();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.is_err(), n == 1);
        }
        wait_all_tasks_blocked().await;
        log.add("main");
    });
    assert_eq!(log.take(), ["task 0", "task 2", "main"]);
}

// ---- Sequencer -----------------------------------------------------------------------------------

#[test]
fn steps_happen_in_the_order_of_their_numbers_whoever_asks_first() {
    let log = Log::new();
    run_virtual(async {
        let order = Sequencer::new();
        let tasks: Vec<_> = [[3, 4], [1, 5], [0, 2]]
            .into_iter()
            .map(|turns| {
                let (order, log) = (order.clone(), log.clone());
                spawn(async move {
                    for turn in turns {
                        let _turn = order.turn(turn).await.unwrap();
                        log.add(format!("begin {turn}"));
                        yield_now().await;
                        log.add(format!("end {turn}"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected: Vec<String> =
        (0..6).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn a_turn_that_is_given_up_breaks_the_order_instead_of_hanging_it() {
    run_virtual(async {
        let order = Sequencer::new();
        let ask = |number| {
            let order = order.clone();
            spawn(async move { order.turn(number).await.map(drop) })
        };
        let (two, one) = (ask(2), ask(1));
        yield_now().await;
        one.cancel();
        let refused = two.await.unwrap().unwrap_err();
        assert_eq!(refused.given_up(), 1);
        let later: Result<_, SequencerBroken> = order.turn(7).await;
        assert!(later.is_err());
    });
}

#[test]
fn asking_twice_for_one_turn_is_a_bug_of_the_test() {
    let runner = virtual_runner();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(async {
            let order = Sequencer::new();
            let _first = order.turn(0).await;
            drop(order.turn(0).await);
        })
    }));
    assert!(outcome.is_err());
}
