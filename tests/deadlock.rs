//! Who waits for whom, and for ever: the answer of a loop in which nothing can happen any more, and
//! the warning of tasks that wait for each other while others go on.

#![allow(clippy::async_yields_async, reason = "a task's handle is often what a run gives back")]

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{
    Either, FailureKind, Lock, Queue, RunError, Runner, RwLock, Semaphore, TaskBuilder, When,
    as_completed, current_loop, gather, gather_all, promise, race_tasks, sleep, spawn, timeout,
    try_gather, wait, yield_now,
};
use support::{Reports, length, rounds, virtual_runner};

const SECOND: Duration = Duration::from_secs(1);

fn named(name: &str) -> TaskBuilder {
    TaskBuilder::new().name(name)
}

/// Runs `main` for ten seconds of made-up time beside a task that goes on all the time, and gives
/// the warnings: each the names of those who wait for ever, in the order of their numbers.
fn circles(main: impl AsyncFnOnce()) -> Vec<String> {
    let reports = Reports::new();
    let runner =
        Runner::builder().virtual_clock().failure_policy(reports.policy()).build().unwrap();
    runner
        .run(async {
            main().await;
            sleep(10 * SECOND).await;
        })
        .unwrap();
    let failures = reports.take_whole();
    failures.iter().map(|failure| who(&failure.kind, &failure.message)).collect()
}

fn who(kind: &FailureKind, message: &str) -> String {
    assert_eq!(*kind, FailureKind::Deadlock, "{message}");
    let members = message.lines().skip(1).map(|line| {
        let name = line.split(['(', ')']).nth(1).unwrap();
        if line.contains("futurelock") { format!("{name} (futurelock)") } else { name.to_owned() }
    });
    members.collect::<Vec<_>>().join(" ")
}

/// A task that takes two locks, with a second in between.
fn takes<T: 'static>(name: &str, first: &Lock<T>, second: &Lock<T>) {
    let (first, second) = (first.clone(), second.clone());
    let takes = async move {
        let _first = first.lock().await;
        sleep(SECOND).await;
        let _second = second.lock().await;
    };
    named(name).spawn(takes).detach();
}

#[test]
fn the_answer_of_a_stuck_loop_names_each_task_what_it_waits_for_and_who_holds_that() {
    let runner = virtual_runner();
    let line = line!() + 4;
    let outcome = runner.run(async {
        let (lock, queue) = (Lock::new(()), Queue::<u8>::bounded(1));
        let _guard = lock.lock().await;
        named("save").spawn(async move { drop(lock.lock().await) }).detach();
        sleep(SECOND).await;
        queue.get().await.unwrap()
    });
    let Err(RunError::Deadlock(stuck)) = outcome else { panic!("{outcome:?}") };
    let told: Vec<_> = stuck.iter().map(|one| (one.who.as_str(), one.waited)).collect();
    assert_eq!(told, [("task 1 (main)", Duration::ZERO), ("task 2 (save)", SECOND)]);
    assert!(stuck[0].waits_for.starts_with("queue "), "{stuck:?}");
    assert!(stuck[1].waits_for.ends_with(", held by task 1 (main)"), "{stuck:?}");
    assert_eq!(stuck[1].spawned_at.line(), line);
    let text = RunError::Deadlock(stuck).to_string();
    assert!(text.contains("task 2 (save), spawned at "), "{text}");
}

#[test]
fn a_message_names_twenty_and_counts_the_rest() {
    let outcome = virtual_runner().run(async {
        (0..30).for_each(|_| spawn(pending::<()>()).detach());
        pending::<()>().await;
    });
    let error = outcome.unwrap_err();
    assert!(error.to_string().ends_with("and 11 more"), "{error}");
    assert!(matches!(error, RunError::Deadlock(stuck) if stuck.len() == 31));
}

#[test]
fn a_loop_that_a_thread_will_wake_is_idle_and_not_stuck() {
    let runner = Runner::new().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let proxy = runner.loop_ref().proxy();
    let thread = std::thread::spawn(move || {
        told.recv().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        proxy.call_soon_threadsafe(|| ()).unwrap();
        proxy.stop();
    });
    let outcome = runner.run(async {
        tell.send(()).unwrap();
        pending::<()>().await;
    });
    assert!(matches!(outcome, Err(RunError::Stopped)), "{outcome:?}");
    thread.join().unwrap();
}

