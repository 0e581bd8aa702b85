//! Foreign code at work inside a queue or a channel: wakers, comparisons and destructors that
//! panic or come back. Bug classes B2 and B14.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};

use roundelay::{Queue, Receiver, Sender, TryGetError, broadcast, channel, watch};

use crate::support::{
    Census, Counter, OnDrop, on_drop, panicking_waker, poll_once, rounds, waker_that_calls,
};
use crate::waiting::Waiting;

/// Compares by its number, and does something at each comparison.
#[derive(Clone)]
struct Evil(u8, Option<Rc<dyn Fn()>>);

impl Ord for Evil {
    fn cmp(&self, other: &Self) -> Ordering {
        for act in [&self.1, &other.1].into_iter().flatten() {
            act();
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Evil {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Evil {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Evil {}

fn numbers(queue: &Queue<Evil>) -> Vec<u8> {
    std::iter::from_fn(|| queue.try_get().ok()).map(|item| item.0).collect()
}

#[test]
fn a_comparison_that_panics_costs_its_own_item_and_nothing_else() {
    let queue = Queue::bounded_priority(2);
    assert!(queue.try_put(Evil(1, None)).is_ok());
    assert!(queue.try_put(Evil(2, None)).is_ok());
    let bomb = Evil(0, Some(Rc::new(|| panic!("it will not be compared"))));
    let mut bad = queue.put(bomb);
    assert!(poll_once(&mut bad, Waker::noop()).is_pending());
    let mut good = Waiting::begin(queue.put(Evil(3, None))).unwrap_or_else(|_| panic!("full"));
    assert_eq!(queue.try_get().map(|item| item.0), Ok(1));
    // The place was promised to the bad one, which cannot use it.
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut bad, Waker::noop()))).is_err());
    assert!(good.is_woken(), "the place was lost with the panic");
    assert!(matches!(good.poll(), Poll::Ready(Ok(()))));
    assert_eq!((numbers(&queue), queue.unfinished()), (vec![2, 3], 3));
}

#[test]
fn a_comparison_may_look_at_its_queue_and_is_told_if_it_takes_from_it() {
    let queue = Queue::unbounded_priority();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (reach, sees) = (queue.clone(), Rc::clone(&seen));
    let looks: Rc<dyn Fn()> = Rc::new(move || {
        sees.borrow_mut().push((reach.len(), reach.is_full()));
    });
    assert!(queue.try_put(Evil(1, None)).is_ok());
    assert!(queue.try_put(Evil(2, Some(looks))).is_ok());
    assert_eq!(seen.take(), [(1, false)]);
    for touch in [
        (|queue| drop(queue.try_get())) as fn(&Queue<Evil>),
        |queue| drop(queue.try_put(Evil(9, None))),
        |queue| drop(poll_once(&mut queue.get(), Waker::noop())),
    ] {
        let reach = queue.clone();
        let touches = Evil(0, Some(Rc::new(move || touch(&reach))));
        let put = catch_unwind(AssertUnwindSafe(|| queue.try_put(touches)));
        let payload = put.err().expect("it is told");
        let message = roundelay::runtime::panic_message(&*payload);
        assert!(message.contains("the `Ord` of an item"), "{message}");
    }
    assert_eq!(numbers(&queue), [1, 2]);
}

#[test]
fn a_getter_that_is_polled_inside_a_comparison_keeps_nobody_waiting() {
    let queue = Queue::unbounded_priority();
    let first = Rc::new(RefCell::new(queue.get()));
    assert!(poll_once(&mut *first.borrow_mut(), Waker::noop()).is_pending());
    let second = Waiting::begin(queue.get()).unwrap_or_else(|_| panic!("nothing is there"));
    assert!(queue.try_put(Evil(1, None)).is_ok());
    let polls = Rc::clone(&first);
    let bad =
        Evil(2, Some(Rc::new(move || drop(poll_once(&mut *polls.borrow_mut(), Waker::noop())))));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.try_put(bad))).is_err());
    // The first one had a right to the item, and lost it to the panic.
    assert!(second.is_woken());
    drop((first, second));
    assert_eq!(numbers(&queue), [1]);
}

#[test]
fn every_waiter_hears_of_the_close_even_if_one_of_their_wakers_panics() {
    let queue = Queue::<u8>::unbounded();
    let mut first = queue.get();
    assert!(poll_once(&mut first, &panicking_waker()).is_pending());
    let second = Waiting::begin(queue.get()).unwrap_or_else(|_| panic!("nothing is there"));
    let _ = catch_unwind(AssertUnwindSafe(|| queue.close()));
    assert!(second.is_woken(), "it would wait for ever");
}

#[test]
fn an_item_is_not_lost_when_the_waker_of_a_putter_panics() {
    let census = Census::new();
    let queue = Queue::bounded(1);
    assert!(queue.try_put(census.born()).is_ok());
    let mut put = queue.put(census.born());
    assert!(poll_once(&mut put, &panicking_waker()).is_pending());
    // Taking the first item makes room for the second, and wakes who wants to put it.
    let taken = catch_unwind(AssertUnwindSafe(|| queue.try_get()));
    assert_eq!(census.alive(), 2, "the item went down with the waker's panic");
    assert!(matches!(taken, Ok(Ok(_))));
    drop(put);
}

#[test]
fn an_item_whose_destructor_uses_the_queue_is_welcome() {
    let queue = Queue::<OnDrop>::bounded(2);
    let reach = queue.clone();
    let guard = on_drop(move || {
        assert!(reach.try_get().is_err());
        let _ = reach.try_put(on_drop(|| ()));
        reach.close();
    });
    assert!(queue.try_put(guard).is_ok());
    drop(queue.try_get());
    assert!(queue.is_closed() && queue.len() == 1);
}

