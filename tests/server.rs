//! Promises about servers: nobody's connection is anybody else's trouble, and each of the three
//! ways to end does what it says.
//!
//! Bug classes B27 and B28, problems P16, P28 and P30. Made-up time does not pass while somebody
//! waits for the operating system, so what concerns time is played with a listener that is a
//! script.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{
    Accept, Event, Notify, Runner, ServerBuilder, TcpStream, UnixListener, UnixStream,
    current_loop, now, serve, sleep, spawn, yield_now,
};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::sockets::listen;
use support::{Log, Reports, in_a_process, ms, must_end, reporting_runner, run_virtual};

#[track_caller]
fn on_a_loop<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(|| roundelay::run(main()))
}

/// Sends back what comes, line or no line.
async fn echo(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    futures_lite::io::copy(reader, &mut writer).await.map(drop)
}

async fn ask(stream: &mut TcpStream, question: &str) -> io::Result<String> {
    stream.write_all(question.as_bytes()).await?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// Whether the other side has ended the connection, in whatever way.
async fn is_cut_off(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]).await, Ok(0) | Err(_))
}

// ---- a listener that is a script ------------------------------------------------------------

/// Connections and errors in the order of a script; then nothing, until somebody writes more.
struct Script {
    lines: Rc<RefCell<VecDeque<Result<u32, Errno>>>>,
    tries: Rc<RefCell<Vec<Duration>>>,
    more: Rc<Notify>,
    start: roundelay::Instant,
}

impl Script {
    fn new(lines: impl IntoIterator<Item = Result<u32, Errno>>) -> Script {
        let lines = Rc::new(RefCell::new(lines.into_iter().collect()));
        Script { lines, tries: Rc::default(), more: Rc::new(Notify::new()), start: now() }
    }
}

impl Accept for Script {
    type Stream = u32;
    type Peer = &'static str;

    async fn accept(&self) -> io::Result<(u32, &'static str)> {
        self.tries.borrow_mut().push(now() - self.start);
        loop {
            let line = self.lines.borrow_mut().pop_front();
            match line {
                Some(Ok(number)) => return Ok((number, "the script")),
                Some(Err(error)) => return Err(error.into()),
                None => self.more.notified().await,
            }
        }
    }
}

#[test]
fn a_connection_that_was_gone_before_it_was_accepted_ends_nothing() {
    let log = Log::new();
    run_virtual(async {
        let said = log.clone();
        let script = Script::new([Ok(1), Err(Errno::CONNABORTED), Err(Errno::PROTO), Ok(2)]);
        let server = serve(script, async move |number, _| {
            said.add(format!("serves {number}"));
            io::Result::Ok(())
        });
        until(|| server.accepted() == 2).await;
        assert_eq!(server.drain(ms(0)).await, 0);
    });
    assert_eq!(log.take(), ["serves 1", "serves 2"]);
}

#[test]
fn a_server_without_descriptors_says_so_once_and_tries_again_ever_more_slowly() {
    let (runner, reports) = reporting_runner();
    let tries = runner.run(async {
        let mut lines = vec![Err(Errno::MFILE); 9];
        lines.push(Ok(1));
        lines.push(Err(Errno::NFILE));
        lines.push(Ok(2));
        let script = Script::new(lines);
        let tries = Rc::clone(&script.tries);
        let server = serve(script, async |_, _| io::Result::Ok(()));
        until_asleep(|| server.accepted() == 2).await;
        tries.take()
    });
    // The last pause is cut short by the first connection, which has ended and freed something.
    let at = [0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270, 3270, 3270, 3270];
    assert_eq!(tries.unwrap(), at.map(ms));
    let told = reports.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("TaskFailed: it pauses: "), "{told:?}");
}

