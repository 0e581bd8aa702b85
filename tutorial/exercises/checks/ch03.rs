//! Chapter 3: time.
//!
//! Tutorial: the exercises. Before this: `ch02.rs`. After this: `ch04.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{LoopRef, block_for, current_loop, sleep};

use crate::lab::{check, predicted, say};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// In which order six timers are called, and when.
pub fn firings(program: fn(&LoopRef), guess: [&'static str; 6]) -> Verdict {
    check("ch03_1_firings", move |lab| {
        let ran = lab.run(async {
            program(&current_loop().expect("a loop runs"));
            sleep(Duration::from_millis(100)).await;
        })?;
        let known = [
            (1, "10 c", "last_first"),
            (4, "25 f", "on_time"),
            (4, "30 a", "on_time"),
            (4, "35 a", "by_setting"),
        ];
        predicted(&ran, &guess, &known)
    })
}

/// A heap of timers and no more.
pub trait TinyTimers: Default {
    /// Sets a timer that is due at `deadline`.
    fn set(&mut self, deadline: u64, name: &'static str);
    /// Takes out one that is due at `now`, if there is one: the earliest.
    fn pop_due(&mut self, now: u64) -> Option<&'static str>;
}

/// By deadline, and then in the order of setting.
pub fn ties<T: TinyTimers>() -> Verdict {
    check("ch03_2_ties", |lab| {
        let ran = lab.run(async {
            let mut timers = T::default();
            for (deadline, name) in
                [(20, "f"), (10, "c"), (10, "a"), (10, "d"), (30, "g"), (10, "b"), (5, "e")]
            {
                timers.set(deadline, name);
            }
            for now in [7, 25, 25, 25, 25, 25, 25] {
                say(timers.pop_due(now).unwrap_or("none"));
            }
        })?;
        let said = ran.texts();
        let by_setting = said.first() == Some(&"f") || said.first() == Some(&"none");
        let backwards = said.get(1..5) == Some(&["b", "d", "a", "c"]);
        ran.expect_lines(&["e", "c", "a", "d", "b", "f", "none"]).map_err(|wrong| {
            wrong
                .looks_like_if(by_setting, "not_by_deadline")
                .looks_like_if(backwards, "last_first")
                .looks_like_if(said.get(1) == Some(&"a"), "by_name")
        })
    })
}

/// How many beats are listened to.
const BEATS: u32 = 8;

/// A beat at each full 100 ms, whatever the work takes.
pub fn rhythm<F: Future<Output = ()>>(
    answer: impl FnOnce(u32, fn(u32)) -> F + Send + 'static,
) -> Verdict {
    check("ch03_3_rhythm", |lab| {
        let work = |number: u32| {
            say(format_args!("beat {number}"));
            // The third takes longer than the others, and longer than there is time for.
            block_for(Duration::from_millis(if number == 3 { 130 } else { 5 }));
        };
        let ran = lab.run(answer(BEATS, work))?;
        for number in 1..=BEATS {
            let wanted = format!("beat {number}");
            let Some(line) = ran.lines.get(number as usize - 1).filter(|it| it.text == wanted)
            else {
                return Err(Wrong::new(format!("`{wanted}`"), "it did not come"));
            };
            let right = match number {
                4 => Duration::from_millis(430),
                number => Duration::from_millis(100) * number,
            };
            let at = ran.said_at(line);
            if at != right {
                return Err(Wrong::new(
                    format!("`{wanted}` at {}", time(right)),
                    format!("it came at {}", time(at)),
                )
                .at(&ran.trace, Some(line.step))
                .looks_like_if(number == 2, "drift")
                .looks_like_if(number == 4 && at > right, "guessed")
                .looks_like_if(number == 5 && at > right, "late_for_ever"));
            }
        }
        Ok(())
    })
}
