//! From what a loop tells to the steps of a trace.
//!
//! ```text
//!   Event of the loop --+-- numbers of the trace
//!                       +-- the step that caused it   --> Step, Step, ...
//!                       +-- what only the run knows: who woke, what is awaited
//! ```
//!
//! # Invariants
//! - One event of the loop makes one step, and before it one for each thing that is heard of
//!   for the first time. A few make none: they only tell something about the next.
//! - After the limit nothing is kept but the count of what was dropped.
//!
//! Tutorial: chapter 19. Before this: `causes.rs`. After this: `recording_tasks.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use roundelay_runtime::{Event, Moment, Work};

use crate::trace::causes::{Causes, Frame, Origin, Place};
use crate::trace::event::{Side, Thing, ThingKind, TraceEvent, TraceWork, Waiting};
use crate::trace::model::{At, Step};
use crate::trace::number_map::NumberMap;
use crate::trace::numbers::Numbers;
use crate::trace::state::task_of;

/// A call that takes this long is told of.
const SLOW: Duration = Duration::from_millis(100);

/// A trace while it grows.
pub(crate) struct Recording {
    pub(crate) steps: Vec<Step>,
    pub(crate) limit: usize,
    pub(crate) dropped: u64,
    pub(crate) numbers: Numbers,
    pub(crate) is_virtual: bool,
    /// A script says which sources are ready.
    pub(crate) is_scripted: bool,
    pub(crate) causes: Causes,
    runs: usize,
    pub(crate) now: u64,
    turn: u64,
    /// The place in the source that the next step is about.
    pub(crate) at: Option<At>,
    /// Tasks that have not ended, and what each waits for.
    pub(crate) waiting: BTreeMap<u64, Option<Thing>>,
    /// The lines that made what tasks wait for.
    pub(crate) lines: NumberMap<(u64, Thing), At>,
    /// Who stands in which line.
    pub(crate) tickets: NumberMap<(u64, u64), u64>,
    /// Who holds what.
    pub(crate) held: NumberMap<u64, Vec<Option<u64>>>,
    /// What was held when a run ended. No loop tells what is given back after that.
    pub(crate) held_over: Vec<u64>,
}

impl Recording {
    pub(crate) fn new(limit: usize) -> Recording {
        let begin =
            Step { n: 0, t: 0, turn: 0, event: TraceEvent::RunBegin, at: None, cause: None };
        Recording {
            steps: vec![begin],
            limit,
            dropped: 0,
            numbers: Numbers::default(),
            is_virtual: false,
            is_scripted: false,
            causes: Causes::default(),
            runs: 0,
            now: 0,
            turn: 0,
            at: None,
            waiting: BTreeMap::new(),
            lines: NumberMap::default(),
            tickets: NumberMap::default(),
            held: NumberMap::default(),
            held_over: Vec::new(),
        }
    }

    /// The loop tells of `event`.
    pub(crate) fn hear(&mut self, now: Moment, event: &Event) {
        if self.steps.len() >= self.limit {
            self.dropped += 1;
            return;
        }
        self.now = self.now.max(nanoseconds(now.since(Moment::START)));
        match event {
            Event::RunBegins
            | Event::RunEnds
            | Event::TurnBegins { .. }
            | Event::TurnEnds
            | Event::Stuck
            | Event::WaitBegins { .. }
            | Event::WaitEnds { .. }
            | Event::ClockJumps { .. }
            | Event::InboxCollected { .. } => self.hear_of_turns(event),
            Event::ReadyPushed { .. }
            | Event::CallBegins { .. }
            | Event::CallEnds { .. }
            | Event::ReadyArranged { .. }
            | Event::CallCancelled { .. } => self.hear_of_calls(event),
            Event::TimerSet { .. }
            | Event::TimerDue { .. }
            | Event::TimerCancelled { .. }
            | Event::SourceRegistered { .. }
            | Event::SourceAwaited { .. }
            | Event::SourceLeft { .. }
            | Event::SourceReady { .. }
            | Event::SourceReleased { .. } => self.hear_of_waits(event),
            Event::WaitMade { kind, at } => {
                let at = self.numbers.at(at);
                self.causes.made(kind, at);
            }
            Event::Awaits(on) => self.hear_what_is_awaited(*on),
            Event::Sync { sync, kind, deed } => self.hear_of_sync((*sync, kind), *deed),
            Event::JobSubmitted { .. }
            | Event::JobStarted { .. }
            | Event::JobEnded { .. }
            | Event::JobAbandoned { .. } => self.hear_of_jobs(event),
            Event::Said { text, to_stderr, at } => {
                self.at = Some(self.numbers.at(at));
                self.add(TraceEvent::Out { text: text.clone(), err: *to_stderr });
            }
            Event::Remarked { text, at } => {
                self.at = Some(self.numbers.at(at));
                self.add(TraceEvent::Note { text: text.clone() });
            }
            _ => self.hear_of_tasks(event),
        }
    }

