//! smol: its executor for futures that stay on their thread, and async-io's sockets.
//!
//! It has no one-shots and no channels of its own (its `channel` is the crate async-channel, which
//! has a workload for itself).

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use roundelay::HyperIo;
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Task};

use crate::peer::{Host, HttpServer, Peer, Server};
use crate::peers::echo_from_the_stack;

/// The adapter of smol.
#[derive(Debug)]
pub struct Smol;

thread_local! {
    static EXECUTOR: RefCell<Option<Rc<LocalExecutor<'static>>>> = const { RefCell::new(None) };
}

impl Host for Smol {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let executor = Rc::new(LocalExecutor::new());
        EXECUTOR.set(Some(Rc::clone(&executor)));
        let output = smol::block_on(executor.run(main));
        EXECUTOR.set(None);
        output
    }

    fn spawn<F>(future: F) -> impl Future<Output = Result<F::Output, impl Debug>> + 'static
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let task = spawn(future);
        async { Ok::<_, Infallible>(task.await) }
    }
}

fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    EXECUTOR.with_borrow(|executor| executor.as_ref().expect("called while it runs").spawn(future))
}

impl Peer for Smol {
    fn yield_now() -> impl Future<Output = ()> {
        smol::future::yield_now()
    }

    async fn sleep(delay: Duration) {
        smol::Timer::after(delay).await;
    }

    /// smol has no time limit of its own: this is how its documentation writes one.
    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> {
        smol::future::or(async { Ok(future.await) }, async move {
            smol::Timer::after(limit).await;
            Err(io::ErrorKind::TimedOut)
        })
    }

    fn call_soon(callback: impl FnOnce() + 'static) {
        spawn(async move { callback() }).detach();
    }
}

impl Server for Smol {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn listen() -> io::Result<(TcpListener, u16)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        Ok((smol::Async::new(listener)?.into(), port))
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

impl HttpServer for Smol {
    type HttpStream = HyperIo<TcpStream>;

    fn http_stream(stream: TcpStream) -> HyperIo<TcpStream> {
        HyperIo::new(stream)
    }

    fn http_server() -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.timer(SmolTimer);
        builder
    }
}

/// smol's timers as hyper wants them.
#[derive(Debug)]
struct SmolTimer;

impl Timer for SmolTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(SmolSleep(smol::Timer::after(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SmolSleep(smol::Timer::at(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<SmolSleep>() {
            Some(mut ours) => ours.0.set_at(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

#[derive(Debug)]
struct SmolSleep(smol::Timer);

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(())
    }
}

impl Sleep for SmolSleep {}
