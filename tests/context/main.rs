//! Promises about context variables: who sees which value, and who keeps it.
//!
//! Order facts O27 and O34 of asyncio.

#[path = "../support/mod.rs"]
mod support;

mod copies;
mod scopes;
mod destructors;
mod runs;
mod random;

use roundelay::ContextVar;

static V: ContextVar<i32> = ContextVar::new("v");
static W: ContextVar<i32> = ContextVar::new("w");

fn v() -> i32 {
    V.get().unwrap_or(0)
}
