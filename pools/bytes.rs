//! Bytes that travel as one piece.
//!
//! To serde a `Vec<u8>` is a sequence, encoded element by element. A [`Bytes`] is copied, which
//! is more than twice as fast for megabytes. And a large one that arrives alone is not even copied:
//! it keeps the memory that its frame was read into, and what stood before it is cut off. So
//! does the last one of a chunk.
//!
//! ```text
//!   frame:  [ id | length | bytes ....................... ]
//!                          \--- moved to the front ---/        Bytes: the same memory
//! ```
//!
//! serde cannot be told to do so, because a `Deserialize` only ever borrows. So whoever decodes
//! asks whether the type is this one ([`decode_from`]).
//!
//! # Invariants
//! - Memory that a result keeps is at most twice as large as the result.
//!
//! Tutorial: the chapter on process pools. Before this: `codec.rs`. After this: `registry.rs`.

use std::any::Any;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut, Range};

use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec;
use crate::shelf::{LARGE, give_back};

/// A `Vec<u8>` that is sent to and from a worker process as one piece.
///
/// ```
/// use roundelay_pools::Bytes;
///
/// let page = Bytes(vec![0; 4096]);
/// assert_eq!(page.len(), 4096);
/// let inside: Vec<u8> = page.0;
/// # assert_eq!(inside.len(), 4096);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(bytes)
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Vec<u8> {
        bytes.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    /// Formats without bytes of their own (JSON) write a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

// ---- without a copy -------------------------------------------------------------------------

/// Decodes a value from these bytes of a frame, all of them. A large [`Bytes`] at the frame's end
/// takes the frame's memory with it, and leaves none.
pub(crate) fn decode_from<T: DeserializeOwned + 'static>(
    frame: &mut Vec<u8>,
    its_own: Range<usize>,
) -> Result<T, String> {
    match with_its_memory(frame, &its_own) {
        Some(value) => Ok(value),
        None => codec::decode(&frame[its_own]),
    }
}

fn with_its_memory<T: 'static>(frame: &mut Vec<u8>, its_own: &Range<usize>) -> Option<T> {
    let mut value: Option<T> = None;
    if let Some(bytes) = as_bytes(&mut value)
        && its_own.end == frame.len()
    {
        let mut rest = &frame[its_own.start..];
        let length = codec::decode_next::<usize>(&mut rest).ok()?;
        let is_all = rest.len() == length;
        if is_all && length >= LARGE && frame.capacity() / 2 <= length {
            let mut memory = mem::take(frame);
            memory.drain(..memory.len() - length);
            *bytes = Some(Bytes(memory));
        }
    }
    value
}

/// Drops a value that has been sent. If it is a [`Bytes`], its memory is used again.
pub(crate) fn drop_sent<T: 'static>(value: T) {
    let mut value = Some(value);
    if let Some(Some(Bytes(memory))) = as_bytes(&mut value) {
        give_back(mem::take(memory));
    }
}

fn as_bytes<T: 'static>(value: &mut Option<T>) -> Option<&mut Option<Bytes>> {
    (value as &mut dyn Any).downcast_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn bytes_survive_the_journey() {
        let sent = Bytes((0..=255).collect());
        let mut wire = Vec::new();
        encode(&sent, &mut wire).unwrap();
        assert_eq!(decode::<Bytes>(&wire), Ok(sent));
    }

    fn frame_with(value: &impl Serialize) -> Vec<u8> {
        let mut frame = vec![0; 8]; // an id
        encode(value, &mut frame).unwrap();
        frame
    }

    #[test]
    fn large_bytes_that_come_alone_keep_the_memory_that_they_came_in() {
        let sent = Bytes((0..LARGE).map(|n| n as u8).collect());
        let mut frame = frame_with(&sent);
        let (memory, its_own) = (frame.as_ptr(), 8..frame.len());
        let got: Bytes = decode_from(&mut frame, its_own).unwrap();
        assert!(got == sent && got.as_ptr() == memory);
        assert_eq!(frame.capacity(), 0, "the frame is empty, and used up");
    }

    #[test]
    fn small_bytes_and_bytes_in_much_too_large_memory_are_copied() {
        let mut small = frame_with(&Bytes(vec![7; 100]));
        let mut wide = frame_with(&Bytes(vec![7; LARGE]));
        wide.reserve_exact(4 * LARGE);
        for frame in [&mut small, &mut wide] {
            let length = frame.len();
            let got: Bytes = decode_from(frame, 8..length).unwrap();
            assert!(got.iter().all(|byte| *byte == 7) && got.capacity() <= 2 * got.len());
            assert_eq!(frame.len(), length);
        }
    }

    #[test]
    fn bytes_with_something_behind_them_are_not_alone() {
        let mut frame = frame_with(&(Bytes(vec![7; LARGE]), 5_u8));
        let end = frame.len();
        let first: Bytes = decode_from(&mut frame, 8..end - 1).unwrap();
        let second: u8 = decode_from(&mut frame, end - 1..end).unwrap();
        assert_eq!((first.len(), second, frame.len()), (LARGE, 5, end));
        let both = decode_from::<Bytes>(&mut frame, 8..end).unwrap_err();
        assert!(both.contains("left over") && frame.len() == end, "{both}");
    }

    #[test]
    fn any_other_type_is_decoded_as_ever() {
        let mut frame = frame_with(&vec![7_u8; LARGE]);
        let end = frame.len();
        assert_eq!(decode_from::<Vec<u8>>(&mut frame, 8..end).unwrap().len(), LARGE);
        assert!(decode_from::<Bytes>(&mut frame, end..end).is_err(), "there is no more");
    }
}
