//! O32: what later versions of Python added.

use roundelay::{Closed, Queue, TaskBuilder, as_completed, current_loop, sleep, spawn, yield_now};

use crate::settle;
use crate::support::{Log, ms, run_virtual};

#[test]
fn o32_2_a_queue_that_is_closed_gives_what_is_in_it_and_one_that_is_closed_now_gives_nothing() {
    for now in [false, true] {
        run_virtual(async {
            let queue = Queue::bounded(2);
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
            let blocked = spawn(queue.put(3));
            let joins = spawn(queue.join());
            settle().await;
            match now {
                true => assert_eq!(queue.close_now(), [1, 2]),
                false => queue.close(),
            }
            settle().await;
            let mut out = Vec::new();
            while let Ok(item) = queue.get().await {
                out.push(item);
            }
            settle().await;
            assert_eq!(out, if now { vec![] } else { vec![1, 2] });
            assert_eq!(blocked.await.unwrap(), Err(Closed(3)));
            assert_eq!(joins.is_finished(), now);
        });
    }
}

#[test]
fn o32_3_as_completed_says_which_of_the_given_tasks_it_was() {
    run_virtual(async {
        let mut completed = as_completed([20, 10].map(|delay| spawn(sleep(ms(delay)))));
        let mut order = Vec::new();
        while let Some((index, _)) = completed.next().await {
            order.push(index);
        }
        assert_eq!(order, [1, 0]);
    });
}

#[test]
fn o32_1_an_eager_task_runs_inside_its_creation_up_to_the_first_suspension() {
    let log = Log::new();
    run_virtual(async {
        let eager = || TaskBuilder::new().eager();
        let seen = log.clone();
        let task = eager().spawn(async move {
            seen.add("A start");
            yield_now().await;
            seen.add("A end");
        });
        log.add("after create");
        let seen = log.clone();
        let quick = eager().spawn(async move { seen.add("quick") });
        log.add(format!("quick done at once: {}", quick.is_finished()));
        task.await.unwrap();
        // The callbacks of one that is done already still go through the ready queue.
        current_loop().unwrap().call_soon(log.adds("ready before")).unwrap();
        let seen = log.clone();
        eager().spawn(async {}).on_done(move |_| seen.add("done callback"));
        yield_now().await;
    });
    let first = ["A start", "after create", "quick", "quick done at once: true", "A end"];
    let lines = log.take();
    assert_eq!(lines[..5], first);
    assert_eq!(lines[5..], ["ready before", "done callback"]);
}
