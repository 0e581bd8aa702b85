//! hyper: HTTP/1 and HTTP/2, server and client, with handlers that stay on their thread.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1 as client1, http2 as client2};
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http2 as server2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use roundelay::{
    Barrier, Failure, FailurePolicy, HyperExecutor, HyperIo, HyperTimer, Runner, TcpStream,
    gather_all, now, promise, spawn, timeout,
};

use crate::support::{Silence, on_a_loop, pair, seconds, serve_http1};

#[test]
fn http1_serves_large_bodies_with_handlers_that_hold_an_rc() {
    let (lengths, served) = on_a_loop(async || {
        let (here, there) = pair().await;
        let served = Rc::new(Cell::new(0));
        let count = Rc::clone(&served);
        let server = serve_http1(here, move |request: Request<Incoming>| {
            let count = Rc::clone(&count);
            async move {
                count.set(count.get() + 1);
                Response::new(Full::new(request.into_body().collect().await.unwrap().to_bytes()))
            }
        });
        let (mut client, connection) = client1::handshake(HyperIo::new(there)).await.unwrap();
        let connection = spawn(connection);
        let mut lengths = Vec::new();
        for length in [0, 1, 100_000, 3_000_000] {
            let sent: Bytes = (0..length).map(|at: u32| at as u8).collect();
            let request = Request::post("/").body(Full::new(sent.clone())).unwrap();
            let response = client.send_request(request).await.unwrap();
            let answer = response.into_body().collect().await.unwrap().to_bytes();
            assert!(answer == sent, "what came back is not what was sent");
            lengths.push(answer.len());
        }
        drop(client);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        (lengths, served.get())
    });
    assert_eq!(lengths, [0, 1, 100_000, 3_000_000]);
    assert_eq!(served, 4);
}

