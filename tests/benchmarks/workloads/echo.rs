//! TCP echo, the server's half. The load comes from the process that started this one
//! (`load.rs`), so the CPU time of this process is the server's alone.

use crate::child::announce_port;
use crate::load::{LARGE_MESSAGE, messages_for};
use crate::measure::{Memory, Meter, Sample};
use crate::peer::{PAGE, Server, run_in_task};

/// Accepts `CONNECTIONS`, and echoes on each until it is closed. `size` is how many messages
/// the load will send; how many of the connections it uses is its own affair.
pub fn serve<P: Server, const CONNECTIONS: usize>(size: usize) -> Sample {
    serve_all::<P, _>(CONNECTIONS, size, P::echo::<PAGE>)
}

/// The same for messages of 16 KiB, each of which fits into a buffer.
pub fn serve_16k<P: Server, const CONNECTIONS: usize>(size: usize) -> Sample {
    serve_all::<P, _>(CONNECTIONS, size, P::echo::<LARGE_MESSAGE>)
}

/// Accepts so many connections, and echoes on each: four messages at the least.
pub fn serve_growing<P: Server>(connections: usize) -> Sample {
    serve_all::<P, _>(connections, messages_for(connections), P::echo::<PAGE>)
}

/// Accepts so many connections. Each says one thing and stays, and the handlers keep no buffer: how
/// much memory does the runtime itself need for a connection?
pub fn idle<P: Server>(connections: usize) -> Sample {
    serve_all::<P, _>(connections, connections, P::echo_without_buffer)
}

/// The peak of the memory is when all are there, and counts for each of them.
fn serve_all<P: Server, F: Future<Output = std::io::Result<()>> + 'static>(
    connections: usize,
    messages: usize,
    handler: fn(P::Stream) -> F,
) -> Sample {
    run_in_task::<P, _>(async move {
        let (listener, port) = P::listen().expect("a free port");
        let memory = Memory::start();
        announce_port(port);
        let mut tasks = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = P::accept(&listener).await.expect("a connection");
            tasks.push(P::spawn(handler(stream)));
        }
        let meter = Meter::start();
        for task in tasks {
            task.await.expect("it does not panic").expect("the load closes in peace");
        }
        let sample = meter.stop(messages);
        // Pages are counted, so a few connections say nothing.
        if connections < 1000 {
            return sample;
        }
        sample.with("bytes", memory.peak_per(connections))
    })
}
