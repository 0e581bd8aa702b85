//! A dump: who waits for what, right now.
//!
//! Every task left a note where it came to wait (`own_step.rs`), and every lock knows who has it
//! (`sync/desk.rs`). A dump only reads these, so it can be taken at any time, also in the middle of
//! a step, and it changes nothing.
//!
//! ```text
//!   task 1 (main) runs [step 12, spawned at main.rs:3:5]
//!   +- task 2 (save) has waited 2s for lock 7, held by task 3 (load) [step 5, ..]
//!   +- task 3 (load) has waited 2s for a timer, due in 1s [..]
//! ```
//!
//! # Invariants
//! - Nothing is polled, and nothing of ours is borrowed while a dump is printed.
//! - Each task is there once, so a dump is as long as there are tasks: of the holders of one
//!   thing only the first are named, and the tree is indented only so far.
//!
//! Tutorial: chapter 19. Before this: `run.rs`. After this: `dump_text.rs`.

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::time::Duration;

use roundelay_runtime::{HeldUp, Key, Moment, Stuck};

use crate::current::current_tasks;
use crate::own_step::{self, Wait};
use crate::stage::Stage;
use crate::sync::desk;
use crate::task_info::TaskState;
use crate::task_table::{Slot, Tasks};

/// Takes a dump of the loop that runs on this thread; outside a loop an empty one.
///
/// It may be called anywhere: in a task, in a callback, and from another thread by means of a
/// [`Spawner`](crate::Spawner), which runs it on the loop. [`Runner::dump`](crate::Runner::dump) is
/// for the time between two runs.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::{Lock, Runner, TaskBuilder, dump, sleep};
///
/// let runner = Runner::builder().virtual_clock().build()?;
/// runner.run(async {
///     let lock = Lock::new(());
///     let guard = lock.lock().await;
///     let waits = TaskBuilder::new().name("save").spawn(async move { drop(lock.lock().await) });
///     sleep(Duration::from_secs(2)).await;
///     let text = dump().to_string();
///     assert!(text.contains("task 2 (save) has waited 2s for lock "), "{text}");
///     assert!(text.contains(", held by task 1 (main)"), "{text}");
///     drop(guard);
///     waits.await.unwrap();
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "print_call_graph")]
#[doc(alias = "capture_call_graph")]
#[must_use]
pub fn dump() -> Dump {
    current_tasks().map_or_else(Dump::default, |tasks| tasks.dump())
}

/// All tasks of a loop that have not ended, at one moment. `Display` prints them as a tree: each
/// under the task that spawned it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dump {
    /// The loop's number.
    pub loop_id: u64,
    /// How many turns it had begun.
    pub turn: u64,
    /// How many entries were ready.
    pub ready: usize,
    /// How often the loop was held up, and by whom.
    pub held_up: HeldUp,
    /// The tasks, the oldest first.
    pub tasks: Vec<TaskDump>,
}

/// What there is to say of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskDump {
    /// Its number: unique on its loop, never used again.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The line that spawned it.
    pub spawned_at: &'static Location<'static>,
    /// The task that spawned it, if that one has not ended.
    pub parent: Option<u64>,
    /// How long it has lived, on the loop's clock.
    pub age: Duration,
    /// What it does.
    pub state: TaskState,
    /// What it waits for, if it does.
    pub waits_for: Option<WaitsFor>,
    /// Nothing else would make it go on: it waits for this alone, and not with a timeout for
    /// example.
    pub waits_alone: bool,
    /// How long it has waited, on the loop's clock.
    pub waited: Duration,
    /// How many steps it has begun.
    pub steps: u32,
    /// The task in whose step it was last woken. `None`: by the loop itself (a timer, a socket, a
    /// callback), by another thread, or never; or that task has ended.
    pub woken_by: Option<u64>,
    /// Somebody has asked for its end.
    pub cancel_requested: bool,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A timer.
    Timer {
        /// When it is due, from now; [`Duration::MAX`] is never.
        remaining: Duration,
    },
    /// A socket.
    Socket {
        /// To be written; else to be read.
        to_write: bool,
    },
    /// The end of a task.
    Task(TaskName),
    /// The ends of several tasks: `gather`, `wait` and their kind.
    Tasks {
        /// It needs all of them; else the first end, or a failure, may be enough.
        all: bool,
        /// The first few of those that have not ended, oldest first.
        tasks: Vec<TaskName>,
        /// How many more have not ended.
        more: usize,
    },
    /// A job elsewhere, by its number on the loop.
    Job(u64),
    /// A promise.
    Promise,
    /// The end of a group's children.
    Group,
    /// A lock, a semaphore, a queue, or one of their kind.
    Sync {
        /// What it is.
        kind: &'static str,
        /// Its number on this thread.
        number: u64,
        /// Who has it: the first few.
        held_by: Vec<HeldBy>,
        /// How many more have something of it.
        more: usize,
    },
    /// Something that did not say what it is.
    Unknown,
}

