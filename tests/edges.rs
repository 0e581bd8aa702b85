//! Promises about the largest and the smallest numbers: whatever takes a number or a duration takes
//! each of them, or refuses it with a sentence; none overflows, hangs or uses up the memory.
//!
//! Bug classes B18 and B39.

mod support;

use std::future::{pending, ready};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use futures_lite::io::BufReader;
use roundelay::{
    Barrier, BoundedSemaphore, CancelScope, CancelToken, CapacityLimiter, Deadline, GroupBuilder,
    LineReader, MissedTick, OnceCell, Queue, RateLimiter, ResourcePool, RetryPolicy, RunError,
    Runner, Semaphore, When, broadcast, channel, duplex, fail_after, for_each_concurrent, interval,
    map_concurrent, move_on_after, now, pipeline, retry, sleep, spawn, spawner, staggered_race,
    stop_gracefully, task_group, timeout, timeout_join, wait, window, with_cleanup, with_resource,
    yield_now,
};
use support::{ms, must_end, run_virtual, virtual_runner};

const MOST: usize = usize::MAX;
const FOREVER: Duration = Duration::MAX;

#[test]
fn the_largest_numbers_are_welcome_and_cost_no_memory() {
    must_end(|| {
        run_virtual(async {
            let (sender, mut receiver) = channel(MOST);
            sender.try_send(1).unwrap();
            assert_eq!(receiver.recv().await, Ok(1));
            let (sender, mut receiver) = broadcast(MOST);
            sender.send(1).unwrap();
            assert_eq!(receiver.recv().await, Ok(1));
            for queue in [Queue::bounded(MOST), Queue::bounded_lifo(MOST)] {
                queue.put(1).await.unwrap();
                assert_eq!(queue.get().await, Ok(1));
            }
            let queue = Queue::bounded_priority(MOST);
            queue.put(1).await.unwrap();
            assert_eq!(queue.get().await, Ok(1));

            let barrier = Barrier::new(MOST);
            assert_eq!(barrier.parties(), MOST);
            let limiter = CapacityLimiter::new(MOST);
            drop(limiter.acquire().await.unwrap());
            limiter.set_total(0);
            limiter.set_total(MOST);
            drop(limiter.acquire().await.unwrap());
            let doors = BoundedSemaphore::new(MOST);
            drop(doors.acquire_many(MOST).await);
            assert!(doors.release().is_err());
            let doors = Semaphore::new(MOST);
            drop(doors.acquire_many(MOST).await);
            assert_eq!(doors.available_permits(), MOST);

            let numbers = map_concurrent(MOST, 0..3, |n| async move { n }).await;
            assert_eq!(numbers.len(), 3);
            for_each_concurrent(MOST, 0..3, |_| ready(Ok::<_, ()>(()))).await.unwrap();
            assert!(window(MOST, [ready(1)]).next().await.is_some());
            let group = GroupBuilder::new().limit(MOST).run(async |group| {
                let child = group.spawn(async { Ok::<_, ()>(1) });
                Ok(child.await)
            });
            assert_eq!(group.await.unwrap(), Ok(1));
            let pool = ResourcePool::new(NonZeroUsize::MAX, || ready(Ok::<_, ()>(())));
            drop(pool.max_idle(MOST).get().await.unwrap());
            let produce = async |feed: roundelay::Feed<_>| {
                feed.put(1).await;
                Ok::<_, ()>(())
            };
            let fed = pipeline(NonZeroUsize::MAX, NonZeroUsize::MIN, produce, |n| ready(Ok(n)));
            assert_eq!(fed.await.unwrap(), [1]);

            let (mut here, there) = duplex(MOST);
            futures_lite::AsyncWriteExt::write_all(&mut here, b"one\n").await.unwrap();
            let mut lines = LineReader::new(BufReader::new(there), MOST);
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
            let policy = RetryPolicy::new(NonZeroU32::MAX).factor(u32::MAX);
            assert!(retry(&policy, async |_| Ok::<_, ()>(())).await.is_ok());
            let limiter = RateLimiter::new(NonZeroU32::MAX, ms(1)).burst(NonZeroU32::MAX);
            limiter.acquire().await;
        });
    });
}

