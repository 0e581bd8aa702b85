//! Giving up, given up. What a scope or a token surrounds goes with it, and a cleanup is never
//! lost.

use std::future::{Future, pending};

use roundelay::{
    CancelScope, CancelToken, fail_after, fail_at, move_on_after, move_on_at, now, sleep, spawn,
    stop_gracefully, with_cleanup, with_resource,
};

use crate::support::{Census, ms};
use crate::{
    Case, Count, Entry, LosesData, OfItsParts, Safe, case, give_up_everywhere, settle, soon,
};

#[test]
fn a_scope_that_is_dropped_has_dropped_what_it_surrounds_and_a_cleanup_runs_once() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("move_on_after", OfItsParts, || {
            inside(async |work| assert!(move_on_after(ms(5), work).await.is_none()))
        }),
        ("move_on_at", OfItsParts, || {
            inside(async |work| assert!(move_on_at(now() + ms(5), work).await.is_none()))
        }),
        ("fail_after", OfItsParts, || {
            inside(async |work| assert!(fail_after(ms(5), work).await.is_err()))
        }),
        ("fail_at", OfItsParts, || {
            inside(async |work| assert!(fail_at(now() + ms(5), work).await.is_err()))
        }),
        ("CancelScope::run", OfItsParts, || {
            inside(async |work| {
                let scope = CancelScope::new();
                let canceller = scope.clone();
                soon(move || assert!(canceller.cancel()));
                assert!(scope.run(work).await.is_none());
            })
        }),
        ("CancelScope::shield", OfItsParts, || {
            inside(async |work| CancelScope::shield(work).await)
        }),
        ("CancelToken::run_until_cancelled", OfItsParts, || {
            inside(async |work| {
                let token = CancelToken::new();
                let canceller = token.clone();
                soon(move || assert!(canceller.cancel()));
                assert!(token.run_until_cancelled(work).await.is_none());
            })
        }),
        ("CancelToken::cancelled", Safe, cancelled),
        ("stop_gracefully", LosesData, stopped),
        ("Task::cancel_and_wait", Safe, cancel_and_wait),
        ("with_cleanup", OfItsParts, cleanup),
        ("with_resource", OfItsParts, resource),
    ]
}

type Work = std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// Work of three steps that must be gone when what is around it is.
fn inside(around: impl AsyncFnOnce(Work) + 'static) -> Case {
    let census = Census::new();
    let here = census.born();
    let work: Work = Box::pin(async move {
        let _here = here;
        for _ in 0..3 {
            sleep(ms(3)).await;
        }
    });
    case(async move { around(work).await }, async move |_| assert_eq!(census.alive(), 0))
}

fn cancelled() -> Case {
    let token = CancelToken::new();
    let (mine, canceller) = (token.clone(), token.clone());
    soon(move || assert!(canceller.cancel()));
    case(async move { mine.cancelled().await }, async move |_| token.cancelled().await)
}

fn stopped() -> Case {
    let census = Census::new();
    let here = census.born();
    let deaf = spawn(async move {
        let _here = here;
        pending::<()>().await;
    });
    let stop = async move {
        let outcome = stop_gracefully(&CancelToken::new(), deaf, ms(5)).await;
        assert!(outcome.unwrap_err().is_cancelled());
    };
    case(stop, async move |_| {
        settle().await;
        assert_eq!(census.alive(), 0);
    })
}

fn cancel_and_wait() -> Case {
    let census = Census::new();
    let here = census.born();
    let task = spawn(async move {
        let _here = here;
        pending::<()>().await;
    });
    case(async move { drop(task.cancel_and_wait().await) }, async move |finished| {
        assert!(!finished || census.alive() == 0);
        settle().await;
        assert_eq!(census.alive(), 0);
    })
}

fn cleanup() -> Case {
    let (works, cleanups) = (Census::new(), Count::default());
    let (here, counts, seen) = (works.born(), cleanups.clone(), works.clone());
    let work = async move {
        let _here = here;
        sleep(ms(1)).await;
    };
    let cleanup = async move {
        assert_eq!(seen.alive(), 0); // first the work goes, then comes the cleanup
        sleep(ms(1)).await;
        counts.add();
    };
    case(with_cleanup(work, cleanup, ms(100)), async move |_| {
        settle().await;
        assert_eq!((works.alive(), cleanups.get()), (0, 1));
    })
}

fn resource() -> Case {
    let (made, released) = (Count::default(), Count::default());
    let (makes, releases) = (made.clone(), released.clone());
    let acquire = async move {
        sleep(ms(1)).await;
        makes.add();
        Ok::<_, ()>(7)
    };
    let body = async |n: &mut i32| {
        sleep(ms(1)).await;
        *n += 1;
        Ok(())
    };
    let release = move |_| async move {
        sleep(ms(1)).await;
        releases.add();
    };
    let whole = with_resource(acquire, body, release, ms(100));
    case(async move { whole.await.unwrap() }, async move |_| {
        settle().await;
        assert_eq!(made.get(), released.get());
    })
}
