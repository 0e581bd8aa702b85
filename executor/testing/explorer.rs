//! The explorer of one run: makes the free choices, and keeps the run's fingerprint.
//!
//! ```text
//!   events ----> who has put whom into the line ----> legal orders --choice--> the loop
//!     \---> hash
//! ```
//!
//! It is the loop's scheduler and one of its observers: what it must know to tell legal orders
//! from others, the events say.
//!
//! # Invariants
//! - Nothing in the hash depends on the machine: no address, no line of the source, no real time.
//! - Two runs with the same choices that differ have told different events, and so have different
//!   hashes.
//!
//! Tutorial: chapter 19. Before this: `legal_order.rs`. After this: `explore.rs`.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::{Event, Key, Moment, Observer, ReadyEntry, Scheduler, Work, current_loop};

use crate::current::current_tasks;
use crate::task_info::{TaskInfo, all_tasks};
use crate::testing::legal_order::{Kind, Known, legal_order};
use crate::testing::schedule::{Choices, Schedule};
use crate::timed_pool::JobPlan;

/// One run under one schedule. Clones share it.
#[derive(Clone)]
pub(crate) struct Explorer {
    state: Rc<RefCell<State>>,
}

struct State {
    choices: Choices,
    /// Who stands in the line, by place.
    line: HashMap<u64, Known>,
    /// The call that is under way, and its number.
    calling: Option<(u64, Work)>,
    calls: u64,
    /// Tasks that have taken a step.
    begun: HashSet<Key>,
    most_turns: u64,
    turns: u64,
    /// The run is over, and the loop waits for what it has left.
    closes: bool,
    /// Who had not ended when it had waited for so many turns.
    unended: Vec<TaskInfo>,
    hash: u64,
    /// Every event in words, if somebody wants to compare.
    told: Option<Vec<String>>,
}

impl Explorer {
    pub(crate) fn new(schedule: &Schedule, most_turns: u64, tells: bool) -> Explorer {
        let state = State {
            choices: schedule.choices(),
            line: HashMap::new(),
            calling: None,
            calls: 0,
            begun: HashSet::new(),
            most_turns,
            turns: 0,
            closes: false,
            unended: Vec::new(),
            hash: FNV_START,
            told: tells.then(Vec::new),
        };
        Explorer { state: Rc::new(RefCell::new(state)) }
    }

    /// What the run must tell this explorer.
    pub(crate) fn listener(&self) -> impl Observer + 'static {
        let listener = self.clone();
        move |now: Moment, event: &Event| listener.hear(now, event)
    }

    /// How long each job takes: one more free choice.
    pub(crate) fn job_plan(&self) -> impl FnMut(u64) -> JobPlan + 'static {
        let state = Rc::clone(&self.state);
        move |_| {
            let choice = state.borrow_mut().choices.choose(JOB_TIMES_MS.len());
            JobPlan::takes(Duration::from_millis(JOB_TIMES_MS[choice]))
        }
    }

    /// The fingerprint of all events so far.
    pub(crate) fn hash(&self) -> u64 {
        self.state.borrow().hash
    }

    pub(crate) fn turns(&self) -> u64 {
        self.state.borrow().turns
    }

    pub(crate) fn take_told(&self) -> Vec<String> {
        self.state.borrow_mut().told.take().unwrap_or_default()
    }

    /// The run is over, and the loop will be closed: that may take as many turns again.
    pub(crate) fn run_is_over(&self) {
        let state = &mut *self.state.borrow_mut();
        (state.closes, state.turns) = (true, 0);
    }

    /// Who had not ended when the loop was closed in spite of that.
    pub(crate) fn take_unended(&self) -> Vec<TaskInfo> {
        std::mem::take(&mut self.state.borrow_mut().unended)
    }

    fn hear(&self, now: Moment, event: &Event) {
        let out_of_turns = self.state.borrow_mut().note(now, event);
        if !out_of_turns {
            return;
        }
        let closes = self.state.borrow().closes;
        match (closes, current_tasks(), current_loop()) {
            // It is not to be stopped, for it has stopped already, and waits for cleanups.
            (true, Some(tasks), _) => {
                let waiting = all_tasks();
                self.state.borrow_mut().unended.extend(waiting);
                tasks.close();
            }
            (false, _, Some(home)) => home.stop(),
            _ => {}
        }
    }
}

/// How long jobs may take. Choice 0 is at once.
const JOB_TIMES_MS: [u64; 6] = [0, 1, 2, 3, 5, 10];

impl State {
    /// Takes an event into account. `true`: the run has had turns enough.
    fn note(&mut self, now: Moment, event: &Event) -> bool {
        match *event {
            Event::ReadyPushed { place, what } => {
                let known = self.know(what);
                self.line.insert(place, known);
            }
            Event::CallBegins { place, what } => {
                self.line.remove(&place);
                self.calls += 1;
                self.calling = Some((self.calls, what));
                if let Work::Run(key) = what {
                    self.begun.insert(key);
                }
            }
            Event::CallEnds { .. } => self.calling = None,
            Event::TurnBegins { .. } => self.turns += 1,
            _ => {}
        }
        self.tell(now, event);
        let is_turn = matches!(event, Event::TurnBegins { .. });
        is_turn && self.turns >= self.most_turns
    }

    fn know(&self, what: Work) -> Known {
        let kind = match what {
            Work::Timer(_) => Kind::Timer,
            Work::Run(key) if !self.begun.contains(&key) => Kind::FirstStep,
            _ => Kind::Step,
        };
        Known {
            cause: self.calling.map(|(number, _)| number),
            yields: self.calling.is_some_and(|(_, calling)| calling == what),
            kind,
        }
    }

    fn tell(&mut self, now: Moment, event: &Event) {
        let mut line = format!("{:>12} ", now.since(Moment::START).as_nanos());
        // A line of the source is no part of what happens.
        let _ = match event {
            Event::TaskSpawned { task, name, parent, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                write!(line, "TaskSpawned {{ task: {task}, name: {name:?}, parent: {parent:?} }}")
            }
            event => write!(line, "{event:?}"),
        };
        self.hash = fnv(self.hash, line.as_bytes());
        if let Some(told) = &mut self.told {
            told.push(line);
        }
    }
}

impl Scheduler for Explorer {
    fn arrange(&self, segment: &mut [ReadyEntry]) {
        let state = &mut *self.state.borrow_mut();
        let known = |entry: &ReadyEntry| state.line.get(&entry.place).copied().unwrap_or_default();
        let line: Vec<Known> = segment.iter().map(known).collect();
        let before = segment.to_vec();
        let order = legal_order(&line, &mut state.choices);
        for (spot, index) in segment.iter_mut().zip(order) {
            *spot = before[index];
        }
    }
}

/// The hash of Fowler, Noll and Vo (FNV-1a): short, and the same everywhere.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
