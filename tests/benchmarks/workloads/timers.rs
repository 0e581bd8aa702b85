//! Timers: set and cancelled, waited for, guarding something, and how late one is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::{Memory, Meter, Numbers, Sample, passes};
use crate::peer::{Peer, run_in_task};
use crate::workloads::tasks::{YieldOnce, poll_once};

type Waits = Vec<Pin<Box<dyn Future<Output = ()>>>>;

/// `size` sleeps that have been polled once, with deadlines between 100 and 200 seconds.
async fn pending_sleeps<P: Peer>(size: usize) -> Waits {
    let mut numbers = Numbers::default();
    let mut sleeps: Waits = Vec::with_capacity(size);
    for _ in 0..size {
        let delay = Duration::from_micros(100_000_000 + numbers.below(100_000_000));
        let mut sleep: Pin<Box<dyn Future<Output = ()>>> = Box::pin(P::sleep(delay));
        poll_once(sleep.as_mut()).await;
        sleeps.push(sleep);
    }
    sleeps
}

/// Sets `size` timers, then cancels them: boxed sleeps, polled once, dropped.
///
/// Done twice: the first pass shows the memory, the second the time.
pub fn set_and_cancel<P: Peer>(size: usize) -> Sample {
    set_and_cancel_so_often::<P>(size, 1)
}

/// The same, the second pass so often that few timers can be measured, too.
pub fn set_and_cancel_growing<P: Peer>(size: usize) -> Sample {
    set_and_cancel_so_often::<P>(size, passes(size))
}

fn set_and_cancel_so_often<P: Peer>(size: usize, passes: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let memory = Memory::start();
        drop(pending_sleeps::<P>(size).await);
        let bytes = memory.peak_per(size);
        let meter = Meter::start();
        for _ in 0..passes {
            drop(black_box(pending_sleeps::<P>(size).await));
        }
        meter.stop(size * passes).with("bytes", bytes)
    })
}

/// The limit: a binary heap; what is cancelled stays in it, marked.
pub fn set_and_cancel_by_hand(size: usize) -> Sample {
    fn pass(size: usize) {
        let mut numbers = Numbers::default();
        let (mut heap, mut cancelled) = (BinaryHeap::new(), Vec::new());
        for n in 0..size {
            let delay = Duration::from_micros(100_000_000 + numbers.below(100_000_000));
            heap.push(Reverse((Instant::now() + delay, n)));
            cancelled.push(false);
        }
        cancelled.fill(true);
        black_box((heap, cancelled));
    }
    let memory = Memory::start();
    pass(size);
    let bytes = memory.peak_per(size);
    let meter = Meter::start();
    for _ in 0..passes(size) {
        pass(size);
    }
    meter.stop(size * passes(size)).with("bytes", bytes)
}

/// `size` tasks that sleep for some time within a window each: 1 second for a million, and
/// at least 200 milliseconds.
pub fn run_out<P: Peer>(size: usize) -> Sample {
    run_out_so_often::<P>(size, (size as u64).max(200_000), 1)
}

/// The same with one deadline in each microsecond, however few there are.
pub fn run_out_growing<P: Peer>(size: usize) -> Sample {
    run_out_so_often::<P>(size, size as u64, passes(size))
}

fn run_out_so_often<P: Peer>(size: usize, window: u64, passes: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let mut numbers = Numbers::default();
        let memory = Memory::start();
        let meter = Meter::start();
        for _ in 0..passes {
            let sleep = |_| P::spawn(P::sleep(Duration::from_micros(numbers.below(window))));
            let tasks: Vec<_> = (0..size).map(sleep).collect();
            for task in tasks {
                task.await.expect("it does not panic");
            }
        }
        meter.stop(size * passes).with("bytes", memory.peak_per(size))
    })
}

/// The limit: a binary heap of deadlines, and a thread that sleeps until the next.
pub fn run_out_by_hand(size: usize) -> Sample {
    let window = (size as u64).max(200_000);
    let mut numbers = Numbers::default();
    let memory = Memory::start();
    let meter = Meter::start();
    let mut heap = BinaryHeap::new();
    for n in 0..size {
        heap.push(Reverse((Instant::now() + Duration::from_micros(numbers.below(window)), n)));
    }
    while let Some(Reverse((deadline, n))) = heap.pop() {
        let left = deadline.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        black_box(n);
    }
    meter.stop(size).with("bytes", memory.peak_per(size))
}

