//! futures-rustls: TLS over a stream of ours; HTTPS and WSS on top of that.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_tungstenite::{accept_async, client_async};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_rustls::rustls::pki_types::ServerName;
use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use roundelay::testing::stream_conformance;
use roundelay::{HyperExecutor, HyperIo, TcpStream, duplex, gather_all, spawn};

use crate::support::{certificate, on_a_loop, pair, serve_http1};
use crate::websocket::{converse, echo};

/// Both ends of a connection with TLS.
async fn tls_pair() -> (server::TlsStream<TcpStream>, client::TlsStream<TcpStream>) {
    let (here, there) = pair().await;
    tls_over(here, there, 2).await
}

/// The server sends so many tickets, with which the client could connect sooner the next time. A
/// client that leaves without having read them resets its TCP connection, as with anything unread.
async fn tls_over<S>(
    here: S,
    there: S,
    tickets: usize,
) -> (server::TlsStream<S>, client::TlsStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (server, client) = certificate();
    let mut server = Arc::unwrap_or_clone(server);
    server.send_tls13_tickets = tickets;
    let accepting = spawn(TlsAcceptor::from(Arc::new(server)).accept(here));
    let name = ServerName::try_from("localhost").unwrap();
    let there = TlsConnector::from(client).connect(name, there).await.unwrap();
    (accepting.await.unwrap().unwrap(), there)
}

#[test]
fn tls_carries_bytes_both_ways_and_says_goodbye() {
    on_a_loop(async || {
        let (mut here, mut there) = tls_pair().await;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|at| at as u8).collect();
        let echoing = spawn(async move {
            let mut buffer = [0; 10_000];
            loop {
                let count = here.read(&mut buffer).await?;
                if count == 0 {
                    return here.close().await;
                }
                here.write_all(&buffer[..count]).await?;
            }
        });
        for piece in sent.chunks(70_000) {
            there.write_all(piece).await.unwrap();
            there.flush().await.unwrap();
            let mut answer = vec![0; piece.len()];
            there.read_exact(&mut answer).await.unwrap();
            assert!(answer == piece, "what came back is not what was sent");
        }
        there.close().await.unwrap();
        assert_eq!(there.read(&mut [0]).await.unwrap(), 0);
        echoing.await.unwrap().unwrap();
    });
}

#[test]
fn who_does_not_trust_the_certificate_does_not_connect() {
    let (client, server) = on_a_loop(async || {
        let (here, there) = pair().await;
        let (server, _) = certificate();
        let (_, somebody_elses) = certificate();
        let accepting = spawn(TlsAcceptor::from(server).accept(here));
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(somebody_elses).connect(name, there).await;
        (connecting.unwrap_err().kind(), accepting.await.unwrap().unwrap_err().kind())
    });
    assert_eq!((client, server), (ErrorKind::InvalidData, ErrorKind::InvalidData));
}

#[test]
fn https_is_hyper_on_tls() {
    let answer = on_a_loop(async || {
        let (here, there) = tls_pair().await;
        serve_http1(here, async |request: Request<Incoming>| {
            Response::new(Full::new(request.into_body().collect().await.unwrap().to_bytes()))
        })
        .detach();
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(HyperIo::new(there)).await.unwrap();
        spawn(connection).detach();
        let body = Full::new(Bytes::from(vec![7; 100_000]));
        let response = client.send_request(Request::new(body)).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert!(answer == vec![7; 100_000]);
}

#[test]
fn http2_on_tls_answers_many_at_once() {
    let lengths = on_a_loop(async || {
        let (here, there) = tls_pair().await;
        let answer = hyper::service::service_fn(async |_: Request<Incoming>| {
            let body = Full::new(Bytes::from(vec![7; 50_000]));
            Ok::<_, std::convert::Infallible>(Response::new(body))
        });
        let server = hyper::server::conn::http2::Builder::new(HyperExecutor::new())
            .serve_connection(HyperIo::new(here), answer);
        spawn(server).detach();
        let (client, connection) =
            hyper::client::conn::http2::handshake(HyperExecutor::new(), HyperIo::new(there))
                .await
                .unwrap();
        spawn(connection).detach();
        let requests = (0..20).map(|_| {
            let mut client = client.clone();
            async move {
                let request = Request::new(Full::new(Bytes::new()));
                let response = client.send_request(request).await.unwrap();
                response.into_body().collect().await.unwrap().to_bytes().len()
            }
        });
        gather_all(requests).await.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    assert_eq!(lengths, [50_000; 20]);
}

#[test]
fn wss_is_a_websocket_on_tls() {
    let echoed = on_a_loop(async || {
        let (here, there) = tls_pair().await;
        let server = spawn(async move { echo(accept_async(here).await?).await });
        let (socket, _) = client_async("wss://localhost/", there).await.unwrap();
        converse(socket).await;
        server.await.unwrap().unwrap()
    });
    assert_eq!(echoed, 4);
}

/// A stream with TLS tells one end that was said from one that just happened, and reports the
/// second as an error. The promises that all streams keep know one kind of end only, so here both
/// are one.
struct AnyEnd<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for AnyEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // futures-rustls 0.26 takes this for the end, and reads no more.
        if room.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.0).poll_read(cx, room).map(|outcome| match outcome {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            outcome => outcome,
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AnyEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[test]
fn streams_with_tls_keep_the_promises_of_all_streams() {
    on_a_loop(async || {
        stream_conformance(async || {
            let (here, there) = pair().await;
            let (here, there) = tls_over(here, there, 0).await;
            Ok((AnyEnd(here), AnyEnd(there)))
        })
        .await;
    });
}

#[test]
fn streams_with_tls_keep_them_in_memory_with_little_room_too() {
    on_a_loop(async || {
        for room in [100, 65_536] {
            stream_conformance(async || {
                let (here, there) = duplex(room);
                let (here, there) = tls_over(here, there, 0).await;
                Ok((AnyEnd(here), AnyEnd(there)))
            })
            .await;
        }
    });
}
