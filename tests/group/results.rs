//! Children whose results are wanted.

use super::*;

#[test]
fn results_come_in_the_order_in_which_the_children_end() {
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let mut results = group.results();
            for delay in [30, 10, 20] {
                results.spawn(async move {
                    sleep(ms(delay)).await;
                    Ok(delay)
                });
            }
            assert_eq!((results.running(), results.ready()), (3, 0));
            assert_eq!(results.join_next().await, Some(10));
            assert_eq!(results.collect().await, [20, 30]);
            assert_eq!(results.join_next().await, None);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_join_next_that_is_given_up_loses_nothing() {
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let mut results = group.results();
            results.spawn(async {
                sleep(ms(10)).await;
                Ok(7)
            });
            assert!(timeout(ms(5), results.join_next()).await.is_err());
            sleep(ms(10)).await;
            assert_eq!(results.join_next().await, Some(7));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_failing_child_of_a_set_fails_the_group() {
    run_virtual(async {
        let outcome = task_group(async |group: TaskGroup<&str>| {
            let mut results = group.results::<u8>();
            results.spawn(async { Err("boom") });
            results.spawn(pending());
            let got = results.collect().await;
            panic!("the body goes on with {got:?}");
        });
        let outcome: Result<(), _> = outcome.await;
        assert_eq!(messages(&outcome.unwrap_err()), ["boom"]);
    });
}

#[test]
fn an_empty_set_and_one_whose_group_is_over_have_nothing_to_wait_for() {
    run_virtual(async {
        let (whole, group) = opened::<()>().await;
        let mut results = group.results::<u8>();
        assert_eq!(results.join_next().await, None);
        results.spawn(pending());
        drop(whole);
        results.spawn(async { Ok(1) });
        assert_eq!(results.collect().await, [0_u8; 0]);
    });
}

#[test]
fn values_are_kept_by_the_set_and_by_nobody_else() {
    let census = Census::new();
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let mut results = group.results();
            for _ in 0..10 {
                let value = census.born();
                results.spawn(async move { Ok(value) });
            }
            yield_now().await;
            yield_now().await;
            assert_eq!((results.ready(), census.alive()), (10, 10));
            drop(results.join_next().await);
            assert_eq!(census.alive(), 9);
            drop(results);
            assert_eq!(census.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}
