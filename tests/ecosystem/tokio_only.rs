//! async-compat: what cannot do without a tokio gets one, in a thread that async-compat starts.
//!
//! Around the future that needs it, and nothing else. The task is still one of ours: only the
//! sockets and timers inside are tokio's, and wake it from that thread.

use std::time::Duration;

use async_compat::{Compat, CompatExt};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{TcpListener, spawn};
use tokio::io as theirs;

use crate::support::{ANYWHERE, on_a_loop};

#[test]
fn a_socket_of_tokios_speaks_to_one_of_ours_on_one_loop() {
    let answer = on_a_loop(async || {
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut question = String::new();
            AsyncReadExt::read_to_string(&mut stream, &mut question).await?;
            AsyncWriteExt::write_all(&mut stream, question.to_uppercase().as_bytes()).await
        });
        let asking = async move {
            let mut stream = tokio::net::TcpStream::connect(address).await?;
            theirs::AsyncWriteExt::write_all(&mut stream, b"who is there?").await?;
            theirs::AsyncWriteExt::shutdown(&mut stream).await?;
            let mut answer = String::new();
            theirs::AsyncReadExt::read_to_string(&mut stream, &mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = spawn(Compat::new(asking)).await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        answer
    });
    assert_eq!(answer, "WHO IS THERE?");
}

#[test]
fn a_timer_of_tokios_wakes_a_task_of_ours() {
    on_a_loop(async || {
        // Not `sleep(..).compat()`: a timer of tokio's looks for its tokio when it is made.
        async { tokio::time::sleep(Duration::from_millis(1)).await }.compat().await;
    });
}

#[test]
fn without_it_tokio_says_that_there_is_no_reactor() {
    let message = on_a_loop(async || {
        spawn(tokio::net::TcpListener::bind(ANYWHERE)).await.unwrap_err().to_string()
    });
    assert!(message.contains("there is no reactor running"), "{message}");
}
