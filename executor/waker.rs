//! Wakers: how a task is told to go on.
//!
//! A `Waker` must work from any thread and at any time, even when its loop is gone. Ours is
//! a key and the loop's door: at home a wake sets a flag and queues a number; elsewhere it
//! leaves a message.
//!
//! Most polls never clone the waker that they are lent. So wakers are not made for tasks:
//! the table keeps a *spare* one, writes the polled task's key on it, and takes it back
//! afterwards. Only if somebody has kept a clone does the task keep that waker.
//!
//! ```text
//!   spare waker --(key 7)--> poll --> nobody kept a clone --> spare again
//!                                 \-> a clone was kept ----> belongs to task 7
//! ```
//!
//! # Invariants
//! - A waker's key changes only while no clone of it exists.
//! - A wake for a task that is gone does nothing; a wake too many costs one useless poll.
//! - However often other threads wake a task before its next step, one message is left for it.
//!
//! Tutorial: chapter 6. Before this: `own_step.rs`. After this: `told.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::{Wake, Waker};

use roundelay_runtime::{Key, LoopProxy};

use crate::own_step;

struct TaskWaker {
    door: LoopProxy,
    /// The task to wake, as [`Key::to_bits`].
    key: AtomicU64,
    /// Another thread has left a message for the task, which has not looked since.
    told: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if own_step::ask_for_another(Arc::as_ptr(self).cast()) {
            return;
        }
        let key = Key::from_bits(self.key.load(Ordering::Relaxed));
        // Whoever finds it set was second, and the first one's message is not looked at yet.
        self.door.notify_unless(key, || self.told.swap(true, Ordering::AcqRel));
    }
}

/// A waker that can be lent to one task after another.
pub(crate) struct LentWaker {
    /// The same object twice: to write the key, and to hand out.
    shared: Arc<TaskWaker>,
    waker: Waker,
}

impl LentWaker {
    /// Boxed: it is passed about at every poll, and a pointer is passed in a register.
    pub(crate) fn new(door: LoopProxy) -> Box<LentWaker> {
        let shared =
            Arc::new(TaskWaker { door, key: AtomicU64::new(0), told: AtomicBool::new(false) });
        Box::new(LentWaker { waker: Waker::from(Arc::clone(&shared)), shared })
    }

    /// Writes a task's key on it. Nobody may hold a clone.
    pub(crate) fn lend_to(&self, key: Key) {
        debug_assert!(!self.was_kept(), "a waker changes its task only when nobody holds it");
        // Pairs with the release in the drop of the last clone: whoever held it has read the
        // old key by now.
        fence(Ordering::Acquire);
        self.shared.key.store(key.to_bits(), Ordering::Relaxed);
        self.shared.told.store(false, Ordering::Relaxed);
    }

    /// The task whose own waker this is takes a step.
    #[inline]
    pub(crate) fn looks(&self) {
        // What others have written before they found it set is seen from here on: an exchange reads
        // what the last of them wrote. To ask first is enough, for whoever set it left a message,
        // which comes after that.
        if self.shared.told.load(Ordering::Relaxed) {
            self.shared.told.swap(false, Ordering::AcqRel);
        }
    }

    /// Whether somebody holds a clone.
    pub(crate) fn was_kept(&self) -> bool {
        Arc::strong_count(&self.shared) > 2
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}
