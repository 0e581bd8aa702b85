//! Promises about read-write locks: many readers or one writer, and nobody overtakes.
//!
//! Bug classes B36 and B37.

use std::task::Waker;

use proptest::prelude::*;
use roundelay::{ReadGuard, RwLock, WriteGuard, gather_all, spawn, yield_now};

use crate::support::waiting::{Boxed, Game, Held, Left, Line, moves, play};
use crate::support::{Census, Log, poll_once, run_virtual};

#[test]
fn a_writer_that_waits_stops_the_readers_behind_it() {
    let log = Log::new();
    run_virtual(async {
        let lock = RwLock::new(0);
        let visits = ["r1", "r2", "w1", "r3", "r4", "w2"].map(|name| {
            let (lock, log) = (lock.clone(), log.clone());
            async move {
                if name.starts_with('r') {
                    let value = lock.read().await;
                    log.add(format!("{name} in {}", *value));
                    yield_now().await;
                    log.add(format!("{name} out"));
                } else {
                    let mut value = lock.write().await;
                    log.add(format!("{name} in"));
                    *value += 1;
                    yield_now().await;
                    log.add(format!("{name} out"));
                }
            }
        });
        gather_all(visits).await;
    });
    let expected = "r1 in 0, r2 in 0, r1 out, r2 out, w1 in, w1 out, r3 in 1, r4 in 1, r3 out, \
                    r4 out, w2 in, w2 out";
    assert_eq!(log.take().join(", "), expected);
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    run_virtual(async {
        let lock = RwLock::new(());
        let reads = lock.read().await;
        let (writes, second) = (lock.clone(), lock.clone());
        let writer = spawn(async move { drop(writes.write().await) });
        let reader = spawn(async move { drop(second.read().await) });
        yield_now().await;
        assert_eq!((lock.waiting(), lock.try_read().is_none()), (2, true));
        writer.cancel();
        reader.await.unwrap();
        drop(reads);
        assert!(!lock.is_locked());
    });
}

#[test]
fn downgrading_lets_readers_in_and_no_writer_between() {
    let lock = RwLock::new(1);
    let mut writer = lock.try_write().unwrap();
    *writer = 2;
    let (mut other_reader, mut other_writer) = (lock.read(), lock.write());
    assert!(poll_once(&mut other_reader, Waker::noop()).is_pending());
    assert!(poll_once(&mut other_writer, Waker::noop()).is_pending());
    let reader = writer.downgrade();
    let std::task::Poll::Ready(second) = poll_once(&mut other_reader, Waker::noop()) else {
        panic!("a reader at the front comes in")
    };
    assert_eq!((*reader, *second), (2, 2));
    assert!(poll_once(&mut other_writer, Waker::noop()).is_pending());
    drop((reader, second));
    assert!(poll_once(&mut other_writer, Waker::noop()).is_ready());
}

#[test]
fn the_value_is_to_be_had_only_by_who_is_alone_and_dies_with_the_last() {
    let census = Census::new();
    let mut lock = RwLock::new(census.born());
    assert!(lock.get_mut().is_some());
    let reader = lock.try_read().unwrap();
    assert!(lock.get_mut().is_none());
    let lock = lock.into_inner().map(drop).unwrap_err();
    drop(lock);
    assert_eq!(census.alive(), 1);
    drop(reader);
    assert_eq!(census.alive(), 0);
    let lock = RwLock::new(census.born());
    assert!(lock.into_inner().is_ok());
    assert_eq!(census.alive(), 0);
}

#[test]
fn debug_shows_the_value_if_it_can_be_read() {
    let lock = RwLock::new(7);
    assert_eq!(format!("{lock:?}"), "RwLock { value: 7, waiting: 0 }");
    let guard = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?} {guard:?}"), "RwLock { value: <locked>, waiting: 0 } 7");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Read,
    Write,
}

#[derive(Clone, Debug)]
enum Deed {
    Try(Ask),
    Downgrade(usize),
}

enum Got {
    Read(ReadGuard<u32>),
    Write(WriteGuard<u32>),
}

struct RwLockGame {
    lock: RwLock<u32>,
    line: Line<Ask, Ask>,
    readers: usize,
    writer: bool,
    value: u32,
}

impl RwLockGame {
    fn fits(&self, ask: Ask) -> bool {
        !self.writer && (ask == Ask::Read || self.readers == 0)
    }

