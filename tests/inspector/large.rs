//! Twenty thousand steps: the page holds them all and draws only what is seen.

use roundelay_inspector_tests::{browser, pages};

#[test]
fn twenty_thousand_steps_are_whole_and_only_what_is_seen_is_drawn() {
    let browser = browser!();
    let page = pages::write(&pages::many_steps(20_000), None);
    browser.open(&page, "#s=10000&selftest");
    assert!(
        browser.text("#selftest").starts_with("Selftest passed"),
        "{}",
        browser.text("#selftest")
    );
    assert!(browser.count(".log .entry") < 60);
    assert!(browser.count("*") < 4_000, "{} elements", browser.count("*"));
    browser.press(&["End"]);
    assert_eq!(browser.js("return inspector.n === inspector.run.last"), true);
    assert!(browser.count(".log .entry") < 60);
}

/// Figures of this machine: `--ignored --nocapture` shows them.
#[test]
#[ignore = "measures this machine"]
fn how_long_twenty_thousand_steps_take() {
    let browser = browser!();
    let page = pages::write(&pages::many_steps(20_000), None);
    let size = std::fs::metadata(&*page).unwrap().len();
    browser.open(&page, "#s=10000");
    let loaded = browser.js("return performance.getEntriesByType('navigation')[0].loadEventEnd");
    let walk = "let all = []; for (let i = 0; i < 400; i += 1) { let from = performance.now();\
        inspector.go(10000 + i * STEP); document.body.offsetHeight; all.push(performance.now() - from); }\
        all.sort((a, b) => a - b); return [all[200], all[380], all[399]]";
    let forward = browser.js(&walk.replace("STEP", "1"));
    let backward = browser.js(&walk.replace("STEP", "-1"));
    let leaps = browser.js(&walk.replace("10000 + i * STEP", "(i * 7919) % 19000"));
    println!("{size} bytes; loaded after {loaded} ms");
    println!(
        "ms per step (median, 95th percentile, longest): forward {forward}, back {backward}, leaps {leaps}"
    );
}
