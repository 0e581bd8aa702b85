//! The table of the workloads that are the loop's own: tasks, wakes, timers, callbacks.

use crate::peers::monoio::Monoio;
use crate::peers::roundelay::Roundelay;
use crate::peers::smol::Smol;
use crate::peers::tokio::Tokio;
use crate::workloads::{BY_HAND, OURS, REFERENCE, TENTH_OF_PYTHON, TENTH_OF_UVLOOP};
use crate::workloads::{USUAL, UVLOOP, Workload, at_most, no_worse, to};
use crate::workloads::{callbacks, tasks, threads, timers, wakes};

/// Those who have one-shots and channels of their own.
macro_rules! with_primitives {
    ($($name:ident)::+) => {
        &[(REFERENCE, $($name)::+::<Tokio>), (OURS, $($name)::+::<Roundelay>)]
    };
}

/// Those whose wakers may be called by other threads.
macro_rules! woken_from_outside {
    ($($name:ident)::+ $(, $by_hand:expr)?) => {
        &[
            $((BY_HAND, $by_hand),)?
            (REFERENCE, $($name)::+::<Tokio>),
            ("smol", $($name)::+::<Smol>),
            (OURS, $($name)::+::<Roundelay>),
        ]
    };
}

/// All of them.
pub const LOOPS: &[Workload] = &[
    Workload {
        name: "spawn-join",
        title: "spawn 1,000,000 tasks, then await them",
        targets: &[to(REFERENCE, 0.35), at_most("bytes", 200.0), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(1),
        peers: everybody!(tasks::spawn_join, tasks::spawn_join_by_hand),
        ..USUAL
    },
    Workload {
        name: "spawn-await",
        title: "spawn one task and await it",
        targets: &[to(REFERENCE, 0.35), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(50),
        peers: everybody!(tasks::spawn_await, tasks::spawn_await_by_hand),
        ..USUAL
    },
    Workload {
        name: "yield",
        title: "1,000 tasks give way to each other",
        targets: &[to(REFERENCE, 0.45), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        sizes: [3_000_000, 10_000_000],
        python: Some(50),
        peers: everybody!(tasks::yields, tasks::yields_by_hand),
        ..USUAL
    },
    Workload {
        name: "ping-slot",
        title: "two tasks wake each other through a minimal shared slot, there and back",
        peers: everybody!(wakes::through_slots, wakes::through_slots_by_hand),
        ..USUAL
    },
    Workload {
        name: "ping-promise",
        title: "the same through the peer's own one-shots",
        targets: &[to(REFERENCE, 0.8), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(50),
        peers: with_primitives!(wakes::through_promises),
        ..USUAL
    },
    Workload {
        name: "ping-channel",
        title: "the same through the peer's own channels of capacity 1",
        targets: &[to(REFERENCE, 0.6), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(50),
        peers: with_primitives!(wakes::through_channels),
        ..USUAL
    },
    Workload {
        name: "ping-async-channel",
        title: "the same through the crate async-channel, the same for every peer",
        targets: &[to(REFERENCE, 0.95)],
        peers: everybody!(wakes::through_async_channels),
        ..USUAL
    },
    Workload {
        name: "sleep-run-out",
        title: "tasks that sleep, to completion (100,000 in 0.2 s; --full: 1,000,000 in 1 s)",
        targets: &[to(REFERENCE, 0.6), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        sizes: [100_000, 1_000_000],
        python: Some(10),
        peers: everybody!(timers::run_out, timers::run_out_by_hand),
        ..USUAL
    },
    Workload {
        name: "sleep-cancel",
        title: "1,000,000 sleeps created, polled once, dropped",
        targets: &[to(REFERENCE, 0.45), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(1),
        peers: everybody!(timers::set_and_cancel, timers::set_and_cancel_by_hand),
        ..USUAL
    },
    Workload {
        name: "timeout-ready",
        title: "a time limit around a ready future",
        targets: &[to(REFERENCE, 0.6), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        sizes: [3_000_000, 10_000_000],
        python: Some(200),
        peers: everybody!(timers::timeout_ready, timers::timeout_ready_by_hand),
        ..USUAL
    },
    Workload {
        name: "timeout-yield",
        title: "a time limit around a future that gives way once",
        targets: &[to(REFERENCE, 0.45), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(50),
        peers: everybody!(timers::timeout_yield, timers::timeout_yield_by_hand),
        ..USUAL
    },
    Workload {
        name: "timeout-crowded",
        title: "the same while 1,000,000 other timers wait (in Python 20,000)",
        targets: &[to(REFERENCE, 0.5), TENTH_OF_PYTHON, TENTH_OF_UVLOOP],
        python: Some(50),
        peers: everybody!(timers::timeout_crowded, timers::timeout_yield_by_hand),
        ..USUAL
    },
    Workload {
        name: "sleep-lateness",
        title: "how late a sleep of 1, 2, 3 or 4 ms ends when nothing else is going on; none is \
                early",
        metric: "late_p50_us",
        targets: &[at_most("late_p50_us", 150.0)],
        sizes: [100, 300],
        python: Some(1),
        peers: everybody!(timers::lateness),
        ..USUAL
    },
    Workload {
        name: "sleep-lateness-odd",
        title: "the same with delays that are not whole milliseconds",
        metric: "late_p50_us",
        targets: &[at_most("late_p50_us", 150.0)],
        sizes: [100, 300],
        python: Some(1),
        peers: everybody!(timers::lateness_odd, timers::lateness_by_hand),
        ..USUAL
    },
    Workload {
        name: "call-soon",
        title: "1,000,000 callbacks that capture nothing (peers without callbacks: spawned ready \
                tasks)",
        targets: &[to(REFERENCE, 0.06), to(UVLOOP, 0.05), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(callbacks::call_soon, callbacks::call_soon_by_hand),
        ..USUAL
    },
    Workload {
        name: "call-soon-boxed",
        title: "the same with callbacks that capture an Rc",
        peers: everybody!(callbacks::call_soon_boxed, callbacks::call_soon_boxed_by_hand),
        ..USUAL
    },
    Workload {
        name: "wake-one",
        title: "another thread wakes the sleeping loop",
        metric: "p50_us",
        targets: &[to(REFERENCE, 1.0), no_worse("p99_us")],
        sizes: [2000, 6000],
        python: Some(1),
        peers: woken_from_outside!(threads::wake_one, threads::wake_one_by_hand),
        ..USUAL
    },
    Workload {
        name: "wake-bursts",
        title: "another thread wakes 1,000 tasks in a row",
        metric: "ns",
        sizes: [500_000, 2_000_000],
        peers: woken_from_outside!(threads::wake_bursts),
        ..USUAL
    },
];
