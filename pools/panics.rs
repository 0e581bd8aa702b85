//! A panic of a job becomes a value: what it said, and where.
//!
//! `catch_unwind` hands over what was panicked *with*; only the panic hook ever learns
//! *where*. So the first pool puts a hook in front of the one that is there. On a thread
//! that runs jobs ours notes the place; then the old one does what it always did.
//!
//! ```text
//!   panic!("x") --> our hook: note the place  --> the old hook: print
//!        |                    |
//!        v                    v
//!   catch_unwind ---------> PanicReport { "x", "src/main.rs:5:9" }
//! ```
//!
//! # Invariants
//! - Threads that run no jobs are left as they were: our hook looks at one flag of theirs.
//! - The place belongs to this call of the job: what an earlier one left is wiped first.
//! - With `panic = "abort"` there is no call that goes on and no report. Then the old hook prints
//!   everywhere, or the reason would be lost with the process. The same holds for a panic that cannot
//!   unwind: one in a destructor while another unwinds, one that leaves an `extern "C"` function.
//!
//! Not done: a place for a panic raised after the program replaced the hook without calling
//! the one before. The report then has none.
//!
//! Tutorial: the chapter on thread pools. Before this: `error.rs`. After this: `shelf.rs`.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::thread;

use crate::panic_report::PanicReport;

/// Calls user code; a panic in it ends here.
pub(crate) fn contain<T>(user_code: impl FnOnce() -> T) -> Result<T, PanicReport> {
    let earlier = take_place();
    if SILENT.get() {
        let _ = UNPRINTED.try_with(RefCell::take);
    }
    // AssertUnwindSafe: what the closure captured is gone after a panic, nobody sees it broken.
    let outcome = panic::catch_unwind(AssertUnwindSafe(user_code)).map_err(report);
    if thread::panicking() {
        // A destructor waits for a job and runs it here: the panic that goes on is not this one.
        set_place(earlier);
    }
    outcome
}

/// Calls user code whose panic has nowhere to go (the hook has printed it).
pub(crate) fn contain_quietly(user_code: impl FnOnce()) {
    let mut outcome = panic::catch_unwind(AssertUnwindSafe(user_code));
    for _ in 0..MOST_DROPS {
        // The payload's own destructor is user code too, and so is that of what *it* panics with.
        let Err(payload) = outcome else { return };
        outcome = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    }
    // A panic like this one grows a new head whenever one is cut off. Better a leak than a thread
    // that is gone while everybody counts on it.
    mem::forget(outcome);
}

/// So many payloads of panics in the destructor of a payload are dropped; the next is forgotten.
const MOST_DROPS: usize = 4;

/// Puts our hook in front of the one that is there; to be called before a thread is watched.
///
/// Not while this thread panics: a hook cannot be replaced then. And not on a thread of the pool: if
/// it is a hook that submits and waits, it is called under a lock that the replacement would wait for.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    if thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note_place(info);
            let is_the_end = SILENT.get() && is_the_end(info);
            if !SILENT.get() || cfg!(panic = "abort") || is_the_end {
                previous(info);
            }
            if is_the_end {
                tell_all(info);
            } else if SILENT.get() {
                keep_for_the_end(info);
            }
        }));
    });
}

/// From here on, panics of *this thread* note their place, if our hook is there.
pub(crate) fn watch_this_thread() {
    WATCHED.set(true);
}

/// It cannot unwind, so what comes next is an abort. (`can_unwind` of the hook's argument is not stable.
/// Its `Debug` is, and shows it; should that change, a test says so.)
fn is_the_end(info: &PanicHookInfo<'_>) -> bool {
    format!("{info:?}").contains("can_unwind: false")
}

/// A panic that the hook does not print: it may be the reason of one that ends the process.
fn keep_for_the_end(info: &PanicHookInfo<'_>) {
    let words = words_and_place(info);
    let _ = UNPRINTED.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        // The job may have caught any number of them. The last unwinds, or was met by a destructor
        // while the one before it did.
        if kept.len() > 1 {
            kept.remove(0);
        }
        kept.push(words);
    });
}

/// After the old hook, whose backtrace is longer than what is kept of last words.
fn tell_all(last: &PanicHookInfo<'_>) {
    let kept = UNPRINTED.try_with(RefCell::take).unwrap_or_default();
    for words in kept.into_iter().chain([words_and_place(last)]) {
        let _ = writeln!(io::stderr(), "it panicked: {words}");
    }
}

fn words_and_place(info: &PanicHookInfo<'_>) -> String {
    let words = words_of(info.payload());
    info.location().map_or_else(|| words.to_owned(), |place| format!("{words}, at {place}"))
}

/// Like [`watch_this_thread`], and the message is not printed: it travels to the parent.
pub(crate) fn watch_this_thread_silently() {
    install_hook();
    watch_this_thread();
    SILENT.set(true);
}

struct Place {
    location: String,
    backtrace: Option<String>,
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static SILENT: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
    /// The last panics of this call, while the hook is silent.
    static UNPRINTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note_place(info: &PanicHookInfo<'_>) {
    if !WATCHED.get() {
        return;
    }
    let Some(location) = info.location().map(ToString::to_string) else { return };
    // Where the hook prints, it prints the backtrace as well.
    let backtrace = SILENT.get().then(Backtrace::capture);
    let backtrace = backtrace
        .filter(|trace| trace.status() == BacktraceStatus::Captured)
        .map(|trace| trace.to_string());
    set_place(Some(Place { location, backtrace }));
}

/// A destructor of another thread-local may wait for a job when ours is gone already: then places are
/// not kept.
fn take_place() -> Option<Place> {
    PLACE.try_with(RefCell::take).ok().flatten()
}

fn set_place(place: Option<Place>) {
    let _ = PLACE.try_with(|own| own.replace(place));
}

fn report(payload: Box<dyn Any + Send>) -> PanicReport {
    let message = words_of(&*payload).to_owned();
    let (location, backtrace) = match take_place() {
        Some(Place { location, backtrace }) => (Some(location), backtrace),
        None => (None, None),
    };
    PanicReport::new(message, location, backtrace, Some(payload))
}

fn words_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a panic whose payload is not text)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_its_place() {
        watch_this_thread_silently();
        let report = contain(|| panic!("no luck {}", 13)).unwrap_err();
        assert_eq!(report.message(), "no luck 13");
        assert!(report.location().unwrap().contains("panics.rs:"));
    }

    #[test]
    fn a_payload_that_panics_for_ever_when_it_is_dropped_is_dropped_a_few_times_only() {
        struct Hydra;
        impl Drop for Hydra {
            fn drop(&mut self) {
                HEADS.set(HEADS.get() + 1);
                panic::panic_any(Hydra);
            }
        }
        thread_local!(static HEADS: Cell<usize> = const { Cell::new(0) });
        watch_this_thread_silently();
        contain_quietly(|| panic::panic_any(Hydra));
        assert_eq!(HEADS.get(), MOST_DROPS);
    }

    #[test]
    fn the_place_of_an_earlier_panic_is_not_used_again() {
        watch_this_thread_silently();
        contain(|| panic!("first")).unwrap_err();
        let report = contain(|| panic::resume_unwind(Box::new("second"))).unwrap_err();
        assert_eq!((report.message(), report.location()), ("second", None));
    }

    #[test]
    fn resuming_a_report_gives_the_original_payload_back() {
        let report = contain(|| panic::panic_any(42_u8)).unwrap_err();
        let payload = panic::catch_unwind(AssertUnwindSafe(|| report.resume())).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&42));
    }
}
