//! The codec: values become bytes, and bytes values.
//!
//! The only file that knows which format it is (postcard: compact, maintained, plain serde).
//! It does not describe itself, so both sides must mean the same types: they are the same
//! program, and the fingerprint in `registry.rs` makes sure of it.
//!
//! # Invariants
//! - What is decoded is used up: bytes left over are an error, not ignored.
//! - A failure says what to do, in the words of whoever wrote the type, not of the format.
//!
//! Tutorial: the chapter on process pools. Before this: `thread_map.rs`. After this: `bytes.rs`.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Appends a value to `out`.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    postcard::serialize_with_flavor(value, Appending(out)).map_err(|error| match error {
        postcard::Error::WontImplement | postcard::Error::SerializeSeqLengthUnknown => {
            "the type uses `#[serde(flatten)]`, `untagged` or a sequence of unknown length, which a \
             compact format cannot carry; send it as a JSON `String`, or give it a plain shape"
                .to_owned()
        }
        postcard::Error::SerdeSerCustom => {
            "the type's own `Serialize` refused (a path that is not UTF-8, a value out of range?)"
                .to_owned()
        }
        other => other.to_string(),
    })
}

/// Decodes a value from all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut rest = bytes;
    let value = decode_next(&mut rest)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(format!("{} bytes are left over after a {}", rest.len(), std::any::type_name::<T>()))
    }
}

/// Decodes a value from the front of `bytes`, and moves on behind it.
pub(crate) fn decode_next<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| {
        let name = std::any::type_name::<T>();
        match error {
            postcard::Error::WontImplement => format!(
                "{name} uses `#[serde(flatten)]`, `untagged` or another shape that needs a format \
                 which describes itself; send it as a JSON `String`, or give it a plain shape"
            ),
            postcard::Error::SerdeDeCustom => {
                format!("the `Deserialize` of {name} refused what its `Serialize` wrote")
            }
            postcard::Error::DeserializeUnexpectedEnd => format!(
                "the bytes end in the middle of a {name} (`skip_serializing_if` leaves out what a \
                 compact format needs)"
            ),
            other => format!("not a {name}: {other}"),
        }
    })?;
    *bytes = rest;
    Ok(value)
}

/// Where postcard writes: the end of a `Vec` that is lent to it. (Its own `to_extend` wants one
/// that it can keep, and hands over megabytes byte by byte; only an optimised build makes that a
/// copy.)
struct Appending<'a>(&'a mut Vec<u8>);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(value: (u64, String, Vec<Option<f64>>, Option<Option<u8>>)) {
            // Compared as bytes, because a NaN is not equal to itself.
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).unwrap();
            let back: (u64, String, Vec<Option<f64>>, Option<Option<u8>>) = decode(&bytes).unwrap();
            let mut again = Vec::new();
            encode(&back, &mut again).unwrap();
            prop_assert_eq!(bytes, again);
        }

        #[test]
        fn arbitrary_bytes_are_a_value_or_an_error(bytes: Vec<u8>) {
            let _ = decode::<(u64, String, Vec<Option<f64>>)>(&bytes);
        }
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(decode::<u8>(&[7]), Ok(7));
        assert!(decode::<u8>(&[7, 0]).unwrap_err().contains("left over"));
    }

    #[test]
    fn an_untagged_type_gets_advice() {
        #[derive(serde::Serialize, serde::Deserialize, Debug)]
        #[serde(untagged)]
        enum Either {
            Number(u8),
        }
        let mut bytes = Vec::new();
        encode(&Either::Number(1), &mut bytes).unwrap();
        assert!(decode::<Either>(&bytes).unwrap_err().contains("JSON"));
    }
}
