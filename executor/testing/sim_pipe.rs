//! One direction of a simulated connection: bytes under way, with weather.
//!
//! ```text
//!   writer --> [ due at 3 ms: "hel" ][ due at 4 ms: "lo" ][ end at 4 ms ] --> reader
//!                                          cut: nothing arrives until it heals
//! ```
//!
//! # Invariants
//! - Bytes arrive once and in order: a later chunk is never due before an earlier one.
//! - Nobody is woken, and no waker is cloned or dropped, while the pipe is borrowed.
//!
//! Tutorial: chapter 19. Before this: `failing_schedule.rs`. After this: `sim_stream.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use roundelay_runtime::Instant;

use crate::random::Random;
use crate::task_table::Waiter;

/// What a simulated network does to bytes. Everything random comes from the network's generator.
///
/// ```
/// use std::time::Duration;
/// use roundelay_executor::testing::SimWeather;
///
/// let storm = SimWeather::calm()
///     .delay(Duration::ZERO..=Duration::from_millis(20))
///     .short_reads()
///     .short_writes()
///     .reset_one_in(1000);
/// # drop(storm);
/// ```
#[derive(Clone, Debug)]
#[must_use = "weather changes nothing until a network is given it"]
pub struct SimWeather {
    delay: RangeInclusive<Duration>,
    short_reads: bool,
    short_writes: bool,
    reset_one_in: Option<u64>,
    capacity: usize,
}

impl SimWeather {
    /// No delay, nothing cut short, no reset, 64 KiB under way in each direction.
    pub fn calm() -> SimWeather {
        SimWeather {
            delay: Duration::ZERO..=Duration::ZERO,
            short_reads: false,
            short_writes: false,
            reset_one_in: None,
            capacity: 64 * 1024,
        }
    }

    /// What every program that uses sockets has to stand: delays of 0 to 10 ms, short reads and
    /// short writes.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use roundelay_executor::testing::{SimNet, SimWeather, TestRun};
    ///
    /// TestRun::new().run(async |_seed| {
    ///     let net = SimNet::new(SimWeather::usual());
    ///     let listener = net.listen("server").unwrap();
    ///     let mut client = net.connect("client", "server").await.unwrap();
    ///     let (mut served, _) = listener.accept().await.unwrap();
    ///     client.write_all(b"piece by piece").await.unwrap();
    ///     client.close().await.unwrap();
    ///     let mut text = String::new();
    ///     served.read_to_string(&mut text).await.unwrap();
    ///     assert_eq!(text, "piece by piece"); // all of it, and in order
    /// });
    /// ```
    pub fn usual() -> SimWeather {
        let delay = Duration::ZERO..=Duration::from_millis(10);
        SimWeather::calm().delay(delay).short_reads().short_writes()
    }

    /// How long bytes are under way, on the loop's clock: in whole milliseconds, drawn anew for
    /// each write.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{now, testing::{SimNet, SimWeather, TestRun}};
    ///
    /// TestRun::new().run(async |_seed| {
    ///     let second = Duration::from_secs(1);
    ///     let net = SimNet::new(SimWeather::calm().delay(second..=second));
    ///     let _listener = net.listen("server").unwrap();
    ///     let start = now();
    ///     net.connect("client", "server").await.unwrap();
    ///     assert_eq!(now() - start, 2 * second); // there, and back
    /// });
    /// ```
    pub fn delay(mut self, delay: RangeInclusive<Duration>) -> SimWeather {
        self.delay = delay;
        self
    }

    /// A read may give fewer bytes than there are.
    pub fn short_reads(mut self) -> SimWeather {
        self.short_reads = true;
        self
    }

    /// A write may take fewer bytes than there is room for.
    pub fn short_writes(mut self) -> SimWeather {
        self.short_writes = true;
        self
    }

    /// One write in so many resets its connection instead. 0 is never.
    ///
    /// ```
    /// use futures_lite::AsyncWriteExt;
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// run(async {
    ///     let net = SimNet::new(SimWeather::calm().reset_one_in(1)); // every one
    ///     let listener = net.listen("server")?;
    ///     let mut client = net.connect("client", "server").await?;
    ///     let _served = listener.accept().await?;
    ///     let error = client.write_all(b"hello").await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset_one_in(mut self, writes: u64) -> SimWeather {
        self.reset_one_in = (writes > 0).then_some(writes);
        self
    }

    /// How many bytes may be under way in one direction before writing waits; at least 1.
    ///
    /// ```
    /// use futures_lite::AsyncWriteExt;
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// run(async {
    ///     let net = SimNet::new(SimWeather::calm().capacity(4));
    ///     let _listener = net.listen("server")?;
    ///     let mut client = net.connect("client", "server").await?;
    ///     assert_eq!(client.write(b"hello").await?, 4); // no room for the last letter
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn capacity(mut self, bytes: usize) -> SimWeather {
        self.capacity = bytes.max(1);
        self
    }
}

/// The weather of one network, and its dice. Clones share the dice.
#[derive(Clone)]
pub(crate) struct Sky {
    weather: Rc<SimWeather>,
    random: Rc<RefCell<Random>>,
}

