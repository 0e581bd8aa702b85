//! The course's tools: what keeps the book's text true.
//!
//! The book lies in `tutorial/book`, as Markdown that reads well wherever it is read. Its
//! listings, outputs, pictures, links and quiz keys are made from the source and from runs,
//! and this crate makes them and compares. In reading order:
//!
//! - [`finding`], what a check tells; [`listing`], an item cut out by its name;
//! - [`program`], a chapter's program run as a reader would; [`python`], those in Python, played
//!   again;
//! - [`label`], what of an output is a promise;
//! - [`quiz`]; [`directive`], the parts of a page that are made; [`exercises`]; [`build_step`];
//!   [`speed`], what was measured; [`pointer`], which step is meant; [`maker`], who makes them;
//! - [`words`], one word per idea; [`links`]; [`guide`], the files and their chapters;
//! - [`edition`], the book as HTML; [`book`], all pages together; [`timetable`], a course in days;
//! - [`pack`], the folder for a class; [`show`], a run to step through.
#![forbid(unsafe_code)]

pub mod finding;
pub mod listing;
pub mod program;
pub mod python;
pub mod label;
pub mod quiz;
pub mod directive;
pub mod exercises;
pub mod build_step;
pub mod speed;
pub mod pointer;
pub mod maker;
pub mod words;
pub mod links;
pub mod guide;
pub mod edition;
pub mod book;
pub mod timetable;
pub mod pack;
pub mod show;
