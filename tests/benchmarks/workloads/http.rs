//! HTTP/1 with hyper on each peer's sockets and clock: hello, world. The load comes from the
//! process that started this one, as in `echo.rs`.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;

use crate::child::announce_port;
use crate::measure::{Memory, Meter, Sample};
use crate::peer::{HttpServer, run_in_task};

/// What every request is answered with.
pub const BODY: &str = "hello, world\n";

/// Accepts `CONNECTIONS`, and answers on each until it is closed. `size` is how many requests
/// the load will send.
pub fn serve<P: HttpServer, const CONNECTIONS: usize>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (listener, port) = P::listen().expect("a free port");
        announce_port(port);
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = P::accept(&listener).await.expect("a connection");
            tasks.push(P::spawn(answer::<P>(stream)));
        }
        let meter = Meter::start();
        for task in tasks {
            task.await.expect("it does not panic").expect("the load closes in peace");
        }
        meter.stop(size)
    })
}

/// Accepts `size` connections, each of which asks once and stays. How much memory do they take?
pub fn idle<P: HttpServer>(size: usize) -> Sample {
    run_in_task::<P, _>(async move {
        let (listener, port) = P::listen().expect("a free port");
        let (memory, meter) = (Memory::start(), Meter::start());
        announce_port(port);
        let mut tasks = Vec::new();
        for _ in 0..size {
            let stream = P::accept(&listener).await.expect("a connection");
            tasks.push(P::spawn(answer::<P>(stream)));
        }
        for task in tasks {
            task.await.expect("it does not panic").expect("the load closes in peace");
        }
        // The peak was when all were there.
        let bytes = memory.peak_per(size);
        meter.stop(size).with("bytes", bytes)
    })
}

fn answer<P: HttpServer>(stream: P::Stream) -> impl Future<Output = hyper::Result<()>> {
    let hello = service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
    });
    P::http_server().serve_connection(P::http_stream(stream), hello)
}
