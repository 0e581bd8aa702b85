//! Runs that are recorded here and now: the page and the recorder agree on every step.

use std::time::Duration;

use roundelay::testing::Schedule;
use roundelay::trace::{Recorder, Trace, say};
use roundelay::{Runner, TaskBuilder, sleep, spawn, yield_now};
use roundelay_inspector_tests::{browser, pages};
use serde_json::json;

#[path = "../trace/programs.rs"]
mod programs;

fn page(trace: &Trace) -> pages::Page {
    pages::write_html(&trace.to_html())
}

/// Tasks that sleep, yield and print until there are many thousand steps.
fn busy() -> Trace {
    programs::recorded("busy", async {
        let workers: Vec<_> = (0..40)
            .map(|number| {
                TaskBuilder::new().name(format!("worker {number}")).spawn(async move {
                    for round in 0..34 {
                        sleep(Duration::from_millis(1 + number % 5)).await;
                        yield_now().await;
                        if round % 8 == 0 {
                            say(format_args!("worker {number}, round {round}"));
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        spawn(async {}).await.unwrap();
    })
}

#[test]
fn the_page_and_the_recorder_agree_on_every_step() {
    let browser = browser!();
    for trace in [programs::two_tasks(), programs::everything(), programs::a_job(), busy()] {
        browser.open(&page(&trace), "#selftest");
        let told = browser.text("#selftest");
        assert!(told.starts_with("Selftest passed"), "{}: {told}", trace.meta.program);
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

/// Tied sleeps under schedules that take them in another order.
fn under_a_schedule(seed: u64) -> Trace {
    let recorder = Recorder::new("tied");
    let builder = Runner::builder().virtual_clock().schedule(&Schedule::seeded(seed));
    let runner = builder.observer(recorder.clone()).build().unwrap();
    let outcome = runner.run(async {
        let tied: Vec<_> = (0..5)
            .map(|number| {
                spawn(async move {
                    sleep(Duration::from_millis(1)).await;
                    say(number);
                })
            })
            .collect();
        for task in tied {
            task.await.unwrap();
        }
    });
    outcome.unwrap();
    runner.close();
    recorder.finish()
}

#[test]
fn a_run_under_a_schedule_is_followed_too() {
    let browser = browser!();
    let mut arranged = 0;
    for seed in 0..6 {
        let trace = under_a_schedule(seed);
        arranged += trace.to_text().matches("ready.arrange").count();
        browser.open(&page(&trace), "#selftest");
        let told = browser.text("#selftest");
        assert!(told.starts_with("Selftest passed"), "seed {seed}: {told}");
    }
    assert!(arranged > 0, "no schedule has changed an order");
}

#[test]
fn the_page_and_the_recorder_tell_the_same_story_in_the_same_words() {
    let browser = browser!();
    for trace in [programs::two_tasks(), programs::everything()] {
        browser.open(&page(&trace), "");
        let text = browser.js("return asText(inspector.boards[0])");
        assert_eq!(text.as_str().unwrap(), trace.to_text());
    }
}

#[test]
fn two_recorded_runs_stand_on_one_page_and_without_script_it_is_the_table_of_steps() {
    let browser = browser!();
    let (one, other) = (programs::two_tasks(), programs::everything());
    let page = pages::write_html(&one.to_html_beside(Some(&other)));
    browser.open(&page, "#selftest");
    assert!(browser.text("#selftest").starts_with("Selftest passed"));
    assert_eq!(browser.count(".board"), 2);
    browser.command("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&page, "");
    let asked = json!({ "expression": "document.body.innerText" });
    let text = browser.command("Runtime.evaluate", asked)["result"]["value"].to_string();
    browser.command("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
    assert!(text.contains("Task tea finishes."), "{text}");
}

/// Figures of this machine: `--ignored --nocapture` shows them.
#[test]
#[ignore = "measures this machine"]
fn how_long_a_large_run_takes() {
    let browser = browser!();
    let trace = busy();
    let page = page(&trace);
    let size = std::fs::metadata(&*page).unwrap().len();
    browser.open(&page, "#s=10000");
    let loaded = browser.js("return performance.getEntriesByType('navigation')[0].loadEventEnd");
    println!("{} steps, {size} bytes; loaded after {loaded} ms", trace.steps.len());
}
