//! Sockets. These are real ones, so nobody here waits for a clock: it stands still while a socket
//! is waited for.

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{self, Ipv4Addr, SocketAddr};
use std::os::unix;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_lite::{AsyncWriteExt, io::BufReader};
use roundelay::runtime::Direction;
use roundelay::{
    LineReader, Lock, Resolver, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener,
    UnixStream, Watched, duplex, lookup_host, spawn, yield_now,
};

use crate::support::{OnDrop, ms, on_drop};
use crate::{Case, Entry, Safe, case, give_up_everywhere};

#[test]
#[cfg_attr(miri, ignore = "Miri has no datagram sockets")]
fn a_socket_that_nobody_waits_for_any_more_has_lost_nothing() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("lookup_host", Safe, || lookup(async || drop(lookup_host("localhost:80").await.unwrap()))),
        ("Resolver::lookup", Safe, || {
            let resolver = Resolver::new(|_, port| {
                std::thread::sleep(ms(1));
                Ok(vec![(Ipv4Addr::LOCALHOST, port).into()])
            });
            lookup(async move || drop(resolver.lookup("somewhere:80").await.unwrap()))
        }),
        ("TcpStream::connect", Safe, || {
            connecting(async |port| drop(TcpStream::connect(("localhost", port)).await.unwrap()))
        }),
        ("TcpStream::connect_timeout", Safe, || {
            connecting(async |port| {
                let connected = TcpStream::connect_timeout(("localhost", port), ms(60_000));
                drop(connected.await.unwrap());
            })
        }),
        ("TcpStream::connect_to", Safe, || {
            connecting(async |port| drop(TcpStream::connect_to("localhost", port).await.unwrap()))
        }),
        ("TcpListener::accept", Safe, tcp_accept),
        ("TcpStream::peek", Safe, tcp_peek),
        ("UdpSocket::recv_from", Safe, || {
            datagram(async |socket, buffer| socket.recv_from(buffer).await.unwrap().0)
        }),
        ("UdpSocket::recv", Safe, || {
            datagram(async |socket, buffer| socket.recv(buffer).await.unwrap())
        }),
        ("UdpSocket::peek_from", Safe, || {
            datagram(async |socket, buffer| socket.peek_from(buffer).await.unwrap().0)
        }),
        ("UdpSocket::peek", Safe, || {
            datagram(async |socket, buffer| socket.peek(buffer).await.unwrap())
        }),
        ("UdpSocket::send_to", Safe, || {
            udp_send(async |socket, to| socket.send_to(b"x", to).await.unwrap())
        }),
        ("UdpSocket::send", Safe, || {
            udp_send(async |socket, to| {
                socket.connect(to).unwrap();
                socket.send(b"x").await.unwrap()
            })
        }),
        ("UnixListener::accept", Safe, unix_accept),
        ("UnixStream::connect", Safe, unix_connect),
        ("UnixDatagram::recv", Safe, || {
            message(async |socket, buffer| socket.recv(buffer).await.unwrap())
        }),
        ("UnixDatagram::recv_from", Safe, || {
            message(async |socket, buffer| socket.recv_from(buffer).await.unwrap().0)
        }),
        ("UnixDatagram::send", Safe, || {
            messages(async |socket, _, bytes| socket.send(bytes).await.unwrap())
        }),
        ("UnixDatagram::send_to", Safe, || {
            messages(async |socket, path, bytes| socket.send_to(bytes, path).await.unwrap())
        }),
        ("Watched::io", Safe, watched),
        ("LineReader::next_line", Safe, line),
    ]
}

/// Does something when the others had their turn.
fn next_turn(act: impl FnOnce() + 'static) {
    let later = async move {
        yield_now().await;
        act();
    };
    spawn(later).detach();
}

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A path of its own, and what removes it.
fn place() -> (PathBuf, OnDrop) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("roundelay-cut-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mine = path.clone();
    (path, on_drop(move || drop(std::fs::remove_file(mine))))
}

