//! Process pools: roundelay's, procspawn's, and by hand a child with two pipes.
//!
//! All of them start this very program again; `bin.rs` tells the workers from the rest.

use std::cell::{Cell, RefCell};
use std::env;
use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use roundelay::{Bytes, ProcessPool};

use crate::peers::roundelay::Roundelay;
use crate::pool_peer::Processes;

/// The tiny job.
#[roundelay::remote]
pub fn double(n: u64) -> u64 {
    n * 2
}

/// The job that is all payload.
#[roundelay::remote]
pub fn echo(bytes: Bytes) -> Bytes {
    bytes
}

/// The job that is all work.
#[roundelay::remote]
pub fn spin(steps: u64) -> u64 {
    (0..steps).fold(1, |n, step| black_box(n.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ step))
}

impl Processes for Roundelay {
    type Pool = ProcessPool;

    fn pool(workers: usize) -> ProcessPool {
        let pool = ProcessPool::builder().workers(workers).build();
        pool.expect("`main` begins with `worker_entry`")
    }

    fn double(pool: &ProcessPool, n: u64) -> impl FnOnce() -> u64 {
        let job = pool.submit(double, n).expect("the pool is open");
        move || job.wait().expect("it is done")
    }

    fn echo(pool: &ProcessPool, bytes: Bytes) -> impl FnOnce() -> Bytes {
        let job = pool.submit(echo, bytes).expect("the pool is open");
        move || job.wait().expect("it is done")
    }

    fn spin(pool: &ProcessPool, steps: u64) -> impl FnOnce() -> u64 {
        let job = pool.submit(spin, steps).expect("the pool is open");
        move || job.wait().expect("it is done")
    }

    fn close(pool: ProcessPool) {
        pool.shutdown();
    }
}

/// The crate `procspawn`.
#[derive(Debug)]
pub struct Procspawn;

impl Processes for Procspawn {
    type Pool = procspawn::Pool;

    fn pool(workers: usize) -> procspawn::Pool {
        procspawn::Pool::new(workers).expect("`main` begins with `procspawn::init`")
    }

    fn double(pool: &procspawn::Pool, n: u64) -> impl FnOnce() -> u64 {
        let job = pool.spawn(n, *double);
        move || job.join().expect("it is done")
    }

    fn echo(pool: &procspawn::Pool, bytes: Bytes) -> impl FnOnce() -> Bytes {
        let job = pool.spawn(bytes, *echo);
        move || job.join().expect("it is done")
    }

    fn spin(pool: &procspawn::Pool, steps: u64) -> impl FnOnce() -> u64 {
        let job = pool.spawn(steps, *spin);
        move || job.join().expect("it is done")
    }

    fn close(pool: procspawn::Pool) {
        pool.shutdown();
    }
}

/// By hand: each child has one pipe there and one back, and takes the jobs in turn. Nothing is
/// encoded, nobody waits for room, no death is understood.
#[derive(Debug)]
pub struct Pipes;

/// The children, and whose turn it is.
#[derive(Debug)]
pub struct PipePool {
    pipes: Vec<RefCell<Pipe>>,
    turn: Cell<usize>,
}

#[derive(Debug)]
struct Pipe {
    child: Child,
    there: ChildStdin,
    back: ChildStdout,
}

const DOUBLE: u64 = 0;
const ECHO: u64 = 1;
const SPIN: u64 = 2;

impl Processes for Pipes {
    type Pool = PipePool;

    fn pool(workers: usize) -> PipePool {
        let pipes = (0..workers).map(|_| Pipe::open().map(RefCell::new));
        let pipes = pipes.collect::<io::Result<_>>().expect("children start");
        PipePool { pipes, turn: Cell::new(0) }
    }

    fn double(pool: &PipePool, n: u64) -> impl FnOnce() -> u64 {
        pool.number(DOUBLE, n)
    }

    fn echo(pool: &PipePool, bytes: Bytes) -> impl FnOnce() -> Bytes {
        let pipe = pool.next();
        let asked = pipe.borrow_mut().ask(ECHO, bytes.len() as u64, &bytes);
        asked.expect("the child listens");
        // Memory that has been written to once is used again, as one would by hand.
        let mut bytes = bytes;
        move || {
            let mut pipe = pipe.borrow_mut();
            pipe.answer().and_then(|_| pipe.back.read_exact(&mut bytes)).expect("it answers");
            bytes
        }
    }

    fn spin(pool: &PipePool, steps: u64) -> impl FnOnce() -> u64 {
        pool.number(SPIN, steps)
    }

    fn close(pool: PipePool) {
        for pipe in pool.pipes {
            let Pipe { mut child, there, back } = pipe.into_inner();
            drop((there, back));
            child.wait().expect("the child ends");
        }
    }
}

impl PipePool {
    fn next(&self) -> &RefCell<Pipe> {
        let turn = self.turn.get();
        self.turn.set(turn + 1);
        &self.pipes[turn % self.pipes.len()]
    }

    fn number(&self, verb: u64, n: u64) -> impl FnOnce() -> u64 {
        let pipe = self.next();
        pipe.borrow_mut().ask(verb, n, &[]).expect("the child listens");
        move || pipe.borrow_mut().answer().expect("it answers")
    }
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

    fn ask(&mut self, verb: u64, n: u64, bytes: &[u8]) -> io::Result<()> {
        let mut head = [0; 16];
        head[..8].copy_from_slice(&verb.to_le_bytes());
        head[8..].copy_from_slice(&n.to_le_bytes());
        self.there.write_all(&head)?;
        self.there.write_all(bytes)
    }

    fn answer(&mut self) -> io::Result<u64> {
        let mut number = [0; 8];
        self.back.read_exact(&mut number)?;
        Ok(u64::from_le_bytes(number))
    }
}

/// The argument that makes this program call [`answer_pipe`].
pub const PIPE_WORKER: &str = "pipe-worker";

/// The worker's half of the limit: answers until there is nothing more to answer.
pub fn answer_pipe() {
    let (mut asked, mut answers) = (BufReader::new(io::stdin().lock()), io::stdout().lock());
    let (mut verb, mut number, mut bytes) = ([0; 8], [0; 8], Vec::new());
    while asked.read_exact(&mut verb).and_then(|()| asked.read_exact(&mut number)).is_ok() {
        let n = u64::from_le_bytes(number);
        bytes.clear();
        let answer = match u64::from_le_bytes(verb) {
            ECHO => {
                bytes.resize(n as usize, 0);
                asked.read_exact(&mut bytes).map(|()| n)
            }
            SPIN => Ok(spin(n)),
            _ => Ok(double(n)),
        };
        let answered = answer
            .and_then(|n| answers.write_all(&n.to_le_bytes()))
            .and_then(|()| answers.write_all(&bytes))
            .and_then(|()| answers.flush());
        if answered.is_err() {
            break;
        }
    }
}
