//! The voice of the tour: says what the loop does, in which turn.
//!
//! It is an observer of the loop. Each event becomes a short sentence under the turn in
//! which it happened; what the programs themselves say stands between them.
//!
//! Tutorial: the tour. Before this: `mod.rs`. After this: `waits.rs`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use roundelay::runtime::{Event, observe_here};
use roundelay::{Moment, Observer, TaskEnd, Work};

/// Speaks to whoever watches. Clones speak with the same voice.
#[derive(Clone)]
pub struct Voice {
    told: Rc<Told>,
}

struct Told {
    out: RefCell<Box<dyn Write>>,
    /// What `out` has refused first, if it was not that its reader has gone away.
    refused: RefCell<Option<io::Error>>,
    /// The turn that runs, and whether anything has been said in it.
    turn: Cell<(u64, bool)>,
    tasks: RefCell<HashMap<u64, String>>,
    /// Which timer of the loop is the how-manieth: a trace counts from 1, and so does the voice.
    timers: RefCell<HashMap<u64, usize>>,
    /// Whether the clock is virtual: then times are the same in every run, and are said.
    says_time: Cell<bool>,
}

impl Voice {
    /// A voice that writes to `out`.
    pub fn new(out: impl Write + 'static) -> Voice {
        Voice {
            told: Rc::new(Told {
                out: RefCell::new(Box::new(out)),
                refused: RefCell::default(),
                turn: Cell::new((0, false)),
                tasks: RefCell::default(),
                timers: RefCell::default(),
                says_time: Cell::new(false),
            }),
        }
    }

    /// Says a line of the tour itself.
    pub fn title(&self, line: &str) {
        self.write(format_args!("{line}"));
    }

    /// Says what a program says.
    #[track_caller]
    pub fn say(&self, line: impl Display) {
        let at = Location::caller();
        observe_here(|| Event::Said { text: line.to_string(), to_stderr: false, at });
        self.write(format_args!("           \"{line}\""));
    }

    /// Gets ready for the next program, on a virtual clock or a real one.
    pub fn begin(&self, says_time: bool) {
        self.told.turn.set((0, false));
        self.told.tasks.borrow_mut().clear();
        self.told.timers.borrow_mut().clear();
        self.told.says_time.set(says_time);
    }

    fn tell(&self, now: Moment, sentence: impl Display) {
        let (turn, said) = self.told.turn.get();
        self.told.turn.set((turn, true));
        if said {
            self.write(format_args!("           {sentence}"));
        } else if self.told.says_time.get() && turn > 0 {
            let ms = now.since(Moment::START).as_millis();
            self.write(format_args!("  -- turn {turn}, at {ms} ms"));
            self.write(format_args!("           {sentence}"));
        } else if turn > 0 {
            self.write(format_args!("  -- turn {turn}"));
            self.write(format_args!("           {sentence}"));
        } else {
            self.write(format_args!("           {sentence}"));
        }
    }

    /// Says all that was not said yet.
    ///
    /// # Errors
    /// Why some of it could not be said: a full disk, for instance. A reader that has gone away
    /// has heard enough.
    pub fn flush(&self) -> io::Result<()> {
        let flushed = self.told.out.borrow_mut().flush();
        self.note(flushed);
        self.told.refused.take().map_or(Ok(()), Err)
    }

    fn write(&self, line: std::fmt::Arguments<'_>) {
        let written = writeln!(self.told.out.borrow_mut(), "{line}");
        self.note(written);
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.told.refused.borrow_mut().get_or_insert(error);
        }
    }

    fn name(&self, task: u64) -> String {
        let tasks = self.told.tasks.borrow();
        tasks.get(&task).cloned().unwrap_or_else(|| format!("Task-{task}"))
    }

    fn timer(&self, timer: u64) -> usize {
        let mut timers = self.told.timers.borrow_mut();
        let next = timers.len() + 1;
        *timers.entry(timer).or_insert(next)
    }
}

impl Observer for Voice {
    fn observe(&self, now: Moment, event: &Event) {
        match event {
            Event::TurnBegins { turn, .. } => self.told.turn.set((*turn, false)),
            Event::TaskSpawned { task, name, .. } => {
                let name = Event::task_name(*task, name.as_deref());
                self.told.tasks.borrow_mut().insert(*task, name.clone());
                self.tell(
                    now,
                    format_args!("{name} is spawned; its first step is the next turn's"),
                );
            }
            Event::TaskPolled { task } => {
                self.tell(now, format_args!("{} takes a step", self.name(*task)));
            }
            Event::TaskPending { task } => {
                self.tell(now, format_args!("{} waits", self.name(*task)));
            }
            Event::TaskWoken { task } => {
                self.tell(now, format_args!("{} is woken", self.name(*task)));
            }
            Event::TaskEnded { task, how } => {
                let how = match how {
                    TaskEnd::Finished => "is finished",
                    TaskEnd::Cancelled => "is cancelled: its future has been dropped",
                    TaskEnd::Panicked => "has panicked",
                };
                self.tell(now, format_args!("{} {how}", self.name(*task)));
            }
            Event::TimerSet { timer, deadline } if self.told.says_time.get() => {
                let (timer, ms) = (self.timer(*timer), deadline.since(Moment::START).as_millis());
                self.tell(now, format_args!("timer {timer} is set for {ms} ms"));
            }
            Event::TimerSet { timer, .. } => {
                self.tell(now, format_args!("timer {} is set", self.timer(*timer)));
            }
            Event::TimerDue { timer } => {
                self.tell(now, format_args!("timer {} is due", self.timer(*timer)));
            }
            Event::TimerCancelled { timer } => {
                self.tell(now, format_args!("timer {} is cancelled", self.timer(*timer)));
            }
            Event::ClockJumps { from, to } => {
                let ms = to.since(*from).as_millis();
                self.tell(*from, format_args!("nothing else to do: the clock jumps by {ms} ms"));
            }
            Event::WaitBegins { at_most: None } => {
                self.tell(now, "nothing to do: the loop sleeps until something happens");
            }
            Event::WaitBegins { at_most: Some(limit) } if *limit > Duration::ZERO => {
                self.tell(now, "nothing to do: the loop sleeps until the next deadline");
            }
            Event::SourceAwaited { to_read, .. } => {
                let what = if *to_read { "read" } else { "written" };
                self.tell(
                    now,
                    format_args!("WouldBlock: a word is left for when it can be {what}"),
                );
            }
            Event::SourceReady { readable, writable, .. } => {
                let what = match (readable, writable) {
                    (true, true) => "read and written",
                    (true, false) => "read",
                    _ => "written",
                };
                self.tell(now, format_args!("the system says: a socket can be {what}"));
            }
            Event::InboxCollected { .. } => {
                self.tell(now, "a word from another thread is in the inbox");
            }
            Event::CallBegins { what: Work::Callback, .. } => {
                self.tell(now, "a callback is called");
            }
            Event::CallBegins { what: Work::Cancelled, .. } => {
                self.tell(now, "a cancelled callback is passed over");
            }
            Event::JobSubmitted { .. } => self.tell(now, "a job goes to the thread pool"),
            Event::JobEnded { .. } => self.tell(now, "the job has ended"),
            _ => {}
        }
    }
}
