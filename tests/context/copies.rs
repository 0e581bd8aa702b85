//! Who is given a copy of the values, and who shares them.
//!
//! Order fact O27 of asyncio.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use roundelay::{
    ContextValues, ContextVar, EventLoop, TaskBuilder, ThreadPool, current_loop, promise, run_on,
    sleep, spawn, timeout, to_thread, yield_now,
};

use crate::support::{Log, ms, must_end, run_virtual};
use crate::{V, W, v};

#[test]
fn a_task_copies_the_values_when_it_is_spawned_and_keeps_its_changes() {
    let log = Log::new();
    run_virtual(async {
        let child = |n: i32| {
            let log = log.clone();
            async move {
                log.add(format!("{n} sees {}", v()));
                V.set(n);
                yield_now().await;
                log.add(format!("{n} sees {}", v()));
            }
        };
        V.set(1);
        let a = spawn(child(10));
        V.set(2);
        let b = spawn(child(20));
        a.await.unwrap();
        b.await.unwrap();
        log.add(format!("parent sees {}", v()));
    });
    let seen = ["10 sees 1", "20 sees 2", "10 sees 10", "20 sees 20", "parent sees 2"];
    assert_eq!(log.take(), seen);
}

#[test]
fn a_plain_await_shares_the_values_also_inside_a_time_limit() {
    run_virtual(async {
        async { drop(V.set(30)) }.await;
        assert_eq!(v(), 30);
        timeout(ms(1), async { drop(V.set(31)) }).await.unwrap();
        assert_eq!(v(), 31);
    });
}

#[test]
fn scheduled_callbacks_take_the_values_of_their_moment_along() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let tells = |how: &'static str| {
            let log = log.clone();
            move || log.add(format!("{how} {}", v()))
        };
        V.set(1);
        home.call_soon(tells("soon")).unwrap();
        V.set(2);
        home.call_later(ms(1), tells("later")).unwrap();
        V.set(3);
        home.call_at(home.time() + ms(2), tells("at")).unwrap();
        let task = spawn(sleep(ms(3)));
        let done = log.clone();
        V.set(4);
        task.on_done(move |_| done.add(format!("done {}", v())));
        let (promise, future) = promise();
        let settled = log.clone();
        V.set(5);
        let _kept = future
            .shared()
            .on_settled(move |_: Result<(), _>| settled.add(format!("settled {}", v())));
        V.set(6);
        drop(spawn(async move { promise.resolve(()) }));
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), ["soon 1", "settled 5", "later 2", "at 3", "done 4"]);
}

#[test]
fn what_a_callback_sets_is_seen_by_nobody_else_and_its_value_is_dropped() {
    static DROPS: ContextVar<Arc<()>> = ContextVar::new("drops");
    let alive = Arc::new(());
    run_virtual(async {
        let home = current_loop().unwrap();
        let inside = Arc::clone(&alive);
        home.call_soon(move || {
            V.set(9);
            drop(DROPS.set(inside));
        })
        .unwrap();
        home.call_soon(|| assert_eq!((v(), DROPS.get()), (0, None))).unwrap();
        home.call_soon(|| {
            V.set(9);
            panic!("after it has set something");
        })
        .unwrap();
        home.call_soon(|| assert_eq!(v(), 0)).unwrap();
        yield_now().await;
        assert_eq!((v(), Arc::strong_count(&alive)), (0, 1));
    });
}

#[test]
fn what_the_main_callback_of_a_run_sets_is_seen_by_no_callback() {
    let event_loop = EventLoop::new().unwrap();
    let (seen, inner) = (Rc::new(Cell::new(-1)), event_loop.loop_ref().clone());
    let sees = seen.clone();
    event_loop.call_main_soon();
    event_loop.call_soon(move || (sees.set(v()), inner.stop()).1).unwrap();
    let outcome = event_loop.run_with(&mut || drop(V.set(7)));
    assert!(outcome.is_err());
    assert_eq!(seen.get(), 0);
}

#[test]
fn the_door_takes_the_values_of_the_calling_thread_along() {
    let seen = must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let proxy = event_loop.proxy();
        let (sender, receiver) = std::sync::mpsc::channel();
        V.set(1);
        let thread = std::thread::spawn(move || {
            V.set(2);
            proxy.call_soon_threadsafe(move || sender.send(v()).unwrap()).unwrap();
        });
        thread.join().unwrap();
        event_loop.run_once().unwrap();
        (receiver.recv().unwrap(), v())
    });
    assert_eq!(seen, (2, 1));
}

#[test]
fn a_job_in_a_thread_sees_the_values_and_its_changes_do_not_come_back() {
    let run = || {
        roundelay::run(async {
            V.set(1);
            let seen = to_thread(|| (v(), V.set(2), v())).await.unwrap();
            let after = to_thread(|| W.get()).await.unwrap();
            let pool = ThreadPool::new(1);
            let elsewhere = run_on(&pool, v);
            V.set(3);
            (seen.0, seen.2, after, elsewhere.await.unwrap(), v())
        })
    };
    assert_eq!(must_end(run), (1, 2, None, 1, 3));
}

#[test]
fn values_given_to_a_task_are_its_own_and_can_be_read_afterwards() {
    run_virtual(async {
        V.set(1);
        W.set(1);
        let mut values = ContextValues::current();
        values.run(|| drop(V.set(2)));
        let task = TaskBuilder::new().context(values).spawn(async {
            assert_eq!((v(), W.get()), (2, Some(1)));
            V.set(3);
        });
        let bare = TaskBuilder::new().context(ContextValues::default()).spawn(async { V.get() });
        yield_now().await;
        assert_eq!(task.context().run(v), 3);
        assert_eq!((v(), bare.await.unwrap()), (1, None));
    });
}
