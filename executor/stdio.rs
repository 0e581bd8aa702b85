//! The standard streams of this process.
//!
//! They are not ours alone. A terminal, or a pipe, is shared with the shell and with whoever was
//! started beside us, and so is the property "does not block": to set it here would break them.
//! So it is never set. Instead the system is asked before each try, and a try is small enough
//! to be taken whole:
//!
//! ```text
//!                         read                            written
//!   pipe, socket          when the system says that it    the same              no thread
//!                         will not wait
//!   terminal              the same, no thread             in a thread of the pool
//!   regular file,         in a thread of the pool, for    at once, into memory
//!     /dev/null           it may have to wait for a disk
//! ```
//!
//! So a task that waits for somebody to type holds no thread, and a loop that is closed need not
//! wait for the next key. Writing to a terminal is another matter. That it can be written means that
//! there is *some* room, perhaps for one byte, and then it waits for as long as somebody has stopped
//! it with Ctrl-S. Only a thread can wait for that. (A closing loop waits for this thread, as any
//! program that prints waits for its terminal.)
//!
//! One thing is left to chance: if another process reads the same terminal or pipe, or fills the
//! same pipe, and is quicker between the question and the try, the loop waits with it.
//!
//! Tutorial: chapter 17. Before this: `process/command.rs`. After this: `fs.rs`.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use roundelay_runtime::{Direction, WaitKey};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::net::readiness::{Watched, is_time_to_give_way};
use crate::task_table::Waiter;
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
        None => {
            let file = Arc::new(File::from(file));
            Input::File(FileInput { file, reading: None, left: Vec::new() })
        }
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
    File(FileInput),
}

/// A file, which is read in threads.
struct FileInput {
    file: Arc<File>,
    /// A read that is under way in a thread.
    reading: Option<ReadAhead>,
    /// More was read than the one who asks now has room for.
    left: Vec<u8>,
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
        match &mut self.input {
            Input::Watched(watched, wait) => watched.poll_io(wait, cx, Direction::Read, |file| {
                ask(file, PollFlags::IN)?;
                Ok(rustix::io::read(file, &mut *buffer)?)
            }),
            Input::File(input) => input.poll_read(cx, buffer),
        }
    }
}

impl FileInput {
    /// An error, of the file's or of the thread's, is told, and the next read tries again.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.left.is_empty() {
            let begin = || read_ahead(Arc::clone(&self.file), buffer.len());
            let reading = self.reading.get_or_insert_with(begin);
            let read = ready!(reading.as_mut().poll(cx));
            self.reading = None;
            self.left = read?;
        }
        let taken = self.left.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.left[..taken]);
        self.left.drain(..taken);
        Poll::Ready(Ok(taken))
    }
}

type ReadAhead = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

fn read_ahead(file: Arc<File>, room: usize) -> ReadAhead {
    let read = move || {
        let mut bytes = vec![0; room.min(LONGEST_READ)];
        let read = (&*file).read(&mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
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

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Input::Watched(..) => "watched",
            Input::File(_) => "a file",
        })
    }
}

/// The stream of [`stdout`] and [`stderr`].
///
/// *Cancel safety: safe*, except on a terminal, where what was given up may be shown all the same:
/// once, before all that is written later, and not again if the same is written again at once.
#[derive(Debug)]
pub struct Stdout {
    output: Output,
}

enum Output {
    Watched(Watched<OwnedFd>, Option<WaitKey>),
    File(File),
    Terminal(Terminal),
}

/// What a thread must write, because nobody knows whether it would wait.
struct Terminal {
    file: Arc<File>,
    /// What is being written, and the thread's answer to it.
    writing: Option<(Vec<u8>, Writing)>,
}

type Writing = Pin<Box<dyn Future<Output = io::Result<usize>> + Send>>;

impl Stdout {
    fn new(file: OwnedFd) -> io::Result<Stdout> {
        let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
        let output = match watch(&file)? {
            None => Output::File(file.into()),
            Some(watched) if matches!(kind, FileType::Fifo | FileType::Socket) => {
                Output::Watched(watched, None)
            }
            Some(_) => Output::Terminal(Terminal { file: Arc::new(file.into()), writing: None }),
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
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let bytes = &bytes[..bytes.len().min(LONGEST_WRITE)];
        match &mut self.output {
            Output::Watched(watched, wait) => watched.poll_io(wait, cx, Direction::Write, |file| {
                ask(file, PollFlags::OUT)?;
                write_now(file, bytes)
            }),
            Output::File(file) => {
                // It never waits: without this, whoever writes much would be alone in the world.
                if is_time_to_give_way() {
                    Waiter::wake_poller(cx);
                    return Poll::Pending;
                }
                Poll::Ready(file.write(bytes))
            }
            Output::Terminal(terminal) => terminal.poll_write(cx, bytes),
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

impl Terminal {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let begin = || {
                let (file, copy) = (Arc::clone(&self.file), bytes.to_vec());
                let write = move || write_and_wait(&file, &copy);
                let writing = async move { to_thread(write).await.map_err(io::Error::other)? };
                (bytes.to_vec(), Box::pin(writing) as Writing)
            };
            let (under_way, answer) = self.writing.get_or_insert_with(begin);
            let written = ready!(answer.as_mut().poll(cx));
            // Of what another one has given up, the order is all that matters.
            let is_ours = bytes.starts_with(under_way);
            self.writing = None;
            if is_ours {
                return Poll::Ready(written);
            }
        }
    }
}

/// One write that waits, in a thread. If another program has told the terminal not to block, that
/// holds for us as well: then it is to be waited for.
fn write_and_wait(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        let mut asked = [PollFd::new(file, PollFlags::OUT)];
        match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match poll(&mut asked, None)
            {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            outcome => return outcome,
        }
    }
}

/// One write that does not wait. Of a socket "it can be written" means some room, as of a terminal;
/// but it can be told not to wait this once.
fn write_now(file: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    match send(file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Err(Errno::NOTSOCK) => Ok(rustix::io::write(file, bytes)?),
        outcome => Ok(outcome?),
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

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Output::Watched(..) => "watched",
            Output::File(_) => "a file",
            Output::Terminal(_) => "a terminal",
        })
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
