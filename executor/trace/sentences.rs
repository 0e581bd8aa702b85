//! Every step in one plain sentence.
//!
//! All sentences stand in one table, `page/sentences.json`, with marks for what differs. The
//! page reads the same table, so the text and the page tell the same story; another language
//! is another table.
//!
//! ```text
//!   "task.wake:timer": "{task} is woken by its timer."
//!    ^ event    ^ one of its fields      ^ mark
//! ```
//!
//! Tutorial: chapter 19. Before this: `recorder.rs`. After this: `csv.rs`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::dump::on_one_line;
use crate::trace::event::{Thing, TraceWork};
use crate::trace::model::{Step, Trace};

/// The fields that may choose among several sentences of one event, the first one first.
const VARIANTS: [&str; 12] = [
    "by", "how", "side", "on", "work", "at_most", "worker", "err", "panicked", "events", "ready",
    "task",
];

/// The fields that are times.
const TIMES: [&str; 6] = ["due", "from", "to", "at_most", "took", "t"];

/// The fields that are things.
const THINGS: [&str; 7] = ["task", "timer", "source", "job", "sync", "promise", "group"];

/// A table of sentences, in one language.
#[derive(Clone, Debug, Deserialize)]
pub struct Sentences {
    steps: BTreeMap<String, String>,
    work: BTreeMap<String, String>,
    things: BTreeMap<String, String>,
}

impl Sentences {
    /// The English table, which is in the program.
    #[must_use]
    pub fn english() -> Sentences {
        let table = serde_json::from_str(include_str!("page/sentences.json"));
        table.expect("the table in the source is read by a test")
    }

    /// A table in another language: JSON with the keys of the English one. For a step that it
    /// does not know it says what it has under `"?"`, or nothing.
    ///
    /// # Errors
    /// What is wrong with the JSON.
    pub fn from_json(json: &str) -> Result<Sentences, String> {
        serde_json::from_str(json)
            .map_err(|error| format!("this is no table of sentences: {error}"))
    }

    /// A duration as the sentences say it: `400 ms`.
    ///
    /// ```
    /// use roundelay_executor::trace::Sentences;
    ///
    /// assert_eq!(Sentences::duration(400_000_000), "400 ms");
    /// ```
    #[must_use]
    pub fn duration(nanoseconds: u64) -> String {
        duration(nanoseconds)
    }

    /// How the sentences call a thing: "timer 3".
    ///
    /// ```
    /// use roundelay_executor::{Runner, TaskBuilder};
    /// use roundelay_executor::trace::{Recorder, Sentences, Thing, ThingKind, TraceWork};
    ///
    /// let recorder = Recorder::new("breakfast");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { TaskBuilder::new().name("tea").spawn(async {}).await })?.unwrap();
    /// let (english, trace) = (Sentences::english(), recorder.finish());
    /// assert_eq!(english.name_of(&trace, Thing(ThingKind::Task, 1)), "task tea");
    /// assert_eq!(english.name_of_work(&trace, TraceWork::Task(1)), "a step of task tea");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name_of(&self, trace: &Trace, thing: Thing) -> String {
        self.thing(trace, thing.0.word(), thing.1)
    }

    /// How the sentences call an entry of the ready queue: "a step of task tea".
    #[must_use]
    pub fn name_of_work(&self, trace: &Trace, work: TraceWork) -> String {
        self.work(trace, &Value::from(work))
    }

    /// The sentence of one step.
    #[must_use]
    pub fn of(&self, trace: &Trace, step: &Step) -> String {
        let fields = serde_json::to_value(step).unwrap_or_default();
        let said = fill(self.template(&fields), |mark| self.mark(trace, &fields, mark));
        let mut letters = said.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => said,
        }
    }

    fn template(&self, fields: &Value) -> &str {
        let event = fields["ev"].as_str().unwrap_or_default();
        let special = VARIANTS.iter().find_map(|field| {
            let variant = variant(fields.get(field)?)?;
            self.steps.get(&format!("{event}:{variant}"))
        });
        let plain = || self.steps.get(event).or_else(|| self.steps.get("?"));
        special.or_else(plain).map(String::as_str).unwrap_or_default()
    }

    /// What stands for a mark.
    fn mark(&self, trace: &Trace, fields: &Value, mark: &str) -> String {
        if let [field, one, many] = mark.split('|').collect::<Vec<_>>()[..] {
            return if fields[field] == 1 { one } else { many }.to_owned();
        }
        let value = &fields[mark];
        match mark {
            "in" => {
                let (due, now) = (fields["due"].as_u64(), fields["t"].as_u64());
                duration(due.unwrap_or_default().saturating_sub(now.unwrap_or_default()))
            }
            "work" => self.work(trace, value),
            "on" => {
                let (kind, id) = (value[0].as_str(), value[1].as_u64());
                kind.zip(id).map(|(kind, id)| self.thing(trace, kind, id)).unwrap_or_default()
            }
            _ if TIMES.contains(&mark) => value.as_u64().map(duration).unwrap_or_default(),
            _ if THINGS.contains(&mark) && value.is_u64() => {
                self.thing(trace, mark, value.as_u64().unwrap_or_default())
            }
            _ => plain(value),
        }
    }

    fn work(&self, trace: &Trace, work: &Value) -> String {
        let kind = work[0].as_str().unwrap_or_default();
        let id = work[1].as_u64().unwrap_or_default();
        let template = self.work.get(kind).or_else(|| self.work.get("?"));
        fill(template.map(String::as_str).unwrap_or_default(), |mark| match mark {
            "task" | "timer" | "source" => self.thing(trace, mark, id),
            _ => id.to_string(),
        })
    }

    /// "task download", "timer 3".
    fn thing(&self, trace: &Trace, kind: &str, id: u64) -> String {
        let things = &trace.things;
        let (name, what) = match kind {
            "task" => (things.tasks.iter().find(|it| it.id == id).map(|it| it.name.clone()), None),
            "source" => {
                (things.sources.iter().find(|it| it.id == id).and_then(|it| it.name.clone()), None)
            }
            "sync" => {
                let sync = things.syncs.iter().find(|it| it.id == id);
                (sync.and_then(|it| it.name.clone()), sync.map(|it| it.kind.clone()))
            }
            _ => (None, None),
        };
        let name = name.filter(|name| !name.is_empty());
        let unnamed = format!("{kind}#");
        let key = match &name {
            // A task that nobody named is called `Task-3`: "task Task-3" would say it twice.
            Some(name) if kind == "task" && name.starts_with("Task-") => "task@",
            Some(_) => kind,
            None => &unnamed,
        };
        let template = self.things.get(key).or_else(|| self.things.get(&unnamed));
        let template = template.or_else(|| self.things.get("?"));
        fill(template.map(String::as_str).unwrap_or_default(), |mark| match mark {
            "name" => name.clone().unwrap_or_else(|| id.to_string()),
            "kind" => what.clone().unwrap_or_else(|| kind.to_owned()),
            _ => id.to_string(),
        })
    }
}

