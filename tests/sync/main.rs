//! Promises about meeting points: locks, semaphores, events, barriers, promises. First
//! come, first served; nothing lost, nothing doubled; whoever was given something and is cancelled
//! passes it on.
//!
//! Contract 6 of the house; order facts O17 to O21 of asyncio; bug classes B36 to B41.

#[path = "../support/mod.rs"]
mod support;

mod event;
mod notify;
mod lock;
mod condition;
mod semaphore;
mod bounded_semaphore;
mod rw_lock;
mod capacity_limiter;
mod barrier;
mod once_cell;
mod promise;
mod bad_company;

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn all_this_holds_under_other_schedules() {
    // Two that leave a limiter in one turn let two in, by two causes: which of these two takes its
    // step first is free.
    support::holds_under_other_schedules(&["tasks_come_in_in_order_and_at_most_so_many"]);
}
