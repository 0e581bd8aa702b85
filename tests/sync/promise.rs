//! Promises about promises: set once, taken once, and nobody waits for what will not come.
//!
//! Contract 6 of the house; bug class B45.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use proptest::collection::vec;
use proptest::prelude::*;
use roundelay::{Abandoned, Promise, PromiseFuture, promise, run};

use crate::support::{Census, Counter, OnDrop, poll_once};

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

thread_local! {
    static TO_RESOLVE: RefCell<Option<Promise<u8>>> = const { RefCell::new(None) };
}

/// A waker that resolves a promise when nobody keeps it any more.
struct Resolves;

impl Wake for Resolves {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Resolves {
    fn drop(&mut self) {
        if let Some(set) = TO_RESOLVE.take() {
            set.resolve(7).unwrap();
        }
    }
}

#[test]
fn a_waker_that_resolves_the_promise_when_it_is_replaced_is_heard_in_the_same_poll() {
    let (set, mut value) = promise();
    TO_RESOLVE.set(Some(set));
    assert!(poll_once(&mut value, &Waker::from(Arc::new(Resolves))).is_pending());
    let (counter, waker) = Counter::new();
    assert_eq!(poll_once(&mut value, &waker), Poll::Ready(Ok(7)));
    assert_eq!(counter.wakes(), 1, "the new one was noted before the earlier one was dropped");
}

/// What may be done with the two halves.
#[derive(Clone, Copy, Debug)]
enum Deed {
    PollInTask,
    PollWithWaker(usize),
    Resolve,
    DropPromise,
    DropFuture,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::PollInTask),
        4 => (0..WAKERS).prop_map(Deed::PollWithWaker),
        1 => Just(Deed::Resolve),
        1 => Just(Deed::DropPromise),
        1 => Just(Deed::DropFuture),
    ]
}

const WAKERS: usize = 3;

/// The plain model: what the future would answer, and which waker would be woken.
#[derive(Default)]
struct Model {
    settled: bool,
    has_value: bool,
    waits: Option<usize>,
    wakes: [usize; WAKERS],
}

impl Model {
    fn settle(&mut self, has_value: bool) {
        (self.settled, self.has_value) = (true, has_value);
        if let Some(woken) = self.waits.take() {
            self.wakes[woken] += 1;
        }
    }

    fn poll(&mut self, waker: Option<usize>, polled: Poll<Result<OnDrop, Abandoned>>) {
        match polled {
            Poll::Pending => {
                assert!(!self.settled);
                self.waits = waker;
            }
            Poll::Ready(answer) => {
                assert!(self.settled);
                assert_eq!(answer.is_ok(), std::mem::take(&mut self.has_value));
            }
        }
    }
}

async fn play(deeds: Vec<Deed>, census: &Census, wakers: &[(Arc<Counter>, Waker)]) {
    let (set, value) = promise();
    let (mut set, mut value) = (Some(set), Some(value));
    let mut model = Model::default();
    for deed in deeds {
        match (deed, &mut value) {
            (Deed::PollInTask, Some(future)) => {
                let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await;
                model.poll(None, polled);
            }
            (Deed::PollWithWaker(which), Some(future)) => {
                let mut cx = Context::from_waker(&wakers[which].1);
                model.poll(Some(which), Pin::new(future).poll(&mut cx));
            }
            (Deed::PollInTask | Deed::PollWithWaker(_), None) => {}
            (Deed::Resolve, _) => {
                if let Some(set) = set.take() {
                    let taken = set.resolve(census.born()).is_ok();
                    assert_eq!(taken, value.is_some());
                    model.settle(taken);
                }
            }
            (Deed::DropPromise, _) => {
                if set.take().is_some() {
                    model.settle(false);
                }
            }
            (Deed::DropFuture, _) => {
                value = None;
                model.waits = None;
            }
        }
        let wakes = wakers.iter().map(|(counter, _)| counter.wakes());
        assert!(wakes.eq(model.wakes), "{deed:?}");
    }
}

proptest! {
    #![proptest_config(crate::support::properties(400))]
    #[test]
    fn whatever_becomes_of_a_promise_its_waiter_is_told_once_and_nothing_is_left(
        deeds in vec(deed(), 0..12),
    ) {
        let census = Census::new();
        let wakers: Vec<_> = (0..WAKERS).map(|_| Counter::new()).collect();
        run(play(deeds, &census, &wakers));
        prop_assert_eq!(census.alive(), 0);
        for (counter, _) in &wakers {
            prop_assert_eq!(Arc::strong_count(counter), 2, "a waker is kept by nobody else");
        }
    }
}
