//! The workloads: what one is, and who takes part.
//!
//! The tables are in `loops.rs`, `sockets.rs`, `pools.rs` and, for what is plotted against its
//! size, `growth.rs`. A target is a ratio of medians to tokio in the same run, from the issue on
//! speed; it is roundelay's to hold.

use crate::load::{self, Load};
use crate::measure::Sample;

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
    /// Whether asyncio is one of those who take part in Python (with uvloop, where it is
    /// installed).
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

impl Workload {
    /// Whether a target is about this peer. Where nothing is asked of anybody, all are compared.
    #[must_use]
    pub fn compares(&self, peer: &str) -> bool {
        let is_named = |target: &Target| target.ours == peer || target.to == Some(peer);
        self.targets.is_empty() || self.targets.iter().any(is_named)
    }
}

/// What is asked of roundelay: a figure that is at most so large, by itself or as a ratio.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Whose figure it is: roundelay's, nearly always.
    pub ours: &'static str,
    /// Which figure, if it is not the workload's main one.
    pub metric: Option<&'static str>,
    /// Whose figure it is divided by.
    pub to: Option<&'static str>,
    /// How large it may be.
    pub most: f64,
}

/// The main figure is at most `most` times that of `peer`.
pub(crate) const fn to(peer: &'static str, most: f64) -> Target {
    Target { ours: OURS, metric: None, to: Some(peer), most }
}

/// `metric` is at most `most`.
pub(crate) const fn at_most(metric: &'static str, most: f64) -> Target {
    Target { ours: OURS, metric: Some(metric), to: None, most }
}

/// `metric` is at most that of the reference.
pub(crate) const fn no_worse(metric: &'static str) -> Target {
    Target { ours: OURS, metric: Some(metric), to: Some(REFERENCE), most: 1.0 }
}

/// What the issue on speed asks of every workload that is about scheduling alone.
const TENTH_OF_PYTHON: Target = to(PYTHON, 0.1);
const TENTH_OF_UVLOOP: Target = to(UVLOOP, 0.1);

/// Whose figure is 1 in every ratio.
pub const REFERENCE: &str = "tokio";

/// And where it does not take part: the first of these that does.
pub const OTHER_REFERENCES: &[&str] =
    &[BY_HAND, PROCSPAWN, RAYON_PROGRAM, WITHOUT_HOOKS, UNOBSERVED];

/// The limit: what the work costs without any runtime.
pub const BY_HAND: &str = "by hand";

/// The peer that is a script in a program of its own.
pub const PYTHON: &str = "asyncio";

/// The same script on another loop, where that is installed.
pub const UVLOOP: &str = "uvloop";

/// The process pool of Rust's that is most like ours.
pub const PROCSPAWN: &str = "procspawn";

/// The program that `roundelay manifest` is compared with.
pub const RAYON_PROGRAM: &str = "rayon + sha2";

/// roundelay itself, built so that nobody can observe it.
pub const WITHOUT_HOOKS: &str = "no hooks";

/// roundelay itself, when nobody observes it.
pub const UNOBSERVED: &str = "off";

/// Whose targets they are.
pub const OURS: &str = "roundelay";

/// Every peer, one line each; the limit before them, where there is one.
macro_rules! everybody {
    ($($name:ident)::+ $(, $by_hand:expr)?) => {
        &[
            $((BY_HAND, $by_hand),)?
            (REFERENCE, $($name)::+::<Tokio>),
            ("smol", $($name)::+::<Smol>),
            ("monoio", $($name)::+::<Monoio>),
            (OURS, $($name)::+::<Roundelay>),
        ]
    };
}

/// Those who serve sockets with so many connections.
macro_rules! servers {
    ($($name:ident)::+ <$count:literal> $(, $by_hand:expr)?) => {
        &[
            $((BY_HAND, $by_hand),)?
            (REFERENCE, $($name)::+::<Tokio, $count>),
            ("smol", $($name)::+::<Smol, $count>),
            ("monoio", $($name)::+::<Monoio, $count>),
            (OURS, $($name)::+::<Roundelay, $count>),
        ]
    };
}

pub mod tasks;
pub mod wakes;
pub mod timers;
pub mod callbacks;
pub mod threads;
pub mod thread_jobs;
pub mod processes;
pub mod http;
pub mod echo;
pub mod mio_server;
pub mod loops;
pub mod sockets;
pub mod pools;
pub mod growth;

/// What most of them have in common.
pub(crate) const USUAL: Workload = Workload {
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

/// Loop, tasks, timers, wakes; then sockets; then the pools.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    loops::LOOPS.iter().chain(sockets::SOCKETS).chain(pools::POOLS)
}

/// The workload of that name, also among those that are plotted against their size.
#[must_use]
pub fn find(name: &str) -> Option<&'static Workload> {
    let growing = growth::GROWTHS.iter().map(|growth| &growth.workload);
    all().chain(growing).find(|workload| workload.name == name)
}
