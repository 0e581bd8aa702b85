//! Build the loop yourself: a tiny event loop in steps, and the tests of each step.
//!
//! `tiny.rs` is the one source. Its lines are tagged with the steps that they belong to, and
//! [`tagged`] cuts each step's version from it: the files in `steps/`, which are modules of
//! this crate. The tests of the steps lie in `checks/`. They know nothing but the name `tiny`,
//! so [`check`] can run them against any crate: ours, or the one that a learner writes.
//!
//! In reading order: [`tagged`], [`check`], then the steps.
#![forbid(unsafe_code)]

pub mod tagged;
pub mod check;

#[path = "steps/step_01.rs"]
pub mod step_1;
#[path = "steps/step_02.rs"]
pub mod step_2;
#[path = "steps/step_03.rs"]
pub mod step_3;
#[path = "steps/step_04.rs"]
pub mod step_4;
#[path = "steps/step_05.rs"]
pub mod step_5;
#[path = "steps/step_06.rs"]
pub mod step_6;
#[path = "steps/step_07.rs"]
pub mod step_7;
#[path = "steps/step_08.rs"]
pub mod step_8;

/// How many steps there are.
pub const STEPS: u32 = 8;
