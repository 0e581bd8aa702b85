//! What an evil future waits for: each thing that the runtime lets one wait for, and some of them
//! inside of others.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use roundelay::{
    CancelScope, CancelToken, CancellableGroup, ContextScope, broadcast, cancellable_group,
    channel, gather, gather_all, move_on_after, promise, race_tasks, select, sleep, spawn, timeout,
    to_thread, try_gather, with_cleanup, yield_now,
};

use crate::storm::Place;
use crate::support::ms;
use crate::things::{Evil, EvilFuture};
use crate::world::{INHERITED, Leaf, keep, misbehave, take, world};

/// How many kinds there are of things to wait for.
pub(crate) const KINDS: u8 = 27;

/// Something to wait for.
pub(crate) fn leaf(n: u8, generation: u8) -> Leaf {
    let Some(world) = world() else { return Box::pin(async {}) };
    let kinds = if generation < 3 { KINDS } else { 8 };
    let (kind, n) = (n % kinds, n / kinds);
    match kind {
        0 => Box::pin(sleep(ms(u64::from(n % 4)))),
        1 => {
            let acquire = world.semaphore.acquire();
            Box::pin(async move {
                let permit = acquire.await;
                match self::world() {
                    Some(world) if n % 2 == 0 => keep(&world.permits, permit),
                    _ => drop(permit),
                }
            })
        }
        2 => {
            let get = world.queue().get();
            Box::pin(async move { drop(get.await) })
        }
        3 => {
            let put = world.queue().put(Evil::new());
            Box::pin(async move { drop(put.await) })
        }
        4 => {
            let (promise, future) = promise();
            keep(&world.promises, promise);
            Box::pin(async move { drop(future.await) })
        }
        5 => match take(&world.tasks, n) {
            Some(task) => Box::pin(async move { drop(task.await) }),
            None => Box::pin(yield_now()),
        },
        6 => Box::pin(yield_now()),
        7 => Box::pin(pending()),
        8 => Box::pin(group(n, generation)),
        9 => {
            let futures = children(n, generation);
            Box::pin(async move { drop(gather(futures).await) })
        }
        10 => {
            let futures = children(n, generation);
            Box::pin(async move { drop(gather_all(futures).await) })
        }
        11 => {
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = timeout(ms(1), inner).await;
            })
        }
        12 => {
            let inner = EvilFuture::new(n, generation + 1);
            Box::pin(async move { drop(inner.await) })
        }
        13 => {
            // In a task of its own, which is polled whatever becomes of this one.
            let task = world.may_spawn().then(|| spawn(async { to_thread(|| ()).await.is_ok() }));
            Box::pin(async move {
                if let Some(task) = task {
                    let _ = task.await;
                }
            })
        }
        14 => {
            let scope = CancelScope::new();
            keep(&world.scopes, scope.clone());
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = scope.run(inner).await;
            })
        }
        15 => {
            let shielded = CancelScope::shield(leaf(n, generation + 1));
            Box::pin(async move {
                let _ = move_on_after(ms(1), shielded).await;
            })
        }
        16 => {
            let work = leaf(n, generation + 1);
            let goodbye = EvilFuture::new(n, generation + 1);
            Box::pin(with_cleanup(work, async move { drop(goodbye.await) }, ms(2)))
        }
        17 => {
            let parent = CancelToken::new();
            let token = parent.child();
            keep(&world.tokens, parent);
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = token.run_until_cancelled(inner).await;
            })
        }
        18 => {
            let (sender, mut receiver) = channel(1);
            keep(&world.senders, sender);
            Box::pin(async move { while receiver.recv().await.is_ok() {} })
        }
        19 => match take(&world.senders, n) {
            Some(sender) => Box::pin(async move { drop(sender.send(Evil::new()).await) }),
            None => Box::pin(yield_now()),
        },
        20 => {
            let (sender, mut receiver) = broadcast(1);
            let mut other = sender.subscribe();
            keep(&world.broadcasts, sender);
            Box::pin(async move {
                drop(receiver.recv().await);
                drop(other.recv().await);
            })
        }
        21 => {
            let lock = world.lock.lock();
            Box::pin(async move {
                let _guard = lock.await;
                yield_now().await;
            })
        }
        22 => {
            let (lock, condition) = (world.lock.clone(), world.condition.clone());
            Box::pin(async move {
                let guard = lock.lock().await;
                drop(condition.wait(guard).await);
            })
        }
        23 => {
            let (promise, future) = promise();
            keep(&world.promises, promise);
            let (one, other) = (future.shared(), RefCell::new(None));
            other.replace(Some(one.clone()));
            Box::pin(async move {
                drop(one.await);
                let other = other.take();
                drop(other.unwrap().await);
            })
        }
        24 => Box::pin(INHERITED.scope(Evil::new(), leaf(n, generation + 1))),
        25 => {
            let futures = children(n | 1, generation);
            let (one, other) = (leaf(n, generation + 1), leaf(n / 2, generation + 1));
            Box::pin(async move {
                if futures.len() % 2 == 1 {
                    drop(race_tasks(futures).await);
                } else {
                    drop(try_gather(futures).await);
                }
                let _ = select(one, other).await;
            })
        }
        _ => {
            let task = world.may_spawn().then(|| spawn(EvilFuture::new(n, generation + 1)));
            Box::pin(async move {
                if let Some(task) = task {
                    drop(task.await);
                }
            })
        }
    }
}

/// Up to three futures, which fail now and then.
fn children(n: u8, generation: u8) -> Vec<impl Future<Output = Result<Evil, Evil>> + 'static> {
    let mut children = Vec::new();
    for seed in 0..n % 4 {
        if world().is_some_and(|world| world.may_spawn()) {
            let future = EvilFuture::new(n.wrapping_mul(5).wrapping_add(seed), generation + 1);
            children.push(async move {
                let evil = future.await;
                if n % 5 == seed { Err(evil) } else { Ok(evil) }
            });
        }
    }
    children
}

/// A group with some children, which leaves none behind.
async fn group(n: u8, generation: u8) {
    let handle: Rc<RefCell<Option<CancellableGroup<Evil>>>> = Rc::default();
    let inside = Rc::clone(&handle);
    let outcome = cancellable_group(async move |group: CancellableGroup<Evil>| {
        inside.replace(Some(group.clone()));
        if let Some(world) = world() {
            keep(&world.groups, group.clone());
        }
        misbehave(Place::Body);
        for child in children(n | 1, generation) {
            let value = group.spawn(child);
            if n.is_multiple_of(3) {
                drop(value.await);
            }
        }
        leaf(n, generation + 1).await;
        misbehave(Place::Body);
        if n.is_multiple_of(7) { Err(Evil::new()) } else { Ok(Evil::new()) }
    })
    .await;
    let group = handle.take();
    if let (Some(group), Some(world)) = (group, world())
        && (!group.is_empty() || group.is_open())
    {
        world.complain(format!("a group is over and has {} children left", group.len()));
    }
    drop(outcome);
}
