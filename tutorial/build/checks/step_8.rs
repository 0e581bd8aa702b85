// Step 8: sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as Client};
use std::thread;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use tiny::{Loop, Watched};

use crate::support::expect;

fn listen(event_loop: &Loop) -> (Watched<TcpListener>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (event_loop.watch(listener).unwrap(), address)
}

/// Sends back what comes, until the other side has ended.
async fn echo(stream: Watched<TcpStream>) {
    let mut buffer = [0; 1024];
    loop {
        let count = stream.attempt(|mut stream| stream.read(&mut buffer)).await.unwrap();
        let mut left = &buffer[..count];
        if left.is_empty() {
            return;
        }
        while !left.is_empty() {
            let count = stream.attempt(|mut stream| stream.write(left)).await.unwrap();
            left = &left[count..];
        }
    }
}

/// Accepts so many clients, and ends when all of them have ended.
async fn serve(event_loop: Loop, listener: Watched<TcpListener>, clients: usize) {
    let mut connections = Vec::new();
    for _ in 0..clients {
        let (stream, _) = listener.attempt(|listener| listener.accept()).await.unwrap();
        connections.push(event_loop.spawn(echo(event_loop.watch(stream).unwrap())));
    }
    for connection in connections {
        connection.await;
    }
}

fn ask(client: &mut Client, text: &str) -> String {
    // Under Miri a socket has no such limit.
    if cfg!(not(miri)) {
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    client.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).expect("the answer comes within ten seconds");
    String::from_utf8(answer).unwrap()
}

#[test]
fn an_echo_server_answers() {
    let event_loop = Loop::with_real_clock();
    let (listener, address) = listen(&event_loop);
    let client = thread::spawn(move || ask(&mut Client::connect(address).unwrap(), "hello"));
    event_loop.block_on(serve(event_loop.clone(), listener, 1));
    expect("What was written comes back.", "hello".to_owned(), client.join().unwrap());
}

#[test]
fn the_loop_sleeps_while_nobody_writes() {
    let event_loop = Loop::with_real_clock();
    let (listener, address) = listen(&event_loop);
    let client = thread::spawn(move || {
        let mut client = Client::connect(address).unwrap();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(30));
            ask(&mut client, "still there?");
        }
    });
    event_loop.block_on(serve(event_loop.clone(), listener, 1));
    client.join().unwrap();
    let turns = event_loop.turns();
    if turns >= 100 {
        panic!(
            "Three messages in 90 ms need a turn for each piece of news, and no more.\n  \
             expected: fewer than 100 turns\n  happened: {turns} turns"
        );
    }
}

#[test]
fn a_slow_client_keeps_nobody_waiting() {
    let event_loop = Loop::with_real_clock();
    let (listener, address) = listen(&event_loop);
    let clients = thread::spawn(move || {
        let mut slow = Client::connect(address).unwrap();
        let mut quick = Client::connect(address).unwrap();
        let answers = [ask(&mut quick, "quick"), ask(&mut slow, "slow")];
        drop((slow, quick));
        answers
    });
    event_loop.block_on(serve(event_loop.clone(), listener, 2));
    let answers = ["quick".to_owned(), "slow".to_owned()];
    expect("The second is served while the first says nothing.", answers, clients.join().unwrap());
}

#[test]
fn timers_go_on_while_a_socket_is_waited_for() {
    let event_loop = Loop::with_real_clock();
    let (listener, _) = listen(&event_loop);
    drop(event_loop.spawn(async move {
        let _ = listener.attempt(|listener| listener.accept()).await;
    }));
    event_loop.block_on(event_loop.sleep(Duration::from_millis(10)));
    expect("Ten milliseconds have passed.", true, event_loop.now() >= Duration::from_millis(10));
}

#[test]
fn an_error_other_than_would_block_is_handed_on() {
    let event_loop = Loop::with_real_clock();
    let (listener, _) = listen(&event_loop);
    let error = event_loop.block_on(
        listener.attempt(|_| -> std::io::Result<()> { Err(ErrorKind::PermissionDenied.into()) }),
    );
    let kind = error.unwrap_err().kind();
    expect("Only `WouldBlock` means: later.", ErrorKind::PermissionDenied, kind);
}
