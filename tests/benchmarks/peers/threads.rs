//! Thread pools: tokio's, smol's and roundelay's own; rayon, the crate `threadpool`, and threads on
//! a channel, which know no tasks and answer through a one-shot.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::sync::mpsc;
use std::thread;

use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use tokio::task;

use crate::peer::WORKERS;
use crate::peers::roundelay::Roundelay;
use crate::peers::smol::Smol;
use crate::peers::tokio::Tokio;
use crate::pool_peer::{AwaitedThreads, BlockingThreads};

// ---- awaited --------------------------------------------------------------------------------

impl AwaitedThreads for Tokio {
    type Host = Tokio;
    // The runtime has one, and `run` has set its size.
    type Pool = ();

    fn pool() {}

    fn submit<T: Send + 'static>(
        _: &(),
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        task::spawn_blocking(work)
    }
}

impl AwaitedThreads for Roundelay {
    type Host = Roundelay;
    type Pool = roundelay::ThreadPool;

    fn pool() -> roundelay::ThreadPool {
        roundelay::ThreadPool::new(WORKERS)
    }

    fn submit<T: Send + 'static>(
        pool: &roundelay::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        pool.submit(work).expect("the pool is open")
    }

    fn call<T: Send + 'static>(
        _: &roundelay::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        roundelay::to_thread(work)
    }
}

/// rayon's `spawn`.
#[derive(Debug)]
pub struct Rayon;

impl AwaitedThreads for Rayon {
    type Host = Tokio;
    type Pool = rayon::ThreadPool;

    fn pool() -> rayon::ThreadPool {
        <Rayon as BlockingThreads>::pool()
    }

    fn submit<T: Send + 'static>(
        pool: &rayon::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        let (answer, answered) = oneshot::channel();
        pool.spawn(move || drop(answer.send(work())));
        answered
    }
}

/// The crate `blocking`, smol's: jobs are futures of its own. How many threads it may start is said
/// by a variable (`suite.rs` sets it).
#[derive(Debug)]
pub struct Blocking;

impl AwaitedThreads for Blocking {
    type Host = Smol;
    type Pool = ();

    fn pool() {}

    fn submit<T: Send + 'static>(
        _: &(),
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        let job = smol::unblock(work);
        async { Ok::<_, Infallible>(job.await) }
    }
}

/// The crate `threadpool`.
#[derive(Debug)]
pub struct Threadpool;

impl AwaitedThreads for Threadpool {
    type Host = Tokio;
    type Pool = threadpool::ThreadPool;

    fn pool() -> threadpool::ThreadPool {
        <Threadpool as BlockingThreads>::pool()
    }

    fn submit<T: Send + 'static>(
        pool: &threadpool::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, impl Debug>> + 'static {
        let (answer, answered) = oneshot::channel();
        pool.execute(move || drop(answer.send(work())));
        answered
    }
}

// ---- waited for -----------------------------------------------------------------------------

impl BlockingThreads for Roundelay {
    type Pool = roundelay::ThreadPool;

    fn pool() -> roundelay::ThreadPool {
        roundelay::ThreadPool::new(WORKERS)
    }

    fn submit<T: Send + 'static>(
        pool: &roundelay::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl FnOnce() -> T {
        let job = pool.submit(work).expect("the pool is open");
        move || job.wait().expect("it does not panic")
    }
}

impl BlockingThreads for Rayon {
    type Pool = rayon::ThreadPool;

    fn pool() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().expect("a pool")
    }

    fn submit<T: Send + 'static>(
        pool: &rayon::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl FnOnce() -> T {
        let (answer, answered) = mpsc::channel();
        pool.spawn(move || drop(answer.send(work())));
        move || answered.recv().expect("it answers")
    }
}

impl BlockingThreads for Threadpool {
    type Pool = threadpool::ThreadPool;

    fn pool() -> threadpool::ThreadPool {
        threadpool::ThreadPool::new(WORKERS)
    }

    fn submit<T: Send + 'static>(
        pool: &threadpool::ThreadPool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl FnOnce() -> T {
        let (answer, answered) = mpsc::channel();
        pool.execute(move || drop(answer.send(work())));
        move || answered.recv().expect("it answers")
    }
}

/// By hand: threads that take closures out of a channel of crossbeam's. No panic is contained,
/// nothing can be cancelled, nobody is counted.
#[derive(Debug)]
pub struct Channel;

impl BlockingThreads for Channel {
    type Pool = Sender<Box<dyn FnOnce() + Send>>;

    fn pool() -> Sender<Box<dyn FnOnce() + Send>> {
        let (jobs, inbox) = crossbeam_channel::unbounded::<Box<dyn FnOnce() + Send>>();
        for _ in 0..WORKERS {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.iter().for_each(|job| job()));
        }
        jobs
    }

    fn submit<T: Send + 'static>(
        pool: &Sender<Box<dyn FnOnce() + Send>>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl FnOnce() -> T {
        let (answer, answered) = mpsc::channel();
        pool.send(Box::new(move || drop(answer.send(work())))).expect("the workers listen");
        move || answered.recv().expect("it answers")
    }
}
