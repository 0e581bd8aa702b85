//! A tiny event loop, step 7: the real clock.
//!
//! ```text
//!   the main future: polled by block_on when it was woken
//!   waker --> [ woken tasks ] ----step-----+
//!   call_later --> [ timers ] -----due-----+
//!   call_soon -----------------------------+--> [ ready queue ] --> run_ready
//! ```
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What the loop calls, once.
type Callback = Box<dyn FnOnce()>;

/// The event loop. A clone is one more name for the same loop.
#[derive(Clone, Default)]
pub struct Loop {
    inner: Rc<Inner>,
}

/// What the clones share. Each part is borrowed for a moment only, never while foreign code runs.
#[derive(Default)]
struct Inner {
    /// Callbacks whose moment has come, oldest first.
    ready: RefCell<VecDeque<Callback>>,
    /// How far the virtual clock has come.
    clock: Cell<Duration>,
    /// When the real clock was started; without that, the clock is virtual.
    started: Option<Instant>,
    /// The timers' callbacks, by number.
    timers: RefCell<HashMap<u64, Callback>>,
    /// Deadline and number of each timer, the earliest on top. Some may be cancelled.
    deadlines: RefCell<BinaryHeap<Reverse<(Duration, u64)>>>,
    /// The number of the next timer.
    next_timer: Cell<u64>,
    /// The tasks that are not over, by number. The one that is being polled is not in here.
    tasks: RefCell<HashMap<u64, Task>>,
    /// The number of the next task. A number is never used again.
    next_task: Cell<u64>,
    /// The numbers of tasks that were woken. Wakers must be `Send`, hence the lock.
    woken: Arc<Mutex<Vec<u64>>>,
    /// How many turns there were.
    turns: Cell<u64>,
}

impl Loop {
    /// A loop with nothing to do, and a virtual clock that shows zero.
    pub fn new() -> Loop {
        Loop::default()
    }

    /// A loop whose clock is the real one.
    pub fn with_real_clock() -> Loop {
        let inner = Inner { started: Some(Instant::now()), ..Inner::default() };
        Loop { inner: Rc::new(inner) }
    }

