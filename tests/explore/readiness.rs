//! What the operating system says of sockets is not to be trusted: news that is none, for either
//! direction; news of what is gone; "ready", and then `WouldBlock` all the same.
//!
//! Bug classes B5, B24, B25 and B31. The news comes from a script, the bytes through real sockets.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use futures_lite::AsyncReadExt;
use proptest::prelude::*;
use roundelay::runtime::{self, Direction};
use roundelay::{
    Instant, Moment, ReadinessScript, Runner, Task, TcpListener, TcpStream, Watched, current_loop,
    now, sleep, spawn, timeout, yield_now,
};

use crate::support::{Log, cases, length, ms};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs `main` where the system says what the script says. The log is main's, with a line for each
/// piece of news that reached a source.
fn with_news(script: ReadinessScript, main: impl AsyncFnOnce(Log)) -> Vec<String> {
    let log = Log::new();
    let news = log.clone();
    let hear = move |now: Moment, event: &runtime::Event| {
        if let runtime::Event::SourceReady { source, readable, writable } = event {
            let says = match (readable, writable) {
                (true, false) => "readable",
                (false, true) => "writable",
                other => panic!("the script has no such line: {other:?}"),
            };
            let at = now.since(Moment::START).as_millis();
            news.add(format!("{at} ms: source {} is {says}", source.index()));
        }
    };
    let builder = Runner::builder().virtual_clock().isolated().scripted_selector(script);
    let runner = builder.observer(hear).build().unwrap();
    runner.run(main(log.clone())).unwrap();
    drop(runner);
    log.take()
}

/// A socket that notes each try.
struct Noted {
    watched: Watched<UnixStream>,
    start: Instant,
    log: Log,
}

impl Noted {
    fn pair(log: &Log) -> (Rc<Noted>, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let watched = Watched::new(here).unwrap();
        (Rc::new(Noted { watched, start: now(), log: log.clone() }), there)
    }

