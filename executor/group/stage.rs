//! The life of a group.
//!
//! ```text
//!            body ends well                       last child has left
//!   open ---------------------> closing ------------------------------> over
//!     |                            |                                     ^ ^
//!     |  somebody fails,           |  a child fails,                     | |
//!     +--or cancel() --------------+--or cancel() ----> aborting --------+ |
//!                                                         body and children |
//!   whatever it is: the group's future is dropped           have left       |
//!     +---------------------------------------------------------------------+
//! ```
//!
//! # Invariants
//! - A group that is over stays over, and one that aborts never opens again.
//! - Children are let in while it is open or closing.
//!
//! Tutorial: chapter 12. Before this: `error.rs`. After this: `state.rs`.

/// How far a group has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// The body has ended well; children may still spawn children.
    Closing,
    /// Everybody is asked to end; nobody new is let in.
    Aborting,
    Over,
}

/// What happens to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    BodyEndedWell,
    /// A child or the body.
    SomebodyFailed,
    /// Somebody called `cancel`.
    Cancelled,
    /// The body has ended and every child has left; or the group's future was dropped.
    Ended,
}

impl Stage {
    /// Where this leads.
    pub(crate) fn after(self, happening: Happening) -> Stage {
        use Happening::{BodyEndedWell, Cancelled, Ended, SomebodyFailed};
        match (self, happening) {
            (Stage::Over, _) | (_, Ended) => Stage::Over,
            (_, SomebodyFailed | Cancelled) => Stage::Aborting,
            (Stage::Aborting, BodyEndedWell) => Stage::Aborting,
            (Stage::Open | Stage::Closing, BodyEndedWell) => Stage::Closing,
        }
    }

    /// Whether children are let in.
    pub(crate) fn admits(self) -> bool {
        matches!(self, Stage::Open | Stage::Closing)
    }
}

#[cfg(test)]
mod tests {
    use super::Happening::{BodyEndedWell, Cancelled, Ended, SomebodyFailed};
    use super::Stage::{Aborting, Closing, Open, Over};
    use super::*;

    #[test]
    fn the_whole_table() {
        let happenings = [BodyEndedWell, SomebodyFailed, Cancelled, Ended];
        let table: [(Stage, [Stage; 4]); 4] = [
            (Open, [Closing, Aborting, Aborting, Over]),
            (Closing, [Closing, Aborting, Aborting, Over]),
            (Aborting, [Aborting, Aborting, Aborting, Over]),
            (Over, [Over, Over, Over, Over]),
        ];
        for (from, expected) in table {
            assert_eq!(happenings.map(|happening| from.after(happening)), expected, "{from:?}");
        }
    }
}
