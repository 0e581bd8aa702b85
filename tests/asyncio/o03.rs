//! O03: timers.

use roundelay::{EventLoop, Instant, current_loop, sleep};

use crate::support::{Log, ms, run_virtual};

#[test]
fn o03_1_different_deadlines_fire_in_the_order_of_the_deadlines() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let start = home.time();
        for delay in [4, 2, 3, 1] {
            home.call_at(start + ms(delay), log.adds(delay.to_string())).unwrap();
        }
        sleep(ms(30)).await;
    });
    assert_eq!(log.take(), ["1", "2", "3", "4"]);
}

#[test]
fn o03_2_equal_deadlines_fire_in_the_order_of_setting() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let deadline = home.time() + ms(10);
        for n in 0..8 {
            home.call_at(deadline, log.adds(n.to_string())).unwrap();
        }
        sleep(ms(30)).await;
    });
    // CPython's heap gave 0 2 6 5 7 1 3 4.
    assert_eq!(log.take(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn o03_3_a_cancelled_timer_never_fires_and_neither_do_very_many() {
    let log = Log::new();
    run_virtual(async {
        let home = current_loop().unwrap();
        let handles: Vec<_> =
            (0..200).map(|n| home.call_later(ms(1), log.adds(n.to_string())).unwrap()).collect();
        for handle in &handles[..120] {
            assert!(handle.cancel() && !handle.is_waiting());
        }
        sleep(ms(10)).await;
    });
    assert_eq!(log.take(), (120..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn o03_4_a_timer_never_fires_early_on_the_real_clock() {
    let event_loop = EventLoop::new().unwrap();
    let deadline = Instant::now() + ms(3);
    let inner = event_loop.loop_ref().clone();
    event_loop
        .call_at(deadline, move || {
            assert!(Instant::now() >= deadline);
            inner.stop();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    assert!(Instant::now() >= deadline);
}
