//! A child process, and its three streams.
//!
//! ```text
//!   task --stdin--> [ child ] --stdout, stderr--> task
//!                       +----- exit status -----> wait
//! ```
//!
//! # Invariants
//! - Each child is reaped, whatever becomes of its handle: no zombie outlives that by longer than it
//!   takes the loop to come round. (One that has ended, and whose handle is kept and not asked, is a
//!   zombie until then: its number is still to mean nobody else.)
//! - A signal is sent only to a child that was not reaped: never to a stranger with its number.
//!
//! Tutorial: chapter 17. Before this: `exit_watch.rs`. After this: `communicate.rs`.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::ExitStatus;

use roundelay_runtime::Signal;
use rustix::process::{Pid, getpgid, kill_process, kill_process_group};

use crate::pipe::{PipeReader, PipeWriter};
use crate::process::exit_watch::{Unreaped, status};

/// A child process that was started by a [`Command`](crate::process::Command).
///
/// Dropping it lets the process run; it is reaped when it ends. One whose handle is kept is reaped when
/// that is asked how it ended, and is a zombie of the system's until then. With
/// [`kill_on_drop`](crate::process::Command::kill_on_drop) it is killed. While a child is awaited,
/// or was dropped and still runs, a virtual clock stands still.
pub struct Child {
    /// What the child reads, if that is a pipe. Dropping it tells the child that this was all.
    pub stdin: Option<PipeWriter>,
    /// What the child writes, if that is a pipe.
    pub stdout: Option<PipeReader>,
    /// What the child writes to its standard error, if that is a pipe.
    pub stderr: Option<PipeReader>,
    /// There until this is dropped.
    unreaped: Option<Unreaped>,
    status: Option<ExitStatus>,
    id: u32,
    kill_on_drop: bool,
    /// It leads a process group of its own.
    leads: bool,
}

/// Whose process group a child is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Its own.
    Own,
    /// Ours.
    Ours,
    /// Whatever std's command was told; the system knows.
    Unknown,
}

impl Child {
    pub(crate) fn new(
        mut child: std::process::Child,
        kill_on_drop: bool,
        group: Group,
    ) -> io::Result<Child> {
        let id = child.id();
        let pid = Pid::from_child(&child);
        let leads = match group {
            Group::Own => true,
            Group::Ours => false,
            // Asked before anybody can have reaped it.
            Group::Unknown => getpgid(Some(pid)).is_ok_and(|leader| leader == pid),
        };
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let unreaped = Unreaped::new(child)?;
        // From here on whatever fails drops this, which reaps the child.
        let mut this = Child {
            stdin: None,
            stdout: None,
            stderr: None,
            unreaped: Some(unreaped),
            status: None,
            id,
            kill_on_drop: true,
            leads,
        };
        this.stdin = pipes.0.map(PipeWriter::new).transpose()?;
        this.stdout = pipes.1.map(PipeReader::new).transpose()?;
        this.stderr = pipes.2.map(PipeReader::new).transpose()?;
        this.kill_on_drop = kill_on_drop;
        Ok(this)
    }

