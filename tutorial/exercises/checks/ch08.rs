//! Chapter 8: starting, stopping, one loop per thread.
//!
//! Tutorial: the exercises. Before this: `ch07.rs`. After this: `ch09.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, TaskBuilder, sleep};

use crate::lab::{check, predicted, say};
use crate::props::Door;
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// What two runs of one runner say, and what is left when it is closed.
pub fn survivors(program: fn(Runner), guess: &'static [&'static str]) -> Verdict {
    check("ch08_1_survivors", move |lab| {
        let ran = lab.run_with(program)?;
        let known = [
            (2, "tick 3", "runs_between"),
            (3, "tick 1", "starts_again"),
            (4, "closed", "never_dropped"),
        ];
        predicted(&ran, guess, &known)
    })
}

/// Two prices that are fetched, without a loop inside the loop.
pub fn nested<F: Future<Output = u32> + 'static>(
    total: impl FnOnce() -> F + Send + 'static,
) -> Verdict {
    check("ch08_2_nested", |lab| {
        let ran = lab.run(async {
            let total = TaskBuilder::new().name("total").spawn(total());
            total.await.expect("a panic is told elsewhere")
        })?;
        let (end, step) = ran.end();
        if ran.output != 7 {
            return Err(Wrong::new("a total of 7", format!("it was {}", ran.output))
                .at(&ran.trace, step)
                .looks_like("swallowed"));
        }
        if end != Duration::from_millis(20) {
            let what = format!("the clock of this loop stood at {} when all was over", time(end));
            return Err(Wrong::new("two waits of 10 ms on this loop", what)
                .at(&ran.trace, step)
                .looks_like_if(end.is_zero(), "other_loop"));
        }
        Ok(())
    })
}

/// A server that is asked to stop, and finishes what it has begun.
pub fn stop<F: Future<Output = ()> + 'static>(
    serve: impl FnOnce(Door) -> F + Send + 'static,
) -> Verdict {
    check("ch08_3_stop", |lab| {
        let ran = lab.run(async {
            let door = Door::default();
            let outside = door.clone();
            let visitors = TaskBuilder::new().name("visitors").spawn(async move {
                for request in 1..=3 {
                    sleep(Duration::from_millis(100)).await;
                    outside.enter(request);
                }
                say("please stop");
                outside.ask_to_stop();
            });
            serve(door).await;
            visitors.await.expect("it does not panic");
        })?;
        let (end, step) = ran.end();
        for request in 1..=3 {
            let [begins, done] =
                ["begins", "is done"].map(|what| format!("request {request} {what}"));
            let find = |text: &str| ran.lines.iter().find(|line| line.text == text);
            if find(&done).is_none() {
                let what = format!("the run was over after {}, and it was not", time(end));
                return Err(Wrong::new(format!("that request {request} is finished"), what)
                    .at(&ran.trace, step)
                    .looks_like(if end > Duration::from_millis(300) {
                        "guessed"
                    } else {
                        "lost"
                    }));
            }
            let right = Duration::from_millis(100) * request;
            let at = find(&begins).map_or(Duration::ZERO, |line| ran.said_at(line));
            if at != right {
                let what = format!("it began at {}", time(at));
                return Err(Wrong::new(format!("`{begins}` at {}", time(right)), what)
                    .at(&ran.trace, find(&begins).map(|line| line.step))
                    .looks_like("one_by_one"));
            }
        }
        Ok(())
    })
}
