//! Who held up the loop?
//!
//! While one callback computes, nothing else happens: no timer fires, no socket is read. In
//! debug mode this observer holds a watch on every call, and warns of the slow ones by name.
//!
//! ```text
//!   CallBegins ... TaskPolled .................. TaskPending ... CallEnds
//!       |               +-- an eager task's first step --+           |
//!       +---- how long, without what is reported on its own ---------+
//! ```
//!
//! Sometimes no call was slow, but all together were: the loop itself sees that (`span_watch.rs`),
//! and the watch passes it on, unless it has warned of one of them already.
//!
//! A call that never ends is never reported: a watch that hangs on the loop hangs with it.
//!
//! # Invariants
//! - Time is what the events were told with. The watch reads no clock of its own.
//! - An eager task's first step counts as that task's, not as its spawner's.
//!
//! Tutorial: chapter 19. Before this: `span_watch.rs`. After this: `on_duty.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::panic::Location;
use std::time::Duration;

use crate::callback::Key;
use crate::clock::Moment;
use crate::failure::{Failure, FailureKind};
use crate::held_up::SlowSpan;
use crate::interest::{Interest, Observer};
use crate::observer::{Event, Work};
use crate::running::current_loop;

/// The observer that debug mode adds.
pub(crate) struct SlowWatch {
    limit: Duration,
    state: RefCell<State>,
    warn: fn(Failure),
}

#[derive(Default)]
struct State {
    /// Tasks that have not ended, by number.
    tasks: HashMap<u64, Task>,
    by_key: HashMap<Key, u64>,
    /// The calls that are under way, one inside the other.
    frames: Vec<Frame>,
    /// Since the last slow span a call was warned of.
    has_warned: bool,
}

#[derive(Clone)]
struct Task {
    who: String,
    at: &'static Location<'static>,
    key: Key,
}

struct Frame {
    /// Whose step it is; `None` for a callback.
    task: Option<(u64, Task)>,
    /// It ends with `CallEnds`; any other ends with its step.
    is_call: bool,
    is_main: bool,
    began: Moment,
    /// Time that was accounted for by the calls inside.
    inside: Duration,
}

impl SlowWatch {
    pub(crate) fn new(limit: Duration) -> SlowWatch {
        let warn = |failure| {
            if let Some(home) = current_loop() {
                home.warn(failure);
            }
        };
        SlowWatch { limit, state: RefCell::default(), warn }
    }
}

impl Observer for SlowWatch {
    fn observe(&self, now: Moment, event: &Event) {
        if let Event::HeldUp(span) = event {
            let has_warned = mem::take(&mut self.state.borrow_mut().has_warned);
            return if !has_warned {
                (self.warn)(warning_of_many(span, self.limit))
            };
        }
        let ended = self.state.borrow_mut().follow(now, event);
        // Warn when the borrow has ended: a handler is user code.
        for (frame, took) in ended {
            if took >= self.limit {
                self.state.borrow_mut().has_warned = true;
                (self.warn)(warning(frame, took, self.limit));
            }
        }
    }

    fn interest(&self) -> Interest {
        Interest::TASKS | Interest::STEPS | Interest::CALLS | Interest::TURNS
    }
}

impl State {
    /// Keeps count, and hands out the calls that have ended, with the time that they took.
    fn follow(&mut self, now: Moment, event: &Event) -> Vec<(Frame, Duration)> {
        match event {
            Event::TaskSpawned { task, key, name, at, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                let who = format!("task {task} ({name})");
                self.tasks.insert(*task, Task { who, at, key: *key });
                self.by_key.insert(*key, *task);
            }
            Event::CallBegins { what, .. } => {
                let task = match what {
                    Work::Run(key) => self.by_key.get(key).copied(),
                    _ => None,
                };
                self.begin(task, true, now);
                if let (Work::Main, Some(top)) = (what, self.frames.last_mut()) {
                    top.is_main = true;
                }
            }
            Event::TaskPolled { task } => match self.frames.last_mut() {
                Some(top) if top.is_task(*task) => {}
                // The main task's call says no key: now we know whose it is.
                Some(top) if top.is_main && top.task.is_none() => {
                    top.task = self.tasks.get(task).map(|known| (*task, known.clone()));
                }
                _ => self.begin(Some(*task), false, now),
            },
            Event::TaskPending { task } => return self.end_inner(*task, now),
            Event::TaskEnded { task, .. } => {
                let ended = self.end_inner(*task, now);
                if let Some(known) = self.tasks.remove(task) {
                    self.by_key.remove(&known.key);
                }
                return ended;
            }
            Event::CallEnds { .. } => {
                let mut ended = Vec::new();
                while let Some(frame) = self.frames.pop() {
                    let is_call = frame.is_call;
                    ended.push(self.close(frame, now));
                    if is_call {
                        break;
                    }
                }
                return ended;
            }
            _ => {}
        }
        Vec::new()
    }

    fn begin(&mut self, task: Option<u64>, is_call: bool, began: Moment) {
        let task = task.and_then(|task| Some((task, self.tasks.get(&task)?.clone())));
        self.frames.push(Frame { task, is_call, is_main: false, began, inside: Duration::ZERO });
    }

