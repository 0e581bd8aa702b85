//! Promises about bad company: whatever user code does in its wakers, futures, callbacks,
//! destructors, failure handlers and observers, the loop goes on and everything is given back.
//!
//! Contracts 5, 6 and 7 of the house; bug classes B2 to B4, B14 and B15.
//!
//! A *storm* is a random program in which every place where user code runs may do anything that
//! the runtime offers: spawn, cancel, wait, let go, close, stop, run a loop inside the loop,
//! panic. Whatever a storm does, it must hold afterwards that
//!
//! - the run has ended, and nobody but the storm itself has panicked;
//! - every future and callback was dropped, and so was every output, item and payload;
//! - every permit is back, and every place in the queue can be used;
//! - every task that was spawned has ended, once.
//!
//! Storms stop by themselves: each has so many acts, and so many spawns.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use roundelay::{
    BroadcastSender, CallHandle, CancelScope, CancelToken, CancellableGroup, Condition,
    ContextScope, ContextValues, ContextVar, EventLoop, Failure, FailureKind, FailurePolicy, Lock,
    Moment, OnDone, Permit, Promise, Queue, RunError, Runner, Semaphore, Sender, Task, TaskBuilder,
    TaskGroup, broadcast, cancellable_group, channel, current_loop, gather, gather_all,
    move_on_after, promise, race_tasks, runtime::Event, select, sleep, spawn, task_group, timeout,
    to_thread, try_gather, with_cleanup, yield_now,
};
use support::{
    Counter, Ended, in_a_process, length, ms, must_end, on_drop, races, reporting_runner, rounds,
    run_virtual,
};

// ---- the storm's vocabulary -------------------------------------------------------------------

/// Where user code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Poll,
    Drop,
    Call,
    Wake,
    WakerDrop,
    Handler,
    Observer,
    Body,
}

const PLACES: [Place; 8] = [
    Place::Poll,
    Place::Drop,
    Place::Call,
    Place::Wake,
    Place::WakerDrop,
    Place::Handler,
    Place::Observer,
    Place::Body,
];

/// What it does there. A number chooses among what there is, counted around.
#[derive(Clone, Copy, Debug)]
enum Act {
    Spawn(u8),
    SpawnDetached(u8),
    SpawnReporting(u8),
    SpawnInGroup(u8),
    SpawnEager(u8),
    OnDone(u8),
    RemoveOnDone(u8),
    CancelScope(u8),
    DropScope(u8),
    CancelToken(u8),
    DropToken(u8),
    Send(u8),
    DropSender(u8),
    Broadcast(u8),
    DropBroadcast(u8),
    Notify,
    SetVariable,
    CancelTask(u8),
    DropTask(u8),
    TakeOutcome(u8),
    CancelGroup(u8),
    DropGroup(u8),
    CallSoon,
    CallLater(u8),
    CancelCall(u8),
    /// Polls a new future by hand, with an evil waker, and keeps it.
    Begin(u8),
    /// Polls one that was kept, with another waker.
    PollAgain(u8),
    DropFuture(u8),
    Resolve(u8),
    Abandon(u8),
    TryAcquire,
    Release(u8),
    TryPut,
    TryGet,
    CloseQueue,
    KeepWaker,
    Wake(u8),
    WakeElsewhere(u8),
    DropWaker(u8),
    Stop,
    StopThroughTheDoor,
    RunInside,
    LoopInside,
    RunnerInside(u8),
    Report,
    Panic,
    PanicWithPayload,
}

fn all_acts(n: u8) -> Vec<Act> {
    use Act::*;
    vec![
        Spawn(n),
        SpawnDetached(n),
        SpawnReporting(n),
        SpawnInGroup(n),
        SpawnEager(n),
        OnDone(n),
        RemoveOnDone(n),
        CancelScope(n),
        DropScope(n),
        CancelToken(n),
        DropToken(n),
        Send(n),
        DropSender(n),
        Broadcast(n),
        DropBroadcast(n),
        Notify,
        SetVariable,
        CancelTask(n),
        DropTask(n),
        TakeOutcome(n),
        CancelGroup(n),
        DropGroup(n),
        CallSoon,
        CallLater(n),
        CancelCall(n),
        Begin(n),
        PollAgain(n),
        DropFuture(n),
        Resolve(n),
        Abandon(n),
        TryAcquire,
        Release(n),
        TryPut,
        TryGet,
        CloseQueue,
        KeepWaker,
        Wake(n),
        WakeElsewhere(n),
        DropWaker(n),
        Stop,
        StopThroughTheDoor,
        RunInside,
        LoopInside,
        RunnerInside(n),
        Report,
        Panic,
        PanicWithPayload,
    ]
}

/// When the runner goes.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// After everything that the storm keeps.
    Last,
    /// Before it: handles outlive their loop.
    First,
    WhileUnwinding,
    InsideAnotherRun,
    InsideACallback,
}

#[derive(Clone, Debug)]
struct Storm {
    /// Done one after the other, wherever the next occasion is.
    acts: Vec<Act>,
    /// Every how many occasions of its kind a place does something, or [`NEVER`].
    periods: [u8; 8],
    /// If so, only this place does anything, at its so manieth occasion.
    only: Option<(Place, u8)>,
    policy: u8,
    observed: bool,
    seed: u8,
    ending: Ending,
}

const NEVER: u8 = 11;

fn storms() -> impl Strategy<Value = Storm> {
    let act = any::<u8>().prop_flat_map(|n| prop::sample::select(all_acts(n)));
    let endings = [
        Ending::Last,
        Ending::First,
        Ending::WhileUnwinding,
        Ending::InsideAnotherRun,
        Ending::InsideACallback,
    ];
    let periods = prop::array::uniform8(1..=NEVER);
    let ending = prop::sample::select(endings.to_vec());
    let acts = prop::collection::vec(act, 0..length(120));
    (acts, periods, 0..3_u8, any::<bool>(), any::<u8>(), ending).prop_map(
        |(acts, periods, policy, observed, seed, ending)| Storm {
            acts,
            periods,
            only: None,
            policy,
            observed,
            seed,
            ending,
        },
    )
}

// ---- the world of a storm -----------------------------------------------------------------------

const PERMITS: usize = 2;
const ROOM: usize = 2;
const MOST_SPAWNS: usize = 300;
const DEEPEST: usize = 12;

type Leaf = Pin<Box<dyn Future<Output = ()>>>;

