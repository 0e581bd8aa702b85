//! Queues. An item is in the queue, or with somebody, or with the putter who gave up.

use roundelay::{Queue, sleep, spawn};

use crate::support::{Census, ms};
use crate::{Case, Count, Entry, LosesData, LosesPlace, Safe, case, give_up_everywhere, settle};

#[test]
fn an_item_is_never_lost_with_its_getter_and_goes_with_its_putter() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("Queue::put", LosesData, put),
        ("Queue::get", LosesPlace, get),
        ("Queue::get_item", LosesPlace, get_item),
        ("Queue::join", Safe, join),
    ]
}

fn put() -> Case {
    let (queue, census) = (Queue::bounded(1), Census::new());
    queue.try_put(census.born()).unwrap();
    let (mine, getter) = (queue.clone(), queue.clone());
    let get = async move {
        sleep(ms(1)).await;
        drop(getter.get().await);
    };
    spawn(get).detach();
    let item = census.born();
    case(async move { mine.put(item).await.unwrap() }, async move |finished| {
        assert!(finished || census.alive() == queue.len()); // dropped with the future
        settle().await;
        assert_eq!((queue.len(), census.alive()), (usize::from(finished), usize::from(finished)));
    })
}

fn get() -> Case {
    let queue = Queue::bounded(1);
    let (mine, putter) = (queue.clone(), queue.clone());
    let put = async move {
        sleep(ms(1)).await;
        putter.put(7).await.unwrap();
    };
    spawn(put).detach();
    case(async move { assert_eq!(mine.get().await, Ok(7)) }, async move |finished| {
        settle().await;
        assert_eq!(queue.try_get().ok(), if finished { None } else { Some(7) });
    })
}

fn get_item() -> Case {
    let (queue, done) = (Queue::bounded(1), Count::default());
    let (mine, putter, counts) = (queue.clone(), queue.clone(), done.clone());
    let put = async move {
        sleep(ms(1)).await;
        putter.put(7).await.unwrap();
    };
    spawn(put).detach();
    let get = async move {
        assert_eq!(*mine.get_item().await.unwrap(), 7);
        counts.add();
    };
    case(get, async move |finished| {
        settle().await;
        assert_eq!((queue.len(), done.get()), (usize::from(!finished), usize::from(finished)));
        // Nobody has counted as done what nobody has had.
        assert_eq!(queue.unfinished(), queue.len());
    })
}

fn join() -> Case {
    let queue = Queue::bounded(1);
    queue.try_put(()).unwrap();
    let (mine, worker) = (queue.clone(), queue.clone());
    let work = async move {
        let _item = worker.get_item().await.unwrap();
        sleep(ms(1)).await;
    };
    spawn(work).detach();
    case(async move { mine.join().await }, async move |_| {
        queue.join().await;
        assert_eq!(queue.unfinished(), 0);
    })
}
