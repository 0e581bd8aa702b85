//! Context variables: values that travel with the work, not with the thread.
//!
//! Which request is this line of the log about? Handing the answer through every function
//! is tedious, and a thread-local is wrong: a thousand tasks share the thread. A context
//! variable has one value per task.
//!
//! ```text
//!   parent  { request: 7 } --set(8)--> { request: 8 }
//!                 \                                      spawn, call_soon, to_thread:
//!                  +-- copied here --> { request: 7 }    the child keeps what it was given
//! ```
//!
//! The values of one task are one small shared list, and every change makes a new list. So
//! a copy, at each spawn and at each scheduled callback, is one more count on the old one;
//! and where no variable was ever set there is no list, and nothing to count. (Python keeps
//! a tree, which is quicker with hundreds of variables; a program has a handful.)
//!
//! # Invariants
//! - A callback sees the values of the moment in which it was scheduled, and what it sets
//!   is gone when it returns. Between two callbacks the loop's thread has no values.
//! - A value is cloned, dropped and compared while nothing of ours is borrowed.
//! - Where values are lent for a while, they are put back even if somebody panics.
//!
//! Tutorial: chapter 14. Before this: `callback.rs`. After this: `far_timers.rs`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A variable with one value per task. It is a `static`; its value is found through the
/// task, callback or thread that asks.
///
/// ```
/// use roundelay_runtime::ContextVar;
///
/// static REQUEST: ContextVar<u64> = ContextVar::new("request");
///
/// assert_eq!((REQUEST.name(), REQUEST.get()), ("request", None));
/// REQUEST.with_value(7, || assert_eq!(REQUEST.get(), Some(7)));
/// assert_eq!(REQUEST.get(), None);
/// ```
#[doc(alias = "task_local")]
pub struct ContextVar<T> {
    name: &'static str,
    /// Zero until it is first set.
    number: AtomicU64,
    of: PhantomData<fn() -> T>,
}

impl<T: Clone + Send + Sync + 'static> ContextVar<T> {
    /// A variable without a value.
    pub const fn new(name: &'static str) -> ContextVar<T> {
        ContextVar { name, number: AtomicU64::new(0), of: PhantomData }
    }

    /// The value here and now: a clone of what was set, or `None`.
    ///
    /// ```
    /// use roundelay_runtime::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// assert_eq!(USER.get(), None);
    /// drop(USER.set("ada")); // what could undo it is not needed
    /// assert_eq!(USER.get(), Some("ada"));
    /// ```
    #[must_use]
    pub fn get(&'static self) -> Option<T> {
        // What was never set anywhere is not set here.
        let number = self.number.load(Ordering::Relaxed);
        let value = (number != 0).then(|| ContextValues::current().find(number)).flatten()?;
        // The clone is user code, and runs while nothing is borrowed.
        value.downcast_ref::<T>().cloned()
    }

    /// Sets the value, for whoever runs here (a task, a callback, a thread) and for what it
    /// starts from now on. What was started before keeps its own.
    ///
    /// The answer can undo it, and may as well be dropped.
    ///
    /// ```
    /// # use roundelay_runtime::ContextVar;
    /// # static REQUEST: ContextVar<u64> = ContextVar::new("request");
    /// let undo = REQUEST.set(7);
    /// REQUEST.set(8);
    /// undo.reset();
    /// assert_eq!(REQUEST.get(), None);
    /// ```
    pub fn set(&'static self, value: T) -> Reset {
        let number = self.number();
        let entry = Entry { number, name: self.name, value: Arc::new(value) };
        Reset { number, earlier: change(number, Some(entry)) }
    }

    /// Calls `work` while the variable has this value, then puts the earlier one back: also
    /// if `work` panics, and whatever `work` has set it to.
    pub fn with_value<R>(&'static self, value: T, work: impl FnOnce() -> R) -> R {
        struct Restore(Option<Reset>);
        impl Drop for Restore {
            fn drop(&mut self) {
                if let Some(reset) = self.0.take() {
                    reset.reset();
                }
            }
        }
        let _restore = Restore(Some(self.set(value)));
        work()
    }

    /// The variable's number, given out when it is first set.
    fn number(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let known = self.number.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            // Another thread was first. The number that we drew stays unused.
            Err(known) => known,
        }
    }
}

