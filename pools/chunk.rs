//! A chunk: several calls in one message, and what became of each in one answer.
//!
//! ```text
//!   Batch:  id, name | length, args       | length, args       | ..
//!   Done:   id       | length, kind, body | length, kind, body | ..
//! ```
//!
//! The obvious format has no lengths: a value ends where its type ends. This file's first version
//! was like that. But a `Deserialize` is the user's code, and may stop anywhere. Then the next item
//! was decoded from what this one had left: its error became theirs, or, worse, they had values that
//! were not theirs. The four bytes are what it costs to tell the items apart; they also count
//! those that take no bytes at all (`()`).
//!
//! # Invariants
//! - An item is decoded from its own bytes, from all of them, and from no others.
//! - Whatever the bytes are, reading them ends in items or errors; no panic, not even of a
//!   `Deserialize`.
//!
//! Tutorial: the chapter on process pools. Before this: `remote_job.rs`. After this:
//! `job_queue.rs`.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::bytes::decode_from;
use crate::error::JobError;
use crate::panic_report::PanicReport;
use crate::panics::contain;
use crate::wire::{Body, Kind};

/// How many bytes stand before an item: its length.
const LENGTH: usize = 4;
/// And before what became of one: its kind as well.
pub(crate) const OUTCOME_HEAD: usize = LENGTH + 1;

// ---- writing --------------------------------------------------------------------------------

/// Appends an item: what `fill` appends, behind its length.
pub(crate) fn add_item<E>(
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let place = out.len();
    out.extend([0; LENGTH]);
    fill(out)?;
    // A longer one does not fit into a frame, and is refused as a whole.
    let length = (out.len() - place - LENGTH) as u32;
    out[place..place + LENGTH].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends what became of a call: `call` appends its result, or words, and says which.
pub(crate) fn add_outcome(out: &mut Vec<u8>, call: impl FnOnce(&mut Vec<u8>) -> Kind) {
    let added = add_item(out, |out| {
        let place = out.len();
        out.push(0);
        out[place] = call(out) as u8;
        Ok::<(), std::convert::Infallible>(())
    });
    debug_assert!(added.is_ok(), "nothing in there can fail");
}

// ---- reading --------------------------------------------------------------------------------

/// The items in the body of a frame, from some place to its end.
pub(crate) struct Items {
    at: usize,
    end: usize,
}

impl Items {
    pub(crate) fn of(body: &[u8], start: usize) -> Items {
        Items { at: start, end: body.len() }
    }

    /// Where the next one lies in that body. `None`: there is no other, or no whole one.
    pub(crate) fn next(&mut self, body: &[u8]) -> Option<Range<usize>> {
        // Whoever decoded the last item may have taken the body's memory: then nothing is there.
        let mut rest = Body { rest: body.get(self.at..self.end)? };
        let length = rest.u32()? as usize;
        let start = self.at + LENGTH;
        rest.take(length)?;
        self.at = start + length;
        Some(start..self.at)
    }

    /// Nothing stands behind the last one.
    pub(crate) fn are_used_up(&self) -> bool {
        self.at == self.end
    }
}

/// What became of each item, as the answer that begins so far behind the beginning of `body` says.
pub(crate) fn read_outcomes<T: DeserializeOwned + 'static>(
    body: &mut Vec<u8>,
    start: usize,
) -> Vec<Result<T, JobError>> {
    let mut items = Items::of(body, start);
    let mut outcomes = Vec::new();
    loop {
        // One net under all of them: only an item that panics costs another.
        let read = contain(|| {
            while let Some(item) = items.next(body) {
                outcomes.push(read_outcome(body, item));
            }
        });
        match read {
            Ok(()) => return outcomes,
            Err(report) => outcomes.push(Err(panicked_here(&report))),
        }
    }
}

/// The result of a job that is no chunk: all the rest of `body`.
pub(crate) fn read_result<T: DeserializeOwned + 'static>(
    body: &mut Vec<u8>,
    start: usize,
) -> Result<T, JobError> {
    let end = body.len();
    match contain(|| decode_from(body, start..end)) {
        Ok(decoded) => decoded.map_err(JobError::BadResult),
        Err(report) => Err(panicked_here(&report)),
    }
}

