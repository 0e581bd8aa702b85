//! Promises about looking up names: numbers cost nothing, a name that hangs costs only itself.

mod support;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roundelay::{
    Endpoint, LookupError, Resolver, Runner, TcpStream, gather_all, lookup_host, sleep, spawn,
    to_thread, yield_now,
};
use support::{ms, must_end, poll_once, run_virtual};

const PORT: u16 = 80;

fn ours() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
}

fn inner(error: &io::Error) -> &LookupError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.unwrap_or_else(|| panic!("not a LookupError: {error:?}"))
}

/// A resolver whose look-ups hang until the sender is dropped, and tell that they have begun.
fn stuck() -> (Resolver, mpsc::Receiver<String>, mpsc::Sender<()>) {
    let ((begins, begun), (release, held)) = (mpsc::channel(), mpsc::channel::<()>());
    let (begins, held) = (Mutex::new(begins), Arc::new(Mutex::new(held)));
    let resolver = Resolver::new(move |host, port| {
        begins.lock().unwrap().send(host.to_owned()).unwrap();
        if host != "quick" {
            // Ends when the other side is dropped; one hangs on the lock and the others behind it.
            let _ = held.lock().unwrap().recv();
        }
        Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
    });
    (resolver, begun, release)
}

#[test]
fn a_numeric_address_needs_neither_a_thread_nor_a_turn() {
    let resolver = Resolver::new(|host, _| panic!("{host} was looked up"));
    let waker = std::task::Waker::noop();
    let endpoints: [Endpoint; 4] =
        [ours().into(), "127.0.0.1:80".into(), ("127.0.0.1", PORT).into(), vec![ours()].into()];
    for endpoint in endpoints {
        // There is not even a loop here.
        let mut lookup = Box::pin(resolver.lookup(endpoint));
        let std::task::Poll::Ready(found) = poll_once(&mut lookup, waker) else {
            panic!("it waits")
        };
        assert_eq!(found.unwrap(), [ours()]);
    }
}

#[test]
fn no_address_at_all_is_a_wrong_argument_and_no_name_without_an_address() {
    run_virtual(async {
        let nothing: Vec<SocketAddr> = Vec::new();
        for error in [
            lookup_host(nothing.clone()).await.unwrap_err(),
            TcpStream::connect(nothing).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(matches!(inner(&error), LookupError::EmptyList), "{error:?}");
            let text = "the list of addresses is empty, so there is nowhere to connect to";
            assert!(error.to_string().starts_with(text), "{error}");
        }
    });
}

#[test]
fn an_address_with_the_name_of_its_interface_is_looked_up_in_every_notation() {
    let resolver = Resolver::new(|host, port| {
        assert_eq!((host, port), ("fe80::1%lo", PORT));
        Ok(vec![ours()])
    });
    run_virtual(async move {
        let endpoints: [Endpoint; 2] = [("fe80::1%lo", PORT).into(), "[fe80::1%lo]:80".into()];
        assert_eq!(endpoints[0], endpoints[1]);
        for endpoint in endpoints {
            assert_eq!(endpoint.to_string(), "[fe80::1%lo]:80");
            assert_eq!(resolver.lookup(endpoint).await.unwrap(), [ours()]);
        }
    });
}

#[test]
fn the_system_knows_this_machine() {
    let found = must_end(|| run_virtual(lookup_host("localhost:80"))).unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == PORT));
}

#[test]
fn what_is_no_endpoint_an_unknown_name_and_an_empty_answer_are_typed_errors_that_name_it() {
    must_end(|| {
        run_virtual(async {
            let error = lookup_host("no port").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(
                matches!(inner(&error), LookupError::NotAnEndpoint { text } if text == "no port")
            );
            assert!(error.to_string().contains("name:80"), "{error}");

            let resolver = Resolver::new(|host, _| match host {
                "unknown" => Err(ErrorKind::NotFound.into()),
                "panics" => panic!("a look-up that panics"),
                _ => Ok(Vec::new()),
            });
            let error = resolver.lookup("unknown:1").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(matches!(inner(&error), LookupError::Failed { name, .. } if name == "unknown"));
            let error = resolver.lookup("empty:1").await.unwrap_err();
            assert!(matches!(inner(&error), LookupError::NoAddress { name } if name == "empty"));
            let error = resolver.lookup("panics:1").await.unwrap_err();
            assert!(matches!(inner(&error), LookupError::NotRun { name, .. } if name == "panics"));
            assert!(error.to_string().contains("a look-up that panics"), "{error}");
        });
    });
}

#[test]
fn a_lookup_that_hangs_ends_at_its_deadline_and_the_others_go_on() {
    must_end(|| {
        let (resolver, begun, release) = stuck();
        let hasty = resolver.clone().deadline(ms(1));
        roundelay::run(async move {
            let error = hasty.lookup("hangs:1").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let LookupError::TimedOut { name, limit } = inner(&error) else { panic!("{error}") };
            assert_eq!((name.as_str(), *limit), ("hangs", ms(1)));
            // One thread is lost to it, the others are not, and `to_thread` has its own.
            assert_eq!(resolver.lookup("quick:80").await.unwrap(), [ours()]);
            assert_eq!(to_thread(|| 42).await.unwrap(), 42);
        });
        drop((release, begun));
    });
}

#[test]
fn the_end_of_a_run_does_not_wait_for_a_lookup_that_hangs() {
    must_end(|| {
        let (resolver, begun, release) = stuck();
        let runner = Runner::new().unwrap();
        runner
            .run(async move {
                let others: Vec<_> = (0..8)
                    .map(|n| {
                        let resolver = resolver.clone();
                        spawn(async move { resolver.lookup((format!("hangs-{n}"), 1)).await })
                    })
                    .collect();
                while begun.try_iter().count() == 0 {
                    yield_now().await;
                }
                // With every thread stuck, a deadline still holds for who waits in line.
                let late = resolver.clone().deadline(ms(1)).lookup("late:1").await;
                assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
                drop(others);
            })
            .unwrap();
        drop(runner);
        // Only now, so that it would have hung if it waited.
        drop(release);
    });
}

#[test]
fn a_lookup_that_is_given_up_in_the_line_never_begins() {
    must_end(|| {
        let (resolver, begun, release) = stuck();
        roundelay::run(async move {
            let stuck: Vec<_> = (0..4)
                .map(|_| {
                    let resolver = resolver.clone();
                    spawn(async move { resolver.lookup("hangs:1").await })
                })
                .collect();
            let mut seen = 0;
            while seen < 4 {
                seen += begun.try_iter().count();
                yield_now().await;
            }
            let in_line = spawn({
                let resolver = resolver.clone();
                async move { resolver.lookup("in line:1").await }
            });
            yield_now().await;
            in_line.cancel();
            in_line.await.unwrap_err();
            drop(release);
            for outcome in gather_all(stuck).await {
                drop(outcome.unwrap().unwrap());
            }
            assert_eq!(resolver.lookup("quick:80").await.unwrap(), [ours()]);
            assert_eq!(begun.try_iter().collect::<Vec<_>>(), ["quick"]);
        });
    });
}

#[test]
fn made_up_time_waits_for_a_lookup() {
    must_end(|| {
        run_virtual(async {
            let resolver = Resolver::new(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
            let sleeper = spawn(sleep(Duration::from_secs(3600)));
            resolver.deadline(ms(1)).lookup("name:80").await.unwrap();
            assert!(!sleeper.is_finished());
        });
    });
}
