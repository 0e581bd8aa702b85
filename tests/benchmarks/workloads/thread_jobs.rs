//! Jobs on threads: one at a time and in bulk, awaited in a task or waited for.

use std::hint::black_box;
use std::time::Instant;

use crate::measure::{Meter, Sample};
use crate::peer::run_in_task;
use crate::pool_peer::{AwaitedThreads, BlockingThreads};

/// A job from submission to result, one after the other, in a task.
pub fn trip<P: AwaitedThreads>(size: usize) -> Sample {
    run_in_task::<P::Host, _>(async move {
        let pool = P::pool();
        // The first job starts the thread.
        P::call(&pool, || ()).await.expect("it does not panic");
        let mut times = Vec::new();
        let meter = Meter::start();
        for n in 0..size {
            let start = Instant::now();
            let result = P::call(&pool, move || black_box(n)).await;
            times.push(start.elapsed());
            assert_eq!(result.expect("it does not panic"), n);
        }
        meter.stop(size).with_percentiles("", times)
    })
}

/// `size` tiny jobs: all are submitted, then all are awaited.
///
/// Done twice: the first pass starts the threads.
pub fn bulk<P: AwaitedThreads>(size: usize) -> Sample {
    run_in_task::<P::Host, _>(async move {
        let pool = P::pool();
        let mut sample = Sample::default();
        for _ in 0..2 {
            let meter = Meter::start();
            let jobs: Vec<_> = (0..size).map(|n| P::submit(&pool, move || black_box(n))).collect();
            for (n, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.expect("it does not panic"), n);
            }
            sample = meter.stop(size);
        }
        sample
    })
}

/// [`trip`] without a loop: this thread blocks until the result is there.
pub fn blocking_trip<P: BlockingThreads>(size: usize) -> Sample {
    let pool = P::pool();
    P::submit(&pool, || ())();
    let mut times = Vec::new();
    let meter = Meter::start();
    for n in 0..size {
        let start = Instant::now();
        let result = P::submit(&pool, move || black_box(n))();
        times.push(start.elapsed());
        assert_eq!(result, n);
    }
    meter.stop(size).with_percentiles("", times)
}

/// [`bulk`] without a loop.
pub fn blocking_bulk<P: BlockingThreads>(size: usize) -> Sample {
    let pool = P::pool();
    let mut sample = Sample::default();
    for _ in 0..2 {
        let meter = Meter::start();
        let jobs: Vec<_> = (0..size).map(|n| P::submit(&pool, move || black_box(n))).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job(), n);
        }
        sample = meter.stop(size);
    }
    sample
}
