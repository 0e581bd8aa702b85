//! Which step of a run a page is about.
//!
//! A page names it by what it is, not by its number, which changes with the program:
//!
//! ```text
//!   <!-- made: inspect ch04_promise task.wake task=1 during=main -->
//!                      the program  event     what the step must say, or how it must stand then
//! ```
//!
//! | word | asks for |
//! |---|---|
//! | `FIELD=VALUE` | a field of the step, such as `task=2`, `place=6`, `turn=1` |
//! | `during=WHAT` | what is being called: `callback:2`, or the task of that name |
//! | `first` | the first of several |
//!
//! # Invariants
//! - Without `first`, one step fits and no other: a page whose program changes is told, and does
//!   not come to speak of another step.
//!
//! Tutorial: the course's tools. Before this: `speed.rs`. After this: `maker.rs`.

use roundelay::trace::{Step, Trace, TraceWork};
use serde_json::Value;

/// The step that `words` mean: an event, then what else must be so.
///
/// # Errors
/// A sentence: no step fits, or several do.
pub fn find<'a>(trace: &'a Trace, words: &[&str]) -> Result<&'a Step, String> {
    let (event, conditions) = words.split_first().ok_or("name an event, such as `task.wake`")?;
    let takes_first = conditions.contains(&"first");
    let conditions: Vec<&&str> = conditions.iter().filter(|word| **word != "first").collect();
    let fits = |step: &&Step| {
        let fields = serde_json::to_value(step).unwrap_or_default();
        fields["ev"] == **event && conditions.iter().all(|it| holds(trace, step, &fields, it))
    };
    let found: Vec<&Step> = trace.steps.iter().filter(fits).collect();
    match found.as_slice() {
        [] => Err(format!("no step is `{}`: has the program changed?", words.join(" "))),
        [step, ..] if takes_first => Ok(step),
        [step] => Ok(step),
        many => {
            let numbers: Vec<String> = many.iter().map(|step| step.n.to_string()).collect();
            let (numbers, words) = (numbers.join(", "), words.join(" "));
            Err(format!("the steps {numbers} are all `{words}`: say more, or `first`"))
        }
    }
}

fn holds(trace: &Trace, step: &Step, fields: &Value, condition: &str) -> bool {
    match condition.split_once('=') {
        Some(("during", who)) => during(trace, step) == who,
        Some((key, value)) => {
            let is = &fields[key];
            is.as_str().map_or_else(|| is.to_string(), str::to_owned) == value
        }
        None => false,
    }
}

/// What is being called when the step happens.
fn during(trace: &Trace, step: &Step) -> String {
    let state = trace.state_at(step.n);
    match (state.running, state.called) {
        (Some(task), _) => trace.task_name(task),
        (None, Some(TraceWork::Callback(number))) => format!("callback:{number}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use roundelay::trace::{Recorder, say};
    use roundelay::{Runner, yield_now};

    use super::*;

    fn trace() -> Trace {
        let recorder = Recorder::new("two callbacks");
        let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
        let within = runner.loop_ref().clone();
        let run = runner.run(async {
            within.call_soon(|| say("one")).unwrap();
            within.call_soon(|| say("two")).unwrap();
            say("zero");
            yield_now().await;
        });
        run.unwrap();
        recorder.finish()
    }

    #[test]
    fn a_step_is_found_by_its_event_its_fields_and_whose_call_it_is_in() {
        let trace = trace();
        let line = |words: &[&str]| match &find(&trace, words).unwrap().event {
            roundelay::trace::TraceEvent::Out { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(line(&["out", "text=one"]), "one");
        assert_eq!(line(&["out", "during=main"]), "zero");
        assert_eq!(line(&["out", "during=callback:2"]), "two");
    }

    #[test]
    fn where_several_steps_fit_the_page_has_to_say_which_it_means() {
        let trace = trace();
        let told = find(&trace, &["out"]).unwrap_err();
        assert!(told.starts_with("the steps ") && told.ends_with("say more, or `first`"), "{told}");
        assert!(find(&trace, &["out", "first"]).is_ok());
    }

    #[test]
    fn a_step_that_is_not_there_is_told() {
        assert!(find(&trace(), &["out", "text=three"]).unwrap_err().contains("has the program"));
    }
}
