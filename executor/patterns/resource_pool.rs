//! A pool of resources that are dear to make: connections, mostly.
//!
//! ```text
//!   get().await:  a permit, then: idle [ c  b ] --> c      most recently used first
//!                                 none idle     --> make one
//!   guard dropped: sound --> back to idle, then the permit goes to the next in line
//!                  broken -> dropped,      then the permit goes to the next in line
//! ```
//!
//! The guard gives the resource back when it is dropped, on every way out. Nobody can forget
//! it, and nobody needs an `async with`.
//!
//! # Invariants
//! - There are never more resources than `max`, counting those that are being made.
//! - First come, first served; one that gives up passes its permit on.
//! - A resource that somebody called broken is never handed out again.
//!
//! Tutorial: chapter 14. Before this: `rate_limit.rs`. After this: `pipeline.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::{Instant, current_loop};

use crate::sync::semaphore::{Permit, Semaphore};

/// Resources that are made when needed, lent, and used again. For tasks of one thread; clones
/// share the resources.
///
/// ```
/// use std::num::NonZeroUsize;
/// use roundelay_executor::{ResourcePool, run};
///
/// run(async {
///     let made = std::cell::Cell::new(0);
///     let made: &'static _ = Box::leak(Box::new(made));
///     let pool = ResourcePool::new(NonZeroUsize::new(2).unwrap(), move || async move {
///         made.set(made.get() + 1);
///         Ok::<_, std::io::Error>(format!("connection {}", made.get()))
///     });
///     for _ in 0..3 {
///         let connection = pool.get().await.unwrap();
///         assert_eq!(*connection, "connection 1"); // the same, again and again
///     }
/// });
/// ```
#[doc(alias = "ConnectionPool")]
pub struct ResourcePool<C, E> {
    shared: Rc<Shared<C>>,
    make: Rc<Make<C, E>>,
}

type Made<C, E> = Pin<Box<dyn Future<Output = Result<C, E>>>>;
type Make<C, E> = dyn Fn() -> Made<C, E>;

struct Shared<C> {
    permits: Semaphore,
    /// With the moment since when each has been idle.
    idle: RefCell<Vec<(C, Option<Instant>)>>,
    max_idle: Cell<usize>,
    idle_limit: Cell<Option<Duration>>,
}

impl<C: 'static, E: 'static> ResourcePool<C, E> {
    /// A pool of at most `max` resources, each made by `make` when it is first needed.
    #[must_use]
    pub fn new<F>(max: NonZeroUsize, make: impl Fn() -> F + 'static) -> ResourcePool<C, E>
    where
        F: Future<Output = Result<C, E>> + 'static,
    {
        let shared = Shared {
            permits: Semaphore::new(max.get()),
            idle: RefCell::default(),
            max_idle: Cell::new(max.get()),
            idle_limit: Cell::new(None),
        };
        ResourcePool { shared: Rc::new(shared), make: Rc::new(move || Box::pin(make())) }
    }

    /// Keeps no more than so many resources that nobody uses; the others are dropped when they
    /// come back. By default all are kept.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let three = NonZeroUsize::new(3).unwrap();
    ///     let pool = ResourcePool::new(three, async || Ok::<_, ()>("a pen")).max_idle(1);
    ///     let pens = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    ///     drop(pens); // the second to come back finds no room
    ///     assert_eq!(pool.idle(), 1);
    /// });
    /// ```
    #[must_use]
    pub fn max_idle(self, max: usize) -> Self {
        self.shared.max_idle.set(max);
        self
    }

    /// Does not hand out a resource that nobody has used for so long (a server closes such
    /// connections); it is dropped at the next look, by `get` or when another comes back. The time
    /// of one that comes back where no event loop runs begins with that look.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, time::Duration};
    /// use roundelay_executor::{ResourcePool, Runner, sleep};
    ///
    /// let runner = Runner::builder().virtual_clock().build()?;
    /// runner.run(async {
    ///     let pool = ResourcePool::new(NonZeroUsize::MIN, async || Ok::<_, ()>(0));
    ///     let pool = pool.idle_limit(Duration::from_secs(60));
    ///     *pool.get().await.unwrap() += 1;
    ///     assert_eq!(*pool.get().await.unwrap(), 1); // the same
    ///     sleep(Duration::from_secs(61)).await;
    ///     assert_eq!(*pool.get().await.unwrap(), 0); // a new one
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn idle_limit(self, limit: Duration) -> Self {
        self.shared.idle_limit.set(Some(limit));
        self
    }

    /// Waits until there is a resource to be had: an idle one, or room to make one.
    ///
    /// # Errors
    /// Those of making one. Then the room is free again, for the next in line.
    ///
    /// *Cancel safety: loses its place* in the line. A resource that is being made is dropped
    /// half made.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let pool = ResourcePool::<u8, _>::new(NonZeroUsize::MIN, async || Err("refused"));
    ///     assert_eq!(pool.get().await.unwrap_err(), "refused");
    ///     assert_eq!(pool.available(), 1); // the room is free again
    /// });
    /// ```
    pub async fn get(&self) -> Result<Pooled<C>, E> {
        let permit = self.shared.permits.acquire().await;
        let resource = match self.shared.take_idle() {
            Some(idle) => idle,
            None => (self.make)().await?,
        };
        let shared = Rc::clone(&self.shared);
        Ok(Pooled { resource: Some(resource), is_broken: false, shared, permit: Some(permit) })
    }

    /// How many resources are idle.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let pool = ResourcePool::new(NonZeroUsize::new(3).unwrap(), async || Ok::<_, ()>("a pen"));
    ///     let pens = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    ///     assert_eq!((pool.idle(), pool.available()), (0, 1));
    ///     drop(pens);
    ///     assert_eq!((pool.idle(), pool.available()), (2, 3));
    ///     pool.clear();
    ///     assert_eq!((pool.idle(), pool.available()), (0, 3));
    /// });
    /// ```
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shared.idle.borrow().len()
    }

