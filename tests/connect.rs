//! Promises about connecting: the first address that answers wins, the others leave nothing, and
//! every failure says what was tried.

mod support;

use std::future::pending;
use std::io::ErrorKind;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;
use roundelay::{
    ConnectError, Resolver, TcpListener, TcpStream, current_loop, sleep, spawn, staggered_race,
    yield_now,
};
use socket2::{Domain, Socket, Type};
use support::sockets::{ANYWHERE, listen, on_a_loop};
use support::{Log, ms, must_end, run_virtual};

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    listen().1
}

/// A listener that nobody accepts from and that keeps no more connections waiting: whoever comes
/// now hears nothing.
struct Silent {
    address: SocketAddr,
    _listener: net::TcpListener,
    _waiting: Vec<Socket>,
}

fn silent() -> Silent {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&ANYWHERE.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    // The system keeps one or two more than it was told to; the rest knock in vain.
    let waiting = (0..16).map(|_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address.into());
        socket
    });
    Silent { address, _waiting: waiting.collect(), _listener: listener }
}

// ---- sockets ----------------------------------------------------------------------------------

#[test]
fn an_endpoint_may_be_written_in_many_ways() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let port = address.port();
        spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"!").await.unwrap();
            }
        })
        .detach();
        let streams = [
            TcpStream::connect(address).await,
            TcpStream::connect(address.to_string()).await,
            TcpStream::connect(&*address.to_string()).await,
            TcpStream::connect(("localhost", port)).await,
            TcpStream::connect(format!("localhost:{port}")).await,
            TcpStream::connect(vec![address]).await,
            TcpStream::connect(&[address, address][..]).await,
            TcpStream::connect_to("localhost", port).await,
            TcpStream::connect_timeout(("localhost", port), Duration::from_secs(60)).await,
        ];
        for stream in streams {
            let mut said = [0; 1];
            stream.unwrap().read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"!");
        }
    });
}

