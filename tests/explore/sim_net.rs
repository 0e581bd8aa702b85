//! The network in memory: bytes arrive once and in order, in any weather, and the same again with
//! the same seed.

use std::io::ErrorKind;

use futures_lite::io::{AsyncBufReadExt, BufReader};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use proptest::prelude::*;
use roundelay::testing::{Explore, Schedule, SimNet, SimStream, SimWeather, stream_conformance};
use roundelay::{
    TcpListener, TcpStream, duplex, now, run, sleep, spawn, timeout, with_seed, yield_now,
};

use crate::support::{Counter, Log, cases, ms, rounds, run_virtual};

async fn connected(net: &SimNet) -> (SimStream, SimStream) {
    let listener = net.listen("server").unwrap();
    let here = net.connect("client", "server").await.unwrap();
    (here, listener.accept().await.unwrap().0)
}

fn in_all_weather(test: impl AsyncFn(SimNet)) {
    let test = async || test(SimNet::new(SimWeather::usual())).await;
    Explore::new()
        .check(0..u64::from(cases(100)), test)
        .unwrap_or_else(|failing| panic!("{failing}"));
}

/// A program that knows no particular stream: gives back each line, reversed.
async fn reverse_lines(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let reversed: String = line.trim_end().chars().rev().collect();
        stream.get_mut().write_all(format!("{reversed}\n").as_bytes()).await?;
        line.clear();
    }
    stream.get_mut().close().await
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<String> {
    stream.write_all(b"stressed\ndrawer\n").await?;
    stream.close().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[test]
fn a_program_that_is_generic_over_its_streams_runs_here_and_on_tcp() {
    in_all_weather(async |net| {
        let (here, there) = connected(&net).await;
        let server = spawn(reverse_lines(there));
        assert_eq!(talk(here).await.unwrap(), "desserts\nreward\n");
        server.await.unwrap().unwrap();
    });
    // Under Miri a TCP connection that is closed in one direction only never ends.
    if cfg!(miri) {
        return;
    }
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move { reverse_lines(listener.accept().await?.0).await });
        let here = TcpStream::connect(address).await.unwrap();
        assert_eq!(talk(here).await.unwrap(), "desserts\nreward\n");
        server.await.unwrap().unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "takes half an hour")]
