//! What is promised holds under every schedule; what is free is seen to move.

use std::cell::RefCell;
use std::collections::BTreeSet;

use roundelay::testing::{Explore, Explored};
use roundelay::{
    Barrier, Event, EventLoop, Lock, Queue, ReadyEntry, Scheduler, Semaphore, channel,
    current_loop, gather, gather_all, sleep, spawn, task_group, to_thread, yield_now,
};

use crate::support::{Log, ms};

const SEEDS: u64 = if cfg!(miri) { 4 } else { 300 };

/// All orders of three, or some of them where few seeds are tried.
fn free(orders: usize) -> bool {
    orders == 6 || cfg!(miri) && orders > 1
}

fn all(test: impl AsyncFn()) -> Explored {
    Explore::new().check(0..SEEDS, test).unwrap_or_else(|failing| panic!("{failing}"))
}

/// The logs of all schedules.
fn logs(test: impl AsyncFn(Log)) -> BTreeSet<Vec<String>> {
    let logs = RefCell::new(BTreeSet::new());
    all(async || {
        let log = Log::new();
        test(log.clone()).await;
        logs.borrow_mut().insert(log.take());
    });
    logs.into_inner()
}

fn only(test: impl AsyncFn(Log)) -> Vec<String> {
    let mut logs = logs(test);
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.pop_first().unwrap()
}

/// Tasks a, b, c, which sleep equally long, and then do their thing: in any order.
async fn at_once<F: Future<Output = ()> + 'static>(each: impl Fn(char) -> F) {
    gather_all("abc".chars().map(|name| {
        let work = each(name);
        async move {
            sleep(ms(1)).await;
            work.await;
        }
    }))
    .await;
}

// ---- what is free --------------------------------------------------------------------------------

#[test]
fn sleeps_that_end_together_go_on_in_any_order() {
    let seen = logs(async |log| {
        at_once(|name| {
            let log = log.clone();
            async move { log.add(name) }
        })
        .await;
    });
    assert!(free(seen.len()), "{seen:?}");
}

#[test]
fn jobs_arrive_in_any_order() {
    let seen = logs(async |log| {
        gather_all("abc".chars().map(|name| {
            let log = log.clone();
            async move {
                to_thread(|| ()).await.unwrap();
                log.add(name);
            }
        }))
        .await;
    });
    assert!(free(seen.len()), "{seen:?}");
}

#[test]
fn without_a_choice_all_schedules_are_one() {
    assert_eq!(all(async || sleep(ms(1)).await).different(), 1);
}

// ---- what is kept --------------------------------------------------------------------------------

#[test]
fn first_steps_come_in_the_order_of_spawning() {
    let log = only(async |log| {
        for name in ["a", "b", "c"] {
            let log = log.clone();
            spawn(async move { log.add(name) }).detach();
        }
        yield_now().await;
    });
    assert_eq!(log, ["a", "b", "c"]);
}

#[test]
fn whoever_yields_lets_all_others_take_a_step() {
    all(async || {
        let log = Log::new();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let log = log.clone();
                spawn(async move {
                    for _ in 0..3 {
                        log.add("step");
                        yield_now().await;
                    }
                })
            })
            .collect();
        for round in 1..=3 {
            yield_now().await;
            // Ahead of a round that has begun, behind one that has ended.
            assert!((4 * (round - 1)..=4 * (round + 1)).contains(&log.len()));
        }
        drop(tasks);
    });
}

#[test]
fn all_who_wait_for_one_event_go_on_in_the_order_of_waiting() {
    let log = only(async |log| {
        let event = Event::new();
        let waiting = "abc".chars().map(|name| {
            let (wait, log) = (event.wait(), log.clone());
            spawn(async move {
                wait.await;
                log.add(name);
            })
        });
        let waiting: Vec<_> = waiting.collect();
        sleep(ms(1)).await;
        event.set();
        gather_all(waiting).await;
    });
    assert_eq!(log, ["a", "b", "c"]);
}

#[test]
fn a_barrier_lets_go_in_the_order_of_numbers() {
    for mut log in logs(async |log| {
        let barrier = Barrier::new(3);
        at_once(|_| {
            let (barrier, log) = (barrier.clone(), log.clone());
            async move { log.add(barrier.wait().await.unwrap().to_string()) }
        })
        .await;
    }) {
        log.rotate_left(1);
        assert_eq!(log, ["0", "1", "2"], "the last to arrive goes on at once, then the others");
    }
}

