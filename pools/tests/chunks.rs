//! An item of a chunk has a fate of its own: what cannot travel, in either direction, is an error
//! of that item, and those around it have their values.

use std::fmt::Debug;
use std::sync::Once;
use std::time::Duration;

use roundelay_pools::{JobError, ProcessPool, remote};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

roundelay_pools::test_worker!();

mod support;
mod workers;

use workers::pool;

/// A number, and what happens when it is decoded.
#[derive(Clone, Debug, PartialEq)]
enum Odd {
    Good(u64),
    Refuses,
    Panics,
    /// Writes more than it reads.
    LeavesBytes,
    /// Reads more than it writes.
    WantsMore,
}

const REFUSES: u64 = 1_000;
const PANICS: u64 = 1_001;
const LEAVES_BYTES: u64 = 1_002;
const WANTS_MORE: u64 = 1_003;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Odd::Good(number) => number.serialize(serializer),
            Odd::Refuses => REFUSES.serialize(serializer),
            Odd::Panics => PANICS.serialize(serializer),
            Odd::LeavesBytes => (LEAVES_BYTES, 7_u64).serialize(serializer),
            Odd::WantsMore => WANTS_MORE.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Odd, D::Error> {
        struct OneOrTwo;
        impl<'de> serde::de::Visitor<'de> for OneOrTwo {
            type Value = Odd;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Odd, A::Error> {
                let number: u64 = seq.next_element()?.unwrap();
                match number {
                    REFUSES => Err(A::Error::custom("never")),
                    PANICS => panic!("boom"),
                    LEAVES_BYTES => Ok(Odd::LeavesBytes),
                    WANTS_MORE => {
                        let more: u64 = seq.next_element()?.unwrap();
                        Ok(Odd::Good(more))
                    }
                    number => Ok(Odd::Good(number)),
                }
            }
        }
        deserializer.deserialize_tuple(2, OneOrTwo)
    }
}

#[remote(crate = roundelay_pools)]
fn takes(odd: Odd) -> u64 {
    match odd {
        Odd::Good(number) => number,
        other => panic!("called with {other:?}"),
    }
}

/// The same number, in a shape of its own.
#[remote(crate = roundelay_pools)]
fn gives(number: u64) -> Odd {
    match number {
        REFUSES => Odd::Refuses,
        PANICS => Odd::Panics,
        LEAVES_BYTES => Odd::LeavesBytes,
        WANTS_MORE => Odd::WantsMore,
        number => Odd::Good(number),
    }
}

/// What became of an item, in a word.
fn word<T: Debug>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(JobError::BadArgs(text)) if text.contains("left over") => "args left over".to_owned(),
        Err(JobError::BadArgs(_)) => "bad args".to_owned(),
        Err(JobError::BadResult(text)) if text.contains("left over") => {
            "result left over".to_owned()
        }
        Err(JobError::BadResult(text)) if text.contains("boom") => "result panicked".to_owned(),
        Err(JobError::BadResult(_)) => "bad result".to_owned(),
        Err(JobError::Panicked(report)) => format!("panicked: {}", report.message()),
        Err(other) => panic!("unexpected: {other}"),
    }
}

#[test]
fn an_argument_that_does_not_decode_is_an_error_of_its_own_item() {
    let pool = pool(1);
    let items = [
        Odd::Good(1),
        Odd::Refuses,
        Odd::Good(2),
        Odd::WantsMore,
        Odd::Good(3),
        Odd::LeavesBytes,
        Odd::Good(4),
        Odd::Panics,
        Odd::Good(5),
        Odd::WantsMore,
    ];
    let expected = [
        "1",
        "bad args",
        "2",
        "bad args",
        "3",
        "args left over",
        "4",
        "panicked: boom",
        "5",
        "bad args",
    ];
    for chunk in [1, 3, 10] {
        let results = pool.map(takes, items.clone()).chunk(chunk);
        assert_eq!(results.map(word).collect::<Vec<_>>(), expected, "in chunks of {chunk}");
    }
}

#[test]
fn a_result_that_does_not_decode_is_an_error_of_its_own_item() {
    let pool = pool(1);
    let items = [1, REFUSES, 2, WANTS_MORE, 3, LEAVES_BYTES, 4, PANICS, 5, REFUSES];
    let expected = [
        "Good(1)",
        "bad result",
        "Good(2)",
        "bad result",
        "Good(3)",
        "result left over",
        "Good(4)",
        "result panicked",
        "Good(5)",
        "bad result",
    ];
    for chunk in [1, 3, 10] {
        let results = pool.map(gives, items).chunk(chunk);
        assert_eq!(results.map(word).collect::<Vec<_>>(), expected, "in chunks of {chunk}");
    }
}

