//! The conductor: the one task that keeps three things going, and then waits for whatever happens
//! next.
//!
//! ```text
//!        +--> 1. read ahead     is there room in the window, and nobody reading?   a job reads the source
//!        |    2. hand out       is there work nobody has?                          a task for each portion
//!        |    3. write out      is the front finished, and nobody writing?         a job fills the sink
//!        +--- 4. wait           for the next event
//! ```
//!
//! Whoever does one of these things tells the conductor when it is done, by an event in a queue. So
//! all that is known about the run is in one place, is changed in one place, and needs no lock.
//!
//! # Invariants
//! - At most one job reads the source. Only the writer's thread touches the sink.
//! - Items reach the sink in the order in which the source gave them, each once.
//! - The loop's thread reads no directory and writes no line.
//!
//! Tutorial: chapter 20, the capstone. Before this: `ends.rs`. After this: `pipeline.rs`.

use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roundelay::{Instant, Job, JobError, PoolError, Queue, TaskGroup, ThreadPool, now};

use super::ends::{Shared, Sink, Source, Stopped, lock};
use super::interrupt::Interrupts;
use super::output::OutputError;
use super::portion::{Broken, Report, attend};
use super::progress::{Amount, Progress, Verbosity};
use super::retry::{BASE, Backoff, CAP};
use super::window::{Finished, Item, PortionSize, Rest, Window};
use super::workers::Workers;

/// What a run needs besides its source and its sink.
pub(crate) struct Setting {
    pub(crate) workers: Rc<Workers>,
    /// The one thread that fills the sink, so that nothing overtakes.
    pub(crate) writer: ThreadPool,
    /// Threads for everything else that is not hashing.
    pub(crate) helpers: ThreadPool,
    pub(crate) interrupts: Interrupts,
    pub(crate) progress: Progress,
    pub(crate) verbosity: Verbosity,
    pub(crate) retries: u32,
    pub(crate) deadline: Option<Duration>,
}

/// How many items are held at a time.
pub(crate) const WINDOW: usize = 2048;

/// How many items a job reads. The first jobs read fewer, so that hashing begins at once.
const BATCH: usize = 256;
const FIRST_BATCH: usize = 16;

/// How many finished items are worth a job that writes them before the next tick.
const WORTH_WRITING: usize = 256;

/// Small files share a job up to these limits.
const PORTION: PortionSize = PortionSize { files: 32, bytes: 1 << 20 };

/// The one who keeps everything going.
pub(crate) struct Conductor<S: Source, K> {
    setting: Rc<Setting>,
    events: Queue<Event<S>>,
    /// `None` while a job reads it, and when it is over.
    source: Option<S>,
    source_is_over: bool,
    batch: usize,
    window: Window<S::Item>,
    sink: Shared<K>,
    is_writing: bool,
    /// What is finished is to be written even if it is little.
    is_due: bool,
    /// It is time to show progress.
    is_time_to_show: bool,
    notes: Vec<String>,
    done: Amount,
    began: Instant,
}

pub(crate) enum Event<S: Source> {
    Read(S, Vec<S::Item>),
    Of(Report),
    Written,
    Tick,
}

impl<S: Source, K: Sink<Item = S::Item>> Conductor<S, K> {
    pub(crate) fn new(source: S, sink: &Shared<K>, setting: &Rc<Setting>) -> Conductor<S, K> {
        Conductor {
            setting: Rc::clone(setting),
            events: Queue::unbounded(),
            source: Some(source),
            source_is_over: false,
            batch: FIRST_BATCH,
            window: Window::new(WINDOW),
            sink: Arc::clone(sink),
            is_writing: false,
            is_due: false,
            is_time_to_show: false,
            notes: Vec::new(),
            done: Amount::default(),
            began: now(),
        }
    }

    /// Where to tell it what has happened.
    pub(crate) fn events(&self) -> Queue<Event<S>> {
        self.events.clone()
    }

    /// What has been hashed by now.
    pub(crate) fn done(&self) -> Amount {
        Amount { bytes: self.setting.workers.bytes(), ..self.done }
    }

    /// Goes on until everything is written.
    pub(crate) async fn conduct(&mut self, group: &TaskGroup<Stopped>) {
        loop {
            self.read_ahead(group);
            self.hand_out(group);
            self.write_out(group);
            if self.is_over() {
                return;
            }
            let event = self.events.get().await.expect("this queue is never closed");
            self.note(event);
            // What has happened at the same time is answered at the same time.
            while let Ok(event) = self.events.try_get() {
                self.note(event);
            }
        }
    }

    fn is_over(&self) -> bool {
        let idle = self.window.is_empty() && self.notes.is_empty() && !self.is_writing;
        self.source_is_over && idle
    }

    fn read_ahead(&mut self, group: &TaskGroup<Stopped>) {
        let most = self.batch.min(self.window.room());
        if self.source_is_over || most == 0 {
            return;
        }
        let Some(mut source) = self.source.take() else { return };
        self.batch = (2 * self.batch).min(BATCH);
        let job = self.setting.helpers.submit(move || {
            let items = source.read(most);
            (source, items)
        });
        let events = self.events.clone();
        group.spawn(async move {
            let (source, items) = answer(job).await?;
            tell(&events, Event::Read(source, items));
            Ok(())
        });
    }

