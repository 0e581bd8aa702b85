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
    #[must_use]
    pub fn to_html(&self) -> String {
        self.to_html_beside(None)
    }

    /// The same, with a second run to compare with.
    #[must_use]
    pub fn to_html_beside(&self, other: Option<&Trace>) -> String {
        let other = other.map(Trace::to_json);
        page(&self.meta.program, &self.to_json(), other.as_deref(), &self.fallback())
    }

    /// The run without script: what it is, the timeline, the output, and every step with its
    /// sentence. All texts in it are escaped.
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
