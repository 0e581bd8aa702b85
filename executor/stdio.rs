//! The standard streams of this process.
//!
//! They are not ours alone. A terminal, or a pipe, is shared with the shell and with whoever was
//! started beside us, and so is the property "does not block": to set it here would break them.
//! So it is never set. Instead the system is asked before each try, and a try is small enough
//! to be taken whole:
//!
//! ```text
//!   terminal, pipe, socket    watched by the loop; read or written only when the system says
//!                             that it will not wait                            no thread
//!   regular file, /dev/null   cannot be watched, is always ready; read in a thread of the pool,
//!                             for it may have to wait for a disk; written at once, into memory
//! ```
//!
//! So a task that waits for somebody to type holds no thread, and a loop that is closed need not
//! wait for the next key. One thing is left to chance: if another process reads the same terminal
//! or pipe, and is quicker between the question and the try, the loop waits for the next input.
//!
//! Tutorial: chapter 17. Before this: `process/command.rs`. After this: `fs.rs`.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Direction, WaitKey};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::net::readiness::Watched;
use crate::to_thread::to_thread;

/// The standard input of this process, as a stream.
///
/// Use either this or std's, which reads ahead into a buffer of its own.
///
/// # Errors
/// What the system says, for example that the input is closed; no loop runs on this thread.
///
/// ```
/// use futures_lite::AsyncReadExt;
/// use roundelay_executor::{run, stdin};
///
/// run(async {
///     let mut input = stdin()?;
///     let mut line = [0; 80];
///     # if false {
///     let read = input.read(&mut line).await?;
///     # }
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdin() -> io::Result<Stdin> {
    let file = io::stdin().as_fd().try_clone_to_owned()?;
    let input = match watch(&file)? {
        Some(watched) => Input::Watched(watched, None),
        None => Input::File(file.into()),
    };
    Ok(Stdin { input })
}

/// The standard output of this process, as a stream. It has no buffer, and knows nothing of
/// what `println!` has left in its own.
///
/// # Errors
/// As for [`stdin`].
///
/// ```
/// use futures_lite::AsyncWriteExt;
/// use roundelay_executor::{run, stdout};
///
/// run(async { stdout()?.write_all(b"hello\n").await })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdout() -> io::Result<Stdout> {
    Stdout::new(io::stdout().as_fd().try_clone_to_owned()?)
}

/// The standard error of this process, as a stream without a buffer.
///
/// # Errors
/// As for [`stdin`].
///
/// ```
/// use futures_lite::AsyncWriteExt;
/// use roundelay_executor::{run, stderr};
///
/// run(async { stderr()?.write_all(b"be careful\n").await })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stderr() -> io::Result<Stdout> {
    Stdout::new(io::stderr().as_fd().try_clone_to_owned()?)
}

/// The stream of [`stdin`].
///
/// *Cancel safety: safe* for a terminal, a pipe or a socket: a read that is given up has taken
/// nothing. *Loses nothing, either,* for a file: what was read meanwhile is given to the next read.
#[derive(Debug)]
pub struct Stdin {
    input: Input,
}

enum Input {
    Watched(Watched<OwnedFd>, Option<WaitKey>),
    File(File),
    /// A read of a file is under way in a thread.
    Reading(ReadAhead),
    /// More was read than the one who asks now has room for.
    Left(File, Vec<u8>),
    /// The thread could not be had.
    Lost,
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Input::Watched(watched, wait) = &mut self.input {
            return watched.poll_io(wait, cx, Direction::Read, |file| {
                ask(file, PollFlags::IN)?;
                Ok(rustix::io::read(file, &mut *buffer)?)
            });
        }
        self.poll_file(cx, buffer)
    }
}

impl Stdin {
    fn poll_file(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match std::mem::replace(&mut self.input, Input::Lost) {
                Input::File(file) => self.input = Input::Reading(read_ahead(file, buffer.len())),
                Input::Reading(mut reading) => {
                    let Poll::Ready(read) = reading.as_mut().poll(cx) else {
                        self.input = Input::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, bytes) = read?;
                    if bytes.is_empty() {
                        self.input = Input::File(file);
                        return Poll::Ready(Ok(0));
                    }
                    self.input = Input::Left(file, bytes);
                }
                Input::Left(file, mut bytes) => {
                    let taken = bytes.len().min(buffer.len());
                    buffer[..taken].copy_from_slice(&bytes[..taken]);
                    bytes.drain(..taken);
                    self.input = match bytes.is_empty() {
                        true => Input::File(file),
                        false => Input::Left(file, bytes),
                    };
                    return Poll::Ready(Ok(taken));
                }
                Input::Watched(..) | Input::Lost => {
                    let text = "standard input could not be read in a thread, and is lost";
                    return Poll::Ready(Err(io::Error::other(text)));
                }
            }
        }
    }
}

type ReadAhead = Pin<Box<dyn Future<Output = io::Result<(File, Vec<u8>)>> + Send>>;

fn read_ahead(mut file: File, room: usize) -> ReadAhead {
    let read = move || {
        let mut bytes = vec![0; room.min(LONGEST_READ)];
        let read = file.read(&mut bytes)?;
        bytes.truncate(read);
        Ok((file, bytes))
    };
    Box::pin(async move { to_thread(read).await.map_err(io::Error::other)? })
}

const LONGEST_READ: usize = 64 * 1024;

impl Drop for Stdin {
    fn drop(&mut self) {
        if let Input::Watched(watched, wait) = &mut self.input {
            watched.cancel_wait(wait);
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Input::Watched(..) => "watched",
            _ => "a file",
        })
    }
}

/// The stream of [`stdout`] and [`stderr`]. *Cancel safety: safe.*
#[derive(Debug)]
pub struct Stdout {
    output: Output,
}

#[derive(Debug)]
enum Output {
    Watched(Watched<OwnedFd>, Option<WaitKey>),
    File(File),
}

impl Stdout {
    fn new(file: OwnedFd) -> io::Result<Stdout> {
        let output = match watch(&file)? {
            Some(watched) => Output::Watched(watched, None),
            None => Output::File(file.into()),
        };
        Ok(Stdout { output })
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(LONGEST_WRITE)];
        match &mut self.output {
            Output::Watched(watched, wait) => watched.poll_io(wait, cx, Direction::Write, |file| {
                ask(file, PollFlags::OUT)?;
                Ok(rustix::io::write(file, bytes)?)
            }),
            Output::File(file) => Poll::Ready(file.write(bytes)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: others may write there still.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `PIPE_BUF`: a pipe that can be written at all takes so much without waiting.
const LONGEST_WRITE: usize = 4096;

impl Drop for Stdout {
    fn drop(&mut self) {
        if let Output::Watched(watched, wait) = &mut self.output {
            watched.cancel_wait(wait);
        }
    }
}

/// Watches a stream, unless it is of a kind that the system cannot watch.
fn watch(file: &OwnedFd) -> io::Result<Option<Watched<OwnedFd>>> {
    match Watched::new(file.try_clone()?) {
        Ok(watched) => Ok(Some(watched)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks whether a try would wait, and if so says `WouldBlock` in the system's place. A stream
/// that is broken or over is worth trying: then the try says so.
fn ask(file: &OwnedFd, what: PollFlags) -> io::Result<()> {
    let mut asked = [PollFd::new(file, what)];
    match poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}