/// A task, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskName {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// Somebody who has what others wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBy {
    /// Who took it. `None`: somebody outside of tasks, or a task that has ended.
    pub task: Option<TaskName>,
    /// How many permits, or one.
    pub count: usize,
    /// It was handed to a place in line that the task keeps, and the task has not taken it: it
    /// takes no notice of that place now. After a few steps, it probably never will.
    pub untaken: bool,
    /// Somebody else may have it by now.
    pub moved: bool,
}

impl Tasks {
    pub(crate) fn dump(&self) -> Dump {
        let mut tasks: Vec<TaskDump> = Vec::with_capacity(self.live());
        // By the low halves of their numbers, which is how slots name each other.
        let numbers: HashMap<u32, u64> = {
            let slots = self.slots.borrow();
            slots.iter().map(|(key, slot)| (key.generation(), slot.id)).collect()
        };
        let keys: BTreeMap<u64, Key> = {
            let slots = self.slots.borrow();
            let live = slots.iter().filter(|(_, slot)| !slot.stage.has_ended());
            live.map(|(key, slot)| (slot.id, key)).collect()
        };
        let now = self.loop_ref.now();
        let lines = self.by_line();
        for key in keys.into_values() {
            let found = self.with(key, |slot| (self.describe(slot, now, &numbers), slot.wait));
            let Some((mut task, wait)) = found else { continue };
            if task.state == TaskState::Waiting {
                task.waits_for = Some(self.in_words(wait, &lines));
            }
            tasks.push(task);
        }
        let (turn, ready) = (self.loop_ref.turn(), self.loop_ref.ready_len());
        let held_up = self.loop_ref.held_up();
        Dump { loop_id: self.loop_ref.id(), turn, ready, held_up, tasks }
    }

    /// Who waits for ever, now that nothing can happen any more.
    pub(crate) fn who_is_stuck(&self) -> Vec<Stuck> {
        self.dump().tasks.into_iter().map(TaskDump::stuck).collect()
    }

    fn describe(&self, slot: &Slot, now: Moment, numbers: &HashMap<u32, u64>) -> TaskDump {
        let state = match slot.stage {
            Stage::Out => TaskState::Running,
            Stage::Main if self.main_is_out.get() => TaskState::Running,
            _ if slot.scheduled => TaskState::Scheduled,
            _ => TaskState::Waiting,
        };
        TaskDump {
            id: slot.id,
            name: slot.display_name(),
            spawned_at: slot.spawned_at,
            parent: numbers.get(&slot.parent).copied(),
            age: now.since(slot.born),
            state,
            waits_for: None,
            waits_alone: slot.waits_alone,
            waited: now.since(slot.since),
            steps: slot.polls,
            woken_by: numbers.get(&slot.woken_by).copied(),
            cancel_requested: slot.cancel_requested,
        }
    }

