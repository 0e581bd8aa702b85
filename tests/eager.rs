//! Promises about eager tasks: the first step is taken inside `spawn`, and nothing else differs.
//!
//! Order fact O32.1 of asyncio.

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use roundelay::{
    TaskBuilder, TaskState, all_tasks, current_loop, current_task, promise, spawn, yield_now,
};
use support::{Log, reporting_runner, run_virtual};

fn eager() -> TaskBuilder {
    TaskBuilder::new().eager()
}

#[test]
fn an_eager_task_runs_inside_spawn_up_to_its_first_wait() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let task = eager().spawn(async move {
            inner.add("child starts");
            yield_now().await;
            inner.add("child ends");
        });
        log.add("spawn returned");
        assert!(!task.is_finished());
        task.await.unwrap();
    });
    assert_eq!(log.take(), ["child starts", "spawn returned", "child ends"]);
}

#[test]
fn an_eager_task_that_never_waits_is_finished_when_spawn_returns_and_costs_no_turn() {
    run_virtual(async {
        let start = current_loop().unwrap().turn();
        let task = eager().spawn(async { 7 });
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(current_loop().unwrap().turn(), start);
    });
}

#[test]
fn callbacks_at_the_end_of_an_eager_task_still_pass_through_the_ready_queue() {
    let log = Log::new();
    run_virtual(async {
        current_loop().unwrap().call_soon(log.adds("ready before")).unwrap();
        let done = log.clone();
        eager().spawn(async {}).on_done(move |_| done.add("done"));
        log.add("registered");
        yield_now().await;
    });
    assert_eq!(log.take(), ["registered", "ready before", "done"]);
}

#[test]
fn inside_the_first_step_the_current_task_is_the_new_one_and_then_the_spawner_again() {
    run_virtual(async {
        let inner = eager().name("inner");
        let task = inner.spawn(async {
            let states: Vec<_> = all_tasks().into_iter().map(|t| (t.name, t.state)).collect();
            (current_task().unwrap().name, states)
        });
        assert_eq!(current_task().unwrap().name, "main");
        let (name, states) = task.await.unwrap();
        assert_eq!(name, "inner");
        let running = |name: &str| (name.to_owned(), TaskState::Running);
        assert_eq!(states, [running("main"), running("inner")]);
    });
}

#[test]
fn a_panic_in_an_eager_step_is_the_childs_and_not_the_spawners() {
    run_virtual(async {
        let task = eager().spawn(async { panic!("at once") });
        assert_eq!(current_task().unwrap().name, "main");
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: at once");
    });
    let (runner, reports) = reporting_runner();
    runner.run(async { eager().spawn(async { panic!("unheard") }).detach() }).unwrap();
    assert_eq!(reports.take(), ["TaskPanicked: unheard"]);
}

#[test]
fn an_eager_task_that_cancels_itself_goes_no_further_than_its_next_wait() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let task = eager().spawn(async move {
            let _guard = inner.on_drop("dropped");
            current_task().unwrap().cancel();
            inner.add("goes on");
            yield_now().await;
            inner.add("not reached");
        });
        log.add("spawn returned");
        assert!(task.await.unwrap_err().is_cancelled());
        let gone = eager().spawn(async { assert!(current_task().unwrap().cancel()) });
        assert!(gone.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["goes on", "spawn returned", "dropped"]);
}

#[test]
fn an_eager_task_may_be_woken_inside_its_spawners_step() {
    run_virtual(async {
        let (promise, future) = promise();
        let task = eager().spawn(async move { future.await.unwrap() });
        promise.resolve("early").unwrap();
        assert_eq!(task.await.unwrap(), "early");
    });
}

#[test]
fn eager_tasks_inside_eager_tasks_do_not_use_up_the_stack() {
    fn nest(left: u32, deepest: Rc<Cell<u32>>, depth: Rc<Cell<u32>>) {
        if left == 0 {
            return;
        }
        let spawned = eager().spawn(async move {
            depth.set(depth.get() + 1);
            deepest.set(deepest.get().max(depth.get()));
            nest(left - 1, Rc::clone(&deepest), Rc::clone(&depth));
            depth.set(depth.get() - 1);
        });
        spawned.detach();
    }
    let deepest = Rc::new(Cell::new(0));
    run_virtual(async {
        nest(if cfg!(miri) { 140 } else { 100_000 }, Rc::clone(&deepest), Rc::default());
        while all_tasks().len() > 1 {
            yield_now().await;
        }
    });
    // 64 eager steps, on top of the step of one that waited for its turn.
    assert_eq!(deepest.get(), 65);
}

#[test]
fn an_eager_spawn_in_a_callback_and_in_a_destructor_works() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let callback = move || {
            assert_eq!(current_task(), None);
            eager().spawn(async move { inner.add("from a callback") }).detach();
            assert_eq!(current_task(), None);
        };
        current_loop().unwrap().call_soon(callback).unwrap();
        yield_now().await;
        let inner = log.clone();
        let guard = support::on_drop(move || {
            eager().spawn(async move { inner.add("from a destructor") }).detach();
        });
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["from a callback", "from a destructor"]);
}

#[test]
fn without_eager_nothing_runs_inside_spawn() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    run_virtual(async {
        let inner = Rc::clone(&seen);
        let task =
            TaskBuilder::new().name("plain").spawn(async move { inner.borrow_mut().push(1) });
        seen.borrow_mut().push(0);
        task.await.unwrap();
    });
    assert_eq!(*seen.borrow(), [0, 1]);
}
