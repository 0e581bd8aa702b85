//! Chapter 10: errors and cancellation.
//!
//! Tutorial: the exercises. Before this: `ch09.rs`. After this: `ch11.rs`.

use std::future::Future;
use std::time::Duration;

use roundelay::{Runner, TaskBuilder, sleep};

use crate::lab::{Lab, check, predicted};
use crate::props::{Line, Shop};
use crate::verdict::Verdict;
use crate::wrong::{Wrong, time};

/// What a program says in which a task is cancelled that awaits another.
pub fn who_ends(program: fn(Runner), guess: &'static [&'static str]) -> Verdict {
    check("ch10_1_who_ends", move |lab| {
        let ran = lab.run_with(program)?;
        let known = [
            (0, "inner is dropped", "goes_down"),
            (0, "main goes on", "too_late"),
            (4, "outer is done", "goes_on"),
        ];
        predicted(&ran, guess, &known)
    })
}

/// A purchase that may be stopped at any time, and is never half done.
pub fn paid<F: Future<Output = ()> + 'static>(buy: fn(Shop) -> F) -> Verdict {
    check("ch10_2_paid", move |lab| {
        let ran = lab.run(async move {
            let begin = roundelay::now();
            let buyer = TaskBuilder::new().name("buyer").spawn(buy(Shop::default()));
            buyer.await.expect("a panic is told elsewhere");
            roundelay::now() - begin
        })?;
        let whole = Duration::from_millis(20);
        if ran.output != whole {
            let what = format!("it was over after {}", time(ran.output));
            return Err(Wrong::new("a purchase that nobody stops to take 20 ms", what)
                .at(&ran.trace, ran.end().1)
                .looks_like_if(ran.output < whole, "does_not_wait"));
        }
        [5, 15].into_iter().try_for_each(|millis| {
            let stop = Duration::from_millis(millis);
            let ran = lab.run(async move {
                let (begin, shop) = (roundelay::now(), Shop::default());
                let buyer = TaskBuilder::new().name("buyer").spawn(buy(shop.clone()));
                sleep(stop).await;
                buyer.cancel();
                let is_stopped = buyer.await.is_err() && roundelay::now() - begin == stop;
                sleep(Duration::from_secs(1)).await;
                (is_stopped, shop.paid(), shop.sent())
            })?;
            let step = ran.end().1;
            let (is_stopped, paid, sent) = ran.output;
            if !is_stopped {
                let wanted = format!("the buyer to end when it is asked to, after {}", time(stop));
                return Err(Wrong::new(wanted, "it went on").at(&ran.trace, step));
            }
            if paid != sent {
                let wanted = format!(
                    "one parcel for each that is paid, if asked to end after {}",
                    time(stop)
                );
                let what = format!("{paid} was paid, and {sent} sent");
                let half = paid > sent && millis == 5;
                return Err(Wrong::new(wanted, what)
                    .at(&ran.trace, step)
                    .looks_like_if(half, "half_shielded"));
            }
            Ok(())
        })
    })
}

/// A call that ends with a goodbye, however it ends.
pub fn goodbye<F: Future<Output = ()> + 'static>(call: fn(Line) -> F) -> Verdict {
    check("ch10_3_goodbye", move |lab| {
        let ran = lab.run(async move {
            let caller = TaskBuilder::new().name("caller").spawn(call(Line::default()));
            caller.await.expect("a panic is told elsewhere");
        })?;
        let said = |expected: &str, at: u64, symptom: &'static str| {
            let at = Duration::from_millis(at);
            let line = ran.lines.iter().find(|line| line.text == expected);
            let when = line.map(|line| ran.said_at(line));
            if when == Some(at) {
                return Ok(());
            }
            let what = match when {
                Some(when) => format!("it was said after {}", time(when)),
                None => "it was not said".to_owned(),
            };
            let wanted = format!("`{expected}` after {}, if nobody stops the call", time(at));
            let step = line.map(|line| line.step).or(ran.end().1);
            Err(Wrong::new(wanted, what)
                .at(&ran.trace, step)
                .looks_like_if(line.is_none(), symptom))
        };
        said("so it is", 20, "stopped")?;
        said("goodbye", 25, "nobody_waits")?;
        stopped(lab, call, Duration::from_secs(1))?;
        stopped(lab, call, Duration::ZERO)
    })
}

/// The call is asked to end after 10 ms, and the run goes on for so long.
fn stopped<F: Future<Output = ()> + 'static>(
    lab: &Lab,
    call: fn(Line) -> F,
    longer: Duration,
) -> Result<(), Wrong> {
    let ran = lab.run(async move {
        let caller = TaskBuilder::new().name("caller").spawn(call(Line::default()));
        sleep(Duration::from_millis(10)).await;
        caller.cancel();
        let _ = caller.await;
        if !longer.is_zero() {
            sleep(longer).await;
        }
    })?;
    let said = |text: &str| ran.lines.iter().find(|line| line.text == text);
    if let Some(line) = said("so it is") {
        let wanted = "the talk to end when its task is asked to, after 10 ms";
        return Err(Wrong::new(wanted, "it went on")
            .at(&ran.trace, Some(line.step))
            .looks_like("does_not_end"));
    }
    let Some(goodbye) = said("goodbye") else {
        let wanted = "`goodbye` although the task was asked to end after 10 ms";
        return Err(Wrong::new(wanted, "it was never said")
            .at(&ran.trace, ran.end().1)
            .looks_like("nobody_waits"));
    };
    let at = ran.said_at(goodbye);
    if at != Duration::from_millis(15) {
        let what = format!("it was said after {}", time(at));
        return Err(Wrong::new("`goodbye` 5 ms after the end of the talk", what)
            .at(&ran.trace, Some(goodbye.step)));
    }
    Ok(())
}
