//! Promises about promises: set once, taken once, and nobody waits for what will not come.
//!
//! Contract 6 of the house; bug class B45.

use std::task::{Poll, Waker};

use roundelay::{Abandoned, Promise, PromiseFuture, promise};

use crate::support::{Census, Counter, poll_once};

#[test]
fn a_promise_that_is_dropped_tells_its_waiter() {
    let (set, mut value) = promise::<u8>();
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut value, &waker).is_pending());
    drop(set);
    assert_eq!(counter.wakes(), 1);
    assert_eq!(poll_once(&mut value, &waker), Poll::Ready(Err(Abandoned)));
}

#[test]
fn a_value_nobody_will_take_is_handed_back() {
    let (set, value) = promise();
    assert!(set.is_awaited());
    drop(value);
    assert!(!set.is_awaited());
    assert_eq!(set.resolve(7), Err(7));
}

#[test]
fn a_value_that_was_set_but_not_taken_is_dropped_with_the_future() {
    let census = Census::new();
    let (set, value) = promise();
    assert!(set.resolve(census.born()).is_ok());
    assert_eq!((census.alive(), value.is_settled()), (1, true));
    drop(value);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_promise_that_holds_its_own_future_and_a_value_that_holds_its_promise_do_no_harm() {
    let (set, value) = promise::<PromiseFuture<()>>();
    let (_never, inner) = promise::<()>();
    assert!(set.resolve(inner).is_ok());
    drop(value);
    let (outer, outer_value) = promise::<Promise<u8>>();
    let (inner, mut inner_value) = promise::<u8>();
    assert!(outer.resolve(inner).is_ok());
    drop(outer_value);
    assert_eq!(poll_once(&mut inner_value, Waker::noop()), Poll::Ready(Err(Abandoned)));
}
