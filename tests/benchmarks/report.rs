//! The report: medians, ratios, targets; a table for the eye and JSON for programs.

use serde_json::{Value, json};

use crate::measure::Sample;
use crate::workloads::{OTHER_REFERENCES, OURS, REFERENCE, Target, Workload};

/// What one peer measured in all its rounds.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whose they are.
    pub peer: &'static str,
    /// One for each round.
    pub samples: Vec<Sample>,
    /// Why there are no more.
    pub failure: Option<String>,
}

impl Outcome {
    /// Nothing yet.
    #[must_use]
    pub fn new(peer: &'static str) -> Outcome {
        Outcome { peer, samples: Vec::new(), failure: None }
    }

    /// One metric in all rounds, sorted.
    fn values(&self, metric: &str) -> Vec<f64> {
        let values = self.samples.iter().filter_map(|sample| sample.0.get(metric));
        let mut values: Vec<f64> = values.copied().collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The median of one metric.
    #[must_use]
    pub fn median(&self, metric: &str) -> Option<f64> {
        let values = self.values(metric);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            even if even % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
            _ => Some(values[middle]),
        }
    }

    /// From the smallest to the largest, as a share of the median.
    fn spread(&self, metric: &str) -> Option<f64> {
        let values = self.values(metric);
        Some((values.last()? - values.first()?) / self.median(metric)?)
    }
}

/// What everybody measured in one workload.
#[derive(Clone, Debug)]
pub struct Results {
    /// Which.
    pub workload: &'static Workload,
    /// One for each peer.
    pub outcomes: Vec<Outcome>,
}

/// What a run says about one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was asked, in words.
    pub target: String,
    /// What it is divided by what it may be, at the most: up to 1 is held.
    pub share: f64,
}

impl Results {
    fn outcome(&self, peer: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.peer == peer)
    }

    /// Whose figure is 1.
    fn reference(&self) -> Option<&Outcome> {
        let mut candidates = [REFERENCE].iter().chain(OTHER_REFERENCES);
        candidates.find_map(|name| self.outcome(name))
    }

    fn ratio(&self, outcome: &Outcome) -> Option<f64> {
        let metric = self.workload.metric;
        Some(outcome.median(metric)? / self.reference()?.median(metric)?)
    }

    /// What became of the targets. One whose peer takes no part is left out.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        let judge = |target: &Target| {
            let metric = target.metric.unwrap_or(self.workload.metric);
            let ours = self.outcome(OURS)?.median(metric)?;
            let (figure, name) = match target.to {
                Some(peer) => (ours / self.outcome(peer)?.median(metric)?, format!(" of {peer}")),
                None => (ours, String::new()),
            };
            let words = format!("{metric} at most {}{name}", target.most);
            Some(Verdict { target: words, share: figure / target.most })
        };
        self.workload.targets.iter().filter_map(judge).collect()
    }

    /// The table of this workload.
    #[must_use]
    pub fn table(&self) -> String {
        let metric = self.workload.metric;
        let mut columns = vec![metric];
        columns.extend(METRICS.iter().copied().filter(|other| {
            *other != metric && self.outcomes.iter().any(|outcome| outcome.median(other).is_some())
        }));
        let mut text = format!("{}: {}\n", self.workload.name, self.workload.title);
        let widest = self.outcomes.iter().map(|outcome| outcome.peer.len()).max();
        let width = widest.unwrap_or(0).max(10);
        text += &format!("  {:<width$} {:>9} {:>8}", "", "ratio", "spread");
        for column in &columns {
            text += &format!(" {column:>12}");
        }
        for outcome in &self.outcomes {
            text += &format!("\n  {:<width$}", outcome.peer);
            if let Some(failure) = &outcome.failure {
                text += &format!(" failed: {failure}");
                continue;
            }
            text += &format!(" {:>9}", figure(self.ratio(outcome)));
            let spread = outcome.spread(metric).map(|spread| format!("{:.0} %", spread * 100.0));
            text += &format!(" {:>8}", spread.unwrap_or_default());
            for column in &columns {
                text += &format!(" {:>12}", figure(outcome.median(column)));
            }
        }
        for verdict in self.verdicts() {
            text += &format!("\n  {}", verdict.in_words());
        }
        text + "\n"
    }

    /// The same as JSON, with the figures of each round.
    #[must_use]
    pub fn json(&self) -> Value {
        let peers: Vec<Value> = self
            .outcomes
            .iter()
            .map(|outcome| {
                let rounds: Vec<_> = outcome.samples.iter().map(|sample| &sample.0).collect();
                json!({
                    "peer": outcome.peer,
                    "ratio": self.ratio(outcome),
                    "median": outcome.median(self.workload.metric),
                    "spread": outcome.spread(self.workload.metric),
                    "rounds": rounds,
                    "failure": outcome.failure,
                })
            })
            .collect();
        let verdicts = self.verdicts();
        let verdicts: Vec<_> = verdicts.iter().map(|v| json!([v.target, v.share])).collect();
        json!({
            "workload": self.workload.name,
            "title": self.workload.title,
            "metric": self.workload.metric,
            "verdicts": verdicts,
            "peers": peers,
        })
    }
}

