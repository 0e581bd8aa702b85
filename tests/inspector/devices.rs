//! Screens of all sizes, themes, paper, and readers who do not look or cannot run scripts.

use roundelay_inspector_tests::{Browser, browser, pages};
use serde_json::json;

fn everything(browser: &Browser, fragment: &str) {
    browser.open(&pages::write(&pages::everything(), None), fragment);
}

fn columns(browser: &Browser) -> usize {
    let script = "return getComputedStyle(document.querySelector('.columns')).gridTemplateColumns.split(' ').length";
    browser.js(script).as_u64().unwrap() as usize
}

#[test]
fn a_wide_screen_has_three_columns_and_two_runs_stand_side_by_side() {
    let browser = browser!();
    everything(&browser, "#s=40");
    assert_eq!(columns(&browser), 3);
    browser.open(&pages::write(&pages::everything(), Some(&pages::mistake())), "#s=40");
    let script =
        "return [...document.querySelectorAll('.board')].map(e => e.getBoundingClientRect().top)";
    let tops = browser.js(script);
    assert_eq!(tops[0], tops[1]);
}

#[test]
fn no_width_scrolls_sideways() {
    let browser = browser!();
    for width in [320, 360, 500, 700, 1000, 1400, 2200] {
        browser.size(width, 800);
        for step in [0, 40, 64, 94, 105, 133] {
            everything(&browser, &format!("#s={step}&sel=task:2"));
            let wide = browser.js("return document.documentElement.scrollWidth");
            assert!(
                wide.as_u64().unwrap() <= u64::from(width),
                "{width} pixels, step {step}: {wide}"
            );
        }
    }
}

#[test]
fn on_a_phone_the_bar_is_at_the_bottom_and_all_targets_can_be_hit() {
    let browser = browser!();
    browser.size(360, 740);
    everything(&browser, "#s=40");
    let bottom = browser.js("return document.getElementById('bar').getBoundingClientRect().bottom");
    assert_eq!(bottom, 740);
    let small = browser.js(
        "return [...document.querySelectorAll('#bar button, #slider, .top button, .top summary, .panel button, .panel select')]\
         .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44 && !e.closest('.code'))\
         .map(e => e.outerHTML.slice(0, 120) + e.getBoundingClientRect().height)",
    );
    assert_eq!(small, json!([]));
    browser.click("[data-do=next]");
    assert_eq!(browser.step(), 41);
}

#[test]
fn on_a_phone_the_menu_unfolds_where_it_can_be_read_and_moves_nothing_else_away() {
    let browser = browser!();
    for width in [320, 360, 390, 600] {
        browser.size(width, 740);
        everything(&browser, "#s=40");
        browser.click(".menu summary");
        let outside = browser.js(
            "return [...document.querySelectorAll('.menu button')].filter(e => { let r = e.getBoundingClientRect();\
             return r.left < 0 || r.right > document.documentElement.clientWidth || r.width < 40; }).length",
        );
        let wide = browser.js("return document.documentElement.scrollWidth");
        assert_eq!((outside, wide), (json!(0), json!(width)), "{width} pixels");
        let bottom =
            browser.js("return document.getElementById('bar').getBoundingClientRect().bottom");
        assert_eq!(bottom, 740, "{width} pixels");
    }
}

#[test]
fn on_a_phone_the_panels_that_changed_come_first_and_time_runs_downward() {
    let browser = browser!();
    browser.size(360, 740);
    everything(&browser, "#s=40");
    let first = "return [...document.querySelectorAll('.panel')].sort((a, b) =>\
        a.getBoundingClientRect().top - b.getBoundingClientRect().top)[0].dataset.panel";
    assert_eq!(browser.js(first), "jobs");
    browser.press(&["."]);
    assert_eq!(browser.js(first), "output");
    assert_eq!(browser.js("return inspector.boards[0].timeline.upright"), true);
}

