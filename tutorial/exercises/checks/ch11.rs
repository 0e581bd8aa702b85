//! Chapter 11: time limits and trying again.
//!
//! Tutorial: the exercises. Before this: `ch10.rs`. After this: `ch12.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, TaskBuilder, now};

use crate::lab::{Lab, check, predicted};
use crate::props::{Place, Service};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// Who is in time.
pub fn same_moment(program: fn(Runner), guess: &'static [&'static str]) -> Verdict {
    check("ch11_1_same_moment", move |lab| {
        let ran = lab.run_with(program)?;
        let known = [
            (0, "exact is too late", "limit_first"),
            (1, "ready is too late", "never_polled"),
            (3, "stubborn is too late", "interrupts"),
        ];
        predicted(&ran, guess, &known)
    })
}

/// Three parts, and one limit for all of them.
pub fn whole<F: Future<Output = Option<Vec<&'static str>>> + 'static>(
    whole: fn(Vec<Place>) -> F,
) -> Verdict {
    check("ch11_2_whole", move |lab| {
        let parts = |takes: [u64; 3]| {
            let names = ["one", "two", "three"];
            let part = |(name, millis)| Place::new(name, Duration::from_millis(millis));
            names.into_iter().zip(takes).map(part).collect::<Vec<_>>()
        };
        for (takes, is_there, at) in
            [([20, 60, 10], true, 90), ([40, 40, 40], false, 100), ([10, 300, 10], false, 100)]
        {
            let ran = lab.run(async move {
                let whole = TaskBuilder::new().name("whole").spawn(whole(parts(takes)));
                whole.await.expect("a panic is told elsewhere")
            })?;
            let (end, step) = ran.end();
            let of = format!("parts that take {}, {} and {} ms", takes[0], takes[1], takes[2]);
            let given = ran.output;
            if given.is_some() != is_there {
                let wanted = match is_there {
                    true => format!("all of {of}"),
                    false => format!("`None` of {of}"),
                };
                return Err(Wrong::new(wanted, format!("it gave {given:?} after {}", time(end)))
                    .at(&ran.trace, step)
                    .looks_like_if(is_there, "split"));
            }
            if end != Duration::from_millis(at) {
                let what = format!("it came after {}", time(end));
                return Err(Wrong::new(format!("the answer for {of} after {at} ms"), what)
                    .at(&ran.trace, step)
                    .looks_like_if(end > Duration::from_millis(100), "looks_between"));
            }
        }
        Ok(())
    })
}

type Plan = &'static [(u64, Result<u32, &'static str>)];

/// A service that is called again until it answers, as long as there is time.
pub fn try_again<F: Future<Output = Option<u32>> + 'static>(answer: fn(Service) -> F) -> Verdict {
    check("ch11_3_try_again", move |lab| {
        let third: Plan = &[(5, Err("busy")), (5, Err("busy")), (5, Ok(7))];
        called(lab, answer, third, "that answers the third time", (Some(7), 45), &[0, 15, 40])?;
        let hangs: Plan = &[(5, Err("busy")), (60_000, Ok(7))];
        called(lab, answer, hangs, "that hangs the second time", (None, 100), &[0, 15])?;
        let never: Plan = &[(5, Err("busy"))];
        called(lab, answer, never, "that is always busy", (None, 90), &[0, 15, 40, 85])
    })
}

fn called<F: Future<Output = Option<u32>> + 'static>(
    lab: &Lab,
    answer: fn(Service) -> F,
    plan: Plan,
    what: &str,
    (right, at): (Option<u32>, u64),
    calls: &[u64],
) -> Result<(), Wrong> {
    let ran = lab.run(async move {
        let (begin, service) = (now(), Service::new(plan));
        let tries = TaskBuilder::new().name("try_again").spawn(answer(service.clone()));
        let given = tries.await.expect("a panic is told elsewhere");
        let begun = service.begun().into_iter().map(|moment| moment - begin);
        (given, begun.collect::<Vec<_>>())
    })?;
    let (end, step) = ran.end();
    let (given, begun) = ran.output;
    let calls: Vec<_> = calls.iter().map(|&millis| Duration::from_millis(millis)).collect();
    let at = Duration::from_millis(at);
    let limit = Duration::from_millis(100);
    let fail = |wanted: String, came: String| Wrong::new(wanted, came).at(&ran.trace, step);
    if end > limit {
        let came = format!("it took {}", time(end));
        let wanted = format!("an end within 100 ms with a service {what}");
        return Err(fail(wanted, came).looks_like("hangs"));
    }
    if begun != calls {
        let list = |moments: &[Duration]| {
            moments.iter().map(|&moment| time(moment).to_string()).collect::<Vec<_>>().join(", ")
        };
        let wanted = format!("calls at {} of a service {what}", list(&calls));
        let same = begun.len() > 2 && begun[2] == Duration::from_millis(30);
        return Err(fail(wanted, format!("they were at {}", list(&begun)))
            .looks_like_if(same, "same_pause"));
    }
    if given != right {
        let wanted = format!("{right:?} of a service {what}");
        return Err(fail(wanted, format!("it gave {given:?}")));
    }
    if end != at {
        let wanted = format!("an answer after {} from a service {what}", time(at));
        let came = format!("it came after {}", time(end));
        return Err(fail(wanted, came).looks_like_if(end > at, "useless_pause"));
    }
    Ok(())
}
