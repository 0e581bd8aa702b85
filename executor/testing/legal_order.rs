//! Which orders of ready steps are legal.
//!
//! The loop takes ready steps in the order of the line, but promises less than that. What it does
//! promise are four rules about what must come before what, and every order that keeps them is as
//! good as another:
//!
//! ```text
//!   line:     a1   b    a2   y      a1, a2: woken by one step, in this order
//!   legal:    a1   a2   b    y      y: yielded, so it goes behind all that stood before it
//!             b    a1   a2   y
//!             a1   b    a2   y
//! ```
//!
//! # Invariants
//! - Choice 0 at every fork gives the order of the line.
//!
//! Tutorial: chapter 19. Before this: `schedule.rs`. After this: `explorer.rs`.

use std::collections::HashMap;

use crate::testing::schedule::Choices;

/// What is known of one entry that is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Which call has put it into the line; `None`: no call has.
    pub(crate) cause: Option<u64>,
    /// It has put itself into the line: it gives way to all that stood there before.
    pub(crate) yields: bool,
    /// Kinds of which each keeps its own order.
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A step of a task that has taken steps before.
    #[default]
    Step,
    /// The first step of a task: in the order of spawning.
    FirstStep,
    /// A timer: by deadline, then in the order of setting.
    Timer,
}

/// A legal order of the entries, as their indices.
pub(crate) fn legal_order(line: &[Known], choices: &mut Choices) -> Vec<usize> {
    let mut forks = Forks::of(line);
    std::iter::from_fn(|| forks.take(choices)).collect()
}

struct Forks {
    /// For each entry: how many others must come before it.
    before: Vec<usize>,
    /// For each entry: who must come behind it.
    behind: Vec<Vec<usize>>,
    yields: Vec<bool>,
    taken: Vec<bool>,
    /// All entries below this index have been taken.
    front: usize,
    /// Who may be next, in the order of the line.
    free: Vec<usize>,
}

impl Forks {
    fn of(line: &[Known]) -> Forks {
        let mut forks = Forks {
            before: vec![0; line.len()],
            behind: vec![Vec::new(); line.len()],
            yields: line.iter().map(|known| known.yields).collect(),
            taken: vec![false; line.len()],
            front: 0,
            free: Vec::new(),
        };
        let mut last_of_cause = HashMap::new();
        let (mut last_first_step, mut last_timer) = (None, None);
        for (index, known) in line.iter().enumerate() {
            let same_cause = known.cause.and_then(|cause| last_of_cause.insert(cause, index));
            let same_kind = match known.kind {
                Kind::Step => None,
                Kind::FirstStep => last_first_step.replace(index),
                Kind::Timer => last_timer.replace(index),
            };
            for earlier in same_cause.into_iter().chain(same_kind) {
                forks.before[index] += 1;
                forks.behind[earlier].push(index);
            }
        }
        for index in 0..line.len() {
            forks.set_free(index);
        }
        forks
    }

    /// Whoever may be next joins the others who may.
    fn set_free(&mut self, index: usize) {
        let waits = self.yields[index] && self.front < index;
        if self.before[index] > 0 || waits || self.taken[index] {
            return;
        }
        if let Err(spot) = self.free.binary_search(&index) {
            self.free.insert(spot, index);
        }
    }

    fn take(&mut self, choices: &mut Choices) -> Option<usize> {
        if self.free.is_empty() {
            return None;
        }
        let index = self.free.remove(choices.choose(self.free.len()));
        self.taken[index] = true;
        for follower in std::mem::take(&mut self.behind[index]) {
            self.before[follower] -= 1;
            self.set_free(follower);
        }
        while self.taken.get(self.front) == Some(&true) {
            self.front += 1;
        }
        if self.front < self.taken.len() {
            self.set_free(self.front);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::schedule::Schedule;

    fn all_orders(line: &[Known]) -> BTreeSet<Vec<usize>> {
        let seeds = if cfg!(miri) { 30 } else { 500 };
        (0..seeds).map(|seed| legal_order(line, &mut Schedule::seeded(seed).choices())).collect()
    }

    #[test]
    fn the_picture_of_this_file_holds() {
        let woken = |cause| Known { cause: Some(cause), ..Known::default() };
        let yielded = Known { yields: true, ..woken(3) };
        let orders = all_orders(&[woken(1), woken(2), woken(1), yielded]);
        let expected = [vec![0, 1, 2, 3], vec![0, 2, 1, 3], vec![1, 0, 2, 3]];
        assert_eq!(orders, BTreeSet::from(expected));
    }

    #[test]
    fn who_is_woken_later_may_overtake_a_step_that_has_yielded() {
        let yielded = Known { yields: true, ..Known::default() };
        assert_eq!(all_orders(&[yielded, Known::default()]).len(), 2);
    }

    fn known() -> impl Strategy<Value = Known> {
        let kind = prop_oneof![Just(Kind::Step), Just(Kind::FirstStep), Just(Kind::Timer)];
        (proptest::option::of(0_u64..4), any::<bool>(), kind)
            .prop_map(|(cause, yields, kind)| Known { cause, yields, kind })
    }

    proptest! {
        #[test]
        fn every_order_keeps_the_rules_and_everybody_comes(
            line in proptest::collection::vec(known(), 0..24),
            choices in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let order = legal_order(&line, &mut Schedule::choosing(choices).choices());
            let at = |index: usize| order.iter().position(|&other| other == index);
            for later in 0..line.len() {
                prop_assert!(at(later).is_some());
                for earlier in 0..later {
                    let (one, other) = (line[earlier], line[later]);
                    let bound = other.yields
                        || (one.cause.is_some() && one.cause == other.cause)
                        || (one.kind != Kind::Step && one.kind == other.kind);
                    prop_assert!(!bound || at(earlier) < at(later));
                }
            }
            prop_assert_eq!(order.len(), line.len());
        }

        #[test]
        fn no_choices_is_the_order_of_the_line(line in proptest::collection::vec(known(), 0..24)) {
            let order = legal_order(&line, &mut Schedule::choosing([]).choices());
            prop_assert_eq!(order, (0..line.len()).collect::<Vec<_>>());
        }
    }
}
