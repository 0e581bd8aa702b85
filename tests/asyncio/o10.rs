//! O10: gather.

use std::future::poll_fn;
use std::pin::Pin;

use roundelay::{GatherCause, TaskError, gather, gather_all, now, sleep, spawn, yield_now};

use crate::support::{Log, ms, poll_now, run_virtual};

/// Sleeps, then gives its name; says so in the log, and says when it is cancelled.
async fn ok(delay: u64, name: &'static str, log: Log) -> Result<&'static str, &'static str> {
    let cancelled = log.on_drop(format!("{name} cancelled"));
    sleep(ms(delay)).await;
    cancelled.disarm();
    log.add(name);
    Ok(name)
}

async fn bad(delay: u64, error: &'static str) -> Result<&'static str, &'static str> {
    sleep(ms(delay)).await;
    Err(error)
}

type Outcome = Pin<Box<dyn Future<Output = Result<&'static str, &'static str>>>>;

#[test]
fn o10_1_results_stand_in_the_order_of_the_arguments() {
    run_virtual(async {
        let log = Log::new();
        let waits =
            [(30, "a"), (10, "b"), (20, "c")].map(|(delay, name)| ok(delay, name, log.clone()));
        assert_eq!(gather(waits).await.unwrap(), ["a", "b", "c"]);
        assert_eq!(log.take(), ["b", "c", "a"]);
    });
}

#[test]
fn o10_2_the_first_error_comes_out_at_once_and_the_others_go_on() {
    let log = Log::new();
    run_virtual(async {
        let start = now();
        let waits: [Outcome; 3] =
            [Box::pin(ok(60, "slow", log.clone())), Box::pin(bad(10, "1")), Box::pin(bad(20, "2"))];
        let error = gather(waits).await.unwrap_err();
        assert_eq!((error.index, now() - start), (1, ms(10)));
        assert!(matches!(error.cause, GatherCause::Failed("1")));
        assert_eq!(log.take(), [""; 0]);
        sleep(ms(80)).await;
    });
    assert_eq!(log.take(), ["slow"]);
}

#[test]
fn o10_3_nothing_to_gather_is_an_empty_list_at_once() {
    run_virtual(async {
        let mut none = gather(Vec::<Outcome>::new());
        assert!(poll_now(&mut none).await.is_ready());
        assert_eq!(gather_all(Vec::<Outcome>::new()).await.len(), 0);
    });
}

#[test]
fn o10_4_a_future_is_gathered_once_because_it_is_moved() {
    run_virtual(async {
        let task = spawn(async { "x" });
        // `gather([task, task])` does not compile: the handle has one owner.
        assert_eq!(gather([task]).await.unwrap(), ["x"]);
    });
}

#[test]
fn o10_5_a_cancelled_child_is_the_gathers_error_and_its_siblings_go_on() {
    run_virtual(async {
        let log = Log::new();
        let [first, second] = ["1", "2"].map(|name| spawn(ok(20, name, log.clone())));
        yield_now().await;
        first.cancel();
        // A task is a future that gives a `Result`, so it can be gathered as it is.
        let error = gather([first, second]).await.unwrap_err();
        assert_eq!(error.index, 0);
        assert!(matches!(error.cause, GatherCause::Failed(TaskError::Cancelled)), "{error:?}");
        assert_eq!(log.take(), ["1 cancelled"]);
        sleep(ms(30)).await;
        assert_eq!(log.take(), ["2"]);
    });
}

#[test]
fn o10_6_a_cancel_from_outside_reaches_all_children_in_both_forms() {
    for keeps_errors in [false, true] {
        let log = Log::new();
        run_virtual(async {
            let seen = log.clone();
            let outer = spawn(async move {
                let waits = ["p", "q"].map(|name| ok(50, name, seen.clone()));
                match keeps_errors {
                    true => drop(gather_all(waits).await),
                    false => drop(gather(waits).await),
                }
            });
            sleep(ms(10)).await;
            outer.cancel();
            assert!(outer.await.unwrap_err().is_cancelled());
            yield_now().await;
        });
        assert_eq!(log.take(), ["p cancelled", "q cancelled"]);
    }
}

#[test]
fn o10_7_dropping_a_gather_that_has_already_failed_cancels_nobody() {
    let log = Log::new();
    run_virtual(async {
        let waits: [Outcome; 2] = [Box::pin(bad(0, "e")), Box::pin(ok(20, "z", log.clone()))];
        let mut gathered = gather(waits);
        let outcome = poll_fn(|cx| Pin::new(&mut gathered).poll(cx)).await;
        assert!(outcome.is_err());
        drop(gathered);
        sleep(ms(30)).await;
    });
    assert_eq!(log.take(), ["z"]);
}

#[test]
fn o10_8_the_form_that_keeps_errors_keeps_them_in_their_places() {
    run_virtual(async {
        let waits: [Outcome; 3] =
            [Box::pin(bad(20, "v")), Box::pin(ok(10, "1", Log::new())), Box::pin(bad(0, "k"))];
        let outcomes: Vec<_> = gather_all(waits).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, [Err("v"), Ok("1"), Err("k")]);
    });
}
