//! Chapter 6: tasks and wakers.
//!
//! Tutorial: the exercises. Before this: `ch05.rs`. After this: `ch07.rs`.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use roundelay::trace::{TraceEvent, WokenBy};
use roundelay::{TaskBuilder, sleep};

use crate::lab::{check, say};
use crate::verdict::Verdict;
use crate::wrong::Wrong;

/// A future that gives way once.
pub fn give_way<F: Future<Output = ()> + 'static>(give_way: fn() -> F) -> Verdict {
    check("ch06_1_give_way", move |lab| {
        let ran = lab.run(async move {
            let polite = TaskBuilder::new().name("polite").spawn(async move {
                say("polite begins");
                give_way().await;
                say("polite ends");
            });
            let other = TaskBuilder::new().name("other").spawn(async { say("the other runs") });
            polite.await.expect("a panic is told elsewhere");
            other.await.expect("it only says a line");
        });
        let ran = ran.map_err(|wrong| match wrong.symptom {
            Some("stuck") => wrong.looks_like("not_woken"),
            Some("endless") => wrong.looks_like("never_over"),
            _ => wrong,
        })?;
        ran.expect_lines(&["polite begins", "the other runs", "polite ends"])
            .map_err(|wrong| wrong.looks_like("goes_on"))
    })
}

/// Something that rings once, for whoever awaits it.
pub trait Bell: Clone + Default + Unpin + Future<Output = ()> + 'static {
    /// Rings.
    fn ring(&self);
}

/// A bell that is awaited by one task, and then by another.
pub fn lost_waker<B: Bell>() -> Verdict {
    check("ch06_2_lost_waker", |lab| {
        let ran = lab.run(async {
            let bell = B::default();
            let mut first = bell.clone();
            let curious = TaskBuilder::new().name("curious").spawn(async move {
                // It polls the bell once, and leaves.
                std::future::poll_fn(|cx| {
                    let _ = Pin::new(&mut first).poll(cx);
                    Poll::Ready(())
                })
                .await;
                say("curious has looked");
            });
            curious.await.expect("it does not panic");
            let listening = bell.clone();
            let listener = TaskBuilder::new().name("listener").spawn(async move {
                listening.await;
                say("listener hears it");
            });
            sleep(Duration::from_millis(10)).await;
            say("it rings");
            bell.ring();
            listener.await.expect("it does not panic");
        });
        let ran = ran.map_err(|wrong| match wrong.symptom {
            Some("stuck") => wrong.looks_like("not_woken"),
            Some("endless") => wrong.looks_like("busy"),
            _ => wrong,
        })?;
        let polls = |task: &str| {
            let task = ran.trace.things.tasks.iter().find(|known| known.name == task);
            let task = task.map_or(u64::MAX, |task| task.id);
            let polled = |event: &TraceEvent| *event == TraceEvent::TaskPoll { task };
            ran.trace.steps.iter().filter(|step| polled(&step.event)).count()
        };
        ran.expect_lines(&["curious has looked", "it rings", "listener hears it"])?;
        match polls("listener") {
            2 => Ok(()),
            polls => {
                let what = format!("there were {polls}");
                Err(Wrong::new("two polls of the listener", what).looks_like("busy"))
            }
        }
    })
}

/// Who woke the task `reader`, each time.
pub fn who_woke<F: Future<Output = ()>>(
    program: impl FnOnce() -> F + Send + 'static,
    guess: [&'static str; 3],
) -> Verdict {
    check("ch06_3_who_woke", move |lab| {
        let ran = lab.run(program())?;
        let reader = ran.trace.things.tasks.iter().find(|task| task.name == "reader");
        let Some(reader) = reader.map(|task| task.id) else {
            return Err(Wrong::new("a task with the name `reader`", "there is none"));
        };
        let wakes = ran.trace.steps.iter().filter_map(|step| match &step.event {
            TraceEvent::TaskWake { task, by } if *task == reader => Some((step.n, *by)),
            _ => None,
        });
        for (number, (step, by)) in wakes.enumerate() {
            let right = match by {
                WokenBy::Myself => "itself",
                WokenBy::Task => "a task",
                WokenBy::Timer => "a timer",
                _ => "somebody else",
            };
            let Some(guessed) = guess.get(number) else { break };
            if guessed.trim().is_empty() {
                let what = "there is none yet: write it into the constant";
                return Err(Wrong::new(format!("an answer for wake {}", number + 1), what));
            }
            if *guessed != right {
                let wanted =
                    format!("your answer for wake {} to be right: `{guessed}`", number + 1);
                return Err(Wrong::new(wanted, format!("the trace says it was {right}"))
                    .at(&ran.trace, Some(step))
                    .looks_like_if(right == "itself", "nobody_needed")
                    .looks_like_if(right == "a task", "by_the_promise"));
            }
        }
        Ok(())
    })
}
