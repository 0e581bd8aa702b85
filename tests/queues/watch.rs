//! Watch: whoever looks sees the latest value, and whoever waits hears that there is a newer one.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use futures_lite::StreamExt;
use proptest::prelude::*;
use roundelay::{Finished, NoReceivers, WatchReceiver, spawn, watch, yield_now};

use crate::support::{Log, length, run_virtual};
use crate::waiting::{Lent, Waiting};

#[test]
fn a_receiver_hears_of_a_change_once_and_sees_the_latest() {
    let log = Log::new();
    run_virtual(async {
        let (sender, receiver) = watch(0);
        for name in ["a", "b"] {
            let (mut receiver, log) = (receiver.clone(), log.clone());
            spawn(async move {
                while receiver.changed().await.is_ok() {
                    log.add(format!("{name}{}", receiver.latest()));
                }
                log.add(format!("{name} ends"));
            })
            .detach();
        }
        drop(receiver);
        yield_now().await;
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        yield_now().await;
        sender.send(3).unwrap();
        drop(sender);
        yield_now().await;
    });
    assert_eq!(log.take(), ["a2", "b2", "a3", "a ends", "b3", "b ends"]);
}

#[test]
fn a_value_that_is_looked_at_can_be_kept_while_the_next_is_sent() {
    let (sender, mut receiver) = watch("old");
    let kept = receiver.see();
    sender.send("new").unwrap();
    assert_eq!((*kept, *receiver.latest(), receiver.has_changed()), ("old", "new", true));
    assert_eq!((*receiver.see(), receiver.has_changed()), ("new", false));
}

#[test]
fn without_receivers_only_a_replacement_is_kept() {
    let (sender, receiver) = watch(1);
    drop(receiver);
    assert_eq!(sender.send(2), Err(NoReceivers(2)));
    assert_eq!(*sender.latest(), 1);
    assert_eq!((*sender.send_replace(3), *sender.latest()), (1, 3));
    assert!(!sender.subscribe().has_changed());
}

#[test]
fn a_change_that_says_it_made_none_wakes_nobody() {
    let (sender, receiver) = watch(vec![1]);
    let waits = async move {
        let mut receiver = receiver;
        receiver.changed().await
    };
    let mut waiting = Waiting::begin(waits).unwrap_or_else(|_| panic!("nothing has changed"));
    assert!(!sender.send_if_modified(|list| {
        list.push(2);
        false
    }));
    assert!(!waiting.is_woken() && *sender.latest() == [1]);
    assert!(sender.send_if_modified(|list| {
        list.push(3);
        true
    }));
    assert!(waiting.is_woken() && *sender.latest() == [1, 3]);
    assert_eq!(waiting.poll(), Poll::Ready(Ok(())));
}

#[test]
fn waiting_for_a_value_ends_with_it_or_with_the_last_sender() {
    run_virtual(async {
        let (sender, mut receiver) = watch(0);
        let mut other = receiver.clone();
        let finds = spawn(async move { receiver.wait_for(|n| *n >= 2).await.map(|n| *n) });
        let fails = spawn(async move { other.wait_for(|n| *n >= 9).await.map(|n| *n) });
        for n in 1..4 {
            yield_now().await;
            sender.send(n).unwrap();
        }
        drop(sender);
        assert_eq!(finds.await.unwrap(), Ok(2));
        assert_eq!(fails.await.unwrap(), Err(Finished));
    });
}

#[test]
fn as_a_stream_it_gives_what_is_newer_and_ends_with_the_last_sender() {
    let all = run_virtual(async {
        let (sender, receiver) = watch(0);
        let all = spawn(receiver.map(|n| *n).collect::<Vec<_>>());
        for n in 1..4 {
            sender.send(n).unwrap();
            yield_now().await;
        }
        drop(sender);
        all.await.unwrap()
    });
    assert_eq!(all, [1, 2, 3]);
}

