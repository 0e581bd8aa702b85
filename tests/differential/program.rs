//! Small programs of tasks: what they consist of.
//!
//! A program is a tree of tasks and operations. There are no loops, so every program ends, or
//! waits for ever and is then cancelled with the rest.

/// The tasks that main starts, in this order.
#[derive(Clone)]
pub(crate) struct Program(pub(crate) Vec<Task>);

#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Counted through the whole text, from the left.
    pub(crate) id: usize,
    pub(crate) body: Vec<Op>,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Gives way once.
    Yield,
    /// So many ticks.
    Sleep(u64),
    /// A task of its own, with a handle.
    Spawn(Task),
    /// The same, and its first step is taken at once. Python 3.12 and later.
    SpawnEager(Task),
    /// Awaits a task that was spawned.
    Join(usize),
    /// Cancels a task on the spot, unless it stands in a line: see `README.md`.
    Cancel(usize),
    /// Cancels a task, unless it gathers or waits for a group, at a moment of its own: one bit
    /// before and one after it nothing else happens by chance.
    Stop(usize, usize),
    /// Holds a lock meanwhile.
    Lock(usize, Vec<Op>),
    /// Holds one of two permits of a semaphore meanwhile.
    Permit(Vec<Op>),
    /// Puts a value into a queue: number 0 has no limit, number 1 has room for one.
    Put(usize, usize),
    Get(usize),
    /// Sets a promise, once.
    Resolve(usize),
    /// Awaits a promise, the first time that somebody wants to.
    Await(usize),
    /// Sets the event, clears it, waits for it.
    Set,
    Clear,
    Wait,
    /// Meets another at a barrier for two, which is used once.
    Meet,
    /// Waits for a condition's notification; notifies so many. Its lock is lock 1.
    Expect,
    Notify(usize),
    /// One item of a queue is done; waits until all are.
    Done(usize),
    JoinQueue(usize),
    /// Closes a queue; `true`: drops what is in it. Python 3.13 and later.
    Close(usize, bool),
    /// Sets the context variable, says what it is.
    SetVar(usize),
    SeeVar,
    /// Cancels itself, then sets the event, then gives way, which is where it ends.
    Quit,
    /// Gathers tasks; `true`: keeps the errors.
    Gather(bool, Vec<Task>),
    /// Starts tasks and waits for some of them, with a limit of so many ticks and a bit; no ticks:
    /// no limit.
    Some(Until, u64, usize, Vec<Task>),
    /// Takes tasks as they end. Each pauses for a *bit* before it ends: 2 to the power of this
    /// number for the first one, of the next number for the next one, and so on. No other moment
    /// has the same bits, so nothing else happens then by chance.
    Completed(usize, Vec<Task>),
    /// Awaits a task behind a shield.
    Shield(Task),
    /// A task group. The first bit is a pause after the group's end, the next ones are the
    /// children's, and the last one is a pause before the body fails.
    Group(usize, Vec<Task>, Vec<Op>),
    /// A limit of so many ticks and a bit.
    Timeout(u64, usize, Vec<Op>),
    /// The same, and its end can be moved: so many ticks and a bit from now.
    Deadline(u64, usize, Vec<Op>),
    Move(u64, usize),
    /// Ends the task with an error.
    Fail,
}

/// What [`Op::Some`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    First,
    Failure,
    All,
}

pub(crate) const LOCKS: usize = 2;
pub(crate) const QUEUES: usize = 2;
pub(crate) const PROMISES: usize = 3;
/// How many bits there are: all together are less than a tick.
pub(crate) const BITS: usize = 32;
