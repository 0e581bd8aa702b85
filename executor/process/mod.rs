//! Child processes: [`Command`] starts one, [`Child`] is one.
//!
//! ```
//! use roundelay_executor::{process::Command, run};
//!
//! run(async {
//!     let output = Command::new("echo").arg("hello").output().await?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"hello\n");
//!     std::io::Result::Ok(())
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

pub(crate) mod exit_watch;
pub(crate) mod child;
pub(crate) mod communicate;
pub(crate) mod command;

pub use child::Child;
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio};
