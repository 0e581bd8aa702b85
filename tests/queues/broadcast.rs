//! Broadcast: every receiver gets every value, or is told how many it missed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use futures_lite::StreamExt;
use proptest::prelude::*;
use roundelay::{
    BroadcastError, BroadcastReceiver, BroadcastSender, NoReceivers, broadcast, spawn, yield_now,
};

use crate::support::{Census, Log, length, run_virtual};
use crate::waiting::{Lent, Waiting};

#[test]
fn every_receiver_gets_every_value_in_order_and_wakes_in_the_order_of_waiting() {
    let log = Log::new();
    run_virtual(async {
        let (sender, receiver) = broadcast(4);
        let receivers = [sender.subscribe(), receiver, sender.subscribe()];
        for (name, mut receiver) in ["a", "b", "c"].into_iter().zip(receivers) {
            let log = log.clone();
            spawn(async move {
                while let Ok(n) = receiver.recv().await {
                    log.add(format!("{name}{n}"));
                }
                log.add(format!("{name} ends"));
            })
            .detach();
        }
        yield_now().await;
        assert_eq!((sender.send(1), sender.send(2)), (Ok(3), Ok(3)));
        yield_now().await;
        drop(sender);
        yield_now().await;
    });
    let all = ["a1", "a2", "b1", "b2", "c1", "c2", "a ends", "b ends", "c ends"];
    assert_eq!(log.take(), all);
}

