//! The report: medians, ratios, targets; a table for the eye and JSON for programs.

use serde_json::{Value, json};

use crate::figure::figure;
use crate::measure::Sample;
use crate::workloads::{OTHER_REFERENCES, REFERENCE, Target, Workload};

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
        quantile(&self.values(metric), 0.5)
    }

    /// How far the middle half of the rounds reaches, from one quartile to the other, as a share of
    /// the median.
    fn spread(&self, metric: &str) -> Option<f64> {
        let values = self.values(metric);
        Some((quantile(&values, 0.75)? - quantile(&values, 0.25)?) / self.median(metric)?)
    }
}

/// The value below which this share of the sorted values lies. Between two of them, it is as far
/// from each as its place is.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
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
    /// Of which figure.
    pub metric: &'static str,
    /// Whose figure it was divided by.
    pub to: Option<&'static str>,
    /// What was reached.
    pub reached: f64,
    /// What it may be, at the most.
    pub most: f64,
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
            let ours = self.outcome(target.ours)?.median(metric)?;
            let reached = match target.to {
                Some(peer) => ours / self.outcome(peer)?.median(metric)?,
                None => ours,
            };
            Some(Verdict { metric, to: target.to, reached, most: target.most })
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
                let medians = METRICS.iter().filter_map(|metric| {
                    Some(((*metric).to_owned(), json!(outcome.median(metric)?)))
                });
                json!({
                    "peer": outcome.peer,
                    "ratio": self.ratio(outcome),
                    "spread": outcome.spread(self.workload.metric),
                    "medians": Value::Object(medians.collect()),
                    "rounds": rounds,
                    "failure": outcome.failure,
                })
            })
            .collect();
        let verdicts: Vec<_> = self.verdicts().iter().map(Verdict::json).collect();
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
    /// Whether it is what was asked.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.reached <= self.most
    }

    /// In words: what was reached, what was asked, and whether that is enough.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Verdict { metric, to, reached, most } = self;
        let of = to.map_or_else(String::new, |peer| format!(" of {peer}"));
        let met = if self.is_met() { "met" } else { "NOT MET" };
        format!("{met}: {metric} is {}{of}, at most {most} was asked", figure(Some(*reached)))
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "metric": self.metric,
            "to": self.to,
            "reached": self.reached,
            "most": self.most,
            "met": self.is_met(),
        })
    }
}

/// The last lines: every target, and which were missed.
#[must_use]
pub fn summary(results: &[Results]) -> String {
    let named = |result: &Results| {
        let name = result.workload.name;
        result.verdicts().into_iter().map(move |verdict| (name, verdict))
    };
    let all: Vec<_> = results.iter().flat_map(named).collect();
    let met = all.iter().filter(|(_, verdict)| verdict.is_met()).count();
    let mut text = format!("targets met: {met} of {}\n", all.len());
    for (name, verdict) in all {
        text += &format!("  {name:<18} {}\n", verdict.in_words());
    }
    text
}

/// The columns, in their order.
const METRICS: &[&str] = &[
    "cpu_ns",
    "ns",
    "bytes",
    "p50_us",
    "p99_us",
    "late_p50_us",
    "late_p99_us",
    "two_to_one",
    "s",
    "own_s",
    "cpu_s",
    "instructions",
];

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
        // No bytes were measured and Python took no part: one target of four is judged.
        let words: Vec<_> = results.verdicts().iter().map(Verdict::in_words).collect();
        assert_eq!(words, ["NOT MET: cpu_ns is 0.375 of tokio, at most 0.35 was asked"]);
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half_so_one_noisy_round_does_not_make_it() {
        let outcome = outcome("tokio", &[100.0, 90.0, 110.0, 100.0, 900.0]);
        assert_eq!(outcome.spread("cpu_ns"), Some(0.1));
        assert_eq!(outcome.spread("bytes"), None);
        assert_eq!((quantile(&[7.0], 0.75), quantile(&[1.0, 2.0], 0.75)), (Some(7.0), Some(1.75)));
    }
}
