//! async-tungstenite: WebSockets over a stream of ours, and over a connection that hyper has
//! upgraded.

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::Role;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use futures_lite::{AsyncRead, AsyncWrite, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use roundelay::{HyperIo, spawn};

use crate::support::{on_a_loop, pair};

/// Sends back what comes, until the other side says goodbye.
pub(crate) async fn echo<S>(mut socket: WebSocketStream<S>) -> Result<usize, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut count = 0;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// Sends a few messages and one of several frames' length, and compares the answers.
pub(crate) async fn converse<S>(mut socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for message in [
        Message::text("hello"),
        Message::text(""),
        Message::binary(vec![0, 255]),
        Message::binary(vec![7; 1_000_000]),
    ] {
        socket.send(message.clone()).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert!(answer == message, "what came back is not what was sent");
    }
    socket.close(None).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
}

#[test]
fn a_websocket_echoes_over_a_stream_of_ours() {
    let echoed = on_a_loop(async || {
        let (here, there) = pair().await;
        let server = spawn(async move { echo(accept_async(here).await?).await });
        let (socket, _) = client_async("ws://localhost/", there).await.unwrap();
        converse(socket).await;
        server.await.unwrap().unwrap()
    });
    assert_eq!(echoed, 4);
}

/// Answers the request to upgrade, and speaks WebSocket in a task of its own from then on.
async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        let mut refusal = Response::new(Empty::new());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    spawn(async move {
        let stream = HyperIo::new(upgraded.await?);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        assert_eq!(echo(socket).await?, 4);
        Ok::<_, Box<dyn std::error::Error>>(())
    })
    .report_errors();
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response.body(Empty::new()).expect("every part of it is valid"))
}

#[test]
fn a_websocket_echoes_behind_an_upgrade_of_hypers() {
    on_a_loop(async || {
        let (here, there) = pair().await;
        let server = hyper::server::conn::http1::Builder::new()
            .serve_connection(HyperIo::new(here), service_fn(upgrade))
            .with_upgrades();
        let server = spawn(server);
        let (socket, response) = client_async("ws://localhost/", there).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        converse(socket).await;
        server.await.unwrap().unwrap();
    });
}

#[test]
fn who_does_not_ask_for_a_websocket_is_refused() {
    let status = on_a_loop(async || {
        let (here, there) = pair().await;
        let server = hyper::server::conn::http1::Builder::new()
            .serve_connection(HyperIo::new(here), service_fn(upgrade))
            .with_upgrades();
        spawn(server).detach();
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(HyperIo::new(there)).await.unwrap();
        spawn(connection).detach();
        client.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap().status()
    });
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
