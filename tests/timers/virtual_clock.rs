//! Made-up time jumps from deadline to deadline, and waits for whoever holds it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{EventLoop, Moment, now, runtime::Event, sleep, spawn};

use crate::support::{Log, ms, must_end, races, run_virtual, virtual_loop};

#[test]
fn the_virtual_clock_jumps_from_deadline_to_deadline_and_only_when_all_is_done() {
    let jumps = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&jumps);
    let event_loop =
        EventLoop::builder().virtual_clock().observer(move |_: Moment, event: &Event| {
            if let Event::ClockJumps { from, to } = event {
                let since = |moment: &Moment| moment.since(Moment::START).as_millis();
                ear.borrow_mut().push((since(from), since(to)));
            }
        });
    let event_loop = event_loop.build().unwrap();
    for delay in [10, 10, 25] {
        event_loop.call_later(ms(delay), || ()).unwrap();
    }
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_soon(move || {
            let start = inner.time();
            let again = inner.clone();
            inner.call_soon(move || assert_eq!(again.time(), start)).unwrap();
        })
        .unwrap();
    while event_loop.run_once().is_ok() {}
    assert_eq!(*jumps.borrow(), [(0, 10), (10, 25)]);
}

#[test]
fn the_virtual_clock_waits_for_whoever_holds_it() {
    must_end(|| {
        let event_loop = virtual_loop();
        let start = event_loop.time();
        let log = Log::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        event_loop.call_later(Duration::from_secs(3600), log.adds("an hour later")).unwrap();
        let (proxy, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
        let thread = std::thread::spawn(move || {
            proxy.call_soon_threadsafe(move || sender.send(()).unwrap()).unwrap();
            drop(hold);
        });
        while receiver.try_recv().is_err() {
            assert_eq!(event_loop.time(), start);
            event_loop.run_once().unwrap();
        }
        thread.join().unwrap();
        while log.len() == 0 {
            event_loop.run_once().unwrap();
        }
        assert_eq!(event_loop.time() - start, Duration::from_secs(3600));
    });
}

#[test]
fn what_a_thread_left_before_it_let_the_clock_go_is_done_before_the_clock_jumps() {
    // B22: the moment between "the inbox is empty" and "nobody holds the clock".
    must_end(|| {
        for round in 0..races(2000) {
            let event_loop = virtual_loop();
            let start = event_loop.time();
            event_loop.call_later(Duration::from_secs(3600), || ()).unwrap();
            let (proxy, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
            let (sender, receiver) = std::sync::mpsc::channel();
            let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
            let ready = std::sync::Arc::clone(&barrier);
            let thread = std::thread::spawn(move || {
                ready.wait();
                proxy.call_soon_threadsafe(move || sender.send(()).unwrap()).unwrap();
                drop(hold);
            });
            barrier.wait();
            while receiver.try_recv().is_err() {
                assert_eq!(event_loop.time(), start, "round {round}: the clock jumped too early");
                event_loop.run_once().unwrap();
            }
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_day_of_sleeps_in_virtual_time_shows_the_same_moments_in_every_run() {
    let story = || {
        let log = Log::new();
        run_virtual(async {
            let start = now();
            let tasks: Vec<_> = (1..=5_u64)
                .map(|n| {
                    let log = log.clone();
                    spawn(async move {
                        for _ in 0..4 {
                            sleep(Duration::from_secs(n * 1217)).await;
                            log.add(format!("{n} at {:?}", now() - start));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        log.take()
    };
    let first = story();
    assert_eq!(first.len(), 20);
    assert_eq!(first, story());
    assert_eq!(first.last().unwrap(), "5 at 24340s");
}
