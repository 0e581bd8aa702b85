//! Meeting points of tasks.
//!
//! All of them stand in one kind of line, [`wait_queue`], and hand over the thing itself. So
//! the answers to "who may overtake?" are short:
//!
//! | | what is handed over | in which order | who comes late | a waiter dropped with it in hand |
//! |---|---|---|---|---|
//! | `Event` | that it was set | all at once | goes on at once while it is set | nothing is lost |
//! | `Notify` | a knock | first come | waits, or takes the kept permit | to the next, or kept |
//! | `Lock` | the value | first come | waits | to the next |
//! | `Condition` | a notification, then the lock | first come | waits | to the next |
//! | `Semaphore` | the permits asked for | first come, a big request holds up small ones | waits | to the next |
//! | `RwLock` | all permits, or one | first come, a writer holds up readers | waits | to the next |
//! | `CapacityLimiter` | a token | first come | waits | to the next |
//! | `Barrier` | a number | the one who completes, then first come | is of the next group | it has passed |
//! | `OnceCell` | the turn to make the value | first come | waits | to the next |
//! | `Queue` | the right to an item, or room for one | first come | waits | to the next |
//!
//! Nobody overtakes anybody, not even with a `try_` form between a release and the step of
//! the one who waited. The deadlocks that remain are those of the program: waiting for what
//! one holds oneself, or two tasks taking two locks in different orders.

pub(crate) mod holders;
pub(crate) mod desk;
pub(crate) mod wait_queue;
pub(crate) mod event;
pub(crate) mod notify;
pub(crate) mod lock;
pub(crate) mod condition;
pub(crate) mod semaphore;
pub(crate) mod bounded_semaphore;
pub(crate) mod rw_lock;
pub(crate) mod borrower;
pub(crate) mod capacity_limiter;
pub(crate) mod barrier;
pub(crate) mod once_cell;
pub(crate) mod closed;
pub(crate) mod queue_order;
pub(crate) mod queue_item;
pub(crate) mod queue_lines;
pub(crate) mod queue;
