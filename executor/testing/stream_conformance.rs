//! What every stream promises, as a test of any stream.
//!
//! The futures-io traits say little about ends, cancellation and empty buffers, and what they
//! leave open is where streams go wrong. Here it is said: one function for each promise, played
//! by both ends in both roles.
//!
//! # Invariants
//! - No check depends on time, nor on how many bytes a stream takes at once.
//!
//! Tutorial: chapter 19. Before this: `wait_all_tasks_blocked.rs`. After this: `schedule.rs`.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_io::{AsyncRead, AsyncWrite};

use crate::yield_now::yield_now;

/// Checks that a kind of stream keeps what users of streams count on. `make_pair` makes two
/// connected ends, which may be of different types; it is called about twenty times.
///
/// The promises: bytes arrive once and in order, also with a reader and a writer at work on both
/// ends; short buffers lose nothing; empty buffers are no end; closing ends one way only, after
/// all that was written, and the end stays; closing and flushing twice do no harm; a read or
/// write that is given up has moved no byte; what was flushed survives the drop; whoever waits
/// hears when the other end is dropped, and writing to it becomes an error.
///
/// # Panics
/// When a promise is broken, with a sentence that says which. One that is broken by waiting for
/// ever is a hang, or `RunError::Deadlock` where the loop can know.
///
/// ```
/// use roundelay_executor::{duplex, run, testing::stream_conformance};
///
/// run(stream_conformance(async || Ok(duplex(64))));
/// ```
pub async fn stream_conformance<A: ByteStream, B: ByteStream>(
    make_pair: impl AsyncFn() -> io::Result<(A, B)>,
) {
    let pair = async || {
        let made = make_pair().await;
        made.unwrap_or_else(|error| panic!("stream conformance: no pair could be made: {error}"))
    };
    macro_rules! both_ways {
        ($($check:ident),+ $(,)?) => {$(
            let (one, other) = pair().await;
            $check(one, other).await;
            let (one, other) = pair().await;
            $check(other, one).await;
        )+};
    }
    both_ways!(
        bytes_arrive_once_and_in_order_both_ways_at_once,
        short_buffers_lose_nothing,
        empty_buffers_are_no_end,
        several_buffers_are_as_one,
        closing_ends_one_way_and_the_end_stays,
        a_reader_that_waits_hears_of_bytes_and_of_the_end,
        a_read_that_is_given_up_has_taken_nothing,
        a_write_that_is_given_up_has_sent_nothing,
        what_was_flushed_survives_the_drop,
        who_waits_hears_that_the_other_end_is_gone,
        writing_to_nobody_becomes_an_error,
    );
}

/// Whatever can be read and written. No more than a short name for the bounds of
/// [`stream_conformance`].
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream for S {}

// ---- the promises ---------------------------------------------------------------------------

async fn bytes_arrive_once_and_in_order_both_ways_at_once(
    mut a: impl ByteStream,
    mut b: impl ByteStream,
) {
    const LENGTH: usize = 100_000;
    let (of_a, of_b) = (pattern(LENGTH, 1), pattern(LENGTH, 2));
    let (at_a, at_b) = both(exchange(&mut a, &of_a), exchange(&mut b, &of_b)).await;
    assert!(at_b == of_a, "stream conformance: what was read is not what was written");
    assert!(at_a == of_b, "stream conformance: what was read is not what was written back");
}

async fn short_buffers_lose_nothing(mut a: impl ByteStream, mut b: impl ByteStream) {
    let (_, got) = both(
        async {
            for byte in b"0123456789" {
                write_all(&mut a, &[*byte]).await;
            }
            flush(&mut a).await;
            close(&mut a).await;
        },
        async {
            let (mut got, mut buffer) = (Vec::<u8>::new(), [0; 3]);
            loop {
                let count = read(&mut b, &mut buffer).await.expect("stream conformance: a read");
                assert!(count <= 3, "stream conformance: {count} bytes read into a room of 3");
                if count == 0 {
                    return got;
                }
                got.extend(&buffer[..count]);
            }
        },
    )
    .await;
    assert_eq!(got, b"0123456789", "stream conformance: short buffers");
}

async fn empty_buffers_are_no_end(mut a: impl ByteStream, mut b: impl ByteStream) {
    let count = read(&mut b, &mut []).await;
    let said = "stream conformance: reading into an empty buffer is over at once, with zero";
    assert!(matches!(count, Ok(0)), "{said}; it gave {count:?}");
    let count = write(&mut a, &[]).await;
    let said = "stream conformance: writing nothing is over at once, with zero";
    assert!(matches!(count, Ok(0)), "{said}; it gave {count:?}");
    flush(&mut a).await;
    let early = poll_read_once(&mut b, &mut [0; 1]).await;
    let said = "stream conformance: who writes nothing must not be taken for who ends";
    assert!(early.is_pending(), "{said}; a read gave {early:?}");
    let (_, got) = both(send(&mut a, b"something"), read_to_end(&mut b)).await;
    assert_eq!(got, b"something", "stream conformance: after empty buffers");
    let count = read(&mut b, &mut []).await;
    assert!(matches!(count, Ok(0)), "stream conformance: an empty read after the end: {count:?}");
}

