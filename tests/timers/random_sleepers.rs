//! Random programs of sleeping tasks, beside a plain model.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use roundelay::{EventLoop, gather_all, now, sleep, timeout};

use crate::support::{ms, virtual_runner};

proptest! {
    #![proptest_config(crate::support::properties(100))]

    /// Each task sleeps its delays one after the other; some are cancelled at a given time.
    /// The model: a task's k-th wake-up is at the sum of its first k delays.
    #[test]
    fn any_sleepers_wake_at_the_sums_of_their_delays(
        programs in prop::collection::vec(
            (prop::collection::vec(0_u64..40, 0..6), prop::option::of(1_u64..100)),
            0..12,
        ),
    ) {
        let log = Rc::new(RefCell::new(BTreeMap::<usize, Vec<u64>>::new()));
        let runner = virtual_runner();
        let outcomes = runner.run(async {
            let start = now();
            let tasks = programs.iter().cloned().enumerate().map(|(number, (delays, limit))| {
                let log = Rc::clone(&log);
                async move {
                    let walk = async {
                        for delay in delays {
                            sleep(ms(delay)).await;
                            let at = (now() - start).as_millis() as u64;
                            log.borrow_mut().entry(number).or_default().push(at);
                        }
                    };
                    match limit {
                        // Half a millisecond away from every deadline: no ties.
                        Some(limit) => timeout(ms(limit) - ms(1) / 2, walk).await.is_ok(),
                        None => {
                            walk.await;
                            true
                        }
                    }
                }
            });
            gather_all(tasks).await
        }).unwrap();
        for (number, (delays, limit)) in programs.iter().enumerate() {
            let mut sums: Vec<u64> = delays
                .iter()
                .scan(0, |sum, delay| {
                    *sum += delay;
                    Some(*sum)
                })
                .collect();
            let all = sums.len();
            if let Some(limit) = limit {
                sums.retain(|sum| sum < limit);
            }
            prop_assert_eq!(log.borrow().get(&number).cloned().unwrap_or_default(), &*sums);
            prop_assert_eq!(*outcomes[number].as_ref().unwrap(), sums.len() == all);
        }
    }
}

#[test]
fn a_deadline_that_has_passed_is_due_in_the_next_turn_however_busy_the_loop_is() {
    let event_loop = EventLoop::new().unwrap();
    let inner = event_loop.loop_ref().clone();
    fn keep_busy(inner: roundelay::LoopRef, turns: u32) {
        let again = inner.clone();
        if turns > 0 {
            inner.call_soon(move || keep_busy(again, turns - 1)).unwrap();
        }
    }
    keep_busy(inner.clone(), 20);
    let called = std::rc::Rc::new(std::cell::Cell::new(0));
    let seen = called.clone();
    event_loop
        .call_soon(move || {
            let deadline = std::time::Instant::now();
            let loop_ref = inner.clone();
            inner.call_at(deadline, move || seen.set(loop_ref.turn())).unwrap();
        })
        .unwrap();
    event_loop.run_until(|| called.get() > 0).unwrap();
    assert_eq!(called.get(), 2);
}