/// How many there were, and how many there are no more.
#[derive(Clone, Default)]
struct Balance {
    /// Atomic, because a waker may end on the thread that wakes it.
    counts: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Balance {
    fn birth(&self) {
        self.counts.0.fetch_add(1, Ordering::SeqCst);
    }

    fn death(&self) {
        self.counts.1.fetch_add(1, Ordering::SeqCst);
    }

    fn take_stock(&self) -> (usize, usize) {
        (self.counts.0.load(Ordering::SeqCst), self.counts.1.load(Ordering::SeqCst))
    }
}

/// What a storm has in its hands.
struct World {
    acts: RefCell<VecDeque<Act>>,
    periods: [u8; 8],
    only: Cell<Option<(Place, u8)>>,
    occasions: RefCell<[usize; 8]>,
    depth: Cell<usize>,
    spawns: Cell<usize>,
    /// Futures, callbacks, wakers and what they hold.
    owners: Balance,
    /// What travels: outputs, items, payloads.
    values: Balance,
    /// A panic has come out of a destructor. The compiler leaks what is being returned at such
    /// a moment (rust-lang/rust#47949), so the values need not balance any more.
    values_may_leak: Cell<bool>,
    wants_waker: Cell<bool>,
    complaints: RefCell<Vec<String>>,
    /// Of every task that the observer heard of: how often it has ended.
    ends: RefCell<BTreeMap<u64, usize>>,
    tasks: RefCell<Vec<Task<Evil>>>,
    groups: RefCell<Vec<CancellableGroup<Evil>>>,
    calls: RefCell<Vec<CallHandle>>,
    futures: RefCell<Vec<Leaf>>,
    promises: RefCell<Vec<Promise<Evil>>>,
    permits: RefCell<Vec<Permit>>,
    wakers: RefCell<Vec<Waker>>,
    queues: RefCell<Vec<Queue<Evil>>>,
    semaphore: Semaphore,
    done: RefCell<Vec<OnDone>>,
    scopes: RefCell<Vec<CancelScope>>,
    tokens: RefCell<Vec<CancelToken>>,
    senders: RefCell<Vec<Sender<Evil>>>,
    broadcasts: RefCell<Vec<BroadcastSender<Evil>>>,
    lock: Lock<()>,
    condition: Condition<()>,
}

/// What tasks inherit.
static INHERITED: ContextVar<Evil> = ContextVar::new("inherited");

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static UNEXPECTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn world() -> Option<Rc<World>> {
    WORLD.try_with(|world| world.borrow().clone()).ok().flatten()
}

/// User code runs at `place`: if it is its turn, it does the next act.
fn misbehave(place: Place) {
    let Some(world) = world() else { return };
    if world.depth.get() >= DEEPEST {
        return;
    }
    let Some(act) = world.next_act(place) else { return };
    world.depth.set(world.depth.get() + 1);
    let depth = Rc::clone(&world);
    let _up = on_drop(move || depth.depth.set(depth.depth.get() - 1));
    if std::thread::panicking() {
        // A destructor must not let a second panic out, whoever's it is.
        let outcome = catch_unwind(AssertUnwindSafe(|| world.perform(act)));
        drop_with_care(outcome);
    } else {
        let _witness = Witness { world: Rc::clone(&world), place };
        world.perform(act);
    }
}

/// Notes a panic that comes out of a destructor.
struct Witness {
    world: Rc<World>,
    place: Place,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() && matches!(self.place, Place::Drop | Place::WakerDrop) {
            self.world.values_may_leak.set(true);
        }
    }
}

/// Drops a value whose destructor may panic, and the payload of that, too.
fn drop_with_care<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_with_care(payload);
    }
}

/// Takes one out, so that nothing is borrowed while it is used.
fn take<T>(from: &RefCell<Vec<T>>, n: u8) -> Option<T> {
    let mut from = from.borrow_mut();
    let length = from.len();
    (length > 0).then(|| from.swap_remove(usize::from(n) % length))
}

fn keep<T>(into: &RefCell<Vec<T>>, value: T) {
    into.borrow_mut().push(value);
}

impl World {
    fn new(storm: &Storm) -> World {
        let lock = Lock::new(());
        World {
            acts: RefCell::new(storm.acts.iter().copied().collect()),
            periods: storm.periods,
            only: Cell::new(storm.only),
            occasions: RefCell::default(),
            depth: Cell::new(0),
            spawns: Cell::new(0),
            owners: Balance::default(),
            values: Balance::default(),
            values_may_leak: Cell::new(false),
            wants_waker: Cell::new(false),
            complaints: RefCell::default(),
            ends: RefCell::default(),
            tasks: RefCell::default(),
            groups: RefCell::default(),
            calls: RefCell::default(),
            futures: RefCell::default(),
            promises: RefCell::default(),
            permits: RefCell::default(),
            wakers: RefCell::default(),
            queues: RefCell::new(vec![Queue::bounded(ROOM)]),
            semaphore: Semaphore::new(PERMITS),
            done: RefCell::default(),
            scopes: RefCell::default(),
            tokens: RefCell::default(),
            senders: RefCell::default(),
            broadcasts: RefCell::default(),
            condition: Condition::new(&lock),
            lock,
        }
    }

    fn complain(&self, complaint: impl Into<String>) {
        keep(&self.complaints, complaint.into());
    }

    fn next_act(&self, place: Place) -> Option<Act> {
        if let Some((only, skip)) = self.only.get() {
            if only != place || skip == u8::MAX {
                return None;
            }
            self.only.set(Some((only, skip.wrapping_sub(1))));
            return if skip == 0 { self.acts.borrow_mut().pop_front() } else { None };
        }
        let at = PLACES.iter().position(|&other| other == place).unwrap();
        let mut occasions = self.occasions.borrow_mut();
        occasions[at] += 1;
        let period = self.periods[at];
        let is_due = period != NEVER && occasions[at].is_multiple_of(usize::from(period));
        is_due.then(|| self.acts.borrow_mut().pop_front()).flatten()
    }

    /// Whether one more task may be spawned.
    fn may_spawn(&self) -> bool {
        self.spawns.set(self.spawns.get() + 1);
        self.spawns.get() <= MOST_SPAWNS
    }

    fn queue(&self) -> Queue<Evil> {
        self.queues.borrow().last().unwrap().clone()
    }

