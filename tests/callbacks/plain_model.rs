//! Random programs of callbacks run as a plain model says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use proptest::prelude::*;
use roundelay::LoopRef;

use crate::reporting_loop;
use crate::support::{length, ms};

#[derive(Clone, Debug)]
enum Act {
    Soon(Vec<Act>),
    Later(u64, Vec<Act>),
    /// Cancels the n-th handle made so far, counted around.
    Cancel(usize),
    Panic,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leaf = prop_oneof![
        4 => Just(Act::Soon(Vec::new())),
        4 => (0_u64..6).prop_map(|delay| Act::Later(delay, Vec::new())),
        3 => any::<usize>().prop_map(Act::Cancel),
        1 => Just(Act::Panic),
    ];
    let act = leaf.prop_recursive(4, 60, 6, |inner| {
        let inner = prop::collection::vec(inner, 0..6);
        prop_oneof![
            inner.clone().prop_map(Act::Soon),
            (0_u64..6, inner).prop_map(|(delay, acts)| Act::Later(delay, acts)),
        ]
    });
    prop::collection::vec(act, 0..length(12))
}

/// The real thing: every callback writes its number and the time, then does its acts.
struct Real {
    inner: LoopRef,
    start: Instant,
    log: RefCell<Vec<(usize, u64)>>,
    answers: RefCell<Vec<bool>>,
    handles: RefCell<Vec<roundelay::CallHandle>>,
}

impl Real {
    fn act(self: &Rc<Self>, acts: &[Act]) {
        for act in acts {
            let number = self.handles.borrow().len();
            let body = |acts: &Vec<Act>| {
                let (this, acts) = (Rc::clone(self), acts.clone());
                move || {
                    let now = (this.inner.time() - this.start).as_millis() as u64;
                    this.log.borrow_mut().push((number, now));
                    this.act(&acts);
                }
            };
            match act {
                Act::Soon(acts) => {
                    let handle = self.inner.call_soon(body(acts)).unwrap();
                    self.handles.borrow_mut().push(handle);
                }
                Act::Later(delay, acts) => {
                    let handle = self.inner.call_later(ms(*delay), body(acts)).unwrap();
                    self.handles.borrow_mut().push(handle);
                }
                Act::Cancel(which) if number > 0 => {
                    let handle = self.handles.borrow()[which % number].clone();
                    let waiting = handle.is_waiting();
                    let answer = handle.cancel();
                    assert_eq!(answer, waiting);
                    self.answers.borrow_mut().push(answer);
                }
                Act::Cancel(_) => {}
                Act::Panic => panic!("an act of the random program"),
            }
        }
    }
}

/// The model: a list of what is ready, taken turn by turn, and a list of timers that is
/// sorted by deadline and order of setting when somebody looks.
#[derive(Default)]
struct Model {
    now: u64,
    ready: VecDeque<(usize, Vec<Act>)>,
    timers: Vec<(u64, usize, Vec<Act>)>,
    scheduled: usize,
    panics: usize,
    log: Vec<(usize, u64)>,
    answers: Vec<bool>,
}

impl Model {
    fn act(&mut self, acts: &[Act], turn: &mut VecDeque<(usize, Vec<Act>)>) {
        for act in acts {
            match act {
                Act::Soon(acts) => {
                    self.ready.push_back((self.scheduled, acts.clone()));
                    self.scheduled += 1;
                }
                Act::Later(delay, acts) => {
                    self.timers.push((self.now + delay, self.scheduled, acts.clone()));
                    self.scheduled += 1;
                }
                Act::Cancel(which) if self.scheduled > 0 => {
                    let which = which % self.scheduled;
                    let count = |model: &Model, turn: &VecDeque<_>| {
                        model.ready.len() + model.timers.len() + turn.len()
                    };
                    let before = count(self, turn);
                    self.ready.retain(|&(number, _)| number != which);
                    turn.retain(|&(number, _): &(usize, _)| number != which);
                    self.timers.retain(|&(_, number, _)| number != which);
                    self.answers.push(count(self, turn) < before);
                }
                Act::Cancel(_) => {}
                Act::Panic => {
                    self.panics += 1;
                    return;
                }
            }
        }
    }

    /// `false` when there is nothing left to do.
    fn turn(&mut self) -> bool {
        self.timers.sort_by_key(|&(deadline, number, _)| (deadline, number));
        if self.ready.is_empty() {
            match self.timers.first() {
                Some(&(deadline, ..)) => self.now = self.now.max(deadline),
                None => return false,
            }
        }
        let due = self.timers.iter().take_while(|&&(deadline, ..)| deadline <= self.now).count();
        let due = self.timers.drain(..due).map(|(_, number, acts)| (number, acts));
        self.ready.extend(due);
        let mut turn = std::mem::take(&mut self.ready);
        while let Some((number, acts)) = turn.pop_front() {
            self.log.push((number, self.now));
            self.act(&acts, &mut turn);
        }
        true
    }
}

proptest! {
    #![proptest_config(crate::support::properties(300))]

    #[test]
    fn any_program_of_callbacks_runs_as_the_plain_model_says(program in acts()) {
        let (event_loop, reports) = reporting_loop();
        let real = Rc::new(Real {
            inner: event_loop.loop_ref().clone(),
            start: event_loop.time(),
            log: RefCell::default(),
            answers: RefCell::default(),
            handles: RefCell::default(),
        });
        // The program's first acts happen in a callback, like all others.
        let (root, acts) = (Rc::clone(&real), program.clone());
        event_loop.call_soon(move || root.act(&acts)).unwrap();
        while event_loop.run_once().is_ok() {}

        let mut model = Model::default();
        model.act(&program, &mut VecDeque::new());
        while model.turn() {}

        prop_assert_eq!(&*real.log.borrow(), &model.log);
        prop_assert_eq!(&*real.answers.borrow(), &model.answers);
        prop_assert_eq!(reports.len(), model.panics);
        prop_assert!(!real.handles.borrow().iter().any(roundelay::CallHandle::is_waiting));
    }
}
