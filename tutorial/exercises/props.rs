//! The things that exercises are about, and that are given: somebody to ask, a pipe, a door, a shop.
//!
//! Tutorial: the exercises. Before this: `verdict.rs`. After this: `checks/mod.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use roundelay::{current_loop, now, sleep};

use crate::lab::say;

/// Asks for the double of a number. The answer comes later, to `then`. Nobody knows the double
/// of 0: then `then` is dropped, and never called.
pub fn ask(number: u32, then: impl FnOnce(u32) + 'static) {
    let event_loop = current_loop().expect("ask inside a run");
    let answer = move || {
        if number > 0 {
            then(number * 2);
        }
    };
    event_loop.call_later(Duration::from_millis(10), answer).expect("the loop is open");
}

/// A future that counts how often it is polled.
pub async fn counted<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = std::pin::pin!(future);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    let output = output.await;
    (output, polls)
}

/// A place where a function stops until it is given a value: a future.
#[derive(Clone, Debug, Default)]
pub struct Stop(Rc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    value: Cell<Option<u32>>,
    polls: Cell<u32>,
    over: Cell<bool>,
    polled_again: Cell<bool>,
}

impl Stop {
    /// The value is there.
    pub fn give(&self, value: u32) {
        self.0.value.set(Some(value));
    }

    /// How often it was polled.
    pub fn polls(&self) -> u32 {
        self.0.polls.get()
    }

    /// Somebody polled it after it was over.
    pub fn was_polled_again(&self) -> bool {
        self.0.polled_again.get()
    }
}

impl Future for Stop {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        let inside = &self.0;
        inside.polls.set(inside.polls.get() + 1);
        if inside.over.get() {
            inside.polled_again.set(true);
            return Poll::Pending;
        }
        match inside.value.get() {
            Some(value) => {
                inside.over.set(true);
                Poll::Ready(value)
            }
            None => Poll::Pending,
        }
    }
}

/// Reading would have to wait: nothing is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

/// The end of a pipe from which one reads. It says *once* that something new is there.
#[derive(Clone, Debug, Default)]
pub struct Pipe(Rc<RefCell<PipeInside>>);

#[derive(Debug, Default)]
struct PipeInside {
    bytes: VecDeque<u8>,
    closed: bool,
    news: bool,
    reader: Option<Waker>,
}

impl Pipe {
    /// The next byte; `Ok(None)` when the other end is closed; `Err(WouldBlock)` when nothing is
    /// there now.
    ///
    /// # Errors
    /// [`WouldBlock`].
    pub fn try_read(&self) -> Result<Option<u8>, WouldBlock> {
        let mut inside = self.0.borrow_mut();
        match inside.bytes.pop_front() {
            Some(byte) => Ok(Some(byte)),
            None if inside.closed => Ok(None),
            None => Err(WouldBlock),
        }
    }