    /// Puts `callback` at the back of the ready queue. It is never called at once.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.inner.ready.borrow_mut().push_back(Box::new(callback));
    }

    /// How much time has passed since the loop was made.
    pub fn now(&self) -> Duration {
        self.inner.started.map_or(self.inner.clock.get(), |started| started.elapsed())
    }

    /// Calls `callback` when `delay` has passed. The number is for `cancel_timer`.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> u64 {
        let number = next(&self.inner.next_timer);
        // The number breaks a tie: of two equal deadlines the older timer is on top.
        let deadline = self.now() + delay;
        self.inner.deadlines.borrow_mut().push(Reverse((deadline, number)));
        self.inner.timers.borrow_mut().insert(number, Box::new(callback));
        number
    }

    /// Takes a timer back. One that was called or cancelled already is no longer there.
    pub fn cancel_timer(&self, number: u64) {
        // Let the borrow end first: dropping the callback may run anybody's code.
        let callback = self.inner.timers.borrow_mut().remove(&number);
        drop(callback);
    }

    /// How many timers are set.
    pub fn live_timers(&self) -> usize {
        self.inner.timers.borrow().len()
    }

    /// How many turns there were.
    pub fn turns(&self) -> u64 {
        self.inner.turns.get()
    }

    /// One pass of the loop.
    pub fn turn(&self) {
        next(&self.inner.turns);
        self.collect_woken(); // 1. tasks that are worth asking
        self.wait(); // 2. nothing is ready: sleep until something may be
        self.collect_due(); // 3. timers whose moment has come
        self.run_ready(); // 4. the only place where callbacks are called
    }

    /// Turns until there is nothing left to do.
    pub fn run(&self) {
        while self.has_work() {
            self.turn();
        }
    }

    /// Turns until `future` is ready, and gives back its output.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let main = Arc::new(MainWaker { woken: AtomicBool::new(true), thread: thread::current() });
        let waker = Waker::from(main.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            // Polled only when it was woken. The first time it is polled in any case.
            if main.woken.swap(false, Ordering::AcqRel) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            } else if self.has_work() {
                self.turn();
            } else {
                // Only another thread can help now. `unpark` before `park` is not lost.
                thread::park();
            }
        }
    }

    /// Hands a task to the loop. It is polled in the next turn, and then whenever it was woken. What
    /// comes back is the task's output, later. Whoever drops it detaches the task.
    pub fn spawn<F>(&self, future: F) -> Later<F::Output>
    where
        F: Future + 'static,
    {
        let (promise, output) = self.promise();
        let future = async move {
            // An error would mean that it was resolved before, and nobody else has the promise.
            let _ = promise.resolve(future.await);
        };
        let number = next(&self.inner.next_task);
        let woken = self.inner.woken.clone();
        let waker = Arc::new(TaskWaker { number, scheduled: AtomicBool::new(false), woken });
        let task = Task { future: Box::pin(future), waker: waker.clone() };
        self.inner.tasks.borrow_mut().insert(number, task);
        waker.wake();
        output
    }

    /// A future that is ready when `delay` has passed.
    pub fn sleep(&self, delay: Duration) -> Sleep {
        Sleep { on: self.clone(), deadline: self.now() + delay, timer: None }
    }

    /// An empty box with two ends: one gives a value, once, and the other has it later.
    pub fn promise<T: 'static>(&self) -> (Promise<T>, Later<T>) {
        let shared = Rc::new(RefCell::new(Stage::Empty));
        let promise = Promise { on: self.clone(), stage: shared.clone() };
        (promise, Later { on: self.clone(), stage: shared })
    }

    /// Whether anything can still happen.
    fn has_work(&self) -> bool {
        self.has_ready() || !self.inner.timers.borrow().is_empty()
    }

    /// Whether anything can be called now.
    fn has_ready(&self) -> bool {
        !self.inner.ready.borrow().is_empty() || !self.inner.woken.lock().unwrap().is_empty()
    }

    /// When the next timer is due. The cancelled ones above it are thrown away.
    fn next_deadline(&self) -> Option<Duration> {
        let mut deadlines = self.inner.deadlines.borrow_mut();
        let timers = self.inner.timers.borrow();
        while let Some(Reverse((deadline, number))) = deadlines.peek() {
            if timers.contains_key(number) {
                return Some(*deadline);
            }
            deadlines.pop();
        }
        None
    }

    /// With nothing ready, sleeps until the next deadline. A virtual clock moves there at once.
    fn wait(&self) {
        if self.has_ready() {
            return;
        }
        let Some(deadline) = self.next_deadline() else { return };
        if self.inner.started.is_some() {
            thread::park_timeout(deadline.saturating_sub(self.now()));
        } else {
            self.inner.clock.set(deadline.max(self.now()));
        }
    }

    /// Moves the timers that are due into the ready queue.
    fn collect_due(&self) {
        while self.next_deadline().is_some_and(|deadline| deadline <= self.now()) {
            let top = self.inner.deadlines.borrow_mut().pop();
            let Some(Reverse((_, number))) = top else { return };
            let callback = self.inner.timers.borrow_mut().remove(&number);
            self.inner.ready.borrow_mut().extend(callback);
        }
    }

    /// Makes a step of each task that was woken: one callback in the ready queue.
    fn collect_woken(&self) {
        let woken = std::mem::take(&mut *self.inner.woken.lock().unwrap());
        for number in woken {
            let on = self.clone();
            self.call_soon(move || on.step(number));
        }
    }

    /// Polls one task.
    fn step(&self, number: u64) {
        // Taken out of the table meanwhile: the task may spawn others.
        let task = self.inner.tasks.borrow_mut().remove(&number);
        let Some(mut task) = task else { return }; // it was woken after its end
        // First the mark, then the poll: who wakes it during the poll wants another one.
        task.waker.scheduled.store(false, Ordering::Release);
        let waker = Waker::from(task.waker.clone());
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.inner.tasks.borrow_mut().insert(number, task);
        }
    }

    /// Calls what is ready now.
    fn run_ready(&self) {
        // Counted first: what is added meanwhile waits for the next turn.
        let count = self.inner.ready.borrow().len();
        for _ in 0..count {
            // Take, let the borrow end, then call: the callback may come back here.
            let callback = self.inner.ready.borrow_mut().pop_front();
            if let Some(callback) = callback {
                callback();
            }
        }
    }
}

