//! Several futures as one: which combinator for what.
//!
//! | | gives | in which order | on an error | dropped half-way | who owns the children |
//! |---|---|---|---|---|---|
//! | [`gather`](crate::gather()) | all values, or the first error | of the argument | comes out at once, the others go on | drops the children | it does, until it answers |
//! | [`try_gather`](crate::try_gather()) | all values, or the first error | of the argument | cancels the others, waits for their ends, comes out | drops the children | it does, to the end |
//! | [`gather_all`](crate::gather_all()) | every outcome | of the argument | is an outcome | drops the children | it does, to the end |
//! | [`map_concurrent`](crate::map_concurrent()) | every outcome, a few at a time | of the input | is an outcome | drops the children | it does, to the end |
//! | [`for_each_concurrent`](crate::for_each_concurrent()) | nothing, or the first error; a few at a time | | cancels the others, waits for their ends, comes out | drops the children | it does, to the end |
//! | [`window`](crate::window()) | a stream of outcomes, a few at a time | of ending | is an outcome | drops the children | it does |
//! | [`as_completed`](crate::as_completed()) | a stream of outcomes | of ending | is an outcome | detaches the tasks | it does, and cancels nobody |
//! | [`wait`](crate::wait()) | the tasks that have ended | of the list | may be what is waited for | changes nothing | the caller |
//! | [`race`](crate::race()), [`select`](crate::select()) | the first output | of the argument, if several are ready | is an output | drops the futures | it does: they are no tasks |
//! | [`race_ok`](crate::race_ok()) | the first success, or all errors | of the argument, if several are ready | takes its future out of the race | drops the futures | it does: they are no tasks |
//! | [`staggered_race`](crate::staggered_race()) | the first success, or all errors; the next begins after a pause or a failure | of the argument, if several are ready | takes its future out of the race | drops the futures | it does: they are no tasks |
//! | [`race_tasks`](crate::race_tasks()) | the first outcome | of ending | is an outcome | drops the children | it does, to the end |
//! | [`join`](crate::join()) | all outputs | of the argument | is an output | drops the futures | it does: they are no tasks |
//! | [`try_join`](crate::try_join()) | all values, or the first error | of the argument | drops the others, comes out at once | drops the futures | it does: they are no tasks |
//! | [`task_group`](crate::task_group()) | the body's value, or all errors | errors in the order of happening | cancels the others and the body, waits for their ends, all come out | drops the children | it does, to the end |
//! | [`shield`](crate::shield()) | the outcome | | is an outcome | detaches the task | the loop |
//!
//! Two questions choose. *May the others go on after an error?* Nearly always they should not:
//! then it is a [`task_group`](crate::task_group()) where children come one by one, and
//! [`try_gather`](crate::try_gather()) where they are known beforehand. *Must they be tasks?*
//! Tasks are `'static`, have names, survive a panic of their sibling, and cost the same per
//! wake-up however many there are. Futures inside of a race or a join may borrow, cost no
//! allocation of a task, and are gone at once when it is dropped; but the panic of one is the
//! end of all. Every wake-up of a race polls all of them, and so does one of a tuple that is
//! joined; of a list that is joined it polls those who were woken.
//!
//! "Dropped half-way" is what cancelling the awaiting task, a time limit, or a lost race does
//! to the combinator. "Drops the children" means: before that drop returns, in the order of
//! the argument; but one that is taking a step at that very moment goes when the step ends.

pub(crate) mod peek;
pub(crate) mod finish_line;
pub(crate) mod children;
pub(crate) mod gather;
pub(crate) mod try_gather;
pub(crate) mod gather_error;
pub(crate) mod wait;
pub(crate) mod as_completed;
pub(crate) mod race;
pub(crate) mod staggered_race;
pub(crate) mod race_tasks;
pub(crate) mod select;
pub(crate) mod joinable;
pub(crate) mod join_tuple;
pub(crate) mod woken;
pub(crate) mod join_list;
pub(crate) mod join;
pub(crate) mod shield;
pub(crate) mod inputs;
pub(crate) mod window;
pub(crate) mod concurrent;

pub use children::{Children, FallibleChildren, Gatherable, Many, Mixed};
pub use inputs::{FromIterator, FromStream, Inputs, Iterated};
pub use join_list::JoinedList;
pub use join_tuple::{End, Flat, JoinedTuple, Row};
pub use joinable::{Joinable, Joined, Rule, UntilAllEnd, UntilOneFails};
