//! Circles: tasks that wait for each other, and so for ever, although other tasks go on.
//!
//! ```text
//!   task 2 holds lock 7, waits for lock 8 ---> task 3 holds lock 8
//!        ^                                          |
//!        +------------ waits for lock 7 <-----------+
//! ```
//!
//! Whenever a task begins to wait for a lock, a read-write lock or the end of a task (or of several,
//! while there are few tasks), and whoever it waits for waits in the same way, it is asked: of all who are reached from here, who could
//! still go on? Those are struck out, again and again, until nobody can be; who is left waits for
//! ever. (With locks alone a walk along the holders would do. A read-write lock has several
//! holders, of whom all must let go or one is enough, and who stands further ahead in line counts
//! too.)
//!
//! # What is reported, and what is not
//! - A task counts as stuck only if it waits for this one thing alone: with a timeout, in a
//!   cancel scope, as one arm of a select, or under a foreign combinator it may go on.
//! - That somebody might cancel one of them from outside does not count as a way out.
//! - Permits of a semaphore are no part of a circle: they are taken by one task and given to others
//!   as a matter of course, and who has them is not certain. (A stuck loop lists who waits for
//!   them.)
//! - A guard counts as its taker's. Where guards are handed from task to task nothing is
//!   reported once a guard was seen to come back from another task, or from a callback. Until then,
//!   a task that waits for a lock whose guard it has given away may be suspected wrongly.
//! - Of several tasks any may be the one that is enough, unless all are needed (`gather_all`,
//!   `wait` for all): then all must be stuck. One that ends meanwhile and was not enough closes no
//!   circle. With more than 128 tasks ways through several are not walked.
//! - More than 64 holders, a line of more than 1024, or a circle of more than 128 tasks are not
//!   searched. (When nothing else is left to happen, `RunError::Deadlock` lists them all.)
//!
//! # Invariants
//! - Each circle is reported once, by the task that closed it, within that task's step.
//! - A task that waits for somebody who goes on costs two look-ups and no more.
//!
//! Tutorial: chapter 19. Before this: `dump_text.rs`. After this: `inspection/mod.rs`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use roundelay_runtime::{Failure, FailureKind, Interest, Key};

use crate::own_step::Wait;
use crate::stage::Stage;
use crate::sync::desk::{self, Look};
use crate::task_table::Tasks;

/// Where the way leads from a task to those it waits for.
enum Way {
    /// To somebody who goes on.
    Open,
    One(Key),
    Many,
}

/// What a task needs in order to go on.
enum Need {
    /// The end of a task.
    End(Key),
    /// The ends of all of these, or of some.
    Ends { tasks: Vec<Key>, all: bool },
    /// What it asks for at this place in the line of this desk.
    Share { desk: u64, place: usize },
}

/// All who are reached from a task that may be stuck.
#[derive(Default)]
struct Found {
    needs: HashMap<Key, Need>,
    desks: HashMap<u64, Desk>,
}

/// A desk at which somebody of them waits. Looked at once, however many wait there.
struct Desk {
    look: Look,
    /// The last place of each task. An earlier one belongs to a future that it keeps and does not
    /// poll.
    places: HashMap<Key, usize>,
    /// So much of the line has been followed; `None`: not even the holders.
    followed: Option<usize>,
}

impl Tasks {
    /// `key` has just begun to wait. Is it for ever?
    pub(crate) fn look_for_circle(&self, key: Key) {
        let mut at = key;
        for _ in 0..LONGEST {
            match self.next_on_the_way(at) {
                Way::Open => return,
                Way::One(next) if next != key => at = next,
                Way::One(_) | Way::Many => return self.search(key),
            }
        }
    }

    /// Whom a task waits for, if it is one: then there is no need to search, only to walk.
    fn next_on_the_way(&self, key: Key) -> Way {
        match self.blocked_on(key) {
            Some(Wait::Task(other)) => Way::One(other),
            Some(Wait::Lock(number)) => {
                let Some((total, holders)) = desk::sure_holders(number) else { return Way::Open };
                let mut tasks = holders.iter().filter_map(|holding| holding.task);
                match (total, tasks.next()) {
                    (_, None) => Way::Open,
                    (1, Some(holder)) => Way::One(holder),
                    (_, Some(first)) => {
                        let mut all = std::iter::once(first).chain(tasks);
                        let open = all.all(|holder| self.blocked_on(holder).is_none());
                        if open { Way::Open } else { Way::Many }
                    }
                }
            }
            Some(Wait::AllOf(_) | Wait::AnyOf(_)) if self.live() <= FEW_TASKS => Way::Many,
            _ => Way::Open,
        }
    }

    #[cold]
    fn search(&self, start: Key) {
        // What is found is reported, and the report goes to somebody else's code.
        self.loop_ref.call_ends_with(Interest::NONE);
        let Some(found) = self.all_on_the_way(start) else { return };
        let stuck = found.stuck();
        if stuck.contains(&start) {
            self.tell_circle(start, found.circle_through(start, &stuck));
        }
    }

