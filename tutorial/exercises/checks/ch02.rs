//! Chapter 2: the loop is a queue.
//!
//! Tutorial: the exercises. Before this: `ch01.rs`. After this: `ch03.rs`.

use std::collections::VecDeque;

use roundelay::{LoopRef, current_loop, yield_now};

use crate::lab::{check, predicted, say};
use crate::verdict::Verdict;
use crate::wrong::Wrong;

/// In which order eleven callbacks are called.
pub fn order(program: fn(&LoopRef), guess: &'static str) -> Verdict {
    check("ch02_1_order", move |lab| {
        let ran = lab.run(async {
            program(&current_loop().expect("a loop runs"));
            for _ in 0..4 {
                yield_now().await;
            }
        })?;
        let guess: Vec<&str> = guess.split_whitespace().collect();
        let known =
            [(2, "h", "at_once"), (2, "d", "cancelled_late"), (4, "e", "cancelled_in_time")];
        predicted(&ran, &guess, &known)
    })
}

const PARCELS: u32 = 5;

/// A callback that has a lot to do, and lets others have their turn in between.
pub fn fair(work: fn(LoopRef, VecDeque<u32>)) -> Verdict {
    check("ch02_2_fair", move |lab| {
        let ran = lab.run(async move {
            let event_loop = current_loop().expect("a loop runs");
            work(event_loop.clone(), (1..=PARCELS).collect());
            for _ in 0..PARCELS + 3 {
                event_loop.call_soon(|| say("knock")).expect("the loop is open");
                yield_now().await;
            }
        })?;
        let parcels: Vec<_> = ran.lines.iter().filter(|line| line.text != "knock").collect();
        for (number, wanted) in (1..=PARCELS).enumerate() {
            let wanted = format!("parcel {wanted}");
            let line = parcels.get(number);
            if line.is_none_or(|line| line.text != wanted) {
                let what = line.map_or("nothing more came".to_owned(), |line| {
                    format!("`{}` came in its place", line.text)
                });
                return Err(Wrong::new(format!("`{wanted}` to be carried"), what)
                    .at(&ran.trace, line.map(|line| line.step))
                    .looks_like("lost"));
            }
        }
        if let Some(line) = parcels.get(PARCELS as usize) {
            let wanted = format!("{PARCELS} parcels and no more");
            return Err(Wrong::new(wanted, format!("`{}` came, too", line.text))
                .at(&ran.trace, Some(line.step)));
        }
        for pair in parcels.windows(2) {
            let (one, next) = (pair[0], pair[1]);
            if ran.turn_of(one) == ran.turn_of(next) {
                let what = format!(
                    "`{}` and `{}` were carried in one turn, and nobody who knocks was heard",
                    one.text, next.text
                );
                // Several calls of one turn, or one long call?
                let calls = ran.trace.steps[one.step..next.step].iter();
                let calls = calls.filter(|step| step.event.name() == "ready.pop").count();
                return Err(Wrong::new("one parcel in each turn", what)
                    .at(&ran.trace, Some(next.step))
                    .looks_like(if calls > 0 { "burst" } else { "one_call" }));
            }
        }
        Ok(())
    })
}

/// A loop that is a queue and no more.
pub trait TinyLoop: Default + 'static {
    /// Asks for `callback` to be called, behind those that wait already.
    fn call_soon(&mut self, callback: Box<dyn FnOnce(&mut Self)>);
    /// Calls those that wait when it begins, and no others.
    fn turn(&mut self);
}

/// A queue of callbacks: first in, first out, and a turn ends.
pub fn call_soon<L: TinyLoop>() -> Verdict {
    check("ch02_3_call_soon", |lab| {
        let ran = lab.run(async {
            let mut tiny = L::default();
            tiny.call_soon(Box::new(|_| say("a")));
            tiny.call_soon(Box::new(|within: &mut L| {
                say("b");
                within.call_soon(Box::new(|_| say("d")));
            }));
            tiny.call_soon(Box::new(|_| say("c")));
            for turn in 1..=3 {
                say(format_args!("turn {turn}"));
                tiny.turn();
            }
        })?;
        let first = ran.texts().iter().position(|line| *line == "d");
        let second = ran.texts().iter().position(|line| *line == "turn 2");
        let drains = first.is_some() && first < second;
        let lifo = ran.texts().get(1) == Some(&"c");
        ran.expect_lines(&["turn 1", "a", "b", "c", "turn 2", "d", "turn 3"]).map_err(|wrong| {
            wrong.looks_like_if(drains, "drains").looks_like_if(lifo, "last_first")
        })
    })
}