    fn perform(&self, act: Act) {
        match act {
            Act::Spawn(n) if self.may_spawn() => keep(&self.tasks, spawn(EvilFuture::new(n, 0))),
            Act::SpawnDetached(n) if self.may_spawn() => spawn(EvilFuture::new(n, 0)).detach(),
            Act::SpawnReporting(n) if self.may_spawn() => {
                let future = EvilFuture::new(n, 1);
                spawn(async move {
                    let evil = future.await;
                    if n % 2 == 0 { Ok(evil) } else { Err("evil error") }
                })
                .report_errors();
            }
            Act::SpawnInGroup(n) if self.may_spawn() => {
                let Some(group) = take(&self.groups, n) else { return };
                let future = EvilFuture::new(n, 1);
                drop(group.spawn(async move { Ok(future.await) }));
                keep(&self.groups, group);
            }
            Act::SpawnEager(n) if self.may_spawn() => {
                keep(&self.tasks, TaskBuilder::new().eager().spawn(EvilFuture::new(n, 1)));
            }
            Act::Spawn(_) | Act::SpawnDetached(_) | Act::SpawnEager(_) => {}
            Act::SpawnReporting(_) | Act::SpawnInGroup(_) => {}
            Act::OnDone(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                let owner = Owner::new();
                keep(&self.done, task.on_done(move |_| owner.call()));
                keep(&self.tasks, task);
            }
            Act::RemoveOnDone(n) => {
                let Some(done) = take(&self.done, n) else { return };
                done.remove();
                if done.remove() {
                    self.complain("a callback was removed twice");
                }
            }
            Act::CancelScope(n) => {
                let Some(scope) = take(&self.scopes, n) else { return };
                scope.cancel();
                keep(&self.scopes, scope);
            }
            Act::DropScope(n) => drop(take(&self.scopes, n)),
            Act::CancelToken(n) => {
                let Some(token) = take(&self.tokens, n) else { return };
                token.cancel();
                if !token.is_cancelled() || token.cancel() {
                    self.complain("a token that is cancelled and does not know it");
                }
            }
            Act::DropToken(n) => drop(take(&self.tokens, n)),
            Act::Send(n) => {
                let Some(sender) = take(&self.senders, n) else { return };
                drop(sender.try_send(Evil::new()));
                keep(&self.senders, sender);
            }
            Act::DropSender(n) => drop(take(&self.senders, n)),
            Act::Broadcast(n) => {
                let Some(sender) = take(&self.broadcasts, n) else { return };
                drop(sender.send(Evil::new()));
                keep(&self.broadcasts, sender);
            }
            Act::DropBroadcast(n) => drop(take(&self.broadcasts, n)),
            Act::Notify => {
                if let Some(guard) = self.lock.try_lock() {
                    self.condition.notify_all(&guard);
                }
            }
            Act::SetVariable => drop(INHERITED.set(Evil::new())),
            Act::CancelTask(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                task.cancel();
                keep(&self.tasks, task);
            }
            Act::DropTask(n) => drop(take(&self.tasks, n)),
            Act::TakeOutcome(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                match task.try_outcome() {
                    Ok(outcome) => drop(outcome),
                    Err(task) => keep(&self.tasks, task),
                }
            }
            Act::CancelGroup(n) => {
                let Some(group) = take(&self.groups, n) else { return };
                group.cancel();
                keep(&self.groups, group);
            }
            Act::DropGroup(n) => drop(take(&self.groups, n)),
            Act::CallSoon => {
                let Some(home) = current_loop() else { return };
                let owner = Owner::new();
                if let Ok(handle) = home.call_soon(move || owner.call()) {
                    keep(&self.calls, handle);
                }
            }
            Act::CallLater(n) => {
                let Some(home) = current_loop() else { return };
                let owner = Owner::new();
                let delay = ms(u64::from(n % 4));
                if let Ok(handle) = home.call_later(delay, move || owner.call()) {
                    keep(&self.calls, handle);
                }
            }
            Act::CancelCall(n) => {
                let Some(handle) = take(&self.calls, n) else { return };
                let waits = handle.is_waiting();
                if handle.cancel() != waits || handle.cancel() || handle.is_waiting() {
                    self.complain("a handle that does not know whether it waits");
                }
            }
            Act::Begin(n) => self.poll_by_hand(leaf(n, 1)),
            Act::PollAgain(n) => {
                let Some(future) = take(&self.futures, n) else { return };
                self.poll_by_hand(future);
            }
            Act::DropFuture(n) => drop(take(&self.futures, n)),
            Act::Resolve(n) => {
                let Some(promise) = take(&self.promises, n) else { return };
                let awaited = promise.is_awaited();
                if promise.resolve(Evil::new()).is_ok() != awaited {
                    self.complain("a promise that does not know whether it is awaited");
                }
            }
            Act::Abandon(n) => drop(take(&self.promises, n)),
            Act::TryAcquire => {
                if let Some(permit) = self.semaphore.try_acquire() {
                    keep(&self.permits, permit);
                }
            }
            Act::Release(n) => drop(take(&self.permits, n)),
            Act::TryPut => drop(self.queue().try_put(Evil::new())),
            Act::TryGet => drop(self.queue().try_get()),
            Act::CloseQueue => {
                let closed = self.queue();
                if self.queues.borrow().len() < 5 {
                    keep(&self.queues, Queue::bounded(ROOM));
                    closed.close();
                }
            }
            Act::KeepWaker => self.wants_waker.set(true),
            Act::Wake(n) => {
                if let Some(waker) = take(&self.wakers, n) {
                    waker.wake();
                }
            }
            Act::WakeElsewhere(n) => {
                if let Some(waker) = take(&self.wakers, n) {
                    std::thread::spawn(move || waker.wake()).join().unwrap();
                }
            }
            Act::DropWaker(n) => drop(take(&self.wakers, n)),
            Act::Stop => {
                if let Some(home) = current_loop() {
                    home.stop();
                }
            }
            Act::StopThroughTheDoor => {
                if let Some(home) = current_loop() {
                    home.proxy().stop();
                }
            }
            Act::RunInside => self.run_inside(),
            Act::LoopInside => {
                let inner = EventLoop::builder().virtual_clock().build().unwrap();
                for delay in [0, 3] {
                    let owner = Owner::new();
                    let _ = inner.call_later(ms(delay), move || owner.call());
                }
                let owner = Owner::new();
                let _ = inner.proxy().call_soon_threadsafe(move || owner.call());
            }
            Act::RunnerInside(n) => {
                let inner = Runner::builder().virtual_clock().build().unwrap();
                let owner = Owner::new();
                let _ = inner.loop_ref().call_soon(move || owner.call());
                if self.may_spawn() && current_loop().is_none() {
                    drop(inner.run(async move { spawn(EvilFuture::new(n, 2)).detach() }));
                }
            }
            Act::Report => {
                if let Some(home) = current_loop() {
                    home.report(Failure::new(FailureKind::TaskFailed, "evil", "evil report"));
                }
            }
            Act::Panic if !std::thread::panicking() => panic!("evil"),
            Act::PanicWithPayload if !std::thread::panicking() => panic_any(Evil::new()),
            Act::Panic | Act::PanicWithPayload => {}
        }
    }

