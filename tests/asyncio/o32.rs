//! O32: what later versions of Python added.

use roundelay::{Closed, Queue, as_completed, sleep, spawn};

use crate::settle;
use crate::support::{ms, run_virtual};

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
