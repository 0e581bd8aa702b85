//! One adapter for each runtime and each pool; two scripts for those that are not written in Rust.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use futures_lite::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::peer::PAGE;

pub mod tokio;
pub mod roundelay;
pub mod smol;
pub mod monoio;
pub mod threads;
pub mod processes;

/// Sends back what comes, for all whose streams are those of futures-io. The buffer lies on the
/// stack while something is read, and nowhere while nothing is there.
async fn echo_from_the_stack(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    loop {
        let bytes = poll_fn(|cx| {
            let mut buffer = [0; PAGE];
            let count = ready!(Pin::new(&mut stream).poll_read(cx, &mut buffer))?;
            Poll::Ready(io::Result::Ok(buffer[..count].to_vec()))
        });
        let bytes = bytes.await?;
        if bytes.is_empty() {
            return Ok(());
        }
        stream.write_all(&bytes).await?;
    }
}
