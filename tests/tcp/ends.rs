//! Every end is an end: of the writing of one side, of a peer that disappears, of both ways.
//! It is seen by whoever waits, and stays.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{spawn, yield_now};

use crate::{fill, nobody_waits, on_a_loop, pair, pair_with_std};

#[test]
fn the_peer_sees_the_end_of_our_writing_and_can_still_answer() {
    on_a_loop(async || {
        for how in ["close", "shutdown", "dropped half"] {
            let (mut here, mut there) = pair().await;
            here.write_all(b"question").await.unwrap();
            let mut answer = String::new();
            let asking = async {
                match how {
                    "close" => here.close().await.unwrap(),
                    "shutdown" => here.shutdown(Shutdown::Write).unwrap(),
                    _ => {
                        let (mut read, write) = here.into_split();
                        drop(write);
                        return read.read_to_string(&mut answer).await.map(drop);
                    }
                }
                here.read_to_string(&mut answer).await.map(drop)
            };
            let answering = async {
                let mut question = String::new();
                there.read_to_string(&mut question).await.unwrap();
                assert_eq!(question, "question");
                there.write_all(b"answer").await.unwrap();
                there.close().await.unwrap();
            };
            let (asked, ()) = futures_lite::future::zip(asking, answering).await;
            asked.unwrap();
            assert_eq!(answer, "answer", "{how}");
        }
        nobody_waits().await;
    });
}

#[test]
fn an_end_that_was_there_before_anybody_waited_is_seen_and_stays() {
    on_a_loop(async || {
        let (mut here, there) = pair_with_std().await;
        (&there).write_all(b"bye").unwrap();
        drop(there);
        let mut text = String::new();
        here.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "bye");
        for _ in 0..3 {
            assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
            yield_now().await;
        }
    });
}

#[test]
fn a_peer_that_disappears_is_an_error_for_the_reader_and_the_writer_that_wait() {
    // A connection that is dropped with something unread is reset.
    on_a_loop(async || {
        let (mut here, there) = pair_with_std().await;
        fill(&mut here).await;
        let (mut read, mut write) = here.into_split();
        let reader = spawn(async move { read.read(&mut [0; 8]).await });
        let writer = spawn(async move { write.write_all(&vec![0; 1 << 20]).await });
        yield_now().await;
        yield_now().await;
        assert!(!reader.is_finished() && !writer.is_finished());
        drop(there);
        let (reader, writer) = (reader.await.unwrap(), writer.await.unwrap());
        let kinds = [reader.unwrap_err().kind(), writer.unwrap_err().kind()];
        assert!(kinds.contains(&ErrorKind::ConnectionReset), "{kinds:?}");
        nobody_waits().await;
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_ends_in_an_error_and_closing_does_not_mind() {
    on_a_loop(async || {
        let (mut here, there) = pair().await;
        drop(there);
        let error = loop {
            match here.write(b"is anybody there?").await {
                Ok(_) => yield_now().await,
                Err(error) => break error,
            }
        };
        let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        here.close().await.unwrap();
        here.close().await.unwrap();
    });
}

#[test]
fn shutting_down_both_ways_ends_reading_and_refuses_writing() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        here.shutdown(Shutdown::Both).unwrap();
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(here.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
    });
}