#[test]
fn a_server_that_lives_at_its_limit_reports_one_shortage_until_a_calm_minute_has_passed() {
    let (runner, reports) = reporting_runner();
    let outcome = runner.run(async {
        let hard_times = [Err(Errno::MFILE), Ok(1), Err(Errno::NFILE), Ok(2)];
        let lines = hard_times.into_iter().cycle().take(4 * 20);
        let script = Script::new(lines);
        let (lines, more) = (Rc::clone(&script.lines), Rc::clone(&script.more));
        let server = serve(script, async |_, _| {
            sleep(ms(3)).await;
            io::Result::Ok(())
        });
        until_asleep(|| server.accepted() == 40).await;
        assert_eq!(reports.len(), 1);
        for (pause, reported) in [(59_000, 1), (61_000, 2)] {
            sleep(ms(pause)).await;
            let before = server.accepted();
            lines.borrow_mut().extend([Ok(1), Err(Errno::MFILE), Ok(2)]);
            more.notify_all();
            until_asleep(|| server.accepted() == before + 2).await;
            assert_eq!(reports.len(), reported, "after a pause of {pause} ms");
        }
    });
    outcome.unwrap();
}

#[test]
fn a_listener_that_is_always_ready_keeps_nobody_waiting() {
    struct Always(io::Result<u32>, Rc<Cell<u32>>);
    impl Accept for Always {
        type Stream = u32;
        type Peer = ();
        async fn accept(&self) -> io::Result<(u32, ())> {
            self.1.set(self.1.get() + 1);
            match &self.0 {
                Ok(number) => Ok((*number, ())),
                Err(error) => Err(error.kind().into()),
            }
        }
    }
    for outcome in [Ok(1), Err(ErrorKind::ConnectionAborted), Err(ErrorKind::Interrupted)] {
        must_end(move || {
            let tries = Rc::new(Cell::new(0));
            let count = Rc::clone(&tries);
            run_virtual(async move {
                let listener = Always(outcome.map_err(io::Error::from), count);
                let server = ServerBuilder::new().max_connections(usize::MAX);
                let server =
                    server.serve(listener, async |_, ()| pending::<io::Result<()>>().await);
                for _ in 0..10 {
                    yield_now().await;
                }
                drop(server);
            });
            assert!(tries.get() <= 10 * 128, "{} connections in ten turns", tries.get());
        });
    }
}

#[test]
fn a_listener_all_of_whose_connections_fail_is_asked_ever_more_slowly() {
    let (runner, reports) = reporting_runner();
    let tries = runner.run(async {
        // What a filter of the system's says, which refuses before anybody is taken.
        let script = Script::new([Err(Errno::PERM); 1000]);
        let tries = Rc::clone(&script.tries);
        let _server = serve(script, async |_, _| io::Result::Ok(()));
        sleep(ms(10_000)).await;
        tries.take().len()
    });
    assert!((100..200).contains(&tries.unwrap()));
    let told = reports.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("one connection after the other failed"), "{told:?}");
}

/// As [`until`], but lets made-up time go on.
async fn until_asleep(mut condition: impl FnMut() -> bool) {
    while !condition() {
        sleep(ms(1)).await;
    }
}

#[test]
fn a_pausing_server_goes_on_when_one_of_its_connections_ends() {
    run_virtual(async {
        let leave = Event::new();
        let until_told = leave.clone();
        let script = Script::new([Ok(1), Err(Errno::MFILE), Err(Errno::MFILE), Ok(2)]);
        let tries = Rc::clone(&script.tries);
        let server = serve(script, async move |number, _| {
            if number == 1 {
                until_told.wait().await;
            }
            io::Result::Ok(())
        });
        sleep(ms(12)).await;
        leave.set();
        until_asleep(|| server.accepted() == 2).await;
        assert_eq!(tries.take(), [0, 0, 10, 12, 12].map(ms));
    });
}

#[test]
fn a_broken_listener_ends_the_server_with_its_error_after_the_last_connection() {
    let (runner, reports) = reporting_runner();
    let outcome = runner.run(async {
        let script = Script::new([Ok(1), Err(Errno::BADF)]);
        let server = serve(script, async |_, _| {
            sleep(ms(7)).await;
            io::Result::Ok(())
        });
        let start = now();
        let error = server.join().await.unwrap_err();
        server.join().await.unwrap();
        (error.raw_os_error(), now() - start)
    });
    assert_eq!(outcome.unwrap(), (Some(Errno::BADF.raw_os_error()), ms(7)));
    assert!(reports.take()[0].starts_with("TaskFailed: it stops accepting: "));
}