impl<T> ContextVar<T> {
    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextVar").field(&self.name).finish()
    }
}

/// Undoes a [`ContextVar::set`]. Dropping it changes nothing: the value stays set.
///
/// Python calls it a token.
#[derive(Debug)]
pub struct Reset {
    number: u64,
    earlier: Option<Entry>,
}

impl Reset {
    /// Gives the variable the value that it had before that `set`, or none.
    ///
    /// It acts on whoever calls it. A task that hands this to another one changes the other
    /// one's variable, not its own. (Python refuses that at run time.)
    pub fn reset(self) {
        let replaced = change(self.number, self.earlier);
        drop(replaced);
    }
}

/// The values of all context variables, as one task or callback sees them.
///
/// ```
/// use roundelay_runtime::{ContextValues, ContextVar};
///
/// static USER: ContextVar<&str> = ContextVar::new("user");
///
/// let mut values = ContextValues::current();
/// assert!(values.is_empty());
/// values.run(|| drop(USER.set("ada")));
/// assert_eq!(USER.get(), None);
/// assert_eq!(values.run(|| USER.get()), Some("ada"));
/// assert!(values.run(ContextValues::any_here) && !ContextValues::any_here());
/// values.swap(); // what `run` does before, and once more afterwards
/// assert_eq!((USER.get(), values.is_empty()), (Some("ada"), true));
/// ```
#[derive(Clone, Default)]
#[doc(alias = "Context")]
pub struct ContextValues {
    /// In the order in which they were first set. `None` and not an empty list: most
    /// programs have no variables, and then a copy costs nothing.
    list: Option<Arc<Vec<Entry>>>,
}

#[derive(Clone)]
struct Entry {
    number: u64,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

thread_local! {
    static CURRENT: Cell<ContextValues> = const { Cell::new(ContextValues { list: None }) };
    /// A copy of "something is set here". It has no destructor, so reading it is one load: all
    /// that a spawn, a callback or a step pays in a program without variables.
    static ANY: Cell<bool> = const { Cell::new(false) };
}

/// Exchanges the thread's values. The one place that writes them.
fn exchange(values: ContextValues) -> ContextValues {
    let any = !values.is_empty();
    let earlier = CURRENT.try_with(|current| {
        ANY.set(any);
        current.replace(values)
    });
    // A thread that is being taken down has no values any more.
    earlier.unwrap_or_default()
}

impl ContextValues {
    /// A copy of the values that are set here and now.
    #[doc(alias = "copy_context")]
    #[must_use]
    #[inline]
    pub fn current() -> ContextValues {
        match ContextValues::any_here() {
            true => ContextValues::copy(),
            false => ContextValues::default(),
        }
    }

    #[cold]
    fn copy() -> ContextValues {
        let values = exchange(ContextValues::default());
        let copy = values.clone();
        exchange(values);
        copy
    }

    /// Whether any variable is set here and now.
    #[must_use]
    #[inline]
    pub fn any_here() -> bool {
        ANY.get()
    }