#[test]
fn after_a_refusal_the_next_address_is_tried_at_once() {
    on_a_loop(async || {
        let (_listener, address) = listen();
        let before = current_loop().unwrap().now();
        let stream = TcpStream::connect(vec![nobody(), nobody(), address]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert_eq!(current_loop().unwrap().now(), before);
    });
}

#[test]
fn when_nobody_answers_the_error_tells_of_each_address() {
    on_a_loop(async || {
        let addresses = vec![nobody(), nobody()];
        let error = TcpStream::connect(addresses.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let all: &ConnectError = error.get_ref().unwrap().downcast_ref().unwrap();
        let tried: Vec<_> = all.attempts.iter().map(|(address, _)| *address).collect();
        assert_eq!(tried, addresses);
        assert!(addresses.iter().all(|address| error.to_string().contains(&address.to_string())));
        let one = TcpStream::connect(nobody()).await.unwrap_err();
        assert_eq!(one.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(
            TcpStream::connect("nonsense").await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
#[cfg_attr(miri, ignore = "Miri's listeners take every connection")]
fn a_silent_address_is_overtaken_by_the_next() {
    must_end(|| {
        // On the real clock, a quarter of a second: made-up time stands still for the system.
        roundelay::run(async {
            let (quiet, (_listener, address)) = (silent(), listen());
            let stream = TcpStream::connect(vec![quiet.address, address]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        });
    });
}

#[test]
#[cfg_attr(miri, ignore = "Miri's listeners take every connection")]
fn a_limit_ends_a_connection_that_nobody_answers_and_names_it() {
    must_end(|| {
        roundelay::run(async {
            let quiet = silent();
            let error = TcpStream::connect_timeout(quiet.address, ms(1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains(&quiet.address.to_string()), "{error}");
        });
    });
}

#[test]
fn names_may_come_from_a_resolver_of_ones_own() {
    on_a_loop(async || {
        let (_listener, address) = listen();
        let first = nobody();
        let resolver = Resolver::new(move |_, _| Ok(vec![first, address]));
        let found = resolver.lookup("service:1").await.unwrap();
        let stream = TcpStream::connect(found).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets options of sockets")]
fn several_listeners_may_share_a_port_if_all_of_them_agree() {
    on_a_loop(async || {
        let first = TcpListener::bind_shared(ANYWHERE).unwrap();
        let address = first.local_addr().unwrap();
        let second = TcpListener::bind_shared(address).unwrap();
        assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        // Each connection goes to one of them, whichever.
        let served = spawn(async move {
            let accept = [first.accept(), second.accept()].map(Box::pin);
            roundelay::race(accept).await.1.unwrap().1
        });
        let stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(served.await.unwrap(), stream.local_addr().unwrap());
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets options of sockets")]
fn times_of_keepalive_are_whole_seconds_and_none_is_set_in_half() {
    on_a_loop(async || {
        let (_listener, address) = listen();
        let stream = TcpStream::connect(address).await.unwrap();
        let times = || {
            let socket = socket2::SockRef::from(&stream);
            let times = [socket.tcp_keepalive_time(), socket.tcp_keepalive_interval()];
            times.map(|time| time.unwrap().as_secs())
        };
        for (asked, kept) in [([900, 1900], [1, 2]), ([0, 1], [1, 1]), ([7000, 3000], [7, 3])] {
            stream.set_keepalive(None).unwrap();
            let [idle, interval] = asked.map(Duration::from_millis);
            stream.set_keepalive(Some((idle, interval))).unwrap();
            assert!(stream.keepalive().unwrap());
            assert_eq!(times(), kept);
        }
        let (second, month) = (Duration::from_secs(1), Duration::from_secs(30 * 86_400));
        for too_long in [(month, second), (second, Duration::MAX)] {
            stream.set_keepalive(None).unwrap();
            let error = stream.set_keepalive(Some(too_long)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("32767 seconds"), "{error}");
            assert!(!stream.keepalive().unwrap(), "half of it was done");
            assert_eq!(times(), [7, 3]);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets options of sockets")]
fn options_are_kept_and_a_stream_may_come_from_std_and_go_back() {
    on_a_loop(async || {
        let (listener, address) = listen();
        let theirs = net::TcpStream::connect(address).unwrap();
        let mut stream = TcpStream::from_std(theirs).unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_ttl(9).unwrap();
        stream.set_keepalive(Some((Duration::from_secs(9), Duration::from_secs(3)))).unwrap();
        stream.set_send_buffer_size(20_000).unwrap();
        stream.set_recv_buffer_size(20_000).unwrap();
        assert!(stream.nodelay().unwrap() && stream.keepalive().unwrap());
        assert_eq!((stream.ttl().unwrap(), stream.linger().unwrap()), (9, None));
        assert!(stream.send_buffer_size().unwrap() >= 20_000);
        assert!(stream.recv_buffer_size().unwrap() >= 20_000);
        stream.set_keepalive(None).unwrap();
        assert!(!stream.keepalive().unwrap() && stream.take_error().unwrap().is_none());

        peer.write_all(b"look").await.unwrap();
        let mut seen = [0; 8];
        assert_eq!(stream.peek(&mut []).await.unwrap(), 0);
        assert_eq!(stream.peek(&mut seen).await.unwrap(), 4);
        stream.read_exact(&mut seen[..4]).await.unwrap();
        assert_eq!(&seen[..4], b"look");

        let mut again = TcpStream::from_std(stream.into_std()).unwrap();
        again.set_reset_on_drop(true).unwrap();
        again.write_all(b"x").await.unwrap();
        drop(again);
        let mut rest = Vec::new();
        let reset = peer.read_to_end(&mut rest).await.unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        assert!(TcpListener::from_std(listener.into_std()).is_ok());
    });
}

// ---- the race itself, in made-up time -------------------------------------------------------

/// One runner: succeeds or fails after so long.
fn runner(
    log: &Log,
    name: usize,
    lasts: u64,
    wins: bool,
) -> impl Future<Output = Result<usize, usize>> + use<> {
    let log = log.clone();
    log.add(format!("{name} begins"));
    async move {
        let _left = log.on_drop(format!("{name} leaves"));
        sleep(ms(lasts)).await;
        if wins { Ok(name) } else { Err(name) }
    }
}

#[test]
fn the_next_begins_after_the_pause_or_at_once_after_a_failure() {
    let log = Log::new();
    let logs = log.clone();
    let outcome = run_virtual(async move {
        let plan = [(1000, true), (30, false), (1000, true), (20, true)];
        let runners = plan.into_iter().enumerate();
        let start = roundelay::now();
        let won = staggered_race(
            ms(100),
            runners.map(|(name, (lasts, wins))| runner(&logs, name, lasts, wins)),
        )
        .await;
        (won.unwrap(), roundelay::now() - start)
    });
    // 0 begins at 0, 1 at 100 and fails at 130, 2 begins then, 3 at 230 and wins at 250.
    assert_eq!(outcome, ((3, 3), ms(250)));
    let expected = [
        "0 begins", "1 begins", "1 leaves", "2 begins", "3 begins", "3 leaves", "0 leaves",
        "2 leaves",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn all_failures_come_out_in_the_order_of_the_argument_and_none_is_a_failure_too() {
    run_virtual(async {
        let log = Log::new();
        let plan = [300, 10, 10].into_iter().enumerate();
        let failed =
            staggered_race(ms(100), plan.map(|(name, lasts)| runner(&log, name, lasts, false)));
        assert_eq!(failed.await.unwrap_err().errors, [0, 1, 2]);
        let none: [std::future::Ready<Result<(), ()>>; 0] = [];
        assert!(staggered_race(ms(100), none).await.unwrap_err().errors.is_empty());
    });
}

/// Who began earlier was polled once more in the step in which the next began.
#[test]
fn a_runner_that_gives_way_lets_others_go_first_also_when_the_next_begins() {
    let log = Log::new();
    run_virtual(async {
        let (promise, told) = roundelay::promise();
        let noted = log.clone();
        spawn(async move { told.await.map(|()| noted.add("another task")) }).detach();
        let noted = log.clone();
        let first = async move {
            sleep(ms(100)).await;
            promise.resolve(()).unwrap();
            yield_now().await;
            noted.add("goes on");
            Ok::<(), ()>(())
        };
        let second = async { pending().await };
        let runners = [Box::pin(first) as Pin<Box<dyn Future<Output = _>>>, Box::pin(second)];
        assert!(staggered_race(ms(100), runners).await.is_ok());
    });
    assert_eq!(log.take(), ["another task", "goes on"]);
}

#[test]
fn a_race_that_is_dropped_drops_its_runners_and_its_timer() {
    let log = Log::new();
    let logs = log.clone();
    run_virtual(async move {
        let plan = [1000, 1000].into_iter().enumerate();
        let race =
            staggered_race(ms(1), plan.map(|(name, lasts)| runner(&logs, name, lasts, true)));
        assert!(roundelay::timeout(ms(10), race).await.is_err());
        logs.add("over");
    });
    assert_eq!(log.take(), ["0 begins", "1 begins", "0 leaves", "1 leaves", "over"]);
}

proptest! {
    /// Against a plain computation of who begins when.
    #[test]
    fn the_winner_is_the_one_that_arithmetic_says(
        plan in prop::collection::vec((1..50_u64, any::<bool>()), 0..8),
        pause in 1..30_u64,
    ) {
        // Odd and even numbers keep ends and beginnings apart.
        let plan: Vec<(u64, bool)> = plan.into_iter().map(|(lasts, wins)| (lasts * 2 + 1, wins)).collect();
        let pause = pause * 1000;
        let (mut begins, mut ends): (Vec<u64>, Vec<(u64, usize)>) = (Vec::new(), Vec::new());
        let lengths = plan.iter().map(|(lasts, wins)| (lasts * 700, *wins)).collect::<Vec<_>>();
        for (name, (lasts, _)) in lengths.iter().enumerate() {
            let begin = match begins.last() {
                None => 0,
                Some(last) => {
                    let failure = ends
                        .iter()
                        .filter(|(end, name)| *end > *last && !lengths[*name].1)
                        .map(|(end, _)| *end)
                        .min();
                    failure.unwrap_or(u64::MAX).min(last + pause)
                }
            };
            begins.push(begin);
            ends.push((begin + lasts, name));
        }
        let expected = ends.iter().filter(|(_, name)| lengths[*name].1).min().map(|(end, name)| (*name, *end));
        // Two ends in one moment are decided by the order of polling: left to the tests above.
        let mut moments: Vec<u64> = ends.iter().map(|(end, _)| *end).chain(begins).collect();
        let many = moments.len();
        moments.sort_unstable();
        moments.dedup();
        prop_assume!(moments.len() + plan.len().saturating_sub(1) >= many);
        prop_assume!(ends.iter().map(|(end, _)| end).collect::<std::collections::BTreeSet<_>>().len() == ends.len());
        let got = run_virtual(async move {
            let start = roundelay::now();
            let log = Log::new();
            let runners = lengths.into_iter().enumerate();
            let won = staggered_race(
                ms(pause),
                runners.map(|(name, (lasts, wins))| runner(&log, name, lasts, wins)),
            );
            let won = won.await.ok().map(|(name, _)| name);
            won.map(|name| (name, (roundelay::now() - start).as_millis() as u64))
        });
        prop_assert_eq!(got, expected);
    }
}
