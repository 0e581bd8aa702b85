//! Each task's steps, in a span of the crate `tracing`.
//!
//! ```text
//!   task A   enter ---- exit            enter - exit   close
//!   task B               enter - exit                          enter ---- exit   close
//! ```
//!
//! An observer hears of every step before it begins and after it ends. That is when a span must
//! be entered and left, so nothing else of the executor has to know of `tracing`, and a task need
//! not be wrapped. A span for one part of a program is written there, with `tracing`'s own
//! `Instrument`; the two go together.
//!
//! # Invariants
//! - The subscriber is user code: it is called while no cell here is borrowed.
//! - Every enter has its exit, in the right order, also when the task panics.
//! - A task's span is nobody's child. A server that spawns its own successor again and again
//!   would keep every earlier span open otherwise. Who spawned whom is told with `follows_from`.
//!
//! Tutorial: chapter 19. Before this: `hyper.rs`. After this: nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;

use roundelay_runtime::{Event, Moment, Observer};
use tracing::{Dispatch, Level, Span, dispatcher, field, span};

/// An observer that opens a span for each task, and enters it for each of the task's steps.
///
/// What a task reports with `tracing::info!` and the like is then inside of its span. The span is
/// called `task`, has the target `roundelay::task` and the level `INFO`, and these fields: `id`,
/// `name`, `at` (the line that spawned it), and `end` (`finished`, `cancelled` or `panicked`).
/// It follows from the span of the task that spawned it, and is closed when the task has ended.
/// A future that is dropped because its task was cancelled is dropped outside of its span.
///
/// The subscriber is the one that is the thread's at each moment.
///
/// ```
/// use roundelay_executor::{Runner, TaskBuilder, TaskSpans};
///
/// let runner = Runner::builder().observer(TaskSpans::new()).build()?;
/// runner.run(async {
///     let task = TaskBuilder::new().name("fetch").spawn(async {
///         tracing::info!("begun"); // in the span `task{id=2 name="fetch" ..}`
///     });
///     task.await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct TaskSpans {
    open: RefCell<HashMap<u64, Span>>,
    /// The tasks whose step is under way, the innermost last.
    entered: RefCell<Vec<(u64, Entered)>>,
}

impl TaskSpans {
    /// With no span yet. A task that was spawned before has none.
    #[must_use]
    pub fn new() -> TaskSpans {
        TaskSpans::default()
    }

    fn open(&self, id: u64, name: &str, parent: Option<u64>, at: &'static Location<'static>) {
        let span = span!(
            target: "roundelay::task",
            parent: None,
            Level::INFO,
            "task",
            id,
            name,
            %at,
            end = field::Empty,
        );
        if let Some(parent) = parent.and_then(|parent| self.span(parent)) {
            span.follows_from(&parent);
        }
        let earlier = self.open.borrow_mut().insert(id, span);
        drop(earlier);
    }

    fn enter(&self, id: u64) {
        let Some(span) = self.span(id) else { return };
        let entered = Entered::new(span);
        self.entered.borrow_mut().push((id, entered));
    }

    fn exit(&self, id: u64) {
        let is_its_step = |step: &mut (u64, Entered)| step.0 == id;
        let step = self.entered.borrow_mut().pop_if(is_its_step);
        drop(step);
    }

    fn close(&self, id: u64, how: &str) {
        let span = self.open.borrow_mut().remove(&id);
        if let Some(span) = span {
            span.record("end", how);
        }
    }

    fn span(&self, id: u64) -> Option<Span> {
        let open = self.open.borrow();
        open.get(&id).cloned()
    }
}