    fn admit(&mut self, ask: Ask) {
        match ask {
            Ask::Read => self.readers += 1,
            Ask::Write => self.writer = true,
        }
    }

    fn leave(&mut self, ask: Ask) {
        match ask {
            Ask::Read => self.readers -= 1,
            Ask::Write => self.writer = false,
        }
        self.serve();
    }

    fn serve(&mut self) {
        while let Some(&(_, ask)) = self.line.standing.first()
            && self.fits(ask)
        {
            self.admit(ask);
            self.line.call(0, ask);
        }
    }
}

impl Game for RwLockGame {
    type Ask = Ask;
    type Deed = Deed;
    type Got = Got;
    type Seen = (Ask, u32);

    fn begin(&mut self, who: usize, ask: &Ask, _: &mut Held<Got>) -> Option<Boxed<Got>> {
        self.line.comes(who, *ask);
        let (read, write) = (self.lock.read(), self.lock.write());
        Some(match ask {
            Ask::Read => Box::pin(async { Got::Read(read.await) }),
            Ask::Write => Box::pin(async { Got::Write(write.await) }),
        })
    }

    fn poll(&mut self, who: usize) -> Option<(Ask, u32)> {
        let got = match self.line.enters(who) {
            Some(ask) if self.line.standing.is_empty() && self.fits(ask) => {
                self.admit(ask);
                Some(ask)
            }
            Some(ask) => {
                self.line.stands(who, ask);
                None
            }
            None => self.line.takes(who),
        };
        got.map(|ask| (ask, self.value))
    }

    fn seen(got: &Got) -> (Ask, u32) {
        match got {
            Got::Read(value) => (Ask::Read, **value),
            Got::Write(value) => (Ask::Write, **value),
        }
    }

    fn gives_up(&mut self, who: usize) {
        match self.line.leaves(who) {
            Left::Called(ask) => self.leave(ask),
            Left::Standing(_) => self.serve(),
            Left::Outside => {}
        }
    }

    fn end(&mut self, _: usize, got: Got) {
        match got {
            Got::Read(value) => {
                assert_eq!(*value, self.value);
                drop(value);
                self.leave(Ask::Read);
            }
            Got::Write(mut value) => {
                *value += 1;
                self.value += 1;
                drop(value);
                self.leave(Ask::Write);
            }
        }
    }

    fn act(&mut self, deed: &Deed, held: &mut Held<Got>) {
        match *deed {
            Deed::Try(ask) => {
                let got = match ask {
                    Ask::Read => self.lock.try_read().map(Got::Read),
                    Ask::Write => self.lock.try_write().map(Got::Write),
                };
                let expected = self.line.standing.is_empty() && self.fits(ask);
                assert_eq!(got.is_some(), expected);
                if let Some(got) = got {
                    self.admit(ask);
                    held.push((usize::MAX, got));
                }
            }
            Deed::Downgrade(which) if !held.is_empty() => {
                let which = which % held.len();
                let (who, got) = held.swap_remove(which);
                let got = match got {
                    Got::Write(value) => {
                        (self.writer, self.readers) = (false, 1);
                        let value = value.downgrade();
                        self.serve();
                        Got::Read(value)
                    }
                    got => got,
                };
                held.push((who, got));
            }
            Deed::Downgrade(_) => {}
        }
    }

    fn calls(&mut self) -> Vec<usize> {
        self.line.calls()
    }

    fn check(&self) {
        assert_eq!(self.lock.is_locked(), self.writer || self.readers > 0);
        assert_eq!(self.lock.waiting(), self.line.standing.len());
    }
}

proptest! {
    #![proptest_config(crate::support::properties(600))]

    #[test]
    fn any_life_of_a_rw_lock_has_many_readers_or_one_writer(
        moves in moves(
            prop_oneof![2 => Just(Ask::Read), 1 => Just(Ask::Write)],
            prop_oneof![
                Just(Deed::Try(Ask::Read)),
                Just(Deed::Try(Ask::Write)),
                any::<usize>().prop_map(Deed::Downgrade),
            ],
        ),
    ) {
        let (lock, line) = (RwLock::new(0), Line::new());
        let game = RwLockGame { lock, line, readers: 0, writer: false, value: 0 };
        let game = play(game, moves);
        prop_assert_eq!(game.lock.into_inner().ok(), Some(game.value));
    }
}
