//! Repair: a callback that keeps everybody waiting.
//!
//! `work` carries all parcels in one call. Meanwhile somebody knocks in every turn, and is not
//! heard. Let each turn carry one parcel. All parcels have to arrive, in order, and each of them
//! once.

use std::collections::VecDeque;

use roundelay::LoopRef;
use roundelay_exercises::checks::ch02;
use roundelay_exercises::{Verdict, say};

fn work(event_loop: LoopRef, mut parcels: VecDeque<u32>) {
    if let Some(number) = parcels.pop_front() {
        say(format_args!("parcel {number}"));
        let again = event_loop.clone();
        parcels.pop_front();
        event_loop.call_soon(move || work(again, parcels)).expect("the loop is open");
    }
}

pub(crate) fn main() -> Verdict {
    ch02::fair(work)
}
