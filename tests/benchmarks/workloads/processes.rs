//! Jobs in processes: one at a time, many tiny ones, large ones, hard ones; and how soon a pool is
//! there.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use roundelay::Bytes;

use crate::measure::{Meter, Sample};
use crate::peer::{WORKERS, run_in_task};
use crate::peers::processes::double;
use crate::peers::roundelay::Roundelay;
use crate::pool_peer::Processes;

/// A job from submission to result, one after the other; this thread blocks meanwhile.
pub fn trip<P: Processes>(size: usize) -> Sample {
    let pool = P::pool(WORKERS);
    // The first job starts the worker.
    P::double(&pool, 1)();
    let mut times = Vec::new();
    let meter = Meter::start();
    for n in 0..size as u64 {
        let start = Instant::now();
        let result = P::double(&pool, n)();
        times.push(start.elapsed());
        assert_eq!(result, n * 2);
    }
    let sample = meter.stop(size).with_percentiles("", times);
    P::close(pool);
    sample
}

/// The same, awaited in a task of roundelay's.
pub fn trip_awaited(size: usize) -> Sample {
    run_in_task::<Roundelay, _>(async move {
        let pool = <Roundelay as Processes>::pool(WORKERS);
        pool.submit(double, 1).expect("the pool is open").await.expect("it is done");
        let mut times = Vec::new();
        let meter = Meter::start();
        for n in 0..size as u64 {
            let start = Instant::now();
            let result = pool.submit(double, n).expect("the pool is open").await;
            times.push(start.elapsed());
            assert_eq!(result.expect("it is done"), n * 2);
        }
        meter.stop(size).with_percentiles("", times)
    })
}

/// How many jobs are in flight. (Each job of procspawn's holds four descriptors from the moment
/// it is submitted, so they cannot all be submitted at once.)
const WINDOW: usize = 100;

/// Tiny jobs, each submitted by itself.
///
/// Done twice: the first pass starts the workers.
pub fn one_by_one<P: Processes>(size: usize) -> Sample {
    let pool = P::pool(WORKERS);
    let mut sample = Sample::default();
    for _ in 0..2 {
        let meter = Meter::start();
        let mut jobs = VecDeque::new();
        let mut expected = 0;
        for n in 0..size as u64 {
            jobs.push_back(P::double(&pool, n));
            if jobs.len() == WINDOW {
                let job = jobs.pop_front().expect("there are many");
                assert_eq!(job(), expected);
                expected += 2;
            }
        }
        for job in jobs {
            assert_eq!(job(), expected);
            expected += 2;
        }
        sample = meter.stop(size);
    }
    P::close(pool);
    sample
}

/// How many items travel together, for every peer that can.
const CHUNK: usize = 1000;

/// Tiny jobs in chunks, through `map`.
pub fn map(size: usize) -> Sample {
    let pool = <Roundelay as Processes>::pool(WORKERS);
    let mut sample = Sample::default();
    for _ in 0..2 {
        let meter = Meter::start();
        let results = pool.map(double, 0..size as u64).chunk(CHUNK);
        for (n, result) in (0_u64..).zip(results) {
            assert_eq!(result.expect("it is done"), n * 2);
        }
        sample = meter.stop(size);
    }
    pool.shutdown();
    sample
}

/// A pool is made, and each of its workers gives a result. (Closing it is not counted.)
pub fn start<P: Processes>(size: usize) -> Sample {
    let mut times = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        let start = Instant::now();
        let pool = P::pool(WORKERS);
        let jobs: Vec<_> = (0..WORKERS as u64).map(|n| P::double(&pool, n)).collect();
        for job in jobs {
            black_box(job());
        }
        times.push(start.elapsed());
        P::close(pool);
    }
    meter.stop(size).with_percentiles("", times)
}

/// `MIB` mebibytes travel there and back, one job after the other.
pub fn payload<P: Processes, const MIB: usize>(size: usize) -> Sample {
    let pool = P::pool(1);
    let mut bytes = Bytes(vec![7; MIB << 20]);
    // Starts the worker, and lets both sides find their buffers.
    bytes = P::echo(&pool, bytes)();
    let mut times = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        let start = Instant::now();
        bytes = P::echo(&pool, bytes)();
        times.push(start.elapsed());
        assert_eq!(bytes.len(), MIB << 20);
    }
    let sample = meter.stop(size).with_percentiles("", times);
    P::close(pool);
    sample
}

/// How many steps one hard job takes: some milliseconds.
const STEPS: u64 = 3_000_000;

/// Hard jobs with one worker, then the same with two: the share of the time that is left. On two
/// processors with nothing else to do the best is 0.5.
pub fn speed_up<P: Processes>(size: usize) -> Sample {
    let time = |workers| {
        let pool = P::pool(workers);
        let run = |jobs: usize| {
            let jobs: Vec<_> = (0..jobs).map(|_| P::spin(&pool, STEPS)).collect();
            for job in jobs {
                black_box(job());
            }
        };
        run(workers); // starts them
        let start = Instant::now();
        run(size);
        let time = start.elapsed();
        P::close(pool);
        time
    };
    let (one, two) = (time(1).as_secs_f64(), time(2).as_secs_f64());
    Sample::default().with("two_to_one", two / one)
}