    fn hand_out(&mut self, group: &TaskGroup<Stopped>) {
        while let Some(pieces) = self.window.hand_out(self.portion_size()) {
            let workers = Rc::clone(&self.setting.workers);
            let pauses = Backoff::new(BASE, CAP, self.setting.retries, pieces[0].number);
            let events = self.events.clone();
            group.spawn(async move {
                let report = |report| tell(&events, Event::Of(report));
                let attended = attend(pieces, &workers, pauses, report).await;
                attended.map_err(|Broken(why)| Stopped::Broken(why))
            });
        }
    }

    /// Large portions while there is plenty to do; near the end, everybody should have something.
    fn portion_size(&self) -> PortionSize {
        let workers = &self.setting.workers;
        match workers.limit() {
            Some(_) => PortionSize { files: 1, bytes: 0 },
            None => {
                let share = self.window.waiting() / (2 * workers.jobs());
                PortionSize { files: share.clamp(1, PORTION.files), bytes: PORTION.bytes }
            }
        }
    }

    fn write_out(&mut self, group: &TaskGroup<Stopped>) {
        let is_worth_it = self.is_due || self.window.has_finished(WORTH_WRITING);
        if self.is_writing || !is_worth_it {
            return;
        }
        self.is_due = false;
        let show = mem::take(&mut self.is_time_to_show) && self.setting.progress.is_shown();
        let writing = Writing {
            finished: self.window.take_finished(),
            notes: mem::take(&mut self.notes),
            shown: show.then(|| (self.done(), now() - self.began)),
        };
        if writing.is_nothing() {
            return;
        }
        self.is_writing = true;
        let (sink, progress) = (Arc::clone(&self.sink), self.setting.progress.clone());
        let job = self.setting.writer.submit(move || writing.write(&sink, &progress));
        let events = self.events.clone();
        group.spawn(async move {
            answer(job).await?.map_err(Stopped::Output)?;
            tell(&events, Event::Written);
            Ok(())
        });
    }

    fn note(&mut self, event: Event<S>) {
        match event {
            Event::Read(source, items) => {
                self.source_is_over = items.is_empty();
                self.source = Some(source);
                items.into_iter().for_each(|item| self.window.push(item));
            }
            Event::Of(Report::Begun(number)) => self.window.begin(number),
            Event::Of(Report::Found(number, found)) => {
                self.done.files += u64::from(found.is_ok());
                self.window.settle(number, found);
            }
            Event::Of(Report::Note(loudness, text)) => {
                if self.setting.verbosity >= loudness {
                    self.notes.push(text);
                }
            }
            Event::Written => self.is_writing = false,
            Event::Tick => {
                self.is_due = true;
                self.is_time_to_show = true;
            }
        }
        // Nothing but writing is left.
        self.is_due |= self.source_is_over && self.window.is_done();
    }

    /// The run was stopped; what came in together with the reason still counts.
    pub(crate) fn end(mut self, why: Stopped) -> Remains<S::Item> {
        while let Ok(event) = self.events.try_get() {
            self.note(event);
        }
        Remains { why, done: self.done(), rest: self.window.end() }
    }
}

/// What a stopped run leaves.
#[derive(Debug)]
pub(crate) struct Remains<T> {
    pub(crate) why: Stopped,
    pub(crate) rest: Rest<T>,
    /// What was hashed, written or not.
    pub(crate) done: Amount,
}

/// What one job writes.
pub(crate) struct Writing<T> {
    pub(crate) finished: Vec<Finished<T>>,
    pub(crate) notes: Vec<String>,
    pub(crate) shown: Option<(Amount, Duration)>,
}

impl<T: Item> Writing<T> {
    fn is_nothing(&self) -> bool {
        self.finished.is_empty() && self.notes.is_empty() && self.shown.is_none()
    }

    pub(crate) fn write<K: Sink<Item = T>>(
        self,
        sink: &Mutex<K>,
        progress: &Progress,
    ) -> Result<(), OutputError> {
        let mut sink = lock(sink);
        self.notes.iter().for_each(|note| progress.say(note));
        self.finished.into_iter().try_for_each(|finished| sink.take(finished))?;
        sink.flush()?;
        if let Some((done, elapsed)) = self.shown {
            progress.show(done, elapsed);
        }
        Ok(())
    }
}

/// Tells the conductor; never waits.
pub(crate) fn tell<T>(events: &Queue<T>, event: T) {
    let told = events.try_put(event);
    debug_assert!(told.is_ok(), "the queue has no limit and is never closed");
}

/// The answer of a helper. Helpers run our own code, so they fail only by a bug or for want of
/// threads.
pub(crate) async fn answer<T>(job: Result<Job<T>, PoolError>) -> Result<T, Stopped> {
    let broken = |why: &dyn ToString| Stopped::Broken(why.to_string());
    let job = job.map_err(|refusal| broken(&refusal))?;
    job.await.map_err(|error: JobError| broken(&error))
}