    fn note(&self, what: &str, outcome: &io::Result<usize>) {
        let came = match outcome {
            Ok(count) => format!("{count} bytes"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => "not yet".to_owned(),
            Err(error) => error.to_string(),
        };
        self.add(&format!("{what}: {came}"));
    }

    fn add(&self, what: &str) {
        self.log.add(format!("{} ms: {what}", (now() - self.start).as_millis()));
    }

    async fn read(&self, name: &str) -> usize {
        let read = self.watched.io(Direction::Read, |mut stream| {
            let outcome = stream.read(&mut [0; 64]);
            self.note(&format!("{name} reads"), &outcome);
            outcome
        });
        read.await.unwrap()
    }

    async fn write(&self, name: &str) -> usize {
        let write = self.watched.io(Direction::Write, |mut stream| {
            let outcome = stream.write(b"word");
            self.note(&format!("{name} writes"), &outcome);
            outcome
        });
        write.await.unwrap()
    }

    /// Writes until there is no room. How many bytes were that?
    fn fill(&self) -> usize {
        let mut stream = self.watched.get_ref();
        let mut filled = 0;
        loop {
            match stream.write(&[0; 4096]) {
                Ok(count) => filled += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return filled;
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn news_of_bytes_that_are_not_there_costs_one_try_each_and_lets_nobody_go() {
    let script = ReadinessScript::new().readable(ms(1), 0).readable(ms(2), 0).readable(ms(4), 0);
    let log = with_news(script, async |log| {
        let (here, mut there) = Noted::pair(&log);
        let reader = spawn(async move { here.read("reader").await });
        sleep(ms(3)).await;
        there.write_all(b"hello").unwrap();
        assert_eq!(reader.await.unwrap(), 5);
    });
    let expected = [
        "0 ms: reader reads: not yet",
        "1 ms: source 0 is readable",
        "1 ms: reader reads: not yet",
        "2 ms: source 0 is readable",
        "2 ms: reader reads: not yet",
        "4 ms: source 0 is readable",
        "4 ms: reader reads: 5 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn news_of_room_that_is_not_there_costs_one_try_each_and_lets_nobody_go() {
    let script = ReadinessScript::new().writable(ms(1), 0).writable(ms(2), 0).writable(ms(4), 0);
    let log = with_news(script, async |log| {
        let (here, mut there) = Noted::pair(&log);
        let filled = here.fill();
        let writer = spawn(async move { here.write("writer").await });
        sleep(ms(3)).await;
        there.read_exact(&mut vec![0; filled]).unwrap();
        assert_eq!(writer.await.unwrap(), 4);
        let mut word = [0; 4];
        there.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"word");
    });
    let expected = [
        "0 ms: writer writes: not yet",
        "1 ms: source 0 is writable",
        "1 ms: writer writes: not yet",
        "2 ms: source 0 is writable",
        "2 ms: writer writes: not yet",
        "4 ms: source 0 is writable",
        "4 ms: writer writes: 4 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn news_of_one_direction_wakes_nobody_who_waits_for_the_other() {
    let script = ReadinessScript::new()
        .writable(ms(1), 0)
        .readable(ms(2), 0)
        .readable(ms(4), 0)
        .writable(ms(5), 0);
    let log = with_news(script, async |log| {
        let (here, mut there) = Noted::pair(&log);
        let filled = here.fill();
        let reader = spawn({
            let here = Rc::clone(&here);
            async move { here.read("reader").await }
        });
        let writer = spawn(async move { here.write("writer").await });
        sleep(ms(3)).await;
        there.read_exact(&mut vec![0; filled]).unwrap();
        there.write_all(b"hello").unwrap();
        assert_eq!((reader.await.unwrap(), writer.await.unwrap()), (5, 4));
    });
    let expected = [
        "0 ms: reader reads: not yet",
        "0 ms: writer writes: not yet",
        "1 ms: source 0 is writable",
        "1 ms: writer writes: not yet",
        "2 ms: source 0 is readable",
        "2 ms: reader reads: not yet",
        "4 ms: source 0 is readable",
        "4 ms: reader reads: 5 bytes",
        "5 ms: source 0 is writable",
        "5 ms: writer writes: 4 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn news_of_a_source_that_is_gone_reaches_nobody_least_of_all_who_has_its_place_now() {
    // Source 7 never comes into being.
    let script = ReadinessScript::new()
        .readable(ms(2), 0)
        .writable(ms(2), 0)
        .readable(ms(3), 7)
        .readable(ms(5), 1);
    let log = with_news(script, async |log| {
        let (gone, _there) = Noted::pair(&log);
        let waiting = spawn(async move { gone.read("gone").await });
        sleep(ms(1)).await;
        waiting.cancel();
        assert!(waiting.await.is_err());
        let (here, mut there) = Noted::pair(&log);
        let reader = spawn(async move { here.read("heir").await });
        sleep(ms(3)).await;
        there.write_all(b"mine").unwrap();
        assert_eq!(reader.await.unwrap(), 4);
    });
    let expected = [
        "0 ms: gone reads: not yet",
        // The heir counts its time from its own beginning.
        "0 ms: heir reads: not yet",
        "5 ms: source 0 is readable",
        "4 ms: heir reads: 4 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn a_socket_that_is_called_ready_and_would_block_all_the_same_is_not_tried_round_and_round() {
    let script = ReadinessScript::new().readable(ms(1), 0).readable(ms(1), 0).readable(ms(2), 0);
    let log = with_news(script, async |log| {
        let (here, mut there) = Noted::pair(&log);
        there.write_all(b"hello").unwrap();
        let (mut tries, before) = (0, current_loop().unwrap().turn());
        let read = here.watched.io(Direction::Read, |mut stream| {
            tries += 1;
            // The bytes are there from the beginning, and the system denies it twice.
            let outcome = match tries {
                1 | 2 => Err(ErrorKind::WouldBlock.into()),
                _ => stream.read(&mut [0; 64]),
            };
            here.note("reader reads", &outcome);
            outcome
        });
        assert_eq!(read.await.unwrap(), 5);
        let turns = current_loop().unwrap().turn() - before;
        assert!(turns < 6, "{turns} turns for two pieces of news");
    });
    let expected = [
        "0 ms: reader reads: not yet",
        "1 ms: source 0 is readable",
        "1 ms: source 0 is readable",
        "1 ms: reader reads: not yet",
        "2 ms: source 0 is readable",
        "2 ms: reader reads: 5 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn news_for_two_of_whom_one_leaves_in_that_moment_is_not_lost_with_it() {
    let script = ReadinessScript::new().readable(ms(1), 0);
    let log = with_news(script, async |log| {
        let (here, mut there) = Noted::pair(&log);
        let leaver = Rc::new(RefCell::new(None::<Task<usize>>));
        let (first, second, leaving) = (Rc::clone(&here), Rc::clone(&here), Rc::clone(&leaver));
        let first = spawn(async move {
            let mut tries = 0;
            let look = first.watched.io(Direction::Read, |_| {
                tries += 1;
                if tries == 1 { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            look.await.unwrap();
            first.add("the first sends the second away");
            let leaver = leaving.take().unwrap();
            leaver.cancel();
            assert!(leaver.await.is_err());
        });
        *leaver.borrow_mut() = Some(spawn(async move { second.read("leaver").await }));
        let stayer = spawn(async move { here.read("stayer").await });
        yield_now().await;
        there.write_all(b"hello").unwrap();
        assert_eq!(stayer.await.unwrap(), 5);
        first.await.unwrap();
    });
    let expected = [
        // That the socket is not ready is known from the first one's try: the others spare theirs.
        "1 ms: source 0 is readable",
        "1 ms: the first sends the second away",
        "1 ms: stayer reads: 5 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
fn a_listener_that_is_called_ready_with_nobody_in_line_goes_on_waiting() {
    let script = ReadinessScript::new().readable(ms(1), 0).writable(ms(2), 0).readable(ms(4), 0);
    let log = with_news(script, async |log| {
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        let said = log.clone();
        let accepting = spawn(async move {
            let accepted = listener.accept().await.unwrap();
            said.add("accepted");
            accepted
        });
        sleep(ms(3)).await;
        assert!(!accepting.is_finished());
        log.add("connects");
        let client = std::net::TcpStream::connect(address).unwrap();
        let (_, peer) = accepting.await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
    let expected = [
        "1 ms: source 0 is readable",
        "2 ms: source 0 is writable",
        "connects",
        "4 ms: source 0 is readable",
        "accepted",
    ];
    assert_eq!(log, expected);
}

#[test]
fn a_stream_that_is_called_ready_after_its_end_gives_the_end_again() {
    let script = ReadinessScript::new().readable(ms(1), 1).readable(ms(2), 1).readable(ms(3), 1);
    let log = with_news(script, async |log| {
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(client);
        for _ in 0..4 {
            log.add(format!("reads {} bytes", stream.read(&mut [0; 8]).await.unwrap()));
            sleep(ms(1)).await;
        }
    });
    let expected = [
        "reads 0 bytes",
        "1 ms: source 1 is readable",
        "reads 0 bytes",
        "2 ms: source 1 is readable",
        "reads 0 bytes",
        "3 ms: source 1 is readable",
        "reads 0 bytes",
    ];
    assert_eq!(log, expected);
}

#[test]
#[cfg_attr(miri, ignore = "Miri's listeners take every connection")]
fn a_socket_that_is_called_writable_is_not_taken_for_connected() {
    // Whichever of them is the first that nobody answers is called writable three times.
    let script = (0..500).fold(ReadinessScript::new(), |script, source| {
        script.writable(ms(1), source).writable(ms(2), source).writable(ms(3), source)
    });
    let log = with_news(script, async |log| {
        let start = now();
        // Its line is full after one or a few.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.unwrap();
        listener.bind(&ANYWHERE.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut connected = Vec::new();
        while let Ok(stream) = timeout(ms(10), TcpStream::connect(address)).await {
            connected.push(stream.unwrap());
            assert!(connected.len() < 500, "this system's line of connections has no end");
        }
        // The news of those that stand says nothing of this one.
        let theirs: Vec<String> = log.take();
        let last = format!("source {} is writable", connected.len());
        log.add(theirs.iter().filter(|line| line.ends_with(&last)).count().to_string());
        assert_eq!(now() - start, ms(10));
    });
    assert_eq!(log, ["3"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(64), failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes are sent at even milliseconds, and news of each comes at the odd one that follows,
    /// among news that is none. The model: each byte is read when its news comes, whatever else is
    /// said of this source, of one that is gone, and of such as never were.
    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
    fn any_noise_changes_neither_what_is_read_nor_when(
        bytes in 1..12_u64,
        noise in prop::collection::vec((0..14_u64, 0..4_usize, any::<bool>()), 0..length(60)),
    ) {
        let mut script = ReadinessScript::new();
        for (at, source, readable) in noise {
            let at = ms(2 * at + 1);
            script = if readable { script.readable(at, source) } else { script.writable(at, source) };
        }
        for number in 1..=bytes {
            script = script.readable(ms(2 * number + 1), 1);
        }
        let log = with_news(script, async |log| {
            let (gone, _) = Noted::pair(&log);
            drop(gone);
            let (here, mut there) = Noted::pair(&log);
            let said = log.clone();
            let reader = spawn(async move {
                for number in 1..=bytes {
                    let mut byte = [0; 1];
                    let read = here.watched.io(Direction::Read, |mut stream| stream.read(&mut byte));
                    assert_eq!(read.await.unwrap(), 1);
                    assert_eq!(u64::from(byte[0]), number);
                    said.add(format!("read at {}", (now() - here.start).as_millis()));
                }
            });
            for number in 1..=bytes {
                sleep(ms(2)).await;
                there.write_all(&[number as u8]).unwrap();
            }
            reader.await.unwrap();
        });
        let read: Vec<&String> = log.iter().filter(|line| line.starts_with("read")).collect();
        let expected: Vec<String> = (1..=bytes).map(|n| format!("read at {}", 2 * n + 1)).collect();
        prop_assert_eq!(read, expected.iter().collect::<Vec<_>>());
    }
}