    /// Adds a step that whatever is under way causes.
    pub(crate) fn add(&mut self, event: TraceEvent) -> usize {
        self.add_because(self.causes.here(), event)
    }

    pub(crate) fn add_because(&mut self, cause: usize, event: TraceEvent) -> usize {
        let n = self.steps.len();
        // An event may make several steps, and only the first of them was asked for its place.
        if n >= self.limit {
            self.dropped += 1;
            return n - 1;
        }
        let (at, cause) = (self.at.take(), Some(cause.min(n - 1)));
        self.steps.push(Step { n, t: self.now, turn: self.turn, event, at, cause });
        n
    }

    fn hear_of_turns(&mut self, event: &Event) {
        let ambient = self.causes.ambient;
        match *event {
            Event::RunBegins => {
                self.runs += 1;
                // The first one is step 0: what is spawned before it belongs to the run, too.
                if self.runs > 1 {
                    self.causes.ambient = self.add_because(ambient, TraceEvent::RunBegin);
                }
            }
            Event::RunEnds => {
                self.causes.ambient = self.add_because(ambient, TraceEvent::RunEnd);
                self.held_over = self.held.keys().copied().collect();
            }
            Event::TurnBegins { turn, ready } => {
                self.turn = turn;
                self.causes.place = Place::Turn;
                self.causes.ambient = self.add_because(ambient, TraceEvent::TurnBegin { ready });
            }
            Event::TurnEnds => {
                self.causes.place = Place::Turn;
                self.causes.ambient = self.add_because(ambient, TraceEvent::TurnEnd);
            }
            Event::WaitBegins { at_most } => {
                self.causes.place = Place::Wait;
                self.causes.news = None;
                let at_most = at_most.map(nanoseconds);
                self.causes.ambient = self.add_because(ambient, TraceEvent::WaitBegin { at_most });
            }
            Event::WaitEnds { events } => {
                self.causes.place = Place::Turn;
                self.causes.ambient = self.add_because(ambient, TraceEvent::WaitEnd { events });
            }
            Event::ClockJumps { from, to } => {
                let nanoseconds = |moment: Moment| nanoseconds(moment.since(Moment::START));
                let (from, to) = (nanoseconds(from), nanoseconds(to));
                self.is_virtual = true;
                self.add(TraceEvent::ClockJump { from, to });
            }
            Event::InboxCollected { messages } => {
                self.causes.place = Place::Inbox;
                self.causes.ambient =
                    self.add_because(ambient, TraceEvent::InboxCollect { messages });
            }
            Event::Stuck => {
                let waiting = self.waiting.iter().map(|(&task, &on)| Waiting { task, on });
                let waiting = waiting.collect();
                self.add(TraceEvent::Stuck { waiting });
            }
            _ => {}
        }
    }

