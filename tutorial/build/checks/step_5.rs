// Step 5: many tasks, each woken exactly.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tiny::Loop;

use crate::support::{Log, expect};

/// A bell: its wakers are kept, and a task that waits for it counts its polls.
#[derive(Clone, Default)]
struct Bell {
    wakers: Rc<RefCell<Vec<Waker>>>,
    rung: Rc<Cell<bool>>,
    polls: Rc<Cell<u32>>,
}

impl Bell {
    async fn wait(self) {
        poll_fn(|cx| {
            self.polls.set(self.polls.get() + 1);
            self.wakers.borrow_mut().push(cx.waker().clone());
            if self.rung.get() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }

    fn waker(&self) -> Waker {
        self.wakers.borrow().last().expect("the task was polled").clone()
    }
}

#[test]
fn a_task_is_polled_in_a_turn_and_not_inside_spawn() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let to_log = log.clone();
    event_loop.spawn(async move { to_log.add("task") });
    log.add("after spawn");
    event_loop.run();
    log.expect("`spawn` only hands the task over.", &["after spawn", "task"]);
}

#[test]
fn many_tasks_run_side_by_side() {
    let (event_loop, log) = (Loop::new(), Log::default());
    for (name, wait) in [("slow", 2), ("quick", 1)] {
        let (promise, later) = event_loop.promise();
        event_loop.call_later(Duration::from_secs(wait), move || promise.resolve(()).unwrap());
        let to_log = log.clone();
        event_loop.spawn(async move {
            to_log.add(format!("{name} begins"));
            later.await;
            to_log.add(format!("{name} ends"));
        });
    }
    event_loop.run();
    let lines = ["slow begins", "quick begins", "quick ends", "slow ends"];
    log.expect("Each goes on when its own value has come.", &lines);
}

#[test]
fn a_double_wake_means_one_poll() {
    let event_loop = Loop::new();
    let bell = Bell::default();
    event_loop.spawn(bell.clone().wait());
    event_loop.run();
    expect("A spawned task is polled once.", 1, bell.polls.get());
    for _ in 0..3 {
        bell.waker().wake();
    }
    event_loop.run();
    let why = "Three wakes before the poll are one poll. Mark the task as scheduled.";
    expect(why, 2, bell.polls.get());
    bell.waker().wake();
    event_loop.run();
    expect("A wake after the poll is a new poll. Take the mark away.", 3, bell.polls.get());
}

#[test]
fn a_task_that_nobody_wakes_is_not_polled() {
    let event_loop = Loop::new();
    let (one, other) = (Bell::default(), Bell::default());
    event_loop.spawn(one.clone().wait());
    event_loop.spawn(other.clone().wait());
    event_loop.run();
    one.rung.set(true);
    one.waker().wake();
    event_loop.run();
    expect("Only the task that was woken is polled.", (2, 1), (one.polls.get(), other.polls.get()));
}

#[test]
fn a_wake_after_the_end_harms_nobody() {
    let event_loop = Loop::new();
    let (old, new) = (Bell::default(), Bell::default());
    old.rung.set(true);
    event_loop.spawn(old.clone().wait());
    event_loop.run();
    event_loop.spawn(new.clone().wait());
    event_loop.run();
    old.waker().wake();
    event_loop.run();
    expect("The old waker polls no other task.", (1, 1), (old.polls.get(), new.polls.get()));
}

#[test]
fn a_task_that_wakes_itself_while_it_is_polled_is_polled_again() {
    let event_loop = Loop::new();
    let polls = Rc::new(Cell::new(0));
    let counter = polls.clone();
    event_loop.spawn(poll_fn(move |cx| {
        counter.set(counter.get() + 1);
        cx.waker().wake_by_ref();
        if counter.get() < 4 { Poll::Pending } else { Poll::Ready(()) }
    }));
    event_loop.run();
    let why = "The mark is taken away before the poll, so a wake during the poll counts.";
    expect(why, 4, polls.get());
}

#[test]
fn a_task_may_spawn_another() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (inner, to_log) = (event_loop.clone(), log.clone());
    event_loop.spawn(async move {
        let child = to_log.clone();
        inner.spawn(async move { child.add("child") });
        to_log.add("parent");
    });
    event_loop.run();
    log.expect("Nothing of the loop is borrowed during a poll.", &["parent", "child"]);
}
