//! Promises about pairs in memory, besides those that `conformance.rs` checks of every stream;
//! and random moves on a pair in memory and on a socket pair, beside a queue of bytes.

mod support;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use proptest::prelude::*;
use roundelay::{DuplexStream, RunError, UnixStream, duplex, spawn, yield_now};
use support::{Counter, Log, length, must_end, run_virtual, virtual_runner};

fn poll_read(stream: &mut (impl AsyncRead + Unpin), room: usize) -> Poll<io::Result<Vec<u8>>> {
    let mut buffer = vec![0; room];
    let polled = Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
    polled.map_ok(|count| buffer[..count].to_vec())
}

fn poll_write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut Context::from_waker(Waker::noop()), bytes)
}

#[test]
fn a_full_pipe_makes_the_writer_wait_and_a_read_lets_it_go_on() {
    let log = Log::new();
    let seen = log.clone();
    run_virtual(async move {
        let (mut here, mut there) = duplex(4);
        let writes = seen.clone();
        let writer = spawn(async move {
            for piece in ["abcd", "ef"] {
                here.write_all(piece.as_bytes()).await.unwrap();
                writes.add(format!("wrote {piece}"));
            }
            here
        });
        for _ in 0..3 {
            yield_now().await;
            seen.add("waits");
        }
        let mut two = [0; 2];
        there.read_exact(&mut two).await.unwrap();
        seen.add("read two");
        let here = writer.await.unwrap();
        drop(here);
        let mut rest = String::new();
        there.read_to_string(&mut rest).await.unwrap();
        seen.add(rest);
    });
    let expected = ["wrote abcd", "waits", "waits", "waits", "read two", "wrote ef", "cdef"];
    assert_eq!(log.take(), expected);
}

#[test]
fn two_ends_that_wait_for_each_other_are_a_deadlock_and_not_a_hang() {
    must_end(|| {
        let runner = virtual_runner();
        let outcome = runner.run(async {
            let (mut here, mut there) = duplex(8);
            let other = spawn(async move { there.read(&mut [0; 1]).await });
            here.read(&mut [0; 1]).await.unwrap();
            other.await
        });
        assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    });
}

#[test]
fn who_has_closed_or_lost_its_reader_cannot_write() {
    run_virtual(async {
        let (mut here, there) = duplex(8);
        here.close().await.unwrap();
        let error = here.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let (read, mut write) = there.into_split();
        write.write_all(b"is open").await.unwrap();
        drop((read, write));
        let mut text = String::new();
        here.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "is open");
    });
}

#[test]
fn a_writer_that_waits_hears_that_the_reader_is_gone() {
    run_virtual(async {
        let (mut here, there) = duplex(1);
        let writer = spawn(async move { here.write_all(b"too much").await });
        yield_now().await;
        drop(there);
        assert_eq!(writer.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn halves_may_go_to_different_tasks() {
    run_virtual(async {
        let (here, there) = duplex(3);
        let ((mut read, mut write), (there_reads, mut there_writes)) =
            (here.into_split(), there.into_split());
        let echo =
            spawn(async move { futures_lite::io::copy(there_reads, &mut there_writes).await });
        let writer = spawn(async move { write.write_all(b"there and back").await });
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "there and back");
        writer.await.unwrap().unwrap();
        assert_eq!(echo.await.unwrap().unwrap(), 14);
    });
}

#[test]
fn only_the_last_who_polled_is_woken_and_wakers_are_let_go() {
    let (mut here, mut there) = duplex(8);
    let ((first, first_waker), (last, last_waker)) = (Counter::new(), Counter::new());
    for waker in [&first_waker, &last_waker] {
        let polled = Pin::new(&mut here).poll_read(&mut Context::from_waker(waker), &mut [0; 1]);
        assert!(polled.is_pending());
    }
    drop((first_waker, last_waker));
    assert!(poll_write(&mut there, b"x").is_ready());
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
    assert_eq!((std::sync::Arc::strong_count(&first), std::sync::Arc::strong_count(&last)), (1, 1));
}

#[test]
fn a_waker_that_comes_back_into_the_pair_finds_it_at_rest() {
    let (mut here, there) = duplex(8);
    let ((_, waker), there) = (Counter::new(), there);
    assert!(
        Pin::new(&mut here).poll_read(&mut Context::from_waker(&waker), &mut [0; 1]).is_pending()
    );
    drop(there);
    assert!(matches!(poll_read(&mut here, 1), Poll::Ready(Ok(end)) if end.is_empty()));
    assert!(matches!(poll_write(&mut here, b"x"), Poll::Ready(Err(_))));
}

#[test]
fn it_works_without_a_loop_too() {
    let (mut here, mut there) = duplex(8);
    futures_lite::future::block_on(async {
        here.write_all(b"no loop").await.unwrap();
        let mut got = [0; 7];
        there.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"no loop");
    });
}

#[test]
fn who_always_finds_room_and_bytes_lets_the_others_have_their_turn() {
    must_end(|| {
        run_virtual(async {
            let (mut here, mut there) = duplex(8);
            let busy = spawn(async move {
                loop {
                    here.write_all(b"round").await.unwrap();
                    there.read_exact(&mut [0; 5]).await.unwrap();
                }
            });
            for _ in 0..if cfg!(miri) { 3 } else { 100 } {
                yield_now().await;
            }
            assert!(!busy.is_finished());
            busy.cancel();
        });
    });
}

#[test]
#[should_panic(expected = "room for at least one byte")]
fn no_room_at_all_is_refused() {
    let _ = duplex(0);
}

// ---- random moves ---------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Move {
    /// One poll: if it is pending, the write has been given up.
    Write(bool, usize),
    /// The same.
    Read(bool, usize),
    Close(bool),
    Flush(bool),
    Drop(bool),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let side = any::<bool>();
    let one = prop_oneof![
        8 => (side, 0..40_usize).prop_map(|(side, length)| Move::Write(side, length)),
        8 => (side, 0..40_usize).prop_map(|(side, room)| Move::Read(side, room)),
        1 => side.prop_map(Move::Close),
        1 => side.prop_map(Move::Flush),
        1 => side.prop_map(Move::Drop),
    ];
    prop::collection::vec(one, 0..length(80))
}

/// One way of the model: what lies in it, and whether somebody is left at either side.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    closed: bool,
    reader_gone: bool,
}