    /// The step of an eager task inside another call has ended.
    fn end_inner(&mut self, task: u64, now: Moment) -> Vec<(Frame, Duration)> {
        let ends = |top: &mut Frame| !top.is_call && top.is_task(task);
        let frame = self.frames.pop_if(ends);
        frame.map(|frame| self.close(frame, now)).into_iter().collect()
    }

    fn close(&mut self, frame: Frame, now: Moment) -> (Frame, Duration) {
        let whole = now.since(frame.began);
        if let Some(outer) = self.frames.last_mut() {
            outer.inside += whole;
        }
        let own = whole.saturating_sub(frame.inside);
        (frame, own)
    }
}

impl Frame {
    fn is_task(&self, number: u64) -> bool {
        self.task.as_ref().is_some_and(|&(known, _)| known == number)
    }
}

fn warning(frame: Frame, took: Duration, limit: Duration) -> Failure {
    let message = format!(
        "it took {took:?} and the limit is {limit:?}; meanwhile nothing else could run, so await \
         something in between, or move the work to a thread"
    );
    match frame.task {
        None => Failure::new(FailureKind::TooSlow, "a callback", message),
        Some((_, task)) => Failure::new(FailureKind::TooSlow, task.who, message).origin(task.at),
    }
}

fn warning_of_many(span: &SlowSpan, limit: Duration) -> Failure {
    let (took, calls) = (span.took, span.calls);
    let who = format!("{calls} calls together");
    let message = format!(
        "they took {took:?} without a look outside and the limit is {limit:?}; meanwhile nobody saw to \
         timers and sockets, so let fewer tasks be ready at a time, or move work to a thread"
    );
    Failure::new(FailureKind::TooSlow, who, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::TaskEnd;

    thread_local! {
        static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Tells a watch with a limit of 100 ms what happened at which millisecond.
    fn seen(story: Vec<(u64, Event)>) -> Vec<String> {
        let watch = SlowWatch {
            limit: Duration::from_millis(100),
            state: RefCell::default(),
            warn: |failure| {
                let took = failure.message.split(" and").next().unwrap_or_default().to_owned();
                SEEN.with_borrow_mut(|seen| seen.push(format!("{}: {took}", failure.who)));
            },
        };
        for (ms, event) in story {
            watch.observe(Moment::START.after(Duration::from_millis(ms)), &event);
        }
        SEEN.take()
    }

    fn spawned(task: u64, name: &str) -> Event {
        let (key, at) = (Key::new(task as u32, 0), Location::caller());
        let name = Some(name.to_owned());
        Event::TaskSpawned { task, key, name, is_main: false, parent: None, at }
    }

    fn begins(what: Work) -> Event {
        Event::CallBegins { place: 0, what }
    }

    const ENDS: Event = Event::CallEnds { place: 0, panicked: false };

    #[test]
    fn a_slow_callback_a_slow_step_and_a_slow_last_step_are_told_and_a_quick_one_is_not() {
        let run = || begins(Work::Run(Key::new(3, 0)));
        let told = seen(vec![
            (0, spawned(3, "fetch")),
            (0, begins(Work::Callback)),
            (100, ENDS),
            (100, run()),
            (100, Event::TaskPolled { task: 3 }),
            (199, Event::TaskPending { task: 3 }),
            (199, ENDS),
            (200, run()),
            (200, Event::TaskPolled { task: 3 }),
            (350, Event::TaskEnded { task: 3, how: TaskEnd::Finished }),
            (350, ENDS),
        ]);
        assert_eq!(told, ["a callback: it took 100ms", "task 3 (fetch): it took 150ms"]);
    }

    #[test]
    fn calls_that_are_slow_only_together_are_told_of_unless_one_of_them_was() {
        let took = Duration::from_millis(180);
        let span = || {
            let (who, at, measured) = (None, None, true);
            Event::HeldUp(SlowSpan { took, calls: 3, who, at, measured })
        };
        let call = |from, to| [(from, begins(Work::Callback)), (to, ENDS)];
        let together = [call(0, 60), call(60, 120), call(120, 180)].concat();
        let told = seen([together, vec![(180, span())]].concat());
        assert_eq!(told, ["3 calls together: they took 180ms without a look outside"]);
        let told = seen([call(0, 180).to_vec(), vec![(180, span())]].concat());
        assert_eq!(told, ["a callback: it took 180ms"]);
    }

    #[test]
    fn an_eager_step_is_its_own_and_not_its_spawners() {
        let told = seen(vec![
            (0, spawned(1, "main")),
            (0, begins(Work::Main)),
            (0, Event::TaskPolled { task: 1 }),
            (10, spawned(2, "eager")),
            (10, Event::TaskPolled { task: 2 }),
            (310, Event::TaskEnded { task: 2, how: TaskEnd::Finished }),
            (430, Event::TaskPending { task: 1 }),
            (430, ENDS),
        ]);
        assert_eq!(told, ["task 2 (eager): it took 300ms", "task 1 (main): it took 130ms"]);
    }
}
