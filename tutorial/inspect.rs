//! `roundelay inspect`: a recorded run, shown in any form, checked, compared, stepped through.
//!
//! ```text
//!   run.json --read--> Trace --+--> --to html, text, svg, csv, chrome, json
//!                              +--> --check        is anything in it that cannot be?
//!                              +--> --compare      where do two runs part?
//!                              +--> --step         one step at a time, on a terminal
//! ```
//!
//! A trace comes from `roundelay tour --trace DIR`, from `roundelay manifest --trace FILE`, or
//! from any program that runs with `ROUNDELAY_TRACE=run.json` in its environment.
//!
//! Tutorial: chapter 19. Before this: `tour/jobs.rs`. After this: `inspect/stepper.rs`.

mod stepper;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use roundelay::trace::{ChromeTime, Trace};

/// The arguments of `roundelay inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectOptions {
    /// The trace: a file that ends with .json
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The form to show it in
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub to: Form,

    /// Write to OUT instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// With --to svg: the state after step N instead of the timeline
    #[arg(long, value_name = "N")]
    pub at: Option<usize>,

    /// With --to chrome: what its time axis shows [default: clock for a real clock, else steps]
    #[arg(long, value_enum)]
    pub time: Option<Axis>,

    /// Say where the run parts from this other one; with --to html, one page with both
    #[arg(long, value_name = "OTHER", conflicts_with_all = ["at", "time"])]
    pub compare: Option<PathBuf>,

    /// Say what in the trace cannot have happened
    #[arg(long, conflicts_with_all = ["compare", "step", "to", "at", "time", "output"])]
    pub check: bool,

    /// Step through it on a terminal
    #[arg(long, conflicts_with_all = ["compare", "output", "to", "at", "time"])]
    pub step: bool,
}

/// How a trace is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One page to step through in a browser
    Html,
    /// One sentence for each step
    Text,
    /// A picture
    Svg,
    /// A table
    Csv,
    /// For Chrome's viewer and Perfetto
    Chrome,
    /// The trace itself
    Json,
}

/// What a viewer's time axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Axis {
    /// A microsecond for each step: the order is exact
    Steps,
    /// The loop's clock
    Clock,
}

/// Does what the options ask. `Ok(false)` if something is wrong with the trace, or if two
/// traces differ.
///
/// # Errors
/// What could not be read or written, in words.
pub fn inspect(options: &InspectOptions) -> Result<bool, String> {
    if let Some(out) = &options.output
        && is_same_file(&options.file, out)
    {
        let file = out.display();
        return Err(format!("{file} is the trace that is read: name another file to write to"));
    }
    let trace = read(&options.file)?;
    if options.check {
        return check(&trace);
    }
    if options.step {
        let (input, output) = (io::stdin().lock(), io::stdout().lock());
        stepper::step_through(&trace, input, output).map_err(|error| error.to_string())?;
        return Ok(true);
    }
    let other = options.compare.as_deref().map(read).transpose()?;
    let (text, alike) = match &other {
        Some(other) if options.to == Form::Html => (trace.to_html_beside(Some(other)), true),
        Some(other) => match trace.parts_from(other) {
            Some(parting) => (format!("{parting}\n"), false),
            None => ("The runs do the same.\n".to_owned(), true),
        },
        None => (shown(&trace, options)?, true),
    };
    match &options.output {
        Some(path) => {
            fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => print(&text)?,
    }
    Ok(alike)
}

fn read(path: &Path) -> Result<Trace, String> {
    let json = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Trace::from_json(&json).map_err(|error| format!("{}: {error}", path.display()))
}

fn check(trace: &Trace) -> Result<bool, String> {
    let violations = trace.check();
    let mut text: String = violations.iter().map(|violation| format!("{violation}\n")).collect();
    if violations.is_empty() {
        text = format!("{} steps, and nothing in them that cannot be.\n", trace.steps.len());
    }
    text += &cut_off(trace);
    print(&text)?;
    Ok(violations.is_empty())
}

/// A trace that is not all of its run says so, in every form that people read as text.
fn cut_off(trace: &Trace) -> String {
    match trace.meta.truncated {
        true => format!("Cut off: {} more steps are not here.\n", trace.meta.dropped),
        false => String::new(),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

fn shown(trace: &Trace, options: &InspectOptions) -> Result<String, String> {
    if options.time.is_some() && options.to != Form::Chrome {
        return Err("--time is about Chrome's viewer: give --to chrome, too".into());
    }
    let last = trace.steps.len().saturating_sub(1);
    Ok(match (options.to, options.at) {
        (Form::Svg, Some(n)) if n > last => {
            return Err(format!("there is no step {n}: the last one is {last}"));
        }
        (Form::Svg, Some(n)) => trace.state_svg(n),
        (_, Some(_)) => return Err("--at shows a picture of one step: give --to svg, too".into()),
        (Form::Svg, None) => trace.to_svg(),
        (Form::Html, None) => trace.to_html(),
        (Form::Text, None) => trace.to_text() + &cut_off(trace),
        (Form::Csv, None) => trace.to_csv(),
        (Form::Json, None) => trace.to_json(),
        (Form::Chrome, None) => trace.to_chrome(match options.time {
            Some(Axis::Steps) => ChromeTime::Steps,
            Some(Axis::Clock) => ChromeTime::Clock,
            None => trace.chrome_time(),
        }),
    })
}

/// A reader that has gone away has seen enough.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
