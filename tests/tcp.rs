//! Promises about sockets: every byte once and in order, every end an end, nothing left behind,
//! and a typed answer wherever a socket is used that is not its home.
//!
//! Contracts 11 and 12 of the house; bug classes B5, B23 to B32 and B34.
//!
//! Nearly everything runs in made-up time, which does not pass while somebody waits for the
//! operating system: so a wait that was forgotten is a test that hangs, and `must_end` tells.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::block_on};
use roundelay::{
    EventLoop, LoopClosed, Moment, RunError, Runner, TaskError, TcpListener, TcpStream, WrongLoop,
    current_loop, gather_all, promise, runtime::Event, sleep, spawn, timeout, yield_now,
};
use support::{
    Counter, Log, Reports, in_a_process, ms, must_end, on_drop, panicking_waker, reporting_runner,
    run_virtual, virtual_loop, virtual_runner, waker_that_panics_when_dropped,
};

const ANYWHERE: SocketAddr = SocketAddr::new(net::IpAddr::V4(net::Ipv4Addr::new(127, 0, 0, 1)), 0);

/// A test in made-up time that may hang.
#[track_caller]
fn on_a_loop<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(|| run_virtual(main()))
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(ANYWHERE).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Both ends of a connection, on this loop.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let connecting = spawn(TcpStream::connect(address));
    let (here, _) = listener.accept().await.unwrap();
    (here, connecting.await.unwrap().unwrap())
}

/// One end on this loop, the other one of std's, which blocks.
async fn pair_with_std() -> (TcpStream, net::TcpStream) {
    let (listener, address) = listen();
    let there = net::TcpStream::connect(address).unwrap();
    (listener.accept().await.unwrap().0, there)
}

/// Ends only if nobody waits for the operating system: made-up time stands still for them.
async fn nobody_waits() {
    sleep(ms(3_600_000)).await;
}

fn poll_read(stream: &mut (impl AsyncRead + Unpin), waker: &Waker) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut [0; 16])
}

fn poll_write(
    stream: &mut (impl AsyncWrite + Unpin),
    waker: &Waker,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut Context::from_waker(waker), bytes)
}

/// Writes until there is no room left on either side, also when asked again.
async fn fill(stream: &mut (impl AsyncWrite + Unpin)) -> usize {
    let (mut written, mut refusals) = (0, 0);
    while refusals < 3 {
        match poll_write(stream, Waker::noop(), &[7; 65536]) {
            Poll::Ready(count) => {
                written += count.unwrap();
                refusals = 0;
            }
            Poll::Pending => {
                refusals += 1;
                yield_now().await;
            }
        }
    }
    written
}

/// Bytes that tell where they belong.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|n| ((n * 31 + seed) ^ (n >> 8)) as u8).collect()
}

/// What `error` says about the loops, if it is about loops.
fn wrong_loop(error: &io::Error) -> WrongLoop {
    let inner = error.get_ref().unwrap_or_else(|| panic!("no inner error in {error:?}"));
    *inner.downcast_ref().unwrap_or_else(|| panic!("not a WrongLoop: {error:?}"))
}

// ---- bytes --------------------------------------------------------------------------------

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

// ---- ends -----------------------------------------------------------------------------------

#[test]
fn the_peer_sees_the_end_of_our_writing_and_can_still_answer() {
    on_a_loop(async || {
        for how in ["close", "shutdown", "dropped half"] {
            let (mut here, mut there) = pair().await;
            here.write_all(b"question").await.unwrap();
            let mut answer = String::new();
            let asking = async {
                match how {
                    "close" => here.close().await.unwrap(),
                    "shutdown" => here.shutdown(Shutdown::Write).unwrap(),
                    _ => {
                        let (mut read, write) = here.into_split();
                        drop(write);
                        return read.read_to_string(&mut answer).await.map(drop);
                    }
                }
                here.read_to_string(&mut answer).await.map(drop)
            };
            let answering = async {
                let mut question = String::new();
                there.read_to_string(&mut question).await.unwrap();
                assert_eq!(question, "question");
                there.write_all(b"answer").await.unwrap();
                there.close().await.unwrap();
            };
            let (asked, ()) = futures_lite::future::zip(asking, answering).await;
            asked.unwrap();
            assert_eq!(answer, "answer", "{how}");
        }
        nobody_waits().await;
    });
}

