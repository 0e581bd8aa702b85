//! Waiting by hand: one future that waits, and whole lines of them played against a model.
//!
//! A [`Game`] is a primitive and a plain model of it. [`play`] makes random moves on both: somebody
//! comes, is polled, gives up; somebody gives back what it got; anything else that the primitive
//! can do. After each move the two must agree on who was given what, and on who was woken, in
//! which order, and by whom nobody was woken in vain.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::{Counter, length, poll_once};

/// Somebody who waits, polled by hand.
pub(crate) struct Waiting<F> {
    future: F,
    counter: Arc<Counter>,
    /// How many wakes it had had when it was polled last.
    seen: usize,
}

impl<F: Future + Unpin> Waiting<F> {
    pub(crate) fn begin(mut future: F) -> Result<Waiting<F>, F::Output> {
        let (counter, waker) = Counter::new();
        match poll_once(&mut future, &waker) {
            Poll::Ready(output) => Err(output),
            Poll::Pending => Ok(Waiting { future, seen: counter.wakes(), counter }),
        }
    }

    /// Polls with a waker that it has never seen, as a future does that has moved.
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let (counter, waker) = Counter::new();
        let outcome = poll_once(&mut self.future, &waker);
        (self.seen, self.counter) = (0, counter);
        outcome
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.counter.wakes() > self.seen
    }
}

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// What somebody who waited got and has not given back.
pub(crate) type Held<T> = Vec<(usize, T)>;

/// A primitive and its model, move for move. Each method does a thing to both, or to the model
/// what the harness has just done to the primitive.
pub(crate) trait Game {
    /// What somebody who comes asks for.
    type Ask: Clone + Debug;
    /// Whatever else can be done.
    type Deed: Clone + Debug;
    /// What somebody who waited gets.
    type Got;
    /// What of it the model can foretell.
    type Seen: PartialEq + Debug;

    /// Somebody makes a future. `None` if that is not possible now.
    fn begin(
        &mut self,
        who: usize,
        ask: &Self::Ask,
        held: &mut Held<Self::Got>,
    ) -> Option<Boxed<Self::Got>>;

    /// The model's answer to a poll.
    fn poll(&mut self, who: usize) -> Option<Self::Seen>;

    fn seen(got: &Self::Got) -> Self::Seen;

    /// A future was dropped before it gave anything.
    fn gives_up(&mut self, who: usize);

    /// Gives back what somebody got.
    fn end(&mut self, who: usize, got: Self::Got);

    fn act(&mut self, deed: &Self::Deed, held: &mut Held<Self::Got>);

    /// Who must have been woken since this was last asked, in order.
    fn calls(&mut self) -> Vec<usize>;

    /// Compares what both say of themselves.
    fn check(&self);
}

#[derive(Clone, Debug)]
pub(crate) enum Move<Ask, Deed> {
    /// Makes a future, and polls it or not.
    Come(Ask, bool),
    Poll(usize),
    GiveUp(usize),
    End(usize),
    Act(Deed),
    /// Polls all who were woken, in the order in which they were.
    Turn,
}

pub(crate) fn moves<A, D>(
    ask: impl Strategy<Value = A>,
    deed: impl Strategy<Value = D>,
) -> impl Strategy<Value = Vec<Move<A, D>>>
where
    A: Clone + Debug,
    D: Clone + Debug,
{
    let one = prop_oneof![
        6 => (ask, prop::bool::weighted(0.85)).prop_map(|(ask, polls)| Move::Come(ask, polls)),
        4 => any::<usize>().prop_map(Move::Poll),
        4 => any::<usize>().prop_map(Move::GiveUp),
        5 => any::<usize>().prop_map(Move::End),
        5 => deed.prop_map(Move::Act),
        2 => Just(Move::Turn),
    ];
    prop::collection::vec(one, 0..length(80))
}

/// Plays a game to its end: then everybody gives up, and everything is given back.
pub(crate) fn play<G: Game>(game: G, moves: Vec<Move<G::Ask, G::Deed>>) -> G {
    let mut table = Table {
        game,
        waiting: Vec::new(),
        held: Vec::new(),
        woken: Vec::new(),
        wakes: Arc::default(),
        next: 0,
    };
    for one in moves {
        match one {
            Move::Come(ask, polls) => table.come(&ask, polls),
            Move::Poll(which) if !table.waiting.is_empty() => {
                table.poll(which % table.waiting.len());
            }
            Move::GiveUp(which) if !table.waiting.is_empty() => {
                table.give_up(which % table.waiting.len());
            }
            Move::End(which) if !table.held.is_empty() => {
                let (who, got) = table.held.swap_remove(which % table.held.len());
                table.game.end(who, got);
            }
            Move::Act(deed) => table.game.act(&deed, &mut table.held),
            Move::Turn => {
                for who in std::mem::take(&mut table.woken) {
                    if let Some(place) = table.place_of(who) {
                        table.poll(place);
                        table.settle();
                    }
                }
            }
            _ => {}
        }
        table.settle();
    }
    while !table.waiting.is_empty() {
        table.give_up(0);
        table.settle();
    }
    while let Some((who, got)) = table.held.pop() {
        table.game.end(who, got);
        table.settle();
    }
    table.game
}

