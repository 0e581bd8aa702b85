//! Limits: from what was measured, for everything that can grow, and on one layer only.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    Queue, RetryPolicy, RunError, Runner, gather_all, now, retry, say, sleep, spawn, timeout,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn runner() -> Result<Runner, RunError> {
    Runner::builder().virtual_clock().build()
}

/// How long the server takes for its call of this number. It never answers one in a thousand.
fn answer_time(call: u64) -> Option<Duration> {
    match call % 1000 {
        0 => None,
        n if n % 333 == 0 => Some(ms(2000)),
        n if n % 100 == 50 => Some(ms(400)),
        n if n % 20 == 7 => Some(ms(90)),
        n => Some(ms(10 + n % 15)),
    }
}

/// The time within which `percent` of the calls had their answer; `sorted` is what they took.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100);
    sorted[place.saturating_sub(1)]
}

async fn call(number: u64) {
    match answer_time(number) {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

fn limits_from_measurements() -> Result<(), RunError> {
    let mut took: Vec<Duration> = (0..1000).filter_map(answer_time).collect();
    took.sort();
    let mean = took.iter().sum::<Duration>() / 999;
    let [p50, p95, p99] = [50, 95, 99].map(|percent| percentile(&took, percent));
    say!("mean {mean:.0?}, half within {p50:?}, 95 % within {p95:?}, 99 % within {p99:?}");
    for limit in [mean, p95, p99, Duration::from_secs(30)] {
        let outcomes = runner()?
            .run(async { gather_all((0..1000).map(|n| timeout(limit, call(n)))).await })?;
        let late = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Err(_)))).count();
        say!(
            "limit {limit:.0?}: {} good calls cut off, {limit:.0?} lost for the dead one",
            late - 1
        );
    }
    Ok(())
}

fn a_queue_with_and_without_a_bound() -> Result<(), RunError> {
    for (name, queue) in [("no bound", Queue::unbounded()), ("bound 8", Queue::bounded(8))] {
        runner()?.run(async {
            let start = now();
            let most = Rc::new(Cell::new(0));
            let (input, high) = (queue.clone(), most.clone());
            let producer = spawn(async move {
                for n in 0..100 {
                    sleep(ms(1)).await;
                    input.put(n).await.expect("it is open");
                    high.set(high.get().max(input.len()));
                }
                input.close();
            });
            while queue.get().await.is_ok() {
                sleep(ms(10)).await;
            }
            producer.await.expect("it ends");
            say!(
                "{name}: at most {} items at once, all done after {:?}",
                most.get(),
                now() - start
            );
        })?;
    }
    Ok(())
}

fn attempts_multiply() -> Result<(), RunError> {
    runner()?.run(async {
        let three = RetryPolicy::new(NonZeroU32::new(3).expect("not zero")).jitter_percent(0);
        let calls = Cell::new(0);
        let server = async |_| {
            calls.set(calls.get() + 1);
            Err::<(), _>("busy")
        };
        let start = now();
        let client = async |_| retry(&three, server).await.map_err(|error| error.attempts());
        let service = async |_| retry(&three, client).await.map_err(|error| error.attempts());
        let outcome = retry(&three, service).await;
        say!(
            "three layers: {} calls in {:?}, answered: {}",
            calls.take(),
            now() - start,
            outcome.is_ok()
        );

        let start = now();
        let outcome = retry(&three.clone().within(ms(200)), server).await;
        say!("one layer, 200 ms in all: {} calls in {:?}", calls.take(), now() - start);
        say!("{}", outcome.expect_err("nobody answers"));
    })
}

fn main() -> Result<(), RunError> {
    say!("== measured");
    limits_from_measurements()?;
    say!("== queues");
    a_queue_with_and_without_a_bound()?;
    say!("== attempts");
    attempts_multiply()
}
