//! What each control, key and link of the page does.

use std::fs;

use roundelay_inspector_tests::{Browser, browser, pages};
use serde_json::{Value, json};

fn everything(browser: &Browser, fragment: &str) {
    browser.open(&pages::write(&pages::everything(), None), fragment);
}

fn two_runs(browser: &Browser, fragment: &str) {
    browser.open(&pages::write(&pages::everything(), Some(&pages::mistake())), fragment);
}

#[test]
fn the_page_opens_at_the_first_step_without_a_request_or_a_complaint() {
    let browser = browser!();
    everything(&browser, "");
    assert_eq!(browser.step(), 0);
    assert_eq!(browser.text(".sentence"), "Step 0, turn 0, t = 0 s. The run begins.");
    assert_eq!(browser.js("return performance.getEntriesByType('resource').length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_state_of_every_step_is_the_recorders_forward_and_back() {
    let browser = browser!();
    two_runs(&browser, "#selftest");
    assert_eq!(browser.text("#selftest"), "Selftest passed: 268 steps, forward and back.");
    assert_eq!(browser.js("return document.getElementById('selftest').dataset.result"), "passed");
}

#[test]
fn a_damaged_file_is_called_damaged_where_the_reader_meets_it() {
    let browser = browser!();
    let mut trace = pages::everything();
    trace["keys"][1]["state"]["out"] = json!(99);
    let page = pages::write(&trace, None);
    browser.open(&page, "#s=60");
    assert_eq!(browser.count("[data-notice=damaged]"), 0);
    for _ in 0..5 {
        browser.press(&["Right"]);
    }
    assert!(browser.text("[data-notice=damaged]").starts_with("This file is damaged: at step 64"));
    browser.open(&page, "#selftest");
    assert_eq!(browser.js("return document.getElementById('selftest').dataset.result"), "failed");
    browser.open(&pages::write_text("{\"steps\": [", None), "");
    assert!(browser.text("[data-notice=broken]").starts_with("This file cannot be shown"));
}

/// From a step, by a button or by keys, to a step.
const WAYS: &[(i64, &str, &[&str], i64)] = &[
    (40, "next", &["Right"], 41),
    (40, "back", &["Left"], 39),
    (40, "turn.next", &["Shift", "Right"], 50),
    (40, "turn.back", &["Shift", "Left"], 22),
    (40, "out.next", &["."], 71),
    (40, "out.back", &[","], 8),
    (40, "first", &["Home"], 0),
    (40, "last", &["End"], 133),
    (0, "back", &["Left"], 0),
    (133, "next", &["Right"], 133),
    (133, "turn.next", &["Shift", "Right"], 133),
];

#[test]
fn each_button_goes_where_its_name_says() {
    let browser = browser!();
    for &(from, button, _, to) in WAYS {
        everything(&browser, &format!("#s={from}"));
        browser.click(&format!("[data-do='{button}']"));
        assert_eq!(browser.step(), to, "{button} from {from}");
    }
}

#[test]
fn each_key_does_what_its_button_does() {
    let browser = browser!();
    for &(from, _, keys, to) in WAYS {
        everything(&browser, &format!("#s={from}"));
        browser.press(keys);
        assert_eq!(browser.step(), to, "{keys:?} from {from}");
    }
}

#[test]
fn brackets_follow_the_selected_thing() {
    let browser = browser!();
    everything(&browser, "#s=40&sel=task:2");
    browser.press(&["]"]);
    assert_eq!(browser.step(), 73);
    browser.press(&["["]);
    assert_eq!(browser.step(), 34);
    browser.click("[data-do='thing.next']");
    assert_eq!(browser.step(), 73);
    browser.click("[data-do='thing.back']");
    assert_eq!(browser.step(), 34);
}

#[test]
fn a_click_on_a_name_selects_it_everywhere_and_a_second_click_lets_go() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.click("[data-panel=tasks] [data-sel='task:1']");
    assert_eq!(browser.js("return inspector.selected"), "task:1");
    assert!(browser.count("[data-sel='task:1'][aria-pressed=true]") >= 3);
    assert!(browser.text("[data-panel=why]").contains("download"));
    browser.click("[data-panel=tasks] [data-sel='task:1']");
    assert_eq!(browser.js("return inspector.selected"), Value::Null);
}

#[test]
fn g_goes_to_a_step_or_to_a_time_and_says_what_it_does_not_understand() {
    let browser = browser!();
    for (text, step) in [("43", 43), ("400 ms", 62), ("0.4s", 62), ("99999", 133)] {
        everything(&browser, "");
        browser.press(&["g"]);
        type_text(&browser, text);
        browser.press(&["Enter"]);
        assert_eq!(browser.step(), step, "{text}");
    }
    browser.press(&["g"]);
    type_text(&browser, "soon");
    browser.press(&["Enter"]);
    assert_eq!(browser.text("#goto-wrong"), "Write a step such as 43, or a time such as 400 ms.");
    browser.press(&["Escape"]);
    assert_eq!(browser.count("dialog[open]"), 0);
}

#[test]
fn play_goes_on_until_the_end_and_space_stops_it() {
    let browser = browser!();
    everything(&browser, "#s=110");
    browser.js("inspector.controls.speed.value = '100'");
    browser.click("[data-do=play]");
    browser.wait_until("inspector.n === inspector.run.last && !inspector.playing");
    everything(&browser, "");
    browser.press(&[" "]);
    assert_eq!(browser.js("return inspector.playing"), true);
    browser.press(&[" "]);
    assert_eq!(browser.js("return inspector.playing"), false);
}

#[test]
fn digits_bring_the_focus_to_a_panel() {
    let browser = browser!();
    everything(&browser, "#s=40");
    let panels = ["source", "output", "turn", "ready", "timers", "io", "tasks", "jobs", "syncs"];
    for (i, panel) in panels.into_iter().enumerate() {
        browser.press(&[&(i + 1).to_string()]);
        assert_eq!(browser.js("return document.activeElement.dataset.panel"), panel);
    }
    browser.press(&["w"]);
    assert_eq!(browser.js("return document.activeElement.dataset.panel"), "why");
    browser.press(&["f"]);
    assert_eq!(browser.js("return document.activeElement.type"), "search");
}

#[test]
fn keys_that_are_single_letters_can_be_switched_off() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.press(&["?"]);
    assert_eq!(browser.count("#help[open]"), 1);
    browser.click("#letters");
    browser.press(&["Escape"]);
    assert_eq!(browser.count("#help[open]"), 0);
    browser.press(&["."]);
    browser.press(&["p"]);
    assert_eq!((browser.step(), browser.js("return inspector.predict.on")), (40, json!(false)));
    browser.press(&["Right"]);
    assert_eq!(browser.step(), 41);
}

