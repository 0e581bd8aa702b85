//! Telling the user how far the work is, and everything else that goes to standard error.
//!
//! ```text
//!   a person watches (standard error is a terminal, the manifest goes elsewhere)
//!       [=======>        ] 812/2000 files  84.1 MiB/200.0 MiB  1.2 GiB/s  0s left       a bar
//!   nobody watches                                                                      nothing
//!   nobody watches, --verbose
//!       roundelay: 812 of 2000 files, 84.1 MiB of 200.0 MiB, 1.2 GiB/s                  plain lines
//! ```
//!
//! "Time left" needs to know how much there is. So where progress is shown, and only there, a
//! second walk runs ahead and counts; until it is done, the bar shows what has been done and no
//! end.
//!
//! Whoever drives the work calls [`Progress::show`] from a timer, several times a second. A bar is
//! drawn each time; plain lines come ever more rarely, after 1 s, 2 s, 4 s and so on up to one a
//! minute. This file has no thread and asks no clock of its own (the bar's estimate of the time
//! left does, inside indicatif).
//!
//! Tutorial: chapter 20, the capstone. Before this: `output.rs`. After this: `check.rs`.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::walk::{Entry, Walk};

/// How talkative the command is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only what failed.
    Quiet,
    /// A bar if somebody watches; failures and unusual skips; a closing line if something failed.
    #[default]
    Normal,
    /// Everything that was left out or tried again, and progress in plain lines if nobody watches.
    Verbose,
}

/// The three ways of showing progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar that is drawn over itself.
    Bar,
    /// A line now and then.
    Lines,
    /// Nothing.
    Nothing,
}

impl Style {
    /// Chooses a style. `watched`: standard error is a terminal. `beside_lines`: the manifest goes
    /// to a terminal too; its lines are progress enough, and a bar would be torn apart by them.
    pub fn choose(verbosity: Verbosity, watched: bool, beside_lines: bool) -> Style {
        match verbosity {
            Verbosity::Quiet => Style::Nothing,
            _ if watched && !beside_lines => Style::Bar,
            Verbosity::Verbose if !watched => Style::Lines,
            _ => Style::Nothing,
        }
    }
}

/// An amount of work: done, or to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// Counts what a walk will find. This reads every directory, so it belongs in a thread.
    pub fn of(walk: Walk) -> Amount {
        let mut amount = Amount::default();
        for entry in walk {
            if let Entry::File { size, .. } = entry {
                amount.files += 1;
                amount.bytes += size;
            }
        }
        amount
    }
}

/// Shows progress on standard error, and keeps messages and the bar from tearing each other. Clones
/// share one bar.
#[derive(Clone, Debug)]
pub struct Progress {
    style: Style,
    bar: ProgressBar,
    total: Arc<OnceLock<Amount>>,
    /// How many seconds after the beginning the next plain line is due.
    next_line: Arc<AtomicU64>,
}

/// Plain lines are not further apart than this many seconds.
const RAREST_LINE: u64 = 60;

/// The bar gets what the words leave of the line, so that the line never takes two.
const COUNTED: &str =
    "[{wide_bar}] {msg} files  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
const COUNTING: &str = "{spinner} {msg} files  {bytes}  {bytes_per_sec}";

impl Progress {
    /// Begins in `style` on standard error.
    pub fn new(style: Style) -> Progress {
        let target = match style {
            Style::Bar => ProgressDrawTarget::stderr(),
            Style::Lines | Style::Nothing => ProgressDrawTarget::hidden(),
        };
        Progress::on(style, target)
    }

    fn on(style: Style, target: ProgressDrawTarget) -> Progress {
        let bar = ProgressBar::with_draw_target(None, target).with_style(style_of(COUNTING));
        // It may be drawn before anything is done.
        let bar = bar.with_message("0");
        Progress { style, bar, total: Arc::default(), next_line: Arc::new(AtomicU64::new(1)) }
    }

    /// Is anything shown? Then it is worth counting how much there is to do.
    pub fn is_shown(&self) -> bool {
        self.style != Style::Nothing
    }

    /// Tells how much there is to do. The first word counts.
    pub fn expect(&self, total: Amount) {
        if self.total.set(total).is_err() {
            return;
        }
        self.bar.set_style(style_of(COUNTED).progress_chars("=> "));
        self.bar.set_length(total.bytes);
    }

    /// Shows how much is done, `elapsed` after the beginning.
    pub fn show(&self, done: Amount, elapsed: Duration) {
        match self.style {
            Style::Bar => {
                self.bar.set_message(match self.total.get() {
                    Some(total) => format!("{}/{}", done.files, total.files),
                    None => done.files.to_string(),
                });
                self.bar.set_position(done.bytes);
            }
            Style::Lines if self.is_line_due(elapsed) => {
                self.say(&plain_line(done, self.total.get().copied(), elapsed));
            }
            Style::Lines | Style::Nothing => {}
        }
    }