impl Verdict {
    /// In words: held, or missed by how much.
    #[must_use]
    pub fn in_words(&self) -> String {
        let target = &self.target;
        match self.share {
            share if share <= 1.0 => format!("held: {target}"),
            share => format!("MISSED by {:.1} %: {target}", (share - 1.0) * 100.0),
        }
    }
}

/// The last lines: which targets were missed.
#[must_use]
pub fn summary(results: &[Results]) -> String {
    let named = |result: &Results| {
        let name = result.workload.name;
        result.verdicts().into_iter().map(move |verdict| (name, verdict))
    };
    let all: Vec<_> = results.iter().flat_map(named).collect();
    let missed: Vec<_> = all.iter().filter(|(_, verdict)| verdict.share > 1.0).collect();
    let mut text = format!("targets held: {} of {}\n", all.len() - missed.len(), all.len());
    for (name, verdict) in missed {
        text += &format!("  {name:<18} {}\n", verdict.in_words());
    }
    text
}

/// The columns, in their order.
const METRICS: &[&str] =
    &["cpu_ns", "ns", "bytes", "p50_us", "p99_us", "late_p50_us", "late_p99_us", "two_to_one"];

/// Three digits that count, and thousands set apart.
#[must_use]
pub fn figure(value: Option<f64>) -> String {
    let Some(value) = value else { return String::new() };
    match value.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{value:.0}");
            let (head, tail) = digits.split_at(digits.len() - 3);
            match head.len() {
                4.. => format!("{},{},{tail}", &head[..head.len() - 3], &head[head.len() - 3..]),
                _ => format!("{head},{tail}"),
            }
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads;

    fn outcome(peer: &'static str, values: &[f64]) -> Outcome {
        let sample = |&value: &f64| Sample::default().with("cpu_ns", value);
        Outcome { samples: values.iter().map(sample).collect(), ..Outcome::new(peer) }
    }

    #[test]
    fn the_ratio_is_that_of_the_medians_to_the_reference() {
        let workload = workloads::find("spawn-join").unwrap();
        let outcomes = vec![
            outcome("tokio", &[100.0, 400.0, 200.0]),
            outcome("roundelay", &[70.0, 60.0, 90.0, 80.0]),
        ];
        let results = Results { workload, outcomes };
        assert_eq!(results.ratio(&results.outcomes[1]), Some(0.375));
        // No bytes were measured and Python took no part: one target of three is judged.
        let words: Vec<_> = results.verdicts().iter().map(Verdict::in_words).collect();
        assert_eq!(words, ["MISSED by 7.1 %: cpu_ns at most 0.35 of tokio"]);
    }

    #[test]
    fn figures_keep_three_digits() {
        let figures = [0.1234, 1.234, 12.34, 123.4, 1234.5, 1_234_567.0].map(|v| figure(Some(v)));
        assert_eq!(figures, ["0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
    }
}
