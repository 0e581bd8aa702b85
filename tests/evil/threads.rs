//! Other threads may use what travels while the loop goes, and after it.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};

use roundelay::{Runner, promise, sleep, spawn, yield_now};

use crate::support::{self, Counter, ms, must_end, races, rounds};

#[test]
fn threads_may_use_every_handle_that_travels_while_and_after_the_loop_goes() {
    // B4: and everything that they left is called or dropped, once.
    must_end(|| {
        let (made, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        for round in 0..races(80) {
            let runner = Runner::builder();
            let runner = if round % 2 == 0 { runner.virtual_clock() } else { runner };
            let runner = runner.build().unwrap();
            let over = Arc::new(AtomicBool::new(false));
            let mut senders = Vec::new();
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (sender, receiver) = mpsc::channel::<(Waker, roundelay::Sleep)>();
                    senders.push(sender);
                    let (door, over) = (runner.loop_ref().proxy(), Arc::clone(&over));
                    let (made, gone) = (Arc::clone(&made), Arc::clone(&gone));
                    std::thread::spawn(move || {
                        let mut naps = Vec::new();
                        let mut wakers = Vec::new();
                        let (mut times, mut after) = (0, 0);
                        while after < 3 {
                            after += usize::from(over.load(Ordering::SeqCst));
                            times += 1;
                            if times > rounds(200) && after == 0 {
                                // Enough is enough: the loop answers every single one.
                                std::thread::yield_now();
                                continue;
                            }
                            for (waker, nap) in receiver.try_iter() {
                                wakers.push(waker);
                                naps.push(nap);
                            }
                            for waker in &wakers {
                                waker.wake_by_ref();
                                drop(waker.clone());
                            }
                            made.fetch_add(1, Ordering::SeqCst);
                            let counted = Counted(Arc::clone(&gone));
                            let _ = door.call_soon_threadsafe(move || drop(counted));
                            drop(door.hold_clock());
                            drop(naps.pop());
                        }
                        door.stop();
                    })
                })
                .collect();
            let outcome = runner.run(async {
                for sender in senders {
                    for n in 0..3 {
                        let sender = sender.clone();
                        let mut nap = Some(sleep(ms(1000 * n)));
                        spawn(async move {
                            poll_fn(|cx| {
                                if let Some(mut nap) = nap.take() {
                                    let _ = Pin::new(&mut nap).poll(cx);
                                    let _ = sender.send((cx.waker().clone(), nap));
                                }
                                Poll::<()>::Pending
                            })
                            .await;
                        })
                        .detach();
                    }
                }
                for _ in 0..20 {
                    yield_now().await;
                }
            });
            assert!(matches!(outcome, Ok(())), "{outcome:?}");
            drop(runner);
            over.store(true, Ordering::SeqCst);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(made.load(Ordering::SeqCst), gone.load(Ordering::SeqCst), "{round}");
        }
    });
}

#[test]
fn a_waker_kept_by_a_stranger_is_harmless_in_every_later_life_of_its_loop() {
    // The waker's task is gone, its slot belongs to others, then the loop goes, then the thread.
    must_end(|| {
        let waker = std::thread::spawn(|| {
            let runner = support::virtual_runner();
            let waker = runner.run(spawn_and_keep_waker()).unwrap();
            runner
                .run(async {
                    let (counter, counting) = Counter::new();
                    let (_promise, mut future) = promise::<()>();
                    assert!(support::poll_once(&mut future, &counting).is_pending());
                    let tasks: Vec<_> = (0..100).map(|_| spawn(pending::<()>())).collect();
                    yield_now().await;
                    for _ in 0..10 {
                        waker.wake_by_ref();
                        yield_now().await;
                    }
                    assert_eq!(counter.wakes(), 0);
                    assert!(tasks.iter().all(|task| !task.is_finished()));
                })
                .unwrap();
            drop(runner);
            waker.wake_by_ref();
            waker
        })
        .join()
        .unwrap();
        waker.wake_by_ref();
        drop(waker.clone());
        waker.wake();
    });
}

async fn spawn_and_keep_waker() -> Waker {
    let task = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    task.await.unwrap()
}