#[test]
fn the_timeline_is_drawn_again_when_the_window_or_the_theme_changes() {
    let browser = browser!();
    let colours = "let c = inspector.boards[0].timeline.canvas, all = new Set();\
        let pixels = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;\
        for (let i = 0; i < pixels.length; i += 4) all.add(pixels.slice(i, i + 3).join()); return all.size > 5";
    everything(&browser, "#s=40");
    for (width, theme) in
        [(1400, "dark"), (700, "light"), (360, "light"), (360, "dark"), (1200, "dark")]
    {
        browser.size(width, 800);
        browser.media("screen", &[("prefers-color-scheme", theme)]);
        browser.press(&["Right"]);
        browser.wait_until(&format!("(() => {{ {colours} }})()"));
    }
}

#[test]
fn the_theme_is_the_systems_and_can_be_switched() {
    let browser = browser!();
    let paper = "return getComputedStyle(document.body).backgroundColor";
    browser.media("screen", &[("prefers-color-scheme", "light")]);
    everything(&browser, "");
    let light = browser.js(paper);
    browser.media("screen", &[("prefers-color-scheme", "dark")]);
    let dark = browser.js(paper);
    assert_ne!(light, dark);
    browser.click("[data-do=theme]");
    assert_eq!((browser.text("#theme").as_str(), browser.js(paper)), ("Theme: light", light));
    browser.click("[data-do=theme]");
    assert_eq!((browser.text("#theme").as_str(), browser.js(paper)), ("Theme: dark", dark));
}

#[test]
fn who_asks_for_less_motion_gets_none() {
    let browser = browser!();
    browser.media("screen", &[("prefers-reduced-motion", "reduce")]);
    everything(&browser, "#s=40");
    let moving = "return [...document.querySelectorAll('*')].filter(e => getComputedStyle(e).animationName !== 'none'\
        || getComputedStyle(e).transitionDuration !== '0s').length";
    assert_eq!(browser.js(moving), 0);
    assert_eq!(browser.js("return document.getAnimations().length"), 0);
}

#[test]
fn forced_colours_still_show_where_one_is() {
    let browser = browser!();
    browser.media("screen", &[("forced-colors", "active")]);
    everything(&browser, "#s=40&sel=task:1");
    assert_eq!(browser.js("return matchMedia('(forced-colors: active)').matches"), true);
    let outline = "return getComputedStyle(document.querySelector('.entry.here')).outlineStyle";
    assert_eq!(browser.js(outline), "solid");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn paper_gets_the_step_its_sentence_and_the_state_as_tables() {
    let browser = browser!();
    everything(&browser, "#s=50");
    browser.media("print", &[]);
    browser.wait_until("document.querySelectorAll('#printed table').length > 3");
    let printed = browser.text("#printed");
    for words in ["Step 50, turn 3", "download", "timer 1", "400 ms", "hello <b>world</b>"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let shown = "return ['.top', '#bar', '.boards'].filter(s => getComputedStyle(document.querySelector(s)).display !== 'none')";
    assert_eq!(browser.js(shown), json!([]));
    browser.media("", &[]);
    assert!(browser.print().len() > 5_000);
}

#[test]
fn without_script_the_page_is_the_table_of_steps() {
    let browser = browser!();
    browser.command("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    everything(&browser, "");
    let page =
        browser.command("Runtime.evaluate", json!({ "expression": "document.body.innerText" }));
    let text = page["result"]["value"].as_str().unwrap_or("").to_owned();
    browser.command("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
    assert!(text.starts_with("Every step in a table"), "{text}");
}

#[test]
fn every_control_has_a_name_and_every_id_is_there_once() {
    let browser = browser!();
    for other in [None, Some(pages::mistake())] {
        browser.open(&pages::write(&pages::everything(), other.as_ref()), "#s=50");
        let nameless = browser.js(
            "return [...document.querySelectorAll('button, input, select, summary, canvas, section')].filter(e =>\
             !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim()))\
             .map(e => e.outerHTML)",
        );
        assert_eq!(nameless, json!([]));
        let twice = browser.js("let ids = [...document.querySelectorAll('[id]')].map(e => e.id);\
             return ids.filter((id, i) => ids.indexOf(id) !== i)");
        assert_eq!(twice, json!([]));
    }
}

#[test]
fn the_focus_stays_where_it_is_while_the_state_changes_around_it() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.js("document.querySelector(\"[data-panel=tasks] [data-sel='task:3']\").focus()");
    for _ in 0..12 {
        browser.press(&["Right"]);
        assert_eq!(browser.js("return document.activeElement.dataset.sel"), "task:3");
    }
}
