//! A producer, several consumers, and an end without sentinels: the pattern, and that it leaves
//! nothing behind when something fails.

use roundelay::{Queue, channel, sleep, task_group, unbounded_channel, yield_now};

use crate::support::{Census, Log, ms, run_virtual};

#[test]
fn a_pipeline_ends_by_dropping_and_closing_and_every_result_comes_through() {
    let results = run_virtual(async {
        let jobs = Queue::bounded(2);
        let (done, mut results) = unbounded_channel();
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let (jobs, done) = (jobs.clone(), done.clone());
                roundelay::spawn(async move {
                    while let Ok((index, n)) = jobs.get().await {
                        sleep(ms(n % 3)).await;
                        done.send((index, n * n)).await.unwrap();
                    }
                })
            })
            .collect();
        drop(done);
        for (index, n) in (0..10_u64).enumerate() {
            jobs.put((index, n)).await.unwrap();
        }
        jobs.close();
        let mut all = Vec::new();
        while let Ok(result) = results.recv().await {
            all.push(result);
        }
        for consumer in consumers {
            consumer.await.unwrap();
        }
        all.sort_unstable();
        all
    });
    let squares: Vec<_> = (0..10).map(|n| (n as usize, n * n)).collect();
    assert_eq!(results, squares);
}

#[test]
fn a_consumer_that_fails_ends_the_whole_pipeline_and_leaves_nobody_behind() {
    let census = Census::new();
    let log = Log::new();
    let (people, lines) = (census.clone(), log.clone());
    run_virtual(async move {
        let failed = task_group(async |group| {
            let jobs = Queue::bounded(1);
            let (producer, alive) = (jobs.clone(), people.born());
            group.spawn(async move {
                let _alive = alive;
                for n in 0..10 {
                    if producer.put(n).await.is_err() {
                        break;
                    }
                }
                Ok(())
            });
            for _ in 0..2 {
                let (jobs, alive, lines) = (jobs.clone(), people.born(), lines.clone());
                group.spawn(async move {
                    let _alive = alive;
                    while let Ok(item) = jobs.get_item().await {
                        yield_now().await;
                        if *item == 3 {
                            return Err("3 is too much");
                        }
                        lines.add(format!("done {}", *item));
                    }
                    Ok(())
                });
            }
            Ok::<_, &str>(())
        })
        .await;
        assert!(failed.is_err());
        assert_eq!(people.alive(), 0);
    });
    assert_eq!(log.take(), ["done 0", "done 1", "done 2"]);
}

#[test]
fn a_producer_hears_when_its_consumer_is_gone_and_has_its_value_back() {
    run_virtual(async {
        let (sender, mut receiver) = channel(1);
        let producer = roundelay::spawn(async move {
            for n in 0.. {
                if let Err(closed) = sender.send(n).await {
                    return closed.0;
                }
            }
            unreachable!("the consumer goes")
        });
        for n in 0..3 {
            assert_eq!(receiver.recv().await, Ok(n));
        }
        yield_now().await;
        drop(receiver);
        // 3 was in the channel and went with the receiver; 4 was waiting for room.
        assert_eq!(producer.await.unwrap(), 4);
    });
}
