//! A whole server on the network in memory: slow clients, cuts and resets, in every order and any
//! weather. Nothing is lost, nobody hangs, and the counts are right.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use futures_lite::io::BufReader;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use roundelay::testing::{Explore, SimNet, SimWeather};
use roundelay::{
    Accept, LineReader, Random, Server, ServerBuilder, Task, TcpListener, TcpStream, run, sleep,
    spawn,
};

use crate::support::ms;

/// What became of the connections.
#[derive(Clone, Default)]
struct Tally {
    /// Handlers that came to their end, well or with an error.
    ended: Rc<Cell<u64>>,
    /// Those among them that ended with an error.
    failed: Rc<Cell<u64>>,
}

/// A server that knows no particular network: gives back each line, reversed.
fn open<L>(listener: L, limit: usize, tally: &Tally) -> Server
where
    L: Accept + 'static,
    L::Stream: AsyncRead + AsyncWrite + Unpin,
{
    let tally = tally.clone();
    ServerBuilder::new().max_connections(limit).serve(listener, async move |stream, _| {
        let outcome = reverse_lines(stream).await;
        tally.ended.set(tally.ended.get() + 1);
        tally.failed.set(tally.failed.get() + u64::from(outcome.is_err()));
        io::Result::Ok(())
    })
}

async fn reverse_lines(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut lines = LineReader::new(BufReader::new(stream), 100);
    while let Some(line) = lines.next_line().await? {
        let reversed: String = line.chars().rev().collect();
        lines.get_mut().get_mut().write_all(format!("{reversed}\n").as_bytes()).await?;
    }
    lines.get_mut().get_mut().close().await
}

const QUESTIONS: &[&str] = if cfg!(miri) { &["live"] } else { &["stressed", "drawer", "live"] };
const ANSWERS: &[&str] = if cfg!(miri) { &["evil"] } else { &["desserts", "reward", "evil"] };

/// Asks all questions, now and then a byte, and waits for each answer.
async fn ask_slowly(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Vec<String>> {
    let (mut stream, mut pace, mut answers) = (stream, Random::new(), Vec::new());
    for (question, answer) in QUESTIONS.iter().zip(ANSWERS) {
        for byte in format!("{question}\n").bytes() {
            stream.write_all(&[byte]).await?;
            sleep(ms(pace.below(4))).await;
        }
        let mut line = vec![0; answer.len() + 1];
        stream.read_exact(&mut line).await?;
        answers.push(String::from_utf8(line).unwrap().trim_end().to_owned());
    }
    stream.close().await?;
    assert_eq!(stream.read(&mut [0]).await?, 0, "more answers than questions");
    Ok(answers)
}

/// A client of this name, as a task.
fn client(net: &SimNet, name: &'static str) -> Task<io::Result<Vec<String>>> {
    let net = net.clone();
    spawn(async move { ask_slowly(net.connect(name, "server").await?).await })
}

/// What became of each client. None hangs, or this would.
async fn all(
    clients: impl IntoIterator<Item = Task<io::Result<Vec<String>>>>,
) -> Vec<io::Result<Vec<String>>> {
    let mut outcomes = Vec::new();
    for client in clients {
        outcomes.push(client.await.unwrap());
    }
    outcomes
}

/// How many have all their answers; the others have an error, and it is one of these.
fn served(outcomes: Vec<io::Result<Vec<String>>>, errors: &[ErrorKind]) -> u64 {
    let is_served = |outcome: &io::Result<Vec<String>>| match outcome {
        Ok(answers) => {
            assert_eq!(*answers, ANSWERS);
            true
        }
        Err(error) => {
            assert!(errors.contains(&error.kind()), "{error:?}");
            false
        }
    };
    outcomes.iter().filter(|outcome| is_served(outcome)).count() as u64
}

fn under_every_sky(weather: &SimWeather, test: impl AsyncFn(SimNet)) {
    let test = async || test(SimNet::new(weather.clone())).await;
    let seeds = if cfg!(miri) { 1 } else { 50 };
    let explored = Explore::new().check(0..seeds, test);
    assert!(
        explored.unwrap_or_else(|failing| panic!("{failing}")).different() > seeds as usize / 2
    );
}

#[test]
fn slow_clients_all_have_their_answers_though_the_server_has_room_for_two() {
    under_every_sky(&SimWeather::usual().capacity(5), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 2, &tally);
        let clients = ["a", "b", "c", "d", "e"].map(|name| client(&net, name));
        assert_eq!(served(all(clients).await, &[]), 5);
        assert_eq!(server.drain(ms(1000)).await, 0);
        assert_eq!((server.accepted(), tally.ended.get(), tally.failed.get()), (5, 5, 0));
    });
}

#[test]
fn the_same_server_serves_tcp() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let tally = Tally::default();
        let server = open(listener, 2, &tally);
        let clients = (0..3)
            .map(|_| spawn(async move { ask_slowly(TcpStream::connect(address).await?).await }));
        let clients: Vec<_> = clients.collect();
        assert_eq!(served(all(clients).await, &[]), 3);
        assert_eq!(server.drain(ms(10_000)).await, 0);
        assert_eq!((server.accepted(), tally.ended.get(), tally.failed.get()), (3, 3, 0));
    });
}

