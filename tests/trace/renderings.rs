//! Every rendering says the same as the trace.

use std::collections::HashMap;

use roundelay::trace::{ChromeTime, Sentences, Trace, TraceEvent};
use serde_json::Value;

use crate::programs::{a_job, everything, two_tasks};

#[test]
fn every_step_has_a_sentence_that_leaves_no_mark_open() {
    let sentences = Sentences::english();
    for trace in [two_tasks(), everything(), a_job()] {
        for step in &trace.steps {
            let sentence = sentences.of(&trace, step);
            assert!(sentence.ends_with(['.', '?']) || sentence.contains(": "), "{sentence}");
            assert!(!sentence.contains(['{', '}']) && !sentence.contains("  "), "{sentence}");
            assert!(!sentence.starts_with("An event of a newer"), "{sentence}");
            assert!(sentence.starts_with(|c: char| c.is_uppercase()), "{sentence}");
        }
    }
}

#[test]
fn the_text_has_a_line_for_each_step() {
    let trace = two_tasks();
    let text = trace.to_text();
    assert_eq!(text.lines().count(), trace.steps.len());
    let lines: Vec<&str> = text.lines().skip(22).take(6).collect();
    let expected = [
        "   22    3         0 s  turn.begin    Turn 3 begins with an empty ready queue.",
        "   23    3       30 ms  clock.jump    Nothing can happen before 30 ms, so the virtual \
         clock jumps there from 0 s.",
        "   24    3       30 ms  timer.due     Timer 1 has reached its time.",
        "   25    3       30 ms  ready.push    The callback of timer 1 goes to the end of the \
         ready queue.",
        "   26    3       30 ms  ready.pop     The loop takes the first entry of the ready queue: \
         the callback of timer 1.",
        "   27    3       30 ms  task.wake     Task tea is woken by its timer.",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn another_language_is_another_table() {
    let table = r#"{"steps":{"?":"{ev}","run.begin":"Los geht's."},"work":{},"things":{}}"#;
    let german = Sentences::from_json(table).unwrap();
    let trace = two_tasks();
    assert_eq!(german.of(&trace, &trace.steps[0]), "Los geht's.");
    assert!(trace.to_text_in(&german).lines().nth(1).unwrap().ends_with("Task.spawn"));
    assert!(Sentences::from_json("{}").unwrap_err().contains("no table of sentences"));
}

#[test]
fn the_table_has_a_line_for_each_step_and_quotes_what_must_be_quoted() {
    let trace = everything();
    let csv = trace.to_csv();
    assert_eq!(csv.split("\r\n").count(), trace.steps.len() + 2);
    assert!(csv.starts_with("n,t,turn,event,cause,details,sentence\r\n0,0,0,run.begin,,{},"));
    assert!(csv.contains("\"{\"\"task\"\":1}\""));
}

#[test]
fn the_page_holds_the_trace_and_reads_without_script() {
    let trace = crate::programs::recorded("<script>", async {
        roundelay::trace::say("</script><b>");
    });
    let page = trace.to_html();
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"trace\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    assert!(!json.contains('<'));
    assert_eq!(Trace::from_json(json).unwrap(), trace);
    assert!(page.contains("&lt;/script&gt;&lt;b&gt;") && !page.contains("</script><b>"));
    for step in &trace.steps {
        assert!(page.contains(&format!("<tr><td>{}</td>", step.n)));
    }
}

#[test]
fn the_pictures_have_a_lane_for_each_task_and_worker() {
    for trace in [everything(), a_job()] {
        let svg = trace.to_svg();
        for task in trace.things.tasks.iter().filter(|task| task.name.len() < 18) {
            assert!(svg.contains(&format!(">{}</text>", task.name)), "{}", task.name);
        }
        assert_eq!(svg.contains("class=\"job\""), !trace.things.jobs.is_empty());
        assert!(svg.contains("prefers-color-scheme:dark"));
    }
    let trace = two_tasks();
    let state = trace.state_svg(9);
    for part in ["step of tea", "next turn", "● main: running", "◔ tea: scheduled"] {
        assert!(state.contains(part), "{part}\n{state}");
    }
}

/// A run with a task of this name, which prints it.
fn called(name: &'static str) -> Trace {
    crate::programs::recorded(name, async move {
        let says = async move { roundelay::trace::say(name) };
        roundelay::TaskBuilder::new().name(name).spawn(says).await.unwrap();
    })
}

#[test]
fn no_name_and_no_output_breaks_a_line_of_the_text_or_colours_a_terminal() {
    let trace = called("two\r\nlines\u{1b}[31m\0é");
    let text = trace.to_text();
    assert_eq!(text.lines().count(), trace.steps.len());
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.contains("The program prints: two\\r\\nlines\\u{1b}[31m\\u{0}é\n"), "{text}");
}

/// XML has no place for most control characters, escaped or not: a viewer refuses the whole picture.
#[test]
fn a_picture_is_xml_whatever_tasks_are_called() {
    let trace = called("\u{1b}[31m\0\u{fffe}\u{ffff}<&\u{1f600}");
    let spawned = trace.steps.iter().rposition(|step| step.event.name() == "task.spawn").unwrap();
    for svg in [trace.to_svg(), trace.state_svg(spawned)] {
        let is_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        assert!(svg.chars().all(is_xml), "{svg:?}");
        assert!(svg.contains("\\u{1b}") && svg.contains("&lt;&amp;\u{1f600}"), "{svg}");
    }
}

#[test]
fn a_step_has_the_whole_name_of_its_task_in_chromes_viewer() {
    for name in ["fetch: page", "and so on..."] {
        let json = called(name).to_chrome(ChromeTime::Steps);
        check_chrome(&json);
        assert!(json.contains(&format!("\"a step of task {name}\"")), "{json}");
    }
}

/// Reads an export back: slices nest, what begins ends, both ends of an arrow are there.
fn check_chrome(json: &str) -> usize {
    let export: Value = serde_json::from_str(json).unwrap();
    let events = export["traceEvents"].as_array().unwrap();
    let number = |event: &Value, field: &str| event[field].as_f64().unwrap();
    let mut lanes: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let (from, length) = (number(event, "ts"), number(event, "dur"));
        assert!(length >= 0.0);
        lanes.entry(event["tid"].as_u64().unwrap()).or_default().push((from, from + length));
    }
    for slices in lanes.values() {
        for (index, a) in slices.iter().enumerate() {
            for b in &slices[index + 1..] {
                let apart = b.0 >= a.1 || a.0 >= b.1;
                let inside = (a.0 <= b.0 && b.1 <= a.1) || (b.0 <= a.0 && a.1 <= b.1);
                assert!(apart || inside, "{a:?} and {b:?} overlap");
            }
        }
    }
    let mut lives: HashMap<u64, i32> = HashMap::new();
    let mut arrows: HashMap<(String, u64), (usize, usize)> = HashMap::new();
    for event in events {
        match event["ph"].as_str().unwrap() {
            "b" => *lives.entry(event["id"].as_u64().unwrap()).or_default() += 1,
            "e" => *lives.entry(event["id"].as_u64().unwrap()).or_default() -= 1,
            ph @ ("s" | "f") => {
                let (ts, tid) = (number(event, "ts"), event["tid"].as_u64().unwrap());
                let inside = lanes[&tid].iter().any(|slice| slice.0 <= ts && ts <= slice.1);
                assert!(inside, "an arrow's end lies in no slice: {event}");
                let key = (event["cat"].to_string(), event["id"].as_u64().unwrap());
                let ends = arrows.entry(key).or_default();
                if ph == "s" {
                    ends.0 += 1;
                } else {
                    assert_eq!(event["bp"], "e");
                    ends.1 += 1;
                }
            }
            _ => {}
        }
    }
    assert!(lives.values().all(|open| *open == 0));
    // A wake that nobody answers with a step (its task was cancelled) has no second end.
    assert!(arrows.values().all(|ends| ends.0 == 1 && ends.1 <= 1));
    arrows.values().filter(|ends| ends.1 == 1).count()
}

#[test]
fn the_export_for_chromes_viewer_nests_and_pairs() {
    for trace in [two_tasks(), everything(), a_job()] {
        let answered = check_chrome(&trace.to_chrome(ChromeTime::Steps));
        assert!(answered > 0);
        check_chrome(&trace.to_chrome(ChromeTime::Clock));
    }
    let wakes = two_tasks();
    let wakes = wakes.steps.iter().filter(|step| matches!(step.event, TraceEvent::TaskWake { .. }));
    assert_eq!(check_chrome(&two_tasks().to_chrome(ChromeTime::Steps)), wakes.count());
}

#[test]
fn two_runs_part_at_the_first_step_that_differs() {
    use std::time::Duration;
    let run = |ms: u64, twice: bool| {
        crate::programs::recorded("nap", async move {
            roundelay::sleep(Duration::from_millis(ms)).await;
            if twice {
                roundelay::yield_now().await;
            }
        })
    };
    assert_eq!(run(1, false).parts_from(&run(9, false)), None);
    let parting = run(1, false).parts_from(&run(1, true)).unwrap();
    let told = parting.to_string();
    assert!(told.contains("Task main finishes."), "{told}");
    assert!(told.contains("second:") && told.contains("Task main stops at an await"), "{told}");
}