/// Nobody is answered before all have asked.
#[test]
fn http2_has_twenty_requests_under_way_on_one_connection() {
    let mut answers = on_a_loop(async || {
        let (here, there) = pair().await;
        let all_are_here = Rc::new(Barrier::new(20));
        let answer = service_fn(move |request: Request<Incoming>| {
            let all_are_here = Rc::clone(&all_are_here);
            async move {
                all_are_here.wait().await.unwrap();
                Ok::<_, Infallible>(Response::new(request.uri().path().to_owned()))
            }
        });
        let server = server2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .serve_connection(HyperIo::new(here), answer);
        let server = spawn(server);
        let (client, connection) =
            client2::handshake(HyperExecutor::new(), HyperIo::new(there)).await.unwrap();
        let connection = spawn(connection);
        let requests = (0..20).map(|number| {
            let mut client = client.clone();
            async move {
                let request = Request::get(format!("/{number}"));
                let request = request.body(Empty::<Bytes>::new()).unwrap();
                let response = client.send_request(request).await.unwrap();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                String::from_utf8(body.into()).unwrap()
            }
        });
        let answers = gather_all(requests).await;
        drop(client);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        answers.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    answers.sort_by_key(|path| path[1..].parse::<usize>().unwrap());
    assert_eq!(answers, (0..20).map(|number| format!("/{number}")).collect::<Vec<_>>());
}

#[test]
fn who_sends_no_head_is_let_go_when_the_loops_clock_says_so() {
    let (outcome, waited) = on_a_loop(async || {
        let begin = now();
        let nobody_asks = async |_| Response::new(Empty::<Bytes>::new());
        let server = serve_http1(Silence, nobody_asks);
        (server.await.unwrap(), now() - begin)
    });
    assert!(outcome.unwrap_err().is_timeout());
    assert_eq!(waited, seconds(30), "hyper's own limit");
}

#[test]
fn http2_asks_a_silent_peer_whether_it_lives_and_then_gives_up() {
    let (outcome, waited) = on_a_loop(async || {
        let begin = now();
        let (_client, connection) = client2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .keep_alive_interval(seconds(10))
            .keep_alive_timeout(seconds(5))
            .keep_alive_while_idle(true)
            .handshake::<_, Empty<Bytes>>(HyperIo::new(Silence))
            .await
            .unwrap();
        (spawn(connection).await.unwrap(), now() - begin)
    });
    assert!(outcome.unwrap_err().is_timeout());
    assert_eq!(waited, seconds(15));
}

#[test]
fn a_sleep_of_hypers_that_is_reset_ends_at_the_new_deadline() {
    on_a_loop(async || {
        let (timer, begin) = (HyperTimer::new(), now());
        let mut sleep: Pin<Box<dyn Sleep>> = timer.sleep(seconds(100));
        timer.reset(&mut sleep, begin + seconds(7));
        timeout(seconds(1), &mut sleep).await.unwrap_err();
        timer.reset(&mut sleep, begin + seconds(3));
        sleep.await;
        assert_eq!(now() - begin, seconds(3));
    });
}

#[test]
fn a_server_that_is_cancelled_drops_its_handler_and_hangs_up() {
    let log = on_a_loop(async || {
        let (here, there) = pair().await;
        let log = Rc::new(RefCell::new(Vec::new()));
        let guard = Noted(Rc::clone(&log), "the handler is dropped");
        let guard = RefCell::new(Some(guard));
        let (says_begun, begun) = promise();
        let says_begun = RefCell::new(Some(says_begun));
        let server = serve_http1(here, move |_| {
            let guard = guard.take();
            says_begun.take().unwrap().resolve(()).unwrap();
            async move {
                let _guard = guard;
                std::future::pending::<Response<Empty<Bytes>>>().await
            }
        });
        let (mut client, connection) = client1::handshake(HyperIo::new(there)).await.unwrap();
        spawn(connection).detach();
        let asked = spawn(async move {
            client.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err()
        });
        begun.await.unwrap();
        server.cancel();
        assert!(server.await.unwrap_err().is_cancelled());
        log.borrow_mut().push("the server has ended");
        assert!(asked.await.unwrap().is_incomplete_message());
        log.borrow_mut().push("the client knows");
        log.take()
    });
    assert_eq!(log, ["the handler is dropped", "the server has ended", "the client knows"]);
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_nobody_elses() {
    let log = on_a_loop(async || {
        let answer = async |request: Request<Incoming>| {
            assert_ne!(request.uri(), "/panic", "the handler panics");
            Response::new(Empty::<Bytes>::new())
        };
        let mut log = Vec::new();
        for path in ["/panic", "/fine"] {
            let (here, there) = pair().await;
            let server = serve_http1(here, answer);
            let (mut client, connection) = client1::handshake(HyperIo::new(there)).await.unwrap();
            spawn(connection).detach();
            let request = Request::get(path).body(Empty::<Bytes>::new()).unwrap();
            let response = client.send_request(request).await;
            drop(client);
            log.push((path, response.is_ok(), server.await.is_ok()));
        }
        log
    });
    assert_eq!(log, [("/panic", false, false), ("/fine", true, true)]);
}

/// HTTP/2 starts a task for a request's body that does not fit at once. It is ours like any
/// other: it has a name, and it ends with the loop.
#[test]
fn hypers_own_tasks_end_with_the_loop() {
    let failures = std::thread::spawn(|| {
        let failures = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&failures);
        let policy = FailurePolicy::Handler(Rc::new(move |failure: &Failure| {
            seen.borrow_mut().push(failure.message.clone());
        }));
        let runner = Runner::builder().virtual_clock().failure_policy(policy).build().unwrap();
        let outcome = runner.run(async {
            let (here, there) = pair().await;
            let reads_nothing = service_fn(async |_request: Request<Incoming>| {
                std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
            });
            let server = server2::Builder::new(HyperExecutor::new())
                .serve_connection(HyperIo::new(here), reads_nothing);
            spawn(server).detach();
            let (mut client, connection) =
                client2::handshake(HyperExecutor::new(), HyperIo::new(there)).await.unwrap();
            spawn(connection).detach();
            let body = Full::new(Bytes::from(vec![0; 1_000_000]));
            let asking = spawn(async move { client.send_request(Request::new(body)).await });
            while !roundelay::all_tasks().iter().any(|task| task.name == "hyper") {
                roundelay::yield_now().await;
            }
            asking.detach();
        });
        outcome.unwrap();
        drop(runner);
        failures.take()
    });
    assert!(failures.join().unwrap().is_empty(), "nobody has failed");
}

/// hyper asks for these; and an upgraded connection is as free as the stream in it.
#[test]
fn what_hyper_keeps_may_travel() {
    fn travels<T: Send + Sync>() {}
    travels::<HyperIo<TcpStream>>();
    travels::<HyperExecutor>();
    travels::<HyperTimer>();
}

struct Noted(Rc<RefCell<Vec<&'static str>>>, &'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}
