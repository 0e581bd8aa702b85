//! A stream in two halves: each lives as long as its owner, and the connection as long as one of
//! them.

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{spawn, yield_now};

use crate::support::Counter;
use crate::{fill, nobody_waits, on_a_loop, pair, poll_read};

#[test]
fn dropping_the_writing_half_does_not_harm_a_reader_that_waits() {
    on_a_loop(async || {
        let (here, mut there) = pair().await;
        let (mut read, write) = here.into_split();
        let reader = spawn(async move {
            let mut byte = [0];
            read.read_exact(&mut byte).await.map(|()| byte[0])
        });
        yield_now().await;
        drop(write);
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
        there.write_all(b"!").await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), b'!');
        nobody_waits().await;
    });
}

#[test]
fn dropping_the_reading_half_does_not_harm_a_writer_that_waits() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let filled = fill(&mut here).await;
        let (read, mut write) = here.into_split();
        let writer = spawn(async move { write.write_all(&[8; 1000]).await });
        yield_now().await;
        assert!(!writer.is_finished());
        drop(read);
        let mut bytes = Vec::new();
        there.read_to_end(&mut bytes).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(bytes.len(), filled + 1000);
        assert!(bytes[filled..].iter().all(|&byte| byte == 8));
        nobody_waits().await;
    });
}

#[test]
fn a_connection_is_closed_when_both_halves_are_gone_in_whatever_order() {
    on_a_loop(async || {
        for reader_first in [true, false] {
            let (here, mut there) = pair().await;
            let (mut read, write) = here.into_split();
            let reader = spawn(async move { read.read(&mut [0; 8]).await });
            yield_now().await;
            if reader_first {
                reader.cancel();
                assert!(reader.await.unwrap_err().is_cancelled());
                drop(write);
            } else {
                drop(write);
                reader.cancel();
                assert!(reader.await.unwrap_err().is_cancelled());
            }
            assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
            while there.write(b"x").await.is_ok() {
                yield_now().await;
            }
        }
        nobody_waits().await;
    });
}

#[test]
fn a_stream_that_was_waited_for_may_be_split() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let (counter, waker) = Counter::new();
        assert!(poll_read(&mut here, &waker).is_pending());
        let (mut read, _write) = here.into_split();
        there.write_all(b"x").await.unwrap();
        assert_eq!(read.read(&mut [0; 8]).await.unwrap(), 1);
        assert!(counter.wakes() <= 1);
        nobody_waits().await;
    });
}
