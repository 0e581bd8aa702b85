//! The numbers of a trace: counted from 1, each kind for itself.
//!
//! A loop's own numbers are keys with generations, or counted for the whole process. Two runs
//! that do the same would then differ in their files. So whatever is first heard of gets the
//! next number of its kind, and keeps it for as long as the loop's number means it.
//!
//! Tutorial: chapter 19. Before this: `number_map.rs`. After this: `causes.rs`.

use std::hash::Hash;
use std::panic::Location;

use roundelay_runtime::Key;

use crate::trace::model::{
    At, GroupThing, JobThing, NamedThing, PlainThing, SourceFile, SyncThing, TaskThing, Things,
};
use crate::trace::number_map::NumberMap;

/// What the loop calls a thing, and what the trace does.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) things: Things,
    tasks: NumberMap<u64, u64>,
    task_keys: NumberMap<Key, u64>,
    timers: NumberMap<u64, u64>,
    sources: NumberMap<Key, u64>,
    jobs: NumberMap<u64, u64>,
    workers: NumberMap<u64, u64>,
    syncs: NumberMap<u64, u64>,
    promises: NumberMap<u64, u64>,
    groups: NumberMap<u64, u64>,
    paths: Vec<&'static str>,
}

impl Numbers {
    /// A task is born. The main one is always number 0.
    pub(crate) fn born(
        &mut self,
        (task, key): (u64, Key),
        name: &str,
        is_main: bool,
        parent: Option<u64>,
        at: At,
    ) -> u64 {
        let parent = parent.map(|parent| self.task(parent));
        let known = self.things.tasks.iter().any(|task| task.id == 0);
        // The main one may be heard of later than others that were spawned before the run.
        let id = match is_main {
            true => 0,
            false => (self.things.tasks.len() + usize::from(!known)) as u64,
        };
        self.tasks.insert(task, id);
        self.task_keys.insert(key, id);
        let thing = TaskThing { id, name: name.to_owned(), parent, group: None, at: Some(at) };
        match self.things.tasks.binary_search_by_key(&id, |task| task.id) {
            Ok(earlier) => self.things.tasks[earlier] = thing,
            Err(place) => self.things.tasks.insert(place, thing),
        }
        id
    }

    /// A task's number; one that was never heard of is taken for the main one.
    pub(crate) fn task(&self, task: u64) -> u64 {
        self.tasks.get(&task).copied().unwrap_or_default()
    }

    pub(crate) fn task_of_key(&self, key: Key) -> u64 {
        self.task_keys.get(&key).copied().unwrap_or_default()
    }

    pub(crate) fn join_group(&mut self, task: u64, group: u64) {
        if let Some(task) = self.things.tasks.iter_mut().rev().find(|it| it.id == task) {
            task.group = Some(group);
        }
    }

    /// A new timer: the loop may give one number to many, one after the other.
    pub(crate) fn set_timer(&mut self, timer: u64) -> u64 {
        let id = self.things.timers.len() as u64 + 1;
        self.things.timers.push(PlainThing { id });
        self.timers.insert(timer, id);
        id
    }

    pub(crate) fn timer(&self, timer: u64) -> Option<u64> {
        self.timers.get(&timer).copied()
    }

    pub(crate) fn source(&mut self, source: Key) -> u64 {
        let sources = &mut self.things.sources;
        get(&mut self.sources, source, || count(sources, |id| NamedThing { id, name: None })).0
    }

    pub(crate) fn job(&mut self, job: u64, pool: &str) -> u64 {
        let jobs = &mut self.things.jobs;
        let pool = kind_of_pool(pool);
        get(&mut self.jobs, job, || count(jobs, |id| JobThing { id, pool: pool.to_owned() })).0
    }

    pub(crate) fn worker(&mut self, worker: u64) -> u64 {
        let next = self.workers.len() as u64 + 1;
        *self.workers.entry(worker).or_insert(next)
    }

    /// Also says whether it was never heard of before; so do the next two.
    pub(crate) fn sync(&mut self, sync: u64, kind: &str) -> (u64, bool) {
        let syncs = &mut self.things.syncs;
        get(&mut self.syncs, sync, || {
            let kind = kind.to_owned();
            count(syncs, |id| SyncThing { id, kind, name: None, limit: None })
        })
    }

    pub(crate) fn promise(&mut self, promise: u64) -> (u64, bool) {
        let promises = &mut self.things.promises;
        get(&mut self.promises, promise, || count(promises, |id| PlainThing { id }))
    }

    pub(crate) fn group(&mut self, group: u64, task: u64) -> (u64, bool) {
        let groups = &mut self.things.groups;
        get(&mut self.groups, group, || count(groups, |id| GroupThing { id, task }))
    }

    /// A place in the source.
    pub(crate) fn at(&mut self, at: &'static Location<'static>) -> At {
        let known = self.paths.iter().position(|path| *path == at.file());
        let file = known.unwrap_or_else(|| {
            self.paths.push(at.file());
            self.paths.len() - 1
        });
        At(file, at.line())
    }

    /// The files that the run speaks of, with their lines where they can be read.
    pub(crate) fn files(&self) -> Vec<SourceFile> {
        let read = |path: &&'static str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        let paths = self.paths.iter().enumerate();
        paths.map(|(id, path)| SourceFile { id, path: (*path).into(), lines: read(path) }).collect()
    }
}

/// The number that stands for `key`, and whether it is new.
fn get<K: Hash + Eq>(
    known: &mut NumberMap<K, u64>,
    key: K,
    next: impl FnOnce() -> u64,
) -> (u64, bool) {
    let mut is_new = false;
    let id = *known.entry(key).or_insert_with(|| {
        is_new = true;
        next()
    });
    (id, is_new)
}

/// Adds a thing to its list, and says its number.
fn count<T>(list: &mut Vec<T>, thing: impl FnOnce(u64) -> T) -> u64 {
    let id = list.len() as u64 + 1;
    list.push(thing(id));
    id
}

/// What kind of pool it is, by the name of its type.
fn kind_of_pool(pool: &str) -> &'static str {
    let kinds = [("threads", "threads"), ("Thread", "threads"), ("Timed", "script")];
    let kind = kinds.iter().find(|(part, _)| pool.contains(part));
    kind.map_or("other", |(_, kind)| kind)
}
