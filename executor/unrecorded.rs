//! Somebody asks for a trace, and this program was built without what writes one.
//!
//! The variable is read by the feature `trace` only. A user who sets it and finds no file should
//! not have to guess why.
//!
//! Tutorial: chapter 19. Before this: `saying.rs`. After this: `trace/mod.rs`.

use std::env;
use std::sync::Once;

use roundelay_runtime::tell_stderr;

/// Tells it on standard error, once in a process.
pub(crate) fn tell_if_a_trace_is_wanted() {
    static TOLD: Once = Once::new();
    if env::var_os("ROUNDELAY_TRACE").is_some_and(|path| !path.is_empty()) {
        TOLD.call_once(|| {
            tell_stderr(
                "no trace will be written: ROUNDELAY_TRACE is set, but this program was built without \
                 the feature `trace` of roundelay",
            );
        });
    }
}
