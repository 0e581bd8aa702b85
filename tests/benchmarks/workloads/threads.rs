//! Another thread wakes a task, one at a time and in bursts.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::{Meter, Sample};
use crate::peer::{Host, run_in_task};

/// What one thread leaves for a task, the same for every peer: the moment of leaving it.
#[derive(Default)]
struct Letter(Mutex<(Option<Instant>, Option<Waker>)>);

impl Letter {
    fn leave(&self) {
        let waker = {
            let mut inner = self.0.lock().expect("nobody panics here");
            inner.0 = Some(Instant::now());
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn arrival(&self) -> impl Future<Output = Instant> {
        poll_fn(|cx| {
            let mut inner = self.0.lock().expect("nobody panics here");
            if let Some(left) = inner.0.take() {
                return Poll::Ready(left);
            }
            inner.1 = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// How long the thread waits before it wakes, so that the loop is fast asleep.
const PAUSE: Duration = Duration::from_micros(50);

/// One wake-up of a sleeping loop: from `wake()` to the task's step.
pub fn wake_one<P: Host>(size: usize) -> Sample {
    let letter = Arc::new(Letter::default());
    let (ask, asked) = mpsc::channel();
    let theirs = Arc::clone(&letter);
    let thread = thread::spawn(move || {
        for () in asked {
            thread::sleep(PAUSE);
            theirs.leave();
        }
    });
    let sample = run_in_task::<P, _>(async move {
        let mut times = Vec::new();
        let meter = Meter::start();
        for _ in 0..size {
            ask.send(()).expect("the thread listens");
            times.push(letter.arrival().await.elapsed());
        }
        meter.stop(size).with_percentiles("", times)
    });
    thread.join().expect("it does not panic");
    sample
}

/// The limit: a parked thread.
pub fn wake_one_by_hand(size: usize) -> Sample {
    let sleeper = thread::current();
    let letter = Arc::new(Letter::default());
    let (ask, asked) = mpsc::channel();
    let theirs = Arc::clone(&letter);
    let waker = thread::spawn(move || {
        for () in asked {
            thread::sleep(PAUSE);
            theirs.leave();
            sleeper.unpark();
        }
    });
    let mut times = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        ask.send(()).expect("the thread listens");
        let left = loop {
            thread::park();
            if let Some(left) = letter.0.lock().expect("nobody panics here").0.take() {
                break left;
            }
        };
        times.push(left.elapsed());
    }
    let sample = meter.stop(size).with_percentiles("", times);
    drop(ask);
    waker.join().expect("it does not panic");
    sample
}

/// How many tasks one burst wakes.
const BURST: usize = 1000;

/// A thread wakes 1,000 tasks in a row; when all have taken their step, again.
pub fn wake_bursts<P: Host>(size: usize) -> Sample {
    let letters: Vec<_> = (0..BURST).map(|_| Arc::new(Letter::default())).collect();
    let (ask, asked) = mpsc::channel();
    let theirs = letters.clone();
    let thread = thread::spawn(move || {
        for () in asked {
            for letter in &theirs {
                letter.leave();
            }
        }
    });
    let sample = run_in_task::<P, _>(async move {
        let missing = Rc::new(Cell::new(BURST));
        let meter = Meter::start();
        let receive = |letter: Arc<Letter>| {
            let (missing, ask) = (Rc::clone(&missing), ask.clone());
            async move {
                for _ in 0..size / BURST {
                    letter.arrival().await;
                    missing.set(missing.get() - 1);
                    if missing.get() == 0 {
                        missing.set(BURST);
                        ask.send(()).expect("the thread listens");
                    }
                }
            }
        };
        let tasks: Vec<_> = letters.into_iter().map(|letter| P::spawn(receive(letter))).collect();
        ask.send(()).expect("the thread listens");
        for task in tasks {
            task.await.expect("it does not panic");
        }
        drop(ask);
        meter.stop(size)
    });
    thread.join().expect("it does not panic");
    sample
}