#[test]
fn an_end_that_was_there_before_anybody_waited_is_seen_and_stays() {
    on_a_loop(async || {
        let (mut here, there) = pair_with_std().await;
        (&there).write_all(b"bye").unwrap();
        drop(there);
        let mut text = String::new();
        here.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "bye");
        for _ in 0..3 {
            assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
            yield_now().await;
        }
    });
}

#[test]
fn a_peer_that_disappears_is_an_error_for_the_reader_and_the_writer_that_wait() {
    // A connection that is dropped with something unread is reset.
    on_a_loop(async || {
        let (mut here, there) = pair_with_std().await;
        fill(&mut here).await;
        let (mut read, mut write) = here.into_split();
        let reader = spawn(async move { read.read(&mut [0; 8]).await });
        let writer = spawn(async move { write.write_all(&vec![0; 1 << 20]).await });
        yield_now().await;
        yield_now().await;
        assert!(!reader.is_finished() && !writer.is_finished());
        drop(there);
        let (reader, writer) = (reader.await.unwrap(), writer.await.unwrap());
        let kinds = [reader.unwrap_err().kind(), writer.unwrap_err().kind()];
        assert!(kinds.contains(&ErrorKind::ConnectionReset), "{kinds:?}");
        nobody_waits().await;
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_ends_in_an_error_and_closing_does_not_mind() {
    on_a_loop(async || {
        let (mut here, there) = pair().await;
        drop(there);
        let error = loop {
            match here.write(b"is anybody there?").await {
                Ok(_) => yield_now().await,
                Err(error) => break error,
            }
        };
        let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        here.close().await.unwrap();
        here.close().await.unwrap();
    });
}

#[test]
fn shutting_down_both_ways_ends_reading_and_refuses_writing() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        here.shutdown(Shutdown::Both).unwrap();
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(here.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

// ---- halves ---------------------------------------------------------------------------------

#[test]
fn dropping_the_writing_half_does_not_harm_a_reader_that_waits() {
    on_a_loop(async || {
        let (here, mut there) = pair().await;
        let (mut read, write) = here.into_split();
        let reader = spawn(async move {
            let mut byte = [0];
            read.read_exact(&mut byte).await.map(|()| byte[0])
        });
        yield_now().await;
        drop(write);
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
        there.write_all(b"!").await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), b'!');
        nobody_waits().await;
    });
}

#[test]
fn dropping_the_reading_half_does_not_harm_a_writer_that_waits() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let filled = fill(&mut here).await;
        let (read, mut write) = here.into_split();
        let writer = spawn(async move { write.write_all(&[8; 1000]).await });
        yield_now().await;
        assert!(!writer.is_finished());
        drop(read);
        let mut bytes = Vec::new();
        there.read_to_end(&mut bytes).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(bytes.len(), filled + 1000);
        assert!(bytes[filled..].iter().all(|&byte| byte == 8));
        nobody_waits().await;
    });
}

#[test]
fn a_connection_is_closed_when_both_halves_are_gone_in_whatever_order() {
    on_a_loop(async || {
        for reader_first in [true, false] {
            let (here, mut there) = pair().await;
            let (mut read, write) = here.into_split();
            let reader = spawn(async move { read.read(&mut [0; 8]).await });
            yield_now().await;
            if reader_first {
                reader.cancel();
                assert!(reader.await.unwrap_err().is_cancelled());
                drop(write);
            } else {
                drop(write);
                reader.cancel();
                assert!(reader.await.unwrap_err().is_cancelled());
            }
            assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
            while there.write(b"x").await.is_ok() {
                yield_now().await;
            }
        }
        nobody_waits().await;
    });
}

#[test]
fn a_stream_that_was_waited_for_may_be_split() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let (counter, waker) = Counter::new();
        assert!(poll_read(&mut here, &waker).is_pending());
        let (mut read, _write) = here.into_split();
        there.write_all(b"x").await.unwrap();
        assert_eq!(read.read(&mut [0; 8]).await.unwrap(), 1);
        assert!(counter.wakes() <= 1);
        nobody_waits().await;
    });
}