#[test]
fn keys_that_are_typed_into_a_field_are_only_text() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.press(&["f"]);
    type_text(&browser, "g.1");
    assert_eq!((browser.step(), browser.count("dialog[open]")), (40, 0));
}

#[test]
fn the_slider_is_a_real_one_and_says_its_step() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.js("inspector.controls.slider.focus()");
    browser.press(&["Right"]);
    assert_eq!(browser.step(), 41);
    let said = browser.js("return inspector.controls.slider.getAttribute('aria-valuetext')");
    assert_eq!(said, "step 41 of 133, 0 s");
    browser.drag("#slider", (0.3, 0.5), (0.9, 0.5));
    assert!(browser.step() > 100);
}

#[test]
fn lines_of_the_program_the_output_and_the_log_are_ways_to_their_steps() {
    let browser = browser!();
    everything(&browser, "#s=22");
    browser.click("[data-panel=source] [data-line='10'] .number");
    assert_eq!(browser.step(), 29);
    everything(&browser, "#s=100");
    browser.click("[data-panel=output] [data-go='71']");
    assert_eq!(browser.step(), 71);
    browser.click("[data-panel=log] [data-go='72']");
    assert_eq!(browser.step(), 72);
    browser.drag("[data-panel=timeline] canvas", (0.5, 0.5), (0.95, 0.5));
    assert!(browser.step() > 110);
}