    /// The tasks that are on their way to each line at which somebody waits for several: the oldest
    /// first.
    pub(crate) fn by_line(&self) -> HashMap<u64, Vec<Key>> {
        let slots = self.slots.borrow();
        let mut runners: Vec<(u64, u64, Key)> = slots
            .iter()
            .filter(|(_, slot)| !slot.stage.has_ended())
            .filter_map(|(key, slot)| Some((slot.id, slot.listener.as_ref()?.line()?, key)))
            .collect();
        runners.sort_unstable_by_key(|&(id, ..)| id);
        let mut lines: HashMap<u64, Vec<Key>> = HashMap::new();
        for (_, line, key) in runners {
            lines.entry(line).or_default().push(key);
        }
        lines
    }

    pub(crate) fn in_words(&self, wait: Wait, lines: &HashMap<u64, Vec<Key>>) -> WaitsFor {
        match wait {
            Wait::AllOf(line) | Wait::AnyOf(line) => {
                let tasks = lines.get(&line).map_or(&[][..], |keys| keys);
                let named = tasks.iter().take(TASKS_NAMED);
                WaitsFor::Tasks {
                    all: matches!(wait, Wait::AllOf(_)),
                    tasks: named.filter_map(|&key| self.task_name(key)).collect(),
                    more: tasks.len().saturating_sub(TASKS_NAMED),
                }
            }
            Wait::Unknown => WaitsFor::Unknown,
            Wait::Until(deadline) => {
                let now = self.loop_ref.latest();
                let never = deadline == Moment::NEVER;
                WaitsFor::Timer {
                    remaining: if never { Duration::MAX } else { deadline.since(now) },
                }
            }
            Wait::ToRead(_) => WaitsFor::Socket { to_write: false },
            Wait::ToWrite(_) => WaitsFor::Socket { to_write: true },
            Wait::Task(key) => self.task_name(key).map_or(WaitsFor::Unknown, WaitsFor::Task),
            Wait::Job(number) => WaitsFor::Job(number),
            Wait::Promise => WaitsFor::Promise,
            Wait::Group => WaitsFor::Group,
            Wait::Lock(number) | Wait::Sync(number) => {
                let Some(seen) = desk::glance(number, HOLDERS_NAMED) else {
                    return WaitsFor::Unknown;
                };
                let more = seen.holders - seen.first.len();
                let held_by = seen.first.into_iter().map(|holding| HeldBy {
                    task: holding.task.and_then(|key| self.task_name(key)),
                    count: holding.count,
                    untaken: holding.handed.is_some(),
                    moved: seen.travels,
                });
                WaitsFor::Sync { kind: seen.kind, number, held_by: held_by.collect(), more }
            }
        }
    }

    fn task_name(&self, key: Key) -> Option<TaskName> {
        self.with(key, |slot| TaskName { id: slot.id, name: slot.display_name() })
    }
}

impl Slot {
    /// A step has ended without an end of the task: what does it wait for? `shared`: its waker is
    /// in strange hands. Gives that, if the task waits for nothing else.
    #[inline]
    pub(crate) fn note_wait(&mut self, shared: bool, now: Moment) -> Wait {
        let (wait, alone) = own_step::awaited();
        let alone = alone && !shared;
        if self.told_stuck {
            self.told_stuck = alone && self.wait == wait;
        }
        (self.wait, self.waits_alone, self.since) = (wait, alone, now);
        if alone { wait } else { Wait::Unknown }
    }

    /// Whether it has come to a stop where others keep what it needs, and needs nothing else.
    #[inline]
    pub(crate) fn waits_for_owner(&self) -> bool {
        self.waits_alone && !self.scheduled && self.wait.is_for_owner()
    }
}

/// How a task is called.
pub(crate) fn named(id: u64, name: &str) -> String {
    format!("task {id} ({})", on_one_line(name))
}

/// A name is any text: one with a line's end or a terminal's colours in it must not break the list.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// How many of those who have the same thing are named.
const HOLDERS_NAMED: usize = 4;
/// The same of those who are waited for.
const TASKS_NAMED: usize = 8;

impl TaskDump {
    fn stuck(self) -> Stuck {
        let waits_for = self.waits_for.unwrap_or(WaitsFor::Unknown).to_string();
        let who = named(self.id, &self.name);
        Stuck::new(who, self.spawned_at, waits_for, self.waited)
    }
}
