//! The wire format: what a parent and a worker say to each other.
//!
//! A *frame* is a length, a kind, and a body. Integers are little-endian, names are a `u16`
//! length and UTF-8, values are in the format of `codec.rs`.
//!
//! ```text
//!   +--------------------+---------+----------------+
//!   | u32 length of rest | u8 kind | body ...       |      length: 1 ..= max_frame
//!   +--------------------+---------+----------------+
//!
//!   kind             direction  body                                    allowed while
//!    1 Hello         worker ->  u16 protocol, u64 fingerprint, u32 pid  starting
//!   16 Init          -> worker  name, args                              after Hello, once
//!    2 Ready         worker ->  -                                       after Init
//!    7 InitFailed    worker ->  panic                                   after Init
//!   17 Job           -> worker  u64 id, name, args                      ready
//!   18 Batch         -> worker  u64 id, name, items: args               ready
//!    3 Done          worker ->  u64 id, result                          busy (with that id)
//!                               (a batch: items: u8 kind 3..6 and its body)
//!    4 Panicked      worker ->  u64 id, panic                           busy
//!    5 BadArgs       worker ->  u64 id, text                            busy
//!    6 BadResult     worker ->  u64 id, text                            busy
//!    8 Part          worker ->  the beginning of a body                 busy
//!   19 Exit          -> worker  -                                       ready
//! ```
//!
//! A panic is encoded as message, place and backtrace (the last two optional). An item is a `u32`
//! length and so many bytes (`chunk.rs`).
//!
//! # Invariants
//! - A length is checked before anything is allocated for it, and memory grows with what has
//!   *arrived*, not with what was announced.
//! - Every frame keeps the limit, also where an answer needs several. Who reads sees one.
//! - Memory that is used again never lets old bytes through: a body ends where what arrived ends.
//! - Whatever the bytes are, reading them ends in a frame or in a [`WireError`]; no panic.
//!
//! Tutorial: the chapter on process pools. Before this: `registry.rs`. After this: `panic_words.rs`.

use std::fmt;
use std::io::{self, Read};

use crate::shelf::{LARGE, any_spare, give_back, memory_for};

pub(crate) const PROTOCOL: u16 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Hello = 1,
    Ready = 2,
    Done = 3,
    Panicked = 4,
    BadArgs = 5,
    BadResult = 6,
    InitFailed = 7,
    Part = 8,
    Init = 16,
    Job = 17,
    Batch = 18,
    Exit = 19,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        let from_worker = [Hello, Ready, Done, Panicked, BadArgs, BadResult, InitFailed, Part];
        let to_worker = [Init, Job, Batch, Exit];
        from_worker.into_iter().chain(to_worker).find(|kind| *kind as u8 == byte)
    }
}

// ---- writing --------------------------------------------------------------------------------

