//! The checks of the exercises, by chapter.
//!
//! Each takes a learner's answer, runs it in the [lab](crate::lab), and says what it saw.
//!
//! Tutorial: the exercises. Before this: `props.rs`. After this: `ch01.rs`.

pub mod ch01;
pub mod ch02;
pub mod ch03;
pub mod ch04;
pub mod ch05;
pub mod ch06;
pub mod ch07;
pub mod ch08;
pub mod ch09;
pub mod ch10;
pub mod ch11;
pub mod ch12;
