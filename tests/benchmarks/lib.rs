//! roundelay beside its peers: the same workloads, in one run.
//!
//! ```text
//!   command  -->  suite: for each workload, for each round, for each peer
//!                   |         (A B A B ..: what disturbs the machine disturbs all)
//!                   v
//!                 child: a fresh process that runs one workload with one peer
//!                   |         (its memory is its own, and nobody warms it up for the next)
//!                   v
//!                 report: medians, ratios, targets; a table and JSON
//! ```
//!
//! A workload is written once, over the trait [`peer::Peer`] or [`peer::Server`] (for pools:
//! [`pool_peer`]); a peer is one small adapter in `peers/`. To add a peer: its adapter, and one
//! line in `workloads/mod.rs`. To add a workload: a function in `workloads/`, and one entry in the
//! table there.
//!
//! Read the files in the order in which they are listed here.
#![forbid(unsafe_code)]

pub mod peer;
pub mod pool_peer;
pub mod peers;
pub mod measure;
pub mod workloads;
pub mod child;
pub mod load;
pub mod python;
pub mod observed;
pub mod suite;
pub mod figure;
pub mod report;
pub mod run;
pub mod sizes;
pub mod plot;
pub mod manifest;
pub mod compile;
pub mod count;
pub mod hooks;
pub mod page;
pub mod command;