/// A frame that is being put together; its length is filled in at the end.
pub(crate) struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> FrameWriter<'a> {
    /// Begins a frame in `out`, which is emptied. If it has no memory yet, it gets a spare one.
    pub(crate) fn begin(out: &'a mut Vec<u8>, kind: Kind) -> FrameWriter<'a> {
        if out.capacity() == 0 {
            *out = any_spare();
        }
        out.clear();
        out.extend([0, 0, 0, 0, kind as u8]);
        FrameWriter { out }
    }

    pub(crate) fn u16(self, number: u16) -> Self {
        self.out.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.out.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.out.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn name(self, name: &str) -> Self {
        let length = u16::try_from(name.len()).expect("a function's name is shorter than 64 KiB");
        let this = self.u16(length);
        this.out.extend(name.as_bytes());
        this
    }

    /// The rest of the body is written by somebody else.
    pub(crate) fn rest(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Fills in the length. `Err`: the frame is longer than `limit`; how long it would be.
    pub(crate) fn finish(self, limit: u32) -> Result<(), usize> {
        let length = self.out.len() - 4;
        match u32::try_from(length) {
            Ok(fits) if fits <= limit => {
                self.out[..4].copy_from_slice(&fits.to_le_bytes());
                Ok(())
            }
            _ => Err(length),
        }
    }
}

// ---- reading --------------------------------------------------------------------------------

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum WireError {
    /// The other side is gone; between two frames, or in the middle of one.
    End,
    /// Its time is up.
    TimedOut,
    /// What came is not a frame of ours.
    Garbage(String),
    Io(io::Error),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::End => write!(f, "the other side closed the connection"),
            WireError::TimedOut => write!(f, "no answer in time"),
            WireError::Garbage(what) => write!(f, "{what}"),
            WireError::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> WireError {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => WireError::End,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => WireError::TimedOut,
            _ => WireError::Io(error),
        }
    }
}

/// Reads frames; a small one usually costs one system call.
pub(crate) struct FrameReader<R> {
    pub(crate) source: R,
    limit: u32,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

const BUFFER: usize = 8 * 1024;
const HEADER: usize = 5;

impl<R: Read> FrameReader<R> {
    pub(crate) fn new(source: R, limit: u32) -> FrameReader<R> {
        FrameReader { source, limit, buffer: vec![0; BUFFER].into(), start: 0, end: 0 }
    }

    /// The next frame, or several in one: of those, the last says what they are.
    pub(crate) fn next(&mut self) -> Result<Frame, WireError> {
        let mut frame = self.one()?;
        while frame.kind == Kind::Part {
            let Frame { kind, body } = self.one()?;
            frame.body.extend_from_slice(&body);
            frame.kind = kind;
            give_back(body);
        }
        Ok(frame)
    }

    fn one(&mut self) -> Result<Frame, WireError> {
        while self.end - self.start < HEADER {
            self.fill()?;
        }
        let header = &self.buffer[self.start..self.start + HEADER];
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let kind = header[4];
        if length == 0 || length > self.limit {
            let limit = self.limit;
            let what = format!("a frame of {length} bytes was announced, the limit is {limit}");
            return Err(WireError::Garbage(what));
        }
        let Some(kind) = Kind::from_byte(kind) else {
            return Err(WireError::Garbage(format!("a frame of unknown kind {kind}")));
        };
        self.start += HEADER;
        Ok(Frame { kind, body: self.body(length as usize - 1)? })
    }

    fn body(&mut self, length: usize) -> Result<Vec<u8>, WireError> {
        let mut body = memory_for(length); // what is in there is old news
        let mut arrived = length.min(self.end - self.start);
        if body.len() < arrived {
            body.resize(arrived, 0);
        }
        body[..arrived].copy_from_slice(&self.buffer[self.start..self.start + arrived]);
        self.start += arrived;
        while arrived < length {
            if body.len() == arrived {
                let room = length.min(LARGE.max(2 * arrived));
                body.reserve_exact(room - arrived);
                body.resize(room, 0);
            }
            let room = length.min(body.len());
            arrived += read_some(&mut self.source, &mut body[arrived..room])?;
        }
        body.truncate(length);
        Ok(body)
    }

    fn fill(&mut self) -> Result<(), WireError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.end += read_some(&mut self.source, &mut self.buffer[self.end..])?;
        Ok(())
    }
}

fn read_some(source: &mut impl Read, into: &mut [u8]) -> Result<usize, WireError> {
    loop {
        match source.read(into) {
            Ok(0) => return Err(WireError::End),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes the parts of a body one after the other; `None` when it is too short.
pub(crate) struct Body<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Body<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(crate) fn name(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: u32 = 100_000;

    /// Gives its bytes in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let size = *self.sizes.next().unwrap();
            let count = size.min(out.len()).min(self.bytes.len());
            out[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes = &self.bytes[count..];
            Ok(count)
        }
    }

    fn frame(kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = FrameWriter::begin(&mut out, kind);
        writer.rest().extend_from_slice(body);
        writer.finish(LIMIT).unwrap();
        out
    }

    /// The largest body, and the largest of random bytes. Miri makes and compares them slowly.
    const LARGE: usize = if cfg!(miri) { 2000 } else { 99_000 };
    const RANDOM: usize = if cfg!(miri) { 200 } else { 20_000 };

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let small = proptest::collection::vec(any::<u8>(), 0..40);
        let large = (0..LARGE).prop_map(|size| vec![7; size]);
        proptest::collection::vec(prop_oneof![4 => small, 1 => large], 0..8)
    }

    proptest! {
        #[test]
        fn frames_survive_any_split_of_the_stream(
            bodies in bodies(),
            sizes in proptest::collection::vec(1_usize..5000, 1..10),
            given_back: bool,
        ) {
            let stream: Vec<u8> = bodies.iter().flat_map(|body| frame(Kind::Done, body)).collect();
            let source = Pieces { bytes: &stream, sizes: sizes.iter().cycle() };
            let mut reader = FrameReader::new(source, LIMIT);
            for body in &bodies {
                let frame = reader.next().unwrap();
                prop_assert_eq!(&frame.body, body);
                if given_back {
                    crate::shelf::give_back(frame.body);
                }
            }
            prop_assert!(matches!(reader.next(), Err(WireError::End)));
        }

        #[test]
        fn a_torn_frame_is_an_end_and_never_a_frame(
            body in proptest::collection::vec(any::<u8>(), 0..RANDOM),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = frame(Kind::Done, &body);
            let torn = &whole[..cut.index(whole.len())];
            let mut reader = FrameReader::new(torn, LIMIT);
            prop_assert!(matches!(reader.next(), Err(WireError::End)));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_never_claim_much_memory(bytes: Vec<u8>) {
            let mut reader = FrameReader::new(bytes.as_slice(), LIMIT);
            while let Ok(frame) = reader.next() {
                prop_assert!(frame.body.capacity() <= LIMIT as usize);
                let mut body = Body { rest: &frame.body };
                let _ = (body.u64(), body.name(), body.u32());
            }
        }
    }

    #[test]
    fn parts_are_read_as_the_one_frame_that_they_are() {
        let parts = [b"an ".as_slice(), b"", b"ans"].map(|body| frame(Kind::Part, body)).concat();
        let stream = [parts.clone(), frame(Kind::Done, b"wer"), parts].concat();
        let mut reader = FrameReader::new(stream.as_slice(), LIMIT);
        let Frame { kind, body } = reader.next().unwrap();
        assert_eq!((kind, body.as_slice()), (Kind::Done, b"an answer".as_slice()));
        assert!(matches!(reader.next(), Err(WireError::End)), "its last part never comes");
    }

    #[test]
    fn a_huge_announcement_allocates_next_to_nothing() {
        let mut announced = u32::MAX.to_le_bytes().to_vec();
        announced.push(Kind::Done as u8);
        let mut refusing = FrameReader::new(announced.as_slice(), 1 << 30);
        assert!(matches!(refusing.next(), Err(WireError::Garbage(_))));
        let mut waiting = FrameReader::new(announced.as_slice(), u32::MAX);
        assert!(matches!(waiting.next(), Err(WireError::End)), "the body never comes");
    }

    #[test]
    fn a_frame_over_the_limit_is_not_finished() {
        let mut out = Vec::new();
        let mut writer = FrameWriter::begin(&mut out, Kind::Job);
        writer.rest().extend([0; 10]);
        assert_eq!(writer.finish(10), Err(11));
    }
}
