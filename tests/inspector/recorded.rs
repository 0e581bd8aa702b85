//! Runs that are recorded here and now: the page and the recorder agree on every step.

use std::time::Duration;

use roundelay::trace::{Trace, say};
use roundelay::{TaskBuilder, sleep, spawn, yield_now};
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