/// A time limit around a future that is ready.
pub fn timeout_ready<P: Peer>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let meter = Meter::start();
        for n in 0..size {
            let inner = ready(black_box(n));
            assert!(black_box(P::timeout(LIMIT, inner).await).is_ok());
        }
        meter.stop(size)
    })
}

/// The limit: read the clock, poll the future.
pub fn timeout_ready_by_hand(size: usize) -> Sample {
    let mut cx = Context::from_waker(Waker::noop());
    let meter = Meter::start();
    for n in 0..size {
        let deadline = black_box(Instant::now() + LIMIT);
        let mut inner = ready(black_box(n));
        assert!(black_box(Pin::new(&mut inner).poll(&mut cx)).is_ready());
        black_box(deadline);
    }
    meter.stop(size)
}

/// A time limit around a future that gives way once.
pub fn timeout_yield<P: Peer>(size: usize) -> Sample {
    run_in_task::<P, _>(limits_around_yields::<P>(size))
}

/// The limit: read the clock, poll the future twice.
pub fn timeout_yield_by_hand(size: usize) -> Sample {
    let mut cx = Context::from_waker(Waker::noop());
    let meter = Meter::start();
    for _ in 0..size {
        let deadline = black_box(Instant::now() + LIMIT);
        let mut inner = black_box(YieldOnce::default());
        assert!(black_box(Pin::new(&mut inner).poll(&mut cx)).is_pending());
        assert!(black_box(Pin::new(&mut inner).poll(&mut cx)).is_ready());
        black_box(deadline);
    }
    meter.stop(size)
}

/// [`timeout_yield`], while a million other timers wait.
pub fn timeout_crowded<P: Peer>(size: usize) -> Sample {
    timeout_among::<P>(1_000_000, size)
}

/// 300,000 of them, while so many other timers wait.
pub fn timeout_growing<P: Peer>(others: usize) -> Sample {
    timeout_among::<P>(others, 300_000)
}

fn timeout_among<P: Peer>(others: usize, size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let others = pending_sleeps::<P>(others).await;
        let sample = limits_around_yields::<P>(size).await;
        drop(others);
        sample
    })
}

async fn limits_around_yields<P: Peer>(size: usize) -> Sample {
    let meter = Meter::start();
    for _ in 0..size {
        assert!(black_box(P::timeout(LIMIT, YieldOnce::default()).await).is_ok());
    }
    meter.stop(size)
}

const LIMIT: Duration = Duration::from_secs(30);

/// How late a sleep of whole milliseconds ends when nothing else is going on; never early.
pub fn lateness<P: Peer>(size: usize) -> Sample {
    run_in_task::<P, _>(lone_sleeps::<P>(size, WHOLE))
}

/// The same with delays that are not whole milliseconds: most system calls that wait count in
/// those.
pub fn lateness_odd<P: Peer>(size: usize) -> Sample {
    run_in_task::<P, _>(lone_sleeps::<P>(size, ODD))
}

async fn lone_sleeps<P: Peer>(size: usize, delay: fn(&mut Numbers) -> Duration) -> Sample {
    let mut numbers = Numbers::default();
    let mut late = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        let delay = delay(&mut numbers);
        let start = Instant::now();
        P::sleep(delay).await;
        late.push(start.elapsed().checked_sub(delay).expect("a sleep never ends early"));
    }
    meter.stop(size).with_percentiles("late_", late)
}

/// The limit: the thread itself sleeps.
pub fn lateness_by_hand(size: usize) -> Sample {
    let mut numbers = Numbers::default();
    let mut late = Vec::new();
    let meter = Meter::start();
    for _ in 0..size {
        let delay = ODD(&mut numbers);
        let start = Instant::now();
        thread::sleep(delay);
        late.push(start.elapsed() - delay);
    }
    meter.stop(size).with_percentiles("late_", late)
}

const WHOLE: fn(&mut Numbers) -> Duration = |numbers| Duration::from_millis(1 + numbers.below(4));
const ODD: fn(&mut Numbers) -> Duration =
    |numbers| Duration::from_micros(1000 + numbers.below(4000));
