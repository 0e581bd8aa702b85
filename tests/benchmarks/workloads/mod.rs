//! The workloads, and the table of them.
//!
//! A target is a ratio of medians to tokio in the same run, from the issue on speed; it is
//! roundelay's to hold.

pub mod tasks;
pub mod wakes;
pub mod timers;
pub mod callbacks;
pub mod threads;
pub mod thread_jobs;
pub mod processes;
pub mod pools;
pub mod echo;
pub mod http;

use crate::load::{self, Load};
use crate::measure::Sample;
use crate::peers::roundelay::Roundelay;
use crate::peers::smol::Smol;
use crate::peers::tokio::Tokio;

/// Runs a workload of this size in this process.
pub type Run = fn(usize) -> Sample;

/// One workload: what everybody runs.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What one calls it on the command line.
    pub name: &'static str,
    /// What one item is.
    pub title: &'static str,
    /// The figure that ratios are taken of.
    pub metric: &'static str,
    /// What is asked of roundelay.
    pub targets: &'static [Target],
    /// How many items in the quick and in the full form.
    pub sizes: [usize; 2],
    /// Python does so many times less, and is left out if there is no number. Figures are
    /// per item, so they can be compared all the same.
    pub python: Option<usize>,
    /// Whether asyncio is one of those who take part in Python.
    pub asyncio: bool,
    /// Python's pools that take part without an event loop, with as many items.
    pub python_pools: &'static [&'static str],
    /// The load from outside: so many TCP connections.
    pub connections: usize,
    /// And what comes through them.
    pub load: Load,
    /// All threads share one CPU: what a hand-over costs without the luck of scheduling.
    pub one_cpu: bool,
    /// Who takes part, and how.
    pub peers: &'static [(&'static str, Run)],
}

/// What is asked of roundelay: a figure that is at most so large, by itself or as a ratio.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Which figure, if it is not the workload's main one.
    pub metric: Option<&'static str>,
    /// Whose figure it is divided by.
    pub to: Option<&'static str>,
    /// How large it may be.
    pub most: f64,
}

/// The main figure is at most `most` times that of `peer`.
const fn to(peer: &'static str, most: f64) -> Target {
    Target { metric: None, to: Some(peer), most }
}

/// `metric` is at most `most`.
const fn at_most(metric: &'static str, most: f64) -> Target {
    Target { metric: Some(metric), to: None, most }
}

/// What the issue on speed asks of every workload that is about scheduling alone.
const TENTH_OF_PYTHON: Target = to(PYTHON, 0.1);

/// Whose figure is 1 in every ratio.
pub const REFERENCE: &str = "tokio";

/// And where it does not take part: the first of these that does.
pub const OTHER_REFERENCES: &[&str] = &[BY_HAND, PROCSPAWN];

/// The limit: what the work costs without any runtime.
pub const BY_HAND: &str = "by hand";

/// The peer that is a script in a program of its own.
pub const PYTHON: &str = "asyncio";

/// The process pool of Rust's that is most like ours.
pub const PROCSPAWN: &str = "procspawn";

/// Whose targets they are.
pub const OURS: &str = "roundelay";

/// Every peer, one line each; then the limit, where there is one.
macro_rules! everybody {
    ($($name:ident)::+ $(<$count:literal>)? $(, $by_hand:expr)?) => {
        &[
            $((BY_HAND, $by_hand),)?
            ("tokio", $($name)::+::<Tokio $(, $count)?>),
            ("roundelay", $($name)::+::<Roundelay $(, $count)?>),
        ]
    };
}

/// Those who serve sockets, one line each; then the limit, where there is one.
macro_rules! servers {
    ($($name:ident)::+ $(<$count:literal>)? $(, $by_hand:expr)?) => {
        &[
            $((BY_HAND, $by_hand),)?
            ("tokio", $($name)::+::<Tokio $(, $count)?>),
            ("smol", $($name)::+::<Smol $(, $count)?>),
            ("roundelay", $($name)::+::<Roundelay $(, $count)?>),
        ]
    };
}

const USUAL: Workload = Workload {
    name: "",
    title: "",
    metric: "cpu_ns",
    targets: &[],
    sizes: [1_000_000, 1_000_000],
    python: None,
    asyncio: true,
    python_pools: &[],
    connections: 0,
    load: load::echo,
    one_cpu: false,
    peers: &[],
};

