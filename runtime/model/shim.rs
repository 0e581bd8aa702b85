//! What the copies name and loom does not have: parking_lot's lock, std's wakers, a condition to
//! wait for, and the parts of the loop that lie around the wake path.

/// parking_lot's `Mutex`, on loom's.
pub(crate) mod lock {
    use loom::sync::MutexGuard;

    #[derive(Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

/// std's locks, on loom's. loom has no time, so nobody's patience ends.
pub(crate) mod sync {
    use std::sync::LockResult;
    use std::time::Duration;

    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Condvar {
            Condvar(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            mut waits: impl FnMut(&mut T) -> bool,
        ) -> LockResult<MutexGuard<'a, T>> {
            while waits(&mut guard) {
                guard = self.0.wait(guard)?;
            }
            Ok(guard)
        }

        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _limit: Duration,
            waits: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, bool)> {
            let guard = self.wait_while(guard, waits).unwrap_or_else(PoisonError::into_inner);
            Ok((guard, false))
        }
    }
}

/// std's wakers on loom's `Arc`, so that loom sees their clones come and go.
pub(crate) mod task {
    use loom::sync::Arc;

    pub(crate) trait Wake: 'static {
        fn wake(&self);

        fn wake_by_ref(&self) {
            self.wake();
        }
    }

    trait CloneWake {
        fn clone_boxed(&self) -> Box<dyn CloneWake>;
        fn wake_by_ref(&self);
    }

    impl<W: Wake> CloneWake for Arc<W> {
        fn clone_boxed(&self) -> Box<dyn CloneWake> {
            Box::new(Arc::clone(self))
        }

        fn wake_by_ref(&self) {
            W::wake_by_ref(self);
        }
    }

    pub(crate) struct Waker(Box<dyn CloneWake>);

    impl Waker {
        pub(crate) fn wake(self) {
            self.0.wake_by_ref();
        }
    }

    impl Clone for Waker {
        fn clone(&self) -> Waker {
            Waker(self.0.clone_boxed())
        }
    }

    impl<W: Wake> From<Arc<W>> for Waker {
        fn from(wake: Arc<W>) -> Waker {
            Waker(Box::new(wake))
        }
    }

    pub(crate) struct Context<'a>(&'a Waker);

    impl<'a> Context<'a> {
        pub(crate) fn from_waker(waker: &'a Waker) -> Context<'a> {
            Context(waker)
        }

        pub(crate) fn waker(&self) -> &'a Waker {
            self.0
        }
    }

    // loom runs each model inside one real thread: nothing is ever really shared.
}

/// The reactor's bell and sleep: the system remembers a ring, and the next wait ends at once.
pub(crate) mod reactor {
    use std::os::fd::RawFd;

    use loom::sync::{Arc, Condvar, Mutex};

    #[derive(Clone, Copy)]
    pub(crate) struct WaitKey;

    #[derive(Clone, Default)]
    pub(crate) struct Bell(Arc<(Mutex<Rings>, Condvar)>);

    #[derive(Default)]
    struct Rings {
        unheard: bool,
        total: usize,
    }

    impl Bell {
        pub(crate) fn ring(&self) {
            let mut rings = self.0.0.lock().unwrap();
            rings.unheard = true;
            rings.total += 1;
            self.0.1.notify_one();
        }

        /// The loop's sleep without a time limit.
        pub(crate) fn wait(&self) {
            let mut rings = self.0.0.lock().unwrap();
            while !rings.unheard {
                rings = self.0.1.wait(rings).unwrap();
            }
            rings.unheard = false;
        }

        pub(crate) fn times_rung(&self) -> usize {
            self.0.0.lock().unwrap().total
        }

        pub(crate) fn deregister(&self, _fd: RawFd) {}
    }
}

pub(crate) mod timer_table {
    #[derive(Clone, Copy)]
    pub(crate) struct TimerKey;
}

/// What a stuck loop lists; nothing here is ever stuck in that way.
pub(crate) mod error {
    pub(crate) struct Stuck;
}

pub(crate) mod observer {
    /// Nothing is observed here.
    pub(crate) enum Event {}
}

/// No step is being taken: every wake goes through the door.
pub(crate) mod own_step {
    pub(crate) fn ask_for_another(_waker: *const ()) -> bool {
        false
    }
}

/// How asking a loop from another thread fails, as far as a reply knows it.
pub(crate) mod bridge {
    pub(crate) mod remote_error {
        #[derive(Debug, PartialEq, Eq)]
        pub(crate) enum RemoteError {
            LoopClosed,
            Taken,
        }
    }
}
