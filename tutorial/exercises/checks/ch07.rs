//! Chapter 7: asking the operating system.
//!
//! Tutorial: the exercises. Before this: `ch06.rs`. After this: `ch08.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::trace::TraceEvent;
use roundelay::{TaskBuilder, sleep, yield_now};

use crate::lab::{check, say};
use crate::props::Pipe;
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// Reads all that comes through a pipe which tells news once.
pub fn drain<F: Future<Output = Vec<u8>> + 'static>(read_all: fn(Pipe) -> F) -> Verdict {
    check("ch07_1_drain", move |lab| {
        let ran = lab.run(async move {
            let pipe = Pipe::default();
            let writing = pipe.clone();
            let writer = TaskBuilder::new().name("writer").spawn(async move {
                for bytes in ["abc", "de", "f"] {
                    sleep(Duration::from_millis(10)).await;
                    writing.write(bytes.as_bytes());
                }
                writing.close();
            });
            let reader = TaskBuilder::new().name("reader").spawn(read_all(pipe));
            writer.await.expect("it does not panic");
            reader.await.expect("a panic is told elsewhere")
        });
        let ran = ran.map_err(|wrong| match wrong.symptom {
            Some("stuck") => wrong.looks_like("not_drained"),
            Some("endless") => wrong.looks_like("busy"),
            _ => wrong,
        })?;
        let read = String::from_utf8_lossy(&ran.output).into_owned();
        if read != "abcdef" {
            let what = format!("only `{read}` was read, and then the reader ended");
            return Err(Wrong::new("`abcdef` from the pipe", what)
                .at(&ran.trace, ran.end().1)
                .looks_like("would_block_is_no_end"));
        }
        Ok(())
    })
}

/// How long the one blocking call may wait.
pub fn how_long(at_most: fn(usize, Option<Duration>, Duration) -> Option<Duration>) -> Verdict {
    check("ch07_2_how_long", move |lab| {
        let ms = Duration::from_millis;
        let cases = [
            (0, None, ms(5), None, "forgets_nothing"),
            (0, Some(ms(30)), ms(10), Some(ms(20)), "no_distance"),
            (2, None, ms(10), Some(ms(0)), "sleeps_over_ready"),
            (1, Some(ms(30)), ms(10), Some(ms(0)), "sleeps_over_ready"),
            (0, Some(ms(30)), ms(30), Some(ms(0)), "late"),
            (0, Some(ms(30)), ms(45), Some(ms(0)), "late"),
        ];
        for (ready, deadline, now, right, symptom) in cases {
            let ran = lab.run(async move {
                say(format_args!("ready = {ready}, deadline = {deadline:?}, now = {now:?}"));
                at_most(ready, deadline, now)
            });
            let ran = ran.map_err(|wrong| {
                let late = deadline.is_some_and(|deadline| deadline < now);
                wrong.looks_like_if(late, "late")
            })?;
            if ran.output != right {
                let case = format!("ready = {ready}, deadline = {deadline:?}, now = {now:?}");
                let what = format!("the answer was {:?}", ran.output);
                return Err(Wrong::new(format!("{right:?} for {case}"), what)
                    .at(&ran.trace, ran.lines.first().map(|line| line.step))
                    .looks_like(symptom));
            }
        }
        Ok(())
    })
}

/// A wait made of a timer and a waker.
pub fn nap<F: Future<Output = ()> + Unpin + 'static>(nap: fn(Duration) -> F) -> Verdict {
    check("ch07_3_nap", move |lab| {
        let ran = lab.run(async move {
            let napping = TaskBuilder::new().name("napping").spawn(async move {
                let mut nap = nap(Duration::from_millis(50));
                // It is polled more often than it needs to be.
                let mut turns = 0;
                std::future::poll_fn(|cx| {
                    turns += 1;
                    if turns < 4 {
                        cx.waker().wake_by_ref();
                    }
                    std::pin::Pin::new(&mut nap).poll(cx)
                })
                .await;
                say("awake");
            });
            for _ in 0..5 {
                yield_now().await;
            }
            napping.await.expect("a panic is told elsewhere");
        });
        let ran = ran.map_err(|wrong| match wrong.symptom {
            Some("stuck") => wrong.looks_like("no_timer"),
            _ => wrong,
        })?;
        let (line, at) = match ran.lines.first() {
            Some(line) => (line.step, ran.said_at(line)),
            None => return Err(Wrong::new("that the task wakes up", "it did not")),
        };
        if at != Duration::from_millis(50) {
            return Err(Wrong::new("the end after 50 ms", format!("it came after {}", time(at)))
                .at(&ran.trace, Some(line))
                .looks_like("early"));
        }
        let set = |event: &TraceEvent| matches!(event, TraceEvent::TimerSet { .. });
        let timers: Vec<_> = ran.trace.steps.iter().filter(|step| set(&step.event)).collect();
        if timers.len() != 1 {
            let what = format!("{} were set, one at each poll", timers.len());
            return Err(Wrong::new("one timer", what)
                .at(&ran.trace, timers.get(1).map(|step| step.n))
                .looks_like("many_timers"));
        }
        Ok(())
    })
}
