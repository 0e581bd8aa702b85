//! Where an answer runs: on a virtual clock, recorded, and watched.
//!
//! ```text
//!   check(name, body)      body runs on a thread of its own
//!     lab.run(future)        a loop, a recorder, a guard --> what it gave, and the trace
//!     body says Ok or Wrong  --> Verdict
//! ```
//!
//! The trace of the last run is kept in cargo's own folder, in `course/exercises`, as JSON and as a page.
//!
//! Tutorial: the exercises. Before this: `watch.rs`. After this: `about.rs`.

use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use roundelay::runtime::{Event, observe_here};
use roundelay::trace::{Recorder, TaskState, Trace, TraceEvent};
use roundelay::{FailurePolicy, RunError, Runner};

use crate::verdict::{Note, Verdict};
use crate::watch::{EVENTS, Guard, NoEnd, PATIENCE, TURNS, Watch, keep_panics, take_panic};
use crate::wrong::Wrong;

/// Runs a check on a thread of its own, and says how it ended. It always ends.
pub fn check(
    name: &'static str,
    body: impl FnOnce(&Lab) -> Result<(), Wrong> + Send + 'static,
) -> Verdict {
    Note::Begun.leave(name);
    let watch = Arc::new(Watch::default());
    let (tell, heard) = mpsc::channel();
    let lab_watch = Arc::clone(&watch);
    thread::spawn(move || {
        keep_panics();
        let lab = Lab { name, watch: lab_watch, tell: tell.clone() };
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&lab)));
        let outcome = outcome.unwrap_or_else(|_| Err(panicked()));
        // Nobody listens any more if it took too long.
        let _ = tell.send(outcome);
    });
    let mut before = watch.events();
    loop {
        match heard.recv_timeout(PATIENCE) {
            Ok(Ok(())) => return Verdict::passed(name),
            Ok(Err(wrong)) => return Verdict::not_yet(name, wrong),
            Err(RecvTimeoutError::Timeout) if watch.events() != before => before = watch.events(),
            Err(_) => return Verdict::not_yet(name, blocked(&watch)),
        }
    }
}

fn blocked(watch: &Watch) -> Wrong {
    let who = watch.doing();
    let who = if who.is_empty() { "the answer".to_owned() } else { who };
    Wrong::new(
        "that nobody keeps the thread",
        format!(
            "{who} has had it for {} s and does not let go: it calls something that blocks, or \
             goes round and round without an `await` that waits",
            PATIENCE.as_secs()
        ),
    )
    .looks_like("blocks")
}

fn panicked() -> Wrong {
    let (message, place) = match take_panic() {
        Some(panic) => (panic.message, panic.place),
        None => ("it did not say why".to_owned(), "an unknown place".to_owned()),
    };
    Wrong::new("that nothing panics", format!("there was a panic at {place}: {message}"))
        .looks_like("panics")
}

thread_local! {
    /// The lines that were said, each with the step, and the recorder of this run.
    static SAID: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// A line that a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text.
    pub text: String,
    /// The step of the run.
    pub step: usize,
}

/// Says a line. The check hears it, and so does the trace; it is printed only at the end.
#[track_caller]
pub fn say(line: impl Display) {
    let text = line.to_string();
    let at = Location::caller();
    observe_here(|| Event::Said { text: text.clone(), to_stderr: false, at });
    let steps = RECORDER.with_borrow(|recorder| recorder.as_ref().map_or(0, Recorder::len));
    SAID.with_borrow_mut(|said| said.push(Line { text, step: steps.saturating_sub(1) }));
}

/// Where answers run.
#[derive(Debug)]
pub struct Lab {
    name: &'static str,
    watch: Arc<Watch>,
    tell: Sender<Result<(), Wrong>>,
}

/// How a run went.
#[derive(Debug)]
pub struct Ran<T> {
    /// What it gave.
    pub output: T,
    /// What it said.
    pub lines: Vec<Line>,
    /// What happened.
    pub trace: Trace,
}

impl Lab {
    /// Runs `main` on a new loop to its end, and closes the loop.
    ///
    /// # Errors
    /// A sentence: it panicked, was stuck, did not end.
    pub fn run<F: Future>(&self, main: F) -> Result<Ran<F::Output>, Wrong> {
        let ran = self.run_with(|runner| runner.run(main))?;
        match ran.output {
            Ok(output) => Ok(Ran { output, lines: ran.lines, trace: ran.trace }),
            Err(RunError::Deadlock(_)) => Err(stuck(&ran.trace)),
            Err(RunError::Stopped) => Err(endless(&ran.trace)),
            Err(other) => Err(Wrong::new("that the run ends well", other.to_string())),
        }
    }

