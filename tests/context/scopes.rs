//! Scopes and resets.

use std::future::pending;

use roundelay::{ContextScope, spawn, yield_now};

use crate::support::{Log, on_drop, poll_now, run_virtual};
use crate::{V, W, v};

#[test]
fn a_reset_restores_what_was_before_that_set_and_a_guarded_value_ends_with_its_block() {
    V.set(1);
    let undo = V.set(2);
    V.with_value(3, || {
        assert_eq!(v(), 3);
        V.set(4);
        W.set(5);
    });
    assert_eq!((v(), W.get()), (2, Some(5)));
    undo.reset();
    assert_eq!(v(), 1);
}

#[test]
fn a_scope_holds_for_its_future_only_step_after_step_and_when_it_is_dropped() {
    let log = Log::new();
    run_virtual(async {
        V.set(1);
        let inner = log.clone();
        let guard = {
            let log = log.clone();
            on_drop(move || log.add(format!("dropped with {}", v())))
        };
        let mut scoped = Box::pin(V.scope(7, async move {
            let _guard = guard;
            inner.add(format!("first {}", v()));
            V.set(8);
            W.set(2);
            yield_now().await;
            inner.add(format!("second {}", v()));
            pending::<()>().await;
        }));
        for _ in 0..2 {
            assert!(poll_now(&mut scoped).await.is_pending());
            assert_eq!((v(), W.get()), (1, Some(2)));
        }
        drop(scoped);
        assert_eq!(v(), 1);
    });
    assert_eq!(log.take(), ["first 7", "second 8", "dropped with 8"]);
}

#[test]
fn a_scope_is_left_behind_also_by_a_panic() {
    run_virtual(async {
        let task = spawn(async {
            V.set(1);
            let inside = V.scope(7, async { panic!("inside") });
            let outcome =
                futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(inside));
            assert!(outcome.await.is_err());
            v()
        });
        assert_eq!(task.await.unwrap(), 1);
    });
}
