//! The interfaces of parking_lot, crossbeam-channel and `std::thread`, on shuttle's primitives.
//! Only what the thread pool uses.

pub(crate) mod lock {
    use std::ops::{Deref, DerefMut};
    use std::time::Instant;

    use shuttle::sync;

    #[derive(Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Mutex<T> {
            Mutex(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap()))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().unwrap()
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().unwrap()
        }
    }

    #[derive(Default)]
    pub(crate) struct Condvar(sync::Condvar);

    pub(crate) struct WaitTimeoutResult(bool);

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub(crate) const fn new() -> Condvar {
            Condvar(sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard.0.take().unwrap();
            guard.0 = Some(self.0.wait(inner).unwrap());
        }

        /// There is no clock in a model: a deadline comes at once, or not at all.
        pub(crate) fn wait_until<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _deadline: Instant,
        ) -> WaitTimeoutResult {
            if super::coin() {
                return WaitTimeoutResult(true);
            }
            self.wait(guard);
            WaitTimeoutResult(false)
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// One of shuttle's choices, so that each outcome is explored and can be replayed.
fn coin() -> bool {
    use shuttle::rand::Rng;
    shuttle::rand::thread_rng().gen_bool(0.5)
}

pub(crate) mod channel {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::time::Duration;

    use shuttle::sync::{Condvar, Mutex};

    struct Channel<T> {
        queue: Mutex<VecDeque<T>>,
        capacity: usize,
        moved: Condvar,
    }

    pub(crate) struct Sender<T>(Arc<Channel<T>>);
    pub(crate) struct Receiver<T>(Arc<Channel<T>>);

    #[derive(Debug)]
    pub(crate) enum TrySendError<T> {
        Full(T),
        #[allow(dead_code, reason = "both ends live as long as the pool")]
        Disconnected(T),
    }

    /// Nothing is there, or the time is up.
    #[derive(Debug)]
    pub(crate) struct Nothing;

    pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        bounded(usize::MAX)
    }

    pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (queue, moved) = (Mutex::new(VecDeque::new()), Condvar::new());
        let channel = Arc::new(Channel { queue, capacity, moved });
        (Sender(Arc::clone(&channel)), Receiver(channel))
    }

    impl<T> Sender<T> {
        pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
            let mut queue = self.0.queue.lock().unwrap();
            if queue.len() >= self.0.capacity {
                return Err(TrySendError::Full(value));
            }
            queue.push_back(value);
            self.0.moved.notify_all();
            Ok(())
        }

        pub(crate) fn send(&self, value: T) -> Result<(), Nothing> {
            let mut queue = self.0.queue.lock().unwrap();
            while queue.len() >= self.0.capacity {
                queue = self.0.moved.wait(queue).unwrap();
            }
            queue.push_back(value);
            self.0.moved.notify_all();
            Ok(())
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&self) -> Result<T, Nothing> {
            let value = self.0.queue.lock().unwrap().pop_front();
            self.0.moved.notify_all();
            value.ok_or(Nothing)
        }

        pub(crate) fn recv(&self) -> Result<T, Nothing> {
            let mut queue = self.0.queue.lock().unwrap();
            loop {
                if let Some(value) = queue.pop_front() {
                    self.0.moved.notify_all();
                    return Ok(value);
                }
                queue = self.0.moved.wait(queue).unwrap();
            }
        }

        /// The time is up at once, or never: that is where an idle thread leaves.
        pub(crate) fn recv_timeout(&self, _limit: Duration) -> Result<T, Nothing> {
            if super::coin() { self.try_recv() } else { self.recv() }
        }

        pub(crate) fn len(&self) -> usize {
            self.0.queue.lock().unwrap().len()
        }
    }
}

pub(crate) mod thread {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    pub(crate) use std::thread::available_parallelism;

    pub(crate) struct JoinHandle<T> {
        inner: shuttle::thread::JoinHandle<T>,
        finished: Arc<AtomicBool>,
    }

    impl<T> JoinHandle<T> {
        pub(crate) fn is_finished(&self) -> bool {
            self.finished.load(Ordering::SeqCst)
        }

        pub(crate) fn join(self) -> std::thread::Result<T> {
            self.inner.join()
        }
    }

    pub(crate) struct Builder(shuttle::thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Builder {
            Builder(shuttle::thread::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Builder {
            Builder(self.0.name(name))
        }

        pub(crate) fn stack_size(self, bytes: usize) -> Builder {
            Builder(self.0.stack_size(bytes))
        }

        pub(crate) fn spawn<F, T>(self, f: F) -> std::io::Result<JoinHandle<T>>
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            let finished = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&finished);
            let inner = self.0.spawn(move || {
                let value = f();
                flag.store(true, Ordering::SeqCst);
                value
            })?;
            Ok(JoinHandle { inner, finished })
        }
    }
}
