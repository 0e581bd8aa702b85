//! Futures that do as they are told, and a stage that writes down what they do.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use roundelay::sleep;

use crate::support::{Log, ms};

/// Sleeps, gives its name, and notes when it is dropped.
pub(crate) fn napper(
    log: &Log,
    name: &'static str,
    nap: u64,
) -> impl Future<Output = &'static str> + use<> {
    let guard = log.on_drop(format!("{name} is gone"));
    async move {
        let _guard = guard;
        sleep(ms(nap)).await;
        name
    }
}

/// A future that is ready when it is told, keeps its waker, and writes down its polls. When it is
/// polled it does to others what it was told.
pub(crate) struct Actor {
    number: usize,
    stage: Rc<Stage>,
}

#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) polls: RefCell<Vec<usize>>,
    pub(crate) drops: RefCell<Vec<usize>>,
    pub(crate) cues: RefCell<Vec<Cue>>,
}

#[derive(Clone, Default)]
pub(crate) struct Cue {
    waker: Option<Waker>,
    ends: Option<Result<usize, usize>>,
    /// Whom it wakes in its next poll.
    pub(crate) wakes: Vec<usize>,
}

impl Stage {
    pub(crate) fn with(actors: usize) -> Rc<Stage> {
        Rc::new(Stage { cues: RefCell::new(vec![Cue::default(); actors]), ..Stage::default() })
    }

    pub(crate) fn actors(self: &Rc<Stage>) -> impl Iterator<Item = Actor> + use<> {
        let (stage, all) = (Rc::clone(self), self.cues.borrow().len());
        (0..all).map(move |number| Actor { number, stage: Rc::clone(&stage) })
    }

    pub(crate) fn four(self: &Rc<Stage>) -> (Actor, Actor, Actor, Actor) {
        let mut actors = self.actors();
        let mut next = || actors.next().unwrap();
        (next(), next(), next(), next())
    }

    pub(crate) fn wake(&self, number: usize) {
        let waker = self.cues.borrow()[number].waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn end(&self, number: usize, outcome: Result<usize, usize>) {
        self.cues.borrow_mut()[number].ends = Some(outcome);
    }
}

impl Future for Actor {
    type Output = Result<usize, usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (number, stage) = (self.number, &self.stage);
        stage.polls.borrow_mut().push(number);
        let wakes = {
            let cue = &mut stage.cues.borrow_mut()[number];
            cue.waker = Some(cx.waker().clone());
            std::mem::take(&mut cue.wakes)
        };
        wakes.into_iter().for_each(|other| stage.wake(other));
        let ends = stage.cues.borrow()[number].ends;
        ends.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.stage.drops.borrow_mut().push(self.number);
    }
}
