//! Every byte arrives once and in order, whoever writes and however many at once.

use std::io::{IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use roundelay::{TcpStream, spawn};

use crate::support::must_end;
use crate::{fill, listen, nobody_waits, on_a_loop, pair, pattern, poll_write};

#[test]
fn what_is_written_on_one_side_is_read_on_the_other() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await?;
            let (read, mut write) = stream.into_split();
            futures_lite::io::copy(read, &mut write).await?;
            write.close().await
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        for word in ["one", "two", "", "three"] {
            client.write_all(word.as_bytes()).await.unwrap();
            let mut echo = vec![0; word.len()];
            client.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, word.as_bytes());
        }
        client.close().await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        server.await.unwrap().unwrap();
        nobody_waits().await;
    });
}

#[test]
fn ten_megabytes_travel_both_ways_at_once_with_a_reader_and_a_writer_on_each_side() {
    const LENGTH: usize = 10 << 20;
    on_a_loop(async || {
        let (here, there) = pair().await;
        let sides = [(here, 1, 2), (there, 2, 1)].map(|(stream, sends, receives)| {
            let (mut read, mut write) = stream.into_split();
            let writer = spawn(async move {
                write.write_all(&pattern(LENGTH, sends)).await.unwrap();
            });
            let reader = spawn(async move {
                let mut bytes = Vec::new();
                read.read_to_end(&mut bytes).await.unwrap();
                assert!(bytes == pattern(LENGTH, receives), "{} bytes, not the ones", bytes.len());
            });
            [writer, reader]
        });
        for task in sides.into_iter().flatten() {
            task.await.unwrap();
        }
        nobody_waits().await;
    });
}

#[test]
fn loops_on_two_threads_talk_to_each_other() {
    must_end(|| {
        let (sender, receiver) = mpsc::channel();
        let server = std::thread::spawn(move || {
            roundelay::run(async move {
                let (listener, address) = listen();
                sender.send(address).unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut byte = [0];
                while stream.read(&mut byte).await.unwrap() == 1 {
                    stream.write_all(&[byte[0].wrapping_add(1)]).await.unwrap();
                }
            });
        });
        let address = receiver.recv().unwrap();
        roundelay::run(async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut byte = [0];
            for n in 0..3000_usize {
                stream.write_all(&[n as u8]).await.unwrap();
                stream.read_exact(&mut byte).await.unwrap();
                assert_eq!(byte[0], (n as u8).wrapping_add(1));
            }
        });
        server.join().unwrap();
    });
}

#[test]
fn reading_into_no_room_and_writing_nothing_is_over_at_once_and_is_no_end() {
    // B32: with nothing to read the system answers "would block" even to a read of no bytes, and
    // whoever waits for that waits for data that it has no room for.
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let waker = Waker::noop();
        let nothing: [&mut [u8]; 2] = [&mut [], &mut []];
        let mut nothing = nothing.map(IoSliceMut::new);
        let cx = &mut Context::from_waker(waker);
        let vectored = Pin::new(&mut here).poll_read_vectored(cx, &mut nothing);
        assert!(matches!(vectored, Poll::Ready(Ok(0))), "{vectored:?}");
        let plain = Pin::new(&mut here).poll_read(cx, &mut []);
        assert!(matches!(plain, Poll::Ready(Ok(0))), "{plain:?}");
        assert!(matches!(poll_write(&mut here, waker, &[]), Poll::Ready(Ok(0))));
        there.write_all(b"x").await.unwrap();
        assert_eq!(here.read(&mut []).await.unwrap(), 0);
        assert_eq!(here.read(&mut [0; 4]).await.unwrap(), 1);
        fill(&mut here).await;
        let full = poll_write(&mut here, waker, &[]);
        assert!(matches!(full, Poll::Ready(Ok(0))), "{full:?}");
    });
}

#[test]
fn several_buffers_are_written_and_read_as_one() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let slices = [&b"round"[..], b"", b"elay"].map(IoSlice::new);
        assert_eq!(here.write_vectored(&slices).await.unwrap(), 9);
        let (mut first, mut second) = ([0; 3], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(there.read_vectored(&mut buffers).await.unwrap(), 9);
        assert_eq!((&first, &second[..6]), (b"rou", &b"ndelay"[..]));
        let (mut read, mut write) = here.into_split();
        there.write_all(b"halves").await.unwrap();
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let count = read.read_vectored(&mut buffers).await.unwrap();
        let count = count + write.write_vectored(&slices).await.unwrap();
        assert!(count > 0);
    });
}
