//! One line of a manifest, as `sha256sum` writes it and as `sha256sum --check` reads it.
//!
//! ```text
//!   e3b0c442...b855  notes.txt         digest, space, marker, name to the end of the line
//!   |               ||                 marker: ' ' for text, '*' for binary: the same on Unix
//!   \e3b0c442...b855  two\nlines       a leading backslash: the name is escaped
//!   SHA256 (notes.txt) = e3b0c442...   the BSD style (`sha256sum --tag`), read but never written
//! ```
//!
//! A name ends where its line ends, so a name that *contains* a line break would tear the manifest.
//! Three bytes are therefore escaped, as coreutils does since 9.0: backslash, newline, carriage
//! return; and only where one of them occurs, so that ordinary lines stay ordinary. All other
//! bytes, UTF-8 or not, stand for themselves.
//!
//! # Invariants
//! - `parse(write(digest, name))` gives back digest and name, for every name without a zero byte.
//! - A written line has exactly one newline, and it is the last byte.
//!
//! Tutorial: chapter 20, the capstone. Before this: `name.rs`. After this: `kind.rs`.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::digest::{DIGITS, Digest};

/// Writes one line: `digest`, two spaces, `name`, escaped where it must be.
///
/// ```
/// use roundelay_tutorial::manifest::{digest::Digest, line};
///
/// let mut out = Vec::new();
/// line::write(&mut out, &Digest([0; 32]), "two\nlines".as_ref()).unwrap();
/// assert_eq!(out, format!("\\{}  two\\nlines\n", "0".repeat(64)).into_bytes());
/// ```
pub fn write(out: &mut impl Write, digest: &Digest, name: &OsStr) -> io::Result<()> {
    let escaped = escape(name.as_bytes());
    if let Cow::Owned(_) = escaped {
        out.write_all(b"\\")?;
    }
    out.write_all(&digest.to_hex())?;
    out.write_all(b"  ")?;
    out.write_all(&escaped)?;
    out.write_all(b"\n")
}

/// The name as a line holds it: borrowed as it is, or escaped in a copy.
pub(crate) fn escape(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        return Cow::Borrowed(name);
    }
    let mut escaped = Vec::with_capacity(name.len() + 8);
    for &byte in name {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// What one line of a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A file and the digest it should have.
    File {
        /// The name, its escapes undone.
        name: OsString,
        /// The digest that the manifest promises.
        digest: Digest,
    },
    /// Nothing: an empty line, or a comment (`#` in the first column).
    Blank,
    /// Something that is not a line of a manifest.
    Bad,
}

/// Reads lines, and remembers which of two look-alike styles the file is in.
///
/// BSD's `sha256 -r` writes *one* space after the digest. There a name may begin with a space,
/// which would be the marker in the ordinary style. As coreutils does, the first line decides, and
/// lines of the other style are bad: so nobody can smuggle in a file by the way its line is spaced.
#[derive(Debug, Default)]
pub struct Parser {
    spacing: Option<Spacing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spacing {
    Marker,
    OneSpace,
}

impl Parser {
    /// Reads one line, with or without its end (`\n` or `\r\n`).
    pub fn parse(&mut self, line: &[u8]) -> Line {
        if line.first() == Some(&b'#') {
            return Line::Blank;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Line::Blank;
        }
        match self.name_and_digest(line) {
            Some((name, digest)) => Line::File { name: OsString::from_vec(name), digest },
            None => Line::Bad,
        }
    }

    fn name_and_digest(&mut self, line: &[u8]) -> Option<(Vec<u8>, Digest)> {
        let line = skip_blanks(line);
        let (escaped, line) = match line.strip_prefix(b"\\") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (name, digest) = match line.strip_prefix(b"SHA256") {
            Some(tagged) => split_tagged(tagged)?,
            None => self.split_plain(line)?,
        };
        // A zero byte cannot be part of any name that a file could have.
        let name = if escaped { unescape(name)? } else { name.to_vec() };
        (!name.contains(&0)).then_some((name, digest))
    }

    /// `digest`, a blank, then by style a marker, then the name.
    fn split_plain<'a>(&mut self, line: &'a [u8]) -> Option<(&'a [u8], Digest)> {
        let (digest, rest) = line.split_at_checked(DIGITS)?;
        let digest = Digest::from_hex(digest)?;
        let rest = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t"))?;
        let (first, after_marker) = rest.split_first()?;
        let has_marker = matches!(first, b' ' | b'*') && !after_marker.is_empty();
        match (self.spacing, has_marker) {
            (Some(Spacing::OneSpace), _) => Some((rest, digest)),
            (_, true) => {
                self.spacing = Some(Spacing::Marker);
                Some((after_marker, digest))
            }
            (None, false) => {
                self.spacing = Some(Spacing::OneSpace);
                Some((rest, digest))
            }
            (Some(Spacing::Marker), false) => None,
        }
    }
}

