//! Whoever connects comes through, or hears what is wrong in an error that says so.

use std::future::pending;
use std::io::{ErrorKind, Read};
use std::net;

use futures_lite::AsyncWriteExt;
use roundelay::{RunError, Runner, TcpListener, TcpStream, spawn, timeout};

use crate::support::{ms, must_end};
use crate::{ANYWHERE, listen, nobody_waits, on_a_loop};

#[test]
fn a_refused_connection_is_an_error_that_says_so() {
    on_a_loop(async || {
        let (listener, address) = listen();
        drop(listener);
        for _ in 0..20 {
            let error = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error:?}");
            assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
        }
        nobody_waits().await;
    });
}

#[test]
fn a_connection_that_nobody_answers_can_be_timed_out_and_leaves_nothing_behind() {
    // On the real clock: made-up time waits for the answer as well. The limit is what it is about.
    must_end(|| {
        let listener = net::TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        let runner = Runner::new().unwrap();
        runner
            .run(async {
                let mut connected = Vec::new();
                let elapsed = loop {
                    match timeout(ms(300), TcpStream::connect(address)).await {
                        Ok(stream) => connected.push(stream.unwrap()),
                        Err(elapsed) => break elapsed,
                    }
                    assert!(connected.len() < 10_000, "this system's backlog has no end");
                };
                assert_eq!(elapsed.limit(), Some(ms(300)));
                // Those that stand are not harmed.
                let (mut first, _) = listener.accept().unwrap();
                connected[0].write_all(b"x").await.unwrap();
                first.read_exact(&mut [0]).unwrap();
            })
            .unwrap();
        // Nothing of all that can wake the loop any more.
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

#[test]
fn a_host_can_be_given_by_name_or_by_address() {
    on_a_loop(async || {
        let (listener, address) = listen();
        for host in ["127.0.0.1", "localhost"] {
            let connecting = spawn(TcpStream::connect_to(host, address.port()));
            let (_there, peer) = listener.accept().await.unwrap();
            let here = connecting.await.unwrap().unwrap();
            assert_eq!(here.local_addr().unwrap(), peer);
        }
        drop(listener);
        let error = TcpStream::connect_to("localhost", address.port()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error:?}");
        nobody_waits().await;
    });
}

#[test]
fn a_wrong_name_is_an_error_that_names_it() {
    on_a_loop(async || {
        for host in ["no spaces in names", "nor\0zeros"] {
            let error = TcpStream::connect_to(host, 80).await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("{host:?}")), "{host:?} gives: {text}");
        }
    });
}

#[test]
fn a_connection_knows_both_addresses() {
    on_a_loop(async || {
        let (listener, address) = listen();
        assert_eq!(address.ip(), ANYWHERE.ip());
        assert_ne!(address.port(), 0);
        let connecting = spawn(TcpStream::connect(address));
        let (there, peer) = listener.accept().await.unwrap();
        let here = connecting.await.unwrap().unwrap();
        assert_eq!(here.peer_addr().unwrap(), address);
        assert_eq!(here.local_addr().unwrap(), peer);
        assert_eq!(there.local_addr().unwrap(), address);
        assert_eq!(there.peer_addr().unwrap(), peer);
        here.set_nodelay(true).unwrap();
        here.set_nodelay(false).unwrap();
    });
}

#[test]
fn a_port_can_be_listened_on_once_and_again_as_soon_as_it_is_free() {
    on_a_loop(async || {
        let (listener, address) = listen();
        assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        let connecting = spawn(TcpStream::connect(address));
        let (there, _) = listener.accept().await.unwrap();
        let here = connecting.await.unwrap().unwrap();
        drop((listener, there));
        // The finished connection lingers on the port.
        let listener = TcpListener::bind(address).unwrap();
        drop((here, listener));
    });
}
