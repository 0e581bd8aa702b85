//! Chapter 4: a value that comes later.
//!
//! Tutorial: the exercises. Before this: `ch03.rs`. After this: `ch05.rs`.

use std::future::Future;

use roundelay::{current_loop, yield_now};

use crate::lab::{check, say};
use crate::verdict::Verdict;
use crate::wrong::Wrong;

/// A function that asks through a callback, made into one that can be awaited.
pub fn wrap<F: Future<Output = Option<u32>> + 'static>(answer: fn(u32) -> F) -> Verdict {
    check("ch04_1_wrap", move |lab| {
        for (number, right) in [(21, Some(42)), (4, Some(8)), (0, None)] {
            let ran = lab.run(answer(number))?;
            if ran.output != right {
                let what = format!("the answer was {:?}", ran.output);
                return Err(Wrong::new(format!("{right:?} for {number}"), what)
                    .at(&ran.trace, ran.end().1)
                    .looks_like_if(ran.output.is_none() && ran.end().0.is_zero(), "no_wait"));
            }
        }
        Ok(())
    })
}

/// A box that is filled once, and calls those that are to be told.
pub trait Slot: Default + Clone + 'static {
    /// Fills it.
    fn resolve(&self, value: u32);
    /// Has `callback` called when it is filled.
    fn on_settled(&self, callback: impl FnOnce(u32) + 'static);
}

/// Who comes early is told, who comes late is told, and nobody is called at once.
pub fn told<S: Slot>() -> Verdict {
    check("ch04_2_told", |lab| {
        let ran = lab.run(async {
            let _home = current_loop();
            let slot = S::default();
            slot.on_settled(|value| say(format_args!("early hears {value}")));
            slot.on_settled(|value| say(format_args!("second hears {value}")));
            slot.resolve(7);
            say("resolved");
            yield_now().await;
            for name in ["late", "last"] {
                slot.on_settled(move |value| say(format_args!("{name} hears {value}")));
            }
            say("asked once more");
            yield_now().await;
        })?;
        let said = ran.texts();
        let has = |line: &str| said.iter().position(|said| *said == line);
        let late = has("late hears 7");
        let at_once = late.is_some() && late < has("asked once more");
        let inside = has("early hears 7") < has("resolved");
        ran.expect_lines(&[
            "resolved",
            "early hears 7",
            "second hears 7",
            "asked once more",
            "late hears 7",
            "last hears 7",
        ])
        .map_err(|wrong| {
            wrong
                .looks_like_if(late.is_none(), "never_told")
                .looks_like_if(late.is_some() && has("last hears 7").is_none(), "taken")
                .looks_like_if(at_once || inside, "at_once")
        })
    })
}
