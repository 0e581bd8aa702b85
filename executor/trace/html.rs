//! The run as one page: what readers without script see of it.
//!
//! Tutorial: chapter 19. Before this: `page.rs`. After this: `saving.rs`.

use std::fmt::Write;

use crate::trace::event::TraceEvent;
use crate::trace::model::Trace;
use crate::trace::page::page;
use crate::trace::sentences::{Sentences, duration};
use crate::trace::svg::escaped;

impl Trace {
    /// The run as one HTML page that needs nothing else: no network, no script to be read.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, say}};
    ///
    /// let recorder = Recorder::new("breakfast");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { say("the tea is ready") })?;
    /// let page = recorder.finish().to_html();
    /// assert!(page.starts_with("<!DOCTYPE html>"));
    /// assert!(page.contains("<title>breakfast") && page.contains("the tea is ready"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_html(&self) -> String {
        self.to_html_beside(None)
    }

    /// The same, with a second run to compare with.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, say}};
    ///
    /// let [fast, slow] = ["fast", "slow"].map(|program| {
    ///     let recorder = Recorder::new(program);
    ///     let builder = Runner::builder().virtual_clock().observer(recorder.clone());
    ///     builder.build().unwrap().run(async { say(format_args!("I am {program}")) }).unwrap();
    ///     recorder.finish()
    /// });
    /// let page = fast.to_html_beside(Some(&slow));
    /// assert!(page.contains("I am fast") && page.contains("I am slow"));
    /// ```
    #[must_use]
    pub fn to_html_beside(&self, other: Option<&Trace>) -> String {
        let other = other.map(Trace::to_json);
        page(&self.meta.program, &self.to_json(), other.as_deref(), &self.fallback())
    }

    /// The run without script: what it is, the timeline, the output, and every step with its
    /// sentence. All texts in it are escaped. It is the part of [`to_html`](Trace::to_html) that
    /// needs no script, to be put into a page of one's own.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::{Recorder, say}};
    ///
    /// let recorder = Recorder::new("breakfast");
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async { say("tea & toast") })?;
    /// let html = recorder.finish().fallback();
    /// assert!(html.contains("<td>The program prints: tea &amp; toast</td>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fallback(&self) -> String {
        let sentences = Sentences::english();
        let meta = &self.meta;
        let mut html = format!(
            "<p>{} steps, {} clock.{}</p><div class=\"wide\">{}</div>",
            self.steps.len(),
            escaped(&meta.clock),
            match meta.truncated {
                true => format!(" Cut off: {} more steps are not here.", meta.dropped),
                false => String::new(),
            },
            self.to_svg()
        );
        html.push_str("<h2>Output</h2><pre>");
        for step in &self.steps {
            if let TraceEvent::Out { text, .. } = &step.event {
                let _ = writeln!(html, "{}", escaped(text));
            }
        }
        html.push_str(
            "</pre><h2>Steps</h2><div class=\"wide\"><table><thead><tr><th>step</th><th>turn</th>\
             <th>time</th><th>event</th><th>what happened</th></tr></thead><tbody>",
        );
        for step in &self.steps {
            let (n, turn, t) = (step.n, step.turn, duration(step.t));
            let (event, sentence) = (step.event.name(), escaped(&sentences.of(self, step)));
            let _ = write!(
                html,
                "<tr><td>{n}</td><td>{turn}</td><td>{t}</td><td>{event}</td><td>{sentence}</td></tr>"
            );
        }
        html.push_str("</tbody></table></div>");
        html
    }
}
