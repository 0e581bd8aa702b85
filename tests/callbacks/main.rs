//! Promises about callbacks: their order, their handles, stopping, closing, failing.
//!
//! Order facts O01 (the ready queue), O04 (stop and close), O06.3 and O07 (failures) of asyncio.

#[path = "../support/mod.rs"]
mod support;

mod ready_queue;
mod fairness;
mod stop_and_close;
mod failures;
mod observers;
mod on_the_way_to_sleep;
mod plain_model;

use roundelay::EventLoop;
use support::Reports;

fn reporting_loop() -> (EventLoop, Reports) {
    let reports = Reports::new();
    let builder = EventLoop::builder().virtual_clock().failure_policy(reports.policy());
    (builder.build().unwrap(), reports)
}