#[test]
fn why_is_a_chain_of_links_to_the_first_step() {
    let browser = browser!();
    everything(&browser, "#s=69");
    assert_eq!(browser.count(".why li"), 13);
    browser.click("[data-panel=why] .body > button");
    let chain =
        browser.js("return [...document.querySelectorAll('.why .link')].map(e => +e.dataset.go)");
    let chain: Vec<_> = chain.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect();
    assert_eq!(chain[..5], [69, 66, 65, 64, 28]);
    assert_eq!(chain.last(), Some(&0));
    assert!(chain.windows(2).all(|pair| pair[0] > pair[1]));
    browser.click(".why [data-go='28']");
    assert_eq!(browser.step(), 28);
}

#[test]
fn the_ready_queue_shows_both_ends_and_where_the_next_turn_begins() {
    let browser = browser!();
    everything(&browser, "#s=18");
    let queue = browser.text("[data-panel=ready] .body");
    let order: Vec<_> = queue.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(
        order,
        [
            "Now: a step of the main future",
            "for the next turn",
            "a step of task download",
            "next",
            "a step of task a_ra…s_middle_taken_out",
            "a step of task cruncher",
            "last",
        ]
    );
}

#[test]
fn timers_of_one_time_say_which_comes_first_and_can_be_drawn_as_a_heap() {
    let browser = browser!();
    everything(&browser, "#s=50");
    let timers = browser.text("[data-panel=timers]");
    assert!(timers.contains("in 400 ms") && timers.contains("(1 of 2 at this time)"), "{timers}");
    browser.click("[data-panel=timers] input");
    assert_eq!(browser.count("svg.heap rect"), 2);
    everything(&browser, "#s=64");
    assert!(browser.text("[data-panel=timers]").contains("has reached its time"));
}

#[test]
fn every_part_of_the_state_has_its_place() {
    let browser = browser!();
    everything(&browser, "#s=100");
    let has = |panel: &str, words: &[&str]| {
        let text = browser.text(&format!("[data-panel={panel}]"));
        for word in words {
            assert!(text.contains(word), "{panel} lacks {word}: {text}");
        }
    };
    has("turn", &["wait", "inbox", "timers", "ready", "Turn 5: call 2 of 3"]);
    has("tasks", &["group 1", "open", "✓ done", "idle", "waits for", "timer 3", "2 steps"]);
    has("jobs", &["job 1", "done", "job 2", "running", "worker 2"]);
    has("syncs", &["semaphore gate", "0 of 1", "queue 2", "1 of 3"]);
    has("promises", &["promise 1", "resolved"]);
    has("io", &["tcp 127.0.0.1:4000"]);
    everything(&browser, "#s=105");
    has("jobs", &["⊘ abandoned"]);
    everything(&browser, "#s=35");
    has("syncs", &["1 of 1", "download", "first is next"]);
}

#[test]
fn the_log_can_be_filtered_by_words_by_kind_and_by_the_selected_thing() {
    let browser = browser!();
    everything(&browser, "#s=40&sel=task:2");
    browser.click("[data-panel=log] input[type=checkbox]");
    assert_eq!(browser.text("[data-panel=log] [role=status]"), "13 steps");
    browser.click("[data-panel=log] input[type=checkbox]");
    browser.press(&["f"]);
    type_text(&browser, "reached its time");
    assert_eq!(browser.text("[data-panel=log] [role=status]"), "2 steps");
    everything(&browser, "");
    browser.js("let k = inspector.boards[0].log.kind; k.value = 'output'; k.dispatchEvent(new Event('input'))");
    assert_eq!(browser.text("[data-panel=log] [role=status]"), "5 steps");
}

