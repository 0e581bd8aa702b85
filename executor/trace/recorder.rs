//! The recorder: an observer that keeps what it is told.
//!
//! ```text
//!   Runner::builder().observer(recorder.clone()) ... run ... recorder.finish() --> Trace
//! ```
//!
//! # Invariants
//! - It keeps so many steps and no more ([`Recorder::limit`]); a trace that is cut off says so,
//!   and by how much.
//! - What is recorded of a run that is deterministic is the same each time, byte for byte.
//!
//! Tutorial: chapter 19. Before this: `check.rs`. After this: `sentences.rs`.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use roundelay_runtime::{Event, Moment, Observer, current_loop};

use crate::trace::check::Violation;
use crate::trace::model::{Key, Meta, Step, Things, Trace};
use crate::trace::recording::Recording;
use crate::trace::state::TraceState;

/// How many steps a recorder keeps, unless it is told otherwise.
const LIMIT: usize = 20_000;

/// After how many steps the whole state is written down.
const KEY_EVERY: usize = 64;

/// Records a run. Give one clone to the runner's builder, keep another to
/// [finish](Recorder::finish).
///
/// One recorder is for one runner.
///
/// ```
/// use roundelay_executor::Runner;
/// use roundelay_executor::trace::{Recorder, say};
///
/// let recorder = Recorder::new("hello");
/// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
/// runner.run(async { say("hello") })?;
/// assert!(recorder.check().is_empty()); // nothing that cannot be
/// assert!(recorder.finish().to_text().contains("The program prints: hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Recorder {
    program: Rc<str>,
    seed: Option<u64>,
    recording: Rc<RefCell<Recording>>,
}

impl Recorder {
    /// A recorder for a run of `program`, with a limit of 20,000 steps.
    #[must_use]
    pub fn new(program: &str) -> Recorder {
        let recording = Rc::new(RefCell::new(Recording::new(LIMIT)));
        Recorder { program: program.into(), seed: None, recording }
    }

    /// Keeps at most so many steps; at least one is kept.
    ///
    /// ```
    /// use roundelay_executor::{Runner, trace::Recorder, yield_now};
    ///
    /// let recorder = Recorder::new("long").limit(10);
    /// let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build()?;
    /// runner.run(async {
    ///     for _ in 0..100 {
    ///         yield_now().await;
    ///     }
    /// })?;
    /// assert_eq!(recorder.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(self, steps: usize) -> Recorder {
        self.recording.borrow_mut().limit = steps;
        self
    }

    /// Notes the seed that the schedule was drawn from.
    ///
    /// ```
    /// use roundelay_executor::trace::Recorder;
    ///
    /// let recorder = Recorder::new("a storm").seed(7);
    /// assert_eq!(recorder.finish().meta.seed, Some(7));
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Recorder {
        self.seed = Some(seed);
        self
    }

    /// How many steps there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recording.borrow().steps.len()
    }

    /// Never: the run's begin is the first step.
    ///
    /// ```
    /// assert!(!roundelay_executor::trace::Recorder::new("not run yet").is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was recorded up to now. Close the runner first, and what happens at its end is
    /// there, too.
    ///
    /// Reads the source files that the run speaks of, where it finds them.
    #[must_use]
    pub fn finish(&self) -> Trace {
        let mut trace = self.bare();
        trace.files = self.recording.borrow().numbers.files();
        trace.meta.hash = hash(&trace.steps);
        trace.keys = keys(&trace.steps, &trace.things);
        trace
    }

    /// Everything in what was recorded up to now that cannot be: see [`Trace::check`].
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        self.bare().check()
    }

    /// The trace without what has to be worked out or read.
    fn bare(&self) -> Trace {
        let recording = self.recording.borrow();
        let steps = recording.steps.clone();
        let things = recording.numbers.things.clone();
        let clock = if recording.is_virtual { "virtual" } else { "real" };
        let pools: Vec<&str> = things.jobs.iter().map(|job| job.pool.as_str()).collect();
        let scripted = !pools.is_empty() && pools.iter().all(|pool| *pool == "script");
        let meta = Meta {
            program: self.program.to_string(),
            clock: clock.into(),
            selector: if recording.is_scripted { "script" } else { "mio" }.into(),
            executor: if scripted { "script" } else { "pools" }.into(),
            seed: self.seed,
            unit: "ns".into(),
            truncated: recording.dropped > 0,
            dropped: recording.dropped,
            roundelay: env!("CARGO_PKG_VERSION").into(),
            hash: String::new(),
        };
        Trace::new(meta, Vec::new(), things, steps)
    }
}

impl Observer for Recorder {
    fn observe(&self, now: Moment, event: &Event) {
        // Nothing that a recording does calls anybody: the borrow is safe.
        let mut recording = self.recording.borrow_mut();
        if let (Event::RunBegins, Some(home)) = (event, current_loop()) {
            recording.is_virtual |= home.has_virtual_clock();
            recording.is_scripted |= home.has_scripted_selector();
        }
        recording.hear(now, event);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("program", &self.program)
            .field("steps", &self.len())
            .finish()
    }
}

/// The state after every so many steps, and after the last.
fn keys(steps: &[Step], things: &Things) -> Vec<Key> {
    let mut state = TraceState::new();
    let mut keys = Vec::new();
    for step in steps {
        state.apply(step.t, step.turn, &step.event, things);
        if step.n % KEY_EVERY == 0 || step.n + 1 == steps.len() {
            keys.push(Key { n: step.n, state: state.clone() });
        }
    }
    keys
}

/// The rolling hash of the steps: FNV-1a over their JSON, sixteen hex digits.
fn hash(steps: &[Step]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for step in steps {
        let json = serde_json::to_vec(step).unwrap_or_default();
        for byte in json {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
