//! For tests of what waits.
//!
//! | the test asks | and uses |
//! |---|---|
//! | does it still hold if it is given up halfway? | [`cancel_at_every_await`] |
//! | what has happened once everybody waits? | [`wait_all_tasks_blocked`] |
//! | does it hold in *this* order of events? | [`Sequencer`] |
//! | is my stream a stream? | [`stream_conformance`] |
//! | is time right, and is nothing left behind? | [`TestRun`], which `#[test]` stands for |
//!
//! Time is virtual in all of them, so no test waits, and each run is like the last.

mod cancel_at_every_await;
mod sequencer;
mod stream_conformance;
mod test_run;
mod wait_all_tasks_blocked;

pub use cancel_at_every_await::{Cut, cancel_at_every_await};
pub use sequencer::{Sequencer, SequencerBroken, Turn};
pub use stream_conformance::{ByteStream, stream_conformance};
pub use test_run::TestRun;
pub use wait_all_tasks_blocked::{WaitAllTasksBlocked, wait_all_tasks_blocked};