fn lookup<F>(ask: F) -> Case
where
    F: AsyncFn() + 'static,
{
    let ask = Rc::new(ask);
    let first = Rc::clone(&ask);
    case(async move { first().await }, async move |_| ask().await)
}

fn connecting<F>(connect: F) -> Case
where
    F: AsyncFn(u16) + 'static,
{
    let listener = net::TcpListener::bind(anywhere()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = Rc::new(connect);
    let first = Rc::clone(&connect);
    case(async move { first(port).await }, async move |_| {
        connect(port).await;
        drop(listener);
    })
}

fn tcp_accept() -> Case {
    let listener = Rc::new(TcpListener::bind(anywhere()).unwrap());
    let (mine, to) = (Rc::clone(&listener), listener.local_addr().unwrap());
    let client = Rc::new(RefCell::new(None));
    let kept = Rc::clone(&client);
    next_turn(move || *kept.borrow_mut() = Some(net::TcpStream::connect(to).unwrap()));
    case(async move { drop(mine.accept().await.unwrap()) }, async move |finished| {
        if !finished {
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(client.borrow().as_ref().unwrap().local_addr().unwrap(), peer);
        }
    })
}

fn tcp_peek() -> Case {
    let listener = net::TcpListener::bind(anywhere()).unwrap();
    let mut theirs = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = Rc::new(TcpStream::from_std(listener.accept().unwrap().0).unwrap());
    let mine = Rc::clone(&stream);
    next_turn(move || {
        theirs.write_all(b"x").unwrap();
        std::mem::forget(theirs); // stays open
    });
    let look = async move { assert_eq!(mine.peek(&mut [0; 8]).await.unwrap(), 1) };
    case(look, async move |_| assert_eq!(stream.peek(&mut [0; 8]).await.unwrap(), 1))
}

/// One datagram on its way to somebody who waits for it.
fn datagram<F>(receive: F) -> Case
where
    F: AsyncFn(&UdpSocket, &mut [u8]) -> usize + 'static,
{
    let socket = Rc::new(UdpSocket::bind(anywhere()).unwrap());
    let theirs = net::UdpSocket::bind(anywhere()).unwrap();
    socket.connect(theirs.local_addr().unwrap()).unwrap();
    let to = socket.local_addr().unwrap();
    next_turn(move || assert_eq!(theirs.send_to(b"one", to).unwrap(), 3));
    let (mine, receive) = (Rc::clone(&socket), Rc::new(receive));
    let first = Rc::clone(&receive);
    case(async move { assert_eq!(first(&mine, &mut [0; 8]).await, 3) }, async move |finished| {
        if !finished {
            assert_eq!(receive(&socket, &mut [0; 8]).await, 3);
        }
    })
}

fn udp_send<F>(send: F) -> Case
where
    F: AsyncFn(&UdpSocket, SocketAddr) -> usize + 'static,
{
    let socket = UdpSocket::bind(anywhere()).unwrap();
    let theirs = net::UdpSocket::bind(anywhere()).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let to = theirs.local_addr().unwrap();
    case(async move { assert_eq!(send(&socket, to).await, 1) }, async move |finished| {
        assert_eq!(theirs.recv(&mut [0; 8]).is_ok(), finished);
    })
}

fn unix_accept() -> Case {
    let (path, gone) = place();
    let listener = Rc::new(UnixListener::bind(&path).unwrap());
    let mine = Rc::clone(&listener);
    next_turn(move || std::mem::forget(unix::net::UnixStream::connect(&path).unwrap()));
    case(async move { drop(mine.accept().await.unwrap()) }, async move |finished| {
        if !finished {
            drop(listener.accept().await.unwrap());
        }
        drop(gone);
    })
}

fn unix_connect() -> Case {
    let (path, gone) = place();
    let listener = unix::net::UnixListener::bind(&path).unwrap();
    let mine = path.clone();
    case(async move { drop(UnixStream::connect(mine).await.unwrap()) }, async move |_| {
        drop(UnixStream::connect(path).await.unwrap());
        drop((listener, gone));
    })
}

fn message<F>(receive: F) -> Case
where
    F: AsyncFn(&UnixDatagram, &mut [u8]) -> usize + 'static,
{
    let (theirs, ours) = UnixDatagram::pair().unwrap();
    let send = async move {
        yield_now().await;
        theirs.send(b"one").await.unwrap();
        std::future::pending::<()>().await; // stays open
    };
    spawn(send).detach();
    let (socket, receive) = (Rc::new(ours), Rc::new(receive));
    let (mine, first) = (Rc::clone(&socket), Rc::clone(&receive));
    case(async move { assert_eq!(first(&mine, &mut [0; 8]).await, 3) }, async move |finished| {
        if !finished {
            assert_eq!(receive(&socket, &mut [0; 8]).await, 3);
        }
    })
}

/// More messages than the other end has room for: each that was sent arrives, and no other.
fn messages<F>(send: F) -> Case
where
    F: AsyncFn(&UnixDatagram, &PathBuf, &[u8]) -> usize + 'static,
{
    let (path, gone) = place();
    let theirs = UnixDatagram::bind(&path).unwrap();
    let ours = Rc::new(UnixDatagram::unbound().unwrap());
    ours.connect(&path).unwrap();
    let receive = async move {
        let (mut had, mut buffer) = (Vec::new(), [0; 1]);
        loop {
            // Slower than the sender.
            for _ in 0..20 {
                yield_now().await;
            }
            theirs.recv(&mut buffer).await.unwrap();
            match buffer[0] {
                u8::MAX => break had,
                number => had.push(number),
            }
        }
    };
    let (received, sent) = (spawn(receive), Lock::new(0));
    let (mine, counts, to) = (Rc::clone(&ours), sent.clone(), path.clone());
    let fill = async move {
        for number in 0..40 {
            send(&mine, &to, &[number]).await;
            *counts.lock().await += 1;
        }
    };
    case(fill, async move |_| {
        ours.send(&[u8::MAX]).await.unwrap();
        let sent: u8 = *sent.lock().await;
        assert_eq!(received.await.unwrap(), (0..sent).collect::<Vec<_>>());
        drop(gone);
    })
}

fn watched() -> Case {
    let (mut theirs, ours) = unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let pipe = Rc::new(Watched::new(ours).unwrap());
    next_turn(move || theirs.write_all(b"x").unwrap());
    let mine = Rc::clone(&pipe);
    case(async move { assert_eq!(read(&mine).await, 1) }, async move |finished| {
        // One byte, and then the end.
        assert_eq!(read(&pipe).await, usize::from(!finished));
    })
}

fn read(pipe: &Watched<unix::net::UnixStream>) -> impl Future<Output = usize> + '_ {
    let once = |mut pipe: &unix::net::UnixStream| pipe.read(&mut [0; 8]);
    async move { pipe.io(Direction::Read, once).await.unwrap() }
}

fn line() -> Case {
    let (mut theirs, ours) = duplex(64);
    let write = async move {
        for part in ["on", "e", "\ntw", "o\n"] {
            yield_now().await;
            theirs.write_all(part.as_bytes()).await.unwrap();
        }
    };
    spawn(write).detach();
    let (reader, had) =
        (Lock::new(LineReader::new(BufReader::new(ours), 8)), Lock::new(Vec::new()));
    let (mine, seen) = (reader.clone(), had.clone());
    let take = async move {
        let mut reader = mine.lock().await;
        while let Some(line) = reader.next_line().await.unwrap() {
            seen.lock().await.push(line);
        }
    };
    case(take, async move |_| {
        let (mut reader, mut had) = (reader.lock().await, had.lock().await);
        while let Some(line) = reader.next_line().await.unwrap() {
            had.push(line);
        }
        assert_eq!(*had, ["one", "two"]);
    })
}
