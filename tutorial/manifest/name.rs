//! A file's name is bytes, not text: how such a name is shown to people.
//!
//! Unix lets a name hold any byte but `/` and zero: a line break, a colour code for the terminal,
//! half a letter. Manifests keep names byte for byte (`line.rs`). Messages must not: one name must
//! not look like two messages, or repaint the reader's terminal. So a message shows a plain name as
//! it is, and any other name in quotes with its odd bytes spelled out.
//!
//! ```text
//!   notes.txt                      notes.txt
//!   two words                      'two words'          quoted: where does the name end?
//!   a, line break, b               "a\nb"
//!   caf, byte E9 (not UTF-8)       "caf\xE9"
//! ```
//!
//! Tutorial: chapter 20, the capstone. Before this: `digest.rs`. After this: `line.rs`.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Shows a name in a message; see the module for the rules.
///
/// ```
/// use roundelay_tutorial::manifest::name::shown;
///
/// assert_eq!(shown("notes.txt").to_string(), "notes.txt");
/// assert_eq!(shown("a\nb").to_string(), r#""a\nb""#);
/// ```
pub fn shown<Name: AsRef<OsStr> + ?Sized>(name: &Name) -> Shown<'_> {
    Shown(name.as_ref())
}

/// A name on its way into a message; made by [`shown`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a OsStr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Some("") => f.write_str("''"),
            Some(text) if text.chars().all(is_plain) => f.write_str(text),
            Some(text) if text.chars().all(|c| is_plain(c) || c == ' ') => write!(f, "'{text}'"),
            Some(text) => write!(f, "{text:?}"),
            None => show_bytes(self.0.as_bytes(), f),
        }
    }
}

/// Letters of any script and the marks that need no quotes.
///
/// `escape_debug` knows which characters a terminal would obey or leave invisible; it escapes
/// those.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "/._-+,:=@%~#^&*?!()[]{}<>|;$".contains(c)
        || (!c.is_ascii() && !c.is_whitespace() && c.escape_debug().count() == 1)
}

/// A name that is not UTF-8: its readable parts as text, every other byte as `\xNN`.
fn show_bytes(name: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for part in name.utf8_chunks() {
        write!(f, "{}", part.valid().escape_debug())?;
        for byte in part.invalid() {
            write!(f, "\\x{byte:02X}")?;
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_shown_as_it_is() {
        for name in ["a", "src/main.rs", "Grüße", "日本", "-x", "a*b"] {
            assert_eq!(shown(name).to_string(), name);
        }
    }

    #[test]
    fn a_name_with_spaces_is_quoted_so_that_its_end_is_seen() {
        assert_eq!(shown("two words ").to_string(), "'two words '");
        assert_eq!(shown("").to_string(), "''");
    }

    #[test]
    fn a_name_cannot_break_the_line_or_command_the_terminal() {
        assert_eq!(shown("a\nb").to_string(), r#""a\nb""#);
        assert_eq!(shown("\u{1b}[31m").to_string(), r#""\u{1b}[31m""#);
        assert_eq!(shown("gpj.\u{202e}txt").to_string(), r#""gpj.\u{202e}txt""#);
    }

    #[test]
    fn bytes_that_are_not_text_are_spelled_out() {
        assert_eq!(shown(OsStr::from_bytes(b"caf\xe9\n")).to_string(), r#""caf\xE9\n""#);
    }

    proptest::proptest! {
        #[test]
        fn a_shown_name_is_one_line_without_control_characters(name: Vec<u8>) {
            let text = shown(OsStr::from_bytes(&name)).to_string();
            proptest::prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
        }
    }
}
