//! Resources that are lent: made when needed, given back on every way out, never too many.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{Pooled, ResourcePool, RunError, sleep, spawn, task_group, timeout, yield_now};

use support::{Log, length, ms, run_virtual};

type Numbers = ResourcePool<Numbered, &'static str>;

/// A resource that writes down its end.
struct Numbered {
    number: usize,
    log: Log,
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.log.add(format!("{} dropped", self.number));
    }
}

fn numbers(max: usize, log: &Log) -> Numbers {
    let (log, made) = (log.clone(), Rc::new(Cell::new(0)));
    ResourcePool::new(NonZeroUsize::new(max).unwrap(), move || {
        let (log, made) = (log.clone(), made.clone());
        async move {
            yield_now().await;
            made.set(made.get() + 1);
            Ok(Numbered { number: made.get(), log })
        }
    })
}

#[test]
fn a_resource_is_used_again_and_not_made_anew() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(2, &log);
        for _ in 0..3 {
            assert_eq!(pool.get().await.unwrap().number, 1);
        }
        assert_eq!((pool.idle(), pool.available()), (1, 2));
    });
    assert_eq!(log.take(), ["1 dropped"]);
}

#[test]
fn no_more_than_the_maximum_exist_and_waiters_are_served_in_order() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(2, &log);
        let asks = (0..4).map(|n| {
            let (pool, log) = (pool.clone(), log.clone());
            spawn(async move {
                let lent = pool.get().await.unwrap();
                log.add(format!("task {n} has {}", lent.number));
                sleep(ms(10 - n)).await;
            })
        });
        for task in asks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    let log = log.take();
    assert_eq!(log[..4], ["task 0 has 1", "task 1 has 2", "task 2 has 2", "task 3 has 1"]);
}

#[test]
fn a_broken_one_is_dropped_and_its_place_is_free() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(1, &log);
        let mut lent = pool.get().await.unwrap();
        lent.set_broken(true);
        drop(lent);
        assert_eq!((log.take(), pool.available()), (vec!["1 dropped".to_owned()], 1));
        pool.get().await.unwrap().discard();
        assert_eq!(pool.get().await.unwrap().number, 3);
    });
}

#[test]
fn a_task_that_panics_does_not_give_its_resource_back() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(1, &log);
        let same = pool.clone();
        let task = spawn(async move {
            let _lent = same.get().await.unwrap();
            panic!("in the middle of a request");
        });
        assert!(task.await.is_err());
        assert_eq!((pool.idle(), pool.available()), (0, 1));
    });
}

#[test]
fn a_request_that_is_cancelled_halfway_can_leave_its_resource_marked() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(1, &log);
        let request = async {
            let mut lent: Pooled<_> = pool.get().await.unwrap();
            lent.set_broken(true);
            sleep(Duration::from_secs(60)).await;
            lent.set_broken(false);
        };
        assert!(timeout(ms(10), request).await.is_err());
        assert_eq!((log.take(), pool.available()), (vec!["1 dropped".to_owned()], 1));
    });
}

#[test]
fn when_making_one_fails_the_next_in_line_tries() {
    let tries = Rc::new(Cell::new(0));
    run_virtual(async {
        let seen = tries.clone();
        let pool = ResourcePool::new(NonZeroUsize::MIN, move || {
            seen.set(seen.get() + 1);
            let number = seen.get();
            async move {
                yield_now().await;
                if number == 1 { Err("refused") } else { Ok(number) }
            }
        });
        let same = pool.clone();
        let second = spawn(async move { same.get().await.map(|lent| *lent) });
        assert_eq!(pool.get().await.map(|lent| *lent), Err("refused"));
        assert_eq!(second.await.unwrap(), Ok(2));
    });
}

#[test]
fn a_get_that_is_dropped_while_it_makes_gives_its_place_back() {
    let log = Log::new();
    run_virtual(async {
        let pool = ResourcePool::new(NonZeroUsize::MIN, || async {
            sleep(Duration::from_secs(60)).await;
            Ok::<_, ()>(())
        });
        assert!(timeout(ms(10), pool.get()).await.is_err());
        assert_eq!((pool.available(), pool.idle(), pool.waiting()), (1, 0, 0));
    });
    assert_eq!(log.len(), 0);
}

#[test]
fn the_idle_that_are_too_many_or_too_old_are_dropped() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(3, &log).max_idle(2).idle_limit(ms(100));
        let all = (pool.get().await, pool.get().await, pool.get().await);
        drop(all);
        assert_eq!((log.take(), pool.idle()), (vec!["3 dropped".to_owned()], 2));
        sleep(ms(60)).await;
        assert_eq!(pool.get().await.unwrap().number, 2); // the one that was used last
        sleep(ms(60)).await;
        // 1 is 120 ms idle by now, 2 only 60.
        assert_eq!(pool.get().await.unwrap().number, 2);
        assert_eq!((log.take(), pool.idle()), (vec!["1 dropped".to_owned()], 1));
        pool.clear();
        assert_eq!(log.take(), ["2 dropped"]);
    });
}

#[test]
fn a_resource_may_come_back_after_its_loop() {
    let log = Log::new();
    let pool = numbers(1, &log).idle_limit(ms(1));
    let lent = run_virtual(async { pool.get().await.unwrap() });
    drop(lent);
    assert_eq!(pool.idle(), 1);
    assert_eq!(run_virtual(async { pool.get().await.unwrap().number }), 1);
}

#[test]
fn a_pool_that_nobody_can_ever_get_from_is_a_deadlock_and_not_a_hang() {
    let log = Log::new();
    let outcome = support::virtual_runner().run(async {
        let pool = numbers(1, &log);
        let _lent = pool.get().await;
        let _second = pool.get().await;
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))));
}

