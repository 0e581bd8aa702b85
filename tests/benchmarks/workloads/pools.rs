//! The table of the pools' workloads.
//!
//! Targets are those of the issue on speed: a thread job at most so much of tokio's; a process
//! job better than procspawn's, and at least twice as fast as Python's executor.

use crate::peers::processes::{Pipes, Procspawn};
use crate::peers::roundelay::Roundelay;
use crate::peers::threads::{Blocking, Channel, Rayon, Threadpool};
use crate::peers::tokio::Tokio;
use crate::workloads::{BY_HAND, OURS, PROCSPAWN, PYTHON, REFERENCE, Run, Target, USUAL};
use crate::workloads::{UVLOOP, Workload, processes, thread_jobs, to};

const RAYON: &str = "rayon";
const THREADPOOL: &str = "threadpool";
const BLOCKING: &str = "blocking";

/// Ours, waited for by a thread that blocks instead of awaited in a task.
const OURS_AWAITED: &str = "roundelay await";

const THREAD_EXECUTOR: &str = "ThreadPoolExecutor";
const PROCESS_EXECUTOR: &str = "ProcessPoolExecutor";
const MULTIPROCESSING: &str = "multiprocessing.Pool";

/// Better than procspawn, and twice as fast as Python's executor.
const LEAD: &[Target] = &[to(PROCSPAWN, 1.0), to(PROCESS_EXECUTOR, 0.5)];

/// So much of tokio's, and better than everybody else.
const AWAITED_TRIP: &[Target] = &[
    to(REFERENCE, 0.6),
    to(RAYON, 1.0),
    to(THREADPOOL, 1.0),
    to(BLOCKING, 1.0),
    to(PYTHON, 0.5),
    to(UVLOOP, 0.5),
];
const AWAITED_BULK: &[Target] = &[
    to(REFERENCE, 0.35),
    to(RAYON, 1.0),
    to(THREADPOOL, 1.0),
    to(BLOCKING, 1.0),
    to(PYTHON, 0.5),
    to(UVLOOP, 0.5),
];

/// Everybody whose jobs can be awaited.
macro_rules! awaited {
    ($($name:ident)::+) => {
        &[
            ("tokio", $($name)::+::<Tokio>),
            (OURS, $($name)::+::<Roundelay>),
            (RAYON, $($name)::+::<Rayon>),
            (THREADPOOL, $($name)::+::<Threadpool>),
            (BLOCKING, $($name)::+::<Blocking>),
        ]
    };
}

/// Everybody whose jobs can be waited for.
macro_rules! blocking {
    ($($name:ident)::+) => {
        &[
            (BY_HAND, $($name)::+::<Channel>),
            (OURS, $($name)::+::<Roundelay>),
            (RAYON, $($name)::+::<Rayon>),
            (THREADPOOL, $($name)::+::<Threadpool>),
        ]
    };
}

/// Everybody with processes.
macro_rules! in_processes {
    ($($name:ident)::+ $(<$count:literal>)?) => {
        &[
            (BY_HAND, $($name)::+::<Pipes $(, $count)?>),
            (OURS, $($name)::+::<Roundelay $(, $count)?>),
            (PROCSPAWN, $($name)::+::<Procspawn $(, $count)?>),
        ]
    };
}

const PROCESS_TRIPS: &[(&str, Run)] = &[
    (BY_HAND, processes::trip::<Pipes>),
    (OURS, processes::trip::<Roundelay>),
    (OURS_AWAITED, processes::trip_awaited),
    (PROCSPAWN, processes::trip::<Procspawn>),
];

const PROCESSES: Workload = Workload {
    metric: "p50_us",
    targets: LEAD,
    asyncio: false,
    python_pools: &[PROCESS_EXECUTOR, MULTIPROCESSING],
    ..USUAL
};

