//! O25: the thread pool. Most of its facts are tested where the pools are: see `README.md`.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use roundelay::{JobError, ThreadPool};

#[test]
fn o25_4_a_map_keeps_the_order_of_its_input_and_ends_with_the_shortest() {
    let pool = ThreadPool::new(3);
    let powers =
        pool.map(|(base, power): (u32, u32)| base.pow(power), [2, 3, 4].into_iter().zip([2, 2]));
    assert_eq!(powers.map(Result::unwrap).collect::<Vec<_>>(), [4, 9]);

    let (open, door) = mpsc::channel::<()>();
    let door = Mutex::new(door);
    let mut results = pool.map(move |n| (n == 0 || door.lock().unwrap().recv().is_ok(), n), 0..2);
    assert_eq!(results.next_timeout(Duration::MAX).unwrap().unwrap().unwrap(), (true, 0));
    assert!(matches!(results.next_timeout(Duration::ZERO), Err(JobError::WaitTimeout)));
    open.send(()).unwrap();
    assert_eq!(results.next_timeout(Duration::MAX).unwrap().unwrap().unwrap(), (true, 1));
    assert!(results.next_timeout(Duration::MAX).unwrap().is_none());
    drop(results);
    pool.shutdown();
}