/// A stream whose room is known makes a sharper test than one that takes what it likes.
#[derive(Clone, Copy)]
enum Room {
    Exactly(usize),
    AsItLikes,
}

/// Plays the moves on a pair and on the model. Side `false` is the first of the pair; way 0 is
/// the one that it writes.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(pair: (S, S), moves: Vec<Move>, room: Room) {
    let mut ends = [Some(pair.0), Some(pair.1)];
    let mut ways = [Way::default(), Way::default()];
    let mut next = 0_u8;
    for step in moves {
        let side = match &step {
            Move::Write(side, _) | Move::Read(side, _) => *side,
            Move::Close(side) | Move::Flush(side) | Move::Drop(side) => *side,
        } as usize;
        let Some(stream) = &mut ends[side] else { continue };
        match step {
            Move::Write(_, length) => {
                let bytes: Vec<u8> = (0..length).map(|n| next.wrapping_add(n as u8)).collect();
                let way = &mut ways[side];
                let polled = poll_write(stream, &bytes);
                let count = match polled {
                    _ if length == 0 => {
                        assert!(matches!(polled, Poll::Ready(Ok(0))), "{polled:?}");
                        continue;
                    }
                    Poll::Pending => {
                        if let Room::Exactly(capacity) = room {
                            assert_eq!(way.bytes.len(), capacity, "it waits at a pipe with room");
                        }
                        assert!(!way.closed && !way.reader_gone, "it waits for nobody");
                        continue;
                    }
                    Poll::Ready(Err(error)) => {
                        assert!(way.closed || way.reader_gone, "{error}");
                        continue;
                    }
                    Poll::Ready(Ok(count)) => count,
                };
                assert!(!way.closed && !way.reader_gone, "written to nobody");
                if let Room::Exactly(capacity) = room {
                    assert_eq!(count, length.min(capacity - way.bytes.len()));
                }
                assert!((1..=length).contains(&count));
                way.bytes.extend(&bytes[..count]);
                next = next.wrapping_add(count as u8);
            }
            Move::Read(_, room) => {
                let way = &mut ways[1 - side];
                let is_news = room == 0 || !way.bytes.is_empty() || way.closed;
                let read = if is_news {
                    // It may have to hear of it first, but it must end.
                    let mut buffer = vec![0; room];
                    let count = stream.read(&mut buffer).await;
                    count.map(|count| buffer[..count].to_vec())
                } else {
                    let polled = poll_read(stream, room);
                    assert!(polled.is_pending(), "out of nothing: {polled:?}");
                    continue;
                };
                let got = read.unwrap();
                if room > 0 && got.is_empty() {
                    assert!(way.bytes.is_empty() && way.closed, "an end that is none");
                }
                assert!(got.len() <= room);
                assert_eq!(way.bytes.drain(..got.len()).collect::<Vec<_>>(), got);
            }
            Move::Close(_) => {
                stream.close().await.unwrap();
                ways[side].closed = true;
            }
            Move::Flush(_) => stream.flush().await.unwrap(),
            Move::Drop(_) => {
                ends[side] = None;
                ways[side].closed = true;
                ways[1 - side].reader_gone = true;
                let unread = ways[1 - side].bytes.len();
                if unread > 0 && matches!(room, Room::AsItLikes) {
                    // Dropped with unread bytes a socket resets: what then comes is the system's.
                    return;
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_pair_in_memory_is_two_queues_of_bytes(moves in moves(), capacity in 1..50_usize) {
        must_end(move || {
            run_virtual(async {
                let pair: (DuplexStream, DuplexStream) = duplex(capacity);
                play(pair, moves, Room::Exactly(capacity)).await;
            });
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "sets an option of a socket pair")]
    fn a_pair_of_sockets_is_two_queues_of_bytes(moves in moves()) {
        must_end(move || {
            run_virtual(async {
                play(UnixStream::pair().unwrap(), moves, Room::AsItLikes).await;
            });
        });
    }
}
