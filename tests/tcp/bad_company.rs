//! Promises about bad company: wakers that panic, an observer that drops what it hears of, a task
//! that never rests, and a system that stops the process or has no descriptors left.
//!
//! Bug classes B14, B27 to B30 and B34.

use std::cell::RefCell;
use std::io::Write;
use std::net;
use std::process::Command;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{
    EventLoop, Moment, RunError, Runner, TcpListener, TcpStream, runtime::Event, spawn, yield_now,
};

use crate::support::{
    Counter, Reports, in_a_process, must_end, panicking_waker, reporting_runner, run_virtual,
    waker_that_panics_when_dropped,
};
use crate::{ANYWHERE, counting_runner, fill, listen, nobody_waits, pair, poll_read, poll_write};

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
    let name =
        "bad_company::a_task_that_always_finds_something_to_read_lets_the_others_have_their_turn";
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
    let name = "bad_company::a_stopped_and_continued_process_goes_on_waiting";
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
    let name = "bad_company::without_descriptors_everything_is_an_error_and_nothing_is_lost";
    with_few_descriptors(name, || {
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
