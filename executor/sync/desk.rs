//! The desk of a lock: who stands in line there, and who has taken what it gives out.
//!
//! Whoever waits is not asked what it waits for: that would be a poll. Instead a desk notes who
//! takes and who gives back, and is entered in the thread's *book* when for the first time
//! somebody has to wait. The book is what a [dump](crate::dump()) and the search for circles read.
//!
//! ```text
//!   task 4 --waits for--> [ lock 7 | held by task 9 | in line: task 4 ] <-- book: 7
//! ```
//!
//! # Invariants
//! - A desk is in the book from the first wait to its end, under one number.
//! - Looking polls nothing, and calls nothing of a user's.
//! - Who takes is the task whose step it is. Once something comes back from elsewhere (another
//!   task, a callback), guards travel here, and the desk does not say any more who has them.
//!
//! Tutorial: chapter 19. Before this: `holders.rs`. After this: `wait_queue.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use roundelay_runtime::Key;

use crate::current::current_tasks;
use crate::own_step;
use crate::own_step::Wait;
use crate::stage::Stage;
pub(crate) use crate::sync::holders::Ticket;
use crate::sync::holders::{Holders, Holding};
use crate::task_table::Waiter;

/// Somebody in line.
pub(crate) struct Standing<Asked> {
    pub(crate) asked: Asked,
    pub(crate) waiter: Waiter,
}

/// Who stands in line, and who has taken what.
pub(crate) struct Desk<Asked> {
    pub(crate) line: RefCell<BTreeMap<Ticket, Standing<Asked>>>,
    kind: &'static str,
    /// How much there is to give out; `None` where nothing comes back (an event, a queue).
    total: Cell<Option<usize>>,
    /// Whoever takes something keeps it until it comes back. Not so with permits, which are taken
    /// by one task and given to another as a matter of course: whoever accepts connections takes
    /// one for each, and waits for the next.
    is_lock: bool,
    holders: RefCell<Holders>,
    travels: Cell<bool>,
    /// Its number in the book; zero before the first wait.
    number: Cell<u64>,
}

/// What a desk looks like at one moment.
pub(crate) struct Look {
    pub(crate) total: Option<usize>,
    pub(crate) holders: Vec<Holding>,
    /// First come first: who (if it is a task of ours), and how much it asks for.
    pub(crate) line: Vec<(Option<Key>, usize)>,
}

/// What a short look at a desk shows.
pub(crate) struct Glance {
    pub(crate) kind: &'static str,
    pub(crate) first: Vec<Holding>,
    /// How many have something.
    pub(crate) holders: usize,
    /// Who has it now may be somebody else.
    pub(crate) travels: bool,
}

/// What a waiter asks for, as a number.
pub(crate) trait Count: Copy + 'static {
    fn count(self) -> usize;
}

impl Count for () {
    fn count(self) -> usize {
        1
    }
}

impl Count for usize {
    fn count(self) -> usize {
        self
    }
}

impl<Asked: Count> Desk<Asked> {
    pub(crate) fn new(kind: &'static str, total: Option<usize>) -> Rc<Desk<Asked>> {
        Rc::new(Desk {
            line: RefCell::default(),
            kind,
            total: Cell::new(total),
            is_lock: total.is_some() && !kind.ends_with("semaphore"),
            holders: RefCell::default(),
            travels: Cell::new(false),
            number: Cell::new(0),
        })
    }

    /// What somebody waits for who waits here. The desk is entered in the book, if it is not yet
    /// there.
    #[inline]
    pub(crate) fn awaited(self: &Rc<Desk<Asked>>) -> Wait {
        if self.number.get() == 0 {
            self.enter();
        }
        let number = self.number.get();
        if self.is_lock { Wait::Lock(number) } else { Wait::Sync(number) }
    }

    #[cold]
    fn enter(self: &Rc<Desk<Asked>>) {
        let number = LAST.get() + 1;
        LAST.set(number);
        self.number.set(number);
        let desk = Rc::downgrade(self);
        let _ = BOOK.try_with(|book| {
            book.borrow_mut().insert(number, desk);
        });
    }

    pub(crate) fn set_total(&self, total: usize) {
        self.total.set(Some(total));
    }