    /// Calls `work` with these values in the place of the present ones. What `work` sets
    /// stays in here.
    #[doc(alias = "enter")]
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        struct PutBack<'v>(&'v mut ContextValues);
        impl Drop for PutBack<'_> {
            fn drop(&mut self) {
                self.0.swap();
            }
        }
        self.swap();
        let _back = PutBack(self);
        work()
    }

    /// Exchanges these values with the present ones. Runs no user code.
    ///
    /// For those who run others' work, as [`ContextValues::run`] does and the executor for
    /// each step: exchange before, exchange back afterwards, come what may.
    #[inline]
    pub fn swap(&mut self) {
        if !self.is_empty() || ContextValues::any_here() {
            self.really_swap();
        }
    }

    #[cold]
    fn really_swap(&mut self) {
        *self = exchange(mem::take(self));
    }

    /// Whether no variable has a value.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// `work`, such that it will be called with these values.
    pub(crate) fn wrap<R>(mut self, work: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || self.run(work)
    }

    fn find(&self, number: u64) -> Option<Arc<dyn Any + Send + Sync>> {
        let entry = self.list.as_ref()?.iter().find(|entry| entry.number == number)?;
        Some(Arc::clone(&entry.value))
    }

    /// Puts `new` in the place of the entry with this number, which is handed out.
    fn replace(&mut self, number: u64, new: Option<Entry>) -> Option<Entry> {
        // A list that others see is copied first; one that nobody else sees is changed.
        let list = Arc::make_mut(self.list.get_or_insert_default());
        let place = list.iter().position(|entry| entry.number == number);
        let earlier = match (place, new) {
            (Some(place), Some(new)) => Some(mem::replace(&mut list[place], new)),
            (Some(place), None) => Some(list.remove(place)),
            (None, new) => {
                list.extend(new);
                None
            }
        };
        if list.is_empty() {
            self.list = None;
        }
        earlier
    }
}

/// Changes one of the present values, and hands out what it was.
fn change(number: u64, new: Option<Entry>) -> Option<Entry> {
    let mut values = exchange(ContextValues::default());
    let earlier = values.replace(number, new);
    exchange(values);
    earlier
}

/// The values that somebody left behind, taken away; to be dropped with care.
#[inline]
pub(crate) fn take_leftovers() -> ContextValues {
    let mut leftovers = ContextValues::default();
    leftovers.swap();
    leftovers
}

impl fmt::Debug for ContextValues {
    /// The names of the variables that have a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.list.iter().flat_map(|list| list.iter())).finish()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static A: ContextVar<u8> = ContextVar::new("a");
    static B: ContextVar<String> = ContextVar::new("b");

    #[test]
    fn a_copy_is_not_touched_by_later_changes() {
        A.set(1);
        let mut copy = ContextValues::current();
        A.set(2);
        assert_eq!((A.get(), copy.run(|| A.get())), (Some(2), Some(1)));
    }

    #[test]
    fn with_the_last_value_gone_nothing_is_left_to_copy() {
        let first = A.set(1);
        let second = B.set("x".into());
        assert_eq!(format!("{:?}", ContextValues::current()), "{a, b}");
        first.reset();
        second.reset();
        assert!(ContextValues::current().is_empty());
    }

    #[test]
    fn values_are_put_back_after_a_panic() {
        A.set(1);
        let mut other = ContextValues::default();
        let work = || {
            A.set(2);
            panic!("halfway");
        };
        assert!(crate::contain(|| other.run(work)).is_err());
        assert_eq!((A.get(), other.run(|| A.get())), (Some(1), Some(2)));
        assert!(crate::contain(|| A.with_value(3, || panic!("halfway"))).is_err());
        assert_eq!(A.get(), Some(1));
    }

    #[test]
    fn a_value_may_use_its_own_variable_when_it_is_cloned_and_dropped() {
        static NOSY: ContextVar<Nosy> = ContextVar::new("nosy");
        struct Nosy(u8);
        impl Clone for Nosy {
            fn clone(&self) -> Nosy {
                A.set(self.0);
                Nosy(self.0 + 1)
            }
        }
        impl Drop for Nosy {
            fn drop(&mut self) {
                A.set(A.get().unwrap_or(0) + 100);
            }
        }
        NOSY.set(Nosy(1));
        assert_eq!(NOSY.get().map(|nosy| nosy.0), Some(2));
        assert_eq!(A.get(), Some(101));
        drop(NOSY.set(Nosy(5)));
        assert_eq!(A.get(), Some(201));
    }
}