#[derive(Clone, Debug)]
enum Move {
    Send,
    Replace,
    CloneSender,
    DropSender,
    Subscribe,
    CloneReceiver(usize),
    DropReceiver(usize),
    See(usize),
    Changed(usize),
    Poll(usize),
    Cancel(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any = any::<usize>;
    let one = prop_oneof![
        20 => Just(Move::Send),
        5 => Just(Move::Replace),
        4 => Just(Move::CloneSender),
        5 => Just(Move::DropSender),
        8 => Just(Move::Subscribe),
        6 => any().prop_map(Move::CloneReceiver),
        10 => any().prop_map(Move::DropReceiver),
        10 => any().prop_map(Move::See),
        40 => any().prop_map(Move::Changed),
        40 => any().prop_map(Move::Poll),
        20 => any().prop_map(Move::Cancel),
    ];
    prop::collection::vec(one, 0..length(100))
}

struct Watcher {
    home: Rc<RefCell<Option<WatchReceiver<u32>>>>,
    waiting: Option<Waiting<Result<(), Finished>>>,
    seen: u32,
}

impl Watcher {
    fn new(receiver: WatchReceiver<u32>, seen: u32) -> Watcher {
        Watcher { home: Rc::new(RefCell::new(Some(receiver))), waiting: None, seen }
    }
}

proptest! {
    #![proptest_config(crate::support::properties(1200))]

    #[test]
    fn any_life_of_a_watch_lets_nobody_miss_the_latest(moves in moves()) {
        let (sender, receiver) = watch(0_u32);
        let mut senders = vec![sender];
        let mut watchers = vec![Watcher::new(receiver, 0)];
        // The value is the number of its version.
        let mut latest = 0;
        for one in moves {
            let count = watchers.len().max(1);
            let at = |which: usize| which % count;
            let is_over = senders.is_empty();
            match one {
                Move::Send if !is_over => match senders[0].send(latest + 1) {
                    Ok(()) => {
                        prop_assert!(!watchers.is_empty());
                        latest += 1;
                    }
                    Err(NoReceivers(back)) => {
                        prop_assert!(watchers.is_empty() && back == latest + 1);
                    }
                },
                Move::Replace if !is_over => {
                    prop_assert_eq!(*senders[0].send_replace(latest + 1), latest);
                    latest += 1;
                }
                Move::CloneSender if !is_over => senders.push(senders[0].clone()),
                Move::DropSender => drop(senders.pop()),
                Move::Subscribe if !is_over && watchers.len() < 5 => {
                    watchers.push(Watcher::new(senders[0].subscribe(), latest));
                }
                Move::CloneReceiver(which) if (1..5).contains(&watchers.len()) => {
                    let original = &watchers[at(which)];
                    let (copy, seen) = (original.home.borrow().clone(), original.seen);
                    watchers.extend(copy.map(|copy| Watcher::new(copy, seen)));
                }
                Move::DropReceiver(which) if !watchers.is_empty() => {
                    drop(watchers.swap_remove(at(which)));
                }
                Move::See(which) if !watchers.is_empty() => {
                    let watcher = &mut watchers[at(which)];
                    let value = watcher.home.borrow_mut().as_mut().map(WatchReceiver::see);
                    if let Some(value) = value {
                        prop_assert_eq!(*value, latest);
                        watcher.seen = latest;
                    }
                }
                Move::Changed(which) if !watchers.is_empty() => {
                    let watcher = &mut watchers[at(which)];
                    if watcher.home.borrow().is_some() {
                        let mut receiver = Lent::from(&watcher.home);
                        match Waiting::begin(async move { receiver.changed().await }) {
                            Err(Ok(())) => prop_assert!(watcher.seen != latest),
                            Err(Err(Finished)) => prop_assert!(watcher.seen == latest && is_over),
                            Ok(waiting) => {
                                prop_assert!(watcher.seen == latest && !is_over);
                                watcher.waiting = Some(waiting);
                            }
                        }
                        if watcher.waiting.is_none() {
                            watcher.seen = latest;
                        }
                    }
                }
                Move::Poll(which) if !watchers.is_empty() => {
                    let watcher = &mut watchers[at(which)];
                    match watcher.waiting.as_mut().map(Waiting::poll) {
                        Some(Poll::Ready(changed)) => {
                            prop_assert_eq!(changed.is_ok(), watcher.seen != latest);
                            prop_assert!(changed.is_ok() || is_over);
                            (watcher.waiting, watcher.seen) = (None, latest);
                        }
                        Some(Poll::Pending) => prop_assert!(watcher.seen == latest && !is_over),
                        None => {}
                    }
                }
                Move::Cancel(which) if !watchers.is_empty() => watchers[at(which)].waiting = None,
                _ => {}
            }
            for watcher in &watchers {
                let has_news = watcher.seen != latest || senders.is_empty();
                if let Some(waiting) = &watcher.waiting {
                    prop_assert_eq!(waiting.is_woken(), has_news);
                }
                if let Some(receiver) = &*watcher.home.borrow() {
                    let stands = (receiver.has_changed(), *receiver.latest());
                    prop_assert_eq!(stands, (watcher.seen != latest, latest));
                }
            }
        }
    }
}
