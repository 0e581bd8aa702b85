//! `roundelay tour`: the first small programs of the course.
//!
//! Each program is one idea, runs in well under a second, and is told turn by turn by the
//! loop's own observer: nothing that is printed was worked out, all of it happened.
//!
//! Tutorial: the tour. After this: `voice.rs`, then the programs in this order.

use std::io::Write;

use roundelay::{RunError, Runner};

mod voice;

mod waits;
mod callbacks;
mod by_hand;
mod echo;
mod jobs;

pub use voice::Voice;

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

/// Runs all programs, telling each turn to `out`.
///
/// # Errors
/// What stopped a program's loop: most likely that the system has no descriptors left.
pub fn tour(out: impl Write + 'static) -> Result<(), RunError> {
    let voice = Voice::new(out);
    for (number, program) in PROGRAMS.iter().enumerate() {
        voice.title(&format!("{}. {}", number + 1, program.title));
        voice.title(&format!("   {}", program.what_to_see));
        voice.begin(program.virtual_clock);
        let mut builder = Runner::builder().observer(voice.clone());
        if program.virtual_clock {
            builder = builder.virtual_clock();
        }
        let runner = builder.build()?;
        (program.run)(&runner, voice.clone())?;
        runner.close();
        voice.title("");
    }
    Ok(())
}
