//! What the loop calls.
//!
//! Most callbacks are boxed closures, called once. One kind is not: whoever is called over
//! and over, a million tasks for example, would pay for a box each time. So a loop also
//! knows one shared [`Target`], and a callback may be no more than a [`Key`]: a number that
//! the target understands.
//!
//! ```text
//!   Callback::Once(box)    --> box()                "call this"
//!   Callback::Notify(key)  --> target.notify(key)   "tell number 7 that it happened"
//! ```
//!
//! # Invariants
//! - The loop never looks inside a key. It does not know what the target keeps under it.
//!
//! Tutorial: chapters 2 and 6. Before this: `clock.rs`. After this: `context.rs`.

use std::fmt;
use std::panic::Location;

use crate::error::Stuck;

/// What to call when a moment comes: a timer is due, a socket is readable.
pub enum Callback {
    /// Call this closure, once.
    Once(Box<dyn FnOnce()>),
    /// Tell the loop's [`Target`] that what this number waited for has happened.
    Notify(Key),
}

impl Callback {
    /// A callback out of a closure.
    ///
    /// ```
    /// use roundelay_runtime::Callback;
    ///
    /// let callback = Callback::new(|| println!("my turn"));
    /// assert_eq!(format!("{callback:?}"), "Once(..)");
    /// ```
    pub fn new(closure: impl FnOnce() + 'static) -> Self {
        Callback::Once(Box::new(closure))
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Callback::Once(_) => f.write_str("Once(..)"),
            Callback::Notify(key) => write!(f, "Notify({key:?})"),
        }
    }
}

/// A number that a [`Target`] understands: an index, and a generation that tells a new
/// owner of the index from the one before.
///
/// ```
/// use roundelay_runtime::Key;
///
/// let key = Key::new(7, 2);
/// assert_eq!((key.index(), key.generation()), (7, 2));
/// assert_eq!(Key::from_bits(key.to_bits()), key);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The generation above, the index below. One number and not two: a key is written and read
    /// over and over, and a processor that has just written two halves waits before it can read
    /// them as one.
    bits: u64,
}

impl Key {
    /// The key of `index` in its `generation`.
    #[inline]
    pub const fn new(index: u32, generation: u32) -> Key {
        Key { bits: (generation as u64) << 32 | index as u64 }
    }

    /// Which place of the target's table.
    #[inline]
    pub const fn index(self) -> usize {
        self.bits as u32 as usize
    }

    /// Which owner of that place, counted up each time it is given away again.
    #[inline]
    pub const fn generation(self) -> u32 {
        (self.bits >> 32) as u32
    }

    /// Both in one number, for an atomic variable.
    #[inline]
    pub const fn to_bits(self) -> u64 {
        self.bits
    }

    /// The key that [`Key::to_bits`] packed.
    #[inline]
    pub const fn from_bits(bits: u64) -> Key {
        Key { bits }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}

/// Somebody whom the loop calls by number: the table of tasks of the executor, the crate
/// above this one.
///
/// A loop has at most one. It must contain its own panics: they would go through the loop; and take
/// back the [context variables](crate::ContextVar) that those whom it calls have set. The two methods
/// are the two halves of a wake-up, which fall into two turns, as in asyncio: in one turn
/// the timer's callback says "it happened" ([`notify`](Target::notify)), in the next the task that
/// waited takes its step ([`run`](Target::run)).
pub trait Target {
    /// `key` was in the ready queue, and is called now.
    fn run(&self, key: Key);

    /// What `key` waited for has happened. Usually it now asks for a turn
    /// ([`LoopRef::run_soon`](crate::LoopRef::run_soon)).
    ///
    /// A key may be stale, and may be notified more than once: both must be harmless.
    fn notify(&self, key: Key);

    /// Many keys, due timers', will be notified in this turn: a moment to fetch what lies under
    /// them (see `fetch_ahead.rs`). Nothing need be done.
    fn announce(&self, keys: &[Key]) {
        let _ = keys;
    }

    /// How many [`LoopProxy`](crate::LoopProxy)s the target keeps that nobody else can use.
    ///
    /// For the deadlock check (`nobody_has_a_door` in `waiting.rs`). A `LoopProxy` is a door
    /// through which others call the loop; doors that only the target holds will never be
    /// used. Too small a number is harmless: the loop then sleeps. Too large a number may
    /// report a deadlock that is none.
    fn own_doors(&self) -> usize {
        0
    }

    /// Who is called under `key`, and which line has spawned it: for a report of who held up the
    /// loop. It may be gone already.
    fn who(&self, key: Key) -> Option<(String, Option<&'static Location<'static>>)> {
        let _ = key;
        None
    }

    /// Who waits for what, when the loop has found that nothing can happen any more.
    fn stuck(&self) -> Vec<Stuck> {
        Vec::new()
    }
}