    /// Waits until something new has come since the last time that this said so.
    pub async fn readable(&self) {
        poll_fn(|cx| {
            let mut inside = self.0.borrow_mut();
            if inside.news {
                inside.news = false;
                return Poll::Ready(());
            }
            inside.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The other end writes.
    pub fn write(&self, bytes: &[u8]) {
        self.0.borrow_mut().bytes.extend(bytes);
        self.tell();
    }

    /// The other end closes.
    pub fn close(&self) {
        self.0.borrow_mut().closed = true;
        self.tell();
    }

    fn tell(&self) {
        let reader = {
            let mut inside = self.0.borrow_mut();
            inside.news = true;
            inside.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The door of a server: requests come in, until somebody asks the server to stop.
#[derive(Clone, Debug, Default)]
pub struct Door {
    requests: Pipe,
}

impl Door {
    /// The next request; `None` when the server is to stop.
    pub async fn next(&self) -> Option<u8> {
        loop {
            match self.requests.try_read() {
                Ok(request) => return request,
                Err(WouldBlock) => self.requests.readable().await,
            }
        }
    }

    /// Somebody comes in.
    pub fn enter(&self, request: u8) {
        self.requests.write(&[request]);
    }

    /// Somebody asks the server to stop.
    pub fn ask_to_stop(&self) {
        self.requests.close();
    }
}

/// Somebody who can be asked, and who answers after a time of its own.
#[derive(Debug)]
pub struct Place {
    name: &'static str,
    takes: Duration,
}

impl Place {
    /// A place that takes so long to answer.
    pub fn new(name: &'static str, takes: Duration) -> Place {
        Place { name, takes }
    }

    /// Its answer, which is its name.
    pub async fn ask(self) -> &'static str {
        sleep(self.takes).await;
        self.name
    }
}

/// A shop that takes money and sends parcels. Clones are the same shop.
#[derive(Clone, Debug, Default)]
pub struct Shop(Rc<Books>);

#[derive(Debug, Default)]
struct Books {
    paid: Cell<u32>,
    sent: Cell<u32>,
}

impl Shop {
    /// Takes the money, then waits 10 ms for the receipt.
    pub async fn pay(&self) {
        self.0.paid.set(self.0.paid.get() + 1);
        sleep(Duration::from_millis(10)).await;
    }

    /// Sends the parcel, which takes 10 ms.
    pub async fn send(&self) {
        sleep(Duration::from_millis(10)).await;
        self.0.sent.set(self.0.sent.get() + 1);
    }

    /// How often somebody has paid.
    pub fn paid(&self) -> u32 {
        self.0.paid.get()
    }

    /// How often a parcel was sent.
    pub fn sent(&self) -> u32 {
        self.0.sent.get()
    }
}

/// A line to somebody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {}

impl Line {
    /// Talks for 20 ms.
    pub async fn talk(self) {
        say("hello");
        sleep(Duration::from_millis(20)).await;
        say("so it is");
    }

    /// Says goodbye, which takes 5 ms.
    pub async fn say_goodbye(self) {
        sleep(Duration::from_millis(5)).await;
        say("goodbye");
    }
}

/// A service that says of each call how long it takes, and how it ends. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Service(Rc<Calls>);

#[derive(Debug)]
struct Calls {
    plan: &'static [(u64, Result<u32, &'static str>)],
    begun: RefCell<Vec<Instant>>,
}

impl Service {
    /// The milliseconds and the end of each call; the last of them is that of all further calls.
    pub fn new(plan: &'static [(u64, Result<u32, &'static str>)]) -> Service {
        Service(Rc::new(Calls { plan, begun: RefCell::default() }))
    }

    /// Calls it.
    ///
    /// # Errors
    /// It does not want to.
    pub async fn call(&self) -> Result<u32, &'static str> {
        let number = self.0.begun.borrow().len();
        self.0.begun.borrow_mut().push(now());
        let (millis, end) = self.0.plan[number.min(self.0.plan.len() - 1)];
        sleep(Duration::from_millis(millis)).await;
        end
    }

    /// When each call began.
    pub fn begun(&self) -> Vec<Instant> {
        self.0.begun.borrow().clone()
    }
}

/// How many are at work.
#[derive(Clone, Debug, Default)]
pub struct AtWork(Rc<Cell<usize>>);

impl AtWork {
    /// Somebody begins, and is at work until this is dropped.
    pub(crate) fn begin(&self) -> Works {
        self.0.set(self.0.get() + 1);
        Works(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }
}

/// Somebody at work, until it is dropped.
pub(crate) struct Works(AtWork);

impl Drop for Works {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// A job that takes its time.
#[derive(Debug)]
pub struct Work {
    takes: Duration,
    at_work: AtWork,
}

impl Work {
    pub(crate) fn new(takes: Duration, at_work: &AtWork) -> Work {
        Work { takes, at_work: at_work.clone() }
    }

    /// Works, for as long as it takes.
    pub async fn run(self) {
        let _works = self.at_work.begin();
        sleep(self.takes).await;
    }
}
