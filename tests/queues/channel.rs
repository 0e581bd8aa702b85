//! Channels: many senders, one receiver, and the ends that close them.

use std::task::{Poll, Waker};

use futures_lite::{Stream, StreamExt};
use roundelay::{
    Closed, Finished, TryGetError, TryPutError, channel, spawn, unbounded_channel, yield_now,
};

use crate::support::{Census, Counter, Log, poll_once, rounds, run_virtual};

#[test]
fn values_come_in_the_order_in_which_they_were_sent_and_then_the_end() {
    run_virtual(async {
        let (sender, mut receiver) = channel(1);
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let sender = sender.clone();
                spawn(async move { sender.send(n).await })
            })
            .collect();
        drop(sender);
        let mut out = Vec::new();
        while let Ok(n) = receiver.recv().await {
            out.push(n);
        }
        assert_eq!(out, [0, 1, 2, 3]);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
        assert_eq!(receiver.recv().await, Err(Finished));
    });
}

#[test]
fn a_receiver_is_a_stream_that_ends_with_its_last_sender() {
    let sum = run_virtual(async {
        let (sender, receiver) = unbounded_channel();
        for n in 1..=4 {
            sender.send(n).await.unwrap();
        }
        assert_eq!(receiver.size_hint(), (4, None));
        drop(sender);
        assert_eq!(receiver.size_hint(), (4, Some(4)));
        receiver.map(|n| n * 10).fold(0, |sum, n| sum + n).await
    });
    assert_eq!(sum, 100);
}

#[test]
fn without_a_limit_a_send_never_waits() {
    let (sender, mut receiver) = unbounded_channel();
    let many = rounds(10_000);
    for n in 0..many {
        assert_eq!(poll_once(&mut sender.send(n), Waker::noop()), Poll::Ready(Ok(())));
    }
    assert_eq!((sender.capacity(), sender.is_full(), receiver.len()), (None, false, many));
    assert!((0..many).all(|n| receiver.try_recv() == Ok(n)));
}

#[test]
fn what_cannot_be_sent_or_received_now_says_why() {
    let (sender, mut receiver) = channel(1);
    assert_eq!(receiver.try_recv(), Err(TryGetError::Empty));
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TryPutError::Full(2)));
    receiver.close();
    assert_eq!(sender.try_send(3), Err(TryPutError::Closed(3)));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryGetError::Finished)));
    let (sender, mut receiver) = channel::<u8>(1);
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryGetError::Finished));
}

#[test]
#[should_panic(expected = "room for at least one value")]
fn a_channel_without_room_is_refused() {
    let _ = channel::<u8>(0);
}

#[test]
fn senders_that_wait_have_their_values_back_when_the_receiver_goes() {
    let log = Log::new();
    run_virtual(async {
        let (sender, receiver) = channel(1);
        for n in 0..3 {
            let (sender, log) = (sender.clone(), log.clone());
            spawn(async move { log.add(format!("{:?}", sender.send(n).await)) }).detach();
        }
        yield_now().await;
        drop(receiver);
        yield_now().await;
        assert!(sender.is_closed());
        assert_eq!(sender.send(9).await, Err(Closed(9)));
    });
    assert_eq!(log.take(), ["Ok(())", "Err(Closed(1))", "Err(Closed(2))"]);
}

#[test]
fn values_that_nobody_received_go_with_the_receiver_and_not_with_the_last_sender() {
    let census = Census::new();
    let (sender, receiver) = channel(2);
    assert!(sender.try_send(census.born()).is_ok());
    assert_eq!(census.alive(), 1);
    drop(receiver);
    assert_eq!(census.alive(), 0);
    drop(sender);
}

#[test]
fn a_receiver_that_was_woken_and_is_cancelled_loses_no_value() {
    run_virtual(async {
        let (sender, mut receiver) = channel(1);
        {
            let mut recv = receiver.recv();
            assert!(poll_once(&mut recv, Waker::noop()).is_pending());
            sender.try_send("kept").unwrap();
        }
        assert_eq!(receiver.recv().await, Ok("kept"));
    });
}

#[test]
fn a_send_that_is_dropped_loses_its_value_and_leaves_its_place_to_the_next() {
    let census = Census::new();
    let (sender, mut receiver) = channel(1);
    assert!(sender.try_send(census.born()).is_ok());
    let (mut first, mut second) = (sender.send(census.born()), sender.send(census.born()));
    let (counter, waker) = Counter::new();
    assert!(poll_once(&mut first, Waker::noop()).is_pending());
    assert!(poll_once(&mut second, &waker).is_pending());
    drop(receiver.try_recv());
    assert_eq!((census.alive(), counter.wakes()), (2, 0));
    drop(first);
    assert_eq!((census.alive(), counter.wakes()), (1, 1));
    assert!(matches!(poll_once(&mut second, &waker), Poll::Ready(Ok(()))));
    assert_eq!((census.alive(), receiver.len()), (1, 1));
}

#[test]
fn a_send_that_gives_up_can_have_its_value_back() {
    let (sender, mut receiver) = channel(1);
    sender.try_send("in").unwrap();
    let mut sending = sender.send("waits");
    assert!(poll_once(&mut sending, Waker::noop()).is_pending());
    assert_eq!(sending.into_value(), Some("waits"));
    assert_eq!(receiver.try_recv(), Ok("in"));
    let mut sending = sender.send("goes");
    assert!(poll_once(&mut sending, Waker::noop()).is_ready());
    assert_eq!((sending.into_value(), receiver.try_recv()), (None, Ok("goes")));
}

#[test]
fn a_late_sender_does_not_overtake_one_that_was_promised_room() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut first = sender.send(1);
    assert!(poll_once(&mut first, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(sender.try_send(2), Err(TryPutError::Full(2)));
    assert!(poll_once(&mut sender.send(2), Waker::noop()).is_pending());
    assert_eq!(poll_once(&mut first, Waker::noop()), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
}
