//! quinn: QUIC, on a runtime that is three small adapters over this loop.
//!
//! quinn wants three things, all `Send`, some `Sync`: a timer, a way to start tasks, and a UDP
//! socket that is tried and waited for. The first is `Sleep`, the second `spawn`, and the third
//! is a socket of std's with a `Source`: what the loop watches, and who is called.
//!
//! This test is by the real clock. QUIC counts on time to pass while it waits for a
//! packet (it paces what it sends, and a closed connection lingers), and made-up time does not.

use std::fmt::{self, Debug};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{
    AsyncTimer, AsyncUdpSocket, ClientConfig, Endpoint, EndpointConfig, Runtime, ServerConfig,
    UdpPoller,
};
use roundelay::runtime::{Callback, Direction, Source, WaitKey};
use roundelay::{Sleep, current_loop, gather_all, now, sleep_until, spawn};

use crate::support::{ANYWHERE, certificate, in_real_time};

/// This loop, as quinn's runtime. Everything is asked for where the loop runs.
#[derive(Debug)]
struct ThisLoop;

impl Runtime for ThisLoop {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(sleep_until(deadline)))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        spawn(future).detach();
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let state = UdpSocketState::new((&socket).into())?;
        let home = current_loop().ok_or_else(|| io::Error::other("no loop runs here"))?;
        let source = home.register(&socket)?;
        let wait = Mutex::default();
        Ok(Arc::new(Watched { source, socket, state, read: wait }))
    }

    fn now(&self) -> Instant {
        now()
    }
}

#[derive(Debug)]
struct Timer(Sleep);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0 = sleep_until(deadline);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

struct Watched {
    // Dropped first: the watch ends before the socket is closed.
    source: Source,
    socket: UdpSocket,
    state: UdpSocketState,
    /// Who waits to read. One does: quinn's own task.
    read: Mutex<Option<WaitKey>>,
}

impl Watched {
    /// Wakes the task of `cx` when the socket is ready again.
    fn wait(
        &self,
        direction: Direction,
        earlier: &Mutex<Option<WaitKey>>,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        let waker = cx.waker().clone();
        let mut earlier = earlier.lock().unwrap();
        *earlier = self.source.wait(direction, earlier.take(), Callback::new(|| waker.wake()))?;
        Ok(())
    }

    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let outcome = operation();
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.source.clear_ready(direction)?;
        }
        outcome
    }
}

impl AsyncUdpSocket for Watched {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { socket: self, wait: Mutex::default() })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.try_io(Direction::Write, || self.state.send((&self.socket).into(), transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let receive = || self.state.recv((&self.socket).into(), buffers, meta);
        match self.try_io(Direction::Read, receive) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.wait(Direction::Read, &self.read, cx)?;
                Poll::Pending
            }
            outcome => Poll::Ready(outcome),
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

impl Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.socket).finish()
    }
}

#[derive(Debug)]
struct Writable {
    socket: Arc<Watched>,
    wait: Mutex<Option<WaitKey>>,
}

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.socket.source.is_ready(Direction::Write)? {
            return Poll::Ready(Ok(()));
        }
        self.socket.wait(Direction::Write, &self.wait, cx)?;
        Poll::Pending
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.get_mut().unwrap().take() {
            self.socket.source.cancel_wait(wait);
        }
    }
}

fn endpoint(server: Option<ServerConfig>) -> Endpoint {
    let socket = UdpSocket::bind(ANYWHERE).unwrap();
    Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(ThisLoop)).unwrap()
}

#[test]
fn quic_carries_ten_streams_at_once() {
    let lengths = in_real_time(async || {
        let (server, client) = certificate();
        let server = quinn::crypto::rustls::QuicServerConfig::try_from(server).unwrap();
        let client = quinn::crypto::rustls::QuicClientConfig::try_from(client).unwrap();
        let listens = endpoint(Some(ServerConfig::with_crypto(Arc::new(server))));
        let address = listens.local_addr().unwrap();
        let serving = spawn(async move {
            let connection = listens.accept().await.unwrap().await.unwrap();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                spawn(async move {
                    let question = receive.read_to_end(1_000_000).await?;
                    send.write_all(&question).await?;
                    send.finish()?;
                    Ok::<_, Box<dyn std::error::Error>>(())
                })
                .report_errors();
            }
            listens.wait_idle().await;
        });

        let mut connects = endpoint(None);
        connects.set_default_client_config(ClientConfig::new(Arc::new(client)));
        let connection = connects.connect(address, "localhost").unwrap().await.unwrap();
        let questions = (1..=10).map(|number: usize| {
            let connection = connection.clone();
            async move {
                let (mut send, mut receive) = connection.open_bi().await.unwrap();
                send.write_all(&vec![number as u8; 10_000 * number]).await.unwrap();
                send.finish().unwrap();
                let answer = receive.read_to_end(1_000_000).await.unwrap();
                assert!(answer == vec![number as u8; 10_000 * number]);
                answer.len()
            }
        });
        let lengths = gather_all(questions).await;
        connection.close(0_u32.into(), b"done");
        connects.wait_idle().await;
        serving.await.unwrap();
        lengths.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    assert_eq!(lengths, (1..=10).map(|number| 10_000 * number).collect::<Vec<_>>());
}