    fn hear_of_calls(&mut self, event: &Event) {
        match *event {
            Event::ReadyPushed { place, what } => {
                let work = self.work(place, what);
                let here = self.causes.here();
                let cause = match work {
                    TraceWork::Task(task) => self.causes.scheduled.get(&task).copied(),
                    TraceWork::Main => self.causes.scheduled.get(&0).copied(),
                    TraceWork::Timer(_) => self.causes.news,
                    _ if self.causes.origin() == Origin::System => self.causes.news,
                    _ => None,
                };
                let origin = self.causes.origin();
                let n =
                    self.add_because(cause.unwrap_or(here), TraceEvent::ReadyPush { place, work });
                self.causes.pushes.insert(place, (n, origin));
            }
            Event::CallBegins { place, what } => {
                self.causes.place = Place::Turn;
                let work = self.work(place, what);
                let here = self.causes.here();
                let pushed = self.causes.pushes.remove(&place);
                let (cause, origin) = pushed.unwrap_or((here, Origin::Here));
                let n = self.add_because(cause, TraceEvent::ReadyPop { place, work });
                let task = task_of(work);
                let call = Some((work, origin));
                self.causes.begin(Frame { n, began: self.now, call, task, ..Frame::default() });
            }
            Event::CallEnds { place, panicked } => {
                let frame = self.causes.end_call();
                let cause = frame.as_ref().map_or_else(|| self.causes.here(), |frame| frame.n);
                let took = frame.as_ref().map_or(0, |frame| self.now - frame.began);
                if took >= nanoseconds(SLOW) {
                    let task = frame.and_then(|frame| frame.task);
                    self.add_because(cause, TraceEvent::WarnSlow { task, took });
                }
                self.add_because(cause, TraceEvent::CallEnd { place, panicked });
            }
            Event::ReadyArranged { first, ref order } => {
                self.causes.arrange(first, order);
                self.add(TraceEvent::ReadyArrange { first, order: order.clone() });
            }
            Event::CallCancelled { place } => {
                self.add(TraceEvent::ReadyCancel { place });
            }
            _ => {}
        }
    }

    fn hear_of_waits(&mut self, event: &Event) {
        let side = |to_read| if to_read { Side::Read } else { Side::Write };
        match *event {
            Event::TimerSet { timer, deadline } => {
                let timer = self.numbers.set_timer(timer);
                let due = nanoseconds(deadline.since(Moment::START));
                let n = self.add(TraceEvent::TimerSet { timer, due });
                self.causes.timers.insert(timer, n);
            }
            Event::TimerDue { timer } => {
                let Some(timer) = self.numbers.timer(timer) else { return };
                let set = self.causes.timers.remove(&timer);
                let cause = set.unwrap_or_else(|| self.causes.here());
                let n = self.add_because(cause, TraceEvent::TimerDue { timer });
                self.causes.news = Some(n);
            }
            Event::TimerCancelled { timer } => {
                let Some(timer) = self.numbers.timer(timer) else { return };
                self.causes.waits_no_more(Thing(ThingKind::Timer, timer));
                self.add(TraceEvent::TimerCancel { timer });
            }
            Event::SourceRegistered { source } => {
                let source = self.numbers.source(source);
                self.add(TraceEvent::IoRegister { source });
            }
            Event::SourceAwaited { source, to_read } => {
                let (source, side) = (self.numbers.source(source), side(to_read));
                let n = self.add(TraceEvent::IoAwait { source, side });
                self.causes.awaits.insert((source, side), n);
            }
            Event::SourceLeft { source, to_read } => {
                let (source, side) = (self.numbers.source(source), side(to_read));
                self.causes.awaits.remove(&(source, side));
                self.causes.waits_no_more(Thing(ThingKind::Source, source));
                self.add(TraceEvent::IoLeave { source, side });
            }
            Event::SourceReady { source, readable, writable } => {
                let source = self.numbers.source(source);
                let sides = [(readable, Side::Read), (writable, Side::Write)];
                let awaited = sides
                    .into_iter()
                    .filter(|(ready, _)| *ready)
                    .filter_map(|(_, side)| self.causes.awaits.remove(&(source, side)));
                let cause = awaited.min().unwrap_or(self.causes.ambient);
                let n = self.add_because(cause, TraceEvent::IoReady { source, readable, writable });
                self.causes.news = Some(n);
            }
            Event::SourceReleased { source } => {
                let source = self.numbers.source(source);
                self.add(TraceEvent::IoRelease { source });
            }
            _ => {}
        }
    }

    fn work(&self, place: u64, work: Work) -> TraceWork {
        match work {
            Work::Callback => TraceWork::Callback(place),
            Work::Notify(key) => TraceWork::Notify(self.numbers.task_of_key(key)),
            Work::Timer(timer) => TraceWork::Timer(self.numbers.timer(timer).unwrap_or_default()),
            Work::Run(key) => TraceWork::Task(self.numbers.task_of_key(key)),
            Work::Main => TraceWork::Main,
            Work::Cancelled => TraceWork::Cancelled,
        }
    }
}

/// As the format counts time.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
