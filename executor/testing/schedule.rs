//! A schedule: every free choice of one run, from one seed or from a list.
//!
//! ```text
//!   seed 17            every choice is drawn from the seed's numbers
//!   choices 3, 0, 1    the first choices are these; all later ones are 0: the order of the line
//! ```
//!
//! A seed is short, and good for trying thousands. A list can be made smaller: a tool for
//! properties takes numbers away, or makes them zero, while the test still fails, and what is left
//! is the few choices that matter.
//!
//! # Invariants
//! - Choice 0 is always what happens without exploration.
//!
//! Tutorial: chapter 19. Before this: `stream_conformance.rs`. After this: `legal_order.rs`.

use std::fmt;

use crate::random::Random;

/// Every free choice of one run.
///
/// ```
/// use roundelay_executor::testing::Schedule;
///
/// let (drawn, listed) = (Schedule::seeded(17), Schedule::choosing([3, 0, 1]));
/// assert_eq!((drawn.to_string(), drawn.seed()), ("seed 17".into(), Some(17)));
/// assert_eq!((listed.to_string(), listed.seed()), ("choices [3, 0, 1]".into(), None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Seed(u64),
    List(Vec<u8>),
}

impl Schedule {
    /// All choices are drawn from this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Schedule {
        Schedule { source: Source::Seed(seed) }
    }

    /// The one that whoever runs the program has chosen.
    ///
    /// # Panics
    /// If `ROUNDELAY_SCHEDULE` is set to what is no number.
    pub(crate) fn from_outside() -> Option<Schedule> {
        let seed = std::env::var("ROUNDELAY_SCHEDULE").ok().filter(|seed| !seed.is_empty())?;
        let number = seed.parse().unwrap_or_else(|_| {
            panic!("ROUNDELAY_SCHEDULE must be a number from 0 to 2^64 - 1, not {seed:?}")
        });
        Some(Schedule::seeded(number))
    }

    /// The first choices are these: each says how far down the list of possibilities to go, as a
    /// part of 256. All others are 0, which stands for what happens without exploration.
    ///
    /// With proptest this is the strategy of all schedules, which shrinks:
    /// `vec(any::<u8>(), 0..200).prop_map(Schedule::choosing)`.
    #[must_use]
    pub fn choosing(choices: impl IntoIterator<Item = u8>) -> Schedule {
        Schedule { source: Source::List(choices.into_iter().collect()) }
    }

    /// The seed; `None` for a list of choices.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        match self.source {
            Source::Seed(seed) => Some(seed),
            Source::List(_) => None,
        }
    }

    /// From where the test's own chance is drawn: see [`with_seed`](crate::with_seed()).
    pub(crate) fn chance(&self) -> u64 {
        self.seed().unwrap_or(0)
    }

    pub(crate) fn choices(&self) -> Choices {
        match &self.source {
            // Not the numbers that the test's own generators get.
            Source::Seed(seed) => Choices::Drawn(Random::seeded(!seed)),
            Source::List(list) => Choices::Listed(list.clone().into_iter()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Seed(seed) => write!(f, "seed {seed}"),
            Source::List(list) => write!(f, "choices {list:?}"),
        }
    }
}

/// The choices of a run that is under way.
pub(crate) enum Choices {
    Drawn(Random),
    Listed(std::vec::IntoIter<u8>),
}

impl Choices {
    /// One of `0..possibilities`. Where there is only one, nothing is chosen.
    pub(crate) fn choose(&mut self, possibilities: usize) -> usize {
        if possibilities < 2 {
            return 0;
        }
        match self {
            Choices::Drawn(random) => random.below(possibilities as u64) as usize,
            Choices::Listed(list) => {
                list.next().map_or(0, |part| usize::from(part) * possibilities / 256)
            }
        }
    }
}
