//! roundelay, through its face only: what users can call.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use hyper::server::conn::http1;
use roundelay::runtime::Event;
use roundelay::trace::Recorder;
use roundelay::{
    HyperIo, HyperTimer, Interest, Moment, Promise, Receiver, Runner, Sender, TcpListener,
    TcpStream, current_loop,
};

use crate::observed::{NEVER_SLOW, VARIABLE};
use crate::peer::{Host, HttpServer, Peer, Primitives, Server, WORKERS};
use crate::peers::echo_from_the_stack;

/// The adapter of roundelay.
#[derive(Debug)]
pub struct Roundelay;

impl Host for Roundelay {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let builder = Runner::builder().threads(WORKERS);
        let how = std::env::var(VARIABLE).unwrap_or_default();
        let (observer, is_never_slow) = match how.strip_suffix(NEVER_SLOW) {
            Some(observer) => (observer, true),
            None => (&*how, false),
        };
        let builder = match observer {
            "ends" => builder.observer(Interest::TASKS.of(|_: Moment, _: &Event| ())),
            "told" => builder.observer(|_: Moment, _: &Event| ()),
            "recorded" => builder.observer(Recorder::new("benchmark").limit(usize::MAX)),
            _ => builder,
        };
        let builder = if is_never_slow { builder.slow_limit(Duration::MAX) } else { builder };
        let runner = builder.build().expect("a runner");
        runner.run(main).expect("the workload comes to its end")
    }

    fn spawn<F>(future: F) -> impl Future<Output = Result<F::Output, impl Debug>> + 'static
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        roundelay::spawn(future)
    }
}

impl Server for Roundelay {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn listen() -> io::Result<(TcpListener, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
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

    async fn echo_without_buffer(stream: TcpStream) -> io::Result<()> {
        echo_from_the_stack(stream).await
    }
}

impl HttpServer for Roundelay {
    type HttpStream = HyperIo<TcpStream>;

    fn http_stream(stream: TcpStream) -> HyperIo<TcpStream> {
        HyperIo::new(stream)
    }

    fn http_server() -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.timer(HyperTimer::new());
        builder
    }
}

impl Peer for Roundelay {
    fn yield_now() -> impl Future<Output = ()> {
        roundelay::yield_now()
    }

    fn sleep(delay: Duration) -> impl Future<Output = ()> + 'static {
        roundelay::sleep(delay)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> {
        roundelay::timeout(limit, future)
    }

    fn call_soon(callback: impl FnOnce() + 'static) {
        let current = current_loop().expect("called while the loop runs");
        drop(current.call_soon(callback).expect("the loop is open"));
    }
}

impl Primitives for Roundelay {
    type Promise<T: 'static> = Promise<T>;

    fn promise<T: 'static>() -> (Promise<T>, impl Future<Output = Result<T, impl Debug>> + 'static)
    {
        roundelay::promise()
    }

    fn resolve<T: 'static>(promise: Promise<T>, value: T) {
        // Refused if nobody waits any more: the last ball of a game.
        let _ = promise.resolve(value);
    }

    type Sender<T: 'static> = Sender<T>;
    type Receiver<T: 'static> = Receiver<T>;

    fn channel<T: 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        roundelay::channel(capacity)
    }

    async fn send<T: 'static>(sender: &Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver is kept");
    }

    async fn receive<T: 'static>(receiver: &mut Receiver<T>) -> T {
        receiver.recv().await.expect("the sender is kept")
    }
}