/// The number in `counter`, which then counts one more.
fn next(counter: &Cell<u64>) -> u64 {
    counter.replace(counter.get() + 1)
}

/// How far a value has come.
enum Stage<T> {
    /// Nobody has resolved it, and nobody waits.
    Empty,
    /// A callback waits for it.
    Awaited(Box<dyn FnOnce(T)>),
    /// A task waits for it.
    Polled(Waker),
    /// It is there.
    Full(T),
    /// It was there, and somebody has it now.
    Over,
}

/// The giving end of a value that comes later.
pub struct Promise<T> {
    on: Loop,
    stage: Rc<RefCell<Stage<T>>>,
}

/// The receiving end of a value that comes later: a future.
pub struct Later<T> {
    on: Loop,
    stage: Rc<RefCell<Stage<T>>>,
}

impl<T: 'static> Promise<T> {
    /// Puts the value into the box. Whoever waits goes on in the next turn, never in here.
    /// The second time it is refused, and the value comes back.
    pub fn resolve(&self, value: T) -> Result<(), T> {
        let before = self.stage.replace(Stage::Over);
        match before {
            Stage::Empty => {
                self.stage.replace(Stage::Full(value));
            }
            Stage::Awaited(callback) => self.on.call_soon(move || callback(value)),
            Stage::Polled(waker) => {
                self.stage.replace(Stage::Full(value));
                waker.wake();
            }
            Stage::Full(_) | Stage::Over => {
                self.stage.replace(before);
                return Err(value);
            }
        }
        Ok(())
    }
}

impl<T: 'static> Later<T> {
    /// Has `callback` called with the value, in a turn after the value has come.
    pub fn on_done(self, callback: impl FnOnce(T) + 'static) {
        match self.stage.replace(Stage::Over) {
            Stage::Full(value) => self.on.call_soon(move || callback(value)),
            Stage::Over => {}
            Stage::Empty | Stage::Awaited(_) | Stage::Polled(_) => {
                self.stage.replace(Stage::Awaited(Box::new(callback)));
            }
        }
    }
}

impl<T> Future for Later<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.stage.replace(Stage::Over) {
            Stage::Full(value) => Poll::Ready(value),
            Stage::Over => panic!("do not poll a future after its end: the value was taken"),
            Stage::Empty | Stage::Awaited(_) | Stage::Polled(_) => {
                // The newest waker counts: the future may have moved to another task.
                self.stage.replace(Stage::Polled(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

/// Wakes the main future: it leaves a mark and gets the thread out of bed.
struct MainWaker {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// A future that the loop owns.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Arc<TaskWaker>,
}

/// Wakes a task: it puts the task's number into the list of the woken, unless it is there already.
struct TaskWaker {
    number: u64,
    scheduled: AtomicBool,
    woken: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            self.woken.lock().unwrap().push(self.number);
        }
    }
}

/// A future that is ready at its deadline. Dropping it takes its timer back.
pub struct Sleep {
    on: Loop,
    deadline: Duration,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.deadline.saturating_sub(self.on.now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        // A new timer with the newest waker, instead of the one that an earlier poll has set.
        let waker = cx.waker().clone();
        let timer = self.on.call_later(left, move || waker.wake());
        if let Some(old) = self.timer.replace(timer) {
            self.on.cancel_timer(old);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.on.cancel_timer(timer);
        }
    }
}
