//! What goes wrong with sockets of every kind: numbers that come back as somebody else's, news
//! that is none, calls that are interrupted, peers that leave too early.
//!
//! Bug classes B23 to B32; those that only concern TCP are in `tcp`.

mod support;

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;
use roundelay::runtime::Direction;
use roundelay::testing::wait_all_tasks_blocked;
use roundelay::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream, Watched, sleep, spawn, yield_now,
};
use support::sockets::{ANYWHERE, on_a_loop};
use support::{in_a_process, ms, must_end, run_virtual};

fn watched_pair() -> (Watched<net::UnixStream>, net::UnixStream) {
    let (here, there) = net::UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    (Watched::new(here).unwrap(), there)
}

#[test]
fn an_interrupted_call_is_made_again() {
    on_a_loop(async || {
        let (here, mut there) = watched_pair();
        there.write_all(b"x").unwrap();
        let mut interruptions = 0;
        let count = here.io(Direction::Read, |mut socket| {
            interruptions += 1;
            match interruptions {
                1..=3 => Err(ErrorKind::Interrupted.into()),
                _ => socket.read(&mut [0; 4]),
            }
        });
        assert_eq!(count.await.unwrap(), 1);
        assert_eq!(interruptions, 4);
    });
}

#[test]
fn news_that_is_none_makes_nobody_go_on_and_loses_no_later_news() {
    on_a_loop(async || {
        let (here, mut there) = watched_pair();
        let here = Rc::new(here);
        let (calls, got) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        // All of them are woken by each piece of news, and it is good for one.
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let (here, calls, got) = (Rc::clone(&here), Rc::clone(&calls), Rc::clone(&got));
                spawn(async move {
                    let mut byte = [0; 1];
                    let read = here.io(Direction::Read, |mut socket| {
                        calls.set(calls.get() + 1);
                        socket.read(&mut byte)
                    });
                    assert_eq!(read.await.unwrap(), 1);
                    got.borrow_mut().push(byte[0]);
                })
            })
            .collect();
        for n in 0..5 {
            wait_all_tasks_blocked().await;
            assert_eq!(got.borrow().len(), usize::from(n));
            there.write_all(&[n]).unwrap();
        }
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(*got.borrow(), [0, 1, 2, 3, 4]);
        assert!(calls.get() > 5, "nobody was woken in vain: then this test shows nothing");
    });
}

#[test]
fn what_cannot_be_waited_for_is_refused_and_leaves_no_trace() {
    on_a_loop(async || {
        let file =
            std::fs::File::open("/proc/self/exe").or(std::fs::File::open("/bin/sh")).unwrap();
        for _ in 0..3 {
            assert!(Watched::new(&file).is_err());
        }
        let (here, mut there) = watched_pair();
        // A second watch of one descriptor is refused, and the first goes on.
        assert_eq!(Watched::new(here.get_ref()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        there.write_all(b"x").unwrap();
        let read = here.io(Direction::Read, |mut socket| socket.read(&mut [0; 1]));
        assert_eq!(read.await.unwrap(), 1);
        // Given back, it can be watched again.
        let again = Watched::new(here.into_inner()).unwrap();
        there.write_all(b"y").unwrap();
        let read = again.io(Direction::Read, |mut socket| socket.read(&mut [0; 1]));
        assert_eq!(read.await.unwrap(), 1);
    });
}

#[test]
fn a_client_that_leaves_before_it_is_accepted_does_not_end_the_listener() {
    on_a_loop(async || {
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..3 {
            let early = TcpStream::connect(address).await.unwrap();
            early.set_reset_on_drop(true).unwrap();
            drop(early);
        }
        let late = spawn(TcpStream::connect(address));
        let mut served = 0;
        loop {
            match listener.accept().await {
                // Systems differ: some hide those that left, some tell of them here.
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionAborted),
                Ok((mut stream, _)) => {
                    if stream.write_all(b"hello").await.is_err() {
                        continue;
                    }
                    drop(stream);
                    served += 1;
                    if served == 4 || late.is_finished() {
                        break;
                    }
                }
            }
        }
        let mut text = String::new();
        late.await.unwrap().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
    });
}

#[test]
fn closing_a_connection_that_the_peer_has_reset_is_no_error() {
    on_a_loop(async || {
        for how in ["close", "shutdown", "drop of a half"] {
            let listener = TcpListener::bind(ANYWHERE).unwrap();
            let theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            socket2::SockRef::from(&theirs).set_linger(Some(ms(0))).unwrap();
            drop(theirs);
            // From here on the connection is gone, and the system says NotConnected.
            let error = stream.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            match how {
                "close" => stream.close().await.unwrap(),
                // Who asks the system itself has its own answer.
                "shutdown" => {
                    let error = stream.shutdown(std::net::Shutdown::Write).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotConnected);
                }
                _ => drop(stream.into_split().1),
            }
        }
    });
}