fn its_streams_keep_the_promises_of_all_streams_in_any_weather() {
    for weather in [SimWeather::calm(), SimWeather::usual(), SimWeather::usual().capacity(5000)] {
        let test = async || {
            let weather = weather.clone();
            let pair = async || Ok(connected(&SimNet::new(weather.clone())).await);
            stream_conformance(pair).await;
        };
        Explore::new().check(0..3, test).unwrap_or_else(|failing| panic!("{failing}"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes half an hour")]
fn pairs_in_memory_keep_the_promises_under_every_schedule() {
    let test = async || stream_conformance(async || Ok(duplex(1000))).await;
    Explore::new().check(0..5, test).unwrap_or_else(|failing| panic!("{failing}"));
}

#[test]
fn the_same_seed_is_the_same_weather() {
    let moments = |seed| {
        with_seed(seed, || {
            run_virtual(async {
                let net = SimNet::new(SimWeather::usual());
                let start = now();
                let (mut here, mut there) = connected(&net).await;
                let writer = spawn(async move { here.write_all(&[7; 100]).await });
                let (mut reads, mut room) = (Vec::new(), [0; 40]);
                loop {
                    let count = there.read(&mut room).await.unwrap();
                    reads.push((count, now() - start));
                    if count == 0 {
                        writer.await.unwrap().unwrap();
                        return reads;
                    }
                }
            })
        })
    };
    assert_eq!(moments(1), moments(1));
    assert_ne!(moments(1), moments(2));
    let shorts = moments(1).iter().filter(|(count, _)| *count < 40).count();
    assert!(shorts > 3, "reads and writes are short");
}

#[test]
fn calm_weather_takes_no_time_and_cuts_nothing() {
    run_virtual(async {
        let start = now();
        let (mut here, mut there) = connected(&SimNet::new(SimWeather::calm())).await;
        assert_eq!((there.local_name(), there.peer_name()), ("server", "client"));
        assert_eq!(here.write(&[1; 1000]).await.unwrap(), 1000);
        assert_eq!(there.read(&mut [0; 2000]).await.unwrap(), 1000);
        assert_eq!(now(), start);
    });
}

#[test]
fn a_closed_direction_ends_and_the_other_goes_on() {
    in_all_weather(async |net| {
        let (mut here, mut there) = connected(&net).await;
        here.write_all(b"question").await.unwrap();
        here.close().await.unwrap();
        here.close().await.unwrap();
        assert_eq!(here.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut question = String::new();
        there.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0, "the end stays the end");
        there.write_all(b"answer").await.unwrap();
        drop(there);
        let mut answer = String::new();
        here.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    });
}

#[test]
fn whoever_writes_to_an_end_that_is_gone_is_told() {
    run_virtual(async {
        let (mut here, there) = connected(&SimNet::new(SimWeather::calm())).await;
        drop(there);
        assert_eq!(here.write(b"anybody?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn writing_waits_while_too_much_is_under_way() {
    run_virtual(async {
        let (mut here, mut there) = connected(&SimNet::new(SimWeather::calm().capacity(3))).await;
        let log = Log::new();
        let writes = log.clone();
        let writer = spawn(async move {
            here.write_all(b"12345").await.unwrap();
            writes.add("written");
        });
        sleep(ms(1)).await;
        log.add("reads");
        let mut all = Vec::new();
        there.read_to_end(&mut all).await.unwrap();
        writer.await.unwrap();
        assert_eq!(all, b"12345");
        assert_eq!(log.take(), ["reads", "written"]);
    });
}

#[test]
fn a_reset_reaches_whoever_waits_at_either_end() {
    run_virtual(async {
        let net = SimNet::new(SimWeather::calm());
        let (mut here, mut there) = connected(&net).await;
        let reader = spawn(async move { there.read(&mut [0; 8]).await });
        yield_now().await;
        net.reset("server", "client");
        assert_eq!(reader.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(here.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(here.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn bad_weather_resets_connections_sooner_or_later() {
    let weather = SimWeather::calm().reset_one_in(20);
    let lengths: Vec<usize> = (0..5)
        .map(|seed| {
            with_seed(seed, || {
                run_virtual(async {
                    let (mut here, _there) = connected(&SimNet::new(weather.clone())).await;
                    let mut count = 0;
                    while here.write(b"x").await.is_ok() {
                        count += 1;
                    }
                    count
                })
            })
        })
        .collect();
    assert!(lengths.iter().all(|&length| length < 500));
    assert!(lengths.windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn a_cut_holds_everything_up_and_loses_nothing() {
    run_virtual(async {
        let net = SimNet::new(SimWeather::calm());
        let (mut here, mut there) = connected(&net).await;
        net.cut("server", "client");
        here.write_all(b"letter").await.unwrap();
        here.close().await.unwrap();
        let mut text = String::new();
        assert!(timeout(ms(1000), there.read_to_string(&mut text)).await.is_err());
        let other = net.clone();
        let late = spawn(async move { other.connect("client", "server").await });
        net.heal("client", "server");
        there.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "letter");
        // Its listener is gone by now.
        assert_eq!(late.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connecting_across_a_cut_waits_for_it_to_heal() {
    run_virtual(async {
        let net = SimNet::new(SimWeather::calm());
        let listener = net.listen("server").unwrap();
        net.cut("client", "server");
        assert!(timeout(ms(1000), net.connect("client", "server")).await.is_err());
        let through = net.connect("neighbour", "server").await;
        assert!(through.is_ok(), "others are not cut off");
        let patient = net.clone();
        let connecting = spawn(async move { patient.connect("client", "server").await });
        sleep(ms(5)).await;
        net.heal("client", "server");
        connecting.await.unwrap().unwrap();
        assert_eq!(listener.accept().await.unwrap().1, "neighbour");
        assert_eq!(listener.accept().await.unwrap().1, "client");
    });
}

#[test]
fn a_name_has_one_listener_and_is_free_when_that_is_dropped() {
    run_virtual(async {
        let net = SimNet::new(SimWeather::calm());
        assert_eq!(
            net.connect("client", "server").await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        let listener = net.listen("server").unwrap();
        assert_eq!(net.listen("server").unwrap_err().kind(), ErrorKind::AddrInUse);
        let mut unaccepted = net.connect("client", "server").await.unwrap();
        drop(listener);
        assert_eq!(unaccepted.read(&mut [0; 8]).await.unwrap(), 0);
        net.listen("server").unwrap();
    });
}

#[test]
fn an_accept_that_is_given_up_takes_no_connection_along() {
    in_all_weather(async |net| {
        let listener = std::rc::Rc::new(net.listen("server").unwrap());
        let (one, other) = (listener.clone(), listener.clone());
        let impatient = spawn(async move { timeout(ms(6), one.accept()).await.is_ok() });
        let patient = spawn(async move { other.accept().await });
        let _first = net.connect("a", "server").await.unwrap();
        if impatient.await.unwrap() {
            drop(net.connect("b", "server").await.unwrap());
        }
        patient.await.unwrap().unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::support::cases(64), failure_persistence: None, ..ProptestConfig::default() })]

    /// The model is the text itself: what arrives is what was sent, in both directions at once,
    /// however it is written, read, delayed, cut short and scheduled.
    #[test]
    fn what_is_written_arrives_once_and_in_order(
        sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8),
        capacity in 1_usize..100,
        seed in any::<u64>(),
    ) {
        let whole = sent.concat();
        let test = async || {
            let net = SimNet::new(SimWeather::usual().capacity(capacity));
            let (here, there) = connected(&net).await;
            let (read_here, write_here) = futures_lite::io::split(here);
            let (read_there, write_there) = futures_lite::io::split(there);
            let write = |mut to: futures_lite::io::WriteHalf<SimStream>| {
                let sent = sent.clone();
                async move {
                    for piece in sent {
                        to.write_all(&piece).await?;
                    }
                    to.close().await?;
                    Ok::<_, std::io::Error>(())
                }
            };
            let read = |mut from: futures_lite::io::ReadHalf<SimStream>| async move {
                let mut all = Vec::new();
                from.read_to_end(&mut all).await?;
                Ok::<_, std::io::Error>(all)
            };
            let readers = [spawn(read(read_here)), spawn(read(read_there))];
            for writer in [spawn(write(write_here)), spawn(write(write_there))] {
                writer.await.unwrap().unwrap();
            }
            for reader in readers {
                assert_eq!(reader.await.unwrap().unwrap(), whole);
            }
        };
        let outcome = Explore::new().once(&Schedule::seeded(seed), test);
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}

#[test]
fn whoever_gives_up_again_and_again_leaves_nobody_to_be_woken() {
    run_virtual(async {
        let net = SimNet::new(SimWeather::calm());
        let listener = net.listen("server").unwrap();
        net.cut("client", "server");
        let census = Counter::new();
        for _ in 0..rounds(1000) {
            let mut accept = std::pin::pin!(listener.accept());
            let mut connect = std::pin::pin!(net.connect("client", "server"));
            let cx = &mut std::task::Context::from_waker(&census.1);
            assert!(accept.as_mut().poll(cx).is_pending());
            assert!(connect.as_mut().poll(cx).is_pending());
        }
        net.heal("client", "server");
        let (here, there) =
            futures_lite::future::zip(net.connect("client", "server"), listener.accept()).await;
        assert!(here.is_ok() && there.is_ok());
        assert_eq!(census.0.wakes(), 0);
    });
}
