//! asyncio's order, fact by fact: what was seen there, and what happens here.
//!
//! Each fact has a number, and `README.md` in this folder lists all of them. Its test begins
//! with the number. Where the fact is to be reproduced, the test compares the whole log with the
//! one that CPython wrote; where roundelay promises more, or differs, the test shows that.

#[path = "../support/mod.rs"]
mod support;

mod o01;
mod o02;
mod o03;
mod o04;
mod o05;
mod o06;
mod o07;
mod o08;
mod o09;
mod o10;
mod o11;
mod o12;
mod o13;
mod o14;
mod o15;
mod o16;
mod o17;
mod o18;
mod o19;
mod o20;
mod o21;
mod o22;
mod o23;
mod o24;
mod o25;
mod o27;
mod o29;
mod o31;
mod o32;
mod o33;
mod o34;
mod table;

/// The turn that is running.
fn turn() -> u64 {
    roundelay::current_loop().unwrap().turn()
}

/// As many turns as it takes for everything that has been started to come to rest.
async fn settle() {
    for _ in 0..8 {
        roundelay::yield_now().await;
    }
}
