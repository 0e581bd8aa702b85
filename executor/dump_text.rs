//! A dump as text: a tree in plain words, or a list with one task a line.
//!
//! # Invariants
//! - As long as the dump, whoever spawned whom: no recursion, and a limit to the indent.
//!
//! Tutorial: chapter 19. Before this: `dump.rs`. After this: `circle.rs`.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::time::Duration;

use crate::dump::{Dump, HeldBy, TaskDump, TaskName, WaitsFor, named};
use crate::task_info::TaskState;

impl Dump {
    /// One task a line, the oldest first, and nothing about who spawned whom. At the end, a line on
    /// who has held up the loop, if anybody has.
    ///
    /// ```
    /// let list = roundelay_executor::run(async { roundelay_executor::dump().list() });
    /// assert!(list.starts_with("task 1 (main) runs [step 1, spawned at "), "{list}");
    /// ```
    #[must_use]
    pub fn list(&self) -> String {
        let mut list = String::new();
        for task in &self.tasks {
            let _ = writeln!(list, "{task}");
        }
        if self.held_up.times > 0 {
            let _ = writeln!(list, "{}", self.held_up);
        }
        list
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut children: HashMap<Option<u64>, Vec<&TaskDump>> = HashMap::new();
        for task in &self.tasks {
            children.entry(task.parent).or_default().push(task);
        }
        let count = self.tasks.len();
        write!(
            f,
            "loop {}, turn {}: {count} tasks, {} ready",
            self.loop_id, self.turn, self.ready
        )?;
        // Not by recursion: a task may have a million ancestors.
        let mut rest: Vec<(usize, &TaskDump)> = Vec::new();
        let roots = children.remove(&None).unwrap_or_default();
        rest.extend(roots.into_iter().rev().map(|root| (0, root)));
        while let Some((depth, task)) = rest.pop() {
            let indent = 2 * depth.min(DEEPEST_INDENT);
            let branch = if depth == 0 { "" } else { "+- " };
            write!(f, "\n{:indent$}{branch}{task}", "")?;
            let of_task = children.remove(&Some(task.id)).unwrap_or_default();
            rest.extend(of_task.into_iter().rev().map(|child| (depth + 1, child)));
        }
        if self.held_up.times > 0 {
            write!(f, "\n{}", self.held_up)?;
        }
        Ok(())
    }
}

/// A tree is not indented any further than this many levels.
const DEEPEST_INDENT: usize = 16;

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", named(self.id, &self.name))?;
        match (self.state, &self.waits_for) {
            (TaskState::Running, _) => f.write_str("runs")?,
            (TaskState::Scheduled, _) => f.write_str("is ready")?,
            (TaskState::Waiting, waits_for) => {
                let unknown = &WaitsFor::Unknown;
                let waits_for = waits_for.as_ref().unwrap_or(unknown);
                write!(f, "has waited {:?} for {waits_for}", self.waited)?;
                if !self.waits_alone && *waits_for != WaitsFor::Unknown {
                    f.write_str(", among others")?;
                }
            }
        }
        if self.cancel_requested {
            f.write_str(", and is asked to end")?;
        }
        write!(f, " [step {}", self.steps)?;
        if let Some(waker) = self.woken_by {
            write!(f, ", woken by task {waker}")?;
        }
        write!(f, ", spawned at {}]", self.spawned_at)
    }
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitsFor::Timer { remaining: Duration::MAX } => {
                f.write_str("a timer that is never due")
            }
            WaitsFor::Timer { remaining } => write!(f, "a timer, due in {remaining:?}"),
            WaitsFor::Socket { to_write: false } => f.write_str("a socket to read"),
            WaitsFor::Socket { to_write: true } => f.write_str("a socket to write"),
            WaitsFor::Task(task) => write!(f, "the end of {task}"),
            WaitsFor::Tasks { all, tasks, more } => {
                f.write_str(if *all { "the ends of " } else { "the end of one or more of " })?;
                for (place, task) in tasks.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    task.fmt(f)?;
                }
                match more {
                    0 if tasks.is_empty() => f.write_str("tasks that have all ended"),
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            WaitsFor::Job(number) => write!(f, "job {number}"),
            WaitsFor::Promise => f.write_str("a promise"),
            WaitsFor::Group => f.write_str("the children of a group"),
            WaitsFor::Unknown => f.write_str("something that does not say what it is"),
            WaitsFor::Sync { kind, number, held_by, more } => {
                write!(f, "{kind} {number}")?;
                for (place, holder) in held_by.iter().enumerate() {
                    f.write_str(if place == 0 { ", " } else { " and " })?;
                    holder.fmt(f)?;
                }
                if *more > 0 {
                    write!(f, " and {more} more")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.untaken, self.moved) {
            (true, _) => "handed to ",
            (false, true) => "first taken by ",
            (false, false) => "held by ",
        })?;
        match &self.task {
            Some(task) => task.fmt(f)?,
            None => f.write_str("somebody who is no task any more, or never was")?,
        }
        if self.untaken {
            f.write_str(", who has not taken it")?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&named(self.id, &self.name))
    }
}
