//! Promises about notifications: one for one, all for all, and one is kept.
//!
//! tokio's rules; bug classes B36 and B40.

use std::task::Waker;

use proptest::prelude::*;
use roundelay::{Notify, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Log, poll_once, run_virtual};

#[test]
fn one_permit_is_kept_however_often_nobody_was_there() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(poll_once(&mut notify.notified(), Waker::noop()).is_ready());
    assert!(poll_once(&mut notify.notified(), Waker::noop()).is_pending());
}

#[test]
fn notifying_all_keeps_nothing_but_reaches_futures_made_before() {
    let notify = Notify::new();
    let mut made_before = notify.notified();
    notify.notify_all();
    assert!(poll_once(&mut made_before, Waker::noop()).is_ready());
    assert!(poll_once(&mut notify.notified(), Waker::noop()).is_pending());
}

#[test]
fn tasks_are_notified_in_the_order_in_which_they_came() {
    let log = Log::new();
    run_virtual(async {
        let notify = Notify::new();
        for n in 0..4 {
            let (notify, log) = (notify.clone(), log.clone());
            spawn(async move {
                notify.notified().await;
                log.add(n.to_string());
            })
            .detach();
        }
        yield_now().await;
        notify.notify_one();
        yield_now().await;
        log.add("one");
        notify.notify_all();
        yield_now().await;
    });
    assert_eq!(log.take(), ["0", "one", "1", "2", "3"]);
}

#[test]
fn a_notified_waiter_that_is_cancelled_passes_it_on_or_puts_it_back() {
    run_virtual(async {
        let notify = Notify::new();
        let (first, second) = (spawn(notify.notified()), spawn(notify.notified()));
        yield_now().await;
        notify.notify_one();
        first.cancel();
        second.await.unwrap();
        let third = spawn(notify.notified());
        yield_now().await;
        notify.notify_one();
        third.cancel();
        assert!(third.await.is_err());
        notify.notified().await;
    });
}

#[derive(Clone, Debug)]
enum Deed {
    One,
    All,
}

#[derive(Clone, Debug, PartialEq)]
enum Notice {
    One,
    All,
}

struct NotifyGame {
    notify: Notify,
    /// With the round in which the future was made.
    line: Line<usize, Notice>,
    permit: bool,
    round: usize,
}

impl NotifyGame {
    fn one(&mut self) {
        match self.line.standing.is_empty() {
            true => self.permit = true,
            false => self.line.call(0, Notice::One),
        }
    }
}

impl Game for NotifyGame {
    type Ask = ();
    type Deed = Deed;
    type Got = ();
    type Seen = ();

    fn begin(&mut self, who: usize, (): &(), _: &mut Held<()>) -> Option<Boxed<()>> {
        self.line.comes(who, self.round);
        Some(Box::pin(self.notify.notified()))
    }

    fn poll(&mut self, who: usize) -> Option<()> {
        match self.line.enters(who) {
            Some(made) if made != self.round => Some(()),
            Some(_) if std::mem::take(&mut self.permit) => Some(()),
            Some(made) => {
                self.line.stands(who, made);
                None
            }
            None => self.line.takes(who).map(|_| ()),
        }
    }

    fn seen((): &()) {}

    fn gives_up(&mut self, who: usize) {
        if let Left::Called(Notice::One) = self.line.leaves(who) {
            self.one();
        }
    }

    fn end(&mut self, _: usize, (): ()) {}

    fn act(&mut self, deed: &Deed, _: &mut Held<()>) {
        match deed {
            Deed::One => {
                self.notify.notify_one();
                self.one();
            }
            Deed::All => {
                self.notify.notify_all();
                self.round += 1;
                self.line.call_all(Notice::All);
            }
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.notify.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(500))]

    #[test]
    fn any_life_of_a_notify_loses_and_doubles_no_notification(
        moves in moves(Just(()), prop_oneof![3 => Just(Deed::One), 1 => Just(Deed::All)]),
    ) {
        let (notify, line) = (Notify::new(), Line::new());
        let game = play(NotifyGame { notify, line, permit: false, round: 0 }, moves);
        let mut last = game.notify.notified();
        prop_assert_eq!(poll_once(&mut last, Waker::noop()).is_ready(), game.permit);
    }
}
