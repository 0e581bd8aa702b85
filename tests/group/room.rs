//! The room that a group needs, and the room that it gives.

use super::*;

#[test]
fn very_many_short_children_need_the_room_of_those_that_live_at_one_time() {
    let census = Census::new();
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            for n in 0..rounds(20_000) {
                let guard = census.born();
                drop(group.spawn(async move {
                    drop(guard);
                    Ok(())
                }));
                if n % 10 == 9 {
                    yield_now().await;
                    assert!(group.len() <= 20, "{} children are kept", group.len());
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    });
    assert!(census.most() <= 20, "{} were alive at one time", census.most());
}

#[test]
fn a_group_whose_body_sleeps_lets_go_of_children_that_have_ended() {
    let census = Census::new();
    run_virtual(async {
        task_group(async |group: TaskGroup<()>| {
            let inner = group.clone();
            let spawner = census.clone();
            let child = group.spawn(async move {
                for _ in 0..rounds(1000) {
                    // The value is kept by nobody, so it must not be kept by the group.
                    let value = spawner.born();
                    drop(inner.spawn(async move { Ok(value) }));
                    yield_now().await;
                    yield_now().await;
                }
                Ok(())
            });
            child.await.unwrap();
            Ok(())
        })
        .await
        .unwrap();
    });
    assert!(census.most() <= 4, "{} were alive at one time", census.most());
}

#[test]
fn very_many_short_children_that_wait_for_room_leave_nothing_behind() {
    let census = Census::new();
    run_virtual(async {
        let group = GroupBuilder::new().limit(8).run(async |group: TaskGroup<()>| {
            for _ in 0..rounds(200_000) {
                let room = group.room().await;
                let guard = census.born();
                drop(room.spawn(async move {
                    drop(guard);
                    Ok(())
                }));
            }
            Ok(group.clone())
        });
        let group = group.await.unwrap();
        assert!(group.is_empty());
    });
    assert!(census.most() <= 9, "{} were alive at one time", census.most());
}

#[test]
fn no_more_children_run_than_the_limit_and_they_begin_in_the_order_of_spawning() {
    let (log, census) = (Log::new(), Census::new());
    run_virtual(async {
        GroupBuilder::new()
            .limit(2)
            .run(async |group: TaskGroup<()>| {
                for (n, delay) in [30, 10, 10, 10].into_iter().enumerate() {
                    let (log, census) = (log.clone(), census.clone());
                    drop(group.spawn(async move {
                        let _guard = census.born();
                        log.add(format!("{n} begins"));
                        sleep(ms(delay)).await;
                        log.add(format!("{n} ends"));
                        Ok(())
                    }));
                }
                assert_eq!(group.len(), 4);
                Ok(())
            })
            .await
            .unwrap();
    });
    assert_eq!(census.most(), 2);
    let begins: Vec<_> = log.take().into_iter().filter(|line| line.ends_with("begins")).collect();
    assert_eq!(begins, ["0 begins", "1 begins", "2 begins", "3 begins"]);
}

#[test]
fn a_child_that_is_cancelled_while_it_waits_for_room_never_begins_and_takes_no_room() {
    let log = Log::new();
    run_virtual(async {
        let seen = log.clone();
        GroupBuilder::new()
            .limit(1)
            .run(async move |group: TaskGroup<()>| {
                let (promise, gate) = promise::<()>();
                drop(group.spawn(async move {
                    let _ = gate.await;
                    Ok(())
                }));
                let child = |name: &'static str| {
                    let log = seen.clone();
                    group.spawn(async move {
                        log.add(name);
                        Ok(())
                    })
                };
                let (second, third) = (child("second"), child("third"));
                yield_now().await;
                assert!(second.cancel());
                promise.resolve(()).unwrap();
                assert_eq!((second.await, third.await), (Err(ChildEnded), Ok(())));
                Ok(())
            })
            .await
            .unwrap();
    });
    assert_eq!(log.take(), ["third"]);
}

#[test]
fn room_that_is_not_used_goes_to_the_next() {
    run_virtual(async {
        GroupBuilder::new()
            .limit(1)
            .run(async |group: TaskGroup<()>| {
                let room = group.room().await;
                let child = group.spawn(async { Ok(7) });
                yield_now().await;
                assert!(!child.is_finished());
                assert!(timeout(ms(1), group.room()).await.is_err());
                drop(room);
                assert_eq!(child.await, Ok(7));
                Ok(())
            })
            .await
            .unwrap();
    });
}

#[test]
#[should_panic(expected = "allow at least one")]
fn a_limit_of_zero_is_refused() {
    let _ = GroupBuilder::new().limit(0);
}
