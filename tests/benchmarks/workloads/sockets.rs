//! The table of the workloads that serve sockets.

use crate::load;
use crate::peers::monoio::Monoio;
use crate::peers::roundelay::Roundelay;
use crate::peers::smol::Smol;
use crate::peers::tokio::Tokio;
use crate::workloads::{BY_HAND, OURS, REFERENCE, USUAL, Workload, no_worse, to};
use crate::workloads::{echo, http, mio_server};

/// All of them.
pub const SOCKETS: &[Workload] = &[
    Workload {
        name: "echo-1",
        title: "TCP echo, 64 bytes, 1 connection: server CPU per message",
        targets: &[to(REFERENCE, 1.0), to(BY_HAND, 1.04), no_worse("p99_us")],
        sizes: [20_000, 50_000],
        python: Some(2),
        connections: 1,
        peers: servers!(echo::serve<1>, mio_server::echo::<1>),
        ..USUAL
    },
    Workload {
        name: "echo-64",
        title: "TCP echo, 64 bytes, 64 connections: server CPU per message",
        targets: &[to(REFERENCE, 1.0), to(BY_HAND, 1.03), no_worse("p99_us")],
        sizes: [64_000, 192_000],
        python: Some(4),
        connections: 64,
        peers: servers!(echo::serve<64>, mio_server::echo::<64>),
        ..USUAL
    },
    Workload {
        name: "echo-1000",
        title: "TCP echo, 64 bytes, 1,000 connections: server CPU per message",
        targets: &[to(REFERENCE, 0.98), to(BY_HAND, 1.09), no_worse("p99_us")],
        sizes: [200_000, 400_000],
        python: Some(4),
        connections: 1000,
        peers: servers!(echo::serve<1000>, mio_server::echo::<1000>),
        ..USUAL
    },
    Workload {
        name: "echo-16k",
        title: "TCP echo, 16 KiB, 64 connections: server CPU per message",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [32_000, 96_000],
        python: Some(4),
        connections: 64,
        load: load::echo_16k,
        peers: servers!(echo::serve_16k<64>, mio_server::echo_16k::<64>),
        ..USUAL
    },
    Workload {
        name: "echo-idle",
        title: "TCP echo, 64 bytes, 64 connections among 9,936 that say nothing: server CPU per \
                message; memory per connection, each with a buffer of 4,096 bytes",
        targets: &[to(REFERENCE, 1.0), no_worse("bytes")],
        sizes: [64_000, 192_000],
        connections: 10_000,
        load: load::echo_among_idle,
        peers: servers!(echo::serve<10_000>, mio_server::echo::<10_000>),
        ..USUAL
    },
    Workload {
        name: "idle",
        title: "10,000 connections that have said one thing and stay, and handlers that keep no \
                buffer: memory of each",
        metric: "bytes",
        targets: &[to(REFERENCE, 0.7)],
        sizes: [10_000, 10_000],
        load: load::echo_once,
        peers: everybody!(echo::idle, mio_server::idle),
        ..USUAL
    },
    Workload {
        name: "http-64",
        title: "hyper, HTTP/1, hello world, 64 connections: server CPU per request",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [64_000, 192_000],
        connections: 64,
        load: load::http,
        peers: &[
            (BY_HAND, mio_server::http::<64>),
            (REFERENCE, http::serve::<Tokio, 64>),
            ("smol", http::serve::<Smol, 64>),
            (OURS, http::serve::<Roundelay, 64>),
        ],
        ..USUAL
    },
    Workload {
        name: "http-idle",
        title: "the same with connections that have asked once and stay: memory of each",
        metric: "bytes",
        targets: &[to(REFERENCE, 1.0)],
        sizes: [10_000, 10_000],
        load: load::http_idle,
        peers: &[
            (REFERENCE, http::idle::<Tokio>),
            ("smol", http::idle::<Smol>),
            (OURS, http::idle::<Roundelay>),
        ],
        ..USUAL
    },
];
