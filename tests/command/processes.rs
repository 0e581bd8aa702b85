//! The command as a running process: looking into it from outside, and signals to it.
//!
//! Nothing here waits for a time. A test waits until something *is so* (a file is open, a process
//! is there), by looking again and again, and gives up only when the machine must be broken.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::{ROUNDELAY, roundelay};

/// A file that takes longer to hash than any test runs, and no room on the disk.
pub(crate) fn endless_file(path: &Path) -> File {
    let file = File::create(path).unwrap();
    file.set_len(1 << 40).expect("the file system holds a sparse file of 1 TiB");
    file
}

/// A `roundelay manifest` that runs; killed if the test ends before it.
pub(crate) struct Running {
    child: Child,
    /// In a process group of its own, as a shell would start it.
    pub(crate) pid: u32,
}

/// How a run ended, and what it said.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts the command in `dir` with both outputs in pipes.
    pub(crate) fn start<S: AsRef<OsStr>>(dir: &Path, args: impl IntoIterator<Item = S>) -> Running {
        let mut command = roundelay(dir);
        command.arg("manifest").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::spawn(&mut command)
    }

    pub(crate) fn spawn(command: &mut Command) -> Running {
        let child = command.process_group(0).spawn().expect("the command can be started");
        let pid = child.id();
        if command.get_program() == "env" {
            // Still deaf until it is the command (or has ended).
            let (program, own) = (format!("/proc/{pid}/exe"), fs::canonicalize(ROUNDELAY).unwrap());
            wait_until("the command runs", || {
                fs::read_link(&program).map_or(true, |program| program == own)
            });
        }
        Running { pid, child }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid, signal);
    }

    /// As a terminal does it: to the whole process group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(as_pid(self.pid), signal).unwrap();
    }

    /// The first line on standard output.
    pub(crate) fn first_line(&mut self) -> String {
        line_of(self.child.stdout.as_mut().unwrap())
    }

    /// Reads standard error up to a line that contains `part`.
    pub(crate) fn wait_until_told(&mut self, part: &str) {
        let stderr = self.child.stderr.as_mut().unwrap();
        while !line_of(stderr).contains(part) {}
    }

    /// The process that has `path` open: this one, or one of its workers.
    pub(crate) fn reader_of(&self, path: &Path) -> u32 {
        let mut reader = None;
        wait_until(&format!("somebody reads {}", path.display()), || {
            let mut all = vec![self.pid];
            all.extend(self.workers());
            reader = all.into_iter().find(|&pid| has_open(pid, path));
            reader.is_some()
        });
        reader.unwrap()
    }

    pub(crate) fn workers(&self) -> Vec<u32> {
        let is_child = |&pid: &u32| stat(pid).is_some_and(|stat| stat.parent == self.pid);
        all_processes().filter(is_child).collect()
    }

    /// Waits until the pipe of an output has filled, as far as one can see: much in it, and no more
    /// comes. (How much exactly a full pipe holds depends on how it was written to.)
    pub(crate) fn wait_until_full(&self, pipe: impl AsFd) {
        let (mut held, mut looks) = (0, 0);
        wait_until("the pipe is full", || {
            let now = rustix::io::ioctl_fionread(&pipe).unwrap();
            looks = if now == held { looks + 1 } else { 0 };
            held = now;
            held >= 30_000 && looks > 50
        });
    }

    pub(crate) fn stdout(&self) -> &impl AsFd {
        self.child.stdout.as_ref().unwrap()
    }

    pub(crate) fn stderr(&self) -> &impl AsFd {
        self.child.stderr.as_ref().unwrap()
    }

    /// Waits for the end, then reads what is left in the pipes: nobody reads while it runs.
    pub(crate) fn end_unread(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        self.read_rest(status)
    }

    /// Waits for the end, reading meanwhile.
    pub(crate) fn end(mut self) -> Ended {
        let mut stderr = self.child.stderr.take();
        let reader = std::thread::spawn(move || text_of(stderr.as_mut()));
        let stdout = text_of(self.child.stdout.as_mut());
        let status = self.child.wait().unwrap();
        Ended { status, stdout, stderr: reader.join().unwrap() }
    }

    fn read_rest(&mut self, status: ExitStatus) -> Ended {
        let stdout = text_of(self.child.stdout.as_mut());
        Ended { status, stdout, stderr: text_of(self.child.stderr.as_mut()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `wait` this does nothing; the workers notice the end of their parent.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

fn text_of(pipe: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.read_to_end(&mut bytes).unwrap();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One byte at a time, so that nothing that comes after the line is taken.
fn line_of(pipe: &mut impl Read) -> String {
    let mut line = Vec::new();
    BufReader::with_capacity(1, pipe).read_until(b'\n', &mut line).unwrap();
    assert!(line.ends_with(b"\n"), "the output ended too early: {}", line.escape_ascii());
    String::from_utf8(line).unwrap()
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    kill_process(as_pid(pid), signal).unwrap();
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid as i32).unwrap()
}

/// Was this process started with SIGINT ignored, as a shell without job control does it in the
/// background?
pub(crate) fn is_deaf_to_ctrl_c() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set >> (Signal::INT.as_raw() - 1) & 1 == 1)
}

/// Looks again and again.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(120), "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Is nobody left whose current directory is `dir`? Every test has its own.
pub(crate) fn nobody_is_left(dir: &Path) -> bool {
    let dir = fs::canonicalize(dir).unwrap();
    !all_processes().any(|pid| {
        let is_here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir);
        is_here && stat(pid).is_some_and(|stat| stat.state != 'Z')
    })
}

pub(crate) fn process_group(pid: u32) -> u32 {
    stat(pid).expect("the process is there").group
}

pub(crate) fn is_stopped(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state == 'T')
}

fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let path = fs::canonicalize(path).unwrap();
    open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|opened| opened == path))
}

fn all_processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    state: char,
    parent: u32,
    group: u32,
}

/// `pid (name) state parent group ...`; the name may hold anything, so the last parenthesis counts.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
    })
}
