//! Several at once. Where the children belong to the future they go with it, before the drop
//! returns; where they do not, nothing of them is lost.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    Either, Lock, When, as_completed, for_each_concurrent, gather, gather_all, join,
    map_concurrent, race, race_ok, race_tasks, select, shield, sleep, spawn, staggered_race,
    try_gather, try_join, wait, window,
};

use crate::support::{Census, OnDrop, ms};
use crate::{Case, Count, Entry, LosesData, OfItsParts, Safe, case, give_up_everywhere, settle};

#[test]
fn children_go_with_their_combinator_or_lose_nothing_by_its_end() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("gather", LosesData, || family(async |naps| drop(gather(naps).await))),
        ("gather_all", LosesData, || family(async |naps| drop(gather_all(naps).await))),
        ("try_gather", LosesData, || family(async |naps| drop(try_gather(naps).await))),
        ("race_tasks", LosesData, || family(async |naps| drop(race_tasks(naps).await))),
        ("map_concurrent", LosesData, || {
            family(async |naps| drop(map_concurrent(2, naps, |nap| nap).await))
        }),
        ("for_each_concurrent", LosesData, || {
            family(async |naps| drop(for_each_concurrent(2, naps, |nap| nap).await))
        }),
        ("join", LosesData, || {
            family(async |mut naps| {
                let last = naps.pop().unwrap();
                drop(join((join(naps), last)).await);
            })
        }),
        ("try_join", LosesData, || {
            family(async |mut naps| {
                let last = naps.pop().unwrap();
                drop(try_join((try_join(naps), last)).await);
            })
        }),
        ("race", OfItsParts, || family(async |naps| assert_eq!(race(naps).await.0, 1))),
        ("race_ok", OfItsParts, || family(async |naps| drop(race_ok(naps).await))),
        ("select", OfItsParts, || {
            family(async |mut naps| {
                assert!(matches!(select(naps.remove(0), naps.remove(0)).await, Either::Right(_)))
            })
        }),
        ("staggered_race", OfItsParts, || {
            family(async |naps| drop(staggered_race(ms(1), naps).await))
        }),
        ("wait", Safe, waiting),
        ("AsCompleted::next", Safe, completed),
        ("Window::next", Safe, windowed),
        ("shield", Safe, shielded),
    ]
}

/// A child of a family.
async fn nap(duration: Duration, here: OnDrop) -> Result<(), &'static str> {
    let _here = here;
    sleep(duration).await;
    sleep(duration).await;
    Ok(())
}

type Nap = std::pin::Pin<Box<dyn Future<Output = Result<(), &'static str>>>>;

/// Three children in the hands of a combinator. When it is gone so are they, at once.
fn family(combine: impl AsyncFnOnce(Vec<Nap>) + 'static) -> Case {
    let census = Census::new();
    let naps = [3, 1, 2].map(|n| Box::pin(nap(ms(n), census.born())) as Nap);
    case(async move { combine(naps.into()).await }, async move |_| {
        assert_eq!(census.alive(), 0);
    })
}

fn waiting() -> Case {
    let tasks = [1, 2, 3].map(|n| {
        spawn(async move {
            sleep(ms(n)).await;
            n
        })
    });
    let (tasks, had) = (Lock::new(Vec::from(tasks)), Rc::new(RefCell::new(Vec::new())));
    let (mine, seen) = (tasks.clone(), had.clone());
    let take = async move {
        let mut tasks = mine.lock().await;
        while !tasks.is_empty() {
            let done = wait(&mut tasks, When::FirstCompleted, None).await;
            seen.borrow_mut().extend(done);
        }
    };
    case(take, async move |_| {
        let mut tasks = tasks.lock().await;
        if !tasks.is_empty() {
            let rest = wait(&mut tasks, When::All, None).await;
            had.borrow_mut().extend(rest);
        }
        let outcomes = gather_all(had.take()).await;
        let all: Vec<u64> = outcomes.into_iter().map(|one| one.unwrap().unwrap()).collect();
        assert_eq!(all, [1, 2, 3]);
    })
}

fn completed() -> Case {
    let tasks = [3, 1, 2].map(|n| spawn(async move { sleep(ms(n)).await }));
    let (ends, had) = (Lock::new(as_completed(tasks)), Rc::new(RefCell::new(Vec::new())));
    let (mine, seen) = (ends.clone(), had.clone());
    let take = async move {
        let mut ends = mine.lock().await;
        while let Some((index, _)) = ends.next().await {
            seen.borrow_mut().push(index);
        }
    };
    case(take, async move |_| {
        let mut ends = ends.lock().await;
        while let Some((index, _)) = ends.next().await {
            had.borrow_mut().push(index);
        }
        assert_eq!(*had.borrow(), [1, 2, 0]);
    })
}

fn windowed() -> Case {
    let naps = [3, 1, 1].map(|n| sleep(ms(n)));
    let (ends, had) = (Lock::new(window(2, naps)), Rc::new(RefCell::new(Vec::new())));
    let (mine, seen) = (ends.clone(), had.clone());
    let take = async move {
        let mut ends = mine.lock().await;
        while let Some((index, _)) = ends.next().await {
            seen.borrow_mut().push(index);
        }
    };
    case(take, async move |_| {
        let mut ends = ends.lock().await;
        while let Some((index, _)) = ends.next().await {
            had.borrow_mut().push(index);
        }
        had.borrow_mut().sort_unstable();
        assert_eq!(*had.borrow(), [0, 1, 2]);
    })
}

fn shielded() -> Case {
    let done = Count::default();
    let counts = done.clone();
    let work = async move {
        sleep(ms(2)).await;
        counts.add();
    };
    case(async move { shield(work).await.unwrap() }, async move |_| {
        settle().await;
        assert_eq!(done.get(), 1);
    })
}
