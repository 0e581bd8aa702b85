//! Giving up: how a part of a program is told to end, and what it may still do then.
//!
//! Cancelling is dropping: a future that is dropped runs its destructors and nothing else.
//! Nothing in it can catch that, refuse it or await in answer to it. What asyncio does with
//! an exception that may be caught takes three tools here:
//!
//! | wanted | tool | who decides when |
//! |---|---|---|
//! | "please stop when it suits you" | [`CancelToken`](crate::CancelToken) | the code that looks at it |
//! | "stop at your next await, but not in the middle of this" | [`CancelScope`](crate::CancelScope), [`CancelScope::shield`](crate::CancelScope::shield) | the scope, at the first suspension outside of a shield |
//! | "whatever happens, this is done at the end" | [`with_cleanup`](crate::with_cleanup()), [`with_resource`](crate::with_resource()) | nobody: it always runs |
//!
//! [`stop_gracefully`](crate::stop_gracefully()) puts the first and the last resort
//! together: ask, wait a while, then cancel.

pub(crate) mod token_tree;
pub(crate) mod token;
pub(crate) mod region;
pub(crate) mod around;
pub(crate) mod scope;
pub(crate) mod scoped;
pub(crate) mod shield;
pub(crate) mod move_on;
pub(crate) mod cleanup;
pub(crate) mod stop;
