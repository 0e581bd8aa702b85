//! What a manifest says, in its two forms: lines for `sha256sum --check`, and JSON for programs.
//!
//! The text form holds files only: anything else would be a bad line to `sha256sum`. The JSON form
//! holds everything that happened, one object a line, so it can be written and read as a stream of
//! any length, and what was written before an interruption is still readable:
//!
//! ```text
//!   {"type":"file","path":"src/a","size":5,"sha256":"185f8db3..."}
//!   {"type":"file","path":"caf\ufffd","path_hex":"636166e9","size":0,"sha256":"e3b0c442..."}
//!   {"type":"failed","path":"src/b","reason":"cannot open it: Permission denied"}
//!   {"type":"skipped","path":"src/c","reason":"it is a fifo"}
//!   {"type":"summary","files":2,"bytes":5,"failed":1,"skipped":1,"complete":true}      always the last
//! ```
//!
//! JSON text is Unicode, and a file's name need not be. Such a name has `path_hex`, its bytes in
//! hexadecimal, beside a `path` for people in which every odd byte became U+FFFD. Where `path_hex`
//! is, it counts.
//!
//! Nothing here depends on time, on threads or on chance: the same tree gives the same bytes.
//!
//! Tutorial: chapter 20, the capstone. Before this: `retry.rs`. After this: `leftovers.rs`.

use std::borrow::Cow;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use super::digest::{Digest, hex};
use super::line;

/// The two forms of a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The lines of `sha256sum`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// One thing that a manifest has to say.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A file and its digest.
    File {
        /// Its name in the manifest.
        path: &'a Path,
        /// How many bytes were hashed.
        size: u64,
        /// Their SHA-256.
        digest: Digest,
    },
    /// A file that has no digest, or a directory that could not be read.
    Failed {
        /// Its name.
        path: &'a Path,
        /// What went wrong, for people.
        reason: &'a str,
    },
    /// Something left out on purpose.
    Skipped {
        /// Its name.
        path: &'a Path,
        /// The reason, for people.
        reason: &'a str,
    },
    /// The last record.
    Summary(Summary),
}

/// How a run went, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files with a digest.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files and directories that failed.
    pub failed: u64,
    /// Things left out on purpose.
    pub skipped: u64,
    /// Did the run come to the end of the walk? Not if it was interrupted, or ran out of time.
    pub complete: bool,
}

impl Record<'_> {
    /// Writes the record in `format`; the text form of anything but a file is nothing.
    pub fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match (format, *self) {
            (Format::Text, Record::File { path, digest, .. }) => {
                line::write(out, &digest, path.as_os_str())
            }
            (Format::Text, _) => Ok(()),
            (Format::Json, record) => {
                serde_json::to_writer(&mut *out, &JsonRecord::from(record))?;
                out.write_all(b"\n")
            }
        }
    }
}

/// The JSON form, field by field.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum JsonRecord<'a> {
    File {
        #[serde(flatten)]
        path: JsonPath<'a>,
        size: u64,
        sha256: String,
    },
    Failed {
        #[serde(flatten)]
        path: JsonPath<'a>,
        reason: &'a str,
    },
    Skipped {
        #[serde(flatten)]
        path: JsonPath<'a>,
        reason: &'a str,
    },
    Summary(Summary),
}

#[derive(Serialize)]
struct JsonPath<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl<'a> From<Record<'a>> for JsonRecord<'a> {
    fn from(record: Record<'a>) -> JsonRecord<'a> {
        match record {
            Record::File { path, size, digest } => {
                JsonRecord::File { path: path.into(), size, sha256: digest.to_string() }
            }
            Record::Failed { path, reason } => JsonRecord::Failed { path: path.into(), reason },
            Record::Skipped { path, reason } => JsonRecord::Skipped { path: path.into(), reason },
            Record::Summary(summary) => JsonRecord::Summary(summary),
        }
    }
}

impl<'a> From<&'a Path> for JsonPath<'a> {
    fn from(path: &'a Path) -> JsonPath<'a> {
        let path_hex = path.to_str().is_none().then(|| hex(path.as_os_str().as_bytes()));
        JsonPath { path: path.to_string_lossy(), path_hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn written(format: Format, record: Record<'_>) -> String {
        let mut out = Vec::new();
        record.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn file(path: &[u8]) -> Record<'_> {
        Record::File {
            path: Path::new(OsStr::from_bytes(path)),
            size: 5,
            digest: Digest([0xab; 32]),
        }
    }

    #[test]
    fn the_text_form_has_files_only() {
        let digest = "ab".repeat(32);
        assert_eq!(written(Format::Text, file(b"a")), format!("{digest}  a\n"));
        let path = Path::new("a");
        for record in [
            Record::Failed { path, reason: "r" },
            Record::Skipped { path, reason: "r" },
            Record::Summary(Summary::default()),
        ] {
            assert_eq!(written(Format::Text, record), "");
        }
    }

    #[test]
    fn the_json_form_is_as_documented() {
        let digest = "ab".repeat(32);
        assert_eq!(
            written(Format::Json, file(b"a \"b\"\n")),
            format!(
                "{{\"type\":\"file\",\"path\":\"a \\\"b\\\"\\n\",\"size\":5,\"sha256\":\"{digest}\"}}\n"
            )
        );
        let path = Path::new("a");
        assert_eq!(
            written(Format::Json, Record::Failed { path, reason: "why" }),
            "{\"type\":\"failed\",\"path\":\"a\",\"reason\":\"why\"}\n"
        );
        assert_eq!(
            written(Format::Json, Record::Skipped { path, reason: "why" }),
            "{\"type\":\"skipped\",\"path\":\"a\",\"reason\":\"why\"}\n"
        );
        let summary = Summary { files: 1, bytes: 2, failed: 3, skipped: 4, complete: true };
        assert_eq!(
            written(Format::Json, Record::Summary(summary)),
            "{\"type\":\"summary\",\"files\":1,\"bytes\":2,\"failed\":3,\"skipped\":4,\"complete\":true}\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_name_can_be_had_back_from_json(name: Vec<u8>) {
            let json: serde_json::Value =
                serde_json::from_str(&written(Format::Json, file(&name))).unwrap();
            let back = match json.get("path_hex") {
                Some(hex) => {
                    let digits = hex.as_str().unwrap().as_bytes();
                    let pair = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
                    digits.chunks(2).map(pair).collect()
                }
                None => json["path"].as_str().unwrap().as_bytes().to_vec(),
            };
            proptest::prop_assert_eq!(back, name);
        }
    }
}