    /// Everybody whom a task waits for, and whom they wait for. `None` if they are too many, or if
    /// no way leads back to `start`: then it can at most lead into a circle of others.
    fn all_on_the_way(&self, start: Key) -> Option<Found> {
        let mut found = Found::default();
        let mut to_see = vec![start];
        let mut leads_back = false;
        while let Some(key) = to_see.pop() {
            if found.needs.contains_key(&key) {
                continue;
            }
            let Some(need) = self.need(key, &mut found.desks) else { continue };
            if found.needs.len() > MOST_SEEN {
                return None;
            }
            let known = to_see.len();
            match &need {
                Need::End(other) => to_see.push(*other),
                Need::Ends { tasks, .. } => to_see.extend(tasks),
                Need::Share { desk, place } => {
                    if let Some(desk) = found.desks.get_mut(desk) {
                        desk.lead_on(*place, &mut to_see);
                    }
                }
            }
            leads_back |= to_see[known..].contains(&start);
            found.needs.insert(key, need);
        }
        leads_back.then_some(found)
    }

    /// What a task waits for, if it is something that other tasks have, and that alone.
    fn blocked_on(&self, key: Key) -> Option<Wait> {
        self.with(key, |slot| {
            let waits = match slot.stage {
                Stage::Waiting => true,
                Stage::Main => !self.main_is_out.get(),
                _ => false,
            };
            let alone = slot.waits_alone && !slot.scheduled && !slot.cancel_requested;
            (waits && alone && slot.wait.is_for_owner()).then_some(slot.wait)
        })?
    }

    fn need(&self, key: Key, desks: &mut HashMap<u64, Desk>) -> Option<Need> {
        match self.blocked_on(key)? {
            Wait::Task(other) => Some(Need::End(other)),
            wait @ (Wait::AllOf(line) | Wait::AnyOf(line)) => {
                let tasks = self.by_line().remove(&line).unwrap_or_default();
                Some(Need::Ends { tasks, all: matches!(wait, Wait::AllOf(_)) })
            }
            Wait::Lock(number) => {
                let desk = match desks.entry(number) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        desk::sure_holders(number)?;
                        new.insert(Desk::of(desk::look(number)?))
                    }
                };
                let place = *desk.places.get(&key)?;
                Some(Need::Share { desk: number, place })
            }
            _ => None,
        }
    }

    /// Reports the circle, unless one of its tasks has been reported: then this one only leads
    /// into it.
    fn tell_circle(&self, start: Key, circle: Vec<Key>) {
        let mut known = circle.is_empty();
        for &key in &circle {
            let told = self.with(key, |slot| std::mem::replace(&mut slot.told_stuck, true));
            known |= told == Some(true);
        }
        if known {
            return;
        }
        let mut members: Vec<(u64, Key)> =
            circle.into_iter().filter_map(|key| Some((self.id(key)?, key))).collect();
        members.sort_unstable();
        let mut message = String::from(
            "these tasks wait for each other, and none can go on; let everybody take locks in the \
             same order, or wait with a timeout",
        );
        let lines = self.by_line();
        for (_, key) in members.into_iter().take(MOST_TOLD) {
            let Some((who, wait, at)) =
                self.with(key, |slot| (slot.who(), slot.wait, slot.spawned_at))
            else {
                continue;
            };
            let waits_for = self.in_words(wait, &lines);
            let _ = write!(message, "\n  {who}, spawned at {at}, waits for {waits_for}");
            if self.keeps_place(key, wait) {
                message.push_str(
                    "; it was handed that already, through a future that it keeps and does not \
                     poll any more (futurelock): drop that future, or poll it to its end",
                );
            }
        }
        let failure = Failure::new(FailureKind::Deadlock, self.who(start), message);
        let failure = match self.spawned_at(start) {
            Some(at) => failure.origin(at),
            None => failure,
        };
        self.loop_ref.warn(failure);
    }

    /// Whether a task was handed what it waits for, at another place in line.
    fn keeps_place(&self, key: Key, wait: Wait) -> bool {
        let Wait::Lock(number) = wait else { return false };
        let (_, handed) = desk::sure_holders(number).unwrap_or_default();
        handed.iter().any(|holding| holding.task == Some(key) && holding.handed.is_some())
    }
}

impl Found {
    /// Those who cannot go on even if all others do.
    fn stuck(&self) -> HashSet<Key> {
        let mut stuck: HashSet<Key> = self.needs.keys().copied().collect();
        loop {
            let before = stuck.len();
            for (key, need) in &self.needs {
                if !matches!(need, Need::Share { .. }) && self.because_of(*key, &stuck).is_empty() {
                    stuck.remove(key);
                }
            }
            for (number, desk) in &self.desks {
                desk.strike_out(|key, place| self.stands_at(key, *number, place), &mut stuck);
            }
            if stuck.len() == before {
                return stuck;
            }
        }
    }

    /// Whether this is the place at which a task waits.
    fn stands_at(&self, key: Key, number: u64, at: usize) -> bool {
        matches!(self.needs.get(&key), Some(Need::Share { desk, place })
            if (*desk, *place) == (number, at))
    }

