//! The system's signals, by name.
//!
//! A signal is a number that one process, or the kernel, throws at another. This file only
//! names them; `signal_pipe.rs` catches them.
//!
//! Tutorial: chapter 8. Before this: `source.rs`. After this: `signal_pipe.rs`.

use std::fmt;

use signal_hook::consts::signal as numbers;
use signal_hook::low_level::signal_name;

/// One of the system's signals.
///
/// ```
/// use roundelay_runtime::Signal;
///
/// assert_eq!(Signal::INTERRUPT.to_string(), "SIGINT");
/// assert_eq!(Signal::from_number(Signal::KILL.number()), Some(Signal::KILL));
/// assert_eq!(Signal::from_number(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// `SIGINT`: Ctrl-C.
    pub const INTERRUPT: Signal = Signal(numbers::SIGINT);
    /// `SIGTERM`: please end; what service managers send first.
    pub const TERMINATE: Signal = Signal(numbers::SIGTERM);
    /// `SIGHUP`: the terminal is gone; to services, often: read your settings again.
    pub const HANGUP: Signal = Signal(numbers::SIGHUP);
    /// `SIGQUIT`: Ctrl-\.
    pub const QUIT: Signal = Signal(numbers::SIGQUIT);
    /// `SIGKILL`: ends the process. It cannot be listened for.
    pub const KILL: Signal = Signal(numbers::SIGKILL);
    /// `SIGSTOP`: pauses the process. It cannot be listened for.
    pub const STOP: Signal = Signal(numbers::SIGSTOP);
    /// `SIGTSTP`: Ctrl-Z.
    pub const TERMINAL_STOP: Signal = Signal(numbers::SIGTSTP);
    /// `SIGCONT`: goes on after a pause.
    pub const CONTINUE: Signal = Signal(numbers::SIGCONT);
    /// `SIGUSR1`: means what the program says.
    pub const USER_1: Signal = Signal(numbers::SIGUSR1);
    /// `SIGUSR2`: means what the program says.
    pub const USER_2: Signal = Signal(numbers::SIGUSR2);
    /// `SIGALRM`: an alarm clock of the system's went off.
    pub const ALARM: Signal = Signal(numbers::SIGALRM);
    /// `SIGPIPE`: nobody reads what is written. Rust programs ignore it and get an error.
    pub const PIPE: Signal = Signal(numbers::SIGPIPE);
    /// `SIGCHLD`: a child process has ended or paused.
    pub const CHILD: Signal = Signal(numbers::SIGCHLD);
    /// `SIGWINCH`: the terminal's window has another size.
    pub const WINDOW: Signal = Signal(numbers::SIGWINCH);
    /// `SIGABRT`: the process has given itself up.
    pub const ABORT: Signal = Signal(numbers::SIGABRT);
    /// `SIGSEGV`: a wrong address was used. It cannot be listened for.
    pub const SEGMENTATION_FAULT: Signal = Signal(numbers::SIGSEGV);

    /// The signal with this number, if the system gives it a name.
    ///
    /// ```
    /// use roundelay_runtime::Signal;
    ///
    /// assert_eq!(Signal::from_number(2), Some(Signal::INTERRUPT));
    /// assert_eq!(Signal::from_number(0), None);
    /// ```
    #[must_use]
    pub fn from_number(number: i32) -> Option<Signal> {
        signal_name(number).map(|_| Signal(number))
    }

    /// The system's number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(signal_name(self.0).unwrap_or("a signal without a name"))
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