#[test]
fn a_listener_that_panics_ends_the_server_with_an_error() {
    struct Clumsy;
    impl Accept for Clumsy {
        type Stream = ();
        type Peer = ();

        async fn accept(&self) -> io::Result<((), ())> {
            panic!("it stumbles")
        }
    }
    let (runner, reports) = reporting_runner();
    let outcome = runner.run(async {
        let server = serve(Clumsy, async |(), ()| io::Result::Ok(()));
        let error = server.join().await.unwrap_err();
        server.join().await.unwrap();
        error.to_string()
    });
    assert!(outcome.unwrap().starts_with("the listener panicked"));
    assert!(reports.take()[0].contains("it stumbles"));
}

#[test]
fn no_more_than_the_limit_are_served_at_once_and_the_next_comes_when_one_ends() {
    let log = Log::new();
    run_virtual(async {
        let said = log.clone();
        let script = Script::new([Ok(30), Ok(10), Ok(5), Ok(5)]);
        let server = ServerBuilder::new().max_connections(2).serve(script, async move |time, _| {
            said.add(format!("begins {time}"));
            sleep(ms(time.into())).await;
            said.add(format!("ends {time}"));
            io::Result::Ok(())
        });
        sleep(ms(1)).await;
        assert_eq!((server.connections(), server.accepted()), (2, 2));
        sleep(ms(100)).await;
        assert_eq!((server.connections(), server.accepted()), (0, 4));
    });
    let expected = [
        "begins 30",
        "begins 10",
        "ends 10",
        "begins 5",
        "ends 5",
        "begins 5",
        "ends 5",
        "ends 30",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_full_server_that_waits_for_room_is_not_said_to_wait_for_itself() {
    let (runner, reports) = reporting_runner();
    runner
        .run(async {
            let script = Script::new([Ok(30), Ok(10), Ok(5)]);
            let server = ServerBuilder::new().max_connections(2);
            let server = server.serve(script, async |time, _| {
                sleep(ms(time.into())).await;
                io::Result::Ok(())
            });
            sleep(ms(100)).await;
            assert_eq!((server.connections(), server.accepted()), (0, 3));
        })
        .unwrap();
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
#[should_panic(expected = "a server with room for no connection would never serve anybody")]
fn a_limit_of_none_is_refused() {
    let _ = ServerBuilder::new().max_connections(0);
}

#[test]
fn an_error_and_a_panic_of_a_connection_are_reported_with_its_peer_and_end_nothing() {
    let (runner, reports) = reporting_runner();
    let served = runner.run(async {
        let script = Script::new([Ok(1), Ok(2), Ok(3)]);
        let server =
            ServerBuilder::new().name("the inn").serve(script, async |number, _| match number {
                1 => Err(io::Error::other("no bread")),
                2 => panic!("a fire"),
                _ => Ok(()),
            });
        until(|| server.accepted() == 3 && server.connections() == 0).await;
        server.accepted()
    });
    assert_eq!(served.unwrap(), 3);
    let mut told: Vec<String> = reports
        .take_whole()
        .iter()
        .map(|failure| format!("{}: {}", failure.who, failure.message))
        .collect();
    told.sort();
    assert_eq!(told[0], "connection 1 of the inn, from \"the script\": no bread");
    assert!(
        told[1].ends_with("(connection 2 of the inn, from \"the script\"): a fire"),
        "{told:?}"
    );
}

#[test]
fn an_error_of_a_connection_does_not_stop_a_loop_that_stops_at_failures() {
    let policy = roundelay::FailurePolicy::Stop;
    let runner = Runner::builder().virtual_clock().failure_policy(policy).build().unwrap();
    let outcome = runner.run(async {
        let script = Script::new([Ok(1)]);
        let server = serve(script, async |_, _| Err(io::Error::other("gone")));
        sleep(ms(1)).await;
        server.connections()
    });
    assert_eq!(outcome.unwrap(), 0);
}

// ---- three ways to end -------------------------------------------------------------------------

#[test]
fn a_closed_server_refuses_the_new_and_serves_the_old() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = serve(listener, echo);
        let mut old = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut old, "one").await.unwrap(), "one");
        assert_eq!(server.close(), 1);
        yield_now().await;
        yield_now().await;
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&mut old, "two").await.unwrap(), "two");
        old.close().await.unwrap();
        server.join().await.unwrap();
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn a_server_listens_on_a_unix_socket_as_well() {
    on_a_loop(async || {
        let path = std::env::temp_dir().join(format!("roundelay-server-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let server =
            serve(listener, async |mut stream: UnixStream, _| stream.write_all(b"hi").await);
        let mut text = String::new();
        UnixStream::connect(&path).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), server.drain(ms(1000)).await), ("hi", 0));
        let _ = std::fs::remove_file(&path);
    });
}

