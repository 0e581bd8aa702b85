//! Channels. A value that was sent is received, whoever gave up waiting for it.

use roundelay::{
    Lock, Receiver, WatchReceiver, broadcast, channel, sleep, spawn, unbounded_channel, watch,
};

use crate::support::{Census, ms};
use crate::{Case, Entry, LosesData, Safe, case, give_up_everywhere, settle};

#[test]
fn a_receiver_that_gives_up_finds_the_value_when_it_asks_again() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("Sender::send", LosesData, send),
        ("Receiver::recv", Safe, recv),
        ("BroadcastReceiver::recv", Safe, broadcast_recv),
        ("WatchReceiver::changed", Safe, changed),
        ("WatchReceiver::wait_for", Safe, wait_for),
    ]
}

fn send() -> Case {
    let census = Census::new();
    let (sender, mut receiver) = channel(1);
    sender.try_send(census.born()).unwrap();
    let get = async move {
        sleep(ms(1)).await;
        let mut received = 0;
        while receiver.recv().await.is_ok() {
            received += 1;
        }
        received
    };
    let received = spawn(get);
    let value = census.born();
    case(async move { sender.send(value).await.unwrap() }, async move |finished| {
        // The first value waits; the second was dropped with the future that had it.
        assert!(finished || census.alive() == 1);
        assert_eq!(received.await.unwrap(), 1 + usize::from(finished));
        assert_eq!(census.alive(), 0);
    })
}

fn recv() -> Case {
    let (sender, receiver) = unbounded_channel();
    let receiver: Lock<Receiver<i32>> = Lock::new(receiver);
    let give = async move {
        for n in 0..3 {
            sleep(ms(1)).await;
            sender.try_send(n).unwrap();
        }
    };
    spawn(give).detach();
    let (had, mine) = (Lock::new(Vec::new()), receiver.clone());
    let seen = had.clone();
    let take = async move {
        let mut receiver = mine.lock().await;
        while let Ok(n) = receiver.recv().await {
            seen.try_lock().unwrap().push(n);
        }
    };
    case(take, async move |_| {
        let mut receiver = receiver.lock().await;
        let mut had = had.lock().await;
        while let Ok(n) = receiver.recv().await {
            had.push(n);
        }
        assert_eq!(*had, [0, 1, 2]);
    })
}

fn broadcast_recv() -> Case {
    let (sender, receiver) = broadcast(4);
    let receiver = Lock::new(receiver);
    let give = async move {
        for n in 0..3 {
            sleep(ms(1)).await;
            sender.send(n).unwrap();
        }
    };
    spawn(give).detach();
    let (had, mine) = (Lock::new(Vec::new()), receiver.clone());
    let seen = had.clone();
    let take = async move {
        let mut receiver = mine.lock().await;
        while let Ok(n) = receiver.recv().await {
            seen.try_lock().unwrap().push(n);
        }
    };
    case(take, async move |_| {
        let mut receiver = receiver.lock().await;
        let mut had = had.lock().await;
        while let Ok(n) = receiver.recv().await {
            had.push(n);
        }
        assert_eq!(*had, [0, 1, 2]);
    })
}

/// A receiver to which 1 is sent in a millisecond.
fn watched() -> Lock<WatchReceiver<i32>> {
    let (sender, receiver) = watch(0);
    let give = async move {
        sleep(ms(1)).await;
        sender.send(1).unwrap();
        settle().await;
    };
    spawn(give).detach();
    Lock::new(receiver)
}

fn changed() -> Case {
    let receiver = watched();
    let mine = receiver.clone();
    let look = async move {
        let mut receiver = mine.lock().await;
        receiver.changed().await.unwrap();
        assert_eq!(*receiver.latest(), 1);
    };
    case(look, async move |finished| {
        let mut receiver = receiver.lock().await;
        if !finished {
            // The change has not been seen by one who gave up.
            assert_eq!(*receiver.latest(), 0);
            receiver.changed().await.unwrap();
        }
        assert!(!receiver.has_changed());
    })
}

fn wait_for() -> Case {
    let receiver = watched();
    let mine = receiver.clone();
    let look = async move {
        assert_eq!(*mine.lock().await.wait_for(|n| *n == 1).await.unwrap(), 1);
    };
    case(look, async move |_| {
        assert_eq!(*receiver.lock().await.wait_for(|n| *n == 1).await.unwrap(), 1);
    })
}