    /// Who of the `stuck` keeps a task from going on.
    fn because_of(&self, key: Key, stuck: &HashSet<Key>) -> Vec<Key> {
        let only_stuck = |task: &Key| stuck.contains(task);
        match self.needs.get(&key) {
            Some(Need::End(other)) => Some(*other).filter(only_stuck).into_iter().collect(),
            Some(Need::Ends { tasks, all }) => {
                let kept: Vec<Key> = tasks.iter().copied().filter(only_stuck).collect();
                let is_kept = if *all { !kept.is_empty() } else { kept.len() == tasks.len() };
                if is_kept { kept } else { Vec::new() }
            }
            Some(Need::Share { desk, place }) => self
                .desks
                .get(desk)
                .map_or_else(Vec::new, |desk| desk.because_of(key, *place, stuck)),
            None => Vec::new(),
        }
    }

    /// Those from whom a way leads to `start`, and to whom a way leads from there. None if `start`
    /// only leads into a circle of others.
    fn circle_through(&self, start: Key, stuck: &HashSet<Key>) -> Vec<Key> {
        let mut back: HashMap<Key, Vec<Key>> = HashMap::new();
        let mut seen = HashSet::from([start]);
        let mut to_see = vec![start];
        while let Some(key) = to_see.pop() {
            for other in self.because_of(key, stuck) {
                back.entry(other).or_default().push(key);
                if seen.insert(other) {
                    to_see.push(other);
                }
            }
        }
        let mut circle = HashSet::new();
        to_see.extend(back.get(&start).into_iter().flatten().copied());
        while let Some(key) = to_see.pop() {
            if circle.insert(key) {
                to_see.extend(back.get(&key).into_iter().flatten().copied());
            }
        }
        circle.into_iter().collect()
    }
}

/// No longer circle is reported at once. (Else each of a million tasks in a chain would walk to its
/// end.)
const LONGEST: usize = 128;
/// The same where ways part.
const MOST_SEEN: usize = 1024;
/// Up to so many are asked whether they are on the way to whoever waits for several.
const FEW_TASKS: usize = 128;
/// How many tasks of a circle a report names.
const MOST_TOLD: usize = 20;

impl Desk {
    fn of(look: Look) -> Desk {
        let places = look.line.iter().enumerate();
        let places = places.filter_map(|(place, (task, _))| Some(((*task)?, place))).collect();
        Desk { look, places, followed: None }
    }

    /// Whoever waits at this place waits for those who have something, and for those ahead of it.
    /// Only those are told of whom nobody was told before: else a line would be walked as often as
    /// there are places in it.
    fn lead_on(&mut self, place: usize, to_see: &mut Vec<Key>) {
        if self.followed.is_none() {
            to_see.extend(self.look.holders.iter().filter_map(|holding| holding.task));
        }
        let from = self.followed.unwrap_or(0);
        let ahead = self.look.line.iter().take(place).skip(from);
        to_see.extend(ahead.filter_map(|(task, _)| *task));
        self.followed = Some(from.max(place));
    }

    fn total(&self) -> usize {
        self.look.total.unwrap_or(usize::MAX)
    }

    /// How much there is for those in line if the `stuck` keep what they have.
    fn left_by(&self, stuck: &HashSet<Key>) -> usize {
        let holders = self.look.holders.iter();
        let kept = holders.filter(|held| held.task.is_some_and(|task| stuck.contains(&task)));
        self.total().saturating_sub(kept.fold(0, |sum, held| sum.saturating_add(held.count)))
    }

    /// Walks along the line, and takes out whoever gets what it asks for.
    fn strike_out(&self, stands_at: impl Fn(Key, usize) -> bool, stuck: &mut HashSet<Key>) {
        let (total, left) = (self.total(), self.left_by(stuck));
        let mut ahead: Vec<Key> = Vec::new();
        for (place, &(task, asks)) in self.look.line.iter().enumerate() {
            let Some(key) = task.filter(|key| stuck.contains(key)) else { continue };
            // One who asks for more than there is waits for somebody to add some.
            let is_met = asks > total || asks <= left && ahead.iter().all(|other| *other == key);
            if is_met && stands_at(key, place) {
                stuck.remove(&key);
            } else if asks <= total {
                ahead.push(key);
            }
        }
    }

    /// Who of the `stuck` keeps whoever waits at this place from what it asks for: those who have
    /// too much, or else those ahead in line.
    fn because_of(&self, me: Key, place: usize, stuck: &HashSet<Key>) -> Vec<Key> {
        let only_stuck = |task: Option<Key>| task.filter(|key| stuck.contains(key));
        let (total, wants) = (self.total(), self.look.line[place].1);
        if wants > total {
            return Vec::new();
        }
        if wants > self.left_by(stuck) {
            let holders = self.look.holders.iter();
            return holders.filter_map(|held| only_stuck(held.task)).collect();
        }
        let ahead = self.look.line.iter().take(place).filter(|(_, asks)| *asks <= total);
        ahead.filter_map(|(task, _)| only_stuck(*task)).filter(|task| *task != me).collect()
    }
}
