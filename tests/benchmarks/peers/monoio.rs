//! monoio: one thread, here on its "legacy" driver (mio), since io_uring is not to be had on every
//! machine and nobody else uses it.
//!
//! Its sockets read into memory that they own while they read, so its handlers look different.
//! It has no one-shots and no channels, its wakers are not for other threads (without the feature
//! `sync`), and hyper does not run on it without a further crate: it takes no part there.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use monoio::buf::IoBuf;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{LegacyDriver, RuntimeBuilder};

use crate::peer::{Host, PAGE, Peer, Server};

/// The adapter of monoio.
#[derive(Debug)]
pub struct Monoio;

impl Host for Monoio {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        builder.build().expect("a runtime").block_on(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output = Result<F::Output, impl Debug>> + 'static
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let task = monoio::spawn(future);
        async { Ok::<_, Infallible>(task.await) }
    }
}

impl Peer for Monoio {
    /// It has none of its own, and puts a task that wakes itself at the *front* of its queue. What
    /// gives way there is to wait for a task that stands at the back.
    fn yield_now() -> impl Future<Output = ()> {
        monoio::spawn(async {})
    }

    fn sleep(delay: Duration) -> impl Future<Output = ()> + 'static {
        monoio::time::sleep(delay)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> {
        monoio::time::timeout(limit, future)
    }

    fn call_soon(callback: impl FnOnce() + 'static) {
        drop(monoio::spawn(async move { callback() }));
    }
}

impl Server for Monoio {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn listen() -> io::Result<(TcpListener, u16)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok((TcpListener::from_std(listener)?, port))
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn echo<const BUFFER: usize>(mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (count, read) = stream.read(buffer).await;
            let count = count?;
            if count == 0 {
                return Ok(());
            }
            let (written, slice) = stream.write_all(read.slice(..count)).await;
            written?;
            buffer = slice.into_inner();
        }
    }

    async fn echo_without_buffer(mut stream: TcpStream) -> io::Result<()> {
        loop {
            // Not "relaxed": else it may say so when nothing is there.
            stream.readable(false).await?;
            let (count, read) = stream.read(vec![0; PAGE]).await;
            let count = count?;
            if count == 0 {
                return Ok(());
            }
            let (written, _) = stream.write_all(read.slice(..count)).await;
            written?;
        }
    }
}
