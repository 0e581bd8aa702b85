//! Feeding a child and listening to it at the same time.
//!
//! Imagine `write everything; then read everything`. The child answers while it reads; its
//! answer fills the pipe; it waits for us to read. We wait for it to read. Nobody moves any more:
//!
//! ```text
//!   we:     write, write, write ... pipe full, wait ---+
//!   child:  read, answer, read, answer ... full, wait -+--> for ever
//! ```
//!
//! So all three streams are looked after in one future, each as far as it goes.
//!
//! Tutorial: chapter 17. Before this: `child.rs`. After this: `command.rs`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::process::Output;
use std::task::Poll;

use futures_io::{AsyncRead, AsyncWrite};

use crate::pipe::{PipeReader, PipeWriter};
use crate::process::child::Child;

impl Child {
    /// Writes `input` to the child, reads all that it writes, and waits for its end.
    ///
    /// A stream that is no pipe, or was taken out, is left out. A child that ends, or closes its
    /// input, before it has read everything is no error. All that it writes is kept in memory.
    ///
    /// # Errors
    /// What the system says, also of the [wait](Child::wait). Then what was read is lost.
    ///
    /// *Cancel safety: loses data.* What was read is lost. The child is killed or runs on, as
    /// its [`Command`](crate::process::Command) says.
    ///
    /// ```
    /// use roundelay_executor::{process::{Command, Stdio}, run};
    ///
    /// run(async {
    ///     let mut sort = Command::new("sort");
    ///     let child = sort.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     let output = child.communicate(b"b\nc\na\n").await?;
    ///     assert_eq!(output.stdout, b"a\nb\nc\n");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "wait_with_output")]
    pub async fn communicate(mut self, input: &[u8]) -> io::Result<Output> {
        let (stdin, stdout, stderr) = (self.stdin.take(), self.stdout.take(), self.stderr.take());
        let mut feed = pin!(feed(stdin, input));
        let mut stdout = pin!(read_all(stdout));
        let mut stderr = pin!(read_all(stderr));
        let (mut fed, mut said, mut complained) = (None, None, None);
        poll_fn(|cx| {
            // A future that has given its output is not polled again.
            if fed.is_none()
                && let Poll::Ready(outcome) = feed.as_mut().poll(cx)
            {
                fed = Some(outcome?);
            }
            if said.is_none()
                && let Poll::Ready(outcome) = stdout.as_mut().poll(cx)
            {
                said = Some(outcome?);
            }
            if complained.is_none()
                && let Poll::Ready(outcome) = stderr.as_mut().poll(cx)
            {
                complained = Some(outcome?);
            }
            match fed.is_some() && said.is_some() && complained.is_some() {
                true => Poll::Ready(io::Result::Ok(())),
                false => Poll::Pending,
            }
        })
        .await?;
        let status = self.wait().await?;
        let (stdout, stderr) = (said.unwrap_or_default(), complained.unwrap_or_default());
        Ok(Output { status, stdout, stderr })
    }
}

/// Writes everything and closes the pipe. If the child does not want it all, that is its choice.
async fn feed(stdin: Option<PipeWriter>, mut input: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    while !input.is_empty() {
        match poll_fn(|cx| Pin::new(&mut stdin).poll_write(cx, input)).await {
            Ok(written) => input = &input[written..],
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_all(stream: Option<PipeReader>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let Some(mut stream) = stream else { return Ok(all) };
    let mut buffer = vec![0; CHUNK];
    loop {
        match poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buffer)).await? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
}

/// As much as a pipe holds.
const CHUNK: usize = 64 * 1024;
