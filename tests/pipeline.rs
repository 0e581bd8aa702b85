//! One makes, several consume: results in order, and on errors nothing hangs or is left behind.

mod support;

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use roundelay::testing::{Cut, cancel_at_every_await};
use roundelay::{Feed, GroupCause, pipeline, run, sleep, timeout, to_thread, yield_now};

use support::{Census, ms, reporting_runner, run_virtual};

fn n(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn results_come_in_the_order_of_making_whoever_was_quicker() {
    let results = run_virtual(pipeline(
        n(2),
        n(3),
        async |feed: Feed<u64>| {
            for item in 0..6 {
                feed.put(item).await;
            }
            Ok::<_, ()>(())
        },
        async |item| {
            sleep(ms(10 * (6 - item))).await;
            Ok(item * item)
        },
    ));
    assert_eq!(results.unwrap(), [0, 1, 4, 9, 16, 25]);
}

#[test]
fn no_more_than_the_workers_are_at_work_and_the_queue_holds_the_rest_back() {
    let census = Census::new();
    let (at_work, fed) = (census.clone(), Rc::new(Cell::new(0)));
    let feeds = fed.clone();
    let done = run_virtual(timeout(
        ms(5),
        pipeline(
            n(2),
            n(3),
            async move |feed| {
                for item in 0..100 {
                    feed.put(item).await;
                    feeds.set(item + 1);
                }
                Ok::<_, ()>(())
            },
            move |_item: i32| {
                let here = at_work.born();
                async move {
                    let _here = here;
                    sleep(Duration::from_secs(60)).await;
                    Ok(())
                }
            },
        ),
    ));
    assert!(done.is_err());
    assert_eq!((census.most(), fed.get(), census.alive()), (3, 5, 0));
}

#[test]
fn a_worker_that_fails_ends_a_producer_that_waits_in_a_full_queue() {
    let (runner, reports) = reporting_runner();
    let census = Census::new();
    let in_producer = census.clone();
    let failed = runner.run(pipeline(
        n(1),
        n(2),
        async move |feed| {
            let _here = in_producer.born();
            for item in 0..10 {
                feed.put(item).await;
            }
            Ok(())
        },
        async |item| if item == 2 { Err("job 2 failed") } else { Ok(item) },
    ));
    let failed = failed.unwrap().unwrap_err();
    assert_eq!(failed.errors().collect::<Vec<_>>(), [&"job 2 failed"]);
    assert_eq!((census.most(), census.alive(), reports.len()), (1, 0, 0));
}

#[test]
fn a_producer_that_fails_ends_the_workers() {
    let failed = run_virtual(pipeline(
        n(1),
        n(2),
        async |feed: Feed<()>| {
            feed.put(()).await;
            Err("no more files")
        },
        async |()| {
            sleep(Duration::from_secs(60)).await;
            Ok(())
        },
    ));
    assert_eq!(failed.unwrap_err().errors().collect::<Vec<_>>(), [&"no more files"]);
}

#[test]
fn a_worker_that_panics_is_told_apart() {
    let failed = run_virtual(pipeline(
        n(1),
        n(1),
        async |feed: Feed<u8>| {
            feed.put(1).await;
            Ok::<_, ()>(())
        },
        async |_| -> Result<(), ()> { panic!("a bug") },
    ));
    let failed = failed.unwrap_err();
    assert!(matches!(failed.failures[0].cause, GroupCause::Panicked(_)));
}

#[test]
fn work_in_threads_fits_in() {
    let doubled = run(pipeline(
        n(4),
        n(2),
        async |feed: Feed<u32>| {
            for item in 0..20 {
                feed.put(item).await;
            }
            Ok(())
        },
        |item| to_thread(move || item * 2),
    ));
    assert_eq!(doubled.unwrap(), (0..40).step_by(2).collect::<Vec<_>>());
}

#[test]
fn wherever_it_is_given_up_nobody_is_left_behind() {
    let suspensions = cancel_at_every_await(
        || {
            let census = Census::new();
            let (producers, workers) = (census.clone(), census.clone());
            let pipe = pipeline(
                n(1),
                n(2),
                async move |feed| {
                    let _here = producers.born();
                    for item in 0..4 {
                        feed.put(item).await;
                        yield_now().await;
                    }
                    Ok::<_, ()>(())
                },
                move |item: u64| {
                    let here = workers.born();
                    async move {
                        let _here = here;
                        sleep(ms(item)).await;
                        Ok(item)
                    }
                },
            );
            (census, pipe)
        },
        async |census, cut| {
            assert_eq!(census.alive(), 0, "{cut:?}");
            assert!(matches!(cut, Cut::At(_) | Cut::Finished(_)));
        },
    );
    assert!(suspensions > 3);
}
