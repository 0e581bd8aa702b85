//! The steps as a table: one line each, for whatever reads tables.
//!
//! Tutorial: chapter 19. Before this: `sentences.rs`. After this: `svg.rs`.

use crate::trace::model::Trace;
use crate::trace::sentences::Sentences;

impl Trace {
    /// The steps as comma-separated values (RFC 4180), with a line of headings. Times are
    /// nanoseconds; `details` are the event's own fields, as JSON.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::Recorder, yield_now};
    ///
    /// let recorder = Recorder::new("one step");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(yield_now())?;
    /// let trace = recorder.finish();
    /// assert_eq!(trace.to_csv().lines().count(), 1 + trace.steps.len()); // the headings, the steps
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_csv(&self) -> String {
        let sentences = Sentences::english();
        let mut csv = String::from("n,t,turn,event,cause,details,sentence\r\n");
        for step in &self.steps {
            let mut details = serde_json::to_value(&step.event).unwrap_or_default();
            if let Some(fields) = details.as_object_mut() {
                fields.remove("ev");
            }
            let fields = [
                step.n.to_string(),
                step.t.to_string(),
                step.turn.to_string(),
                step.event.name(),
                step.cause.map(|cause| cause.to_string()).unwrap_or_default(),
                details.to_string(),
                sentences.of(self, step),
            ];
            let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
            csv.push_str(&fields.join(","));
            csv.push_str("\r\n");
        }
        csv
    }
}

fn quoted(field: &str) -> String {
    match field.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
