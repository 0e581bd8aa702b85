//! Chapter 9: all, the first, each as it comes.
//!
//! Tutorial: the exercises. Before this: `ch08.rs`. After this: `ch10.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, Task, TaskBuilder, sleep};

use crate::lab::{Lab, check, predicted};
use crate::props::{AtWork, Place};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// What a program says in which one of three gathered functions fails.
pub fn first_error(program: fn(Runner), guess: &'static [&'static str]) -> Verdict {
    check("ch09_1_first_error", move |lab| {
        let ran = lab.run_with(program)?;
        let known = [(1, "c", "waits_for_all"), (2, "end", "others_end"), (4, "a", "outlives")];
        predicted(&ran, guess, &known)
    })
}

type Answer = Result<u32, String>;

/// The first good answer of several tasks.
pub fn first_good<F: Future<Output = Option<u32>> + 'static>(
    answer: fn(Vec<Task<Answer>>) -> F,
) -> Verdict {
    check("ch09_2_first_good", move |lab| {
        let all_fail: &[(u64, Option<u32>)] = &[(20, None), (10, None)];
        best_of(lab, answer, &[(30, Some(1)), (10, None), (20, Some(2))], (Some(2), 20))?;
        best_of(lab, answer, &[(10, Some(5)), (10, Some(6)), (50, Some(7))], (Some(5), 10))?;
        best_of(lab, answer, all_fail, (None, 20))?;
        best_of(lab, answer, &[], (None, 0))
    })
}

/// Tasks that answer after so many milliseconds, or fail then; and what is to be had, and when.
fn best_of<F: Future<Output = Option<u32>> + 'static>(
    lab: &Lab,
    answer: fn(Vec<Task<Answer>>) -> F,
    tasks: &'static [(u64, Option<u32>)],
    right: (Option<u32>, u64),
) -> Result<(), Wrong> {
    let ran = lab.run(async move {
        let at_work = AtWork::default();
        let tasks = tasks.iter().map(|&(millis, good)| {
            let at_work = at_work.begin();
            TaskBuilder::new().name(format!("after {millis} ms")).spawn(async move {
                let _at_work = at_work;
                sleep(Duration::from_millis(millis)).await;
                good.ok_or_else(|| "no".to_owned())
            })
        });
        let tasks = tasks.collect();
        let begin = roundelay::now();
        let given = TaskBuilder::new().name("first_good").spawn(answer(tasks)).await;
        let took = roundelay::now() - begin;
        // Whoever was asked to end has ended now.
        sleep(Duration::ZERO).await;
        (given.expect("a panic is told elsewhere"), took, at_work.count())
    })?;
    let (given, took, left) = ran.output;
    let (step, at) = (ran.end().1, Duration::from_millis(right.1));
    let told: Vec<String> = tasks
        .iter()
        .map(|(millis, good)| match good {
            Some(good) => format!("Ok({good}) after {millis} ms"),
            None => format!("an error after {millis} ms"),
        })
        .collect();
    let of = if told.is_empty() { "no task".to_owned() } else { told.join(", ") };
    if given != right.0 {
        return Err(Wrong::new(format!("{:?} of {of}", right.0), format!("it gave {given:?}"))
            .at(&ran.trace, step)
            .looks_like_if(given.is_none(), "first_of_any")
            .looks_like_if(took > at, "waits_for_all"));
    }
    if took != at {
        let what = format!("it came after {}", time(took));
        return Err(Wrong::new(format!("the answer of {of} after {}", time(at)), what)
            .at(&ran.trace, step)
            .looks_like_if(took > at, "waits_for_all"));
    }
    if left > 0 {
        let what = format!("{left} still worked on another");
        return Err(Wrong::new(format!("nobody at work after the answer of {of}"), what)
            .at(&ran.trace, step)
            .looks_like("lets_them_go_on"));
    }
    Ok(())
}

/// A search that gives what has come in time.
pub fn in_time<F: Future<Output = Vec<&'static str>> + 'static>(
    search: fn(Vec<Place>) -> F,
) -> Verdict {
    check("ch09_3_in_time", move |lab| {
        let places =
            [("library", 40), ("archive", 150), ("cellar", 20), ("attic", 90), ("museum", 300)];
        let ran = lab.run(async move {
            let places = places.map(|(name, takes)| Place::new(name, Duration::from_millis(takes)));
            let search = TaskBuilder::new().name("search").spawn(search(places.into()));
            search.await.expect("a panic is told elsewhere")
        })?;
        let (end, step) = ran.end();
        let limit = Duration::from_millis(100);
        let given = ran.output;
        if given != ["library", "cellar", "attic"] {
            let symptom = match given.len() {
                0 => "all_or_nothing",
                _ if end > limit => "one_by_one",
                _ => "as_they_came",
            };
            let right = "the answers of library, cellar and attic, in this order";
            return Err(Wrong::new(right, format!("it gave {given:?}"))
                .at(&ran.trace, step)
                .looks_like(symptom));
        }
        if end != limit {
            let what = format!("it came after {}", time(end));
            return Err(Wrong::new("an answer after 100 ms", what)
                .at(&ran.trace, step)
                .looks_like_if(end > limit, "one_by_one"));
        }
        Ok(())
    })
}
