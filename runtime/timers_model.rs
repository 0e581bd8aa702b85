//! All timers of a loop beside a plain model: a list that is sorted when it is asked.
//!
//! Tutorial: chapter 3. Before this: `timers.rs`. After this: `ready.rs`.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use crate::callback::{Callback, Key};
use crate::clock::Moment;
use crate::timer_table::TimerKey;
use crate::timers::Timers;

fn at(ms: u64) -> Moment {
    Moment::START.after(Duration::from_millis(ms))
}

fn nothing() -> Callback {
    Callback::Notify(Key::new(0, 0))
}

#[derive(Clone, Debug)]
enum Command {
    Set(u64),
    Limit(u64),
    Read,
    Cancel(usize),
    Advance(u64),
    LeaveOver(bool),
    Call,
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (0_u64..20).prop_map(Command::Set),
        4 => (0_u64..3000).prop_map(Command::Set),
        2 => (0_u64..300).prop_map(Command::Limit),
        1 => Just(Command::Read),
        3 => any::<usize>().prop_map(Command::Cancel),
        2 => (0_u64..8).prop_map(Command::Advance),
        1 => (0_u64..800).prop_map(Command::Advance),
        1 => any::<bool>().prop_map(Command::LeaveOver),
        2 => Just(Command::Call),
    ]
}

proptest! {
    /// The model is a list, sorted when asked. Ties, cancelled timers, timers in the
    /// past, limits, and timers cancelled while due are all in the mix.
    #[test]
    fn timers_leave_by_deadline_then_by_order_of_setting(
        base in prop_oneof![
            2 => Just(0),
            1 => Just((1 << 36) - 1),
            // Four centuries after the loop's beginning.
            1 => Just(400 * 365 * 24 * 3_600_000),
        ],
        commands in proptest::collection::vec(command(), 0..if cfg!(miri) { 20 } else { 200 }),
    ) {
        let mut timers = Timers::new();
        let (mut now, mut earliest_place) = (base + 10, 0);
        let mut keys = Vec::new();
        let mut model: Vec<(u64, TimerKey)> = Vec::new();
        let mut limits: Vec<(u64, TimerKey)> = Vec::new();
        let mut due = VecDeque::new();
        for command in commands {
            match command {
                Command::Set(delay) => {
                    let deadline = now + delay - 5;
                    let key = timers.set(at(deadline), nothing());
                    keys.push(key);
                    model.push((deadline.max(earliest_place), key));
                }
                Command::Limit(length) => {
                    let key = timers.set_limit(Duration::from_millis(length), nothing(), 0);
                    keys.push(key);
                    limits.push((length, key));
                }
                Command::Read => {
                    timers.begin_limits(at(now));
                    model.extend(limits.drain(..).map(|(length, key)| (now + length, key)));
                }
                Command::Cancel(which) if !keys.is_empty() => {
                    let key = keys[which % keys.len()];
                    let mut waiting = model.iter().chain(&limits);
                    let known = waiting.any(|&(_, k)| k == key) || due.contains(&key);
                    prop_assert_eq!(timers.is_set(key), known);
                    prop_assert_eq!(timers.cancel(key).is_some(), known);
                    model.retain(|&(_, k)| k != key);
                    limits.retain(|&(_, k)| k != key);
                    due.retain(|&k| k != key);
                }
                Command::Cancel(_) => {}
                Command::Advance(by) => {
                    now += by;
                    model.sort_by_key(|&(deadline, key)| (deadline, key.number));
                    while let Some(key) = timers.pop_due(at(now)) {
                        let (deadline, expected) = model.remove(0);
                        prop_assert!(deadline <= now);
                        prop_assert_eq!(key, expected);
                        due.push_back(key);
                    }
                    prop_assert!(model.iter().all(|&(deadline, _)| deadline > now));
                }
                Command::LeaveOver(some) => {
                    earliest_place = if some { now } else { 0 };
                    timers.no_earlier_than(at(earliest_place));
                }
                Command::Call => {
                    if let Some(key) = due.pop_front() {
                        prop_assert!(timers.take_due(key.to_key()).is_some());
                    }
                }
            }
            let earliest = model.iter().map(|&(deadline, _)| at(deadline)).min();
            prop_assert_eq!(timers.next_deadline(), earliest);
            prop_assert_eq!(timers.len(), model.len() + limits.len());
            prop_assert_eq!(timers.has_limits(), !limits.is_empty());
        }
    }
}