#[test]
fn draining_waits_for_those_who_end_in_time_and_says_how_many_did_not() {
    let log = Log::new();
    run_virtual(async {
        let said = log.clone();
        let script = Script::new([Ok(10), Ok(1000), Ok(2000)]);
        let server = serve(script, async move |time, _| {
            let _held = said.on_drop(format!("{time} lets go"));
            sleep(ms(time.into())).await;
            said.add(format!("{time} ends"));
            io::Result::Ok(())
        });
        sleep(ms(1)).await;
        let start = now();
        let cut_off = server.drain(ms(100)).await;
        log.add(format!("cut off: {cut_off}, after {:?}", now() - start));
        assert_eq!(server.drain(ms(100)).await, 0);
    });
    let expected =
        ["10 ends", "10 lets go", "1000 lets go", "2000 lets go", "cut off: 2, after 100ms"];
    assert_eq!(log.take(), expected);
}

#[test]
fn draining_ends_as_soon_as_the_last_connection_has() {
    run_virtual(async {
        let server = serve(Script::new([Ok(1)]), async |_, _| {
            sleep(ms(20)).await;
            io::Result::Ok(())
        });
        sleep(ms(1)).await;
        let start = now();
        assert_eq!(server.drain(ms(100_000)).await, 0);
        assert_eq!(now() - start, ms(19));
    });
}

#[test]
fn a_drain_that_is_given_up_leaves_the_server_closed_and_nobody_cut_off() {
    run_virtual(async {
        let server = serve(Script::new([Ok(1)]), async |_, _| {
            sleep(ms(20)).await;
            io::Result::Ok(())
        });
        sleep(ms(1)).await;
        assert!(roundelay::timeout(ms(5), server.drain(ms(1000))).await.is_err());
        assert_eq!(server.connections(), 1);
        server.join().await.unwrap();
    });
}

#[test]
fn aborting_cuts_off_who_is_there_and_goes_on_accepting() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = serve(listener, echo);
        let mut first = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut first, "a").await.unwrap(), "a");
        assert_eq!(server.abort_clients(), 1);
        assert!(is_cut_off(&mut first).await);
        assert_eq!(server.abort_clients(), 0);
        let mut second = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut second, "b").await.unwrap(), "b");
    });
}