    fn poll_by_hand(&self, mut future: Leaf) {
        let waker = evil_waker(None);
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            keep(&self.futures, future);
        }
    }

    fn run_inside(&self) {
        let outer = current_loop();
        let inner = Runner::builder().virtual_clock().build().unwrap();
        let outcome = inner.run(async { yield_now().await });
        match outcome {
            Err(RunError::Nested { .. }) if outer.is_some() => {}
            Ok(()) if outer.is_none() => {}
            // The storm's own wakers may stop any loop, so also this one.
            Err(RunError::Stopped) if outer.is_none() => {}
            outcome => self.complain(format!("a run inside {outer:?} gave {outcome:?}")),
        }
    }

    /// Lets go of everything, also of what that brings about.
    fn clear(&self) {
        for _ in 0..1000 {
            fn all<T>(from: &RefCell<Vec<T>>) -> bool {
                let all = from.take();
                let any = !all.is_empty();
                for one in all {
                    drop_with_care(one);
                }
                any
            }
            let any = all(&self.futures)
                | all(&self.tasks)
                | all(&self.groups)
                | all(&self.calls)
                | all(&self.promises)
                | all(&self.done)
                | all(&self.scopes)
                | all(&self.tokens)
                | all(&self.senders)
                | all(&self.broadcasts)
                | all(&self.permits)
                | all(&self.wakers);
            let queues = self.queues.borrow().clone();
            let items = queues.iter().find_map(|queue| queue.try_get().ok());
            if !any && items.is_none() {
                return;
            }
            drop_with_care(items);
        }
        self.complain("it never comes to an end");
    }

    /// What must be true when everything is over.
    fn check(&self) {
        self.acts.borrow_mut().clear();
        for (what, balance) in [("owners", &self.owners), ("values", &self.values)] {
            let (born, died) = balance.take_stock();
            let may_leak = what == "values" && self.values_may_leak.get();
            if died > born || (died < born && !may_leak) {
                self.complain(format!("{born} {what} were born and {died} have died"));
            }
        }
        let (free, waiting) = (self.semaphore.available_permits(), self.semaphore.waiting());
        if (free, waiting) != (PERMITS, 0) {
            self.complain(format!("{free} of {PERMITS} permits are back, {waiting} wait"));
        }
        let in_line = (self.lock.waiting(), self.condition.waiting());
        if self.lock.is_locked() || in_line != (0, 0) {
            self.complain(format!("the lock is not free, or {in_line:?} wait"));
        }
        for queue in self.queues.take() {
            let room = (0..ROOM).filter(|_| queue.try_put(Evil::new()).is_ok()).count();
            if !queue.is_closed() && room != ROOM {
                self.complain(format!("a queue has room for {room} of {ROOM}"));
            }
            while let Ok(item) = queue.try_get() {
                drop_with_care(item);
            }
            if !queue.is_empty() {
                self.complain("a queue keeps items to itself");
            }
        }
        for (task, &ends) in &*self.ends.borrow() {
            if ends != 1 {
                self.complain(format!("task {task} has ended {ends} times"));
            }
        }
        for panic in UNEXPECTED.take() {
            self.complain(format!("somebody else has panicked: {panic}"));
        }
    }
}

// ---- evil things --------------------------------------------------------------------------------

/// Something to drop, at which the next act may be done: a value that travels.
struct Evil(());

impl Evil {
    fn new() -> Evil {
        if let Some(world) = world() {
            world.values.birth();
        }
        Evil(())
    }
}

impl Clone for Evil {
    fn clone(&self) -> Evil {
        misbehave(Place::Call);
        Evil::new()
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        if let Some(world) = world() {
            world.values.death();
        }
        misbehave(Place::Drop);
    }
}

/// The same for what stays where it is: in a future, in a callback.
struct Owner(Balance);

impl Owner {
    fn new() -> Owner {
        let owners = world().map(|world| world.owners.clone()).unwrap_or_default();
        owners.birth();
        Owner(owners)
    }

    fn call(self) {
        misbehave(Place::Call);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.death();
        misbehave(Place::Drop);
    }
}

struct EvilWaker {
    inner: Option<Waker>,
    _owner: Owner,
}

/// A waker that passes the wake on, if there is somebody to pass it on to.
fn evil_waker(inner: Option<Waker>) -> Waker {
    Waker::from(Arc::new(EvilWaker { inner, _owner: Owner::new() }))
}

impl Wake for EvilWaker {
    fn wake(self: Arc<Self>) {
        if let Some(inner) = &self.inner {
            inner.wake_by_ref();
        }
        misbehave(Place::Wake);
    }
}

impl Drop for EvilWaker {
    fn drop(&mut self) {
        misbehave(Place::WakerDrop);
    }
}

/// Waits for one thing after the other, and does the next act whenever it is polled.
struct EvilFuture {
    steps: u8,
    seed: u8,
    generation: u8,
    leaf: Option<Leaf>,
    _owner: Owner,
}

impl EvilFuture {
    fn new(seed: u8, generation: u8) -> EvilFuture {
        EvilFuture { steps: 1 + seed % 4, seed, generation, leaf: None, _owner: Owner::new() }
    }
}

impl Future for EvilFuture {
    type Output = Evil;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Evil> {
        let this = &mut *self;
        if let Some(world) = world()
            && world.wants_waker.take()
        {
            keep(&world.wakers, cx.waker().clone());
        }
        misbehave(Place::Poll);
        loop {
            if let Some(leaf) = &mut this.leaf {
                let polled = if this.seed.is_multiple_of(3) {
                    let foreign = evil_waker(Some(cx.waker().clone()));
                    leaf.as_mut().poll(&mut Context::from_waker(&foreign))
                } else {
                    leaf.as_mut().poll(cx)
                };
                if polled.is_pending() {
                    return Poll::Pending;
                }
                this.leaf = None;
            }
            if this.steps == 0 {
                return Poll::Ready(Evil::new());
            }
            this.steps -= 1;
            this.seed = this.seed.wrapping_mul(13).wrapping_add(7);
            this.leaf = Some(leaf(this.seed, this.generation));
        }
    }
}

/// How many kinds there are of things to wait for.
const KINDS: u8 = 27;

