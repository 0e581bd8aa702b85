//! tokio: the current-thread runtime that may spawn `!Send` futures (`LocalRuntime`).

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task;

use crate::peer::{Host, HttpServer, PAGE, Peer, Primitives, Server, WORKERS};

/// The adapter of tokio.
#[derive(Debug)]
pub struct Tokio;

impl Host for Tokio {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(WORKERS);
        builder.build_local(LocalOptions::default()).expect("a runtime").block_on(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output = Result<F::Output, impl Debug>> + 'static
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        task::spawn_local(future)
    }
}

impl Server for Tokio {
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
        let mut buffer = [0; BUFFER];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..count]).await?;
        }
    }

    async fn echo_without_buffer(mut stream: TcpStream) -> io::Result<()> {
        loop {
            stream.readable().await?;
            let read = || {
                let mut buffer = [0; PAGE];
                stream.try_read(&mut buffer).map(|count| buffer[..count].to_vec())
            };
            match read() {
                Ok(bytes) if bytes.is_empty() => return Ok(()),
                Ok(bytes) => stream.write_all(&bytes).await?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl HttpServer for Tokio {
    type HttpStream = TokioIo<TcpStream>;

    fn http_stream(stream: TcpStream) -> TokioIo<TcpStream> {
        TokioIo::new(stream)
    }

    fn http_server() -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        builder
    }
}

impl Peer for Tokio {
    fn yield_now() -> impl Future<Output = ()> {
        task::yield_now()
    }

    fn sleep(delay: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(delay)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> {
        tokio::time::timeout(limit, future)
    }

    fn call_soon(callback: impl FnOnce() + 'static) {
        drop(task::spawn_local(async move { callback() }));
    }
}

impl Primitives for Tokio {
    type Promise<T: 'static> = oneshot::Sender<T>;

    fn promise<T: 'static>()
    -> (oneshot::Sender<T>, impl Future<Output = Result<T, impl Debug>> + 'static) {
        oneshot::channel()
    }

    fn resolve<T: 'static>(promise: oneshot::Sender<T>, value: T) {
        // Refused if nobody waits any more: the last ball of a game.
        let _ = promise.send(value);
    }

    type Sender<T: 'static> = mpsc::Sender<T>;
    type Receiver<T: 'static> = mpsc::Receiver<T>;

    fn channel<T: 'static>(capacity: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        mpsc::channel(capacity)
    }

    async fn send<T: 'static>(sender: &mpsc::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver is kept");
    }

    async fn receive<T: 'static>(receiver: &mut mpsc::Receiver<T>) -> T {
        receiver.recv().await.expect("the sender is kept")
    }
}
