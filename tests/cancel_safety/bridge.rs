//! Tasks, promises, and the ways into other threads and back.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use roundelay::{
    Lock, RemoteTask, ScriptedPool, Semaphore, Task, ThreadPool, promise, remote, run_on,
    run_remote, sleep, spawn, spawner, to_thread, yield_now,
};

use crate::support::ms;
use crate::{Case, Count, Entry, LosesData, Safe, case, give_up_everywhere, settle, soon};

#[test]
fn an_outcome_waits_for_whoever_asks_again_and_a_job_ends_in_its_thread() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("Task", Safe, task),
        ("PromiseFuture", Safe, promised),
        ("Shared", Safe, shared),
        ("RemoteTask", Safe, remote_task),
        ("to_thread", LosesData, thread),
        ("ToThread::holding", LosesData, holding),
        ("run_on", LosesData, on_a_pool),
        ("run_remote", LosesData, by_name),
    ]
}

fn task() -> Case {
    let task: Lock<Option<Task<i32>>> = Lock::new(Some(spawn(async {
        sleep(ms(1)).await;
        7
    })));
    let (mine, had) = (task.clone(), Count::default());
    let counts = had.clone();
    let wait = async move {
        let mut task = mine.lock().await;
        assert_eq!(task.as_mut().unwrap().await.unwrap(), 7);
        counts.add();
    };
    case(wait, async move |finished| {
        let task = task.lock().await.take().unwrap();
        assert_eq!(had.get(), usize::from(finished));
        if !finished {
            assert_eq!(task.await.unwrap(), 7);
        }
    })
}

fn promised() -> Case {
    let (promise, future) = promise();
    soon(move || promise.resolve(7).unwrap());
    let future = Lock::new(future);
    let mine = future.clone();
    let wait = async move { assert_eq!((&mut *mine.lock().await).await, Ok(7)) };
    case(wait, async move |finished| {
        if !finished {
            assert_eq!((&mut *future.lock().await).await, Ok(7));
        }
    })
}

fn shared() -> Case {
    let (promise, future) = promise();
    soon(move || promise.resolve(7).unwrap());
    let shared = future.shared();
    let mine = shared.clone();
    case(async move { assert_eq!(mine.await, Ok(7)) }, async move |_| {
        assert_eq!(shared.await, Ok(7));
    })
}

fn remote_task() -> Case {
    let home = spawner();
    let there = std::thread::spawn(move || {
        home.spawn(|| async {
            sleep(ms(1)).await;
            7
        })
    });
    let task: Lock<RemoteTask<i32>> = Lock::new(there.join().unwrap());
    let mine = task.clone();
    let wait = async move { assert_eq!((&mut *mine.lock().await).await.unwrap(), 7) };
    case(wait, async move |finished| {
        if !finished {
            assert_eq!((&mut *task.lock().await).await.unwrap(), 7);
        }
    })
}

/// How often a function was begun and ended in a thread.
#[derive(Clone, Default)]
struct Done(Arc<AtomicUsize>);

impl Done {
    fn work(&self) -> impl FnOnce() -> i32 + Send + 'static {
        let done = self.clone();
        move || {
            std::thread::sleep(Duration::from_millis(1));
            done.0.fetch_add(1, Ordering::SeqCst);
            7
        }
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn thread() -> Case {
    let done = Done::default();
    let work = done.work();
    case(async move { assert_eq!(to_thread(work).await.unwrap(), 7) }, async move |finished| {
        settle().await;
        assert!(done.get() <= 1 && (!finished || done.get() == 1));
        assert_eq!(to_thread(|| 8).await.unwrap(), 8); // the threads are well
    })
}

fn holding() -> Case {
    let (done, doors) = (Done::default(), Semaphore::new(1));
    let (work, mine) = (done.work(), doors.clone());
    let call = async move {
        let permit = mine.acquire().await;
        assert_eq!(to_thread(work).holding(permit).await.unwrap(), 7);
    };
    case(call, async move |_| {
        // The permit comes back when the function has ended, or will never begin.
        drop(doors.acquire().await);
        let ended = done.get();
        settle().await;
        assert_eq!(done.get(), ended);
    })
}

fn on_a_pool() -> Case {
    let (done, pool) = (Done::default(), Rc::new(ThreadPool::new(1)));
    let (work, kept) = (done.work(), Rc::clone(&pool));
    let call = async move { assert_eq!(run_on(&*pool, work).await.unwrap(), 7) };
    case(call, async move |finished| {
        assert_eq!(run_on(&*kept, || 8).await.unwrap(), 8);
        assert!(done.get() <= 1 && (!finished || done.get() == 1));
        kept.close();
        kept.ended().await;
    })
}

#[remote]
fn double(n: u64) -> u64 {
    2 * n
}

fn by_name() -> Case {
    let script = ScriptedPool::new();
    let plays = script.clone();
    let play = async move {
        yield_now().await;
        plays.run(0)
    };
    spawn(play).detach();
    let mine = script.clone();
    let call = async move { assert_eq!(run_remote(&mine, double, 21).await.unwrap(), 42) };
    case(call, async move |_| assert!(script.waiting().is_empty()))
}
