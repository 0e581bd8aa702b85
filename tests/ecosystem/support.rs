//! What the tests share: loops that must come to an end, connections, certificates, and a
//! server that hyper serves.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncWrite};
use futures_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::{HyperIo, HyperTimer, Runner, RunnerBuilder, TcpListener, TcpStream, spawn};

pub(crate) const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Longer than any of this takes. It is never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `main` in made-up time on a thread of its own, and fails if it never ends.
#[track_caller]
pub(crate) fn on_a_loop<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(|| Runner::builder().virtual_clock(), main)
}

/// The same by the real clock, for a protocol that needs time to pass while it waits for the
/// system.
#[track_caller]
pub(crate) fn in_real_time<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(Runner::builder, main)
}

#[track_caller]
fn must_end<T: Send + 'static>(
    builder: fn() -> RunnerBuilder,
    main: impl AsyncFnOnce() -> T + Send + 'static,
) -> T {
    let (say, heard) = mpsc::channel();
    let runs = thread::spawn(move || {
        let runner = builder().build().unwrap();
        let outcome = runner.run(main());
        drop(runner);
        // Nobody listens any more if it has taken too long.
        let _ = say.send(outcome);
    });
    match heard.recv_timeout(PATIENCE) {
        Ok(outcome) => outcome.unwrap(),
        Err(RecvTimeoutError::Timeout) => panic!("it does not come to its end"),
        Err(RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(runs.join().expect_err("it has panicked"))
        }
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Both ends of a connection over localhost.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANYWHERE).unwrap();
    let connecting = spawn(TcpStream::connect(listener.local_addr().unwrap()));
    let (here, _) = listener.accept().await.unwrap();
    (here, connecting.await.unwrap().unwrap())
}

/// Serves HTTP/1 on one connection, as a task.
pub(crate) fn serve_http1<S, F, A, B>(stream: S, answer: F) -> roundelay::Task<hyper::Result<()>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    F: Fn(Request<Incoming>) -> A + 'static,
    A: Future<Output = Response<B>> + 'static,
    B: hyper::body::Body + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(HyperTimer::new())
        .serve_connection(HyperIo::new(stream), service);
    spawn(connection)
}

/// A certificate for `localhost` that was made this moment, and a client that believes in it.
pub(crate) fn certificate() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let certificate = made.cert.der().clone();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// The other side of this takes everything and never says a word.
pub(crate) struct Silence;

impl AsyncRead for Silence {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Silence {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
