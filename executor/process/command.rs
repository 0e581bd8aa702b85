//! Starting a process.
//!
//! The builder is std's, with the few things added that a loop needs. Starting is the one thing
//! here that blocks: the system copies the process's tables and waits until the new program is
//! found and loaded, a millisecond or so. It is done at once, not in a thread, so that the child
//! is there when `spawn` returns; whoever starts hundreds puts a `yield_now` between them.
//!
//! Tutorial: chapter 17. Before this: `communicate.rs`. After this: `../stdio.rs`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

use roundelay_runtime::current_loop;
use rustix::process::getpgrp;

use crate::process::child::{Child, Group};
use crate::process::exit_watch::reserve;

/// Settings of a process that is about to be started. Those of [`std::process::Command`], and
/// what becomes of the child when its handle is dropped.
///
/// ```
/// use roundelay_executor::{process::Command, run};
///
/// run(async {
///     let status = Command::new("sh").args(["-c", "exit 3"]).status().await?;
///     assert_eq!(status.code(), Some(3));
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "create_subprocess_exec")]
pub struct Command {
    inner: process::Command,
    /// Which of the three streams nobody has said anything about.
    unnamed: [bool; 3],
    kill_on_drop: bool,
    group: Group,
}

impl Command {
    /// Runs `program`, which is looked for in `PATH`, without arguments.
    ///
    /// There is no form that hands a line to a shell, where a file's name may turn into a
    /// command. Who wants one writes `Command::new("sh").args(["-c", line])`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        let inner = process::Command::new(program);
        Command { inner, unnamed: [true; 3], kill_on_drop: false, group: Group::Ours }
    }

    /// Adds an argument.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let said = run(async { Command::new("echo").arg("a b; *").output().await })?;
    /// assert_eq!(said.stdout, b"a b; *\n"); // one argument: no shell takes it to pieces
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Command {
        self.inner.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.inner.args(arguments);
        self
    }

    /// Sets a variable of the child's environment, which otherwise is ours.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let mut shell = Command::new("sh");
    ///     let said = shell.args(["-c", "echo $GREETING"]).env("GREETING", "hello").output().await?;
    ///     assert_eq!(said.stdout, b"hello\n");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env(name, value);
        self
    }

    /// Takes a variable out of the child's environment; ours stays as it is.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let mut lists = Command::new("/usr/bin/env");
    /// lists.env_clear().env("PORT", "80").env("TOKEN", "secret");
    /// let said = run(lists.env_remove("TOKEN").output())?;
    /// assert_eq!(said.stdout, b"PORT=80\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env_remove(name);
        self
    }

    /// Gives the child an empty environment.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let mut lists = Command::new("/usr/bin/env");
    /// let said = run(lists.env_clear().env("A", "1").output())?;
    /// assert_eq!(said.stdout, b"A=1\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// The child's working directory.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let said = run(async { Command::new("pwd").current_dir("/").output().await })?;
    /// assert_eq!(said.stdout, b"/\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Command {
        self.inner.current_dir(directory);
        self
    }

    /// What the child reads: ours by default, and nothing under [`Command::output`].
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use std::process::Stdio;
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let mut command = Command::new("cat");
    ///     let mut cat = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     cat.stdin.take().unwrap().write_all(b"meow").await?; // and then it is dropped
    ///     let mut said = String::new();
    ///     cat.stdout.take().unwrap().read_to_string(&mut said).await?;
    ///     assert_eq!(said, "meow");
    ///     cat.wait().await
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.inner.stdin(stdin);
        self.unnamed[0] = false;
        self
    }

    /// Where the child writes: where we do by default, and into a pipe under
    /// [`Command::output`].
    ///
    /// ```
    /// use std::process::Stdio;
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let mut echo = Command::new("echo");
    /// let status = run(echo.arg("unheard").stdout(Stdio::null()).status())?;
    /// assert!(status.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.inner.stdout(stdout);
        self.unnamed[1] = false;
        self
    }

    /// Where the child's standard error goes: as for [`Command::stdout`].
    ///
    /// ```
    /// use std::process::Stdio;
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let mut shell = Command::new("sh");
    /// shell.args(["-c", "echo said; echo complained >&2"]);
    /// assert_eq!(run(shell.output())?.stderr, b"complained\n");
    /// let output = run(shell.stderr(Stdio::null()).output())?;
    /// assert_eq!((&*output.stdout, &*output.stderr), (&b"said\n"[..], &b""[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.inner.stderr(stderr);
        self.unnamed[2] = false;
        self
    }

    /// Whether a child is killed when its handle is dropped; by default it runs on. With a group
    /// of its own, the whole group is killed, unless the child was waited for and has ended: from
    /// then on its number may be another group's, and what it has left behind lives on. Who wants
    /// that to end sends a signal to [the group](Child::signal_group) before the wait.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
    ///     drop(child); // nothing sleeps any more
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// Whether the child leads a process group of its own. Then Ctrl-C in the terminal does not
    /// reach it, and [`Child::signal_group`] reaches it and all that it starts.
    ///
    /// ```
    /// use roundelay_executor::{Signal, process::Command, run};
    ///
    /// run(async {
    ///     let mut child = Command::new("sleep").arg("1000").process_group(true).spawn()?;
    ///     assert!(child.signal_group(Signal::KILL)?);
    ///     assert!(!child.wait().await?.success());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn process_group(&mut self, own: bool) -> &mut Command {
        // std's command cannot be told "as if nothing had been said". To enter the group in which
        // a child begins anyway is the same.
        self.inner.process_group(if own { 0 } else { getpgrp().as_raw_pid() });
        self.group = if own { Group::Own } else { Group::Ours };
        self
    }

    /// Starts the process. It may be started several times.
    ///
    /// # Errors
    /// No loop runs on this thread, or there is no descriptor left to watch the child with: then
    /// nothing was started. What the system says: there is no such program, or no room for a process.
    /// Whatever fails after the start, which is rare, kills the child and reaps it before this
    /// returns; so an error never leaves a child behind.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// run(async {
    ///     let missing = Command::new("no-such-program").spawn().unwrap_err();
    ///     assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    ///     assert!(Command::new("true").spawn()?.wait().await?.success());
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with([Stdio::inherit(), Stdio::inherit(), Stdio::inherit()])
    }

    fn spawn_with(&mut self, [stdin, stdout, stderr]: [Stdio; 3]) -> io::Result<Child> {
        // Whatever can be known to fail fails before the program has begun to work.
        if current_loop().is_none() {
            return Err(io::Error::other(
                "a child process needs a running event loop on this thread; start it inside \
                 `roundelay::run(async { .. })`",
            ));
        }
        if self.unnamed[0] {
            self.inner.stdin(stdin);
        }
        if self.unnamed[1] {
            self.inner.stdout(stdout);
        }
        if self.unnamed[2] {
            self.inner.stderr(stderr);
        }
        let reserved = reserve()?;
        let child = self.inner.spawn()?;
        drop(reserved);
        Child::new(child, self.kill_on_drop, self.group)
    }

    /// Runs the process and says how it has ended.
    ///
    /// # Errors
    /// Those of [`Command::spawn`] and [`Child::wait`].
    ///
    /// *Cancel safety: loses data.* The child is killed or runs on, as
    /// [`Command::kill_on_drop`] says.
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let status = run(async { Command::new("sh").args(["-c", "exit 3"]).status().await })?;
    /// assert_eq!(status.code(), Some(3));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.spawn()?;
        // Whoever reads these is gone; a child that writes into them is told so.
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().await
    }

    /// Runs the process and gives all that it writes. Where nothing else was said it reads nothing,
    /// and both of its outputs are pipes to us.
    ///
    /// # Errors
    /// Those of [`Command::spawn`] and [`Child::communicate`].
    ///
    /// *Cancel safety: loses data.* As for [`Command::status`].
    ///
    /// ```
    /// use roundelay_executor::{process::Command, run};
    ///
    /// let said = run(async { Command::new("echo").arg("hello").output().await })?;
    /// assert!(said.status.success());
    /// assert_eq!((&said.stdout[..], &said.stderr[..]), (&b"hello\n"[..], &b""[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn output(&mut self) -> io::Result<Output> {
        let child = self.spawn_with([Stdio::null(), Stdio::piped(), Stdio::piped()])?;
        child.communicate(&[]).await
    }
}

impl From<process::Command> for Command {
    /// With all that std's command was told, for what has no method here, a process group of its own
    /// included. What its three streams are must be told it, too, or they are ours, under
    /// [`Command::output`] as well.
    fn from(inner: process::Command) -> Command {
        Command { inner, unnamed: [false; 3], kill_on_drop: false, group: Group::Unknown }
    }
}
