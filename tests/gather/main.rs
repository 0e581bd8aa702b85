//! Promises about gathering: order facts O10 of asyncio, contract 8 of the house.

#[path = "../support/mod.rs"]
mod support;

mod lists;
mod tuples;
mod all_or_nothing;
mod strangers;
