//! The tree behind the tokens: who is cancelled with whom.
//!
//! ```text
//!   server --+-- connection 1 --+-- request a
//!            |                  +-- request b         cancel(connection 1): it, a and b
//!            +-- connection 2
//! ```
//!
//! All tokens of a tree share one lock. It is held for a few steps at a time and never while
//! foreign code runs, and it makes a cancel one event: nobody ever sees a cancelled parent
//! with a child that is not.
//!
//! # Invariants
//! - A node is there as long as a handle to it is. Its children are then taken over by its
//!   parent, so that a chain of tokens does not grow with every link that is let go.
//! - A cancelled node has neither parent nor children: it cannot become any more cancelled.
//! - Nothing here calls itself: a tree may be as deep as memory allows.
//! - Wakers are cloned, woken and dropped while the lock is free.
//!
//! Tutorial: chapter 10. Before this: `../combinators/concurrent.rs`. After this: `token.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;

use crate::task_table::Waiter;

/// A tree of tokens.
#[derive(Default)]
pub(crate) struct Tree {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    nodes: Slab<Node>,
    next_ticket: u64,
}

#[derive(Default)]
struct Node {
    /// How many tokens, guards and futures stand for it.
    handles: usize,
    cancelled: bool,
    parent: Option<usize>,
    children: BTreeSet<usize>,
    /// Who waits, by ticket: over the whole tree, in the order in which they came.
    waiters: BTreeMap<u64, Waker>,
}

impl Tree {
    /// Plants a node without a parent, with one handle.
    pub(crate) fn plant(&self) -> usize {
        self.lock().nodes.insert(Node { handles: 1, ..Node::default() })
    }

    /// Adds a child, with one handle. The child of a cancelled node is born cancelled.
    pub(crate) fn grow(&self, parent: usize) -> usize {
        let mut inner = self.lock();
        let cancelled = inner.nodes[parent].cancelled;
        let up = (!cancelled).then_some(parent);
        let child =
            inner.nodes.insert(Node { handles: 1, cancelled, parent: up, ..Node::default() });
        if !cancelled {
            inner.nodes[parent].children.insert(child);
        }
        child
    }

    /// Counts one more handle.
    pub(crate) fn hold(&self, node: usize) {
        self.lock().nodes[node].handles += 1;
    }

    /// Counts one handle less. The last one takes the node out of the tree.
    pub(crate) fn release(&self, node: usize) {
        let mut inner = self.lock();
        let held = &mut inner.nodes[node];
        held.handles -= 1;
        if held.handles > 0 {
            return;
        }
        let gone = inner.nodes.remove(node);
        for &child in &gone.children {
            inner.nodes[child].parent = gone.parent;
        }
        if let Some(parent) = gone.parent {
            let siblings = &mut inner.nodes[parent].children;
            siblings.remove(&node);
            siblings.extend(gone.children);
        }
        // Whoever waits holds a handle, so nobody waits here: no waker is dropped.
        debug_assert!(gone.waiters.is_empty(), "whoever waits for a token holds it");
    }

    pub(crate) fn is_cancelled(&self, node: usize) -> bool {
        self.lock().nodes[node].cancelled
    }

    /// Cancels a node and all below it, then wakes whoever waits, in the order in which they
    /// began to wait. `false` if it was cancelled before.
    pub(crate) fn cancel(&self, node: usize) -> bool {
        let mut inner = self.lock();
        if inner.nodes[node].cancelled {
            return false;
        }
        if let Some(parent) = inner.nodes[node].parent {
            inner.nodes[parent].children.remove(&node);
        }
        // Put into order at the end: to merge each node's few into all that were found before would
        // look at those again for each node.
        let mut woken = Vec::new();
        let mut todo = vec![node];
        while let Some(next) = todo.pop() {
            let node = &mut inner.nodes[next];
            node.cancelled = true;
            node.parent = None;
            woken.extend(std::mem::take(&mut node.waiters));
            todo.extend(std::mem::take(&mut node.children));
        }
        // All are cancelled; let the lock go, then wake: a waker may look at any of them.
        drop(inner);
        woken.sort_unstable_by_key(|&(ticket, _)| ticket);
        for (_, waker) in woken {
            Waiter::Other(waker).wake();
        }
        true
    }

    /// Notes who waits for a node; with an earlier ticket, keeps that place. Hands back the
    /// waker that it replaced.
    ///
    /// # Errors
    /// The new waker, if the node is cancelled: nobody waits for that any more.
    pub(crate) fn wait(
        &self,
        node: usize,
        ticket: &mut Option<u64>,
        waker: Waker,
    ) -> Result<Option<Waker>, Waker> {
        let mut inner = self.lock();
        if inner.nodes[node].cancelled {
            return Err(waker);
        }
        let place = ticket.unwrap_or(inner.next_ticket);
        if ticket.replace(place).is_none() {
            inner.next_ticket += 1;
        }
        Ok(inner.nodes[node].waiters.insert(place, waker))
    }

    /// Whether this waiter is noted with a waker that does the same as `waker`.
    pub(crate) fn is_noted(&self, node: usize, ticket: u64, waker: &Waker) -> bool {
        let noted = self.lock();
        noted.nodes[node].waiters.get(&ticket).is_some_and(|noted| noted.will_wake(waker))
    }

    /// Strikes a waiter out. Hands back its waker, to be dropped while the lock is free.
    pub(crate) fn leave(&self, node: usize, ticket: u64) -> Option<Waker> {
        self.lock().nodes[node].waiters.remove(&ticket)
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().nodes.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under this lock, so a poisoned one is as good as new.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_children_of_a_node_that_goes_are_taken_over_by_its_parent() {
        let tree = Tree::default();
        let root = tree.plant();
        let middle = tree.grow(root);
        let leaf = tree.grow(middle);
        tree.release(middle);
        assert_eq!(tree.len(), 2);
        assert!(tree.cancel(root));
        assert!(tree.is_cancelled(leaf));
    }

    #[test]
    fn a_chain_that_lets_go_of_its_links_does_not_grow() {
        let tree = Tree::default();
        let mut last = tree.plant();
        let links = if cfg!(miri) { 100 } else { 10_000 };
        for _ in 0..links {
            let next = tree.grow(last);
            tree.release(last);
            last = next;
        }
        assert_eq!(tree.len(), 1);
        tree.release(last);
        assert_eq!(tree.len(), 0);
    }

    #[test]
    fn what_was_cancelled_is_cut_off_and_what_is_released_later_finds_nothing_to_do() {
        let tree = Tree::default();
        let root = tree.plant();
        let child = tree.grow(root);
        let grandchild = tree.grow(child);
        assert!(tree.cancel(child));
        assert!(!tree.cancel(child) && !tree.cancel(grandchild));
        assert!(!tree.is_cancelled(root));
        for node in [root, child, grandchild] {
            tree.release(node);
        }
        assert_eq!(tree.len(), 0);
    }
}