#[test]
fn a_link_holds_the_step_the_selection_and_the_folded_panels() {
    let browser = browser!();
    everything(&browser, "#s=43&sel=task:2&hide=1&fold=jobs,io&is=job.start");
    assert_eq!(browser.step(), 43);
    assert_eq!(
        browser.js("return [inspector.selected, inspector.hiding]"),
        json!(["task:2", true])
    );
    assert_eq!(browser.count("[data-panel=jobs].folded, [data-panel=io].folded"), 2);
    assert_eq!(browser.count("[data-notice=link]"), 0);
    assert_eq!(browser.count("[data-panel=log] [data-go='43']"), 1);
    assert_eq!(browser.count("[data-panel=log] [data-go='44']"), 0);
    browser.click("[data-fold=io]");
    browser.press(&["Right"]);
    browser.wait_until("location.hash === '#s=44&sel=task:2&hide=1&fold=jobs'");
    browser.press(&["c"]);
    browser.wait_until("inspector.copied");
    let copied = browser.js("return inspector.copied");
    assert!(copied.as_str().unwrap().ends_with("#s=44&is=task.spawn&sel=task:2&hide=1&fold=jobs"));
}

#[test]
fn a_link_into_a_run_that_has_changed_says_so_and_offers_the_nearest_step() {
    let browser = browser!();
    everything(&browser, "#s=43&is=timer.due");
    let notice = browser.text("[data-notice=link]");
    assert!(notice.starts_with(
        "This link expects timer.due at step 43, but in this run that step is job.start."
    ));
    browser.click("[data-notice=link] button");
    assert_eq!(browser.step(), 64);
    everything(&browser, "#s=4300");
    assert!(browser.text("[data-notice=link]").contains("this run ends with step 133"));
}

#[test]
fn the_back_button_goes_back_through_jumps_and_not_through_steps() {
    let browser = browser!();
    everything(&browser, "#s=10");
    for _ in 0..3 {
        browser.press(&["Right"]);
    }
    browser.press(&["End"]);
    browser.press(&["Left"]);
    browser.click(".why li:nth-child(2) button");
    browser.press(&["Home"]);
    for expected in [131, 132, 13] {
        browser.back();
        browser.wait_until(&format!("inspector.n === {expected}"));
    }
}

#[test]
fn hiding_the_future_hides_it_in_the_log_the_output_and_the_timeline() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.click("#hide");
    assert_eq!(browser.text("[data-panel=log] [role=status]"), "41 steps");
    assert_eq!(browser.count("[data-panel=output] li"), 1);
    assert_eq!(browser.count("[data-panel=output] input"), 0);
    let beyond = "let edge = s => document.querySelector(s).getBoundingClientRect();\
        return [edge('.veil').left - edge('.cursor').left, edge('.lanes').right - edge('.veil').right]";
    let hidden = browser.js(beyond);
    assert!(hidden[0].as_f64().unwrap() < 15.0 && hidden[1].as_f64().unwrap() < 5.0, "{hidden}");
    browser.click("#hide");
    assert_eq!(browser.count("[data-panel=output] input"), 1);
}

#[test]
fn a_prediction_is_asked_judged_explained_and_counted() {
    let browser = browser!();
    everything(&browser, "#s=20");
    browser.press(&["p"]);
    browser.js("inspector.controls.ask.value = 'who'");
    browser.press(&["End"]);
    assert_eq!(browser.step(), 24);
    assert_eq!(browser.text(".question"), "Who runs next?");
    assert_eq!(browser.text("[data-panel=ready] .body"), "Covered until you have answered.");
    assert_eq!(browser.count(".answers button"), 3);
    choose(&browser, "a step of task download");
    assert!(browser.text(".verdict").contains("Right."));
    assert!(
        browser
            .text("#predict")
            .contains("takes the first entry of the ready queue: a step of task download")
    );
    assert_eq!((browser.step(), browser.text(".score")), (25, "1 of 1 right".into()));
    browser.click(".answer.next");
    choose(&browser, "a step of task cruncher");
    assert!(browser.text(".verdict").contains("It was: a step of task a_rather"));
    assert_eq!(browser.text(".score"), "1 of 2 right");
    browser.press(&["p"]);
    assert_eq!(browser.count("#predict:not([hidden])"), 0);
    assert_eq!(browser.count("#hide:checked"), 0);
}

