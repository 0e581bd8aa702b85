//! What the copies name and loom does not have: parking_lot's lock, std's wakers, and the parts
//! of the loop that lie around the wake path.

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

/// std's wakers on loom's `Arc`, so that loom sees their clones come and go.
pub(crate) mod task {
    use loom::sync::Arc;

    pub(crate) trait Wake: 'static {
        fn wake(&self);
        fn wake_by_ref(&self);
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

pub(crate) mod timers {
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