#[test]
fn urgent_data_does_not_hide_what_comes_after_it() {
    on_a_loop(async || {
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let reader = spawn(async move {
            let (mut got, mut buffer) = (Vec::<u8>::new(), [0; 64]);
            while got.len() < 6 {
                let count = stream.read(&mut buffer).await.unwrap();
                got.extend(&buffer[..count]);
            }
            got
        });
        wait_all_tasks_blocked().await;
        // One piece of news for all of it; and a read ends at the mark, whatever comes behind it.
        theirs.write_all(b"abc").unwrap();
        assert_eq!(socket2::SockRef::from(&theirs).send_out_of_band(b"!").unwrap(), 1);
        theirs.write_all(b"def").unwrap();
        assert_eq!(reader.await.unwrap(), b"abcdef");
    });
}

#[test]
fn the_descriptor_is_off_the_list_before_its_number_comes_back() {
    // In a process of its own, where nobody else opens anything.
    in_a_process("the_descriptor_is_off_the_list_before_its_number_comes_back", || {
        on_a_loop(async || {
            let mut last = None;
            for round in 0..200_u8 {
                let (mut here, mut there) = UnixStream::pair().unwrap();
                let waiting = spawn(async move {
                    let mut byte = [0; 1];
                    here.read_exact(&mut byte).await.map(|()| byte[0])
                });
                yield_now().await;
                // News for this one is on its way when it goes; its number comes back at once.
                there.write_all(&[round]).await.unwrap();
                waiting.cancel();
                assert!(waiting.await.is_err());
                drop(there);
                let (other, peer) = UnixDatagram::pair().unwrap();
                let number = other.as_fd().as_raw_fd();
                assert_eq!(*last.get_or_insert(number), number, "the number did not come back");
                let waiting = spawn(async move { other.recv(&mut [0; 8]).await });
                yield_now().await;
                assert!(!waiting.is_finished());
                peer.send(b"mine").await.unwrap();
                assert_eq!(waiting.await.unwrap().unwrap(), 4);
            }
            // Nobody waits any more, or made-up time would stand still.
            sleep(ms(3_600_000)).await;
        });
    })
    .well();
}

/// A socket of any kind that waits for a byte, and the other end.
enum Kind {
    Stream(UnixStream),
    Datagram(UnixDatagram),
    Udp(UdpSocket),
}

fn open(kind: u8) -> (Kind, Kind) {
    match kind % 3 {
        0 => {
            let (here, there) = UnixStream::pair().unwrap();
            (Kind::Stream(here), Kind::Stream(there))
        }
        1 => {
            let (here, there) = UnixDatagram::pair().unwrap();
            (Kind::Datagram(here), Kind::Datagram(there))
        }
        _ => {
            let (here, there) =
                (UdpSocket::bind(ANYWHERE).unwrap(), UdpSocket::bind(ANYWHERE).unwrap());
            there.connect(here.local_addr().unwrap()).unwrap();
            (Kind::Udp(here), Kind::Udp(there))
        }
    }
}

impl Kind {
    async fn receive(mut self) -> io::Result<u8> {
        let mut byte = [0; 1];
        match &mut self {
            Kind::Stream(stream) => stream.read_exact(&mut byte).await?,
            Kind::Datagram(socket) => drop(socket.recv(&mut byte).await?),
            Kind::Udp(socket) => drop(socket.recv(&mut byte).await?),
        }
        Ok(byte[0])
    }

    async fn send(&mut self, byte: u8) {
        match self {
            Kind::Stream(stream) => stream.write_all(&[byte]).await.unwrap(),
            Kind::Datagram(socket) => drop(socket.send(&[byte]).await.unwrap()),
            Kind::Udp(socket) => drop(socket.send(&[byte]).await.unwrap()),
        }
    }
}

proptest! {
    #![proptest_config(crate::support::properties(64))]

    /// Sockets come and go, with news under way or not; each hears its own byte and no other.
    #[test]
    fn whoever_waits_hears_its_own_news_whatever_number_it_has(
        moves in prop::collection::vec((0..4_u8, any::<u8>(), 0..16_usize), 0..120),
    ) {
        must_end(move || run_virtual(async move {
            let mut open_ones = Vec::new();
            for (what, byte, at) in moves {
                let at = if open_ones.is_empty() { 0 } else { at % open_ones.len() };
                match what {
                    0 if open_ones.len() < 16 => {
                        let (here, there) = open(byte);
                        open_ones.push((spawn(here.receive()), there));
                    }
                    1 if !open_ones.is_empty() => {
                        let (waiting, mut there) = open_ones.swap_remove(at);
                        there.send(byte).await;
                        assert_eq!(waiting.await.unwrap().unwrap(), byte);
                    }
                    2 if !open_ones.is_empty() => {
                        let (waiting, mut there) = open_ones.swap_remove(at);
                        // Its news is under way when it goes.
                        there.send(byte).await;
                        waiting.cancel();
                        let _ = waiting.await;
                    }
                    _ => yield_now().await,
                }
            }
            for (waiting, mut there) in open_ones {
                assert!(!waiting.is_finished());
                there.send(1).await;
                assert_eq!(waiting.await.unwrap().unwrap(), 1);
            }
            sleep(ms(3_600_000)).await;
        }));
    }
}