/// What follows `SHA256`: ` (name) = digest`. The name may hold parentheses, so the last one ends
/// it.
fn split_tagged(rest: &[u8]) -> Option<(&[u8], Digest)> {
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"(")?;
    let end = rest.iter().rposition(|&byte| byte == b')')?;
    let digest = skip_blanks(skip_blanks(&rest[end + 1..]).strip_prefix(b"=")?);
    Some((&rest[..end], Digest::from_hex(digest)?))
}

/// Undoes [`escape`]; `None` if a backslash stands before anything it cannot stand before.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(name)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn written(digest: &Digest, name: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line, digest, OsStr::from_bytes(name)).unwrap();
        line
    }

    /// The name in a line, `None` for a bad one; `@` stands for a digest.
    fn name_in(parser: &mut Parser, line: &str) -> Option<String> {
        match parser.parse(line.replace('@', EMPTY).as_bytes()) {
            Line::File { name, .. } => Some(name.into_string().unwrap()),
            _ => None,
        }
    }

    fn only_name_in(line: &str) -> Option<String> {
        name_in(&mut Parser::default(), line)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            digest: [u8; 32],
            name in prop::collection::vec(
                prop_oneof![prop::sample::select(b"\\\n\r *nr#".to_vec()), 1..=255u8], 1..20)
        ) {
            let digest = Digest(digest);
            let line = written(&digest, &name);
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
            let expected = Line::File { name: OsString::from_vec(name), digest };
            prop_assert_eq!(Parser::default().parse(&line), expected);
        }

        #[test]
        fn no_line_whatever_its_bytes_makes_the_parser_panic(line: Vec<u8>, tail: Vec<u8>) {
            let mut parser = Parser::default();
            parser.parse(&line);
            parser.parse(&[EMPTY.as_bytes(), &tail].concat());
            parser.parse(&[b"SHA256 (", tail.as_slice()].concat());
        }
    }

    #[test]
    fn only_names_that_need_it_are_escaped() {
        let digest = Digest::from_hex(EMPTY.as_bytes()).unwrap();
        assert_eq!(written(&digest, b"a b"), format!("{EMPTY}  a b\n").into_bytes());
        assert_eq!(written(&digest, b"a\\b"), format!("\\{EMPTY}  a\\\\b\n").into_bytes());
        assert_eq!(written(&digest, b"\xff\r"), [b"\\", EMPTY.as_bytes(), b"  \xff\\r\n"].concat());
    }

    #[test]
    fn text_and_binary_markers_and_either_line_end_are_read() {
        for line in ["@  x", "@ *x", "@  x\n", "@  x\r\n", " \t@  x", "@\t x"] {
            assert_eq!(only_name_in(line).as_deref(), Some("x"), "{line:?}");
        }
    }

    #[test]
    fn a_backslash_means_something_only_on_an_escaped_line() {
        assert_eq!(only_name_in(r"@  x\n").as_deref(), Some(r"x\n"));
        assert_eq!(only_name_in(r"\@  x\n").as_deref(), Some("x\n"));
        assert_eq!(only_name_in(r"\@  x\q"), None);
        assert_eq!(only_name_in(r"\@  x\"), None);
    }

    #[test]
    fn the_bsd_style_is_read() {
        assert_eq!(only_name_in("SHA256 (x) = @").as_deref(), Some("x"));
        assert_eq!(only_name_in("SHA256(x)=@").as_deref(), Some("x"));
        assert_eq!(only_name_in("SHA256 (a (b) = c) = @").as_deref(), Some("a (b) = c"));
        assert_eq!(only_name_in(r"\SHA256 (a\nb) = @").as_deref(), Some("a\nb"));
        for bad in ["SHA256  (x) = @", "SHA256 x = @", "SHA256 (x) @", "SHA256 (x) = @ ", "SHA256"]
        {
            assert_eq!(only_name_in(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_first_line_decides_between_one_space_and_a_marker() {
        let mut parser = Parser::default();
        assert_eq!(name_in(&mut parser, "@ x").as_deref(), Some("x"));
        assert_eq!(name_in(&mut parser, "@  y").as_deref(), Some(" y"));
        let mut parser = Parser::default();
        assert_eq!(name_in(&mut parser, "@  y").as_deref(), Some("y"));
        assert_eq!(name_in(&mut parser, "@ x"), None);
    }

    #[test]
    fn comments_and_empty_lines_are_blank_and_the_rest_is_bad() {
        let mut parser = Parser::default();
        for blank in ["", "\n", "\r\n", "# a comment", "#"] {
            assert_eq!(parser.parse(blank.as_bytes()), Line::Blank, "{blank:?}");
        }
        for bad in ["junk", " ", "@", "@ ", "1@  x", "@x", "@  x\0y", "\\"] {
            assert_eq!(parser.parse(bad.replace('@', EMPTY).as_bytes()), Line::Bad, "{bad:?}");
        }
    }
}