    /// How many more can be lent without waiting, idle or to be made.
    #[must_use]
    pub fn available(&self) -> usize {
        self.shared.permits.available_permits()
    }

    /// How many wait in line.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, pin::pin};
    /// use futures_lite::future::poll_once;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let pool = ResourcePool::new(NonZeroUsize::MIN, async || Ok::<_, ()>("a pen"));
    ///     let pen = pool.get().await.unwrap();
    ///     let mut next = pin!(pool.get());
    ///     assert!(poll_once(next.as_mut()).await.is_none());
    ///     assert_eq!(pool.waiting(), 1);
    ///     drop(pen);
    ///     assert_eq!(*next.await.unwrap(), "a pen");
    /// });
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.permits.waiting()
    }

    /// Drops all that are idle. Those that are lent come back as usual.
    pub fn clear(&self) {
        let idle = self.shared.idle.take();
        drop(idle);
    }
}

impl<C> Shared<C> {
    /// The one that was used last, unless it is too old; then all idle ones are.
    fn take_idle(&self) -> Option<C> {
        self.drop_old();
        let (resource, _) = self.idle.borrow_mut().pop()?;
        Some(resource)
    }

    fn give_back(&self, resource: C) {
        self.drop_old();
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.max_idle.get() {
            idle.push((resource, current_loop().map(|home| home.time())));
        } else {
            // A resource's destructor is foreign code: not while the list is borrowed.
            drop(idle);
            drop(resource);
        }
    }

    /// Drops what has been idle for too long. The oldest are in front.
    ///
    /// What came back where no loop runs has no time. It lies on top of all that have one, and its
    /// time begins with this look: else it would never be old, nor what comes to lie above it.
    fn drop_old(&self) {
        let (Some(limit), Some(home)) = (self.idle_limit.get(), current_loop()) else { return };
        let now = home.time();
        let is_old = |since: &Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
        };
        let mut idle = self.idle.borrow_mut();
        for (_, since) in idle.iter_mut().rev().take_while(|(_, since)| since.is_none()) {
            *since = Some(now);
        }
        let count = idle.iter().take_while(|(_, since)| is_old(since)).count();
        let old: Vec<_> = idle.drain(..count).collect();
        drop(idle);
        drop(old);
    }
}

impl<C, E> Clone for ResourcePool<C, E> {
    fn clone(&self) -> Self {
        ResourcePool { shared: Rc::clone(&self.shared), make: Rc::clone(&self.make) }
    }
}

impl<C, E> fmt::Debug for ResourcePool<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourcePool")
            .field("idle", &self.shared.idle.borrow().len())
            .field("available", &self.shared.permits.available_permits())
            .field("waiting", &self.shared.permits.waiting())
            .finish()
    }
}

/// A resource on loan. It goes back to its [`ResourcePool`] when it is dropped, unless it is
/// broken, or the task that had it panicked.
///
/// A task that is cancelled in the middle of a request leaves half an answer in its connection.
/// Where that can happen, call the resource broken for the duration of the request:
///
/// ```
/// use roundelay_executor::Pooled;
///
/// async fn ask(mut connection: Pooled<Vec<u8>>) {
///     connection.set_broken(true);
///     connection.push(1); // send, await the whole answer ...
///     connection.set_broken(false);
/// }
/// ```
#[must_use = "dropping it gives the resource back"]
pub struct Pooled<C> {
    /// `None` only while it is dropped.
    resource: Option<C>,
    is_broken: bool,
    shared: Rc<Shared<C>>,
    permit: Option<Permit>,
}

impl<C> Pooled<C> {
    /// Whether the resource is to be dropped instead of going back.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let pool = ResourcePool::new(NonZeroUsize::MIN, async || Ok::<_, ()>("a cup"));
    ///     let mut cup = pool.get().await.unwrap();
    ///     cup.set_broken(true);
    ///     assert!(cup.is_broken());
    ///     drop(cup);
    ///     assert_eq!((pool.idle(), pool.available()), (0, 1)); // a new one will be made
    /// });
    /// ```
    pub fn set_broken(&mut self, is_broken: bool) {
        self.is_broken = is_broken;
    }

    /// Whether it will be dropped instead of going back.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Drops the resource; its place is free for another.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use roundelay_executor::{ResourcePool, run};
    ///
    /// run(async {
    ///     let pool = ResourcePool::new(NonZeroUsize::MIN, async || Ok::<_, ()>("a cup"));
    ///     pool.get().await.unwrap().discard(); // it does not go back
    ///     assert_eq!((pool.idle(), pool.available()), (0, 1));
    /// });
    /// ```
    pub fn discard(mut self) {
        self.is_broken = true;
    }
}

const THERE: &str = "the resource stays until the guard is dropped";

impl<C> Deref for Pooled<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.resource.as_ref().expect(THERE)
    }
}

impl<C> DerefMut for Pooled<C> {
    fn deref_mut(&mut self) -> &mut C {
        self.resource.as_mut().expect(THERE)
    }
}

impl<C> Drop for Pooled<C> {
    fn drop(&mut self) {
        // Passed on after the resource: whoever gets the permit finds the resource idle. The
        // local variable is dropped last, even if the resource's destructor panics.
        let _permit = self.permit.take();
        let Some(resource) = self.resource.take() else { return };
        if self.is_broken || std::thread::panicking() {
            drop(resource);
        } else {
            self.shared.give_back(resource);
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for Pooled<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("resource", &self.resource)
            .field("is_broken", &self.is_broken)
            .finish_non_exhaustive()
    }
}