/// All of them.
pub const POOLS: &[Workload] = &[
    Workload {
        name: "thread-trip",
        title: "one thread job awaited",
        metric: "p50_us",
        targets: AWAITED_TRIP,
        sizes: [10_000, 100_000],
        python: Some(10),
        peers: awaited!(thread_jobs::trip),
        ..USUAL
    },
    Workload {
        name: "thread-trip-1cpu",
        title: "one thread job awaited, all threads on one CPU",
        metric: "p50_us",
        targets: AWAITED_TRIP,
        sizes: [20_000, 100_000],
        python: Some(10),
        one_cpu: true,
        peers: awaited!(thread_jobs::trip),
        ..USUAL
    },
    Workload {
        name: "thread-bulk",
        title: "100,000 tiny thread jobs: all submitted, then all awaited",
        metric: "ns",
        targets: AWAITED_BULK,
        sizes: [100_000, 1_000_000],
        python: Some(50),
        peers: awaited!(thread_jobs::bulk),
        ..USUAL
    },
    Workload {
        name: "thread-wait",
        title: "one thread job waited for, no loop",
        metric: "p50_us",
        targets: &[to(RAYON, 1.0), to(THREADPOOL, 1.0), to(THREAD_EXECUTOR, 0.5)],
        sizes: [10_000, 100_000],
        python: Some(10),
        asyncio: false,
        python_pools: &[THREAD_EXECUTOR],
        peers: blocking!(thread_jobs::blocking_trip),
        ..USUAL
    },
    Workload {
        name: "thread-wait-1cpu",
        title: "one thread job waited for, no loop, all threads on one CPU",
        metric: "p50_us",
        targets: &[to(RAYON, 1.0), to(THREADPOOL, 1.0), to(THREAD_EXECUTOR, 0.5)],
        sizes: [20_000, 100_000],
        python: Some(10),
        one_cpu: true,
        asyncio: false,
        python_pools: &[THREAD_EXECUTOR],
        peers: blocking!(thread_jobs::blocking_trip),
        ..USUAL
    },
    Workload {
        name: "thread-wait-bulk",
        title: "100,000 tiny thread jobs: all submitted, then all waited for, no loop",
        metric: "ns",
        targets: &[to(BY_HAND, 1.0), to(RAYON, 1.0), to(THREADPOOL, 1.0), to(THREAD_EXECUTOR, 0.5)],
        sizes: [100_000, 1_000_000],
        python: Some(20),
        asyncio: false,
        python_pools: &[THREAD_EXECUTOR],
        peers: blocking!(thread_jobs::blocking_bulk),
        ..USUAL
    },
    Workload {
        name: "process-start",
        title: "2 worker processes are started, and each gives a result",
        sizes: [30, 200],
        python: Some(3),
        peers: in_processes!(processes::start),
        ..PROCESSES
    },
    Workload {
        name: "process-trip",
        title: "one process job",
        sizes: [3000, 10_000],
        python: Some(5),
        asyncio: true,
        peers: PROCESS_TRIPS,
        ..PROCESSES
    },
    Workload {
        name: "process-trip-1cpu",
        title: "one process job, all processes on one CPU",
        sizes: [5000, 15_000],
        python: Some(5),
        asyncio: true,
        one_cpu: true,
        peers: PROCESS_TRIPS,
        ..PROCESSES
    },
    Workload {
        name: "process-tiny",
        title: "tiny process jobs, submitted one by one, 100 in flight",
        metric: "ns",
        sizes: [20_000, 50_000],
        python: Some(5),
        peers: &[
            (OURS, processes::one_by_one::<Roundelay>),
            (PROCSPAWN, processes::one_by_one::<Procspawn>),
        ],
        ..PROCESSES
    },
    Workload {
        name: "process-map",
        title: "tiny process jobs through map, in chunks of 1,000 where the peer can",
        metric: "ns",
        sizes: [500_000, 1_000_000],
        python: Some(5),
        peers: &[
            (OURS, processes::map),
            // It has no chunks, and nobody waits for half a million single jobs.
            (PROCSPAWN, |size| processes::one_by_one::<Procspawn>(size / 50)),
        ],
        ..PROCESSES
    },
    Workload {
        name: "process-1mib",
        title: "1 MiB to a process and back",
        sizes: [300, 1000],
        python: Some(3),
        peers: in_processes!(processes::payload<1>),
        ..PROCESSES
    },
    Workload {
        name: "process-16mib",
        title: "16 MiB to a process and back",
        sizes: [40, 80],
        python: Some(2),
        peers: in_processes!(processes::payload<16>),
        ..PROCESSES
    },
    Workload {
        name: "process-speed-up",
        title: "hard jobs: the time that two processes take, as a share of what one takes",
        metric: "two_to_one",
        targets: &[to(BY_HAND, 1.05)],
        sizes: [40, 80],
        python: Some(1),
        peers: in_processes!(processes::speed_up),
        ..PROCESSES
    },
];