#[test]
fn a_cut_delays_whom_it_cuts_off_and_takes_nothing_from_anybody() {
    under_every_sky(&SimWeather::usual(), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 10, &tally);
        let [cut_off, other] = ["cut off", "other"].map(|name| client(&net, name));
        sleep(ms(Random::new().below(60))).await;
        net.cut("cut off", "server");
        assert_eq!(other.await.unwrap().unwrap(), ANSWERS);
        sleep(ms(5000)).await;
        net.heal("cut off", "server");
        assert_eq!(cut_off.await.unwrap().unwrap(), ANSWERS);
        assert_eq!(server.drain(ms(1000)).await, 0);
        assert_eq!((server.accepted(), tally.ended.get()), (2, 2));
    });
}

#[test]
fn a_reset_harms_nobody_else_and_gives_the_place_back() {
    under_every_sky(&SimWeather::usual(), async |net| {
        let tally = Tally::default();
        // Room for two: if a place were lost, the third would wait for ever.
        let server = open(net.listen("server").unwrap(), 2, &tally);
        let [victim, one] = ["victim", "one"].map(|name| client(&net, name));
        sleep(ms(Random::new().below(80))).await;
        net.reset("victim", "server");
        assert_eq!(served(all([one, client(&net, "another")]).await, &[]), 2);
        let unharmed = served(all([victim]).await, &[ErrorKind::ConnectionReset]);
        assert_eq!(server.drain(ms(1000)).await, 0);
        assert_eq!((server.accepted(), tally.ended.get()), (3, 3));
        assert!(tally.failed.get() + unharmed <= 1);
    });
}

#[test]
fn in_a_storm_each_client_has_all_its_answers_or_an_error_and_the_server_goes_on() {
    under_every_sky(&SimWeather::usual().reset_one_in(40), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 3, &tally);
        let clients = ["a", "b", "c", "d", "e", "f"].map(|name| client(&net, name));
        served(all(clients).await, &[ErrorKind::ConnectionReset]);
        assert_eq!(server.drain(ms(1000)).await, 0);
        assert_eq!((server.accepted(), tally.ended.get()), (6, 6));
    });
}

#[test]
fn draining_cuts_off_exactly_those_whose_handlers_have_not_ended() {
    under_every_sky(&SimWeather::usual(), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 10, &tally);
        let clients = ["a", "b", "c", "d"].map(|name| client(&net, name));
        // This one stays connected and is never heard of again.
        let silent = net.connect("silent", "server").await.unwrap();
        net.cut("silent", "server");
        sleep(ms(Random::new().below(60))).await;
        let cut_off = server.drain(ms(Random::new().below(60))).await as u64;
        assert_eq!(server.connections(), 0);
        assert_eq!(cut_off, server.accepted() - tally.ended.get());
        assert!(cut_off >= server.accepted().min(1), "the silent one at least");
        // Who was cut off, who was never accepted and who came too late is told.
        let told = [ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe, ErrorKind::ConnectionRefused];
        let served = served(all(clients).await, &told);
        // A handler that has ended was heard to the last word. (One that is cut off may have given
        // all answers, too.)
        assert!(tally.ended.get() <= served && served <= server.accepted());
        drop(silent);
    });
}

#[test]
fn aborting_in_the_middle_counts_whom_it_cuts_off_and_serves_who_comes_then() {
    under_every_sky(&SimWeather::usual(), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 10, &tally);
        let early = ["a", "b", "c"].map(|name| client(&net, name));
        sleep(ms(Random::new().below(100))).await;
        let before = server.accepted();
        let cut_off = server.abort_clients() as u64;
        let late = client(&net, "late");
        assert_eq!(late.await.unwrap().unwrap(), ANSWERS);
        let told = [ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];
        let served = 1 + served(all(early).await, &told);
        assert_eq!(server.drain(ms(1000)).await, 0);
        assert!(cut_off <= before);
        assert_eq!(tally.ended.get() + cut_off, server.accepted());
        assert_eq!(server.accepted(), 4);
        assert!(tally.ended.get() <= served);
    });
}

#[test]
fn a_server_that_is_dropped_cuts_everybody_off_and_nobody_hangs() {
    under_every_sky(&SimWeather::usual(), async |net| {
        let tally = Tally::default();
        let server = open(net.listen("server").unwrap(), 2, &tally);
        let clients = ["a", "b", "c", "d"].map(|name| client(&net, name));
        sleep(ms(Random::new().below(150))).await;
        drop(server);
        let told = [ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe, ErrorKind::ConnectionRefused];
        assert!(tally.ended.get() <= served(all(clients).await, &told));
        // A turn later the name is free again.
        sleep(ms(1)).await;
        net.listen("server").unwrap();
    });
}