async fn several_buffers_are_as_one(mut a: impl ByteStream, mut b: impl ByteStream) {
    let nothing = [IoSlice::new(&[]), IoSlice::new(&[])];
    let count = poll_fn(|cx| Pin::new(&mut a).poll_write_vectored(cx, &nothing)).await;
    assert!(matches!(count, Ok(0)), "stream conformance: empty pieces were written as {count:?}");
    let pieces = [IoSlice::new(b"on"), IoSlice::new(b""), IoSlice::new(b"etwo")];
    let count = poll_fn(|cx| Pin::new(&mut a).poll_write_vectored(cx, &pieces)).await;
    let count = count.expect("stream conformance: a write of several pieces");
    assert!((1..=6).contains(&count), "stream conformance: {count} of 6 bytes written");
    let rest = async {
        write_all(&mut a, &b"onetwo"[count..]).await;
        flush(&mut a).await;
        close(&mut a).await;
    };
    let collect = async {
        let (mut got, mut first, mut second) = (Vec::<u8>::new(), [0; 2], [0; 3]);
        loop {
            let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            let read = poll_fn(|cx| Pin::new(&mut b).poll_read_vectored(cx, &mut buffers)).await;
            let count = read.expect("stream conformance: a read into several buffers");
            if count == 0 {
                return got;
            }
            got.extend(first.iter().chain(&second).take(count));
        }
    };
    let (_, got) = both(rest, collect).await;
    assert_eq!(got, b"onetwo", "stream conformance: several buffers");
}

async fn closing_ends_one_way_and_the_end_stays(mut a: impl ByteStream, mut b: impl ByteStream) {
    let (_, question) = both(send(&mut a, b"question"), read_to_end(&mut b)).await;
    assert_eq!(question, b"question", "stream conformance: the end comes after the bytes");
    for _ in 0..3 {
        let again = read(&mut b, &mut [0; 8]).await;
        assert!(matches!(again, Ok(0)), "stream conformance: the end did not stay: {again:?}");
    }
    close(&mut a).await;
    flush(&mut b).await;
    flush(&mut b).await;
    let (_, answer) = both(send(&mut b, b"answer"), read_to_end(&mut a)).await;
    assert_eq!(answer, b"answer", "stream conformance: closing one way must leave the other open");
    close(&mut b).await;
    close(&mut a).await;
}

async fn a_reader_that_waits_hears_of_bytes_and_of_the_end(
    mut a: impl ByteStream,
    mut b: impl ByteStream,
) {
    let reader = async {
        let mut got = [0; 1];
        let first = read(&mut b, &mut got).await;
        assert!(matches!(first, Ok(1)), "stream conformance: a reader that waited: {first:?}");
        let end = read(&mut b, &mut got).await;
        assert!(matches!(end, Ok(0)), "stream conformance: who waits hears of the end: {end:?}");
    };
    let writer = async {
        pause().await;
        write_all(&mut a, b"x").await;
        flush(&mut a).await;
        pause().await;
        close(&mut a).await;
    };
    both(reader, writer).await;
}

async fn a_read_that_is_given_up_has_taken_nothing(mut a: impl ByteStream, mut b: impl ByteStream) {
    for _ in 0..3 {
        let early = poll_read_once(&mut b, &mut [0; 4]).await;
        assert!(early.is_pending(), "stream conformance: read before anything came: {early:?}");
    }
    let (_, got) = both(send(&mut a, b"all of it"), read_to_end(&mut b)).await;
    assert_eq!(got, b"all of it", "stream conformance: a read that was given up took something");
}

async fn a_write_that_is_given_up_has_sent_nothing(mut a: impl ByteStream, mut b: impl ByteStream) {
    // Whoever never refuses has nothing to be given up.
    const ENOUGH: usize = 32 << 20;
    let bytes = pattern(65_521, 3).repeat(ENOUGH / 65_521);
    let (mut sent, mut refusals) = (0, 0);
    while refusals < 3 && sent < bytes.len() {
        let piece = &bytes[sent..bytes.len().min(sent + 65_536)];
        match poll_fn(|cx| Poll::Ready(Pin::new(&mut a).poll_write(cx, piece))).await {
            Poll::Ready(count) => sent += count.expect("stream conformance: a write"),
            Poll::Pending => {
                refusals += 1;
                pause().await;
            }
        }
    }
    let end = async {
        flush(&mut a).await;
        close(&mut a).await;
    };
    let (_, got) = both(end, read_to_end(&mut b)).await;
    let said = "stream conformance: a write that was given up must have sent nothing";
    assert!(got == bytes[..sent], "{said}; {sent} bytes were taken and {} came", got.len());
}