#[test]
fn a_lock_is_had_in_the_order_of_asking() {
    let seen = logs(async |log| {
        let lock = std::rc::Rc::new(Lock::new(()));
        at_once(|name| {
            let (lock, log) = (lock.clone(), log.clone());
            async move {
                log.add(format!("{name} asks"));
                let _guard = lock.lock().await;
                log.add(format!("{name} has it"));
                to_thread(|| ()).await.unwrap();
            }
        })
        .await;
    });
    assert!(free(seen.len()), "{seen:?}");
    for log in seen {
        let names = |what: &str| -> String {
            log.iter().filter(|line| line.ends_with(what)).map(|line| &line[..1]).collect()
        };
        assert_eq!(names("asks"), names("has it"));
    }
}

#[test]
fn a_semaphores_permits_are_had_in_the_order_of_asking() {
    for log in logs(async |log| {
        let doors = Semaphore::new(1);
        at_once(|name| {
            let (doors, log) = (doors.clone(), log.clone());
            async move {
                log.add(format!("{name} asks"));
                let permit = doors.acquire().await;
                log.add(format!("{name} has it"));
                yield_now().await;
                drop(permit);
            }
        })
        .await;
        assert_eq!(doors.available_permits(), 1);
    }) {
        let names = |what: &str| -> String {
            log.iter().filter(|line| line.ends_with(what)).map(|line| &line[..1]).collect()
        };
        assert_eq!(names("asks"), names("has it"));
    }
}

#[test]
fn a_channel_gives_what_was_sent_in_the_order_of_sending() {
    all(async || {
        let (sender, mut receiver) = channel(1);
        let sent = Log::new();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (sender, sent) = (sender.clone(), sent.clone());
                spawn(async move {
                    sleep(ms(1)).await;
                    for _ in 0..3 {
                        let number = sent.len();
                        sent.add(number.to_string());
                        sender.send(number).await.unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        for expected in 0..9 {
            assert_eq!(receiver.recv().await, Ok(expected));
        }
        gather_all(senders).await;
    });
}

#[test]
fn a_queue_hands_every_item_out_once_and_in_order() {
    all(async || {
        let (queue, got) = (Queue::bounded(2), Log::new());
        let getters: Vec<_> = (0..2)
            .map(|_| {
                let (queue, got) = (queue.clone(), got.clone());
                spawn(async move {
                    while let Ok(item) = queue.get().await {
                        got.add(String::from(item));
                    }
                })
            })
            .collect();
        for item in ["1", "2", "3", "4", "5"] {
            queue.put(item).await.unwrap();
            if item == "3" {
                to_thread(|| ()).await.unwrap();
            }
        }
        queue.close();
        gather_all(getters).await;
        assert_eq!(got.take(), ["1", "2", "3", "4", "5"]);
    });
}

#[test]
fn gather_gives_its_results_in_the_order_of_the_argument() {
    all(async || {
        let tasks = (0..4).map(|number| to_thread(move || number));
        assert_eq!(gather(tasks).await.unwrap(), [0, 1, 2, 3]);
    });
}

#[test]
fn a_group_asks_its_children_to_end_in_the_order_of_spawning() {
    let log = only(async |log| {
        let outcome = task_group(async |group| {
            for name in ["a", "b", "c"] {
                let guard = log.on_drop(name);
                group.spawn(async move {
                    let _guard = guard;
                    sleep(ms(1000)).await;
                    Ok(())
                });
            }
            sleep(ms(1)).await;
            Err::<(), _>("no more")
        });
        outcome.await.unwrap_err();
    });
    assert_eq!(log, ["a", "b", "c"]);
}

#[test]
fn callbacks_keep_their_order_and_their_place_and_timers_theirs() {
    all(async || {
        let home = current_loop().unwrap();
        let log = Log::new();
        let step = log.clone();
        spawn(async move { step.add("the step before") }).detach();
        for name in ["a", "b"] {
            home.call_soon(log.adds(name)).unwrap();
            home.call_later(ms(1), log.adds(format!("{name}, later"))).unwrap();
        }
        sleep(ms(2)).await;
        assert_eq!(log.take(), ["the step before", "a", "b", "a, later", "b, later"]);
    });
}

// ---- the seam itself -----------------------------------------------------------------------------

/// Hands back what it was not given.
struct Forger;

impl Scheduler for Forger {
    fn arrange(&self, segment: &mut [ReadyEntry]) {
        segment[0] = segment[1];
    }
}

#[test]
fn a_scheduler_that_hands_back_other_entries_is_reported_and_nothing_is_lost() {
    let event_loop = EventLoop::builder()
        .scheduler(Forger)
        .failure_policy(roundelay::FailurePolicy::Stop)
        .virtual_clock()
        .build()
        .unwrap();
    let log = Log::new();
    for name in ["a", "b"] {
        event_loop.call_later(ms(1), log.adds(name)).unwrap();
    }
    let error = event_loop.run_until(|| false).unwrap_err();
    assert!(error.to_string().contains("the loop's scheduler"), "{error}");
    assert_eq!(log.take(), ["a", "b"]);
}
