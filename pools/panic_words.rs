//! A panic on the wire: its message, place and backtrace, and of them as much as fits.
//!
//! A frame has a limit, and a panic's words have none. A report that is too long is cut: whoever gets
//! it had rather read half of it than be told of a result that was too long.
//!
//! ```text
//!   room:  [ place | message ............ | backtrace ... (817 more bytes) ]
//! ```
//!
//! # Invariants
//! - What is encoded takes no more than its room. The place comes first, then the message: a backtrace
//!   is what can be spared most easily.
//! - A text that was cut says so, and how much of it is missing.
//!
//! Tutorial: the chapter on process pools. Before this: `wire.rs`. After this: `transport.rs`.

use std::borrow::Cow;

use crate::codec;
use crate::panic_report::PanicReport;

/// No limit for frames is lower than this: below, a panic or a refusal could say nothing.
pub(crate) const MIN_FRAME: u32 = 4096;

/// Three lengths of at most five bytes, and a byte for each part that may be missing.
const AROUND_THE_WORDS: usize = 3 * 5 + 2;

impl PanicReport {
    pub(crate) fn encode(&self, room: usize) -> Vec<u8> {
        let mut left = room.saturating_sub(AROUND_THE_WORDS);
        let mut cut = |text, most: usize| {
            let cut = cut(text, left.min(most));
            left -= cut.len();
            cut
        };
        let location = self.location().map(|text| cut(text, room / 2));
        let message = cut(self.message(), room);
        let backtrace = self.backtrace().map(|text| cut(text, room));
        let mut bytes = Vec::new();
        let encoded = codec::encode(&(message, location, backtrace), &mut bytes);
        debug_assert!(encoded.is_ok(), "texts can always be encoded");
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<PanicReport> {
        let (message, location, backtrace) = codec::decode(bytes).ok()?;
        Some(PanicReport::new(message, location, backtrace, None))
    }
}

/// As much of a text as there is room for.
pub(crate) fn cut(text: &str, room: usize) -> Cow<'_, str> {
    if text.len() <= room {
        return Cow::Borrowed(text);
    }
    // As long as it can become, so that the number may be written when it is known.
    let longest = format!(" .. ({} more bytes)", text.len()).len();
    let Some(room) = room.checked_sub(longest) else {
        return Cow::Borrowed(&text[..text.floor_char_boundary(room)]);
    };
    let kept = &text[..text.floor_char_boundary(room)];
    Cow::Owned(format!("{kept} .. ({} more bytes)", text.len() - kept.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_report_fits_into_its_room_and_says_what_is_missing(
            message: String,
            place: Option<String>,
            backtrace: Option<String>,
            longer in 1_usize..50,
            room in 20_usize..2000,
        ) {
            let backtrace = backtrace.map(|text| text.repeat(longer));
            let report = PanicReport::new(message, place, backtrace, None);
            let bytes = report.encode(room);
            prop_assert!(bytes.len() <= room);
            let back = PanicReport::decode(&bytes).unwrap();
            if format!("{report}").len() + AROUND_THE_WORDS <= room && room > 1000 {
                prop_assert_eq!(format!("{report}"), format!("{back}"));
            }
        }

        #[test]
        fn a_text_is_whole_or_its_beginning(text: String, room in 0_usize..100) {
            let cut = cut(&text, room);
            prop_assert!(cut.len() <= room);
            if text.len() <= room {
                prop_assert_eq!(&*cut, &*text);
            } else if let Some((kept, missing)) = cut.split_once(" .. (") {
                let missing: usize = missing.strip_suffix(" more bytes)").unwrap().parse().unwrap();
                prop_assert!(text.starts_with(kept) && kept.len() + missing == text.len());
            }
        }
    }

    #[test]
    fn a_long_backtrace_leaves_the_message_whole() {
        let words = ("no luck".to_owned(), "src/main.rs:5:9".to_owned(), "frame\n".repeat(1000));
        let report = PanicReport::new(words.0, Some(words.1), Some(words.2), None);
        let back = PanicReport::decode(&report.encode(500)).unwrap();
        assert_eq!((back.message(), back.location()), ("no luck", Some("src/main.rs:5:9")));
        let backtrace = back.backtrace().unwrap();
        assert!(backtrace.starts_with("frame\nframe\n") && backtrace.ends_with("more bytes)"));
    }
}