/// Something to wait for.
fn leaf(n: u8, generation: u8) -> Leaf {
    let Some(world) = world() else { return Box::pin(async {}) };
    let kinds = if generation < 3 { KINDS } else { 8 };
    let (kind, n) = (n % kinds, n / kinds);
    match kind {
        0 => Box::pin(sleep(ms(u64::from(n % 4)))),
        1 => {
            let acquire = world.semaphore.acquire();
            Box::pin(async move {
                let permit = acquire.await;
                match self::world() {
                    Some(world) if n % 2 == 0 => keep(&world.permits, permit),
                    _ => drop(permit),
                }
            })
        }
        2 => {
            let get = world.queue().get();
            Box::pin(async move { drop(get.await) })
        }
        3 => {
            let put = world.queue().put(Evil::new());
            Box::pin(async move { drop(put.await) })
        }
        4 => {
            let (promise, future) = promise();
            keep(&world.promises, promise);
            Box::pin(async move { drop(future.await) })
        }
        5 => match take(&world.tasks, n) {
            Some(task) => Box::pin(async move { drop(task.await) }),
            None => Box::pin(yield_now()),
        },
        6 => Box::pin(yield_now()),
        7 => Box::pin(pending()),
        8 => Box::pin(group(n, generation)),
        9 => {
            let futures = children(n, generation);
            Box::pin(async move { drop(gather(futures).await) })
        }
        10 => {
            let futures = children(n, generation);
            Box::pin(async move { drop(gather_all(futures).await) })
        }
        11 => {
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = timeout(ms(1), inner).await;
            })
        }
        12 => {
            let inner = EvilFuture::new(n, generation + 1);
            Box::pin(async move { drop(inner.await) })
        }
        13 => {
            // In a task of its own, which is polled whatever becomes of this one.
            let task = world.may_spawn().then(|| spawn(async { to_thread(|| ()).await.is_ok() }));
            Box::pin(async move {
                if let Some(task) = task {
                    let _ = task.await;
                }
            })
        }
        14 => {
            let scope = CancelScope::new();
            keep(&world.scopes, scope.clone());
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = scope.run(inner).await;
            })
        }
        15 => {
            let shielded = CancelScope::shield(leaf(n, generation + 1));
            Box::pin(async move {
                let _ = move_on_after(ms(1), shielded).await;
            })
        }
        16 => {
            let work = leaf(n, generation + 1);
            let goodbye = EvilFuture::new(n, generation + 1);
            Box::pin(with_cleanup(work, async move { drop(goodbye.await) }, ms(2)))
        }
        17 => {
            let parent = CancelToken::new();
            let token = parent.child();
            keep(&world.tokens, parent);
            let inner = leaf(n, generation + 1);
            Box::pin(async move {
                let _ = token.run_until_cancelled(inner).await;
            })
        }
        18 => {
            let (sender, mut receiver) = channel(1);
            keep(&world.senders, sender);
            Box::pin(async move { while receiver.recv().await.is_ok() {} })
        }
        19 => match take(&world.senders, n) {
            Some(sender) => Box::pin(async move { drop(sender.send(Evil::new()).await) }),
            None => Box::pin(yield_now()),
        },
        20 => {
            let (sender, mut receiver) = broadcast(1);
            let mut other = sender.subscribe();
            keep(&world.broadcasts, sender);
            Box::pin(async move {
                drop(receiver.recv().await);
                drop(other.recv().await);
            })
        }
        21 => {
            let lock = world.lock.lock();
            Box::pin(async move {
                let _guard = lock.await;
                yield_now().await;
            })
        }
        22 => {
            let (lock, condition) = (world.lock.clone(), world.condition.clone());
            Box::pin(async move {
                let guard = lock.lock().await;
                drop(condition.wait(guard).await);
            })
        }
        23 => {
            let (promise, future) = promise();
            keep(&world.promises, promise);
            let (one, other) = (future.shared(), RefCell::new(None));
            other.replace(Some(one.clone()));
            Box::pin(async move {
                drop(one.await);
                let other = other.take();
                drop(other.unwrap().await);
            })
        }
        24 => Box::pin(INHERITED.scope(Evil::new(), leaf(n, generation + 1))),
        25 => {
            let futures = children(n | 1, generation);
            let (one, other) = (leaf(n, generation + 1), leaf(n / 2, generation + 1));
            Box::pin(async move {
                if futures.len() % 2 == 1 {
                    drop(race_tasks(futures).await);
                } else {
                    drop(try_gather(futures).await);
                }
                let _ = select(one, other).await;
            })
        }
        _ => {
            let task = world.may_spawn().then(|| spawn(EvilFuture::new(n, generation + 1)));
            Box::pin(async move {
                if let Some(task) = task {
                    drop(task.await);
                }
            })
        }
    }
}

/// Up to three futures, which fail now and then.
fn children(n: u8, generation: u8) -> Vec<impl Future<Output = Result<Evil, Evil>> + 'static> {
    let mut children = Vec::new();
    for seed in 0..n % 4 {
        if world().is_some_and(|world| world.may_spawn()) {
            let future = EvilFuture::new(n.wrapping_mul(5).wrapping_add(seed), generation + 1);
            children.push(async move {
                let evil = future.await;
                if n % 5 == seed { Err(evil) } else { Ok(evil) }
            });
        }
    }
    children
}

/// A group with some children, which leaves none behind.
async fn group(n: u8, generation: u8) {
    let handle: Rc<RefCell<Option<CancellableGroup<Evil>>>> = Rc::default();
    let inside = Rc::clone(&handle);
    let outcome = cancellable_group(async move |group: CancellableGroup<Evil>| {
        inside.replace(Some(group.clone()));
        if let Some(world) = world() {
            keep(&world.groups, group.clone());
        }
        misbehave(Place::Body);
        for child in children(n | 1, generation) {
            let value = group.spawn(child);
            if n.is_multiple_of(3) {
                drop(value.await);
            }
        }
        leaf(n, generation + 1).await;
        misbehave(Place::Body);
        if n.is_multiple_of(7) { Err(Evil::new()) } else { Ok(Evil::new()) }
    })
    .await;
    let group = handle.take();
    if let (Some(group), Some(world)) = (group, world())
        && (!group.is_empty() || group.is_open())
    {
        world.complain(format!("a group is over and has {} children left", group.len()));
    }
    drop(outcome);
}

// ---- weather ------------------------------------------------------------------------------------

/// Makes panics of a storm silent, and notes those of anybody else.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !WATCHED.try_with(Cell::get).unwrap_or(false) {
                return usual(info);
            }
            let text = info.payload_as_str().unwrap_or("no text");
            // What the runtime says to those who use it where it is not.
            let advice = ["needs a running event loop", "this handle belongs to event loop"];
            let expected = text.starts_with("evil")
                || info.payload().is::<Evil>()
                || advice.iter().any(|advice| text.contains(advice));
            if !expected {
                let at = info.location().map(ToString::to_string).unwrap_or_default();
                UNEXPECTED.with_borrow_mut(|panics| panics.push(format!("{text} ({at})")));
            }
        }));
    });
}