/// The obvious version lets the panic go on in whoever waits. But the value is gone by then, and
/// the next who asks would be told that somebody has taken it.
fn panicked_here(report: &PanicReport) -> JobError {
    JobError::BadResult(format!("its `Deserialize` panicked: {report}"))
}

fn read_outcome<T: DeserializeOwned + 'static>(
    body: &mut Vec<u8>,
    item: Range<usize>,
) -> Result<T, JobError> {
    let Some(kind) = body[item.clone()].first() else { return Err(missing_result()) };
    let kind = Kind::from_byte(*kind);
    let rest = item.start + 1..item.end;
    if kind == Some(Kind::Done) {
        return decode_from(body, rest).map_err(JobError::BadResult);
    }
    let words = &body[rest];
    let text = || String::from_utf8_lossy(words).into_owned();
    Err(match kind {
        Some(Kind::Panicked) => {
            PanicReport::decode(words).map_or_else(missing_result, JobError::Panicked)
        }
        Some(Kind::BadArgs) => JobError::BadArgs(text()),
        Some(Kind::BadResult) => JobError::BadResult(text()),
        _ => missing_result(),
    })
}

/// Of an item of which the answer does not tell.
pub(crate) fn missing_result() -> JobError {
    JobError::BadResult("it is missing from the answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use proptest::prelude::*;

    const HEAD: usize = 3;

    fn outcomes(body: &[u8]) -> Vec<String> {
        let read = read_outcomes::<u16>(&mut body.to_vec(), HEAD);
        let word = |outcome| match outcome {
            Ok(value) => format!("{value}"),
            Err(error) => format!("{error}"),
        };
        read.into_iter().map(word).collect()
    }

    proptest! {
        #[test]
        fn items_come_back_as_they_were_added(
            items in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut body = vec![7; HEAD];
            let mut ends = Vec::new();
            for item in &items {
                let add = |out: &mut Vec<u8>| { out.extend(item); Ok::<(), ()>(()) };
                add_item(&mut body, add).unwrap();
                ends.push(body.len());
            }
            // Cut anywhere, the whole ones are there.
            body.truncate(HEAD + cut.index(body.len() - HEAD + 1));
            let mut left = Items::of(&body, HEAD);
            let read: Vec<_> = std::iter::from_fn(|| left.next(&body)).collect();
            let whole = ends.iter().filter(|end| **end <= body.len()).count();
            let read: Vec<_> = read.into_iter().map(|range| &body[range]).collect();
            prop_assert_eq!(&read, &items[..whole]);
            prop_assert_eq!(left.are_used_up(), body.len() == HEAD || ends.contains(&body.len()));
        }

        #[test]
        fn arbitrary_bytes_are_outcomes_or_errors(bytes: Vec<u8>) {
            read_outcomes::<(u64, String)>(&mut bytes.clone(), 0);
        }
    }

    #[test]
    fn an_outcome_that_cannot_be_read_hides_no_other() {
        let mut body = vec![0; HEAD];
        let add_value = |body: &mut Vec<u8>, value: u16| {
            add_outcome(body, |out| {
                codec::encode(&value, out).unwrap();
                Kind::Done
            });
        };
        add_value(&mut body, 1);
        add_outcome(&mut body, |_| Kind::Done); // no bytes are no number
        add_value(&mut body, 2);
        add_outcome(&mut body, |_| Kind::Hello); // what a call never becomes
        add_value(&mut body, 3);
        add_outcome(&mut body, |out| {
            out.extend([255; 4]);
            Kind::Panicked
        });
        add_value(&mut body, 4);
        let read = outcomes(&body);
        assert_eq!([&read[0], &read[2], &read[4], &read[6]], ["1", "2", "3", "4"]);
        assert!(read[1].contains("end in the middle"), "{}", read[1]);
        assert!(read[3].contains("missing") && read[5].contains("missing"), "{read:?}");
    }
}
