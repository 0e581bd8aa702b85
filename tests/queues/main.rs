//! Promises about queues and channels: what goes in comes out once and in order, or is handed
//! back; nobody waits for what will not come; whoever was granted something and is cancelled
//! passes it on.
//!
//! Order facts O20 and O32 of asyncio; bug classes B13, B36 to B38.
//!
//! The models know no rights, tickets or wakers. Whoever waits stands in a list, and at every
//! step it can be told who is entitled to go on: those must have been woken, and no others.

#[path = "../support/mod.rs"]
mod support;
mod waiting;

mod broadcast;
mod channel;
mod channel_model;
mod facts;
mod foreign;
mod pipeline;
mod queue_model;
mod watch;

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn all_this_holds_under_other_schedules() {
    support::holds_under_other_schedules(&[]);
}
