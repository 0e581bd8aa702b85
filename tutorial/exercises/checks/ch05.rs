//! Chapter 5: a function that can stop.
//!
//! Tutorial: the exercises. Before this: `ch04.rs`. After this: `ch06.rs`.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::lab::{check, predicted, say};
use crate::props::Stop;
use crate::verdict::Verdict;
use crate::wrong::Wrong;

/// How often four futures are polled.
pub fn polls<F: Future<Output = ()>>(
    program: impl FnOnce() -> F + Send + 'static,
    guess: [u32; 4],
) -> Verdict {
    check("ch05_1_polls", move |lab| {
        let ran = lab.run(program())?;
        let guess = guess.map(|polls| match polls {
            0 => String::new(),
            polls => format!("{polls}"),
        });
        let guess = guess.each_ref().map(String::as_str);
        predicted(&ran, &guess, &[(1, "2", "one_per_stop"), (2, "2", "always_stops")])
    })
}

/// `first.await * second.await`, written by hand.
pub fn state_machine<F: Future<Output = u32>>(
    make: impl FnOnce(Stop, Stop) -> F + Send + 'static,
) -> Verdict {
    check("ch05_2_state_machine", |lab| {
        let (first, second) = (Stop::default(), Stop::default());
        let ran = lab.run({
            let (first, second) = (first.clone(), second.clone());
            async move {
                let mut product = Box::pin(make(first.clone(), second.clone()));
                let mut poll = || {
                    let mut cx = Context::from_waker(Waker::noop());
                    let answer = product.as_mut().poll(&mut cx);
                    let over = answer.is_ready();
                    say(match answer {
                        Poll::Pending => "pending".to_owned(),
                        Poll::Ready(value) => format!("ready: {value}"),
                    });
                    over
                };
                let _ = poll() || poll();
                say("the first value is there");
                first.give(6);
                let _ = poll() || poll();
                say("the second value is there");
                second.give(7);
                let _ = poll();
            }
        })?;
        let wanted = [
            "pending",
            "pending",
            "the first value is there",
            "pending",
            "pending",
            "the second value is there",
            "ready: 42",
        ];
        let again = first.was_polled_again() || second.was_polled_again();
        ran.expect_lines(&wanted).map_err(|wrong| {
            wrong
                .looks_like_if(again, "asked_again")
                .looks_like_if(first.polls() == 0, "never_asks")
        })?;
        if again {
            let what = "one that was over was polled again";
            return Err(Wrong::new("that nobody polls a future after it was over", what)
                .looks_like("asked_again"));
        }
        // Each poll of the whole asks the one where it has stopped: three times the first one.
        if first.polls() > 3 || second.polls() > 3 {
            let what = format!("`second` was polled {} times", second.polls());
            return Err(Wrong::new("that `second` is polled only after `first` was ready", what)
                .looks_like("both_at_once"));
        }
        Ok(())
    })
}

/// Two accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The first one.
    pub one: Rc<Cell<u32>>,
    /// The other.
    pub other: Rc<Cell<u32>>,
}

/// A change of two accounts that asks the bank in between, dropped at each of its stops.
pub fn half_way<F: Future<Output = ()> + 'static>(
    transfer: impl Fn(Accounts, Stop) -> F + Send + 'static,
) -> Verdict {
    check("ch05_3_half_way", move |lab| {
        for finishes in [false, true] {
            let accounts = Accounts { one: Rc::new(Cell::new(100)), other: Rc::new(Cell::new(0)) };
            let bank = Stop::default();
            let (held, asked) = (accounts.clone(), bank.clone());
            let transfer = &transfer;
            let ran = lab.run(async move {
                let mut moving: Pin<Box<F>> = Box::pin(transfer(held, asked.clone()));
                let mut cx = Context::from_waker(Waker::noop());
                let mut over = moving.as_mut().poll(&mut cx).is_ready();
                if finishes && !over {
                    asked.give(1);
                    over = moving.as_mut().poll(&mut cx).is_ready();
                }
                drop(moving);
                over
            })?;
            let (one, other) = (accounts.one.get(), accounts.other.get());
            if bank.polls() == 0 {
                let what = "the bank was never asked";
                return Err(Wrong::new("that the bank is asked first", what)
                    .at(&ran.trace, ran.end().1)
                    .looks_like("not_asked"));
            }
            let (right, when) = match finishes {
                true => ((70, 30), "after the whole transfer"),
                false => ((100, 0), "after a transfer that was dropped at its stop"),
            };
            if (one, other) != right {
                let wanted = format!("{} and {} {when}", right.0, right.1);
                return Err(Wrong::new(wanted, format!("there were {one} and {other}"))
                    .at(&ran.trace, ran.end().1)
                    .looks_like_if(one + other < 100, "missing")
                    .looks_like_if(one + other > 100, "too_much"));
            }
        }
        Ok(())
    })
}
