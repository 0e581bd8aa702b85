//! Tasks: started, awaited, taking turns.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::measure::{Memory, Meter, Sample, passes};
use crate::peer::{Host, Peer, run_in_task};

/// Spawns `size` tasks, then awaits them all.
///
/// Done twice: the first pass shows the memory, the second the time.
pub fn spawn_join<P: Host>(size: usize) -> Sample {
    spawn_join_so_often::<P>(size, 1)
}

/// The same, the second pass so often that few tasks can be measured, too.
pub fn spawn_join_growing<P: Host>(size: usize) -> Sample {
    spawn_join_so_often::<P>(size, passes(size))
}

fn spawn_join_so_often<P: Host>(size: usize, passes: usize) -> Sample {
    async fn pass<P: Host>(size: usize) {
        let tasks: Vec<_> = (0..size).map(|n| P::spawn(async move { black_box(n) })).collect();
        for task in tasks {
            black_box(task.await.expect("it does not panic"));
        }
    }
    run_in_task::<P, _>(async move {
        let memory = Memory::start();
        pass::<P>(size).await;
        let bytes = memory.peak_per(size);
        let meter = Meter::start();
        for _ in 0..passes {
            pass::<P>(size).await;
        }
        meter.stop(size * passes).with("bytes", bytes)
    })
}

/// The limit: box the futures, poll each once.
pub fn spawn_join_by_hand(size: usize) -> Sample {
    fn pass(size: usize) {
        let mut cx = Context::from_waker(Waker::noop());
        let tasks: Vec<Pin<Box<dyn Future<Output = usize>>>> =
            (0..size).map(|n| Box::pin(async move { black_box(n) }) as _).collect();
        for mut task in tasks {
            assert!(black_box(task.as_mut().poll(&mut cx)).is_ready());
        }
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

/// Spawns a task and awaits it, `size` times.
pub fn spawn_await<P: Host>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let meter = Meter::start();
        for n in 0..size {
            let task = P::spawn(async move { black_box(n) });
            black_box(task.await.expect("it does not panic"));
        }
        meter.stop(size)
    })
}

/// The limit: box a future, poll it.
pub fn spawn_await_by_hand(size: usize) -> Sample {
    let mut cx = Context::from_waker(Waker::noop());
    let meter = Meter::start();
    for n in 0..size {
        let future: Pin<Box<dyn Future<Output = usize>>> = Box::pin(async move { black_box(n) });
        assert!(black_box(black_box(future).as_mut().poll(&mut cx)).is_ready());
    }
    meter.stop(size)
}

/// How many tasks take turns.
const DANCERS: usize = 1000;

/// 1,000 tasks give way to each other, `size` times in all.
pub fn yields<P: Peer>(size: usize) -> Sample {
    dance::<P>(DANCERS, size / DANCERS)
}

/// So many tasks give way to each other, ten times each at the least.
pub fn yields_growing<P: Peer>(dancers: usize) -> Sample {
    dance::<P>(dancers, passes(dancers).max(10))
}

fn dance<P: Peer>(dancers: usize, turns: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let meter = Meter::start();
        let dance = || async move {
            for _ in 0..turns {
                P::yield_now().await;
            }
        };
        let tasks: Vec<_> = (0..dancers).map(|_| P::spawn(dance())).collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        meter.stop(dancers * turns)
    })
}

/// The limit: a queue of numbers, and a table of boxed futures.
pub fn yields_by_hand(size: usize) -> Sample {
    let mut cx = Context::from_waker(Waker::noop());
    let meter = Meter::start();
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for _ in 0..DANCERS {
        tasks.push(Box::pin(async move {
            for _ in 0..size / DANCERS {
                YieldOnce::default().await;
            }
        }));
    }
    let mut ready: VecDeque<usize> = (0..DANCERS).collect();
    while let Some(index) = ready.pop_front() {
        if tasks[index].as_mut().poll(&mut cx).is_pending() {
            ready.push_back(index);
        }
    }
    meter.stop(size)
}

/// Gives way once, by waking its own waker: the same for every peer.
#[derive(Debug, Default)]
pub struct YieldOnce {
    yielded: bool,
}

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Polls a future once, which must not be ready.
pub async fn poll_once(mut future: impl Future + Unpin) {
    poll_fn(|cx| {
        assert!(Pin::new(&mut future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}