#[test]
fn predictions_are_about_output_time_and_wakes_too_and_the_author_may_ask() {
    let browser = browser!();
    for (kind, step, question, answers) in [
        ("printed", 7, "What is printed next?", "hello <b>world</b>"),
        ("time", 61, "Nothing is ready. What time will it be at the next step?", "400 ms"),
        ("woken", 64, "Which task is woken by the next step?", "task download"),
        ("marked", 24, "Which task takes the next step?", "download"),
    ] {
        everything(&browser, "");
        browser.press(&["p"]);
        browser.js(&format!("inspector.controls.ask.value = '{kind}'"));
        browser.press(&["End"]);
        assert_eq!(
            (browser.step(), browser.text(".question").as_str()),
            (step, question),
            "{kind}"
        );
        choose(&browser, answers);
        assert!(browser.text(".verdict").contains("Right."), "{kind}");
    }
}

#[test]
fn two_runs_move_together_and_their_first_difference_is_one_key_away() {
    let browser = browser!();
    two_runs(&browser, "#s=10");
    assert_eq!(browser.count(".board"), 2);
    assert_eq!(browser.count(".differs"), 0);
    browser.press(&["d"]);
    assert_eq!(browser.step(), 56);
    assert_eq!(browser.count(".differs"), 2);
    assert_eq!(browser.js("return inspector.boards.map(b => b.n)"), json!([56, 56]));
    browser.press(&["Shift", "Right"]);
    assert_eq!(browser.js("return inspector.boards.map(b => b.n)"), json!([60, 60]));
    browser.js("inspector.controls.align.value = 'time'; inspector.redraw()");
    assert_eq!(browser.js("return inspector.boards.map(b => b.n)"), json!([60, 60]));
    browser.click(".board:nth-child(2) [data-panel=log] [data-go='61']");
    assert_eq!(browser.js("return inspector.lead"), 1);
    browser.wait_until("location.hash === '#s=61&run=b'");
}

#[test]
fn a_run_beside_itself_has_no_difference() {
    let browser = browser!();
    let trace = pages::everything();
    browser.open(&pages::write(&trace, Some(&trace)), "#s=10");
    browser.click("[data-do=diff]");
    assert_eq!(browser.step(), 10);
    assert_eq!(browser.text("#where"), "The two runs are the same");
}

#[test]
fn the_sentence_is_spoken_once_per_action() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.wait_until("document.getElementById('live').textContent !== '' || true");
    browser.js(
        "window.spoken = []; new MutationObserver(() => spoken.push(document.getElementById('live').textContent))\
         .observe(document.getElementById('live'), { childList: true, characterData: true, subtree: true })",
    );
    browser.press(&["."]);
    browser.wait_until("spoken.length > 0");
    let spoken = "Step 71, turn 4, t = 400 ms. The program prints: download is done";
    assert_eq!(browser.js("return spoken"), json!([spoken]));
    assert_eq!(
        browser.js("return document.getElementById('live').getAttribute('aria-live')"),
        "polite"
    );
}

