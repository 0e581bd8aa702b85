//! A latch: the memory of what the operating system said once.
//!
//! The system tells of changes only. "This can be read now" is said when it becomes true
//! and not again, so somebody must remember it until it stops being true.
//!
//! ```text
//!            event: release, the waiting go
//!   not ready ---------------------------> ready
//!      ^  |  wait: stand here                |  wait: refused, try now
//!      +--+                                  |
//!      ^------ WouldBlock, or all was taken -+
//! ```
//!
//! # Invariants
//! - It starts out ready: try first. Wrongly ready costs one useless try; wrongly not ready
//!   would hang.
//! - After the last event (the other side has closed) only `WouldBlock` clears it: what is
//!   still to be read then, the end at least, will not be announced again. The same holds after
//!   urgent data, at which a read ends although there is more.
//! - Nobody waits at a latch that is ready.
//!
//! Tutorial: chapter 7. Before this: `readiness_script.rs`. After this: `fine_wait.rs`.

use std::collections::VecDeque;

use crate::callback::Callback;

/// One source under watch: a latch for each direction.
pub(crate) struct Watch {
    pub(crate) generation: u32,
    pub(crate) read: Latch,
    pub(crate) write: Latch,
}

impl Watch {
    pub(crate) fn new(generation: u32) -> Watch {
        Watch { generation, read: Latch::new(), write: Latch::new() }
    }

    /// Releases one latch, or both; `Some(true)` is for the last time. Moves the waiting callbacks
    /// out, and counts them.
    pub(crate) fn release(
        &mut self,
        readable: Option<bool>,
        writable: Option<bool>,
        released: &mut Vec<Callback>,
    ) -> usize {
        let before = released.len();
        if let Some(ended) = readable {
            self.read.release(ended, released);
        }
        if let Some(ended) = writable {
            self.write.release(ended, released);
        }
        released.len() - before
    }

    /// All who wait, when there is nothing to wait for any more.
    pub(crate) fn into_callbacks(self) -> impl Iterator<Item = Callback> {
        self.read.into_callbacks().chain(self.write.into_callbacks())
    }
}

/// What is known of one direction of one source, and who waits for it.
pub(crate) struct Latch {
    ready: bool,
    /// The last event has come.
    ended: bool,
    /// By number: whoever comes has a larger one than all who are there.
    waiting: VecDeque<(u64, Callback)>,
}

impl Latch {
    pub(crate) fn new() -> Latch {
        Latch { ready: true, ended: false, waiting: VecDeque::new() }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// The system said `WouldBlock`.
    pub(crate) fn clear(&mut self) {
        self.ready = false;
    }

    /// All that there was has been taken, as far as one can see.
    pub(crate) fn clear_unless_ended(&mut self) {
        self.ready = self.ended;
    }

    /// The system said that it is ready; `ended`: for the last time, as the other side has
    /// closed, or with urgent data, after which a short read proves nothing. Moves the waiting
    /// callbacks out.
    fn release(&mut self, ended: bool, released: &mut Vec<Callback>) {
        self.ready = true;
        self.ended |= ended;
        released.extend(self.waiting.drain(..).map(|(_, callback)| callback));
    }

    /// Leaves a callback, under a number. Gives it back if it need not wait.
    pub(crate) fn wait(&mut self, number: u64, callback: Callback) -> Result<(), Callback> {
        if self.ready {
            return Err(callback);
        }
        if self.waiting.is_empty() {
            // Nearly always there is one who reads and one who writes: room for one, no more.
            self.waiting.reserve_exact(1);
        }
        self.waiting.push_back((number, callback));
        Ok(())
    }

    /// Puts another callback in the place of one that waits; hands back the one not used.
    /// `Err` if it no longer waits.
    pub(crate) fn replace(
        &mut self,
        number: u64,
        callback: Callback,
    ) -> Result<Callback, Callback> {
        match self.place_of(number) {
            Some(place) => Ok(std::mem::replace(&mut self.waiting[place].1, callback)),
            None => Err(callback),
        }
    }

    /// Takes back a callback that waits.
    pub(crate) fn cancel(&mut self, number: u64) -> Option<Callback> {
        let place = self.place_of(number)?;
        self.waiting.remove(place).map(|(_, callback)| callback)
    }

    /// Where one waits. Thousands may wait for one socket, and news lets all of them ask here.
    fn place_of(&self, number: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&number, |&(waiting, _)| waiting).ok()
    }

    /// All who wait, when there is nothing to wait for any more.
    fn into_callbacks(self) -> impl Iterator<Item = Callback> {
        self.waiting.into_iter().map(|(_, callback)| callback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_a_crowd_is_found_by_its_number_whoever_has_left() {
        let notify = |n: u64| Callback::Notify(crate::callback::Key::new(n as u32, 0));
        let mut latch = Latch::new();
        latch.clear();
        (10..20).for_each(|number| assert!(latch.wait(number, notify(number)).is_ok()));
        for number in [13, 10, 19] {
            assert!(latch.cancel(number).is_some() && latch.cancel(number).is_none());
        }
        assert!(latch.replace(13, notify(0)).is_err());
        assert!(
            matches!(latch.replace(14, notify(99)), Ok(Callback::Notify(key)) if key.index() == 14)
        );
        let left = latch.into_callbacks().map(|callback| match callback {
            Callback::Notify(key) => key.index(),
            Callback::Once(_) => unreachable!(),
        });
        assert_eq!(left.collect::<Vec<_>>(), [11, 12, 99, 15, 16, 17, 18]);
    }

    #[test]
    fn what_was_drained_waits_for_news_but_the_end_of_a_stream_is_not_news_twice() {
        let mut latch = Latch::new();
        latch.release(false, &mut Vec::new());
        latch.clear_unless_ended();
        assert!(!latch.is_ready());
        latch.release(true, &mut Vec::new());
        latch.clear_unless_ended();
        assert!(latch.is_ready());
        latch.clear();
        assert!(!latch.is_ready());
    }
}