#[test]
fn a_receiver_hears_what_is_sent_after_it_was_made_and_its_clone_what_it_would_have_heard() {
    let (sender, mut first) = broadcast(4);
    sender.send(1).unwrap();
    let mut late = sender.subscribe();
    let mut clone = first.clone();
    sender.send(2).unwrap();
    let all = |receiver: &mut BroadcastReceiver<i32>| {
        std::iter::from_fn(|| receiver.try_recv().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        (all(&mut first), all(&mut late), all(&mut clone)),
        (vec![1, 2], vec![2], vec![1, 2])
    );
}

#[test]
fn a_slow_receiver_is_told_how_many_it_missed_and_holds_up_nobody() {
    let (sender, mut quick) = broadcast(2);
    let mut slow = sender.subscribe();
    for n in 0..5 {
        sender.send(n).unwrap();
        assert_eq!(quick.try_recv(), Ok(Some(n)));
    }
    assert_eq!(slow.len(), 2);
    assert_eq!(slow.try_recv(), Err(BroadcastError::Lagged(3)));
    assert_eq!((slow.try_recv(), slow.try_recv()), (Ok(Some(3)), Ok(Some(4))));
    assert_eq!(slow.try_recv(), Ok(None));
    drop(sender);
    assert_eq!(slow.try_recv(), Err(BroadcastError::Finished));
}

#[test]
fn without_receivers_the_value_comes_back_and_later_ones_may_be_heard() {
    let (sender, receiver) = broadcast(1);
    drop(receiver);
    assert_eq!(sender.send(1), Err(NoReceivers(1)));
    let mut late = sender.subscribe();
    assert_eq!((sender.send(2), late.try_recv()), (Ok(1), Ok(Some(2))));
}

#[test]
#[should_panic(expected = "room for at least one value")]
fn a_broadcast_without_room_is_refused() {
    let _ = broadcast::<u8>(0);
}

#[test]
fn a_value_goes_as_soon_as_everybody_has_had_it_or_is_gone() {
    let census = Census::new();
    let (sender, mut first) = broadcast(8);
    let second = sender.subscribe();
    for _ in 0..3 {
        assert!(sender.send(Rc::new(census.born())).is_ok());
    }
    drop(first.try_recv());
    assert_eq!(census.alive(), 3);
    drop(second);
    assert_eq!(census.alive(), 2);
    drop(first);
    assert_eq!((census.alive(), sender.receiver_count()), (0, 0));
}

#[test]
fn as_a_stream_it_goes_on_after_a_gap_and_ends_with_the_last_sender() {
    let all = run_virtual(async {
        let (sender, receiver) = broadcast(2);
        for n in 1..=3 {
            sender.send(n).unwrap();
        }
        drop(sender);
        receiver.collect::<Vec<_>>().await
    });
    assert_eq!(all, [Err(BroadcastError::Lagged(1)), Ok(2), Ok(3)]);
}

#[derive(Clone, Debug)]
enum Move {
    Send,
    CloneSender,
    DropSender,
    Subscribe,
    CloneReceiver(usize),
    DropReceiver(usize),
    Recv(usize),
    TryRecv(usize),
    Poll(usize),
    Cancel(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any = any::<usize>;
    let one = prop_oneof![
        50 => Just(Move::Send),
        4 => Just(Move::CloneSender),
        4 => Just(Move::DropSender),
        10 => Just(Move::Subscribe),
        6 => any().prop_map(Move::CloneReceiver),
        10 => any().prop_map(Move::DropReceiver),
        40 => any().prop_map(Move::Recv),
        20 => any().prop_map(Move::TryRecv),
        40 => any().prop_map(Move::Poll),
        20 => any().prop_map(Move::Cancel),
    ];
    prop::collection::vec(one, 0..length(120))
}

type Received = Result<u32, BroadcastError>;

/// One receiver: all it should hear, with nobody else in mind.
struct Listener {
    home: Rc<RefCell<Option<BroadcastReceiver<u32>>>>,
    waiting: Option<Waiting<Received>>,
    unheard: VecDeque<u32>,
    missed: u64,
}

impl Listener {
    fn new(receiver: BroadcastReceiver<u32>) -> Listener {
        let home = Rc::new(RefCell::new(Some(receiver)));
        Listener { home, waiting: None, unheard: VecDeque::new(), missed: 0 }
    }

    /// What it should get now, if anything.
    fn next(&mut self, senders: usize) -> Option<Received> {
        if self.missed > 0 {
            return Some(Err(BroadcastError::Lagged(std::mem::take(&mut self.missed))));
        }
        let value = self.unheard.pop_front().map(Ok);
        value.or((senders == 0).then_some(Err(BroadcastError::Finished)))
    }

    fn has_news(&self, senders: usize) -> bool {
        self.missed > 0 || !self.unheard.is_empty() || senders == 0
    }
}

proptest! {
    #![proptest_config(crate::support::properties(1200))]

    #[test]
    fn any_life_of_a_broadcast_tells_each_receiver_all_or_how_much_it_missed(
        capacity in 1_usize..4,
        moves in moves(),
    ) {
        let (sender, receiver) = broadcast(capacity);
        let mut senders: Vec<BroadcastSender<u32>> = vec![sender];
        let mut listeners = vec![Listener::new(receiver)];
        let mut next = 0;
        for one in moves {
            let count = listeners.len().max(1);
            let alive = senders.len();
            let at = |which: &usize| *which % count;
            match one {
                Move::Send if alive > 0 => {
                    next += 1;
                    match senders[0].send(next) {
                        Ok(heard) => prop_assert!(heard == listeners.len() && heard > 0),
                        Err(NoReceivers(back)) => {
                            prop_assert!(back == next && listeners.is_empty());
                        }
                    }
                    for listener in &mut listeners {
                        listener.unheard.push_back(next);
                        if listener.unheard.len() > capacity {
                            listener.unheard.pop_front();
                            listener.missed += 1;
                        }
                    }
                }
                Move::CloneSender if alive > 0 => senders.push(senders[0].clone()),
                Move::DropSender => drop(senders.pop()),
                Move::Subscribe if alive > 0 && listeners.len() < 5 => {
                    listeners.push(Listener::new(senders[0].subscribe()));
                }
                Move::CloneReceiver(which) if (1..5).contains(&listeners.len()) => {
                    let original = &listeners[at(&which)];
                    let copy = original.home.borrow().clone();
                    if let Some(copy) = copy {
                        let mut copy = Listener::new(copy);
                        copy.unheard.clone_from(&original.unheard);
                        copy.missed = original.missed;
                        listeners.push(copy);
                    }
                }
                Move::DropReceiver(which) if !listeners.is_empty() => {
                    drop(listeners.swap_remove(at(&which)));
                }
                Move::Recv(which) if !listeners.is_empty() => {
                    let listener = &mut listeners[at(&which)];
                    if listener.home.borrow().is_some() {
                        let mut receiver = Lent::from(&listener.home);
                        match Waiting::begin(async move { receiver.recv().await }) {
                            Err(received) => {
                                prop_assert_eq!(Some(received), listener.next(alive));
                            }
                            Ok(waiting) => {
                                prop_assert!(!listener.has_news(alive));
                                listener.waiting = Some(waiting);
                            }
                        }
                    }
                }
                Move::TryRecv(which) if !listeners.is_empty() => {
                    let listener = &mut listeners[at(&which)];
                    let received =
                        listener.home.borrow_mut().as_mut().map(BroadcastReceiver::try_recv);
                    if let Some(received) = received {
                        prop_assert_eq!(received.transpose(), listener.next(alive));
                    }
                }
                Move::Poll(which) if !listeners.is_empty() => {
                    let listener = &mut listeners[at(&which)];
                    match listener.waiting.as_mut().map(Waiting::poll) {
                        Some(Poll::Ready(received)) => {
                            listener.waiting = None;
                            prop_assert_eq!(Some(received), listener.next(alive));
                        }
                        Some(Poll::Pending) => prop_assert!(!listener.has_news(alive)),
                        None => {}
                    }
                }
                Move::Cancel(which) if !listeners.is_empty() => {
                    listeners[at(&which)].waiting = None;
                }
                _ => {}
            }
            for listener in &listeners {
                if let Some(waiting) = &listener.waiting {
                    prop_assert_eq!(waiting.is_woken(), listener.has_news(senders.len()));
                }
                if let Some(receiver) = &*listener.home.borrow() {
                    prop_assert_eq!(receiver.len(), listener.unheard.len());
                }
            }
            if let Some(sender) = senders.first() {
                prop_assert_eq!(sender.receiver_count(), listeners.len());
            }
        }
    }
}