async fn what_was_flushed_survives_the_drop(mut a: impl ByteStream, mut b: impl ByteStream) {
    let leaving = async {
        write_all(&mut a, b"last words").await;
        flush(&mut a).await;
        drop(a);
    };
    let (_, got) = both(leaving, read_to_end(&mut b)).await;
    assert_eq!(got, b"last words", "stream conformance: what was flushed before the drop");
}

async fn who_waits_hears_that_the_other_end_is_gone(a: impl ByteStream, mut b: impl ByteStream) {
    let leaving = async {
        pause().await;
        drop(a);
    };
    let (_, end) = both(leaving, read(&mut b, &mut [0; 1])).await;
    let is_end = matches!(end, Ok(0) | Err(_));
    assert!(is_end, "stream conformance: the other end was dropped, and a read gave {end:?}");
}

async fn writing_to_nobody_becomes_an_error(mut a: impl ByteStream, b: impl ByteStream) {
    drop(b);
    for _ in 0..1000 {
        if write(&mut a, &[7; 4096]).await.is_err() || try_flush(&mut a).await.is_err() {
            // Closing may fail or not; it must come to an end.
            let _ = poll_fn(|cx| Pin::new(&mut a).poll_close(cx)).await;
            return;
        }
        pause().await;
    }
    panic!("stream conformance: the other end is gone, and a thousand writes succeeded");
}

// ---- what the checks are made of ------------------------------------------------------------

/// Both futures, in this task: so that the streams need not be `'static`.
async fn both<X, Y>(one: impl Future<Output = X>, other: impl Future<Output = Y>) -> (X, Y) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut x, mut y) = (None, None);
    poll_fn(|cx| {
        if x.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(cx)
        {
            x = Some(value);
        }
        if y.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(cx)
        {
            y = Some(value);
        }
        if x.is_none() || y.is_none() {
            return Poll::Pending;
        }
        Poll::Ready(x.take().zip(y.take()).expect("just seen"))
    })
    .await
}

/// Writes all of `bytes` and closes, while reading up to the end.
async fn exchange(stream: &mut impl ByteStream, bytes: &[u8]) -> Vec<u8> {
    let (mut sent, mut closed, mut ended) = (0, false, false);
    let (mut got, mut buffer) = (Vec::new(), [0; 5000]);
    poll_fn(|cx| {
        while sent < bytes.len() {
            let piece = &bytes[sent..bytes.len().min(sent + 7001)];
            let Poll::Ready(count) = Pin::new(&mut *stream).poll_write(cx, piece) else { break };
            sent += count.expect("stream conformance: a write");
        }
        if sent == bytes.len() && !closed {
            let closing = Pin::new(&mut *stream).poll_close(cx);
            closed =
                closing.map(|outcome| outcome.expect("stream conformance: a close")).is_ready();
        }
        while !ended {
            let Poll::Ready(count) = Pin::new(&mut *stream).poll_read(cx, &mut buffer) else {
                break;
            };
            let count = count.expect("stream conformance: a read");
            got.extend(&buffer[..count]);
            ended = count == 0;
        }
        if closed && ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    got
}

async fn send(stream: &mut impl ByteStream, bytes: &[u8]) {
    write_all(stream, bytes).await;
    flush(stream).await;
    close(stream).await;
}

async fn read(stream: &mut impl ByteStream, buffer: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buffer)).await
}

async fn poll_read_once(
    stream: &mut impl ByteStream,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_read(cx, buffer))).await
}

async fn read_to_end(stream: &mut impl ByteStream) -> Vec<u8> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; 16_384]);
    loop {
        match read(stream, &mut buffer).await.expect("stream conformance: a read") {
            0 => return got,
            count => got.extend(&buffer[..count]),
        }
    }
}

async fn write(stream: &mut impl ByteStream, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await
}

async fn write_all(stream: &mut impl ByteStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = write(stream, bytes).await.expect("stream conformance: a write");
        let length = bytes.len();
        let is_right = (1..=length).contains(&count);
        assert!(
            is_right,
            "stream conformance: a write of {length} bytes says that it took {count}"
        );
        bytes = &bytes[count..];
    }
}

async fn try_flush(stream: &mut impl ByteStream) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await
}

async fn flush(stream: &mut impl ByteStream) {
    try_flush(stream).await.expect("stream conformance: a flush");
}

async fn close(stream: &mut impl ByteStream) {
    let closing = poll_fn(|cx| Pin::new(&mut *stream).poll_close(cx)).await;
    closing.expect("stream conformance: a close");
}

/// Lets the other side of the check come to where it waits.
async fn pause() {
    for _ in 0..3 {
        yield_now().await;
    }
}

/// Bytes that tell where they belong.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|n| ((n * 31 + seed) ^ (n >> 8)) as u8).collect()
}