#[test]
fn a_loop_that_listens_is_idle_and_not_stuck() {
    let runner = Runner::new().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let address: std::net::SocketAddr = told.recv().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::net::TcpStream::connect(address).unwrap();
    });
    let outcome = runner.run(async {
        let listener = roundelay::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        listener.accept().await.map(|_| ())
    });
    outcome.unwrap().unwrap();
    thread.join().unwrap();
}

#[test]
fn two_tasks_that_take_two_locks_in_different_orders_are_reported_once() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        takes("a", &one, &two);
        takes("b", &two, &one);
    });
    assert_eq!(seen, ["a b"]);
}

#[test]
fn who_only_waits_for_somebody_in_a_circle_is_not_reported_a_second_time() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        takes("a", &one, &two);
        takes("b", &two, &one);
        sleep(3 * SECOND).await;
        named("c").spawn(async move { drop(one.lock().await) }).detach();
    });
    assert_eq!(seen, ["a b"]);
}

#[test]
fn locks_taken_in_one_order_are_no_circle_however_long_the_line() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        for name in ["a", "b", "c", "d"] {
            takes(name, &one, &two);
        }
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_task_that_takes_a_lock_twice_waits_for_itself() {
    let seen = circles(async || {
        let lock = Lock::new(());
        named("twice").spawn(async move { (lock.lock().await, lock.lock().await).1 }).detach();
    });
    assert_eq!(seen, ["twice"]);
}

#[test]
fn a_circle_of_joins_and_a_task_that_awaits_itself_are_reported() {
    let seen = circles(async || {
        for names in [&["itself"][..], &["a", "b", "c"]] {
            let slots: Vec<Rc<RefCell<Option<roundelay::Task<()>>>>> =
                names.iter().map(|_| Rc::default()).collect();
            for (place, name) in names.iter().enumerate() {
                let next = Rc::clone(&slots[(place + 1) % slots.len()]);
                let waits = async move {
                    sleep(SECOND).await;
                    let task = next.borrow_mut().take().unwrap();
                    let _ = task.await;
                };
                *slots[place].borrow_mut() = Some(named(name).spawn(waits));
            }
        }
    });
    assert_eq!(seen, ["itself", "a b c"]);
}

#[test]
fn a_join_of_a_task_that_waits_for_the_joiners_lock_is_reported() {
    let seen = circles(async || {
        let lock = Lock::new(());
        let joins = async move {
            let _guard = lock.lock().await;
            let waits = lock.clone();
            named("child").spawn(async move { drop(waits.lock().await) }).await.unwrap();
        };
        named("parent").spawn(joins).detach();
    });
    assert_eq!(seen, ["parent child"]);
}

#[test]
fn two_readers_who_both_want_to_write_are_reported_and_so_is_a_reader_behind_its_own_writer() {
    let upgrade = circles(async || {
        let book = RwLock::new(());
        for name in ["a", "b"] {
            let book = book.clone();
            let upgrades = async move {
                let _read = book.read().await;
                sleep(SECOND).await;
                drop(book.write().await);
            };
            named(name).spawn(upgrades).detach();
        }
    });
    assert_eq!(upgrade, ["a"], "the first alone is stuck: it has its own share");
    let behind = circles(async || {
        let book = RwLock::new(());
        let (reads, writes) = (book.clone(), book);
        let reader = async move {
            let _one = reads.read().await;
            sleep(2 * SECOND).await;
            drop(reads.read().await);
        };
        named("reader").spawn(reader).detach();
        let writer = async move {
            sleep(SECOND).await;
            drop(writes.write().await);
        };
        named("writer").spawn(writer).detach();
    });
    assert_eq!(behind, ["reader writer"]);
}