    /// Lets `body` have a runner, which it may close; it is closed in any case.
    ///
    /// # Errors
    /// A sentence: it panicked, or it waits for what nobody can send.
    pub fn run_with<T>(&self, body: impl FnOnce(Runner) -> T) -> Result<Ran<T>, Wrong> {
        let recorder = Recorder::new(self.name);
        SAID.take();
        RECORDER.set(Some(recorder.clone()));
        let (tell, name, at_no_end) = (self.tell.clone(), self.name, recorder.clone());
        let watch = Arc::clone(&self.watch);
        let guard = Guard::new(Arc::clone(&self.watch), move |why| {
            // Whoever waits for the verdict need not wait for an end that does not come.
            let trace = at_no_end.finish();
            keep_trace(name, &trace);
            let _ = tell.send(Err(match why {
                NoEnd::Stuck => stuck(&trace),
                NoEnd::LongTurn => long_turn(&trace, &watch),
            }));
        });
        let runner = Runner::builder()
            .virtual_clock()
            .isolated()
            .debug(false)
            .failure_policy(FailurePolicy::Handler(std::rc::Rc::new(|_| ())))
            .observer(recorder.clone())
            .observer(guard)
            .build()
            .map_err(|error| Wrong::new("a loop", error.to_string()))?;
        let outcome = catch_unwind(AssertUnwindSafe(|| body(runner)));
        RECORDER.take();
        let trace = recorder.finish();
        keep_trace(self.name, &trace);
        if let Some(panic) = take_panic() {
            let what = format!("there was a panic at {}: {}", panic.place, panic.message);
            let is_end = |event: &TraceEvent| match event {
                TraceEvent::TaskEnd { how, .. } => *how == TaskState::Panicked,
                TraceEvent::CallEnd { panicked, .. } => *panicked,
                _ => false,
            };
            let step = trace.steps.iter().position(|step| is_end(&step.event));
            let wrong = Wrong::new("that nothing panics", what).looks_like("panics");
            return Err(wrong.at(&trace, step));
        }
        match outcome {
            Ok(output) => Ok(Ran { output, lines: SAID.take(), trace }),
            Err(_) => Err(Wrong::new("that nothing panics", "something did").looks_like("panics")),
        }
    }
}

/// Everybody waits for somebody, and nobody is left who could do anything.
fn stuck(trace: &Trace) -> Wrong {
    let told = trace.steps.iter().rev().find_map(|step| match &step.event {
        TraceEvent::Stuck { waiting } => {
            Some((step.n, waiting.iter().map(|it| it.task).collect::<Vec<_>>()))
        }
        _ => None,
    });
    // A loop that would sleep for ever because somebody still keeps a waker does not call it stuck.
    let (step, waiting) = told.unwrap_or_else(|| {
        let tasks = trace.keys.last().map(|key| key.state.tasks.as_slice()).unwrap_or_default();
        let idle = tasks.iter().filter(|task| task.1 == TaskState::Idle).map(|task| task.0);
        (trace.steps.len().saturating_sub(1), idle.collect())
    });
    let names: Vec<String> = waiting.iter().map(|&id| trace.task_name(id)).collect();
    let who = match names.as_slice() {
        [] => "nobody is left who could go on".to_owned(),
        [one] => format!("task `{one}` waits, and nobody is left who could make it go on"),
        many => format!("tasks `{}` wait, and nobody is left who could go on", many.join("`, `")),
    };
    let expected = "that the run comes to its end";
    Wrong::new(expected, who).at(trace, Some(step)).looks_like("stuck")
}

/// Turn after turn, and no end.
fn endless(trace: &Trace) -> Wrong {
    let step = trace.steps.len().checked_sub(1);
    let what = format!("after {TURNS} turns it still goes on");
    Wrong::new("that the run comes to its end", what).at(trace, step).looks_like("endless")
}

/// News without end, and all in one turn.
fn long_turn(trace: &Trace, watch: &Watch) -> Wrong {
    let step = trace.steps.len().checked_sub(1);
    let who = watch.doing();
    let who = if who.is_empty() { "the answer".to_owned() } else { who };
    let what = format!(
        "in one turn {EVENTS} things have happened, and {who} still does not let go: it goes round \
         and round without an `await` that waits"
    );
    Wrong::new("that each turn comes to its end", what).at(trace, step).looks_like("endless")
}

