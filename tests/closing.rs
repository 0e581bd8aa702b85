//! A runner that closes waits for cleanups, each up to its limit, and not for ever.

mod support;

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{
    FromThreadError, JobError, Runner, Spawner, from_thread, now, sleep, spawn, spawner, timeout,
    to_thread, with_cleanup, yield_now,
};
use support::{Log, ms, must_end, reporting_runner, run_virtual};

const LIMIT: Duration = Duration::from_secs(5);

/// Leaves a cleanup behind every five milliseconds, each of which takes twenty.
async fn litters(log: Log) {
    let start = now();
    loop {
        let log = log.clone();
        let cleanup = async move {
            sleep(ms(20)).await;
            log.add(format!("{:?}", now() - start));
        };
        let _ = timeout(ms(5), with_cleanup(pending::<()>(), cleanup, LIMIT)).await;
    }
}

#[test]
fn what_a_cleanup_has_spawned_is_asked_to_end_when_that_cleanup_is_over_though_others_run() {
    let lines = must_end(|| {
        let log = Log::new();
        let seen = log.clone();
        run_virtual(async move {
            let cleanup = async move { spawn(litters(seen)).detach() };
            let task = spawn(with_cleanup(pending::<()>(), cleanup, LIMIT));
            yield_now().await;
            task.cancel();
            sleep(ms(12)).await;
        });
        log.take()
    });
    // The third was under way when main ended, and was left by that end.
    assert_eq!(lines, ["25ms", "30ms", "32ms"]);
}

#[test]
fn while_its_cleanup_runs_what_it_has_spawned_goes_on_and_then_the_run_ends() {
    let lines = must_end(|| {
        let log = Log::new();
        let seen = log.clone();
        run_virtual(async move {
            let cleanup = async move {
                spawn(litters(seen)).detach();
                sleep(ms(12)).await;
            };
            spawn(with_cleanup(pending::<()>(), cleanup, LIMIT)).detach();
            yield_now().await;
        });
        log.take()
    });
    assert_eq!(lines, ["25ms", "30ms", "32ms"]);
}

#[test]
fn a_family_of_cleanups_that_never_dies_out_is_cut_off() {
    fn heir(born: Rc<Cell<usize>>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            born.set(born.get() + 1);
            // Cut by its limit, it leaves the next.
            let next = heir(Rc::clone(&born));
            with_cleanup(pending::<()>(), next, ms(1)).await;
        })
    }
    let born = must_end(|| {
        let born = Rc::new(Cell::new(0));
        let first = heir(Rc::clone(&born));
        let (runner, _reports) = reporting_runner();
        runner
            .run(async move {
                spawn(with_cleanup(pending::<()>(), first, ms(1))).detach();
                yield_now().await;
            })
            .unwrap();
        runner.close();
        born.get()
    });
    assert!((10..5000).contains(&born), "{born}");
}

/// Runs `work` in a thread of a cleanup of a loop that closes.
fn in_a_closing_loop<T: Send + 'static>(
    work: impl FnOnce(Spawner) -> T + Send + 'static,
) -> Result<T, JobError> {
    must_end(|| {
        let runner = Runner::new().unwrap();
        let (answer, asked) = std::sync::mpsc::channel();
        runner
            .run(async move {
                let cleanup = async move {
                    let home = spawner();
                    answer.send(to_thread(move || work(home)).await).unwrap();
                };
                spawn(with_cleanup(pending::<()>(), cleanup, LIMIT)).detach();
                yield_now().await;
            })
            .unwrap();
        runner.close();
        asked.recv().unwrap()
    })
}

#[test]
fn a_cleanup_calls_back_from_its_thread_though_the_loop_closes() {
    let calls = || async {
        sleep(ms(2)).await;
        11
    };
    let answer: Result<Result<i32, FromThreadError>, JobError> =
        in_a_closing_loop(move |_home| from_thread(calls));
    assert_eq!(answer.unwrap().unwrap(), 11);
    let answer = in_a_closing_loop(move |home| home.spawn(calls).wait());
    assert_eq!(answer.unwrap().unwrap(), 11);
}

#[test]
fn an_order_that_does_not_come_from_a_cleanup_is_cancelled_in_a_loop_that_closes() {
    let outcome = must_end(|| {
        let runner = Runner::new().unwrap();
        let home = runner.spawner();
        let (answer, asked) = std::sync::mpsc::channel();
        runner
            .run(async move {
                let cleanup = async move {
                    // A thread of the program's own, and no job.
                    let order = std::thread::spawn(move || home.spawn(pending::<()>));
                    let order = order.join().unwrap();
                    answer.send(order.await).unwrap();
                };
                spawn(with_cleanup(pending::<()>(), cleanup, LIMIT)).detach();
                yield_now().await;
            })
            .unwrap();
        runner.close();
        asked.recv().unwrap()
    });
    assert!(outcome.is_err());
}