#[test]
fn a_value_that_holds_a_sender_of_its_own_channel_is_dropped_with_the_receiver() {
    #[allow(dead_code, reason = "held, not used")]
    struct Holds(Sender<Holds>, OnDrop);
    let census = Census::new();
    let (sender, receiver) = channel(2);
    assert!(sender.try_send(Holds(sender.clone(), census.born())).is_ok());
    drop((sender, receiver));
    assert_eq!(census.alive(), 0);
}

type Ends = (Sender<u8>, Rc<RefCell<Receiver<u8>>>);

thread_local! {
    /// A waker must be `Send`, so it finds the two ends through its thread.
    static ENDS: RefCell<Option<Ends>> = const { RefCell::new(None) };
}

#[test]
fn a_waker_that_comes_back_while_it_is_woken_finds_everything_let_go() {
    let (sender, receiver) = channel(1);
    ENDS.set(Some((sender.clone(), Rc::new(RefCell::new(receiver)))));
    let waker = waker_that_calls(|| {
        let (sender, receiver) = ENDS.with_borrow(|ends| ends.clone().unwrap());
        // Whoever drops a sending future inside of a wake gives its place back at once.
        let mut sending = sender.send(9);
        let _ = poll_once(&mut sending, Waker::noop());
        drop(sending);
        let _ = (sender.try_send(8), sender.is_full());
        if let Ok(mut receiver) = receiver.try_borrow_mut() {
            let _ = receiver.try_recv();
        }
    });
    sender.try_send(0).unwrap();
    let mut waiting: Vec<_> = (1..4).map(|n| sender.send(n)).collect();
    for sending in &mut waiting {
        assert!(poll_once(sending, &waker).is_pending());
    }
    let (_, receiver) = ENDS.with_borrow(|ends| ends.clone().unwrap());
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(0));
    drop(waiting);
    while receiver.borrow_mut().try_recv().is_ok() {}
    // Nothing was lost on the way: there is room for exactly one.
    assert_eq!(sender.try_send(1), Ok(()));
    assert!(sender.is_full());
    ENDS.set(None);
    assert!(sender.is_closed() || receiver.borrow_mut().try_recv() == Ok(1));
}

#[test]
fn a_clone_that_sends_and_receives_finds_the_broadcast_let_go() {
    struct Chatty(u8, Rc<dyn Fn()>);
    impl Clone for Chatty {
        fn clone(&self) -> Chatty {
            (self.1)();
            Chatty(self.0, Rc::clone(&self.1))
        }
    }
    let (sender, mut receiver) = broadcast(4);
    let mut other = sender.subscribe();
    let reach = sender.clone();
    let calm: Rc<dyn Fn()> = Rc::new(|| ());
    let sends = Rc::new(move || {
        assert!(reach.send(Chatty(2, Rc::clone(&calm))).is_ok());
        drop(reach.subscribe());
    });
    assert!(sender.send(Chatty(1, sends)).is_ok());
    assert_eq!(receiver.try_recv().unwrap().map(|value| value.0), Some(1));
    let rest: Vec<_> = std::iter::from_fn(|| other.try_recv().unwrap()).map(|v| v.0).collect();
    assert_eq!(rest, [1, 2]);
}

#[test]
fn a_value_that_is_watched_may_use_its_watch_when_it_is_dropped_or_changed() {
    struct Speaks(Option<roundelay::WatchSender<Option<Rc<Speaks>>>>);
    impl Drop for Speaks {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                assert!(sender.latest().is_none());
                drop(sender.send_replace(None));
            }
        }
    }
    let (sender, receiver) = watch(None);
    drop(sender.send_replace(Some(Rc::new(Speaks(Some(sender.clone()))))));
    drop(sender.send_replace(None));
    assert!(receiver.latest().is_none());
    let panics = catch_unwind(AssertUnwindSafe(|| {
        sender.send_if_modified(|_| panic!("half way through"));
    }));
    assert!(panics.is_err() && receiver.latest().is_none());
}

#[test]
fn a_waiter_that_leaves_leaves_nothing_behind() {
    // B13: what is counted is who still holds the waker.
    let (counter, waker) = Counter::new();
    let before = std::sync::Arc::strong_count(&counter);
    let (sender, mut receiver) = channel::<u8>(1);
    let (queue, (news, mut listener)) = (Queue::<u8>::bounded(1), broadcast::<u8>(1));
    let (state, mut watcher) = watch(0);
    for _ in 0..rounds(100) {
        assert!(poll_once(&mut receiver.recv(), &waker).is_pending());
        assert!(poll_once(&mut listener.recv(), &waker).is_pending());
        assert!(poll_once(&mut watcher.changed(), &waker).is_pending());
        assert!(poll_once(&mut queue.get(), &waker).is_pending());
    }
    queue.try_put(0).unwrap();
    sender.try_send(0).unwrap();
    for _ in 0..rounds(100) {
        assert!(poll_once(&mut sender.send(1), &waker).is_pending());
        assert!(poll_once(&mut queue.put(1), &waker).is_pending());
        assert!(poll_once(&mut queue.join(), &waker).is_pending());
    }
    assert_eq!((std::sync::Arc::strong_count(&counter), counter.wakes()), (before, 0));
    assert_eq!((queue.try_get(), receiver.try_recv()), (Ok(0), Ok(0)));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    drop((news, state));
}
