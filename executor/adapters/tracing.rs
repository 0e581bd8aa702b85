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
//! - Every enter has its exit, in the right order, also when the task panics. A span that is
//!   entered is the guard's, else it is the table's: so no step has to clone it.
//! - A task's span is nobody's child. A server that spawns its own successor again and again
//!   would keep every earlier span open otherwise. Who spawned whom is told with `follows_from`.
//!
//! Tutorial: chapter 19. Before this: `hyper.rs`. After this: `../saying.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;

use roundelay_runtime::{Event, Interest, Moment, Observer, TaskEnd};
use tracing::span::{EnteredSpan, Id};
use tracing::{Level, Span, field, span};

/// An observer that opens a span for each task, and enters it for each of the task's steps.
///
/// What a task reports with `tracing::info!` and the like is then inside of its span. The span is
/// called `task`, has the target `roundelay::task` and the level `INFO`, and these fields: `id`,
/// `name`, `at` (the line that spawned it), and `end` (`finished`, `cancelled` or `panicked`).
/// It follows from the span of the task that spawned it, and is closed when the task has ended.
/// A future that is dropped because its task was cancelled is dropped outside of its span.
///
/// A span belongs to the subscriber that is the thread's when its task is spawned.
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
    /// The spans of all tasks that live, but for those that are entered.
    open: RefCell<HashMap<u64, Span>>,
    /// The tasks whose step is under way, the innermost last.
    entered: RefCell<Vec<(u64, EnteredSpan)>>,
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
        if let Some(parent) = parent.and_then(|parent| self.entered_id(parent)) {
            span.follows_from(parent);
        }
        self.keep(id, span);
    }

    fn enter(&self, id: u64) {
        let span = self.open.borrow_mut().remove(&id);
        if let Some(span) = span {
            let entered = span.entered();
            self.entered.borrow_mut().push((id, entered));
        }
    }

    fn exit(&self, id: u64) {
        let is_its_step = |step: &mut (u64, EnteredSpan)| step.0 == id;
        let step = self.entered.borrow_mut().pop_if(is_its_step);
        if let Some((_, entered)) = step {
            self.keep(id, entered.exit());
        }
    }

    fn close(&self, id: u64, how: TaskEnd) {
        let span = self.open.borrow_mut().remove(&id);
        let how = match how {
            TaskEnd::Finished => "finished",
            TaskEnd::Cancelled => "cancelled",
            TaskEnd::Panicked => "panicked",
        };
        if let Some(span) = span {
            span.record("end", how);
        }
    }

    /// Whoever spawns a task takes a step meanwhile.
    fn entered_id(&self, id: u64) -> Option<Id> {
        let entered = self.entered.borrow();
        let step = entered.iter().rfind(|step| step.0 == id)?;
        step.1.id()
    }

    fn keep(&self, id: u64, span: Span) {
        let earlier = self.open.borrow_mut().insert(id, span);
        // Dropped here, where nothing is borrowed: that closes it.
        drop(earlier);
    }
}

impl Observer for TaskSpans {
    fn observe(&self, _: Moment, event: &Event) {
        match event {
            Event::TaskSpawned { task, name, parent, at, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                self.open(*task, &name, *parent, at);
            }
            Event::TaskPolled { task } => self.enter(*task),
            Event::TaskPending { task } => self.exit(*task),
            // The last step of a task that does not wait any more ends with the task.
            Event::TaskEnded { task, how } => {
                self.exit(*task);
                self.close(*task, *how);
            }
            _ => {}
        }
    }

    fn interest(&self) -> Interest {
        Interest::TASKS | Interest::STEPS
    }
}
