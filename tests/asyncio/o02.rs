//! O02: what runs before what in one turn, and readiness.

use std::io::Write;
use std::os::unix::net::UnixStream;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::runtime::{Callback, Direction};
use roundelay::{EventLoop, TcpListener, TcpStream, spawn};

use crate::support::{Log, ms, must_end};

#[test]
#[cfg_attr(miri, ignore = "sets an option of a socket pair")]
fn o02_1_ready_callbacks_come_first_then_io_then_due_timers_by_deadline() {
    let log = Log::new();
    let event_loop = EventLoop::builder().virtual_clock().build().unwrap();
    let (here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let source = event_loop.register(&here).unwrap();
    let (inner, seen) = (event_loop.loop_ref().clone(), log.clone());
    let setting_up = move || {
        source.clear_ready(Direction::Read).unwrap();
        source.wait(Direction::Read, None, Callback::new(seen.adds("io"))).unwrap();
        let past = inner.time();
        inner.call_at(past - ms(5), seen.adds("timer -5")).unwrap();
        inner.call_at(past - ms(10), seen.adds("timer -10")).unwrap();
        there.write_all(b"x").unwrap();
        inner.call_soon(seen.adds("soon")).unwrap();
        // Kept open until the loop is closed.
        inner.call_later(ms(1000), move || drop((source, there))).unwrap();
    };
    event_loop.call_soon(setting_up).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), [""; 0]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["soon", "io", "timer -10", "timer -5"]);
}

#[test]
fn o02_2_what_was_left_unread_is_still_readable_without_a_new_event() {
    must_end(|| {
        roundelay::run(async {
            let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let connecting = spawn(TcpStream::connect(listener.local_addr().unwrap()));
            let (mut reader, _) = listener.accept().await.unwrap();
            let mut writer = connecting.await.unwrap().unwrap();
            writer.write_all(b"abc").await.unwrap();
            let (mut seen, mut one) = (Vec::new(), [0]);
            // One event came, and each of these reads finds what the one before has left.
            for _ in 0..3 {
                assert_eq!(reader.read(&mut one).await.unwrap(), 1);
                seen.push(one[0]);
            }
            assert_eq!(seen, b"abc");
        });
    });
}