// ---- connecting -------------------------------------------------------------------------------

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

// ---- accepting --------------------------------------------------------------------------------

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

// ---- nothing is left behind ---------------------------------------------------------------------

/// What happened to the sources of a loop.
#[derive(Default)]
struct Sources {
    registered: Cell<usize>,
    released: Cell<usize>,
    awaited: Cell<usize>,
    woken: Cell<usize>,
}

/// A runner in made-up time that counts what happens to its sources.
fn counting_runner() -> (Runner, Rc<Sources>) {
    let sources = Rc::new(Sources::default());
    let counts = Rc::clone(&sources);
    let runner = Runner::builder().virtual_clock().observer(move |_: Moment, event: &Event| {
        let count = match event {
            Event::SourceRegistered { .. } => &counts.registered,
            Event::SourceReleased { .. } => &counts.released,
            Event::SourceAwaited { .. } => &counts.awaited,
            Event::TaskWoken { .. } => &counts.woken,
            _ => return,
        };
        count.set(count.get() + 1);
    });
    (runner.build().unwrap(), sources)
}

#[test]
fn a_cancelled_reader_writer_or_accepter_leaves_no_waiting_callback() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (mut read, mut write) = here.into_split();
                let (listener, _) = listen();
                let (mut whole, mut other) = pair().await;
                fill(&mut write).await;
                fill(&mut other).await;
                let tasks = [
                    spawn(async move { while let Ok(1..) = read.read(&mut [0; 9]).await {} }),
                    spawn(async move { while let Ok(1..) = write.write(&[0; 9]).await {} }),
                    spawn(async move { while listener.accept().await.is_ok() {} }),
                    spawn(async move { while let Ok(1..) = whole.read(&mut [0; 9999]).await {} }),
                ];
                for _ in 0..100 {
                    yield_now().await;
                }
                for task in tasks {
                    assert!(task.cancel());
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                assert_eq!(there.write(b"x").await.is_ok(), other.write(b"x").await.is_ok());
                drop((there, other));
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
        // Nobody is left who could wake this.
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

#[test]
fn polling_over_and_over_without_news_leaves_one_wait_and_takes_the_news_once() {
    // B24, and what foreign combinators do that poll everything always.
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (listener, _address) = listen();
                let (mut read, mut write) = here.into_split();
                fill(&mut write).await;
                assert!(poll_read(&mut read, Waker::noop()).is_pending());
                let mut accept = pin!(listener.accept());
                let before = sources.awaited.get();
                for _ in 0..1000 {
                    let (_, waker) = Counter::new();
                    let cx = &mut Context::from_waker(&waker);
                    assert!(poll_read(&mut read, &waker).is_pending());
                    assert!(poll_write(&mut write, &waker, b"more").is_pending());
                    assert!(accept.as_mut().poll(cx).is_pending());
                    yield_now().await;
                }
                // The accept had not waited before.
                assert_eq!(sources.awaited.get() - before, 1);
                let mut total = 0;
                while total < 1 << 16 {
                    total += there.read(&mut [0; 65536]).await.unwrap();
                }
                there.write_all(b"news").await.unwrap();
                assert_eq!(read.read(&mut [0; 16]).await.unwrap(), 4);
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn a_task_that_waits_for_two_things_is_polled_once_for_each_piece_of_news() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (mut read, _write) = here.into_split();
                let polls = Rc::new(Cell::new(0));
                let seen = Rc::clone(&polls);
                let reader = spawn(poll_fn(move |cx| {
                    seen.set(seen.get() + 1);
                    let mut buffer = [0; 16];
                    loop {
                        match Pin::new(&mut read).poll_read(cx, &mut buffer) {
                            Poll::Ready(Ok(0)) => return Poll::Ready(()),
                            Poll::Ready(count) => drop(count.unwrap()),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }));
                yield_now().await;
                for n in 0..10 {
                    assert_eq!(polls.get(), n + 1);
                    there.write_all(b"news").await.unwrap();
                    // In made-up time every turn looks outside.
                    while polls.get() == n + 1 {
                        yield_now().await;
                    }
                }
                drop(there);
                reader.await.unwrap();
                assert_eq!(polls.get(), 12);
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn the_last_of_two_pollers_is_woken_and_the_first_is_not() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        let (first, first_waker) = Counter::new();
        let (second, second_waker) = Counter::new();
        assert!(poll_read(&mut here, &first_waker).is_pending());
        assert!(poll_read(&mut here, &second_waker).is_pending());
        there.write_all(b"x").await.unwrap();
        while second.wakes() == 0 {
            yield_now().await;
        }
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        // A stream that moves from task to task in the middle of a wait is a poller like that.
        let (hand_over, other) = promise();
        let taken = spawn(async move {
            let mut here: TcpStream = other.await.unwrap();
            here.read(&mut [0; 16]).await.unwrap() + here.read(&mut [0; 16]).await.unwrap()
        });
        let mut here = here;
        assert_eq!(here.read(&mut [0; 16]).await.unwrap(), 1);
        assert!(poll_fn(|cx| Poll::Ready(poll_read(&mut here, cx.waker()))).await.is_pending());
        assert!(hand_over.resolve(here).is_ok());
        yield_now().await;
        there.write_all(b"yz").await.unwrap();
        drop(there);
        assert_eq!(taken.await.unwrap(), 2);
        nobody_waits().await;
    });
}

#[test]
fn descriptors_that_come_back_as_somebody_elses_cause_no_confusion() {
    // B5 and B23: an old stream goes while its events are on their way, a new one gets its number.
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                for round in 0..300_u32 {
                    let (old, old_peer) = pair_with_std().await;
                    let (counter, waker) = Counter::new();
                    let mut old = old;
                    assert!(poll_read(&mut old, &waker).is_pending());
                    (&old_peer).write_all(b"for the old one").unwrap();
                    if round % 3 == 0 {
                        // The event is collected, the wake-up is on its way.
                        yield_now().await;
                    }
                    drop(old);
                    let (mut new, new_peer) = pair_with_std().await;
                    assert!(poll_read(&mut new, &waker).is_pending(), "round {round}");
                    if round % 2 == 0 {
                        drop(old_peer);
                    }
                    yield_now().await;
                    assert!(poll_read(&mut new, Waker::noop()).is_pending(), "round {round}");
                    (&new_peer).write_all(&round.to_le_bytes()).unwrap();
                    let mut number = [0; 4];
                    new.read_exact(&mut number).await.unwrap();
                    assert_eq!(u32::from_le_bytes(number), round);
                    assert!(counter.wakes() <= 1, "round {round}");
                }
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn a_descriptor_that_has_a_twin_is_off_the_list_when_its_source_is_dropped() {
    // B23: closing one of two twins takes nothing off the system's list, so the loop must.
    must_end(|| {
        let events = Rc::new(Cell::new(0));
        let heard = Rc::clone(&events);
        let runner = Runner::builder().virtual_clock();
        let runner = runner.observer(move |_: Moment, event: &Event| {
            if let Event::WaitEnds { events } = event {
                heard.set(heard.get() + events);
            }
        });
        let runner = runner.build().unwrap();
        let listener = net::TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        runner
            .run(async {
                for elsewhere in [false, true] {
                    let mut there = net::TcpStream::connect(address).unwrap();
                    let (here, _) = listener.accept().unwrap();
                    here.set_nonblocking(true).unwrap();
                    let twin = here.try_clone().unwrap();
                    let source = current_loop().unwrap().register(&here).unwrap();
                    yield_now().await;
                    if elsewhere {
                        std::thread::spawn(move || drop((source, here))).join().unwrap();
                    } else {
                        drop((source, here));
                    }
                    events.set(0);
                    there.write_all(b"for the twin").unwrap();
                    for _ in 0..5 {
                        yield_now().await;
                    }
                    assert_eq!(events.get(), 0, "elsewhere: {elsewhere}");
                    drop(twin);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_connection_given_up_halfway_leaves_nothing_behind() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (listener, address) = listen();
                for round in 0..100 {
                    let connecting = spawn(TcpStream::connect(address));
                    for _ in 0..round % 4 {
                        yield_now().await;
                    }
                    connecting.cancel();
                    drop(connecting.await);
                }
                drop(listener);
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

// ---- away from home -----------------------------------------------------------------------------

#[test]
fn a_stream_dropped_on_another_thread_is_closed_and_the_loop_goes_on() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                for whole in [true, false] {
                    let (mut here, mut there) = pair().await;
                    let (counter, waker) = Counter::new();
                    assert!(poll_read(&mut here, &waker).is_pending());
                    fill(&mut here).await;
                    assert!(poll_write(&mut here, &waker, b"x").is_pending());
                    let at_home = if whole {
                        std::thread::spawn(move || drop(here)).join().unwrap();
                        None
                    } else {
                        let (read, write) = here.into_split();
                        std::thread::spawn(move || drop(write)).join().unwrap();
                        Some(read)
                    };
                    drop(at_home);
                    there.read_to_end(&mut Vec::new()).await.unwrap();
                    assert_eq!(counter.wakes(), 0);
                }
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
        assert!(matches!(runner.run(pending::<()>()), Err(RunError::Deadlock(_))));
    });
}

#[test]
fn a_half_dropped_on_another_thread_takes_its_wait_with_it() {
    on_a_loop(async || {
        let (here, mut there) = pair().await;
        let (mut read, mut write) = here.into_split();
        assert!(poll_read(&mut read, Waker::noop()).is_pending());
        std::thread::spawn(move || drop(read)).join().unwrap();
        nobody_waits().await;
        write.write_all(b"still here").await.unwrap();
        assert_eq!(there.read(&mut [0; 16]).await.unwrap(), 10);
    });
}

#[test]
fn the_loop_sleeps_on_while_its_streams_are_dropped_by_a_crowd_of_threads() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (mut here, mut there) = pair().await;
                let mut threads = Vec::new();
                let mut peers = Vec::new();
                for n in 0..100_usize {
                    let (mut stream, peer) = pair_with_std().await;
                    assert!(poll_read(&mut stream, Waker::noop()).is_pending());
                    peers.push(peer);
                    threads.push(std::thread::spawn(move || {
                        for _ in 0..n % 7 {
                            std::thread::yield_now();
                        }
                        drop(stream);
                    }));
                }
                // Meanwhile the loop has its own business.
                for n in 0..100 {
                    there.write_all(&[n]).await.unwrap();
                    let mut byte = [0];
                    here.read_exact(&mut byte).await.unwrap();
                    assert_eq!(byte, [n]);
                }
                for thread in threads {
                    thread.join().unwrap();
                }
                nobody_waits().await;
                for mut peer in peers {
                    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
                }
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

/// Everything that can be asked of a socket away from home.
fn ask_everything(stream: TcpStream, listener: &TcpListener) -> Vec<io::Error> {
    let waker = Waker::noop();
    let cx = &mut Context::from_waker(waker);
    let mut stream = stream;
    let now = |poll: Poll<io::Result<usize>>| match poll {
        Poll::Ready(outcome) => outcome.unwrap_err(),
        Poll::Pending => panic!("it waits where nobody will wake it"),
    };
    let mut errors = vec![
        now(poll_read(&mut stream, waker)),
        now(poll_write(&mut stream, waker, b"x")),
        now(Pin::new(&mut stream).poll_read_vectored(cx, &mut [IoSliceMut::new(&mut [0])])),
        now(Pin::new(&mut stream).poll_write_vectored(cx, &[IoSlice::new(b"x")])),
        block_on(listener.accept()).unwrap_err(),
    ];
    // The addresses are the system's business, and no loop is needed for them.
    assert_eq!(stream.peer_addr().unwrap().ip(), ANYWHERE.ip());
    assert_eq!(listener.local_addr().unwrap().ip(), ANYWHERE.ip());
    let (mut read, mut write) = stream.into_split();
    errors.push(now(poll_read(&mut read, waker)));
    errors.push(now(poll_write(&mut write, waker, b"x")));
    errors
}

/// A stream and a listener, of which somebody waits for the first.
async fn homesick() -> (TcpStream, TcpListener, TcpStream) {
    let (mut here, there) = pair().await;
    assert!(poll_read(&mut here, Waker::noop()).is_pending());
    (here, listen().0, there)
}

#[test]
fn a_socket_used_on_another_thread_says_which_loop_it_misses() {
    on_a_loop(async || {
        let made_on = current_loop().unwrap().id();
        for with_a_loop in [false, true] {
            let (stream, listener, mut there) = homesick().await;
            std::thread::spawn(move || {
                let (used_on, errors) = if with_a_loop {
                    run_virtual(async {
                        let used_on = current_loop().unwrap().id();
                        (Some(used_on), ask_everything(stream, &listener))
                    })
                } else {
                    (None, ask_everything(stream, &listener))
                };
                for error in errors {
                    assert_eq!(wrong_loop(&error), WrongLoop { made_on, used_on });
                    let text = error.to_string();
                    assert!(text.contains(&made_on.to_string()), "{text}");
                    assert!(used_on.is_none_or(|id| text.contains(&id.to_string())), "{text}");
                }
            })
            .join()
            .unwrap();
            assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
        }
        nobody_waits().await;
    });
}

#[test]
fn a_stream_that_was_tried_elsewhere_still_works_at_home() {
    on_a_loop(async || {
        let (mut here, mut there) = pair().await;
        assert!(poll_read(&mut here, Waker::noop()).is_pending());
        let mut here = std::thread::spawn(move || {
            assert!(matches!(poll_read(&mut here, Waker::noop()), Poll::Ready(Err(_))));
            here
        })
        .join()
        .unwrap();
        there.write_all(b"home").await.unwrap();
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

#[test]
fn a_socket_used_on_another_loop_of_the_same_thread_says_so_before_and_after_its_own_is_gone() {
    must_end(|| {
        for own_is_gone in [false, true] {
            let first = virtual_runner();
            let made_on = first.loop_ref().id();
            let (stream, listener, mut there) = first.run(homesick()).unwrap();
            let first = if own_is_gone {
                drop(first);
                None
            } else {
                Some(first)
            };
            let second = virtual_runner();
            let used_on = Some(second.loop_ref().id());
            let errors = second.run(async { ask_everything(stream, &listener) }).unwrap();
            for error in errors {
                assert_eq!(wrong_loop(&error), WrongLoop { made_on, used_on });
            }
            if let Some(first) = first {
                assert_eq!(first.run(async { there.read(&mut [0; 8]).await }).unwrap().unwrap(), 0);
            }
        }
    });
}

#[test]
fn a_socket_whose_loop_is_gone_answers_on_any_thread_and_does_not_hang() {
    must_end(|| {
        let runner = virtual_runner();
        let made_on = runner.loop_ref().id();
        let [one, two] = runner.run(async { [homesick().await, homesick().await] }).unwrap();
        drop(runner);
        let here = ask_everything(one.0, &one.1);
        let there = std::thread::spawn(move || ask_everything(two.0, &two.1)).join().unwrap();
        for error in here.into_iter().chain(there) {
            assert_eq!(wrong_loop(&error), WrongLoop { made_on, used_on: None });
        }
    });
}

#[test]
fn a_socket_without_any_loop_says_what_to_do() {
    let error = TcpListener::bind(ANYWHERE).unwrap_err();
    assert!(error.to_string().contains("event loop"), "{error}");
    let (_listener, address) = run_virtual(async { listen() });
    let error = block_on(TcpStream::connect(address)).unwrap_err();
    assert!(error.kind() == ErrorKind::ConnectionRefused || error.to_string().contains("loop"));
}

#[test]
fn a_socket_opened_while_its_loop_closes_is_refused_with_a_typed_error() {
    must_end(|| {
        let log = Log::new();
        let event_loop = virtual_loop();
        let told = log.clone();
        let guard = on_drop(move || {
            let error = TcpListener::bind(ANYWHERE).unwrap_err();
            assert!(error.get_ref().unwrap().is::<LoopClosed>(), "{error:?}");
            told.add("refused");
        });
        event_loop.call_later(ms(1), move || drop(guard)).unwrap();
        drop(event_loop);
        assert_eq!(log.take(), ["refused"]);
    });
}

#[test]
fn streams_whose_loop_closes_are_closed_with_the_tasks_that_own_them() {
    must_end(|| {
        let (runner, sources) = counting_runner();
        let peers = runner
            .run(async {
                let mut peers = Vec::new();
                for _ in 0..20 {
                    let (here, there) = pair_with_std().await;
                    let (mut read, mut write) = here.into_split();
                    spawn(async move { read.read(&mut [0; 8]).await }).detach();
                    spawn(async move {
                        loop {
                            write.write_all(&[0; 65536]).await.unwrap();
                        }
                    })
                    .detach();
                    peers.push(there);
                }
                for _ in 0..100 {
                    yield_now().await;
                }
                peers
            })
            .unwrap();
        drop(runner);
        assert_eq!(sources.registered.get(), sources.released.get());
        for mut peer in peers {
            // What was under way arrives, and then comes the end.
            assert!(peer.read_to_end(&mut Vec::new()).is_ok());
        }
    });
}

// ---- what others do -----------------------------------------------------------------------------

#[test]
fn a_waker_that_panics_on_news_is_reported_and_the_others_hear_theirs() {
    must_end(|| {
        let (runner, reports) = reporting_runner();
        runner
            .run(async {
                let (here, mut there) = pair().await;
                let (mut read, mut write) = here.into_split();
                let filled = fill(&mut write).await;
                let (counter, waker) = Counter::new();
                assert!(poll_read(&mut read, &panicking_waker()).is_pending());
                assert!(poll_write(&mut write, &waker, b"x").is_pending());
                there.write_all(b"news").await.unwrap();
                there.read_exact(&mut vec![0; filled]).await.unwrap();
                while counter.wakes() == 0 {
                    yield_now().await;
                }
                assert_eq!(read.read(&mut [0; 8]).await.unwrap(), 4);
            })
            .unwrap();
        assert_eq!(reports.take(), ["CallbackPanicked: a waker that panics"]);
    });
}

#[test]
fn a_waker_that_panics_when_its_stream_is_dropped_elsewhere_does_not_end_the_run() {
    // B14: the loop's thread lets go of the waker, and the stream's owner is far away.
    must_end(|| {
        let reports = Reports::new();
        let runner = Runner::builder().virtual_clock().failure_policy(reports.policy());
        let runner = runner.build().unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.run(async {
                let (mut whole, _there) = pair().await;
                let (split, _there) = pair().await;
                let (mut half, other) = split.into_split();
                assert!(poll_read(&mut whole, &waker_that_panics_when_dropped()).is_pending());
                assert!(poll_read(&mut half, &waker_that_panics_when_dropped()).is_pending());
                std::thread::spawn(move || drop((whole, half))).join().unwrap();
                nobody_waits().await;
                drop(other);
                "went on"
            })
        }));
        assert_eq!(outcome.expect("the run ended in a panic").unwrap(), "went on");
        let told = reports.take();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|line| line.starts_with("DestructorPanicked")), "{told:?}");
    });
}

#[test]
fn a_task_that_always_finds_something_to_read_lets_the_others_have_their_turn() {
    // B34 and P18: both ends in one task, so there is never a reason to wait.
    let name = "a_task_that_always_finds_something_to_read_lets_the_others_have_their_turn";
    in_a_process(name, || {
        run_virtual(async {
            let (mut here, mut there) = pair().await;
            let hot = spawn(async move {
                loop {
                    there.write_all(b"again").await.unwrap();
                    here.read_exact(&mut [0; 5]).await.unwrap();
                }
            });
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(hot.cancel());
            assert!(hot.await.unwrap_err().is_cancelled());
        });
    })
    .well();
}

#[test]
fn a_stopped_and_continued_process_goes_on_waiting() {
    // B30: a system call that is interrupted by that ends with EINTR, on Linux even without any
    // signal handler.
    let name = "a_stopped_and_continued_process_goes_on_waiting";
    in_a_process(name, || {
        let thread_and_loop = || {
            let runner = Runner::new().unwrap();
            runner.run(async {
                let (listener, address) = listen();
                let thread = std::thread::spawn(move || {
                    for _ in 0..30 {
                        let stop = "kill -STOP $PPID; kill -CONT $PPID";
                        assert!(Command::new("sh").args(["-c", stop]).status()?.success());
                    }
                    net::TcpStream::connect(address)?.write_all(b"x")
                });
                let (mut stream, _) = listener.accept().await.unwrap();
                assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 1);
                thread.join().unwrap().unwrap();
            })
        };
        thread_and_loop().unwrap();
    })
    .well();
}

/// Runs a test of this program again where only so many files may be open.
fn with_few_descriptors(name: &str, body: impl FnOnce()) {
    const FEW: &str = "ROUNDELAY_TEST_FEW_DESCRIPTORS";
    in_a_process(name, || {
        if std::env::var_os(FEW).is_some() {
            return body();
        }
        let limited = "ulimit -n 64; exec \"$0\" \"$@\"";
        let status = Command::new("sh")
            .args(["-c", limited])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(FEW, "1")
            .status()
            .unwrap();
        assert!(status.success(), "with few descriptors: {status}");
    })
    .well();
}

#[test]
fn without_descriptors_everything_is_an_error_and_nothing_is_lost() {
    // B27 to B29.
    with_few_descriptors("without_descriptors_everything_is_an_error_and_nothing_is_lost", || {
        let (runner, sources) = counting_runner();
        runner
            .run(async {
                let (listener, address) = listen();
                let connecting = net::TcpStream::connect(address).unwrap();
                let mut hoard = Vec::new();
                let full = loop {
                    match std::fs::File::open("/dev/null") {
                        Ok(file) => hoard.push(file),
                        Err(error) => break error.raw_os_error(),
                    }
                };
                assert_eq!(TcpListener::bind(ANYWHERE).unwrap_err().raw_os_error(), full);
                let error = TcpStream::connect(address).await.unwrap_err();
                assert_eq!(error.raw_os_error(), full);
                let error = Runner::new().unwrap_err();
                let RunError::Io(error) = error else { panic!("{error}") };
                assert_eq!(error.raw_os_error(), full);
                for _ in 0..3 {
                    let error = listener.accept().await.unwrap_err();
                    assert_eq!(error.raw_os_error(), full);
                }
                drop(hoard);
                // The listener is good, and the connection is still in its line.
                let (_, peer) = listener.accept().await.unwrap();
                assert_eq!(peer, connecting.local_addr().unwrap());
                drop((listener, EventLoop::new().unwrap()));
                nobody_waits().await;
            })
            .unwrap();
        assert_eq!(sources.registered.get(), sources.released.get());
    });
}

#[test]
fn an_observer_that_drops_the_stream_whose_news_it_hears_does_no_harm() {
    must_end(|| {
        let victim: Rc<RefCell<Option<TcpStream>>> = Rc::default();
        let taken = Rc::clone(&victim);
        let runner = Runner::builder().virtual_clock();
        let runner = runner.observer(move |_: Moment, event: &Event| {
            if matches!(event, Event::SourceReady { readable: true, .. }) {
                let stream = taken.take();
                drop(stream);
            }
        });
        let runner = runner.build().unwrap();
        runner
            .run(async {
                let (mut here, mut there) = pair().await;
                let (counter, waker) = Counter::new();
                assert!(poll_read(&mut here, &waker).is_pending());
                // What was to be told of the connecting itself is told.
                yield_now().await;
                victim.replace(Some(here));
                there.write_all(b"news").await.unwrap();
                while victim.borrow().is_some() {
                    yield_now().await;
                }
                // It was dropped unread, so it was reset.
                let ended = there.read(&mut [0; 8]).await;
                assert!(!matches!(ended, Ok(1..)), "{ended:?}");
                assert!(counter.wakes() <= 1);
                drop(there);
                nobody_waits().await;
            })
            .unwrap();
    });
}