    /// Somebody in line was handed something.
    pub(crate) fn hand(&self, ticket: Ticket, standing: &Standing<Asked>) {
        if self.total.get().is_some() {
            let (task, count) = (standing.waiter.task(), standing.asked.count());
            self.holders.borrow_mut().hand(ticket, task, count);
        }
    }

    /// It has been collected, or was handed on.
    pub(crate) fn collected(&self, ticket: Ticket) {
        if self.total.get().is_some() {
            self.holders.borrow_mut().collected(ticket);
        }
    }

    /// The task whose step it is takes something. Says who that was.
    pub(crate) fn take(&self, count: usize) -> Option<Key> {
        let task = own_step::task();
        self.holders.borrow_mut().take(task, count);
        task
    }

    /// What `task` took comes back.
    pub(crate) fn give_back(&self, task: Option<Key>, count: usize) {
        let giver = own_step::task();
        if giver != task && !self.travels.get() && has_given_away(task, giver) {
            self.travels.set(true);
        }
        self.holders.borrow_mut().give_back(task, count);
    }
}

/// Whether what `task` took was somewhere else when it came back. Not if the task's own future is
/// being dropped, which is nobody's step.
#[cold]
fn has_given_away(task: Option<Key>, giver: Option<Key>) -> bool {
    let is_whole = |task| {
        let tasks = current_tasks()?;
        tasks.with(task, |slot| matches!(slot.stage, Stage::Waiting))
    };
    giver.is_some() || task.and_then(is_whole) == Some(true)
}

impl<Asked> Drop for Desk<Asked> {
    fn drop(&mut self) {
        let number = self.number.get();
        if number != 0 {
            let _ = BOOK.try_with(|book| book.borrow_mut().remove(&number));
        }
    }
}

impl Waiter {
    /// The task that it stands for, if that is known.
    pub(crate) fn task(&self) -> Option<Key> {
        match self {
            Waiter::Task(_, key) => Some(*key),
            Waiter::Other(_) | Waiter::Listener(_) => None,
        }
    }
}

/// A desk in the book.
trait Entered {
    fn glance(&self, most: usize) -> Glance;
    fn look(&self) -> Look;
    fn holders(&self) -> Option<(usize, Vec<Holding>)>;
}

impl<Asked: Count> Entered for Desk<Asked> {
    fn glance(&self, most: usize) -> Glance {
        let holders = self.holders.borrow();
        let first = holders.iter().take(most).collect();
        let travels = self.travels.get();
        Glance { kind: self.kind, first, holders: holders.len(), travels }
    }

    fn look(&self) -> Look {
        let line = self.line.borrow();
        let standing =
            |standing: &Standing<Asked>| (standing.waiter.task(), standing.asked.count());
        Look {
            total: self.total.get(),
            holders: self.holders.borrow().iter().collect(),
            line: line.values().map(standing).collect(),
        }
    }

    fn holders(&self) -> Option<(usize, Vec<Holding>)> {
        let (holders, total) = (self.holders.borrow(), self.total.get()?);
        let sure = self.is_lock && !self.travels.get();
        (sure && holders.len() <= MOST_HOLDERS && self.line.borrow().len() <= LONGEST_LINE)
            .then(|| (total, holders.iter().collect()))
    }
}

/// More holders than this are listed, but no circle is looked for among them.
const MOST_HOLDERS: usize = 64;
/// The same for those in line.
const LONGEST_LINE: usize = 1024;

thread_local! {
    /// The last number in the book. None is ever given twice.
    static LAST: Cell<u64> = const { Cell::new(0) };
    static BOOK: RefCell<BTreeMap<u64, Weak<dyn Entered>>> = const { RefCell::new(BTreeMap::new()) };
}

/// What is to be said of the desk with this number: what it is, and its first holders.
pub(crate) fn glance(number: u64, most: usize) -> Option<Glance> {
    Some(find(number)?.glance(most))
}

/// What the desk with this number looks like.
pub(crate) fn look(number: u64) -> Option<Look> {
    Some(find(number)?.look())
}

/// How much there is at the desk with this number and who has something of it, if that is certain,
/// and few enough have.
pub(crate) fn sure_holders(number: u64) -> Option<(usize, Vec<Holding>)> {
    find(number)?.holders()
}

fn find(number: u64) -> Option<Rc<dyn Entered>> {
    BOOK.try_with(|book| book.borrow().get(&number)?.upgrade()).ok().flatten()
}
