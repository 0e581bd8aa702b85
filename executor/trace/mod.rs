//! The trace: a run that is a file.
//!
//! ```text
//!   a run --observer--> Recorder --finish--> Trace --+--> text, SVG, CSV, Chrome
//!                                             |  ^   +--> one HTML page: the inspector
//!                                             v  |   +--> JSON, and back
//!                                            check
//! ```
//!
//! What is shown is what happened: recorded by the loop, never worked out. One trace has many
//! renderings, and all say the same. [`Recorder`] is an observer like any other; a run that
//! nobody records pays nothing.
//!
//! The feature `trace` of the crate turns this module on.
//!
//! Tutorial: chapter 19. Before this: `../unrecorded.rs`. After this: `event.rs`.

mod event;
mod model;
mod state;
mod number_map;
mod numbers;
mod causes;
mod recording;
mod recording_tasks;
mod check;
mod recorder;
mod sentences;
mod csv;
mod svg;
mod state_svg;
mod chrome;
mod compare;
mod page;
mod html;
mod saving;
mod saying;

pub use crate::saying::say;
pub use check::Violation;
pub use chrome::ChromeTime;
pub use compare::Parting;
pub use event::{
    JobState, PromiseState, Side, TaskState, Thing, ThingKind, TraceEvent, TraceWork, Waiting,
    WokenBy,
};
pub use model::{
    At, FORMAT_VERSION, GroupThing, JobThing, Key, Meta, NamedThing, Note, PlainThing, SourceFile,
    Step, SyncThing, TaskThing, Things, Trace, TraceError,
};
pub use recorder::Recorder;
pub(crate) use saving::SavedAtEnd;
pub use saying::{remark, say_err};
pub use sentences::Sentences;
pub use state::{Kinship, Phase, TraceState};
