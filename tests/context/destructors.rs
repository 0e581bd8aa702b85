//! Destructors, panics and eager tasks see the values that are theirs.

use std::future::pending;
use std::sync::Arc;

use roundelay::{ContextValues, ContextVar, TaskBuilder, current_loop, spawn, timeout, yield_now};

use crate::support::{Log, OnDropSend, ms, on_drop, reporting_runner, run_virtual};
use crate::{V, v};

#[test]
fn a_tasks_destructors_see_its_values_however_it_ends() {
    let log = Log::new();
    {
        let log = log.clone();
        run_virtual(async move {
            V.set(-1);
            let guarded = |n: i32| {
                let log = log.clone();
                on_drop(move || log.add(format!("{n} sees {}", v())))
            };
            let values = |n: i32| {
                let mut values = ContextValues::current();
                values.run(|| drop(V.set(n)));
                TaskBuilder::new().context(values)
            };
            let (g1, g2, g3, g4, g5) = (guarded(1), guarded(2), guarded(3), guarded(4), guarded(5));
            let panics = values(1).spawn(async move {
                let _g1 = g1;
                panic!("1");
            });
            let cancelled = values(2).spawn(async move {
                let _g2 = g2;
                pending::<()>().await;
            });
            // Cancelled before its first step; left to the shutdown; an output nobody takes.
            let never = values(3).spawn(async move { drop(g3) });
            never.cancel();
            values(4)
                .spawn(async move {
                    let _g4 = g4;
                    pending::<()>().await;
                })
                .detach();
            values(5).spawn(async move { g5 }).detach();
            yield_now().await;
            assert!(panics.await.is_err());
            assert!(cancelled.cancel_and_wait().await.is_err());
            assert!(never.await.is_err());
            assert_eq!(v(), -1);
        });
    }
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen, ["1 sees 1", "2 sees 2", "3 sees 3", "4 sees 4", "5 sees 5"]);
}

#[test]
fn a_group_dropped_inside_a_task_drops_each_child_with_its_own_values() {
    let log = Log::new();
    run_virtual(async {
        let inner = log.clone();
        let group = roundelay::task_group(async |group| {
            V.set(1);
            let guard = on_drop(move || inner.add(format!("child sees {}", v())));
            let _child = group.spawn(async move {
                let _guard = guard;
                pending::<Result<(), String>>().await
            });
            V.set(2);
            pending::<Result<(), String>>().await
        });
        assert!(timeout(ms(1), group).await.is_err());
    });
    assert_eq!(log.take(), ["child sees 1"]);
}

#[test]
fn an_eager_task_has_its_own_values_and_the_spawner_has_its_own_back_even_after_a_panic() {
    run_virtual(async {
        V.set(1);
        let eager = || TaskBuilder::new().eager();
        let task = eager().spawn(async {
            assert_eq!(v(), 1);
            V.set(2);
            yield_now().await;
            v()
        });
        assert_eq!(v(), 1);
        let panicked = eager().spawn(async {
            V.set(3);
            panic!("at once");
        });
        assert_eq!(v(), 1);
        let _: Result<(), _> = panicked.await;
        assert_eq!((v(), task.await.unwrap()), (1, 2));
    });
}

#[test]
fn a_value_whose_destructor_panics_is_reported_and_the_loop_goes_on() {
    static BOMB: ContextVar<Arc<OnDropSend>> = ContextVar::new("bomb");
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let home = current_loop().unwrap();
            let set = || drop(BOMB.set(Arc::new(OnDropSend(|| panic!("a bomb")))));
            home.call_soon(set).unwrap();
            spawn(async move { set() }).detach();
            yield_now().await;
            yield_now().await;
        })
        .unwrap();
    assert_eq!(reports.take(), ["DestructorPanicked: a bomb", "DestructorPanicked: a bomb"]);
}