#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks.
    Ask,
    /// The one who has waited or held for longest gives up, or gives back.
    GiveUp(usize),
    Break(usize),
    Fail(bool),
    Turn,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Ask),
        3 => (0_usize..8).prop_map(Step::GiveUp),
        1 => (0_usize..8).prop_map(Step::Break),
        1 => any::<bool>().prop_map(Step::Fail),
        2 => Just(Step::Turn),
    ];
    prop::collection::vec(step, 1..length(60))
}

/// Who holds which resource.
type Held = (usize, Pooled<usize>);

/// Who has what, in the order of asking, worked out by hand.
#[derive(Default)]
struct Model {
    line: VecDeque<usize>,
    holding: Vec<(usize, usize)>,
    idle: Vec<usize>,
    made: usize,
}

impl Model {
    /// Everybody in line who can be served is.
    fn settle(&mut self, max: usize, failing: bool) -> Vec<usize> {
        let mut failed = Vec::new();
        while self.holding.len() < max
            && let Some(who) = self.line.pop_front()
        {
            match self.idle.pop() {
                Some(resource) => self.holding.push((who, resource)),
                None if failing => failed.push(who),
                None => {
                    self.made += 1;
                    self.holding.push((who, self.made));
                }
            }
        }
        failed
    }
}

proptest! {
    #[test]
    fn a_pool_is_like_its_model_with_cancels_at_every_step(max in 1_usize..4, steps in steps()) {
        run_virtual(async {
            let (failing, made) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
            let (fails, makes) = (failing.clone(), made.clone());
            let pool = ResourcePool::new(NonZeroUsize::new(max).unwrap(), move || {
                let (fails, makes) = (fails.clone(), makes.clone());
                async move {
                    if fails.get() {
                        return Err("refused");
                    }
                    makes.set(makes.get() + 1);
                    Ok(makes.get())
                }
            });
            let held: Rc<RefCell<Vec<Held>>> = Rc::default();
            let mut asking = Vec::new();
            let mut model = Model::default();
            for (who, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Ask => {
                        let (pool, held) = (pool.clone(), held.clone());
                        asking.push((who, spawn(async move {
                            if let Ok(lent) = pool.get().await {
                                held.borrow_mut().push((who, lent));
                            }
                        })));
                        model.line.push_back(who);
                    }
                    Step::GiveUp(n) if n < asking.len() => {
                        let (who, task) = asking.remove(n);
                        task.cancel();
                        let _ = task.await;
                        model.line.retain(|&in_line| in_line != who);
                        let place = model.holding.iter().position(|&(holder, _)| holder == who);
                        if let Some(place) = place {
                            model.idle.push(model.holding.remove(place).1);
                            let place = held.borrow().iter().position(|(by, _)| *by == who).unwrap();
                            let lent = held.borrow_mut().remove(place);
                            drop(lent);
                        }
                    }
                    Step::Break(n) if n < model.holding.len() => {
                        let (who, _) = model.holding.remove(n);
                        asking.retain(|(asker, _)| *asker != who);
                        let place = held.borrow().iter().position(|(by, _)| *by == who).unwrap();
                        let lent = held.borrow_mut().remove(place);
                        lent.1.discard();
                    }
                    Step::Fail(fails) => failing.set(fails),
                    _ => {}
                }
                // One who fails to make one passes the permit on: a few turns for each in line.
                for _ in 0..4 * (asking.len() + 2) {
                    yield_now().await;
                }
                let failed = model.settle(max, failing.get());
                asking.retain(|(who, _)| !failed.contains(who));
                let mut has: Vec<_> =
                    held.borrow().iter().map(|(who, lent)| (*who, **lent)).collect();
                let mut should = model.holding.clone();
                has.sort_unstable();
                should.sort_unstable();
                prop_assert_eq!(has, should);
                prop_assert_eq!(pool.idle(), model.idle.len());
                prop_assert_eq!(pool.waiting(), model.line.len());
                prop_assert_eq!(pool.available(), max - model.holding.len());
            }
            held.take();
            drop(asking);
            Ok(())
        })?;
    }
}

#[test]
fn a_group_that_is_cancelled_gives_everything_back() {
    let log = Log::new();
    run_virtual(async {
        let pool = numbers(2, &log);
        let outcome = task_group(async |group| {
            for _ in 0..5 {
                let pool = pool.clone();
                drop(group.spawn(async move {
                    let _lent = pool.get().await;
                    sleep(Duration::from_secs(60)).await;
                    Ok(())
                }));
            }
            sleep(ms(5)).await;
            Err::<(), _>("enough")
        });
        assert!(outcome.await.is_err());
        assert_eq!((pool.available(), pool.idle(), pool.waiting()), (2, 2, 0));
    });
}

#[test]
fn what_came_back_while_no_loop_ran_is_idle_from_the_next_look_on_and_grows_old_as_others_do() {
    let runner = support::virtual_runner();
    let log = Log::new();
    let pool = numbers(3, &log).idle_limit(Duration::from_secs(60));
    let (a, b, c) = runner
        .run(async {
            let get = async || pool.get().await.unwrap();
            (get().await, get().await, get().await)
        })
        .unwrap();
    drop((a, b)); // between two runs
    runner
        .run(async {
            drop(c); // the look
            sleep(Duration::from_secs(59)).await;
            assert_eq!(pool.get().await.unwrap().number, 3);
            sleep(Duration::from_secs(59)).await;
            assert_eq!(pool.get().await.unwrap().number, 3);
            assert_eq!(log.take(), ["1 dropped", "2 dropped"]);
            sleep(Duration::from_secs(60)).await;
            assert_eq!(pool.get().await.unwrap().number, 4);
            assert_eq!(log.take(), ["3 dropped"]);
        })
        .unwrap();
}
