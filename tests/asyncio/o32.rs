//! O32: what later versions of Python added.

use roundelay::{Closed, Queue, spawn};

use crate::settle;
use crate::support::run_virtual;

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