impl Sky {
    pub(crate) fn new(weather: SimWeather) -> Sky {
        Sky { weather: Rc::new(weather), random: Rc::new(RefCell::new(Random::new())) }
    }

    pub(crate) fn delay(&self) -> Duration {
        let (least, most) = (*self.weather.delay.start(), *self.weather.delay.end());
        let steps = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(self.below(steps + 1))
    }

    fn resets(&self) -> bool {
        self.weather.reset_one_in.is_some_and(|writes| self.below(writes) == 0)
    }

    /// `most`, or fewer, but at least one.
    fn cut_short(&self, is_cut: bool, most: usize) -> usize {
        if is_cut && most > 1 { 1 + self.below(most as u64) as usize } else { most }
    }

    fn below(&self, end: u64) -> u64 {
        if end < 2 { 0 } else { self.random.borrow_mut().below(end) }
    }
}

/// One direction of a connection.
pub(crate) struct Pipe {
    sky: Sky,
    chunks: VecDeque<Chunk>,
    under_way: usize,
    /// When the last byte is due.
    last_due: Instant,
    /// The writer has closed: the end arrives with the last byte, or a little later.
    end_due: Option<Instant>,
    reader_is_gone: bool,
    is_reset: bool,
    is_cut: bool,
    reader: Option<Waiter>,
    writer: Option<Waiter>,
}

struct Chunk {
    due: Instant,
    bytes: VecDeque<u8>,
}

/// What came of a try.
pub(crate) enum Try {
    Done(io::Result<usize>),
    /// Not before this moment.
    At(Instant),
    /// Not before somebody does something.
    Wait,
}

impl Pipe {
    pub(crate) fn new(sky: Sky, now: Instant, is_cut: bool) -> Pipe {
        Pipe {
            sky,
            chunks: VecDeque::new(),
            under_way: 0,
            last_due: now,
            end_due: None,
            reader_is_gone: false,
            is_reset: false,
            is_cut,
            reader: None,
            writer: None,
        }
    }

    pub(crate) fn read(&mut self, now: Instant, room: &mut [u8]) -> Try {
        if self.is_reset {
            return Try::Done(Err(reset()));
        }
        if room.is_empty() {
            return Try::Done(Ok(0));
        }
        let Some(first) = self.chunks.front_mut().filter(|_| !self.is_cut) else {
            return match self.end_due {
                _ if self.is_cut => Try::Wait,
                Some(due) if due <= now => Try::Done(Ok(0)),
                Some(due) => Try::At(due),
                None => Try::Wait,
            };
        };
        if first.due > now {
            return Try::At(first.due);
        }
        let most = room.len().min(first.bytes.len());
        let count = self.sky.cut_short(self.sky.weather.short_reads, most);
        for (spot, byte) in room.iter_mut().zip(first.bytes.drain(..count)) {
            *spot = byte;
        }
        if first.bytes.is_empty() {
            self.chunks.pop_front();
        }
        self.under_way -= count;
        Try::Done(Ok(count))
    }

    pub(crate) fn write(&mut self, now: Instant, bytes: &[u8]) -> Try {
        if self.is_reset {
            return Try::Done(Err(reset()));
        }
        if self.end_due.is_some() || self.reader_is_gone {
            return Try::Done(Err(ErrorKind::BrokenPipe.into()));
        }
        if bytes.is_empty() {
            return Try::Done(Ok(0));
        }
        let room = self.sky.weather.capacity - self.under_way;
        if room == 0 {
            return Try::Wait;
        }
        if self.sky.resets() {
            self.is_reset = true;
            return Try::Done(Err(reset()));
        }
        let most = room.min(bytes.len());
        let count = self.sky.cut_short(self.sky.weather.short_writes, most);
        let due = self.next_due(now);
        self.chunks.push_back(Chunk { due, bytes: bytes[..count].iter().copied().collect() });
        self.under_way += count;
        Try::Done(Ok(count))
    }

    /// Nothing more will be written. Again and again is once.
    pub(crate) fn close(&mut self, now: Instant) {
        if self.end_due.is_none() {
            self.end_due = Some(self.next_due(now));
        }
    }

    fn next_due(&mut self, now: Instant) -> Instant {
        self.last_due = self.last_due.max(now + self.sky.delay());
        self.last_due
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.is_reset
    }

    pub(crate) fn leave_as_reader(&mut self) {
        self.reader_is_gone = true;
    }

    pub(crate) fn reset(&mut self) {
        self.is_reset = true;
    }

    pub(crate) fn set_cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
    }

    /// Notes who reads, or who writes; hands back whom it was before.
    pub(crate) fn set_waiter(&mut self, reads: bool, waiter: Waiter) -> Option<Waiter> {
        if reads { self.reader.replace(waiter) } else { self.writer.replace(waiter) }
    }

    /// Whoever waits at either end, to be woken.
    pub(crate) fn take_waiters(&mut self) -> [Option<Waiter>; 2] {
        [self.reader.take(), self.writer.take()]
    }
}

fn reset() -> io::Error {
    io::Error::new(ErrorKind::ConnectionReset, "the simulated network has reset this connection")
}
