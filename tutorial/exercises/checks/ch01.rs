//! Chapter 1: one thread, many waits.
//!
//! Tutorial: the exercises. Before this: `mod.rs`. After this: `ch02.rs`.

use std::future::Future;
use std::time::Duration;

use crate::lab::{check, predicted};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// It says hello after one second.
pub fn it_works<F: Future<Output = ()>>(answer: impl FnOnce() -> F + Send + 'static) -> Verdict {
    check("ch01_0_it_works", |lab| {
        let ran = lab.run(answer())?;
        ran.expect_lines(&["hello"]).map_err(|wrong| wrong.looks_like("other_words"))?;
        let (end, step) = ran.end();
        if end != Duration::from_secs(1) {
            return Err(Wrong::new("the end after 1 s", format!("it came after {}", time(end)))
                .at(&ran.trace, step)
                .looks_like_if(end.is_zero(), "no_wait"));
        }
        Ok(())
    })
}

/// When four variants of two waits are over, in seconds.
pub fn end_times<F: Future<Output = ()>>(
    program: impl FnOnce() -> F + Send + 'static,
    guess: [u64; 4],
) -> Verdict {
    check("ch01_1_end_times", move |lab| {
        let ran = lab.run(program())?;
        let guess = guess.map(|seconds| match seconds {
            0 => String::new(),
            seconds => format!("{seconds} s"),
        });
        let guess = guess.each_ref().map(String::as_str);
        predicted(
            &ran,
            &guess,
            &[(1, "3 s", "no_overlap"), (2, "3 s", "always_adds"), (3, "2 s", "block_overlaps")],
        )
    })
}

/// Three waits of a second, two seconds in all, and everybody has been waited for.
pub fn two_seconds<F: Future<Output = ()>>(answer: impl FnOnce() -> F + Send + 'static) -> Verdict {
    check("ch01_2_two_seconds", |lab| {
        let ran = lab.run(answer())?;
        let (end, step) = ran.end();
        for name in ["a", "b", "c"] {
            if !ran.texts().contains(&name) {
                let what =
                    format!("the program ended after {} and `{name}` never ended", time(end));
                return Err(Wrong::new("all three waits to end", what)
                    .at(&ran.trace, step)
                    .looks_like("not_awaited"));
            }
        }
        if end != Duration::from_secs(2) {
            return Err(Wrong::new("all to be over after 2 s", format!("it took {}", time(end)))
                .at(&ran.trace, step)
                .looks_like_if(end == Duration::from_secs(1), "all_together"));
        }
        Ok(())
    })
}
