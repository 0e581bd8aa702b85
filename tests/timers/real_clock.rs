//! The real clock: nothing is early.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::{EventLoop, Runner, sleep, spawn, yield_now};

use crate::support::{ms, must_end};
use crate::turns;

#[test]
fn on_the_real_clock_nothing_fires_early_and_a_sleep_takes_few_turns() {
    let runner = Runner::new().unwrap();
    runner
        .run(async {
            for micros in [0, 1, 300, 999, 1000, 1001, 2500, 7003] {
                let (start, turn) = (Instant::now(), turns());
                let delay = Duration::from_micros(micros);
                sleep(delay).await;
                assert!(start.elapsed() >= delay, "{micros} us: early");
                assert!(turns() - turn <= 8, "{micros} us took {} turns", turns() - turn);
            }
        })
        .unwrap();
}

#[test]
fn a_shorter_timer_set_by_another_thread_shortens_the_sleep() {
    // B8: the hour must not be slept through.
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        event_loop.call_later(Duration::from_secs(3600), || ()).unwrap();
        let proxy = event_loop.proxy();
        let thread = std::thread::spawn(move || {
            proxy
                .call_soon_threadsafe(|| {
                    let inner = roundelay::current_loop().unwrap();
                    let stop = inner.clone();
                    inner.call_later(ms(1), move || stop.stop()).unwrap();
                })
                .unwrap();
        });
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn calls_that_take_long_do_not_keep_a_timer_waiting_for_128_of_them() {
    let steps = roundelay::run(async {
        let steps = Rc::new(Cell::new(0));
        let count = Rc::clone(&steps);
        spawn(async move {
            loop {
                std::thread::sleep(ms(2));
                count.set(count.get() + 1);
                yield_now().await;
            }
        })
        .detach();
        sleep(ms(5)).await;
        steps.get()
    });
    assert!(steps < 16, "{steps} steps of 2 ms before a timer of 5 ms");
}
