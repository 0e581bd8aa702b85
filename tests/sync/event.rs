//! Promises about events: set lets everybody go on who is there.
//!
//! Order facts O19.1 and O19.2 of asyncio; bug class B40.

use proptest::prelude::*;
use roundelay::{Event, current_loop, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Line, moves, play};
use crate::support::{Log, run_virtual};

#[test]
fn o19_1_all_who_wait_go_on_in_order_even_if_a_clear_follows_at_once() {
    let log = Log::new();
    run_virtual(async {
        let event = Event::new();
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (event, log) = (event.clone(), log.clone());
                spawn(async move {
                    event.wait().await;
                    log.add(n.to_string());
                })
            })
            .collect();
        yield_now().await;
        event.set();
        event.clear();
        log.add("set+clear returned");
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!event.is_set());
    });
    assert_eq!(log.take(), ["set+clear returned", "0", "1", "2", "3"]);
}

#[test]
fn o19_2_waiting_for_an_event_that_is_set_does_not_give_way() {
    let log = Log::new();
    run_virtual(async {
        let event = Event::new();
        event.set();
        let _ = current_loop().unwrap().call_soon(log.adds("callback"));
        event.wait().await;
        log.add("went on");
        yield_now().await;
    });
    assert_eq!(log.take(), ["went on", "callback"]);
}

#[test]
fn who_comes_after_the_clear_waits_for_the_next_set() {
    let log = Log::new();
    run_virtual(async {
        let event = Event::new();
        event.set();
        event.clear();
        let (waits, seen) = (event.clone(), log.clone());
        let task = spawn(async move {
            waits.wait().await;
            seen.add("on");
        });
        yield_now().await;
        yield_now().await;
        log.add("set");
        event.set();
        task.await.unwrap();
    });
    assert_eq!(log.take(), ["set", "on"]);
}

#[derive(Clone, Debug)]
enum Deed {
    Set,
    Clear,
}

struct EventGame {
    event: Event,
    line: Line<(), ()>,
    set: bool,
}

impl Game for EventGame {
    type Ask = ();
    type Deed = Deed;
    type Got = ();
    type Seen = ();

    fn begin(&mut self, who: usize, (): &(), _: &mut Held<()>) -> Option<Boxed<()>> {
        self.line.comes(who, ());
        Some(Box::pin(self.event.wait()))
    }

    fn poll(&mut self, who: usize) -> Option<()> {
        match self.line.enters(who) {
            Some(()) if !self.set => {
                self.line.stands(who, ());
                None
            }
            Some(()) => Some(()),
            None => self.line.takes(who),
        }
    }

    fn seen((): &()) {}

    fn gives_up(&mut self, who: usize) {
        self.line.leaves(who);
    }

    fn end(&mut self, _: usize, (): ()) {}

    fn act(&mut self, deed: &Deed, _: &mut Held<()>) {
        match deed {
            Deed::Set => {
                self.event.set();
                self.set = true;
                self.line.call_all(());
            }
            Deed::Clear => {
                self.event.clear();
                self.set = false;
            }
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.event.is_set(), self.set);
        assert_eq!(self.event.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(400))]

    #[test]
    fn any_life_of_an_event_lets_go_all_who_are_there_and_nobody_else(
        moves in moves(Just(()), prop_oneof![1 => Just(Deed::Set), 2 => Just(Deed::Clear)]),
    ) {
        let game = EventGame { event: Event::new(), line: Line::new(), set: false };
        prop_assert_eq!(play(game, moves).event.waiting(), 0);
    }
}