impl Trace {
    /// The run as text: a line for each step, with its number, turn, time, event and sentence.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, Sentences}};
    ///
    /// let recorder = Recorder::new("nothing");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {})?;
    /// let (english, trace) = (Sentences::english(), recorder.finish());
    /// assert_eq!(english.of(&trace, &trace.steps[0]), "The run begins.");
    /// assert!(trace.to_text().lines().next().unwrap().ends_with("The run begins."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_text_in(&Sentences::english())
    }

    /// The same, in the language of a table.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, Sentences}};
    ///
    /// let recorder = Recorder::new("nothing");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {})?;
    /// let trace = recorder.finish();
    /// let steps = r#"{ "run.begin": "Der Lauf beginnt.", "?": "Etwas geschieht." }"#;
    /// let german = format!(r#"{{ "steps": {steps}, "work": {{}}, "things": {{}} }}"#);
    /// let german = Sentences::from_json(&german)?;
    /// assert!(trace.line_of(&trace.steps[0], &german).ends_with("Der Lauf beginnt."));
    /// let text = trace.to_text_in(&german);
    /// assert_eq!(text.lines().next(), Some(&*trace.line_of(&trace.steps[0], &german)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_text_in(&self, sentences: &Sentences) -> String {
        let mut text = String::new();
        for step in &self.steps {
            text.push_str(&self.line_of(step, sentences));
            text.push('\n');
        }
        text
    }

    /// The line of one step, as in [`to_text`](Trace::to_text), without a line break.
    #[must_use]
    pub fn line_of(&self, step: &Step, sentences: &Sentences) -> String {
        let (n, turn, t) = (step.n, step.turn, duration(step.t));
        // Names and what a program prints are any text.
        let (event, sentence) = (step.event.name(), on_one_line(&sentences.of(self, step)));
        let line = format!("{n:>5}  {turn:>3}  {t:>10}  {event:<13} {sentence}");
        line.trim_end().to_owned()
    }
}

/// Which variant of a sentence a field asks for.
fn variant(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".into()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.into()),
        Value::Number(number) => (number.as_u64() == Some(0)).then(|| "zero".into()),
        Value::String(word) => Some(word.clone()),
        Value::Array(parts) => parts.first()?.as_str().map(str::to_owned),
        Value::Object(_) => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Puts what `what` gives in the place of every mark in braces.
fn fill(template: &str, what: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{')
        && let Some((mark, after)) = after.split_once('}')
    {
        filled.push_str(before);
        filled.push_str(&what(mark));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// A duration as people say it: the biggest unit of which there is one, three decimals at most,
/// cut off.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
    let unit = units.into_iter().find(|(size, _)| nanoseconds >= *size);
    let (size, unit) = unit.unwrap_or(units[0]);
    let thousandths = u128::from(nanoseconds % size) * 1000 / u128::from(size);
    let rest = format!("{thousandths:03}");
    let rest = rest.trim_end_matches('0');
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{}{dot}{rest} {unit}", nanoseconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_cut_off_at_three_decimals() {
        let said = [0, 12, 1_500, 400_000_000, 1_500_000_000, 1_999_999_999].map(duration);
        assert_eq!(said, ["0 s", "12 ns", "1.5 µs", "400 ms", "1.5 s", "1.999 s"]);
    }

    #[test]
    fn marks_are_filled_in_once() {
        assert_eq!(fill("{a} and {b}", |mark| format!("<{{{mark}}}>")), "<{a}> and <{b}>");
        assert_eq!(fill("no { mark", |_| unreachable!()), "no { mark");
    }
}