/// Lets a storm pass. Returns what was wrong with it.
fn weather(storm: &Storm) -> Vec<String> {
    watch_panics();
    let world = Rc::new(World::new(storm));
    WORLD.set(Some(Rc::clone(&world)));
    WATCHED.set(true);
    // Whatever is set outside of tasks is set in here.
    let mut values = ContextValues::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| values.run(|| pass(storm, &world))));
    drop_with_care(values);
    world.clear();
    if let Err(payload) = outcome {
        let text = roundelay::runtime::panic_message(&*payload);
        world.complain(format!("a panic came out where none should: {text}"));
        drop_with_care(payload);
    }
    world.check();
    WATCHED.set(false);
    WORLD.take();
    world.complaints.take()
}

fn pass(storm: &Storm, world: &Rc<World>) {
    let mut runner = Runner::builder().virtual_clock().threads(1);
    runner = runner.failure_policy(match storm.policy {
        0 => FailurePolicy::Report,
        1 => FailurePolicy::Stop,
        _ => {
            let owner = Owner::new();
            FailurePolicy::Handler(Rc::new(move |failure| {
                let _keeps = &owner;
                if failure.message.contains("borrowed") {
                    self::world().unwrap().complain(failure.to_string());
                }
                misbehave(Place::Handler);
            }))
        }
    });
    if !storm.observed && !cfg!(miri) {
        // (Not beside an observer that acts: what it causes is told to nobody.)
        runner = runner.observer(support::checked::Checked::new());
    }
    if storm.observed {
        let owner = Owner::new();
        // While the observer is told something it does not hear what it causes itself.
        let counts = match storm.only {
            Some((place, _)) => place != Place::Observer,
            None => storm.periods[PLACES.len() - 2] == NEVER,
        };
        runner = runner.observer(move |_: Moment, event: &Event| {
            let _keeps = &owner;
            let Some(world) = self::world() else { return };
            match event {
                Event::TaskSpawned { task, .. } if counts => {
                    world.ends.borrow_mut().insert(*task, 0);
                }
                Event::TaskEnded { task, .. } if counts => {
                    *world.ends.borrow_mut().entry(*task).or_default() += 1;
                }
                _ => {}
            }
            misbehave(Place::Observer);
        });
    }
    let runner = runner.build().unwrap();
    for round in 0..3_u8 {
        let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(main(storm.seed, round))));
        match outcome {
            Ok(Ok(evil)) => drop_with_care(evil),
            Ok(Err(RunError::Stopped | RunError::Failed(_))) => {}
            Ok(Err(error)) => world.complain(format!("a run ended with {error:?}")),
            Err(payload) => drop_with_care(payload),
        }
    }
    match storm.ending {
        Ending::Last => world.clear(),
        Ending::First => {}
        Ending::WhileUnwinding => {
            let unwinding = catch_unwind(AssertUnwindSafe(|| {
                let _runner = runner;
                panic!("evil ending");
            }));
            drop_with_care(unwinding);
            return world.clear();
        }
        Ending::InsideAnotherRun => {
            let other = support::virtual_runner();
            let outcome = other.run(async move { drop(runner) });
            drop_with_care(outcome);
            drop_with_care(other);
            return world.clear();
        }
        Ending::InsideACallback => {
            let other = support::virtual_loop();
            other.call_soon(move || drop(runner)).unwrap();
            drop_with_care(other.run_once());
            drop_with_care(other);
            return world.clear();
        }
    }
    drop_with_care(runner);
    world.clear();
}

/// What every storm begins with: one of everything, and time for it to happen.
async fn main(seed: u8, round: u8) -> Evil {
    let evil = Evil::new();
    for kind in 0..KINDS {
        if world().is_some_and(|world| world.may_spawn()) {
            let future = async move {
                leaf(kind + KINDS * (seed % 8), round).await;
                EvilFuture::new(seed.wrapping_add(kind), 1).await
            };
            let task = spawn(future);
            keep(&world().unwrap().tasks, task);
        }
    }
    for _ in 0..8 {
        sleep(ms(1)).await;
        misbehave(Place::Poll);
    }
    evil
}

/// Runs storms in a process of their own, where they may abort or hang.
#[track_caller]
fn outside(name: &str, storms: impl FnOnce()) {
    let Ended { status, stderr, .. } = in_a_process(name, storms);
    // The last storm is the one that did it.
    let last = stderr.rfind("storm: ").unwrap_or(0);
    let last: String = stderr[last..].chars().take(6000).collect();
    match status {
        Some(status) if status.success() => {}
        Some(status) => panic!("it ended with {status}\n{last}"),
        None => panic!("it hangs\n{last}"),
    }
}

#[track_caller]
fn weather_is_fair(storm: &Storm) {
    eprintln!("storm: {storm:?}");
    let complaints = weather(storm);
    assert!(complaints.is_empty(), "{complaints:#?}\nstorm: {storm:?}");
}

#[test]
fn one_bad_act_at_any_place_harms_nobody() {
    outside("one_bad_act_at_any_place_harms_nobody", || {
        // Miri takes half a minute for each.
        let mut calm = (0..).map(|number| cfg!(miri) && number % 900 != 0);
        for place in PLACES {
            for n in [1, 8] {
                for act in all_acts(n) {
                    for occasion in [0, 3] {
                        if calm.next() == Some(true) {
                            continue;
                        }
                        weather_is_fair(&Storm {
                            acts: vec![act],
                            periods: [1; 8],
                            only: Some((place, occasion)),
                            policy: if place == Place::Handler { 2 } else { n % 3 },
                            observed: true,
                            seed: n,
                            ending: if occasion == 0 { Ending::Last } else { Ending::First },
                        });
                    }
                }
            }
        }
    });
}

