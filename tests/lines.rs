//! Promises about lines with a limit, and which helpers for streams come from elsewhere.

mod support;

use std::io::{self, ErrorKind};

use futures_lite::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use proptest::prelude::*;
use roundelay::{LineReader, LineTooLong, UnixStream, duplex, select, spawn, yield_now};
use support::run_virtual;

/// What a reader of lines makes of `bytes`, which come through a pipe of that size.
fn lines_of(bytes: &[u8], pipe: usize, limit: usize) -> Vec<Result<String, ErrorOf>> {
    let bytes = bytes.to_vec();
    run_virtual(async move {
        let (mut here, there) = duplex(pipe);
        let writer = spawn(async move { here.write_all(&bytes).await });
        let mut lines = LineReader::new(BufReader::with_capacity(7, there), limit);
        let mut got = Vec::new();
        loop {
            match lines.next_line().await {
                Ok(None) => break,
                Ok(Some(line)) => got.push(Ok(line)),
                Err(error) => got.push(Err(error_of(&error))),
            }
        }
        writer.await.unwrap().unwrap();
        got
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ErrorOf {
    TooLong(usize),
    NotText,
}

fn error_of(error: &io::Error) -> ErrorOf {
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    match error.get_ref().and_then(|inner| inner.downcast_ref::<LineTooLong>()) {
        Some(too_long) => ErrorOf::TooLong(too_long.limit),
        None => ErrorOf::NotText,
    }
}

#[test]
fn lines_end_with_either_end_and_the_last_one_may_lack_it() {
    let ok = |line: &str| Ok(line.to_owned());
    let got = lines_of(b"one\r\ntwo\n\n\r\nth\rree\nlast", 4, 80);
    assert_eq!(got, [ok("one"), ok("two"), ok(""), ok(""), ok("th\rree"), ok("last")]);
    assert_eq!(lines_of(b"", 4, 80), []);
    assert_eq!(lines_of(b"\n", 4, 0), [ok("")]);
}

#[test]
fn a_line_of_just_the_limit_passes_whatever_its_end_and_a_longer_one_is_skipped_whole() {
    let ok = |line: &str| Ok(line.to_owned());
    let long = Err(ErrorOf::TooLong(4));
    assert_eq!(lines_of(b"1234\n1234\r\n1234", 3, 4), [ok("1234"), ok("1234"), ok("1234")]);
    assert_eq!(lines_of(b"12345\n1\n", 3, 4), [long.clone(), ok("1")]);
    assert_eq!(lines_of(b"12345\r\n1\n", 3, 4), [long.clone(), ok("1")]);
    assert_eq!(lines_of(b"1234\rx\n1\n", 3, 4), [long.clone(), ok("1")]);
    assert_eq!(lines_of(b"123456789012345678901234567890\n1", 3, 4), [long.clone(), ok("1")]);
    assert_eq!(lines_of(b"1\n12345", 3, 4), [ok("1"), long.clone()]);
    assert_eq!(lines_of(b"1234\r", 3, 4), [long]);
}

#[test]
fn a_peer_that_never_ends_its_line_costs_no_memory_and_is_told_of_at_the_limit() {
    run_virtual(async {
        let (mut here, there) = duplex(64);
        let flood = spawn(async move { while here.write_all(&[b'x'; 64]).await.is_ok() {} });
        let mut lines = LineReader::new(BufReader::new(there), 1000);
        let error = lines.next_line().await.unwrap_err();
        assert_eq!(error_of(&error), ErrorOf::TooLong(1000));
        assert!(format!("{lines:?}").contains("kept: 0"), "{lines:?}");
        drop(lines);
        flood.await.unwrap();
    });
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_is_good() {
    let got = lines_of(b"\xff\xfe\ngood\n", 3, 80);
    assert_eq!(got, [Err(ErrorOf::NotText), Ok("good".to_owned())]);
}

#[test]
fn a_line_that_is_given_up_halfway_is_whole_the_next_time() {
    run_virtual(async {
        let (mut here, there) = duplex(64);
        let mut lines = LineReader::new(BufReader::new(there), 80);
        for piece in ["ha", "lf an", "d half"] {
            here.write_all(piece.as_bytes()).await.unwrap();
            let given_up = select(lines.next_line(), yield_now()).await;
            assert!(format!("{given_up:?}").starts_with("Right"), "{given_up:?}");
        }
        here.write_all(b"\n").await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "half and half");
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets an option of a socket pair")]
fn exact_reads_marks_and_unlimited_lines_come_from_the_libraries_for_these_traits() {
    run_virtual(async {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"8 bytes.up to;a line\nthe rest").await.unwrap();
        here.close().await.unwrap();
        let mut there = BufReader::new(there);
        let (mut eight, mut mark, mut line, mut rest) =
            ([0; 8], Vec::new(), String::new(), String::new());
        there.read_exact(&mut eight).await.unwrap();
        there.read_until(b';', &mut mark).await.unwrap();
        there.read_line(&mut line).await.unwrap();
        there.read_to_string(&mut rest).await.unwrap();
        let got = (&eight, &*mark, &*line, &*rest);
        assert_eq!(got, (b"8 bytes.", &b"up to;"[..], "a line\n", "the rest"));
        // asyncio's IncompleteReadError is an UnexpectedEof here.
        let short = there.read_exact(&mut eight).await.unwrap_err();
        assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
    });
}

proptest! {
    #[test]
    fn lines_are_what_splitting_the_whole_text_gives(
        text in "[ab\r\n]{0,60}",
        pipe in 1..9_usize,
        limit in 0..9_usize,
    ) {
        let mut expected: Vec<Result<String, ErrorOf>> = Vec::new();
        let mut pieces: Vec<&str> = text.split('\n').collect();
        let last = pieces.pop().unwrap();
        let whole = pieces.iter().map(|line| line.strip_suffix('\r').unwrap_or(line));
        let all = whole.chain((!last.is_empty()).then_some(last));
        for line in all {
            expected.push(match line.len() <= limit {
                true => Ok(line.to_owned()),
                false => Err(ErrorOf::TooLong(limit)),
            });
        }
        prop_assert_eq!(lines_of(text.as_bytes(), pipe, limit), expected);
    }
}
