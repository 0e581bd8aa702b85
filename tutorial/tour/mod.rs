//! `roundelay tour`: the first small programs of the course.
//!
//! Each program is one idea, runs in well under a second, and is told turn by turn by the
//! loop's own observer: nothing that is printed was worked out, all of it happened.
//!
//! Tutorial: the tour. After this: `voice.rs`, then the programs in this order.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use roundelay::RunError;
use roundelay::Runner;
use roundelay::trace::{Recorder, Trace};

mod voice;

mod waits;
mod callbacks;
mod by_hand;
mod echo;
mod jobs;

pub use voice::Voice;

/// The arguments of `roundelay tour`.
#[derive(Args, Clone, Debug, Default)]
pub struct TourOptions {
    /// Record each program into DIR: a page to step through, and the trace itself
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
}

/// One program of the tour.
struct Program {
    title: &'static str,
    what_to_see: &'static str,
    virtual_clock: bool,
    run: fn(&Runner, Voice) -> Result<(), RunError>,
}

const PROGRAMS: &[Program] = &[
    Program {
        title: "Three waits in a row",
        what_to_see: "Each wait begins when the one before has ended: 60 ms in all.",
        virtual_clock: true,
        run: waits::in_a_row,
    },
    Program {
        title: "Three waits together",
        what_to_see: "One thread, three timers at the same time: 30 ms in all.",
        virtual_clock: true,
        run: waits::together,
    },
    Program {
        title: "Callbacks",
        what_to_see: "First in, first out; what a callback schedules runs in the next turn.",
        virtual_clock: true,
        run: callbacks::in_order,
    },
    Program {
        title: "A future by hand",
        what_to_see: "It is polled, leaves its waker, is woken, and is polled again. No more.",
        virtual_clock: true,
        run: by_hand::doorbell,
    },
    Program {
        title: "A TCP echo",
        what_to_see: "Try first; on WouldBlock wait; the system says when to try again.",
        virtual_clock: false,
        run: echo::one_line,
    },
    Program {
        title: "A job in a thread",
        what_to_see: "The loop goes on turning while a thread computes.",
        virtual_clock: false,
        run: jobs::in_a_thread,
    },
    Program {
        title: "A job in another process",
        what_to_see: "The same await; the function runs in a copy of this very program.",
        virtual_clock: false,
        run: jobs::in_a_process,
    },
];

/// Runs all programs, telling each turn to `out`, and records them if that is asked for.
///
/// # Errors
/// What stopped a program's loop (most likely that the system has no descriptors left), or what
/// kept a trace or the telling from being written.
pub fn tour(out: impl Write + 'static, options: &TourOptions) -> Result<(), TourError> {
    let voice = Voice::new(out);
    if let Some(folder) = &options.trace {
        fs::create_dir_all(folder).map_err(|error| TourError::Trace(folder.clone(), error))?;
    }
    for (number, program) in PROGRAMS.iter().enumerate() {
        voice.title(&format!("{}. {}", number + 1, program.title));
        voice.title(&format!("   {}", program.what_to_see));
        let recorder = options.trace.as_ref().map(|_| Recorder::new(program.title));
        play(program, &voice, recorder.clone()).map_err(TourError::Run)?;
        voice.title("");
        voice.flush().map_err(TourError::Output)?;
        if let (Some(folder), Some(recorder)) = (&options.trace, recorder) {
            let (trace, name) = (recorder.finish(), file_name(number));
            for kind in ["html", "json"] {
                let file = folder.join(format!("{name}.{kind}"));
                trace.save(&file).map_err(|error| TourError::Trace(file, error))?;
            }
        }
    }
    if let Some(folder) = &options.trace {
        let first = folder.join(file_name(0) + ".html");
        voice.title(&format!("Recorded. Open {} and the others in a browser.", first.display()));
    }
    voice.flush().map_err(TourError::Output)
}

/// Records one program, in silence. Those on the virtual clock are the same in every run.
///
/// # Errors
/// What stopped its loop.
///
/// # Panics
/// If there are not so many programs.
pub fn record(number: usize) -> Result<Trace, RunError> {
    let recorder = Recorder::new(PROGRAMS[number].title);
    play(&PROGRAMS[number], &Voice::new(io::sink()), Some(recorder.clone()))?;
    Ok(recorder.finish())
}

/// The programs that run on the virtual clock: their numbers and the names of their files.
pub fn virtual_programs() -> Vec<(usize, String)> {
    let numbers = (0..PROGRAMS.len()).filter(|number| PROGRAMS[*number].virtual_clock);
    numbers.map(|number| (number, file_name(number))).collect()
}

fn play(program: &Program, voice: &Voice, recorder: Option<Recorder>) -> Result<(), RunError> {
    voice.begin(program.virtual_clock);
    let mut builder = Runner::builder().observer(voice.clone());
    if let Some(recorder) = recorder {
        builder = builder.observer(recorder);
    }
    if program.virtual_clock {
        builder = builder.virtual_clock();
    }
    let runner = builder.build()?;
    (program.run)(&runner, voice.clone())?;
    runner.close();
    Ok(())
}

/// `2-three-waits-together`
fn file_name(number: usize) -> String {
    let title = PROGRAMS[number].title.to_lowercase().replace(' ', "-");
    format!("{}-{title}", number + 1)
}

/// Why a tour ended early.
#[derive(Debug)]
pub enum TourError {
    /// A program's loop ended early.
    Run(RunError),
    /// A trace could not be written.
    Trace(PathBuf, io::Error),
    /// What was told could not be written.
    Output(io::Error),
}

impl fmt::Display for TourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TourError::Run(error) => error.fmt(f),
            TourError::Trace(path, error) => {
                write!(f, "no trace can be written to {}: {error}", path.display())
            }
            TourError::Output(error) => write!(f, "standard output takes no more: {error}"),
        }
    }
}

impl std::error::Error for TourError {}