#[test]
fn any_storm_passes_and_leaves_nothing_behind() {
    outside("any_storm_passes_and_leaves_nothing_behind", || {
        // More of them: ROUNDELAY_STORMS=100000, and ROUNDELAY_TEST_CHILD with this test's name,
        // so that nobody loses patience.
        let cases = std::env::var("ROUNDELAY_STORMS").ok().and_then(|cases| cases.parse().ok());
        let config = ProptestConfig {
            cases: cases.unwrap_or(support::cases(300)),
            failure_persistence: None,
            // See `smallest`.
            max_shrink_iters: 0,
            ..ProptestConfig::default()
        };
        let outcome = TestRunner::new(config).run(&storms(), |storm| {
            eprintln!("storm: {storm:?}");
            let complaints = weather(&storm);
            prop_assert!(complaints.is_empty(), "{complaints:#?}");
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(_, storm)) => {
                let storm = smallest(storm);
                eprintln!("storm: {storm:?}\n{:#?}", weather(&storm));
                std::process::exit(1);
            }
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    });
}

#[test]
fn a_task_may_wait_for_what_it_has_itself_given_up_in_the_same_step() {
    outside("a_task_may_wait_for_what_it_has_itself_given_up_in_the_same_step", || {
        weather_is_fair(&Storm {
            acts: vec![Act::LoopInside, Act::Begin(57), Act::Release(2), Act::Abandon(203)],
            periods: [6, 10, 7, 1, 5, 3, 4, 9],
            only: None,
            policy: 2,
            observed: false,
            seed: 214,
            ending: Ending::First,
        });
    });
}

/// Leaves out one act after the other, as long as something is still wrong.
fn smallest(mut storm: Storm) -> Storm {
    let mut at = storm.acts.len();
    while at > 0 {
        at -= 1;
        let mut smaller = storm.clone();
        smaller.acts.remove(at);
        if !weather(&smaller).is_empty() {
            storm = smaller;
        }
    }
    storm
}

// ---- wakers that poll at once -------------------------------------------------------------------

thread_local! {
    static POLLED: RefCell<Option<Leaf>> = const { RefCell::new(None) };
    static AGAIN: Cell<bool> = const { Cell::new(false) };
    static DONE: Cell<bool> = const { Cell::new(false) };
}

/// Polls the future from inside the wake-up, as the smallest executors do.
struct PollsAtOnce;

impl Wake for PollsAtOnce {
    fn wake(self: Arc<Self>) {
        let Some(mut future) = POLLED.take() else { return AGAIN.set(true) };
        loop {
            AGAIN.set(false);
            let waker = Waker::from(Arc::clone(&self));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return DONE.set(true);
            }
            if !AGAIN.get() {
                break;
            }
        }
        POLLED.set(Some(future));
    }
}

/// Gives the future to a waker that polls at once, lets `happen` happen, and expects the end.
async fn polled_at_once(
    what: &str,
    future: impl Future<Output = ()> + 'static,
    happen: impl FnOnce(),
) {
    DONE.set(false);
    POLLED.set(Some(Box::pin(future)));
    Arc::new(PollsAtOnce).wake();
    for _ in 0..5 {
        yield_now().await;
    }
    happen();
    for _ in 0..20 {
        sleep(ms(1)).await;
    }
    let future = POLLED.take();
    drop(future);
    assert!(DONE.get(), "{what}: nobody woke it any more");
}

#[test]
fn a_waker_may_poll_at_once_whatever_it_waits_for() {
    must_end(|| {
        run_virtual(async {
            let (resolve, future) = promise();
            polled_at_once("a promise", async { future.await.unwrap() }, || {
                resolve.resolve(()).unwrap();
            })
            .await;
            let semaphore = Semaphore::new(0);
            let acquire = semaphore.acquire();
            let waits = async { acquire.await.forget() };
            polled_at_once("a semaphore", waits, || semaphore.add_permits(1)).await;
            let queue = Queue::bounded(1);
            let get = queue.get();
            let waits = async { get.await.unwrap() };
            polled_at_once("a getter", waits, || queue.try_put(()).unwrap()).await;
            queue.try_put(()).unwrap();
            let put = queue.put(());
            let waits = async { put.await.unwrap() };
            polled_at_once("a putter", waits, || queue.try_get().unwrap()).await;
            let put = queue.put(());
            let waits = async { assert!(put.await.is_err()) };
            polled_at_once("a putter of a queue that closes", waits, || queue.close()).await;
            polled_at_once("a sleep", sleep(ms(5)), || ()).await;
            polled_at_once("giving way", yield_now(), || ()).await;
            let limited = async { assert!(timeout(ms(5), pending::<()>()).await.is_err()) };
            polled_at_once("a timeout", limited, || ()).await;
        });
    });
}

#[test]
fn a_waker_may_poll_at_once_when_a_task_ends() {
    must_end(|| {
        run_virtual(async {
            let (end, ending) = promise::<()>();
            let task = spawn(async { ending.await.unwrap() });
            polled_at_once("a task", async { task.await.unwrap() }, || end.resolve(()).unwrap())
                .await;
            let task = spawn(async {
                sleep(ms(1)).await;
                std::panic::resume_unwind(Box::new("no message"));
            });
            let waits = async {
                let _: roundelay::TaskError = task.await.unwrap_err();
            };
            polled_at_once("a task that panics", waits, || ()).await;
            let tasks = (0..3).map(|n| async move { sleep(ms(n)).await });
            let gathered = gather_all(tasks);
            polled_at_once("gather", async { drop(gathered.await) }, || ()).await;
        });
    });
}

#[test]
fn a_waker_may_poll_a_group_at_once_when_its_last_child_leaves() {
    must_end(|| {
        run_virtual(async {
            for how in ["it ends", "it fails", "it panics"] {
                let (end, ending) = promise::<()>();
                let group = task_group(async move |group: TaskGroup<&str>| {
                    group.spawn(async move {
                        ending.await.unwrap();
                        match how {
                            "it ends" => Ok(()),
                            "it fails" => Err("failed"),
                            _ => std::panic::resume_unwind(Box::new("no message")),
                        }
                    });
                    Ok(())
                });
                polled_at_once(how, async { drop(group.await) }, || end.resolve(()).unwrap()).await;
            }
        });
    });
}

// ---- neglect ------------------------------------------------------------------------------------

#[test]
fn a_finished_job_that_nobody_polls_does_not_hold_the_clock() {
    must_end(|| {
        run_virtual(async {
            let mut job = to_thread(|| 7);
            assert!(support::poll_now(&mut job).await.is_pending());
            sleep(ms(10)).await;
            assert_eq!(job.await.unwrap(), 7);
        });
    });
}

// ---- destructors --------------------------------------------------------------------------------

#[test]
fn a_panic_in_the_destructor_of_an_output_that_nobody_takes_is_reported() {
    let (runner, reports) = reporting_runner();
    let bomb = || on_drop(|| panic!("an output that panics"));
    runner
        .run(async move {
            spawn(async move { bomb() }).detach();
            let finished = spawn(async move { bomb() });
            yield_now().await;
            yield_now().await;
            drop(finished);
        })
        .unwrap();
    let expected = "DestructorPanicked: an output that panics";
    assert_eq!(reports.take(), [expected, expected]);
}