impl<T> Ran<T> {
    /// The texts of the lines.
    pub fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// The moment at which the line was said, from the run's begin.
    pub fn said_at(&self, line: &Line) -> Duration {
        Duration::from_nanos(self.trace.steps.get(line.step).map_or(0, |step| step.t))
    }

    /// The turn in which the line was said.
    pub fn turn_of(&self, line: &Line) -> u64 {
        self.trace.steps.get(line.step).map_or(0, |step| step.turn)
    }

    /// When the main task ended, from the run's begin; and the step.
    pub fn end(&self) -> (Duration, Option<usize>) {
        let end = |event: &TraceEvent| matches!(event, TraceEvent::TaskEnd { task: 0, .. });
        let step = self.trace.steps.iter().find(|step| end(&step.event));
        (Duration::from_nanos(step.map_or(0, |step| step.t)), step.map(|step| step.n))
    }

    /// Compares what was said with what should be said.
    ///
    /// # Errors
    /// The first line that differs.
    pub fn expect_lines(&self, expected: &[&str]) -> Result<(), Wrong> {
        let said = self.texts();
        let differs = |number: &usize| said.get(*number) != expected.get(*number);
        let Some(number) = (0..said.len().max(expected.len())).find(differs) else {
            return Ok(());
        };
        let line = number + 1;
        let wanted = match expected.get(number) {
            Some(text) => format!("`{text}` as line {line}"),
            None => format!("no more than {} lines", expected.len()),
        };
        let came = match said.get(number) {
            Some(text) => format!("the program said `{text}`"),
            None => format!("it ended after {} lines", said.len()),
        };
        let step = self.lines.get(number).map(|line| line.step).or(self.end().1);
        Err(Wrong::new(wanted, came).at(&self.trace, step))
    }
}

/// Runs `program` and compares what it says with a learner's guess. `known` are common wrong
/// guesses: the line, counted from 0, its text, and what it looks like.
///
/// # Errors
/// The first line that differs, with the reason from the trace.
pub fn predicted<T>(
    ran: &Ran<T>,
    guess: &[&str],
    known: &[(usize, &str, &'static str)],
) -> Result<(), Wrong> {
    if guess.iter().all(|line| line.trim().is_empty()) {
        // How many lines there are is a part of what is to be guessed.
        let wanted = "a guess of what the program says";
        return Err(Wrong::new(wanted, "there is none yet: write it into the constant"));
    }
    let differs = |number: &usize| {
        guess.get(*number).map(|line| line.trim())
            != ran.lines.get(*number).map(|line| line.text.as_str())
    };
    let Some(number) = (0..guess.len().max(ran.lines.len())).find(differs) else {
        return Ok(());
    };
    let guessed = match guess.get(number) {
        Some(line) if line.trim().is_empty() => format!("a guess for line {}", number + 1),
        Some(line) => format!("your guess for line {} to be right: `{line}`", number + 1),
        None => format!("a guess for each line, and yours ends after line {number}"),
    };
    let (came, step) = match ran.lines.get(number) {
        Some(line) => (format!("the program said `{}` there", line.text), Some(line.step)),
        None => (format!("the program said {number} lines only"), ran.end().1),
    };
    let wrong = Wrong::new(guessed, came).at(&ran.trace, step);
    let seen = known.iter().find(|(at, text, _)| {
        *at == number && guess.get(number).is_some_and(|line| line.trim() == *text)
    });
    Err(match seen {
        Some((_, _, symptom)) => wrong.looks_like(symptom),
        None => wrong,
    })
}

static TRACES: OnceLock<PathBuf> = OnceLock::new();

/// From now on traces go to `folder`, and not to the project's own.
pub fn keep_traces_in(folder: &Path) {
    // The first one wins: a process has one folder.
    let _ = TRACES.set(folder.to_owned());
}

/// The folder in which traces are kept.
pub fn traces() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    let target = target.map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let usual = || crate::about::root().join(target).join("course/exercises");
    TRACES.get().cloned().unwrap_or_else(usual)
}

/// A trace that cannot be written is no reason to fail: the check has its verdict.
fn keep_trace(name: &str, trace: &Trace) {
    let folder = traces();
    let kept = std::fs::create_dir_all(&folder)
        .and_then(|()| trace.save(folder.join(format!("{name}.json"))))
        .and_then(|()| trace.save(folder.join(format!("{name}.html"))));
    if let Err(error) = kept {
        eprintln!("the trace of this run could not be written to {}: {error}", folder.display());
    }
}
