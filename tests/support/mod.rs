//! What the promises are tested with: a log, guards that tell of their end, counting wakers,
//! loops on the virtual clock, and two ways to survive what goes wrong: a thread that may hang
//! and a process that may die.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub(crate) mod checked;
pub(crate) mod sockets;
pub(crate) mod waiting;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::process::{Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::ProptestConfig;
use roundelay::testing::Schedule;
use roundelay::{EventLoop, Failure, FailurePolicy, Runner, RunnerBuilder};

use checked::Checked;

/// What happened, in order. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Rc<RefCell<Vec<String>>>,
}

impl Log {
    pub(crate) fn new() -> Log {
        Log::default()
    }

    pub(crate) fn add(&self, line: impl Into<String>) {
        self.lines.borrow_mut().push(line.into());
    }

    /// A callback that writes one line.
    pub(crate) fn adds(&self, line: impl Into<String>) -> impl FnOnce() + 'static {
        let (log, line) = (self.clone(), line.into());
        move || log.add(line)
    }

    /// A guard that writes a line when it is dropped.
    pub(crate) fn on_drop(&self, line: impl Into<String>) -> OnDrop {
        let (log, line) = (self.clone(), line.into());
        on_drop(move || log.add(line))
    }

    /// All lines so far; the log is empty afterwards.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.borrow().len()
    }
}

/// Calls something when it is dropped.
pub(crate) struct OnDrop {
    action: Option<Box<dyn FnOnce()>>,
}

pub(crate) fn on_drop(action: impl FnOnce() + 'static) -> OnDrop {
    OnDrop { action: Some(Box::new(action)) }
}

impl OnDrop {
    /// It calls nothing any more.
    pub(crate) fn disarm(mut self) {
        self.action = None;
    }
}

impl std::fmt::Debug for OnDrop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnDrop")
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(action) = self.action.take() {
            action();
        }
    }
}

/// The same, for what must be able to travel.
pub(crate) struct OnDropSend(pub(crate) fn());

impl Drop for OnDropSend {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Counts how many of its kind are alive.
#[derive(Clone, Default)]
pub(crate) struct Census {
    alive: Rc<RefCell<(usize, usize)>>,
}

impl Census {
    pub(crate) fn new() -> Census {
        Census::default()
    }

    pub(crate) fn born(&self) -> OnDrop {
        let mut counts = self.alive.borrow_mut();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        drop(counts);
        let alive = Rc::clone(&self.alive);
        on_drop(move || alive.borrow_mut().0 -= 1)
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.borrow().0
    }

    pub(crate) fn most(&self) -> usize {
        self.alive.borrow().1
    }
}

/// Failures that nobody could take, as a handler sees them.
#[derive(Clone, Default)]
pub(crate) struct Reports {
    seen: Rc<RefCell<Vec<Failure>>>,
}

impl Reports {
    pub(crate) fn new() -> Reports {
        Reports::default()
    }

    pub(crate) fn policy(&self) -> FailurePolicy {
        let seen = Rc::clone(&self.seen);
        FailurePolicy::Handler(Rc::new(move |failure| seen.borrow_mut().push(failure.clone())))
    }

    /// "kind: message" of every failure so far; forgotten afterwards.
    pub(crate) fn take(&self) -> Vec<String> {
        let seen = self.seen.take();
        seen.iter().map(|failure| format!("{:?}: {}", failure.kind, failure.message)).collect()
    }

    pub(crate) fn take_whole(&self) -> Vec<Failure> {
        self.seen.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.borrow().len()
    }
}

/// A loop in made-up time.
pub(crate) fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_clock().build().unwrap()
}

/// A runner in made-up time.
pub(crate) fn virtual_runner() -> Runner {
    let builder = Runner::builder().virtual_clock();
    let Ok(seed) = std::env::var(SCHEDULE) else {
        return checked(builder).build().unwrap();
    };
    let schedule = Schedule::seeded(seed.parse().expect("a seed"));
    checked(builder).schedule(&schedule).build().unwrap()
}