#[test]
fn a_chain_of_outputs_each_holding_the_next_ones_handle_is_dropped_without_a_deep_stack() {
    struct Link(#[allow(dead_code, reason = "it is only held")] Option<Task<Link>>);
    let name =
        "a_chain_of_outputs_each_holding_the_next_ones_handle_is_dropped_without_a_deep_stack";
    in_a_process(name, || {
        run_virtual(async {
            let mut last = None;
            for _ in 0..rounds(100_000) {
                let next = last.take();
                last = Some(spawn(async move { Link(next) }));
            }
            yield_now().await;
            assert!(last.as_ref().is_some_and(Task::is_finished));
            drop(last);
        });
    })
    .well();
}

#[test]
fn a_chain_of_promises_each_abandoned_by_the_one_before_takes_no_stack() {
    let name = "a_chain_of_promises_each_abandoned_by_the_one_before_takes_no_stack";
    in_a_process(name, || {
        run_virtual(async {
            let (first, mut waits) = promise::<()>();
            let mut tasks = Vec::new();
            for _ in 0..rounds(100_000) {
                let (next, waits_next) = promise::<()>();
                let waits = std::mem::replace(&mut waits, waits_next);
                tasks.push(spawn(async move {
                    let _next = next;
                    waits.await
                }));
            }
            yield_now().await;
            drop(first);
            for task in tasks {
                assert!(task.await.unwrap().is_err());
            }
            assert!(waits.await.is_err());
        });
    })
    .well();
}

#[test]
fn a_task_that_holds_everything_of_its_own_is_dropped_and_freed() {
    // Cycles: a task in the table holds its own handle, its group, the line it stands in.
    let dropped = Rc::new(Cell::new(0));
    let (runner, reports) = reporting_runner();
    for cancelled in [true, false] {
        let guard = Rc::clone(&dropped);
        runner
            .run(async move {
                let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
                let (semaphore, queue) = (Semaphore::new(0), Queue::<()>::bounded(1));
                let (hold, guard) = (Rc::clone(&own), on_drop(move || guard.set(guard.get() + 1)));
                let task = spawn(async move {
                    let _all = (hold, guard, semaphore.clone(), queue.clone());
                    let waits = (semaphore.acquire(), queue.get());
                    let (_permit, _item) = futures_lite::future::zip(waits.0, waits.1).await;
                });
                yield_now().await;
                own.replace(Some(task));
                if cancelled {
                    own.borrow().as_ref().unwrap().cancel();
                    yield_now().await;
                }
            })
            .unwrap();
    }
    drop(runner);
    assert_eq!((dropped.get(), reports.len()), (2, 0));
}

// ---- threads ------------------------------------------------------------------------------------

#[test]
fn threads_may_use_every_handle_that_travels_while_and_after_the_loop_goes() {
    // B4: and everything that they left is called or dropped, once.
    must_end(|| {
        let (made, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        for round in 0..races(80) {
            let runner = Runner::builder();
            let runner = if round % 2 == 0 { runner.virtual_clock() } else { runner };
            let runner = runner.build().unwrap();
            let over = Arc::new(AtomicBool::new(false));
            let mut senders = Vec::new();
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (sender, receiver) = mpsc::channel::<(Waker, roundelay::Sleep)>();
                    senders.push(sender);
                    let (door, over) = (runner.loop_ref().proxy(), Arc::clone(&over));
                    let (made, gone) = (Arc::clone(&made), Arc::clone(&gone));
                    std::thread::spawn(move || {
                        let mut naps = Vec::new();
                        let mut wakers = Vec::new();
                        let (mut times, mut after) = (0, 0);
                        while after < 3 {
                            after += usize::from(over.load(Ordering::SeqCst));
                            times += 1;
                            if times > rounds(200) && after == 0 {
                                // Enough is enough: the loop answers every single one.
                                std::thread::yield_now();
                                continue;
                            }
                            for (waker, nap) in receiver.try_iter() {
                                wakers.push(waker);
                                naps.push(nap);
                            }
                            for waker in &wakers {
                                waker.wake_by_ref();
                                drop(waker.clone());
                            }
                            made.fetch_add(1, Ordering::SeqCst);
                            let counted = Counted(Arc::clone(&gone));
                            let _ = door.call_soon_threadsafe(move || drop(counted));
                            drop(door.hold_clock());
                            drop(naps.pop());
                        }
                        door.stop();
                    })
                })
                .collect();
            let outcome = runner.run(async {
                for sender in senders {
                    for n in 0..3 {
                        let sender = sender.clone();
                        let mut nap = Some(sleep(ms(1000 * n)));
                        spawn(async move {
                            poll_fn(|cx| {
                                if let Some(mut nap) = nap.take() {
                                    let _ = Pin::new(&mut nap).poll(cx);
                                    let _ = sender.send((cx.waker().clone(), nap));
                                }
                                Poll::<()>::Pending
                            })
                            .await;
                        })
                        .detach();
                    }
                }
                for _ in 0..20 {
                    yield_now().await;
                }
            });
            assert!(matches!(outcome, Ok(())), "{outcome:?}");
            drop(runner);
            over.store(true, Ordering::SeqCst);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(made.load(Ordering::SeqCst), gone.load(Ordering::SeqCst), "{round}");
        }
    });
}

#[test]
fn a_waker_kept_by_a_stranger_is_harmless_in_every_later_life_of_its_loop() {
    // The waker's task is gone, its slot belongs to others, then the loop goes, then the thread.
    must_end(|| {
        let waker = std::thread::spawn(|| {
            let runner = support::virtual_runner();
            let waker = runner.run(spawn_and_keep_waker()).unwrap();
            runner
                .run(async {
                    let (counter, counting) = Counter::new();
                    let (_promise, mut future) = promise::<()>();
                    assert!(support::poll_once(&mut future, &counting).is_pending());
                    let tasks: Vec<_> = (0..100).map(|_| spawn(pending::<()>())).collect();
                    yield_now().await;
                    for _ in 0..10 {
                        waker.wake_by_ref();
                        yield_now().await;
                    }
                    assert_eq!(counter.wakes(), 0);
                    assert!(tasks.iter().all(|task| !task.is_finished()));
                })
                .unwrap();
            drop(runner);
            waker.wake_by_ref();
            waker
        })
        .join()
        .unwrap();
        waker.wake_by_ref();
        drop(waker.clone());
        waker.wake();
    });
}

async fn spawn_and_keep_waker() -> Waker {
    let task = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    task.await.unwrap()
}
