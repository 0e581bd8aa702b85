//! Processes: jobs that run in workers, one at a time and in chunks, and how fast a pool is
//! there. tokio and other runtimes have no such pool; the limit is a child and two pipes.

use std::env;
use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use roundelay::ProcessPool;

use crate::measure::{Meter, Sample};
use crate::peer::{WORKERS, run_in_task};
use crate::peers::roundelay::Roundelay;

/// What the workers are asked to do.
#[roundelay::remote]
pub fn double(n: u64) -> u64 {
    n * 2
}

fn pool() -> ProcessPool {
    ProcessPool::builder().workers(WORKERS).build().expect("`main` begins with `worker_entry`")
}

/// A process job from submission to result, awaited in a task, one after the other.
pub fn round_trip(size: usize) -> Sample {
    run_in_task::<Roundelay, _>(async move {
        let pool = pool();
        // The first job starts the worker.
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

/// How many items travel together, for every peer.
const CHUNK: usize = 1000;

/// Tiny jobs in chunks of 1,000.
///
/// Done twice: the first pass starts the workers.
pub fn map(size: usize) -> Sample {
    let pool = pool();
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

/// A pool is made, each of its workers gives a result, and the pool is closed and waited for.
pub fn start(size: usize) -> Sample {
    let mut times = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        let start = Instant::now();
        let pool = pool();
        let jobs = (0..WORKERS as u64).map(|n| pool.submit(double, n).expect("the pool is open"));
        for job in jobs.collect::<Vec<_>>() {
            black_box(job.wait().expect("it is done"));
        }
        times.push(start.elapsed());
        pool.shutdown();
    }
    meter.stop(size).with_percentiles("", times)
}

/// What [`answer_pipe`] runs in: this program with another argument.
struct Pipe {
    child: Child,
    there: ChildStdin,
    back: ChildStdout,
}

impl Pipe {
    fn open() -> io::Result<Pipe> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(PIPE_WORKER).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let there = child.stdin.take().expect("it was asked for");
        let back = child.stdout.take().expect("it was asked for");
        Ok(Pipe { child, there, back })
    }

    fn double(&mut self, n: u64) -> io::Result<u64> {
        self.there.write_all(&n.to_le_bytes())?;
        let mut answer = [0; 8];
        self.back.read_exact(&mut answer)?;
        Ok(u64::from_le_bytes(answer))
    }

    fn close(self) -> io::Result<()> {
        let Pipe { mut child, there, back } = self;
        drop((there, back));
        child.wait().map(drop)
    }
}

/// The argument that makes this program call [`answer_pipe`].
pub const PIPE_WORKER: &str = "pipe-worker";

/// The worker's half of the limit: doubles numbers until there are no more.
pub fn answer_pipe() {
    let (mut numbers, mut answers) = (BufReader::new(io::stdin().lock()), io::stdout().lock());
    let mut number = [0; 8];
    while numbers.read_exact(&mut number).is_ok() {
        let answer = double(u64::from_le_bytes(number)).to_le_bytes();
        if answers.write_all(&answer).and_then(|()| answers.flush()).is_err() {
            break;
        }
    }
}

/// The limit: 8 bytes through a pipe, 8 bytes back.
pub fn round_trip_by_hand(size: usize) -> Sample {
    let measure = || {
        let mut pipe = Pipe::open()?;
        pipe.double(1)?;
        let mut times = Vec::new();
        let meter = Meter::start();
        for n in 0..size as u64 {
            let start = Instant::now();
            assert_eq!(pipe.double(n)?, n * 2);
            times.push(start.elapsed());
        }
        let sample = meter.stop(size).with_percentiles("", times);
        pipe.close()?;
        io::Result::Ok(sample)
    };
    measure().expect("the child answers")
}

/// The limit: start the children, one answer from each.
pub fn start_by_hand(size: usize) -> Sample {
    let measure = || {
        let mut times = Vec::new();
        let meter = Meter::start();
        for _ in 0..size {
            let start = Instant::now();
            let mut pipes = (0..WORKERS).map(|_| Pipe::open()).collect::<io::Result<Vec<_>>>()?;
            for pipe in &mut pipes {
                pipe.double(1)?;
            }
            times.push(start.elapsed());
            for pipe in pipes {
                pipe.close()?;
            }
        }
        io::Result::Ok(meter.stop(size).with_percentiles("", times))
    };
    measure().expect("the children answer")
}