/// The line was walked once for each who stood in it, again and again: the hundredth took seconds.
#[test]
fn a_circle_is_found_behind_a_long_line_at_a_lock_one_of_whose_readers_waits_elsewhere() {
    let seen = circles(async || {
        let (book, shelf) = (RwLock::new(()), Lock::new(()));
        let (page, own) = (book.clone(), shelf.clone());
        named("reads")
            .spawn(async move {
                let _page = page.read().await;
                sleep(SECOND).await;
                drop(own.lock().await);
            })
            .detach();
        let page = book.clone();
        named("reads on")
            .spawn(async move { (page.read().await, sleep(9 * SECOND).await).1 })
            .detach();
        let (whole, own) = (book.clone(), shelf.clone());
        named("has the shelf")
            .spawn(async move {
                let _shelf = own.lock().await;
                sleep(3 * SECOND).await;
                drop(whole.write().await);
            })
            .detach();
        sleep(2 * SECOND).await;
        for _ in 0..rounds(900) {
            let whole = book.clone();
            named("in line").spawn(async move { drop(whole.write().await) }).detach();
        }
    });
    assert_eq!(seen, ["reads has the shelf"]);
}

#[test]
fn permits_may_be_given_away_so_a_semaphore_is_no_part_of_a_circle() {
    let seen = circles(async || {
        let permits = Semaphore::new(2);
        let accepts = async move {
            for _ in 0..5 {
                let permit = permits.acquire().await;
                let serves = async move {
                    sleep(SECOND).await;
                    drop(permit);
                };
                named("serves").spawn(serves).detach();
            }
        };
        named("accepts").spawn(accepts).detach();
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn whoever_waits_with_a_timeout_or_for_one_of_several_can_go_on_and_is_not_reported() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        takes("a", &one, &two);
        let impatient = async move {
            let _two = two.lock().await;
            sleep(SECOND).await;
            drop(timeout(SECOND, one.lock()).await);
            let either = roundelay::select(one.lock(), sleep(SECOND)).await;
            assert!(matches!(either, Either::Right(_)));
        };
        named("b").spawn(impatient).detach();
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_lock_whose_guards_were_seen_to_travel_is_not_suspected() {
    let seen = circles(async || {
        let (lock, hands) = (Lock::new(()), Queue::unbounded());
        let gets = hands.clone();
        let other = async move {
            loop {
                let guard = gets.get().await.unwrap();
                sleep(SECOND).await;
                drop(guard);
            }
        };
        named("other").spawn(other).detach();
        let giver = async move {
            hands.try_put(lock.lock().await).unwrap();
            sleep(2 * SECOND).await;
            hands.try_put(lock.lock().await).unwrap();
            drop(lock.lock().await);
        };
        named("giver").spawn(giver).detach();
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_lock_whose_guard_was_seen_to_be_dropped_by_a_callback_is_not_suspected() {
    let seen = circles(async || {
        let lock = Lock::new(());
        let giver = async move {
            let guard = lock.lock().await;
            current_loop().unwrap().call_later(SECOND, move || drop(guard)).unwrap();
            sleep(2 * SECOND).await;
            let guard = lock.lock().await;
            current_loop().unwrap().call_later(SECOND, move || drop(guard)).unwrap();
            drop(lock.lock().await);
        };
        named("giver").spawn(giver).detach();
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_lock_whose_guard_was_dropped_with_its_cancelled_task_is_still_suspected() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        let holds = one.clone();
        let cancelled = spawn(async move {
            let _guard = holds.lock().await;
            pending::<()>().await;
        });
        yield_now().await;
        cancelled.cancel();
        let _ = cancelled.await;
        takes("a", &one, &two);
        takes("b", &two, &one);
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// A task that holds `lock` and then waits for what `wait` makes.
fn holds_and<F: Future>(lock: &Lock<()>, wait: impl FnOnce() -> F + 'static) {
    let lock = lock.clone();
    let holds = async move {
        let _guard = lock.lock().await;
        wait().await;
    };
    named("holder").spawn(holds).detach();
}

/// A child that wants `lock`.
fn wants(lock: &Lock<()>) -> impl Future<Output = Result<(), ()>> + 'static {
    let lock = lock.clone();
    async move {
        drop(lock.lock().await);
        Ok(())
    }
}

#[test]
fn a_circle_through_whoever_waits_for_several_tasks_is_reported() {
    type Waits = fn(&Lock<()>);
    let ways: [(&str, Waits); 7] = [
        ("gather", |lock| {
            let both = [wants(lock), wants(lock)];
            holds_and(lock, move || gather(both));
        }),
        ("a tuple", |lock| {
            let both = (wants(lock), wants(lock));
            holds_and(lock, move || gather_all(both));
        }),
        ("gather_all", |lock| {
            let others: [Boxed; 2] = [Box::pin(wants(lock)), Box::pin(sleep_well())];
            holds_and(lock, move || gather_all(others));
        }),
        ("try_gather", |lock| {
            let both = [wants(lock), wants(lock)];
            holds_and(lock, move || try_gather(both));
        }),
        ("race_tasks", |lock| {
            let both = [wants(lock), wants(lock)];
            holds_and(lock, move || race_tasks(both));
        }),
        ("wait", |lock| {
            let child = wants(lock);
            holds_and(lock, async move || {
                let mut tasks = vec![spawn(child)];
                wait(&mut tasks, When::All, None).await;
            });
        }),
        ("as_completed", |lock| {
            let child = wants(lock);
            holds_and(lock, async move || {
                let child = spawn(child);
                sleep(SECOND).await; // the child waits first
                as_completed([child]).next().await;
            });
        }),
    ];
    for (way, waits) in ways {
        let seen = circles(async || waits(&Lock::new(())));
        assert_eq!(seen.len(), 1, "{way}: {seen:?}");
        assert!(seen[0].starts_with("holder "), "{way}: {seen:?}");
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<(), ()>>>>;

async fn sleep_well() -> Result<(), ()> {
    sleep(SECOND).await;
    Ok(())
}

#[test]
fn whoever_waits_for_the_first_of_several_may_go_on_while_one_of_them_can() {
    let seen = circles(async || {
        let lock = Lock::new(());
        let others: [Boxed; 2] = [Box::pin(wants(&lock)), Box::pin(sleep_well())];
        holds_and(&lock, move || race_tasks(others));
        // A failure ends a `gather`.
        let lock = Lock::new(());
        let fails = async {
            sleep(SECOND).await;
            Err(())
        };
        let others: [Boxed; 2] = [Box::pin(wants(&lock)), Box::pin(fails)];
        holds_and(&lock, move || gather(others));
    });
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn a_task_of_another_runner_that_is_awaited_here_is_not_taken_for_one_of_ours() {
    let reports = Reports::new();
    let runner = || Runner::builder().failure_policy(reports.policy()).build().unwrap();
    let (one, other) = (runner(), runner());
    let (resolver, answer) = promise::<u32>();
    let theirs = other
        .run(async move {
            let waits = spawn(async move { answer.await.unwrap() });
            yield_now().await;
            waits
        })
        .unwrap();
    let ours = one
        .run(async move {
            // In its own table it stands where the other one stands in the other.
            let waits = spawn(async move { theirs.await.unwrap() + 1 });
            yield_now().await;
            resolver.resolve(1).unwrap();
            waits
        })
        .unwrap();
    other.run(async { yield_now().await }).unwrap();
    assert_eq!(one.run(ours).unwrap().unwrap(), 2);
    assert_eq!(reports.take(), Vec::<String>::new());
}

#[test]
fn a_future_that_keeps_its_place_in_line_unpolled_is_named_as_futurelock() {
    let seen = circles(async || {
        let lock = Lock::new(());
        let holds = lock.clone();
        let holder = async move {
            let _guard = holds.lock().await;
            sleep(2 * SECOND).await;
        };
        named("holder").spawn(holder).detach();
        let loses = async move {
            yield_now().await;
            let mut first = pin!(lock.lock());
            // The lost arm of a select, kept by reference: in line, and polled no more.
            let once = poll_fn(|cx| {
                assert!(first.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            once.await;
            drop(lock.lock().await); // `first` lives to the end of this block
        };
        named("forgets").spawn(loses).detach();
    });
    assert_eq!(seen, ["forgets (futurelock)"]);
}

#[test]
fn cancelling_one_of_a_circle_lets_the_others_go_on() {
    let seen = circles(async || {
        let (one, two) = (Lock::new(()), Lock::new(()));
        let (first, second) = (one.clone(), two.clone());
        takes("a", &one, &two);
        let b = named("b").spawn(async move {
            let _second = second.lock().await;
            sleep(SECOND).await;
            drop(first.lock().await);
        });
        sleep(2 * SECOND).await;
        assert!(one.is_locked() && two.is_locked());
        assert!(b.cancel());
        sleep(SECOND).await;
        assert!(!one.is_locked() && !two.is_locked());
    });
    assert_eq!(seen, ["a b"]);
}

/// A step of a random task.
#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    GiveBack(usize),
    Yield,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4usize).prop_map(Step::Take),
        1 => (0..4usize).prop_map(Step::GiveBack),
        2 => Just(Step::Yield),
    ];
    prop::collection::vec(step, 0..length(8))
}

/// Who has which lock, who stands in line for which: the plainest wait-for graph.
#[derive(Default)]
struct Graph {
    holder: [Option<usize>; 4],
    line: [VecDeque<usize>; 4],
    waits: Vec<Option<usize>>,
    stuck: Vec<bool>,
    circles: Vec<Vec<usize>>,
}

impl Graph {
    /// `task` asks for `lock`: it has it at once, or waits and may close a circle.
    fn ask(&mut self, task: usize, lock: usize) {
        let Some(mut holder) = self.holder[lock] else {
            self.holder[lock] = Some(task);
            return;
        };
        self.waits[task] = Some(lock);
        self.line[lock].push_back(task);
        let mut members = vec![task];
        while holder != task {
            members.push(holder);
            let next = self.waits[holder].and_then(|lock| self.holder[lock]);
            match next {
                Some(next) if !self.stuck[holder] => holder = next,
                _ => return,
            }
        }
        members.iter().for_each(|&member| self.stuck[member] = true);
        members.sort_unstable();
        self.circles.push(members);
    }

    /// The next in line has it from now on, though it has not looked.
    fn give_back(&mut self, lock: usize) {
        self.holder[lock] = self.line[lock].pop_front();
        if let Some(next) = self.holder[lock] {
            self.waits[next] = None;
        }
    }
}

proptest! {
    #[test]
    fn a_circle_of_locks_is_reported_exactly_when_the_wait_for_graph_has_one(
        programs in prop::collection::vec(steps(), 1..6),
    ) {
        let reports = Reports::new();
        let runner =
            Runner::builder().virtual_clock().failure_policy(reports.policy()).build().unwrap();
        let graph = Rc::new(RefCell::new(Graph::default()));
        graph.borrow_mut().waits = vec![None; programs.len()];
        graph.borrow_mut().stuck = vec![false; programs.len()];
        let shared = Rc::clone(&graph);
        runner.run(async move {
            let locks: Vec<Lock<()>> = (0..4).map(|_| Lock::new(())).collect();
            for (me, program) in programs.into_iter().enumerate() {
                let (locks, graph) = (locks.clone(), Rc::clone(&shared));
                let body = async move {
                    let mut guards = [None, None, None, None];
                    for step in program {
                        match step {
                            Step::Take(lock) => {
                                graph.borrow_mut().ask(me, lock);
                                guards[lock] = Some(locks[lock].lock().await);
                            }
                            Step::GiveBack(lock) if guards[lock].is_some() => {
                                graph.borrow_mut().give_back(lock);
                                guards[lock] = None;
                            }
                            Step::GiveBack(_) => {}
                            Step::Yield => yield_now().await,
                        }
                    }
                    let held = (0..4).filter(|&lock| guards[lock].is_some());
                    held.for_each(|lock| graph.borrow_mut().give_back(lock));
                };
                named(&me.to_string()).spawn(body).detach();
            }
            sleep(SECOND).await;
        }).unwrap();
        let told: Vec<String> = reports
            .take_whole()
            .iter()
            .map(|failure| who(&failure.kind, &failure.message))
            .collect();
        let expected: Vec<String> = graph.borrow().circles.iter().map(|members| {
            members.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
        }).collect();
        prop_assert_eq!(told, expected);
    }
}
