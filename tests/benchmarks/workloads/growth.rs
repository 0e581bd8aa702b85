//! The table of the workloads that are run in many sizes: what one item costs when there are few,
//! and when there are a million. Each becomes a plot.

use crate::load;
use crate::peers::monoio::Monoio;
use crate::peers::roundelay::Roundelay;
use crate::peers::smol::Smol;
use crate::peers::tokio::Tokio;
use crate::workloads::{BY_HAND, OURS, REFERENCE, USUAL, Workload};
use crate::workloads::{callbacks, echo, mio_server, tasks, timers};

/// A workload whose cost is plotted against its size.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// What is run. Its own sizes are not used.
    pub workload: Workload,
    /// What there is more and more of.
    pub axis: &'static str,
    /// How many of them, in growing order.
    pub sizes: &'static [usize],
    /// The largest size that Python takes part in.
    pub python_up_to: usize,
}

/// Half a decade apart.
const TO_A_MILLION: &[usize] = &[1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

/// As many as a usual limit on descriptors allows.
const CONNECTIONS: &[usize] = &[1, 10, 100, 1000, 3000, 10_000, 16_000];

const GROWING: Workload = Workload { python: Some(1), ..USUAL };

/// All of them.
pub const GROWTHS: &[Growth] = &[
    Growth {
        workload: Workload {
            name: "grow-spawn",
            title: "spawn tasks, then await them: CPU time of one",
            peers: everybody!(tasks::spawn_join_growing, tasks::spawn_join_by_hand),
            ..GROWING
        },
        axis: "tasks",
        sizes: TO_A_MILLION,
        python_up_to: 30_000,
    },
    Growth {
        workload: Workload {
            name: "grow-yield",
            title: "tasks give way to each other: CPU time of one step",
            peers: everybody!(tasks::yields_growing),
            ..GROWING
        },
        axis: "tasks",
        sizes: TO_A_MILLION,
        python_up_to: 30_000,
    },
    Growth {
        workload: Workload {
            name: "grow-sleep",
            title: "tasks sleep, one deadline in each microsecond: CPU time of one",
            peers: everybody!(timers::run_out_growing),
            ..GROWING
        },
        axis: "sleeping tasks",
        sizes: TO_A_MILLION,
        python_up_to: 30_000,
    },
    Growth {
        workload: Workload {
            name: "grow-cancel",
            title: "timers are set, then cancelled: CPU time of one",
            peers: everybody!(timers::set_and_cancel_growing, timers::set_and_cancel_by_hand),
            ..GROWING
        },
        axis: "timers",
        sizes: TO_A_MILLION,
        python_up_to: 100_000,
    },
    Growth {
        workload: Workload {
            name: "grow-timeout",
            title: "a time limit around a future that gives way once, while timers wait: CPU time",
            peers: everybody!(timers::timeout_growing),
            ..GROWING
        },
        axis: "timers that wait",
        sizes: TO_A_MILLION,
        python_up_to: 100_000,
    },
    Growth {
        workload: Workload {
            name: "grow-call",
            title: "callbacks are scheduled, then called: CPU time of one",
            peers: everybody!(callbacks::call_soon_growing, callbacks::call_soon_by_hand),
            ..GROWING
        },
        axis: "callbacks",
        sizes: TO_A_MILLION,
        python_up_to: 100_000,
    },
    Growth {
        workload: Workload {
            name: "grow-echo",
            title: "TCP echo, 64 bytes: CPU time of the server for one message",
            load: load::echo_growing,
            peers: everybody!(echo::serve_growing, mio_server::echo_growing),
            ..GROWING
        },
        axis: "connections",
        sizes: CONNECTIONS,
        python_up_to: 1000,
    },
    Growth {
        workload: Workload {
            name: "grow-idle",
            title: "connections that stay, and handlers without a buffer: bytes for one",
            metric: "bytes",
            load: load::echo_once,
            peers: everybody!(echo::idle, mio_server::idle),
            python: None,
            ..GROWING
        },
        axis: "connections",
        sizes: &[1000, 3000, 10_000, 16_000],
        python_up_to: 0,
    },
];

/// The growth of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Growth> {
    GROWTHS.iter().find(|growth| growth.workload.name == name)
}
