//! Looking into a running program from outside: `roundelay ps PID`, `roundelay pstree PID`.
//!
//! A program that allows it ([`RunnerBuilder::inspectable`](crate::RunnerBuilder::inspectable))
//! opens a socket in a private folder. Whoever may open that folder asks, and gets a dump. No code
//! of the asker runs in the program.
//!
//! ```text
//!   asker                       thread of the socket                      loop
//!    "roundelay 1 tree" -----------> through the loop's door ------------> dump()
//!    "roundelay 1 dump" + text <---- text <-------------------------------- |
//!    "roundelay 1 blocked" + who <-- no answer in two seconds: who is on duty?
//! ```
//!
//! - `folder.rs`: where the sockets lie, and that nobody else comes near them.
//! - `server.rs`: the thread that answers.
//! - `client.rs`: who asks.
//!
//! Tutorial: chapter 19. Before this: `../circle.rs`. After this: `folder.rs`.

pub(crate) mod folder;
pub(crate) mod server;
pub(crate) mod client;
