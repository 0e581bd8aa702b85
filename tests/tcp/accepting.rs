//! Whoever accepts gets each connection once; none is lost or mixed up, however many there are.

use std::net;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{TaskError, TcpStream, gather_all, sleep, spawn, yield_now};

use crate::support::ms;
use crate::{listen, nobody_waits, on_a_loop};

#[test]
fn an_accept_that_is_cancelled_loses_no_connection() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let listener = Rc::new(listener);
        // The connection comes before the wait, during it, or after the wake-up.
        for round in 0..40 {
            let accepting = Rc::clone(&listener);
            let accepting = spawn(async move { accepting.accept().await });
            for _ in 0..round % 5 {
                yield_now().await;
            }
            let client = net::TcpStream::connect(address).unwrap();
            for _ in 0..round / 5 {
                yield_now().await;
            }
            accepting.cancel();
            let accepted = match accepting.await {
                Ok(accepted) => accepted,
                Err(TaskError::Cancelled) => listener.accept().await,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(accepted.unwrap().1, client.local_addr().unwrap());
        }
        nobody_waits().await;
    });
}

#[test]
fn several_tasks_may_accept_from_one_listener() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let listener = Rc::new(listener);
        let accepting: Vec<_> = (0..8)
            .map(|_| {
                let listener = Rc::clone(&listener);
                spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        yield_now().await;
        // Two of them lose interest; the others are not forgotten.
        accepting[0].cancel();
        accepting[5].cancel();
        let clients: Vec<_> = (0..6).map(|_| net::TcpStream::connect(address).unwrap()).collect();
        let mut expected: Vec<_> =
            clients.iter().map(|client| client.local_addr().unwrap()).collect();
        let mut peers = Vec::new();
        for (n, task) in accepting.into_iter().enumerate() {
            match task.await {
                Ok(peer) => peers.push(peer),
                Err(error) => assert!(error.is_cancelled() && (n == 0 || n == 5)),
            }
        }
        expected.sort();
        peers.sort();
        assert_eq!(peers, expected);
        nobody_waits().await;
    });
}

#[test]
fn five_hundred_connections_at_once_each_get_their_own_answer() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                spawn(async move {
                    let mut number = [0; 8];
                    stream.read_exact(&mut number).await.unwrap();
                    // Answered when everybody is there.
                    sleep(ms(0)).await;
                    stream.write_all(&number).await.unwrap();
                    assert_eq!(stream.read(&mut number).await.unwrap(), 0);
                })
                .detach();
            }
        });
        let clients = (0..500_u64).map(|n| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            yield_now().await;
            stream.write_all(&n.to_le_bytes()).await.unwrap();
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(u64::from_le_bytes(answer), n);
        });
        for outcome in gather_all(clients).await {
            outcome.unwrap();
        }
        server.cancel();
        assert!(server.await.unwrap_err().is_cancelled());
        for _ in 0..10 {
            yield_now().await;
        }
        nobody_waits().await;
    });
}
