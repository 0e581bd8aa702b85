//! Sleeps, limits and rhythms. What is given up has let go of what it limited.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use roundelay::{
    Deadline, Lock, interval, now, sleep, sleep_until, spawn, timeout, timeout_at, timeout_join,
    yield_now,
};

use crate::support::{Census, ms};
use crate::{Case, Entry, LosesData, OfItsParts, Safe, case, give_up_everywhere};

#[test]
fn what_waits_for_time_may_be_given_up_at_any_time() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("yield_now", Safe, || nothing_else(yield_now())),
        ("sleep", Safe, || nothing_else(sleep(ms(5)))),
        ("sleep_until", Safe, || nothing_else(sleep_until(now() + ms(5)))),
        ("timeout", OfItsParts, || {
            limited(|work| Box::pin(async { timeout(ms(5), work).await.is_err() }))
        }),
        ("timeout_at", OfItsParts, || {
            limited(|work| Box::pin(async { timeout_at(now() + ms(5), work).await.is_err() }))
        }),
        ("Deadline::guard", OfItsParts, || {
            let deadline = Deadline::after(ms(5));
            limited(move |work| Box::pin(async move { deadline.guard(work).await.is_err() }))
        }),
        ("timeout_join", LosesData, || {
            limited(|work| Box::pin(async { timeout_join(ms(5), spawn(work)).await.is_err() }))
        }),
        ("Interval::tick", Safe, tick),
    ]
}

fn nothing_else(future: impl Future<Output = ()> + 'static) -> Case {
    case(future, async |_| {
        let start = now();
        sleep(ms(5)).await;
        assert_eq!(now() - start, ms(5)); // no turn, and no timer, of another's
    })
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// A limit of 5 around work of 9, in three steps.
fn limited<F>(limit: impl FnOnce(Work) -> F + 'static) -> Case
where
    F: Future<Output = bool> + 'static,
{
    let census = Census::new();
    let inside = census.born();
    let work: Work = Box::pin(async move {
        let _inside = inside;
        for _ in 0..3 {
            sleep(ms(3)).await;
        }
    });
    case(async move { assert!(limit(work).await) }, async move |_| {
        assert_eq!(census.alive(), 0);
    })
}

fn tick() -> Case {
    let (start, ticks) = (now(), Lock::new(interval(ms(5))));
    let had = Rc::new(RefCell::new(Vec::new()));
    let (mine, seen) = (ticks.clone(), had.clone());
    let hear = async move {
        let mut ticks = mine.lock().await;
        for _ in 0..3 {
            let tick = ticks.tick().await;
            seen.borrow_mut().push(tick - start);
        }
    };
    case(hear, async move |_| {
        let mut ticks = ticks.lock().await;
        while had.borrow().len() < 3 {
            let tick = ticks.tick().await;
            had.borrow_mut().push(tick - start);
        }
        assert_eq!(*had.borrow(), [ms(0), ms(5), ms(10)]);
    })
}
