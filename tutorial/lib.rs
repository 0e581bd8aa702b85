//! The course's programs and the parts of the `roundelay` command.
#![forbid(unsafe_code)]
