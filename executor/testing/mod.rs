//! For tests of what waits.
//!
//! | the test asks | and uses |
//! |---|---|
//! | does it still hold if it is given up halfway? | [`cancel_at_every_await`] |
//! | what has happened once everybody waits? | [`wait_all_tasks_blocked`] |
//! | does it hold in *this* order of events? | [`Sequencer`] |
//! | is my stream a stream? | [`stream_conformance`] |
//! | does it hold in every order that may happen? | [`explore`] |
//! | does it stand a slow, cut or broken network? | [`SimNet`] |
//! | is time right, and is nothing left behind? | [`TestRun`], which `#[test]` stands for |
//!
//! Time is virtual in all of them, so no test waits, and each run is like the last.

mod cancel_at_every_await;
mod sequencer;
mod stream_conformance;
mod test_run;
mod wait_all_tasks_blocked;
mod schedule;
mod legal_order;
pub(crate) mod explorer;
mod explore;
mod failing_schedule;
mod sim_pipe;
mod sim_stream;
mod sim_net;

pub use cancel_at_every_await::{Cut, cancel_at_every_await};
pub use explore::{Explore, Explored, explore, replay};
pub use failing_schedule::{FailingSchedule, ScheduleFailure};
pub use schedule::Schedule;
pub use sequencer::{Sequencer, SequencerBroken, Turn};
pub use sim_net::{SimListener, SimNet};
pub use sim_pipe::SimWeather;
pub use sim_stream::SimStream;
pub use stream_conformance::{ByteStream, stream_conformance};
pub use test_run::TestRun;
pub use wait_all_tasks_blocked::{WaitAllTasksBlocked, wait_all_tasks_blocked};
