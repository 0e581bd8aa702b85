//! A socket away from home, on another thread or another loop, or with its loop gone: a typed
//! answer, and no harm done.

use std::future::pending;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::block_on};
use roundelay::{
    LoopClosed, RunError, TcpListener, TcpStream, WrongLoop, current_loop, spawn, yield_now,
};

use crate::support::{
    Counter, Log, ms, must_end, on_drop, run_virtual, virtual_loop, virtual_runner,
};
use crate::{
    ANYWHERE, counting_runner, fill, listen, nobody_waits, on_a_loop, pair, pair_with_std,
    poll_read, poll_write, wrong_loop,
};

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
