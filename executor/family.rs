//! A cleanup's family: the cleanup, and what it has spawned, and what that has.
//!
//! ```text
//!   cleanup a  --spawns--> task --spawns--> task      family a: left in peace while a runs
//!                           |
//!                           +--leaves--> cleanup b    family b: one deeper, while b runs
//! ```
//!
//! A loop that closes asks everybody to end but those whose cleanup runs. Each cleanup has its
//! limit, and so has the peace of its family; if that were spared as long as *any* cleanup runs,
//! one that makes a new cleanup now and then would be spared for ever.
//!
//! # Invariants
//! - A family is spared exactly as long as its own cleanup runs.
//! - A cleanup that is left by a family begins another one. How many lie above it is counted: by
//!   that a closing loop knows cleanups that leave cleanups without end.
//! - It goes with a job into its thread, and with an order back from there.
//!
//! Tutorial: chapter 8. Before this: `drop_now.rs`. After this: `shutdown.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the tasks of a family share.
pub(crate) struct Family {
    /// The cleanup has not ended.
    runs: AtomicBool,
    depth: u32,
}

impl Family {
    /// The family of a cleanup that somebody in `parent` leaves.
    pub(crate) fn below(parent: Option<&Family>) -> Arc<Family> {
        let depth = parent.map_or(0, |parent| parent.depth.saturating_add(1));
        Arc::new(Family { runs: AtomicBool::new(true), depth })
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether its cleanup runs.
    pub(crate) fn is_spared(&self) -> bool {
        self.runs.load(Ordering::Relaxed)
    }

    /// Its cleanup has ended.
    pub(crate) fn end(&self) {
        self.runs.store(false, Ordering::Relaxed);
    }
}
