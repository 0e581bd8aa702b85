//! Task groups: nobody outlives the block, and what a child gave is not lost with who asked for it.

use std::future::pending;

use roundelay::{
    CancellableGroup, GroupBuilder, GroupResults, Lock, PromiseFuture, TaskGroup,
    cancellable_group, promise, sleep, spawn, task_group,
};

use crate::support::{Census, ms};
use crate::{Case, Entry, LosesData, LosesPlace, Safe, case, give_up_everywhere, settle};

#[test]
fn a_group_that_is_dropped_has_dropped_its_children() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("task_group", LosesData, || {
            whole(async |census| {
                task_group(async |group| body(&group, census).await).await.unwrap()
            })
        }),
        ("cancellable_group", LosesData, || {
            whole(async |census| {
                let end = cancellable_group(async |group: CancellableGroup<()>| {
                    body(&group, census).await?;
                    group.cancel();
                    Ok(())
                });
                end.await.unwrap();
            })
        }),
        ("GroupBuilder::run", LosesData, || {
            whole(async |census| {
                let group = GroupBuilder::new().limit(2);
                group.run(async |group| body(&group, census).await).await.unwrap();
            })
        }),
        ("GroupBuilder::run_cancellable", LosesData, || {
            whole(async |census| {
                let group = GroupBuilder::new().limit(2);
                let body = async |group: CancellableGroup<()>| body(&group, census).await;
                group.run_cancellable(body).await.unwrap();
            })
        }),
        ("TaskGroup::room", LosesPlace, room),
        ("TaskGroup::start", LosesData, start),
        ("GroupResults::join_next", Safe, || results(false)),
        ("GroupResults::collect", Safe, || results(true)),
    ]
}

async fn body(group: &TaskGroup<()>, census: Census) -> Result<(), ()> {
    for n in 0..3 {
        let here = census.born();
        drop(group.spawn(async move {
            let _here = here;
            sleep(ms(n)).await;
            Ok(())
        }));
    }
    sleep(ms(1)).await;
    Ok(())
}

fn whole(run: impl AsyncFnOnce(Census) + 'static) -> Case {
    let census = Census::new();
    let seen = census.clone();
    case(async move { run(seen).await }, async move |_| assert_eq!(census.alive(), 0))
}

/// A group that stays open, with one place.
fn an_open_group() -> PromiseFuture<TaskGroup<()>> {
    let (promise, handle) = promise();
    let open = GroupBuilder::new().limit(1).run(async move |group| {
        drop(promise.resolve(group));
        pending::<Result<(), ()>>().await
    });
    spawn(open).detach();
    handle
}

fn room() -> Case {
    let (handle, kept) = (an_open_group(), Lock::new(None));
    let seen = kept.clone();
    let enter = async move {
        let group = handle.await.unwrap();
        *seen.lock().await = Some(group.clone());
        drop(group.spawn(async {
            sleep(ms(1)).await;
            Ok(())
        }));
        drop(group.room().await);
    };
    case(enter, async move |_| {
        settle().await;
        if let Some(group) = kept.lock().await.take() {
            drop(group.room().await); // nobody holds it
            assert!(group.is_empty());
        }
    })
}

fn start() -> Case {
    let (handle, census) = (an_open_group(), Census::new());
    let here = census.born();
    let begin = async move {
        let group = handle.await.unwrap();
        let service = group.start(async move |ready| {
            let _here = here;
            sleep(ms(1)).await;
            ready.announce(7);
            sleep(ms(1)).await;
            Ok(())
        });
        assert_eq!(service.await.unwrap(), 7);
    };
    case(begin, async move |finished| {
        // A child that is not ready goes with who waited for it; one that is ready goes on.
        assert!(!finished || census.alive() == 1);
        settle().await;
        assert_eq!(census.alive(), 0);
    })
}

fn results(all: bool) -> Case {
    let (handle, kept) = (an_open_group(), Lock::new(None::<GroupResults<u64, ()>>));
    let (seen, had) = (kept.clone(), Lock::new(Vec::new()));
    let taken = had.clone();
    let take = async move {
        let group = handle.await.unwrap();
        let results = group.results();
        for n in [2, 1] {
            results.spawn(async move {
                sleep(ms(n)).await;
                Ok(n)
            });
        }
        let mut kept = seen.lock().await;
        let results = kept.insert(results);
        if all {
            let values = results.collect().await;
            taken.lock().await.extend(values);
        } else {
            while let Some(value) = results.join_next().await {
                taken.lock().await.push(value);
            }
        }
    };
    case(take, async move |_| {
        let mut kept = kept.lock().await;
        let Some(results) = &mut *kept else { return };
        let mut had = had.lock().await;
        had.extend(results.collect().await);
        had.sort_unstable();
        assert_eq!(*had, [1, 2]);
    })
}
