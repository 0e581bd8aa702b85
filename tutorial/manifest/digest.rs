//! A SHA-256 digest: 32 bytes, which people read as 64 hexadecimal digits.
//!
//! Computing one is the business of `hash.rs`; here is only the value, so that the lines of a
//! manifest can speak of digests without knowing how files are read.
//!
//! Tutorial: chapter 20, the capstone. Before this: `manifest.rs`. After this: `name.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many bytes a digest has.
pub const BYTES: usize = 32;

/// How many hexadecimal digits a digest is written with.
pub const DIGITS: usize = 2 * BYTES;

/// The SHA-256 of some bytes.
///
/// It is shown as lowercase hexadecimal, and read back from either case:
///
/// ```
/// use roundelay_tutorial::manifest::digest::Digest;
///
/// let digest = Digest::from_hex(&b"AB".repeat(32)).unwrap();
/// assert_eq!(digest.to_string(), "ab".repeat(32));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; BYTES]);

impl Digest {
    /// Reads exactly 64 hexadecimal digits, of either case; anything else is `None`.
    pub fn from_hex(text: &[u8]) -> Option<Digest> {
        if text.len() != DIGITS {
            return None;
        }
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = value_of(pair[0])? << 4 | value_of(pair[1])?;
        }
        Some(Digest(bytes))
    }

    /// The 64 digits, ready to be written.
    pub fn to_hex(self) -> [u8; DIGITS] {
        let mut text = [0; DIGITS];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

fn value_of(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Writes any bytes as lowercase hexadecimal: two digits a byte, nothing between them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(HEX[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; BYTES]) {
            let digest = Digest(bytes);
            proptest::prop_assert_eq!(Digest::from_hex(&digest.to_hex()), Some(digest));
            let shown = digest.to_string();
            proptest::prop_assert_eq!(shown.as_bytes(), digest.to_hex());
        }
    }

    #[test]
    fn anything_but_64_hexadecimal_digits_is_refused() {
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(Digest::from_hex(text.as_bytes()), None, "{text:?}");
        }
    }
}
