//! Nothing is left behind: no wait that was given up, no registration, no news for somebody who
//! is not meant.
//!
//! Bug classes B5, B23, B24 and B26.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::Write;
use std::net;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use roundelay::{
    Moment, RunError, Runner, TcpStream, current_loop, promise, runtime::Event, spawn, yield_now,
};

use crate::support::{Counter, must_end};
use crate::{
    ANYWHERE, counting_runner, fill, listen, nobody_waits, on_a_loop, pair, pair_with_std,
    poll_read, poll_write,
};

#[test]
fn a_cancelled_reader_writer_or_accepter_leaves_no_waiting_callback() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (mut read, mut write) = here.into_split();
                let (listener, _) = listen();
                let (mut whole, mut other) = pair().await;
                fill(&mut write).await;
                fill(&mut other).await;
                let tasks = [
                    spawn(async move { while let Ok(1..) = read.read(&mut [0; 9]).await {} }),
                    spawn(async move { while let Ok(1..) = write.write(&[0; 9]).await {} }),
                    spawn(async move { while listener.accept().await.is_ok() {} }),
                    spawn(async move { while let Ok(1..) = whole.read(&mut [0; 9999]).await {} }),
                ];
                for _ in 0..100 {
                    yield_now().await;
                }
                for task in tasks {
                    assert!(task.cancel());
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                assert_eq!(there.write(b"x").await.is_ok(), other.write(b"x").await.is_ok());
                drop((there, other));
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
        // Nobody is left who could wake this.
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

#[test]
fn polling_over_and_over_without_news_leaves_one_wait_and_takes_the_news_once() {
    // B24, and what foreign combinators do that poll everything always.
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (listener, _address) = listen();
                let (mut read, mut write) = here.into_split();
                fill(&mut write).await;
                assert!(poll_read(&mut read, Waker::noop()).is_pending());
                let mut accept = pin!(listener.accept());
                let before = sources.awaited.get();
                for _ in 0..1000 {
                    let (_, waker) = Counter::new();
                    let cx = &mut Context::from_waker(&waker);
                    assert!(poll_read(&mut read, &waker).is_pending());
                    assert!(poll_write(&mut write, &waker, b"more").is_pending());
                    assert!(accept.as_mut().poll(cx).is_pending());
                    yield_now().await;
                }
                // The accept had not waited before.
                assert_eq!(sources.awaited.get() - before, 1);
                let mut total = 0;
                while total < 1 << 16 {
                    total += there.read(&mut [0; 65536]).await.unwrap();
                }
                there.write_all(b"news").await.unwrap();
                assert_eq!(read.read(&mut [0; 16]).await.unwrap(), 4);
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn a_task_that_waits_for_two_things_is_polled_once_for_each_piece_of_news() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (mut read, _write) = here.into_split();
                let polls = Rc::new(Cell::new(0));
                let seen = Rc::clone(&polls);
                let reader = spawn(poll_fn(move |cx| {
                    seen.set(seen.get() + 1);
                    let mut buffer = [0; 16];
                    loop {
                        match Pin::new(&mut read).poll_read(cx, &mut buffer) {
                            Poll::Ready(Ok(0)) => return Poll::Ready(()),
                            Poll::Ready(count) => drop(count.unwrap()),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }));
                yield_now().await;
                for n in 0..10 {
                    assert_eq!(polls.get(), n + 1);
                    there.write_all(b"news").await.unwrap();
                    // In made-up time every turn looks outside.
                    while polls.get() == n + 1 {
                        yield_now().await;
                    }
                }
                drop(there);
                reader.await.unwrap();
                assert_eq!(polls.get(), 12);
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn the_last_of_two_pollers_is_woken_and_the_first_is_not() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let (first, first_waker) = Counter::new();
        let (second, second_waker) = Counter::new();
        assert!(poll_read(&mut here, &first_waker).is_pending());
        assert!(poll_read(&mut here, &second_waker).is_pending());
        there.write_all(b"x").await.unwrap();
        while second.wakes() == 0 {
            yield_now().await;
        }
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        // A stream that moves from task to task in the middle of a wait is a poller like that.
        let (hand_over, other) = promise();
        let taken = spawn(async move {
            let mut here: TcpStream = other.await.unwrap();
            here.read(&mut [0; 16]).await.unwrap() + here.read(&mut [0; 16]).await.unwrap()
        });
        let mut here = here;
        assert_eq!(here.read(&mut [0; 16]).await.unwrap(), 1);
        assert!(poll_fn(|cx| Poll::Ready(poll_read(&mut here, cx.waker()))).await.is_pending());
        assert!(hand_over.resolve(here).is_ok());
        yield_now().await;
        there.write_all(b"yz").await.unwrap();
        drop(there);
        assert_eq!(taken.await.unwrap(), 2);
        nobody_waits().await;
    });
}

#[test]
fn descriptors_that_come_back_as_somebody_elses_cause_no_confusion() {
    // B5 and B23: an old stream goes while its events are on their way, a new one gets its number.
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                for round in 0..300_u32 {
                    let (old, old_peer) = pair_with_std().await;
                    let (counter, waker) = Counter::new();
                    let mut old = old;
                    assert!(poll_read(&mut old, &waker).is_pending());
                    (&old_peer).write_all(b"for the old one").unwrap();
                    if round % 3 == 0 {
                        // The event is collected, the wake-up is on its way.
                        yield_now().await;
                    }
                    drop(old);
                    let (mut new, new_peer) = pair_with_std().await;
                    assert!(poll_read(&mut new, &waker).is_pending(), "round {round}");
                    if round % 2 == 0 {
                        drop(old_peer);
                    }
                    yield_now().await;
                    assert!(poll_read(&mut new, Waker::noop()).is_pending(), "round {round}");
                    (&new_peer).write_all(&round.to_le_bytes()).unwrap();
                    let mut number = [0; 4];
                    new.read_exact(&mut number).await.unwrap();
                    assert_eq!(u32::from_le_bytes(number), round);
                    assert!(counter.wakes() <= 1, "round {round}");
                }
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn a_descriptor_that_has_a_twin_is_off_the_list_when_its_source_is_dropped() {
    // B23: closing one of two twins takes nothing off the system's list, so the loop must.
    must_end(|| {
        let events = Rc::new(Cell::new(0));
        let heard = Rc::clone(&events);
        let runner = Runner::builder().virtual_clock();
        let runner = runner.observer(move |_: Moment, event: &Event| {
            if let Event::WaitEnds { events } = event {
                heard.set(heard.get() + events);
            }
        });
        let runner = runner.build().unwrap();
        let listener = net::TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        runner
            .run(async {
                for elsewhere in [false, true] {
                    let mut there = net::TcpStream::connect(address).unwrap();
                    let (here, _) = listener.accept().unwrap();
                    here.set_nonblocking(true).unwrap();
                    let twin = here.try_clone().unwrap();
                    let source = current_loop().unwrap().register(&here).unwrap();
                    yield_now().await;
                    if elsewhere {
                        std::thread::spawn(move || drop((source, here))).join().unwrap();
                    } else {
                        drop((source, here));
                    }
                    events.set(0);
                    there.write_all(b"for the twin").unwrap();
                    for _ in 0..5 {
                        yield_now().await;
                    }
                    assert_eq!(events.get(), 0, "elsewhere: {elsewhere}");
                    drop(twin);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_connection_given_up_halfway_leaves_nothing_behind() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (listener, address) = listen();
                for round in 0..100 {
                    let connecting = spawn(TcpStream::connect(address));
                    for _ in 0..round % 4 {
                        yield_now().await;
                    }
                    connecting.cancel();
                    drop(connecting.await);
                }
                drop(listener);
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}