/// Records the run and checks it. Not under Miri, which needs twice as long for it: there the tests
/// of the recorder do.
fn checked(builder: RunnerBuilder) -> RunnerBuilder {
    if cfg!(miri) { builder } else { builder.observer(Checked::new()) }
}

/// Set to a seed, it makes every [`virtual_runner`] take ready steps in a legal order of that
/// seed's choice. What a test file promises must hold then, too, except where a test asks for the
/// order of the line.
const SCHEDULE: &str = "ROUNDELAY_TEST_SCHEDULE";

/// Runs this whole test file again, under other schedules. `except` are the tests whose logs show
/// an order that is not promised.
pub(crate) fn holds_under_other_schedules(except: &[&str]) {
    for seed in ["1", "2"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--skip", "under_other_schedules"]).env(SCHEDULE, seed);
        for test in except {
            command.args(["--skip", test]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "with {SCHEDULE}={seed}: {text}");
    }
}

/// Runs `main` in made-up time; everything is cleaned up when it returns.
#[track_caller]
pub(crate) fn run_virtual<F: Future>(main: F) -> F::Output {
    virtual_runner().run(main).unwrap()
}

/// A runner in made-up time whose failures are collected.
pub(crate) fn reporting_runner() -> (Runner, Reports) {
    let reports = Reports::new();
    let runner = checked(Runner::builder().virtual_clock());
    let runner = runner.failure_policy(reports.policy());
    (runner.build().unwrap(), reports)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A waker that counts its wakes.
#[derive(Default)]
pub(crate) struct Counter {
    wakes: AtomicUsize,
}

impl Counter {
    pub(crate) fn new() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (Arc::clone(&counter), Waker::from(counter))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that calls a function at each wake.
struct Calls<F>(F);

pub(crate) fn waker_that_calls(function: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Calls(function)))
}

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// A waker that panics at each wake.
pub(crate) fn panicking_waker() -> Waker {
    waker_that_calls(|| panic!("a waker that panics"))
}

/// A waker whose last clone panics when it is dropped, unless it has woken somebody.
pub(crate) fn waker_that_panics_when_dropped() -> Waker {
    #[derive(Default)]
    struct Bomb {
        has_woken: AtomicBool,
    }
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            self.has_woken.store(true, Ordering::SeqCst);
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !self.has_woken.load(Ordering::SeqCst) {
                panic!("a waker that panics when it is dropped");
            }
        }
    }
    Waker::from(Arc::new(Bomb::default()))
}

/// One poll by hand.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Polls whatever future stands in a slot with the waker of whoever awaits this.
pub(crate) fn poll_now<F: Future + Unpin>(
    future: &mut F,
) -> impl Future<Output = Poll<F::Output>> + '_ {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx)))
}

/// Drives several futures with a waker of its own for each, and polls only those that were
/// woken: what FuturesUnordered and its like do.
pub(crate) struct Crowd<T> {
    members: Vec<Option<Member<T>>>,
    woken: Arc<Woken>,
    outputs: Vec<(usize, T)>,
    /// How many polls it has made in all.
    pub(crate) polls: usize,
}

type Member<T> = (Pin<Box<dyn Future<Output = T>>>, Waker);

#[derive(Default)]
struct Woken {
    queue: std::sync::Mutex<(Vec<usize>, Option<Waker>)>,
}

struct MemberWaker {
    index: usize,
    woken: Arc<Woken>,
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        let mut queue = self.woken.queue.lock().unwrap();
        if !queue.0.contains(&self.index) {
            queue.0.push(self.index);
        }
        let outer = queue.1.take();
        drop(queue);
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

impl<T> Unpin for Crowd<T> {}

impl<T> Crowd<T> {
    pub(crate) fn new() -> Crowd<T> {
        Crowd { members: Vec::new(), woken: Arc::default(), outputs: Vec::new(), polls: 0 }
    }