#[test]
fn the_run_is_saved_as_text_as_a_table_and_for_the_chrome_viewer() {
    let browser = browser!();
    let folder = pages::downloads();
    browser.command(
        "Browser.setDownloadBehavior",
        json!({ "behavior": "allow", "downloadPath": folder, "eventsEnabled": false }),
    );
    everything(&browser, "#s=40");
    for kind in ["text", "csv", "chrome"] {
        browser.click(".menu summary");
        browser.click(&format!("[data-do={kind}]"));
    }
    let read = |name: &str| {
        let begin = std::time::Instant::now();
        loop {
            match fs::read_to_string(folder.join(name)) {
                Ok(text) if !text.is_empty() => return text,
                _ => assert!(begin.elapsed().as_secs() < 10, "{name} was not saved"),
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let text = read("everything.txt");
    assert_eq!(text.lines().count(), 134);
    assert_eq!(text.lines().next(), Some("    0    0         0 s  run.begin     The run begins."));
    assert_eq!(read("everything.csv").lines().count(), 135);
    check_chrome(&serde_json::from_str(&read("everything.chrome.json")).unwrap());
    fs::remove_dir_all(folder).unwrap();
}

/// Slices of one thread nest, lives and arrows come in pairs, and an arrow ends inside a slice.
fn check_chrome(file: &Value) {
    let events = file["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
    let span = |event: &Value| {
        (
            event["ts"].as_f64().unwrap(),
            event["ts"].as_f64().unwrap() + event["dur"].as_f64().unwrap(),
        )
    };
    let slices = of("X");
    assert!(slices.len() > 20);
    for a in &slices {
        for b in slices.iter().filter(|b| b["tid"] == a["tid"]) {
            let ((a0, a1), (b0, b1)) = (span(a), span(b));
            let apart = a1 <= b0 || b1 <= a0;
            let inside = (a0 >= b0 && a1 <= b1) || (b0 >= a0 && b1 <= a1);
            assert!(apart || inside, "{a} crosses {b}");
        }
    }
    let ids = |phase: &str| {
        let mut ids: Vec<_> = of(phase).iter().map(|event| event["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("b"), ids("e"));
    assert_eq!(ids("s"), ids("f"));
    for arrow in of("s").into_iter().chain(of("f")) {
        let at = arrow["ts"].as_f64().unwrap();
        let inside = |slice: &&&Value| {
            slice["tid"] == arrow["tid"] && span(slice).0 <= at && at <= span(slice).1
        };
        assert!(slices.iter().any(|slice| inside(&slice)), "{arrow} has no slice");
    }
}

#[test]
fn what_a_program_prints_is_text_and_an_unknown_event_is_a_grey_line() {
    let browser = browser!();
    let mut trace = pages::everything();
    let evil = "</script><img src=x onerror=\"document.title='hurt'\">{{trace}}";
    trace["steps"][8]["text"] = json!(evil);
    trace["things"]["tasks"][1]["name"] = json!(evil);
    trace["files"][0]["lines"][0] = json!(evil);
    trace["steps"][51]["ev"] = json!("moon.rises");
    browser.open(&pages::write(&trace, None), "#s=51");
    assert_eq!(browser.count("img"), 0);
    assert!(browser.text("[data-panel=output]").contains(evil));
    assert_eq!(browser.text(".entry.unknown .said"), "An event of a newer recorder: moon.rises.");
    assert_eq!(browser.js("return document.title"), "a run");
}

#[test]
fn what_limits_a_run_is_said_at_the_top() {
    let browser = browser!();
    let mut trace = pages::everything();
    trace["meta"]["truncated"] = json!(true);
    trace["meta"]["dropped"] = json!(77);
    trace["meta"]["clock"] = json!("real");
    trace["meta"]["seed"] = json!(7);
    browser.open(&pages::write(&trace, None), "");
    let notices = browser.text(".board .notices");
    for words in ["77 more were not", "real clock", "seed 7"] {
        assert!(notices.contains(words), "{notices}");
    }
}

fn type_text(browser: &Browser, text: &str) {
    for letter in text.chars() {
        browser.press(&[&letter.to_string()]);
    }
}

fn choose(browser: &Browser, answer: &str) {
    let script = format!(
        "let b = [...document.querySelectorAll('.answers button')].find(e => e.textContent.startsWith({answer:?}));\
         b.click(); return b.textContent"
    );
    browser.js(&script);
}

#[test]
fn escape_closes_the_menu_and_gives_its_button_back_to_the_keyboard() {
    let browser = browser!();
    everything(&browser, "#s=40");
    browser.click(".menu summary");
    assert_eq!(browser.count(".menu[open]"), 1);
    browser.press(&["Escape"]);
    assert_eq!(browser.count(".menu[open]"), 0);
    assert_eq!(browser.js("return document.activeElement.matches('.menu summary')"), true);
}

#[test]
fn a_link_to_what_is_no_step_says_what_it_was() {
    let browser = browser!();
    everything(&browser, "#s=abc");
    assert_eq!(browser.step(), 0);
    let told = browser.text("[data-notice=link]");
    assert!(told.starts_with("This link leads to step abc, but this run ends"), "{told}");
}
