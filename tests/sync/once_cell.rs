//! Promises about cells that are set once: one makes the value, and if it fails, the next tries.
//!
//! Bug class B36.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use roundelay::{OnceCell, Promise, SetError, promise, sleep, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Census, Log, ms, run_virtual};

#[test]
fn the_first_makes_the_value_and_the_others_get_it_in_order() {
    let log = Log::new();
    run_virtual(async {
        let cell = OnceCell::new();
        for n in 0..3 {
            let (cell, log) = (cell.clone(), log.clone());
            spawn(async move {
                let make = async || {
                    log.add(format!("{n} makes it"));
                    sleep(ms(1)).await;
                    n
                };
                let value = cell.get_or_init(make).await;
                log.add(format!("{n} has {value}"));
            })
            .detach();
        }
        assert_eq!(cell.wait().await, &0);
        yield_now().await;
    });
    assert_eq!(log.take(), ["0 makes it", "0 has 0", "1 has 0", "2 has 0"]);
}

#[test]
fn when_the_maker_fails_panics_or_is_cancelled_the_next_in_line_tries() {
    let log = Log::new();
    run_virtual(async {
        let cell = OnceCell::<u32>::new();
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (cell, log) = (cell.clone(), log.clone());
                spawn(async move {
                    let make = async || {
                        log.add(format!("{n} tries"));
                        yield_now().await;
                        match n {
                            0 => Err("no luck"),
                            1 => panic!("bad luck"),
                            2 => std::future::pending().await,
                            n => Ok(n),
                        }
                    };
                    cell.get_or_try_init(make).await.copied()
                })
            })
            .collect();
        sleep(ms(1)).await;
        tasks[2].cancel();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.ok());
        }
        assert_eq!(outcomes, [Some(Err("no luck")), None, None, Some(Ok(3))]);
        assert_eq!(cell.into_inner().unwrap(), Some(3));
    });
    assert_eq!(log.take(), ["0 tries", "1 tries", "2 tries", "3 tries"]);
}

#[test]
fn one_that_is_cancelled_when_its_turn_has_just_come_passes_the_turn_on() {
    run_virtual(async {
        let cell = OnceCell::new();
        let tasks = [1, 2, 3].map(|n| {
            let cell = cell.clone();
            spawn(async move { *cell.get_or_init(async || sleep_and(n).await).await })
        });
        yield_now().await;
        tasks[0].cancel();
        // Its unwinding hands the turn to the second, which is cancelled before its step.
        yield_now().await;
        tasks[1].cancel();
        let [first, second, third] = tasks;
        assert!(first.await.is_err() && second.await.is_err());
        assert_eq!(third.await.unwrap(), 3);
    });
}

#[test]
fn a_set_lets_all_go_on_and_is_refused_while_somebody_makes_the_value() {
    run_virtual(async {
        let cell = OnceCell::new();
        let watches = cell.clone();
        let watcher = spawn(async move { *watches.wait().await });
        let makes = cell.clone();
        let maker = spawn(async move { *makes.get_or_init(async || sleep_and(1).await).await });
        yield_now().await;
        assert_eq!(cell.set(2), Err(SetError::BeingMade(2)));
        maker.cancel();
        assert!(maker.await.is_err());
        assert_eq!(cell.set(3), Ok(()));
        assert_eq!(watcher.await.unwrap(), 3);
        assert_eq!(cell.set(4), Err(SetError::AlreadySet(4)));
    });
}

async fn sleep_and(value: u32) -> u32 {
    sleep(ms(5)).await;
    value
}

#[test]
fn the_value_dies_with_the_last_clone() {
    let census = Census::new();
    let cell = OnceCell::from(census.born());
    let clone = cell.clone();
    drop(cell);
    assert_eq!(census.alive(), 1);
    drop(clone);
    assert_eq!(census.alive(), 0);
}

#[derive(Clone, Debug)]
enum Ask {
    Make,
    Watch,
}

#[derive(Clone, Debug)]
enum Deed {
    Finish(bool),
    Set,
}

#[derive(Clone)]
enum Turn {
    Look,
    Make,
}

type Got = Result<usize, ()>;

struct CellGame {
    cell: OnceCell<usize>,
    /// The end of the promise that the maker waits for.
    maker: Rc<RefCell<Option<Promise<Got>>>>,
    value: Option<usize>,
    /// Whose turn it is to make the value; and whether it has begun, and how it ends.
    turn: Option<usize>,
    begun: bool,
    outcome: Option<Got>,
    line: Line<(), Turn>,
    watchers: Line<(), Turn>,
    calls: Vec<usize>,
}