/// Loop, tasks, timers, wakes, sockets. The pools have a table of their own: `pools.rs`.
const WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn-join",
        title: "spawn 1,000,000 tasks, then await them",
        targets: &[to(REFERENCE, 0.35), at_most("bytes", 200.0), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(tasks::spawn_join, tasks::spawn_join_by_hand),
        ..USUAL
    },
    Workload {
        name: "spawn-await",
        title: "spawn one task and await it",
        targets: &[to(REFERENCE, 0.35), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(tasks::spawn_await, tasks::spawn_await_by_hand),
        ..USUAL
    },
    Workload {
        name: "yield",
        title: "1,000 tasks give way to each other",
        targets: &[to(REFERENCE, 0.45), TENTH_OF_PYTHON],
        sizes: [3_000_000, 10_000_000],
        python: Some(50),
        peers: everybody!(tasks::yields, tasks::yields_by_hand),
        ..USUAL
    },
    Workload {
        name: "ping-slot",
        title: "two tasks wake each other through a minimal shared slot, there and back",
        peers: everybody!(wakes::through_slots),
        ..USUAL
    },
    Workload {
        name: "ping-promise",
        title: "the same through the peer's own one-shots",
        targets: &[to(REFERENCE, 0.8), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(wakes::through_promises),
        ..USUAL
    },
    Workload {
        name: "ping-channel",
        title: "the same through the peer's own channels of capacity 1",
        targets: &[to(REFERENCE, 0.6), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(wakes::through_channels),
        ..USUAL
    },
    Workload {
        name: "sleep-run-out",
        title: "tasks that sleep, to completion (100,000 in 0.2 s; --full: 1,000,000 in 1 s)",
        targets: &[to(REFERENCE, 0.6)],
        sizes: [100_000, 1_000_000],
        python: Some(10),
        peers: everybody!(timers::run_out),
        ..USUAL
    },
    Workload {
        name: "sleep-cancel",
        title: "1,000,000 sleeps created, polled once, dropped",
        targets: &[to(REFERENCE, 0.45)],
        python: Some(50),
        peers: everybody!(timers::set_and_cancel, timers::set_and_cancel_by_hand),
        ..USUAL
    },
    Workload {
        name: "timeout-ready",
        title: "a time limit around a ready future",
        targets: &[to(REFERENCE, 0.6), TENTH_OF_PYTHON],
        sizes: [3_000_000, 10_000_000],
        python: Some(200),
        peers: everybody!(timers::timeout_ready),
        ..USUAL
    },
    Workload {
        name: "timeout-yield",
        title: "a time limit around a future that gives way once",
        targets: &[to(REFERENCE, 0.45), TENTH_OF_PYTHON],
        python: Some(50),
        peers: everybody!(timers::timeout_yield),
        ..USUAL
    },
    Workload {
        name: "timeout-crowded",
        title: "the same while 1,000,000 other timers wait",
        targets: &[to(REFERENCE, 0.5)],
        peers: everybody!(timers::timeout_crowded),
        ..USUAL
    },
    Workload {
        name: "sleep-lateness",
        title: "how late a sleep of 1, 2, 3 or 4 ms ends when nothing else is going on",
        metric: "late_p50_us",
        targets: &[at_most("late_p50_us", 150.0)],
        sizes: [100, 1000],
        python: Some(1),
        peers: everybody!(timers::lateness),
        ..USUAL
    },
    Workload {
        name: "sleep-lateness-odd",
        title: "the same with delays that are not whole milliseconds",
        metric: "late_p50_us",
        targets: &[at_most("late_p50_us", 150.0)],
        sizes: [100, 1000],
        python: Some(1),
        peers: everybody!(timers::lateness_odd, timers::lateness_by_hand),
        ..USUAL
    },
    Workload {
        name: "call-soon",
        title: "1,000,000 callbacks that capture nothing (tokio: spawned ready tasks)",
        targets: &[to(REFERENCE, 0.06), TENTH_OF_PYTHON],
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
        targets: &[to(REFERENCE, 1.0), Target { metric: Some("p99_us"), ..to(REFERENCE, 1.0) }],
        sizes: [2000, 20_000],
        python: Some(1),
        peers: everybody!(threads::wake_one, threads::wake_one_by_hand),
        ..USUAL
    },
    Workload {
        name: "wake-bursts",
        title: "another thread wakes 1,000 tasks in a row",
        metric: "ns",
        sizes: [500_000, 2_000_000],
        peers: everybody!(threads::wake_bursts),
        ..USUAL
    },
    Workload {
        name: "echo-1",
        title: "TCP echo, 64 bytes, 1 connection: server CPU per message",
        targets: &[to(REFERENCE, 1.0), to(BY_HAND, 1.04)],
        sizes: [20_000, 100_000],
        python: Some(2),
        connections: 1,
        peers: servers!(echo::serve<1>, echo::serve_by_hand::<1>),
        ..USUAL
    },
    Workload {
        name: "echo-64",
        title: "TCP echo, 64 bytes, 64 connections: server CPU per message",
        targets: &[to(REFERENCE, 1.0), to(BY_HAND, 1.03)],
        sizes: [64_000, 640_000],
        python: Some(4),
        connections: 64,
        peers: servers!(echo::serve<64>, echo::serve_by_hand::<64>),
        ..USUAL
    },
    Workload {
        name: "echo-1000",
        title: "TCP echo, 64 bytes, 1,000 connections: server CPU per message",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [200_000, 1_000_000],
        python: Some(4),
        connections: 1000,
        peers: servers!(echo::serve<1000>, echo::serve_by_hand::<1000>),
        ..USUAL
    },
    Workload {
        name: "echo-16k",
        title: "TCP echo, 16 KiB, 64 connections: server CPU per message",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [32_000, 320_000],
        connections: 64,
        load: load::echo_16k,
        peers: servers!(echo::serve<64>, echo::serve_by_hand::<64>),
        ..USUAL
    },
    Workload {
        name: "echo-idle",
        title: "TCP echo, 64 bytes, 64 connections among 9,936 that say nothing: server CPU per \
                message, memory per connection",
        targets: &[to(REFERENCE, 1.0), Target { metric: Some("bytes"), ..to(REFERENCE, 1.0) }],
        sizes: [64_000, 640_000],
        connections: 10_000,
        load: load::echo_among_idle,
        peers: servers!(echo::serve<10_000>, echo::serve_by_hand::<10_000>),
        ..USUAL
    },
    Workload {
        name: "http-64",
        title: "hyper, HTTP/1, hello world, 64 connections: server CPU per request",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [64_000, 640_000],
        connections: 64,
        load: load::http,
        peers: servers!(http::serve<64>),
        ..USUAL
    },
    Workload {
        name: "http-idle",
        title: "the same with connections that have asked once and stay: memory of each",
        metric: "bytes",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [10_000, 10_000],
        load: load::http_idle,
        peers: servers!(http::idle),
        ..USUAL
    },
];

/// Those of this table, then the pools'.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    WORKLOADS.iter().chain(pools::POOLS)
}

/// The workload of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Workload> {
    all().find(|workload| workload.name == name)
}