    /// Waits until the process has ended, and says how: with a code, or by a signal. Asked again,
    /// it says the same.
    ///
    /// First it drops `stdin`, so that a child that reads to the end does not wait for us. It
    /// reads nothing: a child that writes more than a pipe holds waits until somebody reads, and
    /// so for ever, if that is to happen after the wait. [`Child::communicate`] does both.
    ///
    /// # Errors
    /// What the system says. Somebody else has reaped the child, or the system itself, if the program
    /// was started with `SIGCHLD` ignored: whoever must live with that keeps a
    /// [`Signals`](crate::Signals) of [`Signal::CHILD`] while there are children, and then it is
    /// not ignored.
    ///
    /// *Cancel safety: safe.* The child runs on.
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    /// use roundelay_executor::{Signal, process::Command, run};
    ///
    /// run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     assert!(child.terminate()?);
    ///     let status = child.wait().await?;
    ///     assert_eq!(status.signal(), Some(Signal::TERMINATE.number()));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.status {
            return Ok(status);
        }
        let status = poll_fn(|cx| self.unreaped().poll_wait(cx)).await?;
        self.status = Some(status);
        Ok(status)
    }

    /// How the process has ended, if it has.
    ///
    /// # Errors
    /// As for [`Child::wait`].
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     assert_eq!(child.try_wait()?, None);
    ///     child.kill()?;
    ///     let status = child.wait().await?;
    ///     assert_eq!(child.try_wait()?, Some(status));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = status(self.unreaped().child())?;
        }
        Ok(self.status)
    }

    /// The number of the process. When it was reaped the system may give the number away.
    ///
    /// ```
    /// use std::process::Stdio;
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let child = Command::new("sh").args(["-c", "echo $$"]).stdout(Stdio::piped()).spawn()?;
    ///     let id = child.id();
    ///     let said = child.communicate(b"").await?;
    ///     assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), id.to_string());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends the process: it is not asked. `false` if it was found to have ended before. It is
    /// still to be waited for.
    ///
    /// # Errors
    /// What the system says: the child may have become somebody else.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     assert!(child.kill()?);
    ///     assert!(!child.wait().await?.success());
    ///     assert!(!child.kill()?); // it has ended
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn kill(&mut self) -> io::Result<bool> {
        self.signal(Signal::KILL)
    }

    /// Asks the process to end (`SIGTERM`), as a service manager does.
    ///
    /// # Errors
    /// As for [`Child::kill`].
    pub fn terminate(&mut self) -> io::Result<bool> {
        self.signal(Signal::TERMINATE)
    }

    /// Sends a signal to the process. `false` if it was found to have ended before.
    ///
    /// # Errors
    /// As for [`Child::kill`]; `InvalidInput` for a signal that rustix has no name for.
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    /// use roundelay_executor::{Signal, process::Command, run};
    ///
    /// run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     assert!(child.signal(Signal::USER_1)?);
    ///     assert_eq!(child.wait().await?.signal(), Some(Signal::USER_1.number()));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn signal(&mut self, signal: Signal) -> io::Result<bool> {
        if self.try_wait()?.is_some() {
            return Ok(false);
        }
        // It may end just now: then it is a zombie, its number is still its own, and the
        // signal does nothing.
        kill_process(self.pid()?, system_signal(signal)?)?;
        Ok(true)
    }

    /// Sends a signal to the process and all those that it has started and that have not left
    /// its group: see [`process_group`](crate::process::Command::process_group). `false` if the
    /// process itself was reaped: from then on its number may be another group's.
    ///
    /// # Errors
    /// As for [`Child::signal`]; `InvalidInput` if the child does not lead a group of its own.
    ///
    /// ```
    /// use roundelay_executor::{Signal, process::Command, run};
    ///
    /// run(async {
    ///     let mut shell = Command::new("sh");
    ///     let mut child = shell.args(["-c", "sleep 1000; true"]).process_group(true).spawn()?;
    ///     assert!(child.signal_group(Signal::TERMINATE)?); // the shell, and its `sleep` as well
    ///     assert!(!child.wait().await?.success());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "killpg")]
    pub fn signal_group(&mut self, signal: Signal) -> io::Result<bool> {
        if !self.leads {
            let text = "the child is in the group of this process: start it with \
                        `Command::process_group(true)` to signal it with its own children";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if self.status.is_some() {
            return Ok(false);
        }
        kill_process_group(self.pid()?, system_signal(signal)?)?;
        Ok(true)
    }

    fn pid(&self) -> io::Result<Pid> {
        Pid::from_raw(self.id as i32).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn unreaped(&mut self) -> &mut Unreaped {
        self.unreaped.as_mut().expect("the child is there until its handle is dropped")
    }
}

fn system_signal(signal: Signal) -> io::Result<rustix::process::Signal> {
    rustix::process::Signal::from_named_raw(signal.number()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} cannot be sent"))
    })
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.kill_on_drop && self.status.is_none() {
            // It fails if the child is somebody else by now: then it lives, and is reaped later.
            let _ = match self.leads {
                true => self.signal_group(Signal::KILL),
                false => self.kill(),
            };
        }
        if let Some(unreaped) = self.unreaped.take() {
            unreaped.abandon();
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
