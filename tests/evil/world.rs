//! The world of a storm: what it has in its hands, whose turn it is to misbehave, and what must be
//! true when everything is over.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use roundelay::{
    BroadcastSender, CallHandle, CancelScope, CancelToken, CancellableGroup, Condition, ContextVar,
    Lock, OnDone, Permit, Promise, Queue, Semaphore, Sender, Task,
};

use crate::storm::{Act, NEVER, PLACES, Place, Storm};
use crate::support::on_drop;
use crate::things::Evil;

const PERMITS: usize = 2;
pub(crate) const ROOM: usize = 2;
const MOST_SPAWNS: usize = 300;
const DEEPEST: usize = 12;

pub(crate) type Leaf = Pin<Box<dyn Future<Output = ()>>>;

/// How many there were, and how many there are no more.
#[derive(Clone, Default)]
pub(crate) struct Balance {
    /// Atomic, because a waker may end on the thread that wakes it.
    counts: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Balance {
    pub(crate) fn birth(&self) {
        self.counts.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn death(&self) {
        self.counts.1.fetch_add(1, Ordering::SeqCst);
    }

    fn take_stock(&self) -> (usize, usize) {
        (self.counts.0.load(Ordering::SeqCst), self.counts.1.load(Ordering::SeqCst))
    }
}

/// What a storm has in its hands.
pub(crate) struct World {
    acts: RefCell<VecDeque<Act>>,
    periods: [u8; 8],
    only: Cell<Option<(Place, u8)>>,
    occasions: RefCell<[usize; 8]>,
    depth: Cell<usize>,
    spawns: Cell<usize>,
    /// Futures, callbacks, wakers and what they hold.
    pub(crate) owners: Balance,
    /// What travels: outputs, items, payloads.
    pub(crate) values: Balance,
    /// A panic has come out of a destructor. The compiler leaks what is being returned at such
    /// a moment (rust-lang/rust#47949), so the values need not balance any more.
    values_may_leak: Cell<bool>,
    pub(crate) wants_waker: Cell<bool>,
    pub(crate) complaints: RefCell<Vec<String>>,
    /// Of every task that the observer heard of: how often it has ended.
    pub(crate) ends: RefCell<BTreeMap<u64, usize>>,
    pub(crate) tasks: RefCell<Vec<Task<Evil>>>,
    pub(crate) groups: RefCell<Vec<CancellableGroup<Evil>>>,
    pub(crate) calls: RefCell<Vec<CallHandle>>,
    pub(crate) futures: RefCell<Vec<Leaf>>,
    pub(crate) promises: RefCell<Vec<Promise<Evil>>>,
    pub(crate) permits: RefCell<Vec<Permit>>,
    pub(crate) wakers: RefCell<Vec<Waker>>,
    pub(crate) queues: RefCell<Vec<Queue<Evil>>>,
    pub(crate) semaphore: Semaphore,
    pub(crate) done: RefCell<Vec<OnDone>>,
    pub(crate) scopes: RefCell<Vec<CancelScope>>,
    pub(crate) tokens: RefCell<Vec<CancelToken>>,
    pub(crate) senders: RefCell<Vec<Sender<Evil>>>,
    pub(crate) broadcasts: RefCell<Vec<BroadcastSender<Evil>>>,
    pub(crate) lock: Lock<()>,
    pub(crate) condition: Condition<()>,
}

/// What tasks inherit.
pub(crate) static INHERITED: ContextVar<Evil> = ContextVar::new("inherited");

thread_local! {
    pub(crate) static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
    pub(crate) static WATCHED: Cell<bool> = const { Cell::new(false) };
    pub(crate) static UNEXPECTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn world() -> Option<Rc<World>> {
    WORLD.try_with(|world| world.borrow().clone()).ok().flatten()
}

/// User code runs at `place`: if it is its turn, it does the next act.
pub(crate) fn misbehave(place: Place) {
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
pub(crate) fn drop_with_care<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_with_care(payload);
    }
}

/// Takes one out, so that nothing is borrowed while it is used.
pub(crate) fn take<T>(from: &RefCell<Vec<T>>, n: u8) -> Option<T> {
    let mut from = from.borrow_mut();
    let length = from.len();
    (length > 0).then(|| from.swap_remove(usize::from(n) % length))
}

pub(crate) fn keep<T>(into: &RefCell<Vec<T>>, value: T) {
    into.borrow_mut().push(value);
}

impl World {
    pub(crate) fn new(storm: &Storm) -> World {
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

    pub(crate) fn complain(&self, complaint: impl Into<String>) {
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
    pub(crate) fn may_spawn(&self) -> bool {
        self.spawns.set(self.spawns.get() + 1);
        self.spawns.get() <= MOST_SPAWNS
    }

    pub(crate) fn queue(&self) -> Queue<Evil> {
        self.queues.borrow().last().unwrap().clone()
    }

    /// Lets go of everything, also of what that brings about.
    pub(crate) fn clear(&self) {
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
    pub(crate) fn check(&self) {
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
