//! Any join of random actors, beside a plain model of whom it polls and drops, given up after
//! each of its moves.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use roundelay::{join, try_join};

use crate::actors::Stage;
use crate::support::{Counter, length, poll_once};

#[derive(Clone, Copy, Debug)]
enum Move {
    Poll,
    Wake(usize),
    /// Ready from now on, which nobody has heard of yet.
    End(usize, bool),
    /// In its next poll the first wakes the second.
    WillWake(usize, usize),
}

const ACTORS: usize = 4;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = || 0..ACTORS;
    let is_well = prop_oneof![4 => Just(true), 1 => Just(false)];
    let step = prop_oneof![
        3 => Just(Move::Poll),
        4 => one().prop_map(Move::Wake),
        2 => (one(), is_well).prop_map(|(number, is_well)| Move::End(number, is_well)),
        1 => (one(), one()).prop_map(|(waker, woken)| Move::WillWake(waker, woken)),
    ];
    prop::collection::vec(step, 0..length(30))
}

/// What a join should do, on paper.
#[derive(Default)]
struct Model {
    is_list: bool,
    /// Whether an error ends all.
    tries: bool,
    was_polled: bool,
    /// Of a list, in order: who is polled next.
    woken: Vec<usize>,
    ends: [Option<Result<usize, usize>>; ACTORS],
    wakes: [Vec<usize>; ACTORS],
    has_ended: [bool; ACTORS],
    polls: Vec<usize>,
    drops: Vec<usize>,
}

impl Model {
    fn wake(&mut self, number: usize) {
        if self.was_polled && !self.has_ended[number] && !self.woken.contains(&number) {
            self.woken.push(number);
        }
    }

    /// Whether it is over.
    fn poll(&mut self) -> bool {
        let woken = std::mem::take(&mut self.woken);
        let turn = match self.is_list && self.was_polled {
            true => woken,
            false => (0..ACTORS).collect(),
        };
        // Whose turn is still to come cannot be woken for another one.
        let mut waiting = if self.is_list || !self.was_polled { turn.clone() } else { Vec::new() };
        self.was_polled = true;
        for number in turn {
            waiting.retain(|other| *other != number);
            if self.has_ended[number] {
                continue;
            }
            self.polls.push(number);
            for other in std::mem::take(&mut self.wakes[number]) {
                if !waiting.contains(&other) {
                    self.wake(other);
                }
            }
            let Some(outcome) = self.ends[number] else { continue };
            self.has_ended[number] = true;
            self.drops.push(number);
            if self.tries && outcome.is_err() {
                self.drop_all();
                return true;
            }
        }
        self.has_ended == [true; ACTORS]
    }

    fn drop_all(&mut self) {
        for number in 0..ACTORS {
            if !std::mem::replace(&mut self.has_ended[number], true) {
                self.drops.push(number);
            }
        }
    }
}

type Joining = Pin<Box<dyn Future<Output = Result<Vec<Result<usize, usize>>, usize>>>>;

fn four<T>((a, b, c, d): (T, T, T, T)) -> Vec<T> {
    vec![a, b, c, d]
}

fn joining(stage: &Rc<Stage>, is_list: bool, tries: bool) -> Joining {
    let all_well = |values: Vec<usize>| values.into_iter().map(Ok).collect();
    match (is_list, tries) {
        (true, true) => {
            let all = try_join(stage.actors());
            Box::pin(async move { all.await.map(all_well) })
        }
        (true, false) => {
            let all = join(stage.actors());
            Box::pin(async move { Ok(all.await) })
        }
        (false, true) => {
            let all = try_join(stage.four());
            Box::pin(async move { all.await.map(four).map(all_well) })
        }
        (false, false) => {
            let all = join(stage.four());
            Box::pin(async move { Ok(four(all.await)) })
        }
    }
}

/// Plays the first `cut` moves, and drops the join.
fn play(moves: &[Move], is_list: bool, tries: bool) {
    let stage = Stage::with(ACTORS);
    let mut joining = joining(&stage, is_list, tries);
    let mut model = Model { is_list, tries, ..Model::default() };
    let (counter, waker) = Counter::new();
    let mut wakes_at_poll = 0;
    for step in moves {
        match *step {
            Move::Wake(number) => {
                stage.wake(number);
                model.wake(number);
            }
            Move::End(number, is_well) => {
                let outcome = if is_well { Ok(number) } else { Err(number) };
                stage.end(number, outcome);
                if !model.has_ended[number] {
                    model.ends[number] = Some(outcome);
                }
            }
            Move::WillWake(number, other) => {
                stage.cues.borrow_mut()[number].wakes.push(other);
                model.wakes[number].push(other);
            }
            Move::Poll => {
                wakes_at_poll = counter.wakes();
                let is_over = model.poll();
                let polled = poll_once(&mut joining, &waker);
                assert_eq!(*stage.polls.borrow(), model.polls);
                assert_eq!(*stage.drops.borrow(), model.drops);
                assert_eq!(polled.is_ready(), is_over);
                if let Poll::Ready(outcome) = polled {
                    let outcomes = model.ends.map(|outcome| outcome.unwrap_or(Ok(0)));
                    match outcome {
                        Ok(values) => assert_eq!(values, outcomes),
                        Err(number) => assert_eq!(outcomes[number], Err(number)),
                    }
                    return;
                }
            }
        }
        // Whoever is to be polled can rely on it.
        let was_woken = counter.wakes() > wakes_at_poll;
        assert!(was_woken || model.woken.is_empty() || !model.was_polled);
    }
    drop(joining);
    model.drop_all();
    assert_eq!(*stage.drops.borrow(), model.drops, "dropped with the join, in order");
    (0..ACTORS).for_each(|number| stage.wake(number));
    drop(waker);
    drop(stage);
    assert_eq!(Arc::strong_count(&counter), 1, "nobody is kept");
}

proptest! {
    #![proptest_config(crate::support::properties(150))]

    #[test]
    fn any_join_polls_whom_it_must_and_no_one_else_wherever_it_is_given_up(moves in moves()) {
        for cut in 0..=moves.len() {
            for (is_list, tries) in [(true, true), (true, false), (false, true), (false, false)] {
                play(&moves[..cut], is_list, tries);
            }
        }
    }
}
