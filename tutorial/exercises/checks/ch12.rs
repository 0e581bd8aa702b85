//! Chapter 12: task groups.
//!
//! Tutorial: the exercises. Before this: `ch11.rs`. After this: `../learn/mod.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, TaskBuilder, sleep};

use crate::lab::{check, predicted};
use crate::props::{AtWork, Service, Work};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// What a group says of which one child fails.
pub fn who_goes(program: fn(Runner), guess: &'static [&'static str]) -> Verdict {
    check("ch12_1_who_goes", move |lab| {
        let ran = lab.run_with(program)?;
        let known = [
            (3, "b is done", "body_goes_on"),
            (3, "the group has failed", "answers_early"),
            (3, "body is dropped", "body_first"),
        ];
        predicted(&ran, guess, &known)
    })
}

/// A sum of prices, of which one may be missing.
pub fn sum<F: Future<Output = u32> + 'static>(sum: fn(Vec<Service>) -> F) -> Verdict {
    check("ch12_2_sum", move |lab| {
        let ran = lab.run(async move {
            let shops = [
                Service::new(&[(20, Ok(3))]),
                Service::new(&[(10, Err("closed"))]),
                Service::new(&[(30, Ok(4))]),
            ];
            let sum = TaskBuilder::new().name("sum").spawn(sum(shops.into()));
            sum.await.expect("a panic is told elsewhere")
        })?;
        let (end, step) = ran.end();
        if ran.output != 7 {
            return Err(Wrong::new("a sum of 7", format!("it was {}", ran.output))
                .at(&ran.trace, step)
                .looks_like("all_lost"));
        }
        let longest = Duration::from_millis(30);
        if end != longest {
            let what = format!("it took {}", time(end));
            return Err(Wrong::new("an answer after 30 ms, when the slowest has come", what)
                .at(&ran.trace, step)
                .looks_like_if(end > longest, "one_by_one"));
        }
        Ok(())
    })
}

/// Workers of whom nobody stays behind.
pub fn work_off<F: Future<Output = ()> + 'static>(work_off: fn(Vec<Work>) -> F) -> Verdict {
    check("ch12_3_strays", move |lab| {
        let work_for = move |stop: Option<Duration>| {
            lab.run(async move {
                let at_work = AtWork::default();
                let jobs = [20, 10, 30].map(|ms| Work::new(Duration::from_millis(ms), &at_work));
                let begin = roundelay::now();
                let task = TaskBuilder::new().name("work_off").spawn(work_off(jobs.into()));
                if let Some(stop) = stop {
                    sleep(stop).await;
                    task.cancel();
                }
                let _ = task.await;
                (roundelay::now() - begin, at_work.count())
            })
        };
        let ran = work_for(None)?;
        let ((took, left), step) = (ran.output, ran.end().1);
        let longest = Duration::from_millis(30);
        if took < longest || left > 0 {
            let what = format!("it was over after {}", time(took));
            return Err(Wrong::new("an end when the last worker is done, after 30 ms", what)
                .at(&ran.trace, step)
                .looks_like("returns_early"));
        }
        if took > longest {
            return Err(Wrong::new(
                "all jobs at once, in 30 ms",
                format!("it took {}", time(took)),
            )
            .at(&ran.trace, step)
            .looks_like("one_by_one"));
        }
        let ran = work_for(Some(Duration::from_millis(15)))?;
        let (_, left) = ran.output;
        if left > 0 {
            let what = format!("{left} were");
            return Err(Wrong::new("nobody at work after a cancel at 15 ms", what)
                .at(&ran.trace, ran.end().1)
                .looks_like("strays"));
        }
        Ok(())
    })
}
