//! Lines of text, with a limit on their length.
//!
//! Reading exactly so many bytes, up to a mark, or to the end: the helpers of futures-lite and
//! futures-util do that on any stream here. What they lack is a limit: their `read_line` takes
//! whatever a peer sends that never sends the end of a line, until memory is full.
//!
//! # Invariants
//! - What was read of a line is kept here, not in the future: giving up loses nothing.
//! - No more than `limit` bytes of a line are kept.
//!
//! Tutorial: chapter 14. Before this: `duplex.rs`. After this: `accept.rs`.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;

/// Reads lines of at most `limit` bytes.
///
/// ```
/// use futures_lite::{AsyncWriteExt, io::BufReader};
/// use roundelay_executor::{LineReader, LineTooLong, duplex, run};
///
/// run(async {
///     let (mut here, there) = duplex(1024);
///     here.write_all(b"one\r\n\nfar too long\nlast").await?;
///     here.close().await?;
///     let mut lines = LineReader::new(BufReader::new(there), 8);
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     assert_eq!(lines.next_line().await?.as_deref(), Some(""));
///     let error = lines.next_line().await.unwrap_err();
///     assert!(error.get_ref().is_some_and(|inner| inner.is::<LineTooLong>()));
///     assert_eq!(lines.next_line().await?.as_deref(), Some("last")); // the rest was skipped
///     assert_eq!(lines.next_line().await?, None);
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "readline")]
#[doc(alias = "readuntil")]
pub struct LineReader<R> {
    reader: R,
    limit: usize,
    /// What has come of the line so far.
    line: Vec<u8>,
    /// The line has become too long, and its rest is thrown away.
    skips: bool,
}

impl<R: AsyncBufRead + Unpin> LineReader<R> {
    /// Reads from `reader`; a stream goes into a `BufReader` of futures-lite or futures-util
    /// first. A line may have `limit` bytes, its end (`\n` or `\r\n`) not counted.
    pub fn new(reader: R, limit: usize) -> LineReader<R> {
        LineReader { reader, limit, line: Vec::new(), skips: false }
    }

    /// The next line without its end, or `None` at the end of the stream. As with asyncio's
    /// `readline`, a last line may lack its end.
    ///
    /// # Errors
    /// Those of the reader; [`LineTooLong`], of the kind `InvalidData`, as soon as the limit is
    /// passed, after which the rest of that line is skipped; `InvalidData` also for a line that
    /// is not UTF-8, which is skipped, too.
    ///
    /// *Cancel safety: safe.* What has come of the line is kept for the next call.
    ///
    /// ```
    /// use roundelay_executor::{LineReader, run};
    ///
    /// run(async {
    ///     let mut lines = LineReader::new(&b"one\nlast"[..], 80);
    ///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
    ///     assert_eq!(lines.next_line().await?.as_deref(), Some("last")); // it has no end
    ///     assert_eq!(lines.next_line().await?, None);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| self.poll_line(cx)).await
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        loop {
            let bytes = match ready!(Pin::new(&mut self.reader).poll_fill_buf(cx)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            };
            if bytes.is_empty() {
                self.skips = false;
                let is_none = self.line.is_empty();
                return Poll::Ready(if is_none { Ok(None) } else { self.take_line() });
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            // One more than the limit, for that may be the `\r` of the line's end.
            let room = self.limit.saturating_add(1) - self.line.len();
            let cut = piece.len() > room;
            if !self.skips {
                self.line.extend(&piece[..piece.len().min(room)]);
            }
            let used = end.map_or(bytes.len(), |end| end + 1);
            Pin::new(&mut self.reader).consume(used);

            let is_whole = end.is_some();
            if self.skips {
                self.skips = !is_whole;
            } else if cut || self.is_too_long() {
                self.skips = !is_whole;
                self.line.clear();
                return Poll::Ready(Err(LineTooLong { limit: self.limit }.into()));
            } else if is_whole {
                if self.line.last() == Some(&b'\r') {
                    self.line.pop();
                }
                return Poll::Ready(self.take_line());
            }
        }
    }

    /// Whether what has come is too long even if its last byte belongs to the line's end.
    fn is_too_long(&self) -> bool {
        self.line.len() > self.limit && self.line.last() != Some(&b'\r')
    }

    fn take_line(&mut self) -> io::Result<Option<String>> {
        let line = std::mem::take(&mut self.line);
        if line.len() > self.limit {
            return Err(LineTooLong { limit: self.limit }.into());
        }
        let text = String::from_utf8(line);
        text.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl<R> LineReader<R> {
    /// The reader. It may hold bytes that no line has used.
    ///
    /// ```
    /// use roundelay_executor::{LineReader, run};
    ///
    /// run(async {
    ///     let mut lines = LineReader::new(&b"length: 4\nbody"[..], 80);
    ///     assert_eq!(lines.next_line().await?.as_deref(), Some("length: 4"));
    ///     assert_eq!(*lines.get_mut(), b"body"); // what no line has used
    ///     assert_eq!(lines.into_inner(), b"body");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader. What was read of a line that is not whole is dropped.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.reader
    }
}

/// A line is longer than [`LineReader`] was told to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong {
    /// How many bytes it was told to take.
    pub limit: usize,
}

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LineTooLong { limit } = self;
        write!(
            f,
            "a line is longer than {limit} bytes; its rest is skipped, so answer that it was too \
             long and go on, or raise the limit if such lines are right"
        )
    }
}

impl std::error::Error for LineTooLong {}

impl From<LineTooLong> for io::Error {
    fn from(error: LineTooLong) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<R> fmt::Debug for LineReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("LineReader");
        text.field("limit", &self.limit).field("kept", &self.line.len()).finish_non_exhaustive()
    }
}