#[test]
fn the_longest_durations_are_for_ever() {
    must_end(|| {
        run_virtual(async {
            let soon = || sleep(ms(1));
            timeout(FOREVER, soon()).await.unwrap();
            fail_after(FOREVER, soon()).await.unwrap();
            assert!(move_on_after(FOREVER, soon()).await.is_some());
            assert!(CancelScope::after(FOREVER).run(soon()).await.is_some());
            Deadline::after(FOREVER).guard(soon()).await.unwrap();
            timeout_join(FOREVER, spawn(soon())).await.unwrap().unwrap();
            with_cleanup(soon(), soon(), FOREVER).await;
            let release = |()| sleep(ms(1));
            with_resource(ready(Ok::<_, ()>(())), async |_| Ok(()), release, FOREVER)
                .await
                .unwrap();
            stop_gracefully(&CancelToken::new(), spawn(soon()), FOREVER).await.unwrap();
            let mut tasks = vec![spawn(soon())];
            assert_eq!(wait(&mut tasks, When::All, FOREVER).await.len(), 1);
            let attempts = [async { Err(()) }].into_iter();
            assert!(staggered_race::<_, (), _>(FOREVER, attempts).await.is_err());
            let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap());
            let policy = policy.first_pause(FOREVER).factor(u32::MAX).longest_pause(ms(1));
            let policy = policy.jitter_percent(100).within(FOREVER);
            assert_eq!(retry(&policy, async |_| Err::<(), _>(7)).await.unwrap_err().attempts(), 3);
            for missed in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
                let mut ticks = interval(FOREVER).missed_tick(missed);
                ticks.tick().await;
                assert!(timeout(ms(1), ticks.tick()).await.is_err());
                ticks.reset();
                assert!(timeout(ms(1), ticks.tick()).await.is_err());
            }
            let pool = ResourcePool::new(NonZeroUsize::MIN, || ready(Ok::<_, ()>(())));
            drop(pool.idle_limit(FOREVER).get().await.unwrap());
            assert!(timeout(ms(1), sleep(FOREVER)).await.is_err());
            let home = spawner();
            let there = std::thread::spawn(move || {
                let task = home.spawn(|| async { 7 });
                task.wait_timeout(FOREVER).unwrap()
            });
            while !there.is_finished() {
                roundelay::to_thread(|| ()).await.unwrap();
            }
            assert_eq!(there.join().unwrap(), 7);
        });
        let runner = Runner::builder().virtual_clock().patience(FOREVER).slow_limit(FOREVER);
        let runner = runner.build().unwrap();
        runner.run(async { spawn(pending::<()>()).detach() }).unwrap();
        drop(runner);
    });
}

#[test]
fn the_shortest_durations_are_one_poll() {
    must_end(|| {
        run_virtual(async {
            let zero = Duration::ZERO;
            assert!(timeout(zero, pending::<()>()).await.is_err());
            assert_eq!(timeout(zero, ready(1)).await, Ok(1));
            assert!(fail_after(zero, pending::<()>()).await.is_err());
            assert!(move_on_after(zero, pending::<()>()).await.is_none());
            assert!(timeout_join(zero, spawn(pending::<()>())).await.is_err());
            with_cleanup(ready(()), ready(()), zero).await;
            let end = stop_gracefully(&CancelToken::new(), spawn(pending::<()>()), zero).await;
            assert!(end.unwrap_err().is_cancelled());
            let mut tasks = vec![spawn(pending::<()>())];
            assert!(wait(&mut tasks, When::All, zero).await.is_empty());
            let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap()).first_pause(zero);
            let policy = policy.longest_pause(zero).jitter_percent(0);
            let start = now();
            assert!(retry(&policy, async |_| Err::<(), _>(())).await.is_err());
            assert_eq!(now(), start);
            tasks.remove(0).cancel();
        });
        let runner = Runner::builder().virtual_clock().patience(Duration::ZERO).build().unwrap();
        runner.run(async { spawn(pending::<()>()).detach() }).unwrap();
    });
}

#[test]
fn whoever_waits_for_himself_is_told_that_it_is_a_deadlock() {
    fn stuck<F: Future<Output = ()> + 'static>(
        name: &str,
        make: impl FnOnce() -> F + Send + 'static,
    ) {
        let outcome = must_end(|| virtual_runner().run(make()));
        assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{name}: {outcome:?}");
    }
    stuck("a cell whose value is made of itself", || async {
        let cell = OnceCell::new();
        let again = cell.clone();
        cell.get_or_init(async || *again.get_or_init(async || 1).await).await;
    });
    stuck("a child of a group that waits for the group's room", || async {
        let group = GroupBuilder::new().limit(1).run(async |group| {
            let inside = group.clone();
            group.spawn(async move {
                drop(inside.room().await);
                Ok::<_, ()>(())
            });
            Ok(())
        });
        group.await.unwrap();
    });
    stuck("a worker that joins its own queue", || async {
        let queue = Queue::bounded(1);
        queue.try_put(()).unwrap();
        let _item = queue.get_item().await.unwrap();
        queue.join().await;
    });
    stuck("a resource pool of one that is asked for two", || async {
        let pool = ResourcePool::new(NonZeroUsize::MIN, || ready(Ok::<_, ()>(())));
        let _one = pool.get().await;
        drop(pool.get().await);
    });
    stuck("a group that waits for a child that waits for the group to end", || async {
        let (promise, ended) = roundelay::promise::<()>();
        task_group(async move |group| {
            group.spawn(async move {
                let _ = ended.await;
                Ok::<_, ()>(())
            });
            Ok(())
        })
        .await
        .unwrap();
        drop(promise);
        yield_now().await;
    });
}
