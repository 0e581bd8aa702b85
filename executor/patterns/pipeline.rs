//! One makes, several consume, and an error ends it all.
//!
//! ```text
//!   produce --put--> [ . . . ] --get--> worker 1 --\
//!                    capacity  --get--> worker 2 ---+--> results, in the order of making
//!                              --get--> worker 3 --/
//!   produce ends:   the queue is closed; workers empty it, then end
//!   anybody fails:  everybody is cancelled, and has ended when the error comes out
//! ```
//!
//! The usual recipe counts sentinels into the queue and joins it. There the producer waits for
//! ever in a full queue once a worker has failed. Here the queue is closed instead, and all of
//! them are children of one task group.
//!
//! # Invariants
//! - At most `capacity` items wait, besides one in each worker's hands.
//! - When it ends, whatever the way, the producer and all workers have ended.
//!
//! Tutorial: chapter 13. Before this: `resource_pool.rs`. After this: `../net/readiness.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::rc::Rc;

use crate::group::error::GroupError;
use crate::group::whole::task_group;
use crate::sync::queue::Queue;

/// Runs `produce`, which [feeds](Feed::put) items, and `workers` tasks that call `consume` for
/// each item as it comes. Gives what `consume` gave, in the order in which the items were fed.
///
/// # Errors
/// [`GroupError`], if the producer or a worker failed or panicked: with all errors. The others
/// have been cancelled, and items that nobody came to are dropped.
///
/// *Cancel safety: loses data.* Dropping it drops the producer and the workers.
///
/// # Panics
/// When polled where no event loop runs.
///
/// ```
/// use std::num::NonZeroUsize;
/// use roundelay_executor::{pipeline, run};
///
/// let three = NonZeroUsize::new(3).unwrap();
/// let lengths = run(pipeline(
///     three,
///     three,
///     async |feed| {
///         for word in ["one", "two", "three", "four"] {
///             feed.put(word).await;
///         }
///         Ok::<(), std::io::Error>(())
///     },
///     async |word: &str| Ok(word.len()),
/// ));
/// assert_eq!(lengths.unwrap(), [3, 3, 5, 4]);
/// ```
pub async fn pipeline<T, R, E, F>(
    capacity: NonZeroUsize,
    workers: NonZeroUsize,
    produce: impl AsyncFnOnce(Feed<T>) -> Result<(), E>,
    consume: impl Fn(T) -> F + 'static,
) -> Result<Vec<R>, GroupError<E>>
where
    T: 'static,
    R: 'static,
    E: 'static,
    F: Future<Output = Result<R, E>> + 'static,
{
    let queue = Queue::bounded(capacity.get());
    let feed = Feed { queue: queue.clone(), next: Rc::new(Cell::new(0)) };
    let results = Rc::new(RefCell::new(Vec::new()));
    let consume = Rc::new(consume);
    let all = Rc::clone(&results);
    task_group(async move |group| {
        for _ in 0..workers.get() {
            let (queue, results) = (queue.clone(), Rc::clone(&all));
            let consume = Rc::clone(&consume);
            drop(group.spawn(async move {
                while let Ok((number, item)) = queue.get().await {
                    let result = consume(item).await?;
                    results.borrow_mut().push((number, result));
                }
                Ok(())
            }));
        }
        produce(feed).await?;
        queue.close();
        Ok(())
    })
    .await?;
    let mut results = results.take();
    results.sort_unstable_by_key(|&(number, _)| number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Where the producer of a [`pipeline`] puts its items. Clones feed the same workers.
pub struct Feed<T> {
    queue: Queue<(u64, T)>,
    next: Rc<Cell<u64>>,
}

impl<T> Feed<T> {
    /// Hands an item over; waits while the queue is full.
    ///
    /// An item that is put after the pipeline has ended (by a clone that was kept) is dropped.
    ///
    /// *Cancel safety: loses data.* An item that is not in the queue yet is dropped.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{pipeline, run};
    ///
    /// let doubled = run(pipeline(
    ///     NonZeroUsize::MIN,
    ///     NonZeroUsize::MIN,
    ///     async |feed| {
    ///         feed.put(1).await;
    ///         feed.put(2).await; // waits while the first has not been taken
    ///         Ok::<(), String>(())
    ///     },
    ///     async |n| Ok(2 * n),
    /// ));
    /// assert_eq!(doubled.unwrap(), [2, 4]);
    /// ```
    pub async fn put(&self, item: T) {
        let number = self.next.get();
        self.next.set(number + 1);
        drop(self.queue.put((number, item)).await);
    }
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Feed { queue: self.queue.clone(), next: Rc::clone(&self.next) }
    }
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("fed", &self.next.get()).finish_non_exhaustive()
    }
}