/// Its first decoding in a process fails: a file that is not there yet, a table to be made.
#[derive(Serialize)]
struct LateStarter(u64);

impl<'de> Deserialize<'de> for LateStarter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static FIRST: Once = Once::new();
        let number = u64::deserialize(deserializer)?;
        let mut is_first = false;
        FIRST.call_once(|| is_first = true);
        if is_first { Err(D::Error::custom("not ready")) } else { Ok(LateStarter(number)) }
    }
}

#[remote(crate = roundelay_pools)]
fn number_of(late: LateStarter) -> u64 {
    late.0
}

#[test]
fn no_item_gets_what_another_one_has_not_decoded() {
    let pool = pool(1);
    let results = pool.map(number_of, (0..4).map(LateStarter)).chunk(4);
    assert_eq!(results.map(Result::ok).collect::<Vec<_>>(), [None, Some(1), Some(2), Some(3)]);
}

const LIMIT: u32 = 4096;

#[remote(crate = roundelay_pools)]
fn blob(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n + length) as u8).collect()
}

/// The length of each result that came, and was right.
fn lengths(lengths: &[usize], chunk: usize) -> Vec<Result<usize, String>> {
    let pool = ProcessPool::builder().workers(1).max_frame(LIMIT).build().unwrap();
    let outcomes = pool.map(blob, lengths.to_vec()).chunk(chunk).map(|outcome| match outcome {
        Ok(bytes) if bytes == blob(bytes.len()) => Ok(bytes.len()),
        Ok(bytes) => panic!("{} wrong bytes", bytes.len()),
        Err(JobError::BadResult(text)) => Err(text),
        Err(other) => panic!("{other}"),
    });
    outcomes.collect()
}

#[test]
fn a_result_that_is_too_long_is_an_error_of_its_own_item() {
    // Kind, id, the item's length and kind, and two bytes for the length of the value.
    let most = LIMIT as usize - 1 - 8 - 4 - 1 - 2;
    let too_long = |length| Err(format!("it is {length} bytes long, the limit is {LIMIT}"));
    for chunk in [1, 4, 7] {
        assert_eq!(
            lengths(&[10, 10, 5000, 10, most, most + 1, 10], chunk),
            [
                Ok(10),
                Ok(10),
                too_long(5016),
                Ok(10),
                Ok(most),
                too_long(LIMIT as usize + 1),
                Ok(10)
            ],
            "in chunks of {chunk}"
        );
    }
}

#[test]
fn results_that_are_too_long_together_come_in_parts() {
    let wanted: Vec<usize> = (0..300).map(|n| n * 37 % 4000).collect();
    for chunk in [2, 8, 300] {
        let outcomes = lengths(&wanted, chunk);
        let outcomes: Vec<usize> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, wanted, "in chunks of {chunk}");
    }
}

#[remote(crate = roundelay_pools)]
fn length_of(text: String) -> usize {
    text.len()
}

#[test]
fn a_chunk_that_had_to_be_split_keeps_the_window() {
    let pool = ProcessPool::builder().workers(1).max_frame(LIMIT).build().unwrap();
    let lengths: Vec<usize> = (50..150).collect();
    for window in [1, 3, 200] {
        let items = lengths.iter().map(|length| "x".repeat(*length));
        let mut results = pool.map(length_of, items).chunk(100).window(window);
        for length in &lengths {
            assert_eq!(results.next().unwrap().unwrap(), *length);
            let metrics = pool.metrics();
            assert!(metrics.queued + metrics.running <= window, "{window}: {metrics:?}");
        }
        assert!(results.next().is_none());
    }
}

#[test]
fn a_map_of_processes_whose_limit_passes_loses_nothing() {
    let pool = pool(1);
    for chunk in [1, 4] {
        let mut results = pool.map(length_of, (0..10).map(|n| "x".repeat(n))).chunk(chunk);
        let mut lengths = Vec::new();
        loop {
            match results.next_timeout(Duration::ZERO) {
                Err(error) => {
                    assert!(matches!(error, JobError::WaitTimeout));
                    std::thread::yield_now();
                }
                Ok(Some(length)) => lengths.push(length.unwrap()),
                Ok(None) => break,
            }
        }
        assert_eq!(lengths, Vec::from_iter(0..10));
    }
}

#[remote(crate = roundelay_pools)]
fn nothing() {}

#[test]
fn items_of_no_bytes_are_counted_all_the_same() {
    let pool = pool(1);
    assert_eq!(
        pool.map(nothing, (0..1_000).map(|_| ())).chunk(70).map(Result::unwrap).count(),
        1_000
    );
}

#[test]
fn arguments_with_bytes_left_over_are_refused_before_the_call() {
    assert_eq!(word(pool(1).submit(takes, Odd::LeavesBytes).unwrap().wait()), "args left over");
}
