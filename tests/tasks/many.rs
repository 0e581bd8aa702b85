//! A hundred thousand tasks, side by side or each awaiting the next, leave nothing behind.

use std::future::pending;

use roundelay::{Task, spawn, yield_now};

use crate::support::{Census, in_a_process, rounds, run_virtual};

#[test]
fn a_hundred_thousand_tasks_run_and_leave_nothing_behind() {
    let many = rounds(100_000);
    let census = Census::new();
    run_virtual(async {
        let tasks: Vec<_> = (0..many)
            .map(|n| {
                let guard = census.born();
                spawn(async move {
                    let _guard = guard;
                    yield_now().await;
                    n
                })
            })
            .collect();
        assert_eq!(census.alive(), many);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_each_awaiting_the_next_ends_and_unwinds() {
    let many = rounds(100_000);
    let name = "many::a_chain_of_a_hundred_thousand_tasks_each_awaiting_the_next_ends_and_unwinds";
    in_a_process(name, || {
        let chain = |last: Task<()>| {
            (0..many).fold(last, |next, _| {
                spawn(async move {
                    let _ = next.await;
                })
            })
        };
        run_virtual(async {
            chain(spawn(async {})).await.unwrap();
            // Cancelled from the outermost: the others are detached, and end with the loop.
            let outermost = chain(spawn(pending()));
            yield_now().await;
            outermost.cancel();
            assert!(outermost.await.is_err());
        });
    })
    .well();
}