#[test]
fn a_dropped_server_refuses_and_cuts_off() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = serve(listener, echo);
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut client, "a").await.unwrap(), "a");
        drop(server);
        assert!(is_cut_off(&mut client).await);
        assert!(TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn a_server_that_is_closed_before_its_first_step_ends() {
    run_virtual(async {
        let server = serve(Script::new([Ok(1)]), async |_, _| io::Result::Ok(()));
        assert_eq!(server.close(), 0);
        server.join().await.unwrap();
        assert_eq!(server.accepted(), 0);
    });
}

#[test]
fn a_connection_that_is_cut_off_before_its_first_step_leaves_after_its_stream() {
    struct Once(Log, Cell<bool>);
    impl Accept for Once {
        type Stream = support::OnDrop;
        type Peer = ();
        async fn accept(&self) -> io::Result<(support::OnDrop, ())> {
            if self.1.replace(true) {
                pending::<()>().await;
            }
            Ok((self.0.on_drop("stream dropped"), ()))
        }
    }
    let log = Log::new();
    run_virtual(async {
        let server = serve(Once(log.clone(), Cell::new(false)), async |_, ()| {
            panic!("not called");
            #[allow(unreachable_code)]
            io::Result::Ok(())
        });
        // In the turn in which it is accepted, its own first step is still to come.
        until(|| server.accepted() == 1).await;
        if server.abort_clients() == 1 {
            until(|| server.connections() == 0).await;
            log.add("left");
        }
    });
    assert_eq!(log.take(), ["stream dropped", "left"]);
}

#[test]
fn handlers_may_hold_what_cannot_be_sent() {
    run_virtual(async {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        let server = serve(Script::new([Ok(1), Ok(2)]), async move |number, _| {
            let mine = Rc::clone(&counted);
            yield_now().await;
            mine.set(mine.get() + number);
            io::Result::Ok(())
        });
        sleep(ms(1)).await;
        assert_eq!((count.get(), server.connections()), (3, 0));
    });
}

// ---- loads -------------------------------------------------------------------------------------

#[test]
fn clients_that_send_a_byte_now_and_then_or_never_read_do_not_harm_others() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let server = serve(listener, echo);
        let mut slow = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"G").await.unwrap();
            slow.push(stream);
        }
        // This one writes until nothing goes any more, and never reads its echo.
        let deaf = TcpStream::connect(address).await.unwrap();
        let written = Rc::new(Cell::new(0_usize));
        let count = Rc::clone(&written);
        let flood = spawn(async move {
            let mut deaf = deaf;
            loop {
                count.set(count.get() + deaf.write(&[0; 65536]).await.unwrap());
            }
        });
        let mut before = usize::MAX;
        while written.get() != before {
            before = written.get();
            sleep(ms(1)).await;
        }
        let mut good = TcpStream::connect(address).await.unwrap();
        for question in ["one", "two", "three"] {
            assert_eq!(ask(&mut good, question).await.unwrap(), question);
        }
        flood.cancel();
        assert_eq!(server.connections(), 22);
    });
}

#[test]
fn a_thousand_idle_connections_are_kept_and_each_still_answers() {
    in_a_process("a_thousand_idle_connections_are_kept_and_each_still_answers", || {
        let most = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
        roundelay::run(async {
            let (listener, address) = listen();
            let server = ServerBuilder::new().max_connections(2000).serve(listener, echo);
            let mut clients = Vec::new();
            for _ in 0..1000 {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            until(|| server.connections() == 1000).await;
            for client in clients.iter_mut().step_by(100) {
                assert_eq!(ask(client, "still there?").await.unwrap(), "still there?");
            }
            assert_eq!(server.drain(ms(0)).await, 1000);
        });
    })
    .well();
}

#[test]
fn a_server_that_runs_out_of_descriptors_neither_spins_nor_ends() {
    in_a_process("a_server_that_runs_out_of_descriptors_neither_spins_nor_ends", || {
        let reports = Reports::new();
        let runner = Runner::builder().failure_policy(reports.policy()).build().unwrap();
        let outcome = runner.run(async {
            let (listener, address) = listen();
            let server = serve(listener, echo);
            let mut first = TcpStream::connect(address).await.unwrap();
            assert_eq!(ask(&mut first, "a").await.unwrap(), "a");
            // The client's own descriptor is the last one.
            let late = std::net::TcpStream::connect(address).unwrap();
            let all = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: Some(3), maximum: all.maximum }).unwrap();
            let turns = || current_loop().unwrap().turn();
            let before = turns();
            sleep(ms(100)).await;
            let spent = turns() - before;
            assert!(spent < 50, "{spent} turns in vain");
            setrlimit(Resource::Nofile, all).unwrap();
            assert_eq!(ask(&mut first, "b").await.unwrap(), "b");
            while server.accepted() < 2 {
                sleep(ms(1)).await;
            }
            drop(late);
            assert_eq!(server.accepted(), 2);
        });
        outcome.unwrap();
        let told = reports.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("TaskFailed: it pauses: Too many open files"), "{told:?}");
    })
    .well();
}
