//! How the loop hears that a process has ended.
//!
//! ```text
//!   Linux:      pidfd -------------------------------------> readable when it has ended
//!   elsewhere:  a thread that waits, and closes its end ---> readable when it has ended
//! ```
//!
//! Hearing of it is one thing; *reaping* is another: until somebody asks for the status, the
//! dead process keeps its number, as a zombie. So the number cannot be given to anybody else in
//! between, and a signal that is sent too late hits nobody.
//!
//! # Invariants
//! - Only `std`'s `Child` reaps, and it is asked only by whoever owns it.
//! - A child that nobody waits for any more is reaped all the same: by a callback of the loop as
//!   long as there is one, else by a thread that waits for that one child.
//!
//! Tutorial: chapter 17. Before this: `../pipe.rs`. After this: `child.rs`.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use roundelay_runtime::{Callback, Direction, Signal, Source, WaitKey, current_loop, tell_stderr};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};

use crate::net::readiness::Watched;

/// A child process that is still to be reaped, and the watch for its end.
#[derive(Debug)]
pub(crate) struct Unreaped {
    watched: Watched<OwnedFd>,
    wait: Option<WaitKey>,
    child: Option<Child>,
}

impl Unreaped {
    /// If the end cannot be watched for, the child is killed, and reaped before this returns. (One
    /// that has become somebody else cannot be killed; it is reaped when it ends.)
    pub(crate) fn new(mut child: Child) -> io::Result<Unreaped> {
        match descriptor(Pid::from_child(&child)).and_then(Watched::new) {
            Ok(watched) => Ok(Unreaped { watched, wait: None, child: Some(child) }),
            // It has ended, and its number is nobody's already.
            Err(error) if is(&error, Errno::SRCH) => Err(unknown_end(child.id(), error.kind())),
            Err(error) => {
                match child.kill() {
                    Ok(()) => drop(child.wait()),
                    Err(_) => reap_in_a_thread(child),
                }
                Err(error)
            }
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("the child is there until this is dropped")
    }

    /// The status, when the process has ended. Asked again, it says the same.
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let Unreaped { watched, wait, child } = self;
        let child = child.as_mut().expect("the child is there until this is dropped");
        // First without the watch: it may have been reaped before.
        if let Some(status) = status(child)? {
            watched.cancel_wait(wait);
            return Poll::Ready(Ok(status));
        }
        // Readable is not enough: the system may have spoken too soon.
        let reap = |_: &OwnedFd| status(child)?.ok_or(io::ErrorKind::WouldBlock.into());
        watched.poll_io(wait, cx, Direction::Read, reap)
    }

    /// Leaves the child to the loop, or if that cannot be, to a thread.
    pub(crate) fn abandon(mut self) {
        self.watched.cancel_wait(&mut self.wait);
        let Some(child) = self.child.take() else { return };
        Orphan::adopt(child);
    }
}

/// How the child has ended, if it has.
pub(crate) fn status(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    child.try_wait().map_err(|error| match is(&error, Errno::CHILD) {
        true => unknown_end(child.id(), error.kind()),
        false => error,
    })
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// What to say of a child that has ended and was reaped, and not by us.
fn unknown_end(id: u32, kind: io::ErrorKind) -> io::Error {
    let text = match Signal::CHILD.is_ignored() {
        true => format!(
            "process {id} has ended, and nobody knows how: this program was started with SIGCHLD \
             ignored, and then the system forgets its children at once; keep a \
             `Signals::new([Signal::CHILD])` while there are some, and it remembers them"
        ),
        false => format!(
            "process {id} was waited for by somebody else in this program, who knows how it has \
             ended"
        ),
    };
    io::Error::new(kind, text)
}

/// What [`Unreaped::new`] needs, taken before the child is started and given back after: where no
/// descriptor is left, that is known before the program does anything.
pub(crate) fn reserve() -> io::Result<Option<OwnedFd>> {
    match by_the_system(getpid()) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// A child that nobody waits for any more.
struct Orphan {
    // Dropped first: the watch ends before the descriptor is closed.
    source: Source,
    _descriptor: OwnedFd,
    /// `None` when it was reaped.
    child: RefCell<Option<Child>>,
}

impl Orphan {
    fn adopt(mut child: Child) {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let watch = || {
            let home = current_loop()?;
            let descriptor = descriptor(Pid::from_child(&child)).ok()?;
            Some((home.register(&descriptor).ok()?, descriptor))
        };
        match watch() {
            Some((source, descriptor)) => {
                let child = RefCell::new(Some(child));
                Rc::new(Orphan { source, _descriptor: descriptor, child }).look();
            }
            None => reap_in_a_thread(child),
        }
    }

    /// Reaps, or comes back when the system says that there may be something to reap.
    fn look(self: Rc<Orphan>) {
        let mut child = self.child.borrow_mut();
        let lives = child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !lives {
            *child = None;
            return;
        }
        drop(child);
        let again = Rc::clone(&self);
        let _ = self.source.clear_ready(Direction::Read);
        let _ = self.source.wait(Direction::Read, None, Callback::new(move || again.look()));
    }
}

impl Drop for Orphan {
    /// The loop is being closed, or the child was reaped.
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            reap_in_a_thread(child);
        }
    }
}

/// The thread ends with the child. Nobody waits for it, not even a loop that is closed.
fn reap_in_a_thread(mut child: Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let name = format!("reaper of {}", child.id());
    let reaper = thread::Builder::new().name(name).spawn(move || child.wait());
    if let Err(error) = reaper {
        tell_stderr(format_args!("a child process stays a zombie when it ends: {error}"));
    }
}

/// Something that is readable from the moment on in which the child can be reaped.
fn descriptor(child: Pid) -> io::Result<OwnedFd> {
    match by_the_system(child) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => by_a_thread(child),
        outcome => outcome,
    }
}

#[cfg(target_os = "linux")]
fn by_the_system(pid: Pid) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn by_the_system(_: Pid) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// For systems without descriptors for processes: the thread waits without reaping, and then
/// lets go of its end.
fn by_a_thread(pid: Pid) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    thread::Builder::new().name(format!("waits for {pid:?}")).spawn(move || {
        let quietly = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), quietly), Err(Errno::INTR)) {}
        drop(theirs);
    })?;
    Ok(ours.into())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn without_descriptors_for_processes_a_thread_tells_of_the_end_and_does_not_reap() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let told = by_a_thread(Pid::from_child(&child)).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        drop(child.stdin.take());
        let mut told = [PollFd::new(&told, PollFlags::IN)];
        while poll(&mut told, None) == Err(Errno::INTR) {}
        assert!(child.try_wait().unwrap().unwrap().success());
    }
}