    pub(crate) fn push(&mut self, future: impl Future<Output = T> + 'static) {
        let index = self.members.len();
        let waker = Waker::from(Arc::new(MemberWaker { index, woken: Arc::clone(&self.woken) }));
        self.members.push(Some((Box::pin(future), waker)));
        self.woken.queue.lock().unwrap().0.push(index);
    }
}

impl<T> Future for Crowd<T> {
    /// Which member ended with what, in the order in which they ended.
    type Output = Vec<(usize, T)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let woken = {
                let mut queue = this.woken.queue.lock().unwrap();
                queue.1 = Some(cx.waker().clone());
                std::mem::take(&mut queue.0)
            };
            if woken.is_empty() {
                break;
            }
            for index in woken {
                let Some((future, waker)) = &mut this.members[index] else { continue };
                this.polls += 1;
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                    this.members[index] = None;
                    this.outputs.push((index, output));
                }
            }
        }
        if this.members.iter().any(Option::is_some) {
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut this.outputs))
    }
}

/// How often something is done in a test that does it very often. Miri takes a thousand times as
/// long for each, and looks at memory: it has seen all that there is to see after a few.
pub(crate) fn rounds(natively: usize) -> usize {
    if cfg!(miri) { natively.min(30) } else { natively }
}

/// As [`rounds`], where each is a loop of its own and threads that run against it.
pub(crate) fn races(natively: usize) -> usize {
    if cfg!(miri) { natively.min(3) } else { natively }
}

/// As [`rounds`], for random programs.
pub(crate) fn cases(natively: u32) -> u32 {
    if cfg!(miri) { natively.min(2) } else { natively }
}

/// As [`rounds`], for how many moves a random program may have.
pub(crate) fn length(natively: usize) -> usize {
    if cfg!(miri) { natively.div_ceil(5) } else { natively }
}

/// So many random programs for each property of a file.
pub(crate) fn properties(natively: u32) -> ProptestConfig {
    ProptestConfig::with_cases(cases(natively))
}

/// How long something may take that should take no time at all, before it counts as hung. It
/// is never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 600 } else { 20 });

/// Runs `work` on a thread of its own, and fails the test if it never ends.
#[track_caller]
pub(crate) fn must_end<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("must_end".into());
    let thread = thread.spawn(move || drop(sender.send(work()))).unwrap();
    match receiver.recv_timeout(PATIENCE) {
        Ok(value) => {
            thread.join().unwrap();
            value
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: not over after {PATIENCE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err());
        }
    }
}

/// What became of a test that was run as a process of its own.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails the test unless the process ended as it should.
    #[track_caller]
    pub(crate) fn well(self) -> Ended {
        let Some(status) = self.status else {
            panic!("it hangs; standard error:\n{}", self.stderr);
        };
        assert!(status.success(), "it ended with {status}; standard error:\n{}", self.stderr);
        self
    }
}

const CHILD: &str = "ROUNDELAY_TEST_CHILD";

/// Runs `body` in a process of its own, since it might abort, overflow the stack or hang.
///
/// `name` is the test's own name, with its module: the test program is started again and runs only
/// that, and then `body` is called instead.
///
/// Miri starts no processes, so there `body` runs in place, and what it writes is not kept.
#[track_caller]
pub(crate) fn in_a_process(name: &str, body: impl FnOnce()) -> Ended {
    in_a_process_with(name, Stdio::piped(), body)
}

/// As [`in_a_process`], with another standard error.
#[track_caller]
pub(crate) fn in_a_process_with(name: &str, stderr: Stdio, body: impl FnOnce()) -> Ended {
    if cfg!(miri) {
        body();
        return Ended { status: Some(ExitStatus::default()), ..Ended::default() };
    }
    if std::env::var(CHILD).as_deref() == Ok(name) {
        body();
        std::process::exit(0);
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let patience = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() >= patience {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(ms(5));
    };
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    // A program that finds no such test is content, and would be here.
    assert!(
        !stdout.contains("running 0 tests"),
        "no test is called {name}; is its module in front?"
    );
    Ended { status, stdout, stderr }
}