impl CellGame {
    fn begins(&mut self, who: usize) {
        (self.turn, self.begun, self.outcome) = (Some(who), true, None);
    }

    fn next_turn(&mut self) {
        (self.turn, self.begun, self.outcome) = (None, false, None);
        if let Some(&(who, ())) = self.line.standing.first() {
            self.turn = Some(who);
            self.line.call(0, Turn::Make);
            self.calls.extend(self.line.calls());
        }
    }

    fn is_set_to(&mut self, value: usize) {
        self.value = Some(value);
        self.turn = None;
        self.line.call_all(Turn::Look);
        self.watchers.call_all(Turn::Look);
        self.calls.extend(self.line.calls());
        self.calls.extend(self.watchers.calls());
    }
}

impl Game for CellGame {
    type Ask = Ask;
    type Deed = Deed;
    type Got = Got;
    type Seen = Got;

    fn begin(&mut self, who: usize, ask: &Ask, _: &mut Held<Got>) -> Option<Boxed<Got>> {
        let (cell, maker) = (self.cell.clone(), Rc::clone(&self.maker));
        Some(match ask {
            Ask::Make => {
                self.line.comes(who, ());
                let make = async move || {
                    let (set, outcome) = promise();
                    *maker.borrow_mut() = Some(set);
                    outcome.await.unwrap()
                };
                Box::pin(async move { cell.get_or_try_init(make).await.copied() })
            }
            Ask::Watch => {
                self.watchers.comes(who, ());
                Box::pin(async move { Ok(*cell.wait().await) })
            }
        })
    }

    fn poll(&mut self, who: usize) -> Option<Got> {
        if self.turn == Some(who) && self.begun {
            let outcome = self.outcome?;
            match outcome {
                Ok(value) => self.is_set_to(value),
                Err(()) => self.next_turn(),
            }
            return Some(outcome);
        }
        if self.line.enters(who).is_some() {
            match (self.value, self.turn) {
                (Some(value), _) => return Some(Ok(value)),
                (None, Some(_)) => self.line.stands(who, ()),
                (None, None) => self.begins(who),
            }
            return None;
        }
        if self.watchers.enters(who).is_some() {
            if self.value.is_none() {
                self.watchers.stands(who, ());
            }
            return self.value.map(Ok);
        }
        match self.line.takes(who).or_else(|| self.watchers.takes(who))? {
            Turn::Look => self.value.map(Ok),
            Turn::Make => {
                self.begins(who);
                None
            }
        }
    }

    fn seen(got: &Got) -> Got {
        *got
    }

    fn gives_up(&mut self, who: usize) {
        self.watchers.leaves(who);
        let called = self.line.leaves(who);
        if matches!(called, Left::Called(Turn::Make)) || (self.turn == Some(who) && self.begun) {
            self.next_turn();
        }
    }

    fn end(&mut self, _: usize, _: Got) {}

    fn act(&mut self, deed: &Deed, _: &mut Held<Got>) {
        match deed {
            Deed::Finish(well) => {
                let Some(who) = self.turn.filter(|_| self.begun && self.outcome.is_none()) else {
                    return;
                };
                let outcome = well.then_some(who).ok_or(());
                let set = self.maker.borrow_mut().take().unwrap();
                set.resolve(outcome).unwrap();
                self.outcome = Some(outcome);
                self.calls.push(who);
            }
            Deed::Set => {
                let set = self.cell.set(99);
                let expected = match (self.value, self.turn) {
                    (Some(_), _) => Err(SetError::AlreadySet(99)),
                    (None, Some(_)) => Err(SetError::BeingMade(99)),
                    (None, None) => Ok(()),
                };
                assert_eq!(set, expected);
                if set.is_ok() {
                    self.is_set_to(99);
                }
            }
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.calls)
    }

    fn check(&self) {
        assert_eq!(self.cell.get().copied(), self.value);
    }
}

proptest! {
    #![proptest_config(crate::support::properties(600))]

    #[test]
    fn any_life_of_a_cell_has_one_maker_at_a_time_and_one_value(
        moves in moves(prop_oneof![3 => Just(Ask::Make), 1 => Just(Ask::Watch)], prop_oneof![
            2 => Just(Deed::Finish(true)),
            6 => Just(Deed::Finish(false)),
            1 => Just(Deed::Set),
        ]),
    ) {
        let game = play(CellGame {
            cell: OnceCell::new(),
            maker: Rc::default(),
            value: None,
            turn: None,
            begun: false,
            outcome: None,
            line: Line::new(),
            watchers: Line::new(),
            calls: Vec::new(),
        }, moves);
        prop_assert_eq!(game.turn, None);
        prop_assert_eq!(game.cell.into_inner().unwrap(), game.value);
    }
}