struct Table<G: Game> {
    game: G,
    waiting: Vec<Player<G::Got>>,
    held: Held<G::Got>,
    /// Woken and not polled since.
    woken: Vec<usize>,
    wakes: Arc<Mutex<Vec<(usize, usize)>>>,
    next: usize,
}

struct Player<T> {
    who: usize,
    future: Boxed<T>,
    /// How often it was polled: each time with another waker, and only the last one counts.
    polls: usize,
}

impl<G: Game> Table<G> {
    fn come(&mut self, ask: &G::Ask, polls: bool) {
        let who = self.next;
        let Some(future) = self.game.begin(who, ask, &mut self.held) else { return };
        self.next += 1;
        self.waiting.push(Player { who, future, polls: 0 });
        if polls {
            self.poll(self.waiting.len() - 1);
        }
    }

    fn poll(&mut self, place: usize) {
        let player = &mut self.waiting[place];
        player.polls += 1;
        let (who, wakes) = (player.who, Arc::clone(&self.wakes));
        let waker = Waker::from(Arc::new(NotesWake { who, poll: player.polls, wakes }));
        let got = player.future.as_mut().poll(&mut Context::from_waker(&waker));
        self.woken.retain(|woken| *woken != who);
        let expected = self.game.poll(who);
        let seen = match &got {
            Poll::Ready(got) => Some(G::seen(got)),
            Poll::Pending => None,
        };
        assert_eq!(seen, expected, "what number {who} got");
        if let Poll::Ready(got) = got {
            drop(self.waiting.remove(place));
            self.held.push((who, got));
        }
    }

    fn give_up(&mut self, place: usize) {
        let Player { who, future, .. } = self.waiting.remove(place);
        drop(future);
        self.woken.retain(|woken| *woken != who);
        self.game.gives_up(who);
    }

    fn settle(&mut self) {
        let wakes = std::mem::take(&mut *self.wakes.lock().unwrap());
        let calls = self.game.calls();
        let last_poll = |who: usize| self.place_of(who).map_or(0, |at| self.waiting[at].polls);
        let expected: Vec<_> = calls.iter().map(|&who| (who, last_poll(who))).collect();
        assert_eq!(wakes, expected, "who was woken (number, which of its wakers)");
        self.woken.extend(calls);
        self.game.check();
    }

    fn place_of(&self, who: usize) -> Option<usize> {
        self.waiting.iter().position(|player| player.who == who)
    }
}

struct NotesWake {
    who: usize,
    poll: usize,
    wakes: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Wake for NotesWake {
    fn wake(self: Arc<Self>) {
        self.wakes.lock().unwrap().push((self.who, self.poll));
    }
}

/// A line as a model keeps it: who has come but not been polled, who stands, who was called and
/// has not taken a step.
pub(crate) struct Line<Ask, Grant> {
    outside: BTreeMap<usize, Ask>,
    pub(crate) standing: Vec<(usize, Ask)>,
    pub(crate) called: BTreeMap<usize, Grant>,
    pub(crate) calls: Vec<usize>,
}

/// How somebody left a line.
pub(crate) enum Left<Ask, Grant> {
    Outside,
    Standing(Ask),
    Called(Grant),
}

impl<Ask, Grant> Line<Ask, Grant> {
    pub(crate) fn new() -> Self {
        let (outside, called) = (BTreeMap::new(), BTreeMap::new());
        Line { outside, standing: Vec::new(), called, calls: Vec::new() }
    }

    pub(crate) fn comes(&mut self, who: usize, ask: Ask) {
        self.outside.insert(who, ask);
    }

    /// What somebody asks for who is polled for the first time.
    pub(crate) fn enters(&mut self, who: usize) -> Option<Ask> {
        self.outside.remove(&who)
    }

    pub(crate) fn stands(&mut self, who: usize, ask: Ask) {
        self.standing.push((who, ask));
    }

    /// Calls the one at this place of the line.
    pub(crate) fn call(&mut self, place: usize, grant: Grant) {
        let (who, _) = self.standing.remove(place);
        self.called.insert(who, grant);
        self.calls.push(who);
    }

    pub(crate) fn call_all(&mut self, grant: Grant)
    where
        Grant: Clone,
    {
        while !self.standing.is_empty() {
            self.call(0, grant.clone());
        }
    }

    pub(crate) fn takes(&mut self, who: usize) -> Option<Grant> {
        self.called.remove(&who)
    }

    pub(crate) fn leaves(&mut self, who: usize) -> Left<Ask, Grant> {
        if let Some(grant) = self.called.remove(&who) {
            return Left::Called(grant);
        }
        match self.standing.iter().position(|(standing, _)| *standing == who) {
            Some(place) => Left::Standing(self.standing.remove(place).1),
            None => {
                self.outside.remove(&who);
                Left::Outside
            }
        }
    }

    pub(crate) fn calls(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.calls)
    }
}