    fn is_line_due(&self, elapsed: Duration) -> bool {
        let next = self.next_line.load(Ordering::Relaxed);
        let is_due = elapsed.as_secs() >= next;
        if is_due {
            let later = elapsed.as_secs() + next.min(RAREST_LINE);
            self.next_line.store(later, Ordering::Relaxed);
        }
        is_due
    }

    /// Writes a message for the user: one line on standard error, above the bar if there is one.
    pub fn say(&self, message: &str) {
        let line = format!("roundelay: {message}");
        if self.style == Style::Bar {
            self.bar.println(line);
        } else {
            // If standard error is closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// Takes the bar away: what is written next stands on a clean line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is one of the two above")
}

fn plain_line(done: Amount, total: Option<Amount>, elapsed: Duration) -> String {
    let rate = done.bytes as f64 / elapsed.as_secs_f64().max(1e-9);
    let (bytes, rate) = (HumanBytes(done.bytes), HumanBytes(rate as u64));
    match total {
        Some(total) => {
            let (files, all) = (total.files, HumanBytes(total.bytes));
            format!("{} of {files} files, {bytes} of {all}, {rate}/s", done.files)
        }
        None => format!("{} files, {bytes}, {rate}/s", done.files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::walk::WalkOptions;
    use indicatif::InMemoryTerm;

    const MIB: u64 = 1 << 20;

    fn bar_in_memory() -> (Progress, InMemoryTerm) {
        let terminal = InMemoryTerm::new(10, 120);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        (Progress::on(Style::Bar, target), terminal)
    }

    #[test]
    fn a_bar_is_for_a_person_who_does_not_see_the_manifest_itself() {
        use Verbosity::{Normal, Quiet, Verbose};
        for (verbosity, watched, beside_lines, style) in [
            (Normal, true, false, Style::Bar),
            (Normal, true, true, Style::Nothing),
            (Normal, false, false, Style::Nothing),
            (Verbose, true, false, Style::Bar),
            (Verbose, false, false, Style::Lines),
            (Quiet, true, false, Style::Nothing),
            (Quiet, false, false, Style::Nothing),
        ] {
            assert_eq!(Style::choose(verbosity, watched, beside_lines), style);
        }
    }

    #[test]
    fn before_the_total_is_known_the_bar_shows_no_end() {
        let (progress, terminal) = bar_in_memory();
        progress.show(Amount { files: 3, bytes: 5 * MIB }, Duration::from_secs(1));
        progress.bar.tick();
        let shown = terminal.contents();
        assert!(shown.contains("3 files  5.00 MiB  "), "{shown}");
        assert!(!shown.contains("left"), "{shown}");
    }

    #[test]
    fn the_first_drawing_has_its_number() {
        let (progress, terminal) = bar_in_memory();
        progress.bar.tick();
        assert!(terminal.contents().contains(" 0 files  0 B"), "{}", terminal.contents());
    }

    #[test]
    fn with_a_total_the_bar_shows_files_bytes_rate_and_time_left() {
        let (progress, terminal) = bar_in_memory();
        progress.expect(Amount { files: 10, bytes: 20 * MIB });
        progress.show(Amount { files: 3, bytes: 5 * MIB }, Duration::from_secs(1));
        progress.bar.tick();
        let shown = terminal.contents();
        for part in ["3/10 files", "5.00 MiB/20.00 MiB", "/s", "left"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_message_stands_above_the_bar_and_an_ended_bar_leaves_the_line_clean() {
        let (progress, terminal) = bar_in_memory();
        progress.expect(Amount { files: 1, bytes: 1 });
        progress.show(Amount::default(), Duration::ZERO);
        progress.say("a: cannot open it");
        assert!(terminal.contents().starts_with("roundelay: a: cannot open it"));
        progress.finish();
        assert_eq!(terminal.contents(), "roundelay: a: cannot open it");
    }

    #[test]
    fn a_plain_line_says_the_same_in_words() {
        let done = Amount { files: 3, bytes: 5 * MIB };
        let two = Duration::from_secs(2);
        assert_eq!(plain_line(done, None, two), "3 files, 5.00 MiB, 2.50 MiB/s");
        let total = Some(Amount { files: 10, bytes: 20 * MIB });
        assert_eq!(
            plain_line(done, total, two),
            "3 of 10 files, 5.00 MiB of 20.00 MiB, 2.50 MiB/s"
        );
        assert_eq!(plain_line(Amount::default(), None, Duration::ZERO), "0 files, 0 B, 0 B/s");
    }

    #[test]
    fn plain_lines_come_ever_more_rarely() {
        let progress = Progress::on(Style::Lines, ProgressDrawTarget::hidden());
        let due =
            (0..4000).filter(|&tenths| progress.is_line_due(Duration::from_millis(100 * tenths)));
        let seconds: Vec<u64> = due.map(|tenths| tenths / 10).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304, 364]);
    }

    #[test]
    fn the_total_is_what_a_walk_finds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "12345").unwrap();
        std::fs::write(dir.path().join("b"), "").unwrap();
        let walk = Walk::new([dir.path()], WalkOptions::default());
        assert_eq!(Amount::of(walk), Amount { files: 2, bytes: 5 });
    }
}
