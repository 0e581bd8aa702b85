//! The door for other threads, and loops on several of them.

use std::cell::Cell;
use std::rc::Rc;

use roundelay::{Runner, current_task, gather_all, sleep, spawn, yield_now};

use crate::holding;
use crate::support::{Reports, ms, must_end, rounds, run_virtual};

#[test]
fn other_threads_come_in_through_the_door_in_order_and_are_refused_afterwards() {
    must_end(|| {
        let many = rounds(100);
        let runner = Runner::new().unwrap();
        let proxy = runner.loop_ref().proxy();
        let outside = proxy.clone();
        let got = runner
            .run(async {
                let (sender, receiver) = std::sync::mpsc::channel();
                let thread = std::thread::spawn(move || {
                    for n in 0..many {
                        let sender = sender.clone();
                        proxy.call_soon_threadsafe(move || sender.send(n).unwrap()).unwrap();
                    }
                });
                // Nothing else keeps the loop awake.
                let mut got = Vec::new();
                while got.len() < many {
                    sleep(ms(1)).await;
                    got.extend(receiver.try_iter());
                }
                thread.join().unwrap();
                got
            })
            .unwrap();
        assert_eq!(got, (0..many).collect::<Vec<_>>());
        drop(runner);
        assert!(outside.call_soon_threadsafe(|| ()).is_err());
        outside.stop();
    });
}

#[test]
fn a_call_that_arrives_just_as_the_loop_falls_asleep_wakes_it() {
    // B8, a few thousand times, in both directions.
    must_end(|| {
        let event_loop = roundelay::EventLoop::new().unwrap();
        let proxy = event_loop.proxy();
        let (to_thread, requests) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            for () in requests {
                proxy.stop();
            }
        });
        for _ in 0..rounds(5000) {
            to_thread.send(()).unwrap();
            event_loop.run_forever().unwrap();
        }
        drop(to_thread);
        thread.join().unwrap();
    });
}

#[test]
fn loops_on_several_threads_do_not_know_of_one_another() {
    must_end(|| {
        let many = if cfg!(miri) { 5 } else { 50 };
        let threads: Vec<_> = (0..4_u64)
            .map(|n| {
                std::thread::spawn(move || {
                    run_virtual(async move {
                        let sums = gather_all((0..many).map(|k| async move {
                            sleep(ms(k * n)).await;
                            k
                        }));
                        sums.await.into_iter().map(Result::unwrap).sum::<u64>()
                    })
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), many * (many - 1) / 2);
        }
    });
}

#[test]
fn reports_go_to_the_loop_of_the_task_that_failed() {
    let (first, second) = (Reports::new(), Reports::new());
    for (reports, message) in [(&first, "one"), (&second, "two")] {
        let runner = Runner::builder().virtual_clock().failure_policy(reports.policy());
        let runner = runner.build().unwrap();
        runner
            .run(async {
                spawn(async move { panic!("{message}") }).detach();
                yield_now().await;
            })
            .unwrap();
    }
    assert_eq!(
        (first.take(), second.take()),
        (vec!["TaskPanicked: one".into()], vec!["TaskPanicked: two".into()])
    );
}

#[test]
fn a_runner_that_is_closed_in_a_task_of_another_one_does_not_take_that_task_for_its_own() {
    struct Asks(Rc<Cell<Option<bool>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.set(Some(current_task().is_some()));
        }
    }
    let answer = Rc::new(Cell::new(None));
    let asks = Asks(Rc::clone(&answer));
    let other = Runner::builder().virtual_clock().build().unwrap();
    other
        .run(async {
            spawn(holding(asks)).detach();
            yield_now().await;
        })
        .unwrap();
    let name = roundelay::run(async move {
        drop(other);
        current_task().unwrap().name
    });
    assert_eq!((answer.take(), name.as_str()), (Some(false), "main"));
}
