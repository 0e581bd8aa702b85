//! Plots: cost against size, one line for each peer, as SVG.
//!
//! ```text
//!   cost |                          .--- asyncio
//!   (log)|  ----------------------'
//!        |  ____________________----- tokio
//!        |  _________________________ roundelay
//!        +--------------------------- size (log)
//! ```
//!
//! Drawn from the JSON of a run, so that a plot never shows what no run has measured. Colours
//! follow the reader's choice of light or dark; every line also has its name at its end, so that
//! nobody depends on them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::figure::figure;

/// Draws what a report says of growth into `folder`. Returns the names of the files.
///
/// # Errors
/// A sentence: the report has nothing to draw, the folder cannot be written to.
pub fn write(report: &Value, folder: &Path) -> Result<Vec<String>, String> {
    let growths = report["growth"].as_array().filter(|growths| !growths.is_empty());
    let growths = growths.ok_or("this report has no sizes; make one with `sizes`")?;
    fs::create_dir_all(folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut names = Vec::new();
    for growth in growths {
        for plot in Plot::all_of(growth) {
            let name = format!("{}.svg", plot.name);
            fs::write(folder.join(&name), plot.svg())
                .map_err(|error| format!("{name} cannot be written: {error}"))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// One point of a line: size, median, smallest, largest.
type Point = (f64, f64, f64, f64);

struct Plot {
    name: String,
    title: String,
    across: String,
    up: &'static str,
    lines: BTreeMap<String, Vec<Point>>,
}

/// Memory is counted in pages: it says nothing of small things.
const LEAST_FOR_BYTES: f64 = 10_000.0;

impl Plot {
    /// One of its main figure, and one of memory if that was measured, too.
    fn all_of(growth: &Value) -> Vec<Plot> {
        let text = |key: &str| growth[key].as_str().unwrap_or_default().to_owned();
        let (name, metric) = (text("workload"), text("metric"));
        let mut plots = vec![Plot {
            name: name.clone(),
            title: text("title"),
            across: text("axis"),
            up: if metric == "bytes" { "bytes" } else { "nanoseconds of CPU time" },
            lines: lines(growth, &metric, 0.0),
        }];
        let bytes = lines(growth, "bytes", LEAST_FOR_BYTES);
        if metric != "bytes" && bytes.values().any(|line| line.len() > 1) {
            plots.push(Plot {
                name: format!("{name}-bytes"),
                title: format!("{}: memory of one", text("axis")),
                across: text("axis"),
                up: "bytes",
                lines: bytes,
            });
        }
        plots
    }

    fn svg(&self) -> String {
        let all = || self.lines.values().flatten();
        let least = |pick: fn(&Point) -> f64| all().map(pick).fold(f64::INFINITY, f64::min);
        let most = |pick: fn(&Point) -> f64| all().map(pick).fold(0.0, f64::max);
        let across = Scale::new(least(|p| p.0), most(|p| p.0), LEFT, WIDTH - RIGHT);
        let up = Scale::new(least(|p| p.2), most(|p| p.3), HEIGHT - BOTTOM, TOP);
        let mut svg = String::new();
        let _ = write!(svg, "{}", head(&self.title));
        for value in up.marks() {
            let y = up.at(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"small\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                short(value),
            );
        }
        for value in across.marks().filter(|value| is_power_of_ten(*value)) {
            let x = across.at(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
                 <text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 18.0,
                short(value),
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"22\" class=\"title\">{}</text>\
             <text x=\"{LEFT}\" y=\"42\" class=\"small\">{}</text>\
             <text x=\"{}\" y=\"{}\" class=\"small\" text-anchor=\"end\">{}</text>",
            escape(&self.title),
            self.up,
            WIDTH - RIGHT,
            HEIGHT - 10.0,
            escape(&self.across),
        );
        for (peer, line) in &self.lines {
            draw(&mut svg, class(peer), line, &across, &up);
        }
        for (peer, y) in self.labels(&up) {
            let x = WIDTH - RIGHT + 10.0;
            let class = class(peer);
            let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\">{peer}</text>");
        }
        svg + "</svg>\n"
    }

    /// Where each line's name stands: at the height where the line ends, and no two on top of
    /// each other.
    fn labels(&self, up: &Scale) -> Vec<(&str, f64)> {
        let end =
            |(peer, line): (&'static str, &Vec<Point>)| Some((peer, up.at(line.last()?.1) + 4.0));
        let known = self.lines.iter().map(|(peer, line)| (class_and_name(peer).1, line));
        let mut labels: Vec<_> = known.filter_map(end).collect();
        labels.sort_by(|one, other| one.1.total_cmp(&other.1));
        let mut above = TOP - LABEL;
        for (_, y) in &mut labels {
            *y = y.max(above + LABEL);
            above = *y;
        }
        let mut below = HEIGHT - BOTTOM + LABEL;
        for (_, y) in labels.iter_mut().rev() {
            *y = y.min(below - LABEL);
            below = *y;
        }
        labels
    }
}

/// A peer's line: its medians, and from the smallest to the largest at each.
fn draw(svg: &mut String, class: &str, line: &[Point], across: &Scale, up: &Scale) {
    let at = |point: &Point| format!("{:.1},{:.1}", across.at(point.0), up.at(point.1));
    let path: Vec<String> = line.iter().map(at).collect();
    let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", path.join(" "));
    for (size, median, least, most) in line {
        let (x, y) = (across.at(*size), up.at(*median));
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{}</title></circle>",
            up.at(*least),
            up.at(*most),
            figure(Some(*median)),
        );
    }
}

/// Each peer's line of one metric.
fn lines(growth: &Value, metric: &str, least_size: f64) -> BTreeMap<String, Vec<Point>> {
    let mut lines: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for point in growth["points"].as_array().into_iter().flatten() {
        let size = point["size"].as_f64().unwrap_or(0.0);
        for peer in point["peers"].as_array().into_iter().flatten() {
            let Some(median) = peer["medians"][metric].as_f64().filter(|median| *median > 0.0)
            else {
                continue;
            };
            let rounds = peer["rounds"].as_array().into_iter().flatten();
            let values = rounds.filter_map(|round| round[metric].as_f64());
            let (least, most) = values
                .fold((median, median), |(least, most), value| (value.min(least), value.max(most)));
            if size >= least_size {
                let name = peer["peer"].as_str().unwrap_or_default().to_owned();
                lines.entry(name).or_default().push((size, median, least.max(median / 10.0), most));
            }
        }
    }
    lines
}

/// A logarithmic axis.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn new(least: f64, most: f64, from: f64, to: f64) -> Scale {
        // A little air at both ends, and never an axis without length.
        let (least, most) = if least < most { (least, most) } else { (least / 2.0, least * 2.0) };
        Scale { least: least * 0.95, most: most * 1.05, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value / self.least).ln() / (self.most / self.least).ln();
        self.from + share * (self.to - self.from)
    }

    /// 1, 2, 5, 10, 20, 50 ...; where there are too many of them, 1, 10, 100.
    fn marks(&self) -> impl Iterator<Item = f64> {
        let (least, most) = (self.least, self.most);
        let steps: &[f64] = if most / least > 2000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let decades = (least.log10().floor() as i32)..=(most.log10().ceil() as i32);
        decades
            .flat_map(move |decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
            .filter(move |value| (least..=most).contains(value))
    }
}

fn is_power_of_ten(value: f64) -> bool {
    (value.log10() - value.log10().round()).abs() < 1e-9
}

/// 1000000 is 1,000,000, and 0.5 is 0.5.
fn short(value: f64) -> String {
    if value < 1.0 {
        format!("{value}")
    } else {
        figure(Some(value)).replace(".00", "").replace(".0", "")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Each peer's class in the style, and its name. One that is not known is drawn in grey.
const PEERS: &[(&str, &str)] = &[
    ("hand", "by hand"),
    ("tokio", "tokio"),
    ("smol", "smol"),
    ("monoio", "monoio"),
    ("ours", "roundelay"),
    ("asyncio", "asyncio"),
    ("uvloop", "uvloop"),
];

fn class_and_name(peer: &str) -> (&'static str, &'static str) {
    PEERS.iter().copied().find(|(_, name)| *name == peer).unwrap_or(("other", "another"))
}

fn class(peer: &str) -> &'static str {
    class_and_name(peer).0
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 100.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 46.0;
/// How far apart two names are.
const LABEL: f64 = 16.0;

fn head(title: &str) -> String {
    // Name, on white, on black.
    let colours = [
        ("hand", "#6b6b66", "#a8adb3"),
        ("tokio", "#b3470a", "#f2a06a"),
        ("smol", "#7a3fa0", "#c79be8"),
        ("monoio", "#1f7a4d", "#6fd0a0"),
        ("ours", "#0b62a8", "#6cb6f5"),
        ("asyncio", "#8a6d00", "#e0c34c"),
        ("uvloop", "#a8285e", "#f08ab5"),
        ("other", "#444444", "#bbbbbb"),
    ];
    let style =
        |pick: fn(&(&str, &str, &str)) -> String| colours.iter().map(pick).collect::<String>();
    let light = style(|(name, light, _)| rule(name, light));
    let dark = style(|(name, _, dark)| rule(name, dark));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\"><title>{}</title><style>\
         text{{font:13px system-ui,sans-serif;fill:#1a1a1a}}.title{{font-weight:600}}\
         .small{{font-size:11px;fill:#4a4a4a}}.page{{fill:#fff}}.grid{{stroke:#dededa}}\
         polyline{{fill:none;stroke-width:1.5}}polyline.ours{{stroke-width:3}}\
         polyline.hand{{stroke-dasharray:5 4}}polyline.asyncio,polyline.uvloop{{stroke-dasharray:2 3}}\
         text.ours{{font-weight:600}}{light}\
         @media (prefers-color-scheme:dark){{text{{fill:#eee}}.small{{fill:#b9bdc2}}\
         .page{{fill:#16181b}}.grid{{stroke:#30353b}}{dark}}}</style>\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n",
        escape(title)
    )
}

fn rule(name: &str, colour: &str) -> String {
    format!(
        "polyline.{name},line.{name}{{stroke:{colour}}}\
         circle.{name},text.{name}{{fill:{colour}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn growth(sizes: &[usize]) -> Value {
        let point = |size: &usize| {
            let peer = |name: &str, cost: f64| {
                json!({
                    "peer": name,
                    "medians": { "cpu_ns": cost, "bytes": 100.0 },
                    "rounds": [{ "cpu_ns": cost * 0.9 }, { "cpu_ns": cost * 1.2 }],
                })
            };
            json!({ "size": size, "peers": [peer("tokio", 200.0), peer("roundelay", 50.0)] })
        };
        json!({
            "workload": "grow", "title": "a < b", "metric": "cpu_ns", "axis": "tasks",
            "points": sizes.iter().map(point).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn every_peer_has_a_line_a_name_and_a_dot_for_each_size() {
        let plots = Plot::all_of(&growth(&[1000, 10_000, 100_000]));
        let svg = plots[0].svg();
        assert_eq!(svg.matches("<polyline ").count(), 2);
        assert_eq!(svg.matches("<circle ").count(), 6);
        assert!(svg.contains(">tokio</text>") && svg.contains(">roundelay</text>"));
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn memory_is_drawn_from_the_size_on_at_which_pages_say_something() {
        let plots = Plot::all_of(&growth(&[1000, 10_000, 100_000]));
        assert_eq!((plots.len(), plots[1].lines["tokio"].len()), (2, 2));
        assert_eq!(Plot::all_of(&growth(&[1000, 10_000])).len(), 1, "one point is no line");
    }

    #[test]
    fn names_never_stand_on_each_other() {
        let line = |cost: f64| vec![(1000.0, cost, cost, cost)];
        let lines = [("tokio", 10.0), ("smol", 10.1), ("monoio", 10.2), ("asyncio", 9.9)];
        let lines = lines.map(|(name, cost)| (name.to_owned(), line(cost))).into();
        let name = String::new();
        let plot = Plot { title: name.clone(), across: name.clone(), name, up: "", lines };
        let labels = plot.labels(&Scale::new(9.0, 11.0, HEIGHT - BOTTOM, TOP));
        assert!(labels.windows(2).all(|two| two[1].1 - two[0].1 >= LABEL), "{labels:?}");
    }
}
